"""Evaluates a policy on a logged table: every registered estimator, in one pass over the rows.

With a context the table is read once more before, to fit models on a bounded sample of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.evaluator import intervals
from components.evaluator.estimators import LoggedBatch
from components.evaluator.logged_table import hashing, sentences
from components.evaluator.logged_table.arrays import coded
from components.evaluator.logged_table.columns import Columns, click_model
from components.evaluator.logged_table.figures import Figures, Measures, PartFigures, RankingFigures, take
from components.evaluator.logged_table.overlap import ActionFigures, ActionOverlap, groups
from components.evaluator.logged_table.reading import BATCH_ROWS, LoggedTable, Rows
from components.evaluator.logged_table.result import Evaluation
from components.evaluator.logged_table.slates import rankings
from components.evaluator.logged_table.support import Bounds, checks
from pipelines.errors import DataError, SettingsError

if TYPE_CHECKING:
    from components.evaluator.logged_table.crossfit import RewardModel
    from components.evaluator.logged_table.propensities import PropensityModel

# Groups beyond this are left out, and the reader is told: memory stays bounded whatever a column holds.
MAX_GROUPS = 200
EMPTY = "(empty)"
_NEEDS_RANGE = ("empirical_bernstein", "clopper_pearson")

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Options:
    """How to evaluate.

    Attributes:
      weight_clip: largest weight used, more than 0; None uses the weights as they are.
      reward_range: smallest and largest reward possible (of a ranking's place); a reward outside is refused. None:
        unknown, so that no interval can allow for rewards too rare to have been seen.
      confidence: of the two-sided intervals, in (0, 1).
      interval: their method, one of `components.evaluator.intervals.METHODS`. None: the bootstrap by user where users
        are known, else `DEFAULT` of that module.
      click_model: how a ranking's places act on each other; with `Columns.slate` only.
      bounds: what the log must hold to tell anything.
      folds: of the cross-fit, 2 or more.
      sample_rows: rows that models are fitted on, at most.
      batch_rows: rows worked on at a time; the figures do not depend on it.

    Raises:
      SettingsError: a value is outside its range, or the method needs what was not given.
    """

    weight_clip: float | None = None
    reward_range: tuple[float, float] | None = None
    confidence: float = 0.95
    interval: str | None = None
    click_model: str | None = None
    bounds: Bounds = field(default_factory=Bounds)
    folds: int = 3
    sample_rows: int = 100_000
    batch_rows: int = BATCH_ROWS

    def __post_init__(self) -> None:
        if self.weight_clip is not None and not self.weight_clip > 0:
            raise SettingsError(f"--weight-clip: found {self.weight_clip:g}; allowed: more than 0")
        if not 0.0 < self.confidence < 1.0:
            raise SettingsError(
                f"--confidence: found {self.confidence:g}; allowed: more than 0 and less than 1"
            )
        if self.reward_range is not None:
            low, high = self.reward_range
            if not -math.inf < low < high < math.inf:
                raise SettingsError(
                    f"--reward-range: found {low:g} {high:g}; allowed: finite, the smaller first"
                )
        if self.interval is not None and self.interval not in intervals.METHODS:
            raise SettingsError(f"--interval: found {self.interval}; allowed: {', '.join(intervals.METHODS)}")
        if self.interval in _NEEDS_RANGE and self.reward_range is None:
            raise SettingsError(
                f"--interval {self.interval}: holds for rewards in a known range; allowed: with --reward-range"
            )
        if self.folds < 2:
            raise SettingsError(f"--folds: found {self.folds}; allowed: 2 or more")


def evaluate(files: Sequence[Path], columns: Columns, options: Options | None = None) -> Evaluation:
    """Value of the evaluation policy from a logged table.

    Args:
      files: one table in one or more CSV or Parquet files; see `LoggedTable`.
      columns: what they hold.
      options: how to evaluate.

    Raises:
      SettingsError: columns and options do not fit each other.
      DataError: the table holds no row, or one that cannot be used; names file, column, row, found and allowed.
    """
    options = options or Options()
    clicks = click_model(options.click_model, columns)
    table = LoggedTable(files, columns, options.reward_range)
    by_user = "bootstrap" if columns.user is not None else intervals.DEFAULT
    measures = Measures(
        reward_model=columns.has_reward_model,
        weight_clip=options.weight_clip,
        reward_range=options.reward_range,
        confidence=options.confidence,
        interval=options.interval or by_user,
        click_model=clicks,
        slots=table.slots() if clicks is not None else 0,
    )
    found = _of_rows(table, measures, options) if clicks is None else _of_rankings(table, measures, options)
    if not found.overall.weights.rows:
        raise DataError(f"{', '.join(map(str, files))}: no row; allowed: one row a decision")
    return found


def _of_rows(table: LoggedTable, measures: Measures, options: Options) -> Evaluation:
    columns = table.columns
    views = _Views(table, options, bool(measures.samples))
    overall, overlap = Figures(measures), ActionOverlap(options.weight_clip)
    parts = _Parts(columns, lambda: Figures(measures))
    for rows in table.batches(options.batch_rows):
        batch = views.batch(rows)
        overall.add(batch)
        overlap.add(rows, batch)
        parts.add(rows.labels, batch)
    actions = overlap.figures()
    said = []
    if columns.estimates_propensities:
        said.append(sentences.estimated_propensities(views.propensity_context))
    said += sentences.of_actions(actions, overlap.exact)
    if overlap.gave_up:
        said.append("There are too many actions to tell of each; the overlap per action is left out.")
    return _evaluation(table, measures, options, overall.figures(), parts, actions, said)


def _of_rankings(table: LoggedTable, measures: Measures, options: Options) -> Evaluation:
    views = _Views(table, options, with_users=False)
    overall = RankingFigures(measures)
    parts = _Parts(table.columns, lambda: RankingFigures(measures))
    rows = ((each, views.probability(each)) for each in table.batches(options.batch_rows))
    for part in rankings(rows, measures.slots, bool(measures.samples)):
        overall.add(part.batch)
        parts.add(part.labels, part.batch)
    return _evaluation(table, measures, options, overall.figures(), parts, (), [])


def _evaluation(
    table: LoggedTable,
    measures: Measures,
    options: Options,
    found: PartFigures,
    parts: _Parts,
    actions: tuple[ActionFigures, ...],
    said: list[str],
) -> Evaluation:
    columns = table.columns
    by_version = parts.figures("policy_version").get(str(columns.policy_version), {})
    unit: Literal["row", "ranking"] = "row" if measures.click_model is None else "ranking"
    said = [
        *said,
        *sentences.of_weights(found, unit, options.weight_clip),
        *sentences.of_versions(by_version, options.bounds.min_effective_sample_size),
        *(
            f"Column {column} holds more than {MAX_GROUPS} values; the first ones are told."
            for column in parts.left_out
        ),
    ]
    return Evaluation(
        files=tuple(map(str, table.files)),
        unit=unit,
        confidence=measures.confidence,
        interval=measures.interval,
        weight_clip=measures.weight_clip,
        reward_range=measures.reward_range,
        propensities="estimated" if columns.estimates_propensities else "logged",
        reward_model=(
            "cross-fitted" if columns.fits_reward_model else "given" if columns.has_reward_model else "none"
        ),
        click_model=measures.click_model,
        overall=found,
        slices=parts.figures("slice"),
        policy_versions=by_version,
        actions=actions,
        checks=checks(found.weights, options.bounds),
        warnings=tuple(said),
    )


class _Views:
    """Rows as the estimators see them; fits what was not logged."""

    def __init__(self, table: LoggedTable, options: Options, with_users: bool) -> None:
        columns = table.columns
        self._with_users = with_users
        self._reward_model: RewardModel | None = None
        self._propensity_model: PropensityModel | None = None
        version = () if columns.policy_version is None else (columns.policy_version,)
        self.propensity_context = tuple(dict.fromkeys((*columns.context, *version)))
        if not columns.fits_reward_model and not columns.estimates_propensities:
            return
        from components.evaluator.logged_table import sampling

        sample = sampling.draw(
            table, self.propensity_context, options.folds, options.sample_rows, options.batch_rows
        )
        if columns.fits_reward_model:
            from components.evaluator.logged_table.crossfit import RewardModel

            self._reward_model = RewardModel(sample, columns.context, options.folds)
        if columns.estimates_propensities:
            from components.evaluator.logged_table.propensities import PropensityModel

            self._propensity_model = PropensityModel(
                sample, columns.context, columns.policy_version, options.folds
            )

    def batch(self, rows: Rows) -> LoggedBatch:
        """The same rows in the same order."""
        numbers = rows.numbers
        propensity = numbers.get("propensity")
        if self._propensity_model is not None:
            propensity = self._propensity_model.estimate(rows)
        assert propensity is not None
        expected, estimate = np.zeros(len(rows)), np.zeros(len(rows))
        if "expected_reward" in numbers:
            expected, estimate = numbers["expected_reward"], numbers["reward_estimate"]
        elif self._reward_model is not None:
            known = self._reward_model.actions
            estimates = self._reward_model.estimate(rows)
            every = np.arange(len(rows))
            if rows.actions:
                order = [known.index(action) for action in rows.actions]
                expected = (estimates[:, order] * rows.evaluation_propensities).sum(axis=1)
            else:
                expected = estimates[every, _codes(rows.texts["evaluation_action"], known)]
            estimate = estimates[every, _codes(rows.texts["action"], known)]
        return LoggedBatch(
            reward=numbers["reward"],
            propensity=propensity,
            evaluation_probability=self.probability(rows),
            expected_reward=expected,
            logged_estimate=estimate,
            user=hashing.users(rows) if self._with_users else None,
        )

    def probability(self, rows: Rows) -> FloatArray:
        """pi_e(a | x) of the logged action, [n]."""
        if "evaluation_propensity" in rows.numbers:
            return rows.numbers["evaluation_propensity"]
        action = rows.texts["action"]
        if rows.actions:
            chosen: FloatArray = rows.evaluation_propensities[
                np.arange(len(rows)), _codes(action, rows.actions)
            ]
            return chosen
        wanted = rows.texts["evaluation_action"]
        known = sorted({*action.unique().to_pylist(), *wanted.unique().to_pylist()})
        same: FloatArray = (_codes(action, known) == _codes(wanted, known)).astype(np.float64)
        return same


class _Parts:
    """Figures of the rows that share a value of a slice or a logger; of at most `MAX_GROUPS` values a column."""

    def __init__(self, columns: Columns, make: Callable[[], Any]) -> None:
        self._make = make
        version = () if columns.policy_version is None else (columns.policy_version,)
        self._groups: dict[tuple[str, str], dict[str, Any]] = {
            (kind, column): {}
            for kind, names in (("slice", columns.slices), ("policy_version", version))
            for column in names
        }
        self.left_out: list[str] = []

    def add(self, labels: Mapping[str, pa.Array], batch: Any) -> None:
        """Adds rows or rankings with the labels of each."""
        for (_, column), known in self._groups.items():
            for value, index in groups(labels[column]):
                name = EMPTY if value is None else value
                if name not in known:
                    if len(known) == MAX_GROUPS:
                        if column not in self.left_out:
                            self.left_out.append(column)
                        continue
                    known[name] = self._make()
                known[name].add(take(batch, index))

    def figures(self, kind: str) -> dict[str, dict[str, PartFigures]]:
        """Column -> value -> figures, values in order of the alphabet."""
        return {
            column: {name: known[name].figures() for name in sorted(known)}
            for (group, column), known in self._groups.items()
            if group == kind
        }


def _codes(values: pa.Array, known: Sequence[str]) -> npt.NDArray[np.int64]:
    """Index of each value among ``known``, int64 [n]."""
    index = {name: place for place, name in enumerate(known)}
    codes, names = coded(values)
    found: npt.NDArray[np.int64] = np.array([index[str(name)] for name in names], dtype=np.int64)[codes]
    return found
