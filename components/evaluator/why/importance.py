"""Permutation importance: what the candidate's serving policy loses with other rows' values of a feature.

Each feature is scrambled among the rows, and the rows are scored again. The scrambled policy is the mean of
what the candidate then does under several permutations. Its value is compared with the policy's own, row by
row, by the sums that the gate uses (`PolicyDifference`). Both are seen by one and the same reward estimates,
those for the rows as they are, so that what they do alike cancels.

See "Random Forests" by Breiman (2001), section 10, for permutation importance. Features that say the same of
a user stand in for each other, so each of them alone may seem to be worth little.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from components.evaluator.policy_values import Measuring, as_compared
from components.evaluator.rows import Known, Outcome, table, view
from newsletter_bandit import exported_model as model
from newsletter_bandit.off_policy.estimators import LoggedBatch
from newsletter_bandit.off_policy.estimators.paired import PolicyDifference
from newsletter_bandit.registry.evidence.explanation import Importance
from newsletter_bandit.registry.evidence.metrics import Estimate
from newsletter_bandit.threads import in_order

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Outputs = Mapping[str, npt.NDArray[Any]]
NOTHING = -1  # first choice where nothing is eligible


class Choices(NamedTuple):
    """What a candidate does with n rows.

    Attributes:
      serving: [n, K], probabilities of the serving policy's first slot.
      first: [n], index of the eval policy's first choice; `NOTHING` where there is none.
    """

    serving: FloatArray
    first: IntArray

    @classmethod
    def of(cls, outputs: Outputs) -> Choices:
        """The choices in the outputs of an `evaluation` signature."""
        preferred = np.asarray(outputs[model.EVAL_PROBABILITIES])
        first = np.where(preferred.any(axis=1), preferred.argmax(axis=1), NOTHING)
        return cls(np.asarray(outputs[model.SERVING_PROBABILITIES], dtype=np.float64), first)


@dataclass(frozen=True, eq=False)
class Judged:
    """Logged rows and what the candidate says of them.

    Attributes:
      outcome: of the n rows.
      outputs: of the candidate's `evaluation` signature.
      known: what is known of its recommenders.
    """

    outcome: Outcome
    outputs: Outputs
    known: Known


def importances(
    judged: Judged,
    features: Sequence[str],
    scrambled: Callable[[str, IntArray], Choices],
    permutations: int,
    measuring: Measuring,
) -> list[Importance]:
    """The importance of each feature, in their order.

    Args:
      judged: the rows as they are.
      features: names.
      scrambled: what the candidate does if row i has the feature of row order[i], for a feature and an order
        [n]; called from several threads.
      permutations: number of orders per feature, at least 1; a feature has the same ones whatever the others
        are.
      measuring: gives the clip, the reward's bounds and the confidence.
    """
    own, seen = Choices.of(judged.outputs), _seen(judged, judged.outputs, measuring)
    orders = list(_orders(features, len(own.first), permutations))
    found = in_order(lambda one: scrambled(*one), orders)
    made = []
    for feature in features:
        moved, changed = np.zeros_like(own.serving), 0.0
        for _ in range(permutations):
            other = next(found)
            # Probabilities that stay the same differ by exactly 0, whatever the number of permutations.
            moved += other.serving - own.serving
            changed += float(np.mean(other.first != own.first))
        outputs = {**judged.outputs, model.SERVING_PROBABILITIES: own.serving + moved / permutations}
        loss = _loss(seen, _seen(judged, outputs, measuring), measuring)
        made.append(Importance(feature, loss, changed / permutations))
    return made


def _orders(features: Sequence[str], rows: int, permutations: int) -> Iterator[tuple[str, IntArray]]:
    for feature in features:
        drawn = np.random.default_rng(zlib.crc32(feature.encode()))
        for _ in range(permutations):
            yield feature, drawn.permutation(rows)


def _loss(own: LoggedBatch, scrambled: LoggedBatch, measuring: Measuring) -> Estimate:
    difference = PolicyDifference(measuring.weight_clip, measuring.reward_bounds)
    difference.add(own, scrambled)
    # By standard errors alone. The gate's interval also fears a further row of the largest weight; here
    # nothing is decided.
    estimate, ends = difference.estimate(), difference.interval(measuring.confidence, "normal")
    if measuring.reward_bounds is None:  # no interval of such a reward holds
        return Estimate(_plain(estimate.value), None, None, None)
    return Estimate(*(_plain(one) for one in (estimate.value, estimate.standard_error, ends.low, ends.high)))


def _seen(judged: Judged, outputs: Outputs, measuring: Measuring) -> LoggedBatch:
    """The rows as a policy sees them that has these outputs."""
    rows = view(table(judged.outcome, [outputs], measuring.reward_bounds, [judged.known]))
    return as_compared(rows.shared, rows.models[0])


def _plain(figure: float) -> float | None:
    return float(figure) if np.isfinite(figure) else None
