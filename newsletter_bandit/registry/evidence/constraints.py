"""`constraints.json`: how a model holds its constraints, and what each of them costs.

It lies beside the SavedModel, in `assets.extra`, and is a part of `metrics.json`. The figures are those of
the part of the training split on which the multipliers were found; the gate judges by other rows.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from newsletter_bandit.checks import Relation
from newsletter_bandit.records import Fields
from newsletter_bandit.registry.evidence.record import Figure, Record

# Of a SavedModel, the files that TensorFlow does not read.
FOLDER = "assets.extra"


@dataclass(frozen=True)
class Point:
    """The policy at one multiplier of one constraint, the others as they are.

    Attributes:
      multiplier: the multiplier, or the offset of a share.
      value: reward per newsletter.
      figure: what the constraint bounds: a multiple of the log's mean, a mean, or a share.
      end: the end of its interval that is nearer to the bound, or beyond it.
    """

    multiplier: Figure
    value: Figure
    figure: Figure
    end: Figure


@dataclass(frozen=True)
class Held:
    """One bound.

    Attributes:
      name: the bound in words.
      relation, bound: the figure must be ``<=`` or ``>=`` the bound.
      holds: with the margin that the search leaves, on its own rows.
      cost: reward per newsletter that would be gained without it; None where that is unknown.
      frontier: by multiplier, 0 first; the point of the model is among them.
      found: that point.
    """

    name: str
    relation: Relation
    bound: float
    holds: bool
    cost: Figure
    frontier: tuple[Point, ...]
    found: Point


@dataclass(frozen=True)
class Constraints(Record):
    """The constraints of a model.

    Attributes:
      rows: newsletters on which the multipliers were found.
      multipliers: by term.
      offsets: by recommender, of those that have one other than 0.
      value: reward per newsletter of the serving policy.
      limits: every bound, in the order of the settings.
    """

    FILE = "constraints.json"

    rows: int
    multipliers: Mapping[str, float]
    offsets: Mapping[str, float]
    value: Figure
    limits: tuple[Held, ...]

    @property
    def failed(self) -> tuple[Held, ...]:
        """The bounds that no multiplier holds with the margin that the search leaves."""
        return tuple(limit for limit in self.limits if not limit.holds)

    @classmethod
    def of(cls, fields: Fields) -> Constraints:
        """The constraints that a file's fields hold."""
        return cls(
            rows=fields.whole("rows"),
            multipliers=_numbers(fields.object("multipliers")),
            offsets=_numbers(fields.object("offsets")),
            value=fields.figure("value"),
            limits=tuple(_held(one) for one in fields.objects("limits")),
        )

    def body(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {
            **dataclasses.asdict(self),
            "multipliers": dict(self.multipliers),
            "offsets": dict(self.offsets),
            "limits": [
                {
                    **dataclasses.asdict(limit),
                    "frontier": [dataclasses.asdict(point) for point in limit.frontier],
                }
                for limit in self.limits
            ],
        }

    def save(self, model_dir: str) -> None:
        """Writes the file beside a SavedModel."""
        self.write(os.path.join(model_dir, FOLDER))

    @classmethod
    def beside(cls, model_dir: str) -> Constraints | None:
        """The file beside a SavedModel; None where there is none.

        Raises:
          DataError: the file is damaged; names it.
        """
        return cls.if_there(os.path.join(model_dir, FOLDER))


def _numbers(fields: Fields) -> dict[str, float]:
    return {name: fields.number(name) for name in fields.content}


def _held(fields: Fields) -> Held:
    return Held(
        name=fields.text("name"),
        relation=fields.choice("relation", get_args(Relation)),
        bound=fields.number("bound"),
        holds=fields.flag("holds"),
        cost=fields.figure("cost"),
        frontier=tuple(_point(one) for one in fields.objects("frontier")),
        found=_point(fields.object("found")),
    )


def _point(fields: Fields) -> Point:
    return Point(*(fields.figure(field.name) for field in dataclasses.fields(Point)))
