"""Record of what a run read and cost, and what came of it, written when it ends, even if it fails."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter_bandit import records
from newsletter_bandit.files import write_text
from newsletter_bandit.reports.evidence import Evidence

if TYPE_CHECKING:
    from pipelines.events import StepEvent

FOLDER = "runs"
_EVIDENCE = "evidence"


@dataclass(frozen=True)
class RunRecord:
    """One run of a pipeline.

    Attributes:
      pipeline: name of the pipeline.
      run_date: day that it ran for.
      started_at: start of the run, UTC.
      seconds: wall time of the whole run.
      succeeded: True if every step succeeded.
      reads: sentence on the bytes that its query was expected to read; None if reading costs nothing.
      steps: steps in their order, each with its state, wall time and figures (rows, bytes, users).
      refusal: message of the error that ended the run, if it was one that the user can fix; None otherwise.
      evidence: of a training that ended; None for other runs.
    """

    pipeline: str
    run_date: dt.date
    started_at: dt.datetime
    seconds: float
    succeeded: bool
    reads: str | None
    steps: Sequence[StepEvent]
    refusal: str | None = None
    evidence: Evidence | None = None

    def write(self, workdir: Path) -> Path:
        """Writes `runs/<pipeline>-<start>.json` in the work folder, and returns its path.

        A training's file also has verdict, outcome, version and values (`Evidence.summary`), and at its end
        the whole evidence.
        """
        path = workdir / FOLDER / f"{self.pipeline}-{self.started_at:%Y%m%dT%H%M%S.%fZ}.json"
        content = {
            "pipeline": self.pipeline,
            "run_date": self.run_date.isoformat(),
            "started_at": self.started_at.isoformat(),
            "seconds": round(self.seconds, 3),
            "succeeded": self.succeeded,
            "refusal": self.refusal,
            "reads": self.reads,
            **({} if self.evidence is None else self.evidence.summary()),
            "steps": [
                {
                    "step": step.step,
                    "state": step.state,
                    "seconds": None if step.seconds is None else round(step.seconds, 3),
                    "detail": step.detail,
                    **step.figures,
                }
                for step in self.steps
            ],
            **({} if self.evidence is None else {_EVIDENCE: self.evidence.content()}),
        }
        write_text(path, records.to_json(content))
        return path


def evidence_of(path: Path) -> Evidence | None:
    """The evidence in a run's file; None where it has none: of another pipeline, of a run that failed, or of
    an earlier version.

    Raises:
      DataError: the file is damaged, or its evidence of another format.
      SettingsError: the use case has settings that this version does not know.
    """
    fields = records.read(str(path))
    return Evidence.nested(fields.object(_EVIDENCE)) if _EVIDENCE in fields else None


def page_of(path: Path) -> Path:
    """The report for people that belongs to a run's file."""
    return path.with_suffix(".html")
