"""The runs of a use case, from the records in its work folder."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from newsletter_bandit import records
from newsletter_bandit.errors import DataError
from newsletter_bandit.records import Fields
from newsletter_bandit.registry.versions import Standing
from newsletter_bandit.reports.evidence import Evidence
from pipelines.local import progress
from pipelines.local.progress import Progress
from pipelines.local.run_record import FOLDER, evidence_of, page_of
from pipelines.workspace import Workspace

Tone = Literal["good", "bad", "unsure", "plain"]

_OUTCOMES: dict[str, tuple[Tone, str]] = {
    "published": ("good", "published"),
    "superseded": ("unsure", "superseded"),
    "pinned": ("unsure", "kept out by a pin"),
    "waiting": ("unsure", "blessed, sign-off needed"),
}
_VERDICTS: dict[str, tuple[Tone, str]] = {
    "not_blessed": ("bad", "not blessed"),
    "cannot_tell": ("unsure", "cannot tell"),
}

# What became of a version that waited, in the words of the runs that waited for nobody.
SIGNED_OFF: dict[Standing, tuple[Tone, str]] = {
    "production": _OUTCOMES["published"],
    "replaced": _OUTCOMES["published"],
    "rejected": ("bad", "blessed, rejected"),
    "superseded": ("unsure", "blessed, superseded"),
}


@dataclass(frozen=True)
class Step:
    """One step of a run; ``seconds`` is None where nobody took the time."""

    name: str
    state: str
    seconds: float | None
    detail: str


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
      name: of its file, without the ending.
      pipeline: "training", "prediction" or "tuning".
      started: UTC.
      tone, result: what came of it, in a few words, and how that is coloured.
      run_date: day that it ran for; "" where the record cannot be read.
      seconds: wall time; None likewise.
      detail: why it failed, what is to be looked at, or why its record cannot be read; "" for other runs.
      failed_checks: names of the gate's checks that failed.
      version: version that it published; None where it published none.
      report: the page for people; None where there is none.
      steps: in their order.
      waited: its version waited for a sign-off when it ended; what became of it, the registry knows.
    """

    name: str
    pipeline: str
    started: dt.datetime
    tone: Tone
    result: str
    run_date: str = ""
    seconds: float | None = None
    detail: str = ""
    failed_checks: tuple[str, ...] = ()
    version: str | None = None
    report: Path | None = None
    steps: tuple[Step, ...] = ()
    waited: bool = False


class PastRuns:
    """The runs of a use case on this machine.

    Args:
      workspace: use case and work folder.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workdir = workspace.workdir
        self._use_case = workspace.use_case.name
        self._folder = workspace.workdir / FOLDER
        name = re.escape(workspace.use_case.name)
        self._name = re.compile(rf"{name}-(?P<pipeline>[a-z]+)-(?P<time>\d{{8}}T\d{{6}}\.\d{{6}}Z)\.json")

    def names(self) -> list[str]:
        """Names of all runs, the newest first."""
        found = []
        for path in self._folder.glob("*.json"):
            match = self._name.fullmatch(path.name)
            if match is not None:
                found.append((match["time"], path.stem))
        return [name for _, name in sorted(found, reverse=True)]

    def read(self, names: Sequence[str]) -> list[Run]:
        """The runs of `names`; a record that cannot be read is a run that says so."""
        return [self._read(name) for name in names]

    def evidence(self, name: str) -> Evidence | None:
        """The evidence in a run's record; None where it has none; raises as `evidence_of` does."""
        return evidence_of(self._folder / f"{name}.json")

    def evidence_of_version(self, version: str) -> Evidence | None:
        """The evidence of the newest run that published a version; None where no record here has any."""
        for run in self.read(self.names()):
            if run.version == version:
                found = self.evidence(run.name)
                if found is not None:
                    return found
        return None

    def under_way(self) -> list[Progress]:
        """The runs that have no record yet; raises as `progress.under_way` does."""
        found = progress.under_way(self._workdir)
        return [run for run in found if run.pipeline.rpartition("-")[0] == self._use_case]

    def _read(self, name: str) -> Run:
        path = self._folder / f"{name}.json"
        match = self._name.fullmatch(path.name)
        assert match is not None  # a name of `names`
        started = dt.datetime.strptime(match["time"], "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=dt.UTC)
        try:
            return _run(records.read(str(path)), name, match["pipeline"], started, page_of(path))
        except DataError as error:
            return Run(name, match["pipeline"], started, "bad", "record unreadable", detail=str(error))


def _run(fields: Fields, name: str, pipeline: str, started: dt.datetime, page: Path) -> Run:
    # Records of earlier versions of newsletter-bandit do not have them.
    outcome = fields.text("outcome") if "outcome" in fields else None
    verdict = fields.text("verdict") if "verdict" in fields else None
    refusal = fields.optional("refusal", fields.text) if "refusal" in fields else None
    steps = tuple(
        Step(one.text("step"), one.text("state"), one.optional("seconds", one.number), one.text("detail"))
        for one in fields.objects("steps")
    )
    tone: Tone
    if not fields.flag("succeeded"):
        tone, result = "bad", "failed"
        broken = [step.detail for step in steps if step.state == "failed"]
        refusal = refusal or next(iter(broken), "")
    else:
        tone, result = _VERDICTS.get(verdict or "", _OUTCOMES.get(outcome or "", ("plain", "finished")))
        if "warnings" in fields:  # of a prediction
            warnings = fields.texts("warnings")
            tone, result = ("unsure", "something to look at") if warnings else ("good", "stored")
            refusal = "; ".join(warnings)
    return Run(
        name,
        pipeline,
        started,
        tone,
        result,
        fields.text("run_date"),
        fields.number("seconds"),
        refusal or "",
        fields.texts("failed_checks") if "failed_checks" in fields else (),
        fields.optional("version", fields.text) if "version" in fields else None,
        page if page.is_file() else None,
        steps,
        (tone, result) == _OUTCOMES["waiting"],
    )
