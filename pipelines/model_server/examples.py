"""A user of a request as a tf.Example, as the batch path encodes a row of the inference table."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tensorflow.core.example.example_pb2 import Example

from newsletter_bandit.exported_model import CAMPAIGN, USER_ID
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.table_files.cells import BLANKS
from serving.problem import Problem

ELIGIBLE: Final = "eligible_recommenders"
_SHOWN = 60  # characters of a wrong value
_ALLOWED: Final = {
    "number": "a finite number or null",
    "bool": "true, false or null",
    "string": "a text or null",
    "date": "a date such as 2026-01-31, or null",
}
# Writes a value into a feature of an example; raises `ValueError` for one that does not fit.
_Write = Callable[[Any, Any, dt.date], None]


class Encoder:
    """Encodes users for one use case.

    Args:
      use_case: its features, by their types.
    """

    def __init__(self, use_case: UseCase) -> None:
        self._types = {name: feature.type for name, feature in use_case.features.items()}
        self._writers = {name: _WRITERS[type_] for name, type_ in self._types.items()}

    def encode(
        self,
        user_id: str,
        campaign: str,
        eligible: Sequence[str],
        features: Mapping[str, Any],
        day: dt.date,
        where: str,
    ) -> bytes:
        """The serialized example. A feature that is missing or null has no value in it.

        Args:
          user_id: the user.
          campaign: the mailing.
          eligible: recommenders that may be ranked; empty for all.
          features: JSON value of each feature that is known.
          day: day of the ranking, which dates are relative to.
          where: of the features in the request, for messages, with a trailing dot.

        Raises:
          Problem: 400 for an unknown feature, or a value of another type.
        """
        example = Example()
        written = example.features.feature
        written[USER_ID].bytes_list.value.append(user_id.encode())
        written[CAMPAIGN].bytes_list.value.append(campaign.encode())
        if eligible:
            written[ELIGIBLE].bytes_list.value.extend([name.encode() for name in eligible])
        for name, value in features.items():
            write = self._writers.get(name)
            if write is None:
                allowed = ", ".join(self._writers)
                raise Problem(400, "unknown_feature", f"{where}{name}: no such feature; allowed: {allowed}")
            if value is None:
                continue
            try:
                write(written[name], value, day)
            except ValueError:
                raise Problem(
                    400,
                    "invalid_feature",
                    f"{where}{name}: found {found(value)}; allowed: {_ALLOWED[self._types[name]]}",
                ) from None
        return bytes(example.SerializeToString())


def found(value: Any) -> str:
    """A JSON value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _number(feature: Any, value: Any, _: dt.date) -> None:
    if type(value) not in (float, int):
        raise ValueError
    try:
        number = float(value)
    except OverflowError:
        raise ValueError from None
    if not math.isfinite(number):
        raise ValueError
    feature.float_list.value.append(number)


def _bool(feature: Any, value: Any, _: dt.date) -> None:
    if type(value) is not bool:
        raise ValueError
    feature.int64_list.value.append(int(value))


def _string(feature: Any, value: Any, _: dt.date) -> None:
    if type(value) is not str:
        raise ValueError
    # As `ingest` reads a text. UnicodeEncodeError, for a lone surrogate, is a ValueError.
    feature.bytes_list.value.append(value.strip(BLANKS).encode())


def _date(feature: Any, value: Any, day: dt.date) -> None:
    # fromisoformat takes 20260131 too, which no table's file may hold.
    if type(value) is not str or len(value) != 10 or value[4] != "-" or value[7] != "-":
        raise ValueError
    feature.float_list.value.append((day - dt.date.fromisoformat(value)).days)


_WRITERS: Final[Mapping[str, _Write]] = {
    "number": _number,
    "bool": _bool,
    "string": _string,
    "date": _date,
}
