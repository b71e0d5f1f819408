"""The looks at evaluation rows: each judged candidate is one, and each costs some of the gate's certainty.

    looks.json    {"format": 1, "looks": [{"window": ["2026-10-12", "2026-11-09"], ...}, ...]}

The file lies beside the registry's pointer, and is changed in the same way: in one step with a look at it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from newsletter_bandit import records
from newsletter_bandit.errors import DataError
from newsletter_bandit.files import files_of
from newsletter_bandit.records import Fields
from newsletter_bandit.settings.use_case import UseCase

FILE = "looks.json"
_FORMAT = 1
# Value of a run's parameter that lets it train on rows that were judged before; "" does not.
AGAIN = "yes"
# Outcomes after which the same training would say nothing new.
SETTLED = ("published", "not_blessed", "waiting", "rejected")
_SIGN_OFF = {"waiting": "waits for sign-off", "rejected": "was rejected"}

# Parts of the settings on which neither model nor verdict depends.
_WITHOUT_EFFECT = {"publication", "explanation", "words", "key"}


@dataclass(frozen=True)
class Look:
    """One candidate that was judged.

    Attributes:
      window: first day and day after the last of the rows, YYYY-MM-DD.
      settings: `settings_digest` of the use case that it was trained with.
      rows: fingerprint of the window's rows; "" where none was taken.
      evaluation: folder of the evaluation; judging it again is no further look.
      verdict: of the gate.
      compared_with: version that it was compared with, or "logging policy".
      outcome: what became of it, such as "published"; "judged" until that is known.
      version: its name in the registry; None if it was not blessed.
    """

    window: tuple[str, str]
    settings: str
    rows: str
    evaluation: str
    verdict: str
    compared_with: str
    outcome: str = "judged"
    version: str | None = None

    @property
    def words(self) -> str:
        """What was judged, and how, as a clause."""
        first, after = map(dt.date.fromisoformat, self.window)
        return (
            f"a model of {first} to {after - dt.timedelta(days=1)} ({(after - first).days} days) was judged "
            f"on the same rows with the same settings ({self.verdict.replace('_', ' ')}, compared with "
            f"{self.compared_with}){self._since}"
        )

    @property
    def _since(self) -> str:
        words = _SIGN_OFF.get(self.outcome)
        return "" if words is None else f"; {self.version} {words}"

    @classmethod
    def of(cls, fields: Fields) -> Look:
        """The look that fields hold."""
        window = fields.texts("window")
        if len(window) != 2:
            raise DataError(f"{fields.source}: window is {list(window)}; allowed: two days, YYYY-MM-DD")
        return cls(
            window=(window[0], window[1]),
            settings=fields.text("settings"),
            rows=fields.text("rows"),
            evaluation=fields.text("evaluation"),
            verdict=fields.text("verdict"),
            compared_with=fields.text("compared_with"),
            outcome=fields.text("outcome"),
            version=fields.optional("version", fields.text),
        )


def window_of(days: tuple[dt.date, dt.date]) -> tuple[str, str]:
    """A window as a look holds it."""
    return days[0].isoformat(), days[1].isoformat()


def settings_digest(settings: str) -> str:
    """Sixteen hexadecimal digits of a use case's JSON, the tuned hyperparameters merged in.

    They do not change with `publication`, `explanation`, `words` and `key`: neither model nor verdict depends
    on these.
    """
    judged = UseCase.from_json(settings).model_dump_json(exclude=_WITHOUT_EFFECT)
    return hashlib.sha256(judged.encode()).hexdigest()[:16]


class Looks:
    """The file, below a folder or in a bucket.

    Args:
      folder: of the use case in the registry.
    """

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, FILE)
        self._files = files_of(folder)

    def all(self) -> list[Look]:
        """Every look, oldest first.

        Raises:
          DataError: the file is damaged or of another format.
        """
        return self._parsed(self._files.latest(self.path))

    def note(self, look: Look) -> int:
        """Adds a look, unless its evaluation is there already; raises as `all` does.

        Returns:
          How many looks the window's evaluation rows have had up to this one, from 1.
        """
        numbers: list[int] = []

        def change(looks: list[Look]) -> list[Look]:
            changed = looks if any(old.evaluation == look.evaluation for old in looks) else [*looks, look]
            same = [old.evaluation for old in changed if old.window == look.window]
            numbers.append(same.index(look.evaluation) + 1)
            return changed

        self._change(change)
        return numbers[-1]

    def conclude(self, evaluation: str, outcome: str, version: str | None) -> None:
        """Writes down what became of a look; raises as `all` does."""
        self._change(
            lambda looks: [
                replace(look, outcome=outcome, version=version) if look.evaluation == evaluation else look
                for look in looks
            ]
        )

    def conclude_version(self, version: str, outcome: str, instead_of: tuple[str, ...]) -> None:
        """Writes down what became of a published version later; raises as `all` does.

        Args:
          version: its newest look is changed; nothing is if it has none.
          outcome: the new one.
          instead_of: outcomes that it replaces; another one stays.
        """

        def change(looks: list[Look]) -> list[Look]:
            own = next((look for look in reversed(looks) if look.version == version), None)
            if own is None or own.outcome not in instead_of:
                return looks
            return [replace(look, outcome=outcome) if look is own else look for look in looks]

        self._change(change)

    def settled(self, window: tuple[str, str], settings: str, rows: str, current: str | None) -> Look | None:
        """The last look that a training would only repeat; None if it would be a new one.

        That is one at the same rows with the same settings, while production is what it was then: the model
        itself, or what it was compared with. Its model was published or not blessed, or it waits for its
        sign-off, or was rejected. A model that a pin or another one kept out of production may get there
        another time.

        Args:
          window, settings, rows: as in `Look`; rows without a fingerprint are never the same.
          current: version in production; None if there is none.
        """
        for look in reversed(self.all()):
            if (look.window, look.settings, look.rows) != (window, settings, rows or None):
                continue
            if look.outcome not in SETTLED and (current or "logging policy") == look.compared_with:
                return None  # it was kept out of production, which another training need not be
            kept = look.version if look.outcome == "published" else look.compared_with
            now = current or "logging policy"
            # Killed after it had moved the pointer, an approval leaves "waiting".
            approved = look.outcome == "waiting" and now == look.version
            if look.outcome in SETTLED and (now == kept or approved):
                return look
        return None

    def _change(self, change: Callable[[list[Look]], list[Look]]) -> None:
        def new(content: bytes | None) -> bytes | None:
            before = self._parsed(content)
            looks = change(before)
            if looks == before:
                return None
            body: dict[str, Any] = {"format": _FORMAT, "looks": [asdict(look) for look in looks]}
            return records.to_json(body).encode()

        self._files.change(self.path, new)

    def _parsed(self, content: bytes | None) -> list[Look]:
        if content is None:
            return []
        fields = records.parse(content, self.path)
        found = fields.whole("format")
        if found != _FORMAT:
            raise DataError(f"{self.path}: format is {found}; allowed: {_FORMAT}")
        return [Look.of(one) for one in fields.objects("looks")]
