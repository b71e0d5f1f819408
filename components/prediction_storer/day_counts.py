"""Counts for the page of a prediction day, made while rows stream by: first places, exploring, scores."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.prediction_storer.checking import CHECKED
from newsletter_bandit.exported_model import EXPLORED, RECOMMENDERS, SCORES
from newsletter_bandit.settings.reward import Reward

_RANKINGS, _SCORES, _EXPLORED = (CHECKED.get_field_index(name) for name in (RECOMMENDERS, SCORES, EXPLORED))
_Key = TypeVar("_Key", str, int)
_BINS = 4000  # of the distance between the reward's bounds


def bin_width(reward: Reward) -> float:
    """Width of a bin of scores, in units of reward: narrow enough for quantiles, wide enough to be few."""
    low, high = reward.bounds or (-1.0, 1.0)  # without bounds, as wide as those of clicks
    return (high - low) / _BINS


@dataclass(frozen=True)
class DayCounts:
    """Users by their first recommender; two of them merge by ``+``.

    Attributes:
      explored: users whose first place is an exploring choice, by first recommender.
      scores: users by first recommender, and by the bin of its score: bin i holds scores from i widths to
        i + 1.
    """

    explored: Mapping[str, int] = field(default_factory=dict)
    scores: Mapping[str, Mapping[int, int]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, checked: pa.RecordBatch, recommenders: tuple[str, ...], width: float, times: int = 1
    ) -> DayCounts:
        """Those of rows of `checking.CHECKED`.

        Args:
          checked: the rows.
          recommenders: names, by the rows' positions.
          width: of a bin.
          times: how often each row counts; -1 takes rows away that were counted before.
        """
        if not checked.num_rows:
            return cls()
        first, scores = (_first(checked.column(index)) for index in (_RANKINGS, _SCORES))
        explored = checked.column(_EXPLORED).to_numpy(zero_copy_only=False)
        bins = np.floor(scores / width).astype(np.int64)
        least = int(bins.min())
        span = int(bins.max()) - least + 1
        codes, users = np.unique(first.astype(np.int64) * span + (bins - least), return_counts=True)
        found: dict[str, dict[int, int]] = {}
        for code, count in zip(codes.tolist(), users.tolist(), strict=True):
            found.setdefault(recommenders[code // span], {})[code % span + least] = times * count
        drawn = np.bincount(first[explored], minlength=len(recommenders)).tolist()
        return cls(
            {name: times * count for name, count in zip(recommenders, drawn, strict=True) if count}, found
        )

    @property
    def users(self) -> dict[str, int]:
        """Users by their first recommender, without those that nobody has."""
        totals = {name: sum(bins.values()) for name, bins in self.scores.items()}
        return {name: total for name, total in totals.items() if total}

    def __add__(self, other: DayCounts) -> DayCounts:
        names = sorted(self.scores.keys() | other.scores.keys())
        return DayCounts(
            _sum(self.explored, other.explored),
            {name: _sum(self.scores.get(name, {}), other.scores.get(name, {})) for name in names},
        )

    @classmethod
    def merged(cls, parts: Iterable[DayCounts]) -> DayCounts:
        """Sum of the parts; nobody for none."""
        return sum(parts, cls())

    def to_json(self) -> str:
        """JSON that `from_json` reads back."""
        return json.dumps({"explored": self.explored, "scores": self.scores})

    @classmethod
    def from_json(cls, text: str) -> DayCounts:
        """Inverse of `to_json`."""
        content = json.loads(text)
        scores = {
            name: {int(place): users for place, users in bins.items()}
            for name, bins in content["scores"].items()
        }
        return cls(content["explored"], scores)


def _first(lists: pa.ListArray) -> npt.NDArray[Any]:
    """The first value of each list [n]; none is empty."""
    found: npt.NDArray[Any] = lists.values.to_numpy(zero_copy_only=False)[lists.offsets.to_numpy()[:-1]]
    return found


def _sum(one: Mapping[_Key, int], other: Mapping[_Key, int]) -> dict[_Key, int]:
    total = Counter(one)
    total.update(other)
    return {key: total[key] for key in sorted(total) if total[key]}
