"""Record of what a run read and cost, and what came of it, written when it ends, even if it fails."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsletter_bandit import records
from newsletter_bandit.files import write_text
from newsletter_bandit.reports.evidence import Evidence
from newsletter_bandit.reports.prediction_day import PredictionDay, StepTime, Took, summary

if TYPE_CHECKING:
    from pipelines.events import StepEvent

FOLDER = "runs"
_EVIDENCE, _DAY = "evidence", "prediction_day"


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
      evidence: of a training that came to a verdict, or of a prediction that stored rankings; None for other
        runs.
    """

    pipeline: str
    run_date: dt.date
    started_at: dt.datetime
    seconds: float
    succeeded: bool
    reads: str | None
    steps: Sequence[StepEvent]
    refusal: str | None = None
    evidence: Evidence | PredictionDay | None = None

    @property
    def took(self) -> Took:
        """How long the run took, step by step."""
        return Took(self.seconds, tuple(StepTime(step.step, step.seconds) for step in self.steps))

    @property
    def _summary(self) -> Mapping[str, Any]:
        if self.evidence is None:
            return {}
        if isinstance(self.evidence, PredictionDay):
            return summary(self.evidence)
        return self.evidence.summary()

    @property
    def _key(self) -> str:
        return _DAY if isinstance(self.evidence, PredictionDay) else _EVIDENCE

    def write(self, workdir: Path) -> Path:
        """Writes `runs/<pipeline>-<start>.json` in the work folder, and returns its path.

        The file also has what a script wants to know of the evidence (`summary`), and at its end all of it.
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
            **self._summary,
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
            **({} if self.evidence is None else {self._key: self.evidence.content()}),
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


def day_of(path: Path) -> tuple[PredictionDay, Took] | None:
    """The evidence of a prediction in a run's file, and how long it took; else as `evidence_of`."""
    fields = records.read(str(path))
    if _DAY not in fields:
        return None
    steps = tuple(
        StepTime(one.text("step"), one.optional("seconds", one.number)) for one in fields.objects("steps")
    )
    return PredictionDay.nested(fields.object(_DAY)), Took(fields.number("seconds"), steps)


def page_of(path: Path) -> Path:
    """The report for people that belongs to a run's file."""
    return path.with_suffix(".html")
