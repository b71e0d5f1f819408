"""Report of what a run read and cost, written when it ends, even if it fails."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter_bandit.files import write_text

if TYPE_CHECKING:
    from pipelines.events import StepEvent

FOLDER = "runs"


@dataclass(frozen=True)
class RunReport:
    """One run of a pipeline.

    Attributes:
      pipeline: name of the pipeline.
      run_date: day that it ran for.
      started_at: start of the run, UTC.
      seconds: wall time of the whole run.
      succeeded: True if every step succeeded.
      reads: sentence on the bytes that its query was expected to read; None if reading costs nothing.
      steps: steps in their order, each with its state, wall time and figures (rows, bytes, users).
    """

    pipeline: str
    run_date: dt.date
    started_at: dt.datetime
    seconds: float
    succeeded: bool
    reads: str | None
    steps: Sequence[StepEvent]

    def write(self, workdir: Path) -> Path:
        """Writes `runs/<pipeline>-<start>.json` in the work folder; a file that exists is another run's and
        stays.
        """
        path = workdir / FOLDER / f"{self.pipeline}-{self.started_at:%Y%m%dT%H%M%S.%fZ}.json"
        content = {
            **asdict(self),
            "run_date": self.run_date.isoformat(),
            "started_at": self.started_at.isoformat(),
            "seconds": round(self.seconds, 3),
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
        }
        write_text(path, json.dumps(content, indent=2) + "\n")
        return path
