"""Finds a trained model's multipliers and offsets, and what each constraint costs.

The model's own graph gives the policies at each multiplier, so what is found is what is exported, judged and
published.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.trainer.constraints.measuring import Judge, Policies, Rows, finite, spreads
from components.trainer.constraints.search import Coordinate, solve
from components.trainer.data import TrainingData
from components.transform.layout import (
    ACTION,
    CATEGORICAL,
    ELIGIBLE,
    NUMERIC,
    OUTCOMES,
    PROPENSITY,
    REWARD,
    USER,
)
from newsletter_bandit.registry.evidence.constraints import Constraints, Held, Point
from newsletter_bandit.settings.constraints import Limit
from newsletter_bandit.settings.use_case import UseCase

if TYPE_CHECKING:
    from components.trainer.export import BanditModel

_BATCH = 16_384


def find(model: BanditModel, data: TrainingData, use_case: UseCase, gate_rows: float) -> Constraints:
    """Sets the model's multipliers and offsets.

    Args:
      model: trained, with multipliers and offsets of 0.
      data: rows that it did not learn from.
      use_case: its constraints.
      gate_rows: rows that the gate will judge by, 1 or more.
    """
    search = _Search(model, data, use_case, gate_rows)
    solve(search.coordinates(), search.settle, use_case.constraint_search.rounds)
    return search.report()


class _Search:
    def __init__(self, model: BanditModel, data: TrainingData, use_case: UseCase, gate_rows: float) -> None:
        blocks = list(data.blocks(_BATCH))
        keys = (NUMERIC, CATEGORICAL, ELIGIBLE)
        self._features = [{key: block[key] for key in keys if key in block} for block in blocks]
        columns = {key: np.concatenate([block[key] for block in blocks]) for key in _COLUMNS}
        terms = len(use_case.constrained_terms)
        self._model, self._use_case = model, use_case
        self._judged = tf.function(model.judged, autograph=False, reduce_retracing=True)
        self._terms, self._shares = list(use_case.constrained_terms), _recommenders(use_case.limits)
        # Multipliers of the terms, then offsets of the recommenders with a bound.
        self._values = [0.0] * (terms + len(self._shares))
        found = self._outputs()
        outcomes = [block[OUTCOMES] for block in blocks] if terms else [np.zeros((len(columns[ACTION]), 0))]
        rows = Rows(
            action=columns[ACTION].astype(np.int64),
            propensity=columns[PROPENSITY].astype(np.float64),
            reward=columns[REWARD].astype(np.float64),
            outcomes=np.concatenate(outcomes).astype(np.float64),
            user=columns[USER].astype(np.uint64),
            estimates=found["estimates"].astype(np.float64),
            terms=found["terms"].astype(np.float64),
        )
        self._rows = rows
        self._judge = Judge(rows, use_case, gate_rows)
        self._known: dict[tuple[float, ...], Policies] = {}

    def coordinates(self) -> list[Coordinate]:
        """One per term, then one per recommender with a bound."""
        eligible = np.concatenate([block[ELIGIBLE] for block in self._features]).astype(bool)
        reward, terms = spreads(self._rows, eligible & self._model.offered.numpy())
        limits = self._use_case.limits
        made = [
            Coordinate(
                [(1.0, self._beyond(number, limit))], float(reward / terms[number] if terms[number] else 0.0)
            )
            for number, limit in enumerate(one for one in limits if one.kind == "term")
        ]
        for number, name in enumerate(self._shares, len(made)):
            own = [limit for limit in limits if limit.kind == "share" and limit.of == name]
            signs = {"<=": -1.0, ">=": 1.0}
            made.append(Coordinate([(signs[one.relation], self._beyond(number, one)) for one in own], reward))
        return made

    def settle(self, number: int, value: float) -> None:
        """A coordinate has this value from now on, in the model too."""
        self._values[number] = value
        self._assign(self._values)

    def report(self) -> Constraints:
        """What was found; the model keeps it."""
        found = self._policies(self._values)
        offsets = dict(zip(self._shares, self._values[len(self._terms) :], strict=True))
        report = Constraints(
            rows=len(self._rows),
            multipliers=dict(zip(self._terms, self._values, strict=False)),
            offsets={name: value for name, value in offsets.items() if value},
            value=finite({"value": self._judge.value(found)})["value"],
            limits=tuple(self._held(limit) for limit in self._use_case.limits),
        )
        self._assign(self._values)
        return report

    def _held(self, limit: Limit) -> Held:
        number = self._number(limit)
        value = self._values[number]
        count = self._use_case.constraint_search.points - 1
        sizes = [2.0 ** (power - (count - 1) // 2) for power in range(count)] if value else []
        points = {size: self._point(limit, number, size * value) for size in (0.0, *sizes)}
        found = points[1.0 if value else 0.0]
        holds = self._judge.measured(limit, self._policies(self._values)).beyond <= 0.0
        free = points[0.0].value
        cost = None if free is None or found.value is None else free - found.value
        return Held(limit.name, limit.relation, limit.bound, holds, cost, tuple(points.values()), found)

    def _point(self, limit: Limit, number: int, value: float) -> Point:
        policies = self._policies(_with(self._values, number, value))
        measured = self._judge.measured(limit, policies)
        return Point(
            **finite(
                {
                    "multiplier": value,
                    "value": self._judge.value(policies),
                    "figure": measured.figure,
                    "end": measured.end,
                }
            )
        )

    def _beyond(self, number: int, limit: Limit) -> Callable[[float], float]:
        def beyond(value: float) -> float:
            policies = self._policies(_with(self._values, number, value))
            return self._judge.measured(limit, policies).beyond

        return beyond

    def _number(self, limit: Limit) -> int:
        if limit.kind == "term":
            return self._terms.index(limit.of)
        return len(self._terms) + self._shares.index(limit.of)

    def _policies(self, values: Sequence[float]) -> Policies:
        """The policies with these multipliers, which are computed once in a row."""
        key = tuple(values)
        if key not in self._known:
            self._known.clear()
            self._assign(values)
            found = self._outputs()
            self._known[key] = Policies(found["serving"], found["eval"])
        return self._known[key]

    def _assign(self, values: Sequence[float]) -> None:
        model, terms = self._model, len(self._terms)
        offsets = np.zeros(len(self._use_case.recommenders), np.float32)
        for name, value in zip(self._shares, values[terms:], strict=True):
            offsets[self._use_case.recommenders.index(name)] = value
        model.term_multipliers.assign(np.array(values[:terms], np.float32))
        model.recommender_offsets.assign(offsets)

    def _outputs(self) -> dict[str, npt.NDArray[Any]]:
        parts = [
            self._judged({name: tf.constant(x) for name, x in block.items()}) for block in self._features
        ]
        return {name: np.concatenate([part[name].numpy() for part in parts]) for name in parts[0]}


_COLUMNS = (ACTION, PROPENSITY, REWARD, USER)


def _recommenders(limits: Sequence[Limit]) -> list[str]:
    """Recommenders whose share is bounded, once each."""
    return list(dict.fromkeys(limit.of for limit in limits if limit.kind == "share"))


def _with(values: Sequence[float], number: int, value: float) -> list[float]:
    return [*values[:number], value, *values[number + 1 :]]
