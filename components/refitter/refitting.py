"""Trains a blessed model again, and says which of the two is published."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

import tensorflow_transform as tft

from components.refitter.agreement import Agreement, agreement
from components.trainer.data import FileData
from components.trainer.learning import NotLearntError
from components.trainer.training import fit
from components.trainer.warm_start import WarmStartState
from components.transform.layout import Layout, vocabulary_sizes
from newsletter_bandit.registry.evidence import Refitted
from newsletter_bandit.settings.refit import Refit
from newsletter_bandit.settings.use_case import UseCase

NOT_BLESSED = Refitted("not_made", "the gate did not bless the model")
NOTHING_TO_ADD = (
    "every held-out {unit} is of a campaign by which the next window judges (window.overlap_weeks)"
)


@dataclass(frozen=True)
class Rows:
    """Files of rows.

    Attributes:
      trained: transformed rows that the judged model learned from.
      held_out: further transformed rows that the refit may learn from.
      asked: examples of the held-out users.
      until: the day after the last one that ``held_out`` may be of.
    """

    trained: Sequence[str]
    held_out: Sequence[str]
    asked: Sequence[str]
    until: dt.date


def refit(
    use_case: UseCase,
    rows: Rows,
    transform_output: tft.TFTransformOutput,
    judged: str,
    base_model: str | None,
    folder: str,
) -> Refitted:
    """Trains as the judged model was trained, on more rows, and compares the two.

    Args:
      use_case: the hyperparameters already merged into it.
      rows: what there is to learn from.
      transform_output: the graph that made the rows; it was analysed on the judged model's alone.
      judged: folder of the judged SavedModel.
      base_model: folder of the SavedModel that its training began with; None from scratch.
      folder: gets the second SavedModel.

    Raises:
      DataError: no held-out user has a recommender to choose.
    """
    layout, sizes = Layout.of(use_case), vocabulary_sizes(use_case, transform_output)

    def data(files: Sequence[str]) -> FileData:
        return FileData(files, layout, sizes, use_case.propensity_weighting)

    held_out = data(rows.held_out).counted.rows
    if not held_out:
        return Refitted("not_made", NOTHING_TO_ADD.format(unit=use_case.words.unit))
    every = data([*rows.trained, *rows.held_out])
    made = Refitted(
        "refused",
        "",
        every.totals.rows,
        held_out,
        min_agreement=use_case.refit.min_agreement,
        held_out_until=rows.until.isoformat(),
    )
    warm_start = WarmStartState.load(base_model) if base_model is not None else None
    try:
        fit(use_case, every, transform_output, warm_start=warm_start).save(folder)
    except NotLearntError as error:
        return replace(made, reason=str(error))
    return compared(made, agreement(judged, folder, rows.asked, use_case.words), use_case.refit)


def compared(made: Refitted, found: Agreement, bounds: Refit) -> Refitted:
    """The refit with what was found, held against the bounds."""
    allowed = bounds.max_estimate_difference.of(found.expected)
    faults = []
    if found.same < bounds.min_agreement:
        faults.append("too many first choices changed (refit.min_agreement)")
    if found.difference > allowed:
        faults.append("the estimates differ too much (refit.max_estimate_difference)")
    return replace(
        made,
        outcome="refused" if faults else "taken",
        reason=" and ".join(faults),
        users=found.users,
        agreement=found.same,
        min_agreement=bounds.min_agreement,
        difference=found.difference,
        max_difference=allowed,
    )
