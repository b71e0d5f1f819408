"""Versions: their names and content, and the digest of a model."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from newsletter_bandit.errors import DataError
from newsletter_bandit.files import files_of
from newsletter_bandit.registry.evidence import Decision, Metrics, Placement, SignOffs, Verdict

Standing = Literal["production", "waiting", "rejected", "superseded", "pinned", "replaced"]

_TIME = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"(?P<time>\d{8}T\d{6}Z)-(?P<digest>[0-9a-f]{8})")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class VersionInfo:
    """A published version.

    Attributes:
      version: its name; names sort by time.
      created: when it was pushed, UTC.
      is_current: is in production.
      verdict: of the gate; None if none was published with the version.
      decision: how it is served; None likewise.
      metrics: figures that it was judged by; None likewise.
      is_pinned: is in production, and no training may replace it.
      placement: what became of the last attempt to put it into production; None if nothing ever stood in the
        way.
      sign_offs: who approved or rejected it.
      production: version in production; None if there is none.
    """

    version: str
    created: dt.datetime
    is_current: bool
    verdict: Verdict | None
    decision: Decision | None
    metrics: Metrics | None
    is_pinned: bool = False
    placement: Placement | None = None
    sign_offs: SignOffs = field(default_factory=SignOffs)
    production: str | None = None

    @property
    def standing(self) -> Standing:
        """Where it stands: in production; waiting for its sign-off; rejected; kept out, because production is
        no longer what it was compared with ("superseded") or by a pin; or replaced by another one.
        """
        if self.is_current:
            return "production"
        if self.sign_offs.rejection is not None:
            return "rejected"
        if self.placement is None or self.placement.outcome == "placed":
            return "replaced"
        if self.placement.outcome == "waiting":
            return "waiting" if self.placement.compared_with == self.production else "superseded"
        return self.placement.outcome

    @property
    def judged(self) -> str:
        """The verdict in words, and whether it rests on estimated propensities."""
        if self.verdict is None:
            return "unknown"
        estimated = self.metrics is not None and self.metrics.estimated_by
        return f"{self.verdict.words}, propensities estimated" if estimated else self.verdict.words


def new_version(created: dt.datetime, digest: str) -> str:
    """Name such as "20261123T101500Z-1a2b3c4d".

    Args:
      created: an aware time.
      digest: digest of the model, hexadecimal, at least 8 characters; see `model_digest`.
    """
    if created.tzinfo is None:
        raise ValueError(f"created is {created}; allowed: a time with a zone")
    return f"{created.astimezone(dt.UTC).strftime(_TIME)}-{digest[:8]}"


def created_at(version: str) -> dt.datetime:
    """Time in a version's name, UTC.

    Raises:
      DataError: ``version`` is not such a name.
    """
    found = _NAME.fullmatch(version)
    try:
        if found is None:
            raise ValueError(version)
        return dt.datetime.strptime(found["time"], _TIME).replace(tzinfo=dt.UTC)
    except ValueError:
        raise DataError(
            f"version {version!r} is not a version's name; allowed: such as 20261123T101500Z-1a2b3c4d"
        ) from None


def digest_in(version: str) -> str:
    """Beginning of the `model_digest` in a version's name."""
    return version[-8:]


def is_version(name: str) -> bool:
    """True if the text has the form of a version's name."""
    return _NAME.fullmatch(name) is not None


def model_digest(folder: str) -> str:
    """SHA-256 over the names and contents of all files below ``folder``, hexadecimal."""
    return digest_of(file_digests(folder))


def file_digests(folder: str) -> dict[str, str]:
    """SHA-256 of each file below ``folder``, hexadecimal, by its relative path with slashes."""
    files = files_of(folder)
    found = {}
    for name in files.tree(folder):
        one = hashlib.sha256()
        with files.read(os.path.join(folder, name)) as file:
            while chunk := file.read(_CHUNK):
                one.update(chunk)
        found[name] = one.hexdigest()
    return found


def digest_of(digests: Mapping[str, str]) -> str:
    """The `model_digest` of a folder whose files have these `file_digests`."""
    whole = hashlib.sha256()
    for name in sorted(digests):
        whole.update(f"{name}\0{digests[name]}\n".encode())
    return whole.hexdigest()
