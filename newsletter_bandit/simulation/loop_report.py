"""Runs of the closed loop as figures: mean and spread over seeds, by week and learner; JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from newsletter_bandit.errors import DataError
from newsletter_bandit.files import write_text
from newsletter_bandit.simulation.runs import Run, Week

JSON_FILE, CSV_FILE = "closed_loop.json", "closed_loop.csv"
REFERENCES = ("uniform", "logging", "best_single", "oracle")
FIGURES = (
    "expected_reward",
    "expected_reward_greedy",
    "gap_closed",
    "reward",
    "click_rate",
    "unsubscribe_rate",
    "regret",
    "suboptimal_share",
)


@dataclass(frozen=True)
class Spread:
    """A figure over seeds; `deviation` is the sample standard deviation, None for one seed."""

    mean: float
    deviation: float | None

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Mean and standard deviation of one or more values."""
        found = list(values)
        return cls(statistics.fmean(found), statistics.stdev(found) if len(found) > 1 else None)


@dataclass(frozen=True)
class GateRecord:
    """Verdicts of a learner's gate over all weeks and seeds.

    Attributes:
      verdicts: count of each verdict.
      intervals: number of finite intervals.
      covered: number of them that contained the true difference.
    """

    verdicts: Mapping[str, int]
    intervals: int
    covered: int


@dataclass(frozen=True)
class LearnerFigures:
    """One learner over all its seeds.

    Attributes:
      seeds: in ascending order.
      weeks: for each week, `FIGURES` by name; one that a run lacks is left out.
      gate: None for a learner without a gate.
      seconds: mean wall clock of a week by part.
    """

    learner: str
    seeds: tuple[int, ...]
    weeks: tuple[Mapping[str, Spread], ...]
    gate: GateRecord | None
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Report:
    """All learners side by side.

    Attributes:
      learners: best last week first.
      references: by name, for each week the value of a policy that needs no learning, mean over seeds.
      best_single: name of the best single recommender, most frequent over weeks and seeds.
    """

    learners: tuple[LearnerFigures, ...]
    references: Mapping[str, tuple[float, ...]]
    best_single: str


def report(runs: Sequence[Run]) -> Report:
    """Puts runs together.

    Raises:
      DataError: no runs, of different lengths, or two of one seed that did not start from the same log.
    """
    if not runs:
        raise DataError("closed loop: found no runs; allowed: one or more")
    lengths = {len(run.weeks) for run in runs}
    if len(lengths) > 1:
        raise DataError(f"closed loop: found runs of {sorted(lengths)} weeks; allowed: all of one length")
    worlds: dict[int, Run] = {}
    for run in runs:
        other = worlds.setdefault(run.seed, run)
        if other.digest != run.digest:
            raise DataError(
                f"closed loop: seed {run.seed}: {other.learner} and {run.learner} started from different "
                "logs; allowed: runs of the same setting and use case"
            )
    learners = [
        _figures([run for run in runs if run.learner == name])
        for name in dict.fromkeys(r.learner for r in runs)
    ]
    by_week = list(zip(*(run.weeks for run in worlds.values()), strict=True))
    singles = [week.best_single_recommender for weeks in by_week for week in weeks]
    return Report(
        learners=tuple(sorted(learners, key=lambda figures: -figures.weeks[-1]["expected_reward"].mean)),
        references={
            name: tuple(statistics.fmean(getattr(week, name) for week in weeks) for weeks in by_week)
            for name in REFERENCES
        },
        best_single=statistics.mode(singles),
    )


def write(folder: Path, runs: Sequence[Run]) -> None:
    """Writes `closed_loop.json` (figures) and `closed_loop.csv` (per learner, seed and week), atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / JSON_FILE, json.dumps(as_json(report(runs)), indent=2, allow_nan=False) + "\n")
    write_text(folder / CSV_FILE, _csv(runs))


def as_json(made: Report) -> dict[str, Any]:
    """The report as JSON-able values."""

    def spread(value: Spread) -> dict[str, float | None]:
        return {"mean": value.mean, "deviation": value.deviation}

    return {
        "references": {name: list(values) for name, values in made.references.items()},
        "best_single_recommender": made.best_single,
        "learners": [
            {
                "learner": figures.learner,
                "seeds": list(figures.seeds),
                "weeks": [{name: spread(value) for name, value in week.items()} for week in figures.weeks],
                "gate": vars(figures.gate) if figures.gate is not None else None,
                "seconds": dict(figures.seconds),
            }
            for figures in made.learners
        ],
    }


def _figures(runs: Sequence[Run]) -> LearnerFigures:
    weeks = [week for run in runs for week in run.weeks]
    by_week = zip(*(run.weeks for run in runs), strict=True)
    return LearnerFigures(
        learner=runs[0].learner,
        seeds=tuple(sorted(run.seed for run in runs)),
        weeks=tuple(_week(same_week) for same_week in by_week),
        gate=_gate(weeks),
        seconds={
            part: statistics.fmean(week.seconds.get(part, 0.0) for week in weeks) for part in _parts(weeks)
        },
    )


def _week(weeks: Sequence[Week]) -> dict[str, Spread]:
    values = {name: [getattr(week, name) for week in weeks] for name in FIGURES}
    return {name: Spread.of(found) for name, found in values.items() if None not in found}


def _gate(weeks: Sequence[Week]) -> GateRecord | None:
    verdicts = [week.verdict for week in weeks if week.verdict is not None]
    if not verdicts:
        return None
    covered = [week.covered for week in weeks if week.covered is not None]
    counts = {name: verdicts.count(name) for name in sorted(set(verdicts))}
    return GateRecord(counts, len(covered), sum(covered))


def _parts(weeks: Sequence[Week]) -> list[str]:
    return list(dict.fromkeys(part for week in weeks for part in week.seconds))


def _csv(runs: Sequence[Run]) -> str:
    names = [field.name for field in fields(Week) if field.name != "seconds"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["learner", "seed", *names, "gap_closed", "seconds"])
    for run in runs:
        for week in run.weeks:
            values = [getattr(week, name) for name in names]
            seconds = round(sum(week.seconds.values()), 3)
            writer.writerow([run.learner, run.seed, *values, week.gap_closed, seconds])
    return text.getvalue()
