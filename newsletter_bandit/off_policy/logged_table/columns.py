"""The columns of a logged table: their roles, and which of them an evaluation needs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.off_policy.estimators.rankings import ClickModel
from newsletter_bandit.table_files.faults import names_listed

ACTION_IN_PATTERN = "{action}"


@dataclass(frozen=True)
class Columns:
    """Names of the columns; a row is one decision, or with ``slate`` one position of a ranking.

    Attributes:
      action: the logged action; any type, compared as text.
      reward: its reward, finite.
      propensity: probability of the action under the policy that logged the row, in (0, 1]. Each row carries
        its own, so a table may hold several logging policies. None: it is estimated from ``context``.
      evaluation_probability: probability of the logged action under the evaluation policy, in [0, 1].
      evaluation_probabilities: instead of it, one column per action, each row a distribution: a pattern such
        as ``pi_{action}``, where ``{action}`` stands for the action's name.
      evaluation_action: instead of it, the action that a deterministic evaluation policy would have chosen.
      expected_reward: sum over actions of evaluation probability times reward estimate; with
        ``reward_estimate``.
      reward_estimate: reward model's estimate for the logged action.
      context: columns that a cross-fitted reward model and estimated propensities may use; empty cells
        allowed.
      user: the row's user. Rows of one user stay together in folds and in bootstrap samples.
      slices: columns whose values are also evaluated separately.
      policy_version: the policy that logged the row; each is also reported separately.
      slate: the row's ranking; rows of one ranking share its value.
      position: position in the ranking, a number; the smallest comes first.

    Raises:
      SettingsError: a combination makes no sense; names the fields and what is allowed.
    """

    action: str
    reward: str
    propensity: str | None = None
    evaluation_probability: str | None = None
    evaluation_probabilities: str | None = None
    evaluation_action: str | None = None
    expected_reward: str | None = None
    reward_estimate: str | None = None
    context: tuple[str, ...] = ()
    user: str | None = None
    slices: tuple[str, ...] = ()
    policy_version: str | None = None
    slate: str | None = None
    position: str | None = None

    def __post_init__(self) -> None:
        policy = {
            "`evaluation_probability`": self.evaluation_probability,
            "`evaluation_probabilities`": self.evaluation_probabilities,
            "`evaluation_action`": self.evaluation_action,
        }
        given = [field for field, column in policy.items() if column is not None]
        if len(given) != 1:
            raise SettingsError(
                f"evaluation policy: found {' and '.join(given) or 'none'}; allowed: one of "
                f"{', '.join(policy)}"
            )
        pattern = self.evaluation_probabilities
        if pattern is not None and pattern.count(ACTION_IN_PATTERN) != 1:
            raise SettingsError(
                f"`evaluation_probabilities`: found {pattern!r}; allowed: the columns' name with "
                f"{ACTION_IN_PATTERN} where the action stands, such as pi_{ACTION_IN_PATTERN}"
            )
        if (self.expected_reward is None) != (self.reward_estimate is None):
            raise SettingsError(
                "`expected_reward`, `reward_estimate`: found one of them; allowed: both or neither"
            )
        if self.propensity is None and not self.context:
            raise SettingsError(
                "`propensity`: missing; allowed: a column, or a `context` to estimate it from"
            )
        if self.context and self.propensity is not None:
            if self.expected_reward is not None:
                raise SettingsError(
                    "`context`: a reward model was given by `expected_reward` and `reward_estimate`; "
                    "allowed: either"
                )
            if self.evaluation_probability is not None:
                raise SettingsError(
                    "`context`: a cross-fitted reward model needs the evaluation policy's probability of "
                    "every action; allowed: with `evaluation_probabilities` or `evaluation_action`"
                )
        if (self.slate is None) != (self.position is None):
            raise SettingsError("`slate`, `position`: found one of them; allowed: both or neither")
        if self.slate is not None and (self.context or self.expected_reward is not None):
            raise SettingsError(
                "`slate`: rankings are evaluated by importance weights alone; allowed: without `context`, "
                "`expected_reward` and `reward_estimate`"
            )

    @property
    def fits_reward_model(self) -> bool:
        """True if a reward model is cross-fitted from ``context``."""
        return bool(self.context) and self.expected_reward is None and self.evaluation_probability is None

    @property
    def estimates_propensities(self) -> bool:
        """True if propensities are estimated from ``context``."""
        return self.propensity is None

    @property
    def has_reward_model(self) -> bool:
        """True if there are reward estimates, given or cross-fitted."""
        return self.expected_reward is not None or self.fits_reward_model

    @property
    def texts(self) -> dict[str, str]:
        """Role -> column of those compared as text, in which no cell may be empty."""
        return _given(
            action=self.action, evaluation_action=self.evaluation_action, user=self.user, slate=self.slate
        )

    @property
    def numbers(self) -> dict[str, str]:
        """Role -> column of the numbers, ``evaluation_probabilities`` aside."""
        return _given(
            reward=self.reward,
            propensity=self.propensity,
            evaluation_probability=self.evaluation_probability,
            expected_reward=self.expected_reward,
            reward_estimate=self.reward_estimate,
            position=self.position,
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Columns read as text in which a cell may be empty: context, slices, policy version; each once."""
        version = () if self.policy_version is None else (self.policy_version,)
        return tuple(dict.fromkeys((*self.context, *self.slices, *version)))

    def probability_columns(self, header: Sequence[str], file: str) -> dict[str, str]:
        """Action -> column of its evaluation probability; empty unless ``evaluation_probabilities`` is given.

        Raises:
          DataError: no column of the file fits the pattern.
        """
        if self.evaluation_probabilities is None:
            return {}
        before, after = self.evaluation_probabilities.split(ACTION_IN_PATTERN)
        fits = re.compile(re.escape(before) + "(.+)" + re.escape(after), re.DOTALL)
        found = {match[1]: name for name in header if (match := fits.fullmatch(name))}
        if not found:
            raise DataError(
                f"{file}: no column like {self.evaluation_probabilities}; found: {names_listed(header)}"
            )
        return found


def click_model(name: str | None, columns: Columns) -> ClickModel | None:
    """The click model of that name; None without rankings.

    Raises:
      SettingsError: it is unknown, or it and the rankings are not given together.
    """
    if (name is None) != (columns.slate is None):
        raise SettingsError(
            "`click_model`: rankings need it beside `slate` and `position`, and it needs them; "
            "allowed: all three or none"
        )
    known: dict[str | None, ClickModel] = {each: each for each in get_args(ClickModel)}
    if name is not None and name not in known:
        raise SettingsError(f"`click_model`: found {name}; allowed: {', '.join(get_args(ClickModel))}")
    return known.get(name)


def _given(**columns: str | None) -> dict[str, str]:
    return {role: column for role, column in columns.items() if column is not None}
