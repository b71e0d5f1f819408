"""The reward of a newsletter: a sum of terms, each an outcome and what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic_core import CoreSchema

from newsletter_bandit.settings.base import Identifier, Settings, found
from newsletter_bandit.settings.tables import CLICKED, RESERVED_COLUMNS, UNSUBSCRIBED
from newsletter_bandit.settings.words import Words

Bounds = tuple[float, float]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_LARGEST = 1e6
# Keys of a term that only one kind of outcome has, each with the kind in words.
_OF_UNSUBSCRIBES = ("counts",)
_OF_OTHERS = ("clip", "attribution_days")


class Term(Settings):
    """What one outcome adds to the reward; a bare number is the weight.

    Attributes:
      weight: units of reward for each unit of the outcome.
      counts: of `unsubscribed` alone: which unsubscribe counts, one after a click (the default) or any that
        came through the newsletter. One that counts takes the place of the click.
      clip: smallest and largest value of the outcome, before the weight; what lies outside is taken as the
        nearer end. Without it the outcome has no bounds, and no interval of the reward can be given.
      attribution_days: days after sending in which the outcome counts; null takes the use case's.
    """

    weight: float = Field(ge=-_LARGEST, le=_LARGEST)
    counts: Literal["after_click", "any"] | None = None
    clip: tuple[_Finite, _Finite] | None = None
    attribution_days: int | None = Field(default=None, ge=1, le=365)

    @model_validator(mode="before")
    @classmethod
    def _weight_alone(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"weight": value}
        if not isinstance(value, dict | Term):
            keys = ", ".join(cls.model_fields)
            raise ValueError(f"found {found(value)}; allowed: a weight, or a mapping with the keys {keys}")
        return value

    @field_validator("clip")
    @classmethod
    def _in_order(cls, clip: Bounds | None) -> Bounds | None:
        if clip is not None and not clip[0] < clip[1]:
            raise ValueError(f"found {list(clip)}; allowed: two numbers, the smaller first")
        return clip

    @property
    def bounds(self) -> Bounds | None:
        """Smallest and largest contribution to the reward; None without a clip."""
        if self.clip is None:
            return None
        low, high = sorted(self.weight * end for end in self.clip)
        return low, high


def without_bounds(terms: Sequence[str]) -> str:
    """Why there is no interval of a reward with these terms without bounds, and what to do."""
    keys = ", ".join(f"reward.terms.{name}.clip" for name in terms)
    return (
        f"{', '.join(terms)}: values that are too rare to have been seen may be as large as they like, so no "
        f"interval holds; set {keys} to the smallest and largest value that shall count"
    )


def without_values(missing: Mapping[str, int], words: Words) -> str:
    """How many units have no value of each term, and what to do.

    Args:
      missing: by term, the units; one term or more.
      words: what they are called.
    """
    counts = " and ".join(
        f"{words.counted_units(rows)} {'has' if rows == 1 else 'have'} no value of {name}"
        for name, rows in missing.items()
    )
    zeros = " and ".join(f'ingest.value_names.{name}: {{"": 0}}' for name in missing)
    days = " and ".join(f"reward.terms.{name}.attribution_days" for name in missing)
    return (
        f"{counts}, so nothing is learned from them, and the others may be unlike them; if an empty cell "
        f"means 0, set {zeros} and load the file again with --replace; if those values are not final yet, "
        f"let {days} keep them out of the window"
    )


class _OrWeight:
    """Lets a JSON Schema take the bare weight, as `Term` does."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"type": "number"}, handler(schema)]}


class Reward(Settings):
    """Reward of one newsletter: the sum of its terms; an unsubscribe that counts takes the place of a click.

    Attributes:
      terms: by outcome. `clicked` and `unsubscribed` are built in; any other is a column of numbers of the
        training table.
    """

    terms: dict[Identifier, Annotated[Term, _OrWeight()]] = {
        CLICKED: Term(weight=1.0),
        UNSUBSCRIBED: Term(weight=-1.0),
    }

    @model_validator(mode="before")
    @classmethod
    def _of_earlier_versions(cls, value: Any) -> Any:
        """Reads the form of earlier versions, which registries hold: {click, unsubscribe, ...}."""
        if (
            not isinstance(value, dict)
            or not value
            or value.keys() - {"click", "unsubscribe", "unsubscribe_counts"}
        ):
            return value
        unsubscribed = {
            "weight": value.get("unsubscribe", -1.0),
            "counts": value.get("unsubscribe_counts", "after_click"),
        }
        return {"terms": {CLICKED: {"weight": value.get("click", 1.0)}, UNSUBSCRIBED: unsubscribed}}

    @model_validator(mode="after")
    def _consistent(self) -> Reward:
        for name, term in self.terms.items():
            built_in = name in (CLICKED, UNSUBSCRIBED)
            if not built_in and name in RESERVED_COLUMNS:
                raise ValueError(
                    f"terms.{name}: a column of the contract; allowed: {CLICKED}, {UNSUBSCRIBED}, or others"
                )
            unfit = [*(_OF_OTHERS if built_in else ()), *(() if name == UNSUBSCRIBED else _OF_UNSUBSCRIBES)]
            for key in unfit:
                if getattr(term, key) is not None:
                    keys = [one for one in Term.model_fields if one not in unfit]
                    raise ValueError(f"terms.{name}: found {key}; allowed for {name}: {', '.join(keys)}")
        if CLICKED in self.terms and self.terms[CLICKED].weight <= 0.0:
            raise ValueError(
                f"terms.{CLICKED}: found weight {self.terms[CLICKED].weight:g}; allowed: more than 0"
            )
        if UNSUBSCRIBED in self.terms and self.terms[UNSUBSCRIBED].weight > 0.0:
            raise ValueError(
                f"terms.{UNSUBSCRIBED}: found weight {self.terms[UNSUBSCRIBED].weight:g}; allowed: 0 or less"
            )
        worthless = [name for name, term in self.outcomes.items() if term.weight == 0.0]
        if worthless:
            raise ValueError(f"terms.{worthless[0]}: found weight 0; allowed: another, or no such term")
        if all(term.weight == 0.0 for term in self.terms.values()):
            raise ValueError("terms: none has a weight; allowed: one or more, such as {clicked: 1}")
        return self

    @property
    def click(self) -> float:
        """What a click earns that no counted unsubscribe takes the place of; 0 where clicks do not count."""
        return self.terms[CLICKED].weight if CLICKED in self.terms else 0.0

    @property
    def unsubscribe(self) -> float:
        """What a newsletter with a counted unsubscribe earns for click and unsubscribe together."""
        return self.terms[UNSUBSCRIBED].weight if UNSUBSCRIBED in self.terms else self.click

    @property
    def unsubscribe_counts(self) -> Literal["after_click", "any"] | None:
        """Which unsubscribe counts; None where none does."""
        if UNSUBSCRIBED not in self.terms:
            return None
        return self.terms[UNSUBSCRIBED].counts or "after_click"

    def tells_of_unsubscribes(self, rate: float | None) -> bool:
        """It has a term for them, or the log holds some; otherwise nothing is said of them anywhere.

        Args:
          rate: share of them in the log; None where it is unknown.
        """
        return UNSUBSCRIBED in self.terms or bool(rate)

    @property
    def outcomes(self) -> dict[str, Term]:
        """The terms beside clicks and unsubscribes: columns of numbers of the training table."""
        return {name: term for name, term in self.terms.items() if name not in (CLICKED, UNSUBSCRIBED)}

    @property
    def of_clicks(self) -> bool:
        """It is made of clicks, and perhaps unsubscribes, alone."""
        return CLICKED in self.terms and not self.outcomes

    @property
    def unit(self) -> float:
        """The reward that people count in: that of a click where it is made of clicks, else 1."""
        return self.click if self.of_clicks else 1.0

    @property
    def unbounded(self) -> tuple[str, ...]:
        """The terms without bounds."""
        return tuple(name for name, term in self.outcomes.items() if term.bounds is None)

    @property
    def bounds(self) -> Bounds | None:
        """Smallest and largest reward, the sums of the terms' own; None where a term has none."""
        low, high = min(0.0, self.unsubscribe), self.click
        for term in self.outcomes.values():
            if term.bounds is None:
                return None
            low, high = low + term.bounds[0], high + term.bounds[1]
        return low, high
