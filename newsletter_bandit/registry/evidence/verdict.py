"""`verdict.json`: the gate's verdict, and every check that it made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from newsletter_bandit.checks import Check, Relation
from newsletter_bandit.records import Fields
from newsletter_bandit.registry.evidence.record import Record

# The check of a log whose propensities were estimated; there is none of another log.
ESTIMATED = "estimated propensities"
VerdictName = Literal["blessed", "not_blessed", "cannot_tell"]


@dataclass(frozen=True)
class Verdict(Record):
    """Outcome of the gate, with its reasons.

    Attributes:
      verdict: "blessed", "not_blessed" or "cannot_tell".
      compared_with: version of the production model, or "logging policy".
      checks: every check in the order it was made.
      looks: how many candidates the window's evaluation rows have judged, this one included; None where that
        was not counted. The file leaves it out then, as older ones do.
      reference: what the candidate was compared with as well, a version or "logging policy"; None for
        nothing. The file leaves it out then, as older ones do.
    """

    FILE = "verdict.json"

    verdict: VerdictName
    compared_with: str
    checks: tuple[Check, ...]
    looks: int | None = None
    reference: str | None = None

    @property
    def blessed(self) -> bool:
        """True if the model may be published."""
        return self.verdict == "blessed"

    @property
    def words(self) -> str:
        """The verdict for people, such as "not blessed"."""
        return self.verdict.replace("_", " ")

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that failed."""
        return tuple(check.name for check in self.checks if check.passed is False)

    @classmethod
    def of(cls, fields: Fields) -> Verdict:
        """The verdict that a file's fields hold."""
        return cls(
            verdict=fields.choice("verdict", get_args(VerdictName)),
            compared_with=fields.text("compared_with"),
            checks=tuple(_check(one) for one in fields.objects("checks")),
            looks=fields.whole("looks") if "looks" in fields else None,
            reference=fields.text("reference") if "reference" in fields else None,
        )

    def body(self) -> dict[str, Any]:
        """The fields as JSON values."""
        later = ("looks", "reference")
        return {name: value for name, value in asdict(self).items() if name not in later or value is not None}


def _check(fields: Fields) -> Check:
    return Check(
        name=fields.text("name"),
        figure=fields.figure("figure"),
        bound=fields.figure("bound"),
        relation=fields.choice("relation", get_args(Relation)),
        passed=fields.optional("passed", fields.flag),
        detail=fields.text("detail"),
    )
