"""Names of versions, what they hold, and the fingerprint of a model."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from newsletter_bandit.errors import DataError
from newsletter_bandit.files import files_of

_TIME = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"(?P<time>\d{8}T\d{6}Z)-(?P<digest>[0-9a-f]{8})")
_CHUNK = 1 << 20

# Figure of a version -> where metrics.json holds it.
HEADLINES: dict[str, tuple[str, ...]] = {
    "rows": ("overall", "rows"),
    "auc": ("overall", "candidate", "auc"),
    "value": ("overall", "candidate", "serving_policy/dr"),
    "difference": ("overall", "difference", "value"),
    "exploration_cost": ("overall", "candidate", "exploration_cost"),
}


@dataclass(frozen=True)
class VersionInfo:
    """A published version.

    Attributes:
      version: its name; names sort by time.
      created: when it was pushed, UTC.
      is_current: is in production.
      verdict: of the gate, such as "blessed"; None where none was published with it.
      compared_with: version in production at that time, or "logging policy"; None likewise.
      policy: "serving_policy" or "eval_policy", whichever is served; None likewise.
      figures: the known ones of `HEADLINES`; values and costs in units of reward per newsletter.
      exploration_rate: share of the exploring policy in what is served, in [0, 1]; None likewise.
      score_floor: best reward estimate below which the default recommender is served; None for no floor.
    """

    version: str
    created: dt.datetime
    is_current: bool
    verdict: str | None
    compared_with: str | None
    policy: str | None
    figures: dict[str, float]
    exploration_rate: float | None = None
    score_floor: float | None = None


def new_version(created: dt.datetime, digest: str) -> str:
    """Name such as "20261123T101500Z-1a2b3c4d".

    Args:
      created: an aware time.
      digest: of the model, hexadecimal, at least 8 characters; see `model_digest`.
    """
    if created.tzinfo is None:
        raise ValueError(f"created is {created}; allowed: a time with a zone")
    return f"{created.astimezone(dt.UTC).strftime(_TIME)}-{digest[:8]}"


def created_at(version: str) -> dt.datetime:
    """Time in a version's name, UTC.

    Raises:
      DataError: ``version`` is no such name.
    """
    found = _NAME.fullmatch(version)
    try:
        if found is None:
            raise ValueError(version)
        return dt.datetime.strptime(found["time"], _TIME).replace(tzinfo=dt.UTC)
    except ValueError:
        raise DataError(
            f"version {version!r} is no version's name; allowed: such as 20261123T101500Z-1a2b3c4d"
        ) from None


def is_version(name: str) -> bool:
    """Has the form of a version's name."""
    return _NAME.fullmatch(name) is not None


def model_digest(folder: str) -> str:
    """SHA-256 over the names and contents of all files below ``folder``, hexadecimal."""
    files = files_of(folder)
    whole = hashlib.sha256()
    for name in files.tree(folder):
        one = hashlib.sha256()
        with files.read(os.path.join(folder, name)) as file:
            while chunk := file.read(_CHUNK):
                one.update(chunk)
        whole.update(f"{name}\0{one.hexdigest()}\n".encode())
    return whole.hexdigest()


def headline_figures(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The figures of `HEADLINES` that ``metrics`` holds."""
    figures = {}
    for name, path in HEADLINES.items():
        value: Any = metrics
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            figures[name] = float(value)
    return figures
