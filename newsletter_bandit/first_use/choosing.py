"""How the recommender of each row was chosen: what a person says of it, checked against the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.first_use.answers import Answers
from newsletter_bandit.first_use.arms import Arm
from newsletter_bandit.first_use.features import ELIGIBLE
from newsletter_bandit.first_use.log import Log
from newsletter_bandit.first_use.misfit import column_misfit, misfit
from newsletter_bandit.first_use.named_roles import ROLE_WORDS, Role
from newsletter_bandit.first_use.roles import NO_COLUMN, Roles
from newsletter_bandit.first_use.splits import arm_number, groups_of, parse_part, parse_split
from newsletter_bandit.table_files.faults import names_listed

_WRONG = (
    "A model learnt with wrong probabilities is judged wrongly. Check them, or whether rows are missing; "
    "`misfit` writes them all the same"
)

_DECIDED_ALONE = (
    "decided alone: each of its values got one recommender. Such a log tells nothing about what another "
    "recommender would have earned there, so nothing can be learnt from it; send some of the next "
    "newsletters by a random draw, and log its probability"
)
# What came of the choice, or made each row another group.
_NOT_DECIDING: tuple[Role, ...] = ("user", "time", "recommender", "clicked", "unsubscribed")


@dataclass(frozen=True)
class ByColumn:
    """A column holds each row's probability; `misfit` is how the log contradicts it, "" where it does not."""

    column: str
    misfit: str = ""


@dataclass(frozen=True)
class BySplit:
    """Each recommender had the same share of all rows; `misfit` as in `ByColumn`."""

    shares: Mapping[str, float]
    misfit: str = ""


@dataclass(frozen=True)
class ByRule:
    """The shares depended on a column: its value -> the shares; "" is the empty cell.

    `misfit` is as in `ByColumn`.
    """

    column: str
    splits: Mapping[str, Mapping[str, float]]
    misfit: str = ""


@dataclass(frozen=True)
class ByEstimate:
    """Columns decided, by shares that nobody knows; the shares found are taken for them."""

    columns: tuple[str, ...]
    misfit: str = ""


Chosen = ByColumn | BySplit | ByRule | ByEstimate


def how_chosen(log: Log, roles: Roles, arms: Sequence[Arm], answers: Answers) -> Chosen:
    """How the recommender was chosen, by what a person said, checked against the log.

    Raises:
      SettingsError: nothing was said, more than one thing, or the log contradicts it.
    """
    names = [arm.name for arm in arms]
    given = {
        "split": answers.split is not None,
        "rule_column": answers.rule_column is not None,
        "estimate_by": bool(answers.estimate_by),
        "propensity": answers.roles.get("propensity", NO_COLUMN) != NO_COLUMN,
    }
    said = [f"`{name}`" for name, is_given in given.items() if is_given]
    if len(said) > 1:
        raise SettingsError(f"{said[0]}: {' and '.join(said[1:])} is given too; use one of them")
    lists = log.columns.get(ELIGIBLE)
    if answers.split is not None and lists is not None and lists.different > 1:
        raise SettingsError(
            f"`split`: {ELIGIBLE} says that not every user may get all recommenders, so no share holds "
            "for all rows; use `propensity` with a column of each row's probability"
        )
    if answers.split is not None:
        shares = parse_split(answers.split, names, "`split`")
        rows = {arm.name: arm.rows for arm in arms}
        return BySplit(shares, _check_fit("`split`", shares, rows, answers.misfit_is_known))
    if answers.rule_column is not None:
        return _by_rule(log, roles, arms, answers)
    if answers.estimate_by:
        return _by_estimate(log, roles, arms, answers.estimate_by)
    if "propensity" in roles:
        fault = column_misfit(log, arms, roles["recommender"], roles["propensity"], roles.get("user"))
        if fault and not answers.misfit_is_known:
            raise SettingsError(f"`propensity`: {fault}. {_WRONG}")
        return ByColumn(roles["propensity"], fault)
    raise SettingsError(
        "how the recommender was chosen is missing, and the log cannot tell it; use `split` with the "
        "share of each recommender, `propensity` with the column of probabilities, `rule_column` if the "
        "shares depended on a column, `estimate_by` with the columns that decided if nobody knows the "
        "shares, or `unknown_choice` to read what follows if nobody knows"
    )


def _by_rule(log: Log, roles: Roles, arms: Sequence[Arm], answers: Answers) -> ByRule:
    column = answers.rule_column
    assert column is not None
    splits, faults = {}, []
    names = [arm.name for arm in arms]
    groups = groups_of(log, arms, roles["recommender"], column)
    for group in groups:
        shown = [arm.name for arm in arms if group.rows.get(arm.name)]
        text = answers.rules.get(group.value or "")
        if text is None:
            raise SettingsError(
                f"`rule`: none for {column} = {group.value!r}, where the log shows {', '.join(shown)}; "
                f"use one rule per value, such as '{group.value}: "
                f"{'/'.join(f'{100 / len(shown):.3g}' for _ in shown)}'"
            )
        where = f"`rule` {group.value}"
        shares = parse_part(text, shown, names, where)
        fault = _check_fit(where, shares, group.rows, answers.misfit_is_known)
        faults += [f"{column} = {group.value or '(empty)'}: {fault}"] if fault else []
        splits[group.value or ""] = shares
    if all(len(shares) == 1 for shares in splits.values()):
        raise SettingsError(f"`rule_column`: {column} {_DECIDED_ALONE}")
    return ByRule(column, splits, "; ".join(faults))


def _by_estimate(log: Log, roles: Roles, arms: Sequence[Arm], columns: Sequence[str]) -> ByEstimate:
    """Columns that can have decided; raises `SettingsError` for others, and where one alone decided all."""
    for column in columns:
        if column not in log.columns:
            raise SettingsError(
                f"`estimate_by`: {log.files[0]} has no column {column!r}; allowed: "
                f"{names_listed(log.columns)}"
            )
        role = next((role for role, name in roles.items() if name == column), None)
        if role is not None and role in _NOT_DECIDING:
            raise SettingsError(
                f"`estimate_by`: column {column!r} is {ROLE_WORDS[role]}; allowed: columns of what was known "
                "of the user, or of the mailing, before the recommender was chosen"
            )
    decided = ", ".join(f"coalesce({log.value(column)}, '')" for column in columns)
    ((most,),) = log.connection.execute(
        f"SELECT max(n) FROM (SELECT count(DISTINCT {arm_number(log, arms, roles['recommender'])}) AS n "
        f"FROM log GROUP BY {decided})"
    ).fetchall()
    if most < 2:
        raise SettingsError(f"`estimate_by`: {', '.join(columns)} {_DECIDED_ALONE}")
    return ByEstimate(tuple(columns))


def _check_fit(where: str, shares: Mapping[str, float], rows: Mapping[str, int], known: bool) -> str:
    """How the log contradicts the shares, "" where it does not; raises unless a person insists on them."""
    fault = misfit(shares, rows)
    if fault and not known:
        raise SettingsError(f"{where}: {fault}. {_WRONG}")
    return fault
