"""Explains a candidate by a sample of the evaluated rows, which it scores again with other values."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from absl import logging

from components.evaluator.logged_examples import outcome
from components.evaluator.policy_values import Measuring
from components.evaluator.rows import user_hashes
from components.evaluator.why.columns import IntArray, column
from components.evaluator.why.example_users import example_users, typical_rows
from components.evaluator.why.imitation import imitate
from components.evaluator.why.importance import NOTHING, Choices, Judged, importances
from components.evaluator.why.sampling import Parts, sample
from components.example_gen.example_files import Decoder
from newsletter_bandit import exported_model as model
from newsletter_bandit.registry.evidence import Explanation
from newsletter_bandit.registry.evidence.explanation import Ranked
from newsletter_bandit.settings.use_case import UseCase

if TYPE_CHECKING:
    from components.evaluator.scoring import Models

_FEWEST = 100  # rows of a sample, however many features there are


def explain(models: Models, files: Sequence[str], use_case: UseCase) -> Explanation:
    """Why the first of the models chooses as it does, by a sample of the rows in which it has a choice.

    Args:
      models: the candidate.
      files: TFRecord files of the evaluated rows.
      use_case: gives features, bounds and what the explanation may cost.

    Raises:
      DataError: a row cannot be evaluated.
    """
    started, how, measuring = time.perf_counter(), use_case.explanation, Measuring.of(use_case)
    most = max(how.scored_rows // (len(use_case.features) * how.permutations), _FEWEST)
    examples, outputs = _with_a_choice(models, sample(files, most))
    if not examples:
        return Explanation(0, how.permutations, measuring.confidence, (), (), None, ())
    rows = Decoder()(np.array(examples, dtype=np.object_))
    columns = {name: column(rows, name, feature) for name, feature in use_case.features.items()}
    varying = {name: found for name, found in columns.items() if not found.constant}
    parts, every = Parts(rows, list(varying)), range(len(examples))

    def scrambled(feature: str, order: IntArray) -> Choices:
        return Choices.of(models.evaluated(parts.replaced(feature, every, order)))

    def first_with(some: Sequence[int], feature: str, donor: int) -> IntArray:
        donors = np.full(len(some), donor)
        return Choices.of(models.evaluated(parts.replaced(feature, some, donors))).first

    known = models.known[0]
    judged = Judged(outcome(rows, outputs[model.USER_ID], subject=use_case.words.subject), outputs, known)
    found = importances(judged, list(varying), scrambled, how.permutations, measuring)
    names = use_case.recommenders if known.names is None else known.names
    first, users = Choices.of(outputs).first, user_hashes(judged.outcome.user_id)
    shown = typical_rows(columns, first, users, how.example_users)
    rankings = _rankings(models, [examples[row] for row in shown])
    made = Explanation(
        rows=len(examples),
        permutations=how.permutations,
        confidence=measuring.confidence,
        features=tuple(found),
        the_same_everywhere=tuple(name for name in columns if name not in varying),
        tree=imitate(columns, first, names, users, how.tree_depth),
        users=example_users(columns, shown, first, rankings, first_with, names),
    )
    logging.info("Explained by %d rows in %.1f s.", len(examples), time.perf_counter() - started)
    return made


def _with_a_choice(models: Models, examples: list[bytes]) -> tuple[list[bytes], dict[str, npt.NDArray[Any]]]:
    """The examples in which something is eligible, and the candidate's outputs for them."""
    outputs = models.evaluated(examples)
    chosen = np.flatnonzero(Choices.of(outputs).first != NOTHING)
    return [examples[row] for row in chosen], {name: values[chosen] for name, values in outputs.items()}


def _rankings(models: Models, examples: list[bytes]) -> list[list[Ranked]]:
    """The candidate's rankings without exploration."""
    if not examples:
        return []
    found = models.ranked(examples)
    return [
        [Ranked(name.decode(), float(score)) for name, score in zip(names, scores, strict=True) if name]
        for names, scores in zip(found[model.RECOMMENDERS], found[model.SCORES], strict=True)
    ]
