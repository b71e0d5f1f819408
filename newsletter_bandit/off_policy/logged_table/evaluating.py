"""Evaluates a policy on a logged table: every registered estimator, in one pass over the rows.

With a context, the table is first read once more, to fit models on a bounded sample of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from newsletter_bandit.checks import Check
from newsletter_bandit.errors import DataError
from newsletter_bandit.off_policy import intervals
from newsletter_bandit.off_policy.checks import mean_weight
from newsletter_bandit.off_policy.logged_table import sentences
from newsletter_bandit.off_policy.logged_table.columns import Columns, click_model
from newsletter_bandit.off_policy.logged_table.figures import (
    Figures,
    Measures,
    PartFigures,
    RankingFigures,
    take,
)
from newsletter_bandit.off_policy.logged_table.group_weights import GroupWeights
from newsletter_bandit.off_policy.logged_table.options import Options
from newsletter_bandit.off_policy.logged_table.overlap import ActionFigures, ActionOverlap, groups
from newsletter_bandit.off_policy.logged_table.propensity_checks import of_propensities, of_seldom
from newsletter_bandit.off_policy.logged_table.reading import LoggedTable
from newsletter_bandit.off_policy.logged_table.result import Evaluation
from newsletter_bandit.off_policy.logged_table.slates import rankings
from newsletter_bandit.off_policy.logged_table.support import checks
from newsletter_bandit.off_policy.logged_table.users import enough_users
from newsletter_bandit.off_policy.logged_table.views import Views

# Groups beyond this are left out, with a warning, so that memory stays bounded whatever a column holds.
MAX_GROUPS = 200
EMPTY = "(empty)"


def evaluate(files: Sequence[Path], columns: Columns, options: Options | None = None) -> Evaluation:
    """Value of the evaluation policy from a logged table.

    Args:
      files: one table in one or more CSV or Parquet files; see `LoggedTable`.
      columns: roles of the columns.
      options: options of the evaluation.

    Raises:
      SettingsError: columns and options do not fit each other.
      DataError: the table holds no row, or one that cannot be used; names file, column, row, found and
        allowed.
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
        raise DataError(f"{', '.join(map(str, files))}: no row; allowed: one row per decision")
    return found


def _of_rows(table: LoggedTable, measures: Measures, options: Options) -> Evaluation:
    columns = table.columns
    views = Views(table, options, bool(measures.samples))
    overall, overlap = Figures(measures), ActionOverlap(options.weight_clip)
    parts = _Parts(columns, lambda: Figures(measures))
    weights = GroupWeights(tuple(dict.fromkeys((*columns.slices, *columns.context))))
    for rows in table.batches(options.batch_rows):
        batch = views.batch(rows)
        overall.add(batch)
        overlap.add(rows, batch)
        parts.add(rows.labels, batch)
        weights.add(rows.labels, batch)
    actions = overlap.figures()
    said = list(views.said)
    if columns.estimates_propensities:
        said.append(sentences.estimated_propensities(views.propensity_context))
    said += sentences.of_actions(actions, overlap.exact)
    if overlap.gave_up:
        said.append("There are too many actions to report each; the overlap per action is left out.")
    said += of_seldom(actions, columns.estimates_propensities)
    bounds = options.bounds
    fit = of_propensities(
        weights.check(bounds.min_rows, bounds.mean_weight_tolerance), actions, columns.estimates_propensities
    )
    return _evaluation(table, measures, options, overall.figures(), parts, actions, fit, said)


def _of_rankings(table: LoggedTable, measures: Measures, options: Options) -> Evaluation:
    views = Views(table, options, with_users=False)
    overall = RankingFigures(measures)
    parts = _Parts(table.columns, lambda: RankingFigures(measures))
    rows = ((each, views.evaluation_probability(each)) for each in table.batches(options.batch_rows))
    for part in rankings(rows, measures.slots, bool(measures.samples)):
        overall.add(part.batch)
        parts.add(part.labels, part.batch)
    figures = overall.figures()
    mean, reach = figures.weights.mean_weight, figures.weights.mean_weight_reach
    fit = (mean_weight(mean, reach, options.bounds.mean_weight_tolerance),)
    return _evaluation(table, measures, options, figures, parts, (), fit, [])


def _evaluation(
    table: LoggedTable,
    measures: Measures,
    options: Options,
    found: PartFigures,
    parts: _Parts,
    actions: tuple[ActionFigures, ...],
    fit: tuple[Check, ...],
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
            f"Column {column} holds more than {MAX_GROUPS} values; only the first ones are reported."
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
        checks=(
            *checks(found.weights, options.bounds),
            *fit,
            # The count of many users is an estimate, and nobody has less than one row.
            *enough_users(min(table.users, found.weights.rows), options.bounds.min_users),
        ),
        warnings=tuple(said),
        notes=tuple(table.said),
    )


class _Parts:
    """Figures of the rows that share a value of a slice or a logger, for at most `MAX_GROUPS` values each."""

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
        """Column -> value -> figures, values in alphabetical order."""
        return {
            column: {name: known[name].figures() for name in sorted(known)}
            for (group, column), known in self._groups.items()
            if group == kind
        }
