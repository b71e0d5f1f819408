"""`report.json`: all that the report of one training run is made of, apart from the registry's history."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from newsletter_bandit.errors import DataError
from newsletter_bandit.records import Fields
from newsletter_bandit.registry import Registry
from newsletter_bandit.registry.evidence import (
    Decision,
    Drift,
    Explanation,
    Metrics,
    Placement,
    Refitted,
    Verdict,
)
from newsletter_bandit.registry.evidence.record import Record
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.window_log import WindowLog

Outcome = Literal["published", "not_blessed", "superseded", "pinned", "waiting"]


@dataclass(frozen=True)
class Evidence(Record):
    """What is known of one training run and its model.

    Attributes:
      use_case: the settings that it was trained with.
      metrics, verdict, decision: what the Evaluator measured, what its gate said, how the model is served.
      outcome: what became of the model.
      version: its name in the registry; None if it was not blessed.
      reason: a phrase on the outcome.
      run_date: day of the run; None where it is unknown.
      window: first day and day after the last of the rows; None likewise.
      log: what the window holds, training rows included; None where nobody looked.
      options: options of the command that trained, such as "--use-case shop.yaml", as a command of the report
        needs them; "" for none, None where they are unknown: on Vertex AI, and in files of earlier versions.
      explanation: why the model chooses as it does; None where nobody asked, as in files of earlier versions.
      drift: how far the features moved; None where nobody measured it, and in files of earlier versions.
      refit: how the second training came out, which the other evidence is not about; None where there was
        none to be.
    """

    FILE = "report.json"

    use_case: UseCase
    metrics: Metrics
    verdict: Verdict
    decision: Decision
    outcome: Outcome
    version: str | None
    reason: str
    run_date: dt.date | None = None
    window: tuple[dt.date, dt.date] | None = None
    log: WindowLog | None = None
    options: str | None = None
    explanation: Explanation | None = None
    drift: Drift | None = None
    refit: Refitted | None = None

    @property
    def newsletters(self) -> int | None:
        """Newsletters in the window, training rows included; None where nobody counted them."""
        return None if self.log is None else self.log.newsletters

    @classmethod
    def of(cls, fields: Fields) -> Evidence:
        """The evidence that a file's fields hold.

        Raises:
          DataError: a field is missing or of another kind.
          SettingsError: the use case has settings that this version does not know.
        """
        return cls(
            use_case=UseCase.from_json(json.dumps(fields.object("use_case").content)),
            metrics=Metrics.nested(fields.object("metrics")),
            verdict=Verdict.nested(fields.object("verdict")),
            decision=Decision.nested(fields.object("decision")),
            outcome=fields.choice("outcome", get_args(Outcome)),
            version=fields.optional("version", fields.text),
            reason=fields.text("reason"),
            run_date=fields.optional("run_date", lambda name: _day(fields.text(name), fields, name)),
            window=fields.optional("window", lambda name: _window(fields, name)),
            log=fields.optional("log", lambda name: WindowLog.of(fields.object(name))),
            options=fields.optional("options", fields.text) if "options" in fields else None,
            explanation=(
                fields.optional("explanation", lambda name: Explanation.nested(fields.object(name)))
                if "explanation" in fields
                else None
            ),
            drift=(
                fields.optional("drift", lambda name: Drift.nested(fields.object(name)))
                if "drift" in fields
                else None
            ),
            refit=Refitted.nested(fields.object("refit")) if "refit" in fields else None,
        )

    def body(self) -> dict[str, Any]:
        """The fields as JSON values."""
        refit = {} if self.refit is None else {"refit": self.refit.content()}
        return {
            "use_case": json.loads(self.use_case.to_json()),
            "metrics": self.metrics.content(),
            "verdict": self.verdict.content(),
            "decision": self.decision.content(),
            "outcome": self.outcome,
            "version": self.version,
            "reason": self.reason,
            "run_date": None if self.run_date is None else self.run_date.isoformat(),
            "window": None if self.window is None else [day.isoformat() for day in self.window],
            "log": None if self.log is None else self.log.body(),
            "options": self.options,
            "explanation": None if self.explanation is None else self.explanation.content(),
            "drift": None if self.drift is None else self.drift.content(),
            **refit,
        }

    def summary(self) -> Mapping[str, Any]:
        """What a script wants to know of the run: verdict, outcome, version, values and intervals in units of
        reward per newsletter, the names of the checks that failed, those of the features that drifted (None
        where nothing was compared), and how a refit came out, if the settings want one.
        """
        overall = self.metrics.overall
        figures = {
            "candidate": overall.candidate.serving_policy.values["dr"],
            "logging_policy": overall.logging_policy,
            "difference": overall.difference,
        }
        if overall.production is not None:
            figures["production"] = overall.production.serving_policy.values["dr"]
        refit = {} if self.refit is None else {"refit": self.refit.outcome}
        return {
            "verdict": self.verdict.verdict,
            "propensities": self.metrics.propensities,
            "compared_with": self.verdict.compared_with,
            "failed_checks": list(self.verdict.failed),
            "drifted": (
                None
                if self.drift is None or self.drift.compared_with is None
                else [feature.name for feature in self.drift.drifted]
            ),
            "outcome": self.outcome,
            "version": self.version,
            "values": {
                name: {"value": found.value, "low": found.low, "high": found.high}
                for name, found in figures.items()
            },
            **refit,
        }


def of_version(registry: Registry, version: str) -> Evidence:
    """The evidence that the registry keeps of a version; of its window's newsletters it knows only those that
    judged it.

    Raises:
      DataError: there is no such version, or its evidence is missing or damaged.
      SettingsError: its use case has settings that this version of newsletter-bandit does not know.
    """
    info = registry.info(version)
    if info.metrics is None or info.verdict is None or info.decision is None:
        raise DataError(f"{version}: was published without its evidence; train and publish it again")
    look = next((look for look in registry.looks.all() if look.version == version), None)
    days = None if look is None else [dt.date.fromisoformat(day) for day in look.window]
    return Evidence(
        use_case=UseCase.from_json(registry.use_case(version)),
        metrics=info.metrics,
        verdict=info.verdict,
        decision=info.decision,
        outcome=_outcome(info.placement),
        version=version,
        reason=info.verdict.words if info.placement is None else info.placement.reason,
        window=None if days is None else (days[0], days[1]),
        explanation=registry.explanation(version),
        drift=registry.kept(version, Drift),
        refit=registry.kept(version, Refitted),
    )


def _outcome(placement: Placement | None) -> Outcome:
    """What became of a published version, from what stood in its way."""
    if placement is None or placement.outcome == "placed":
        return "published"
    return placement.outcome


def _day(text: str, fields: Fields, name: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise DataError(f"{fields.source}: {name} is {text!r}; allowed: a day, YYYY-MM-DD") from None


def _window(fields: Fields, name: str) -> tuple[dt.date, dt.date]:
    days = [_day(text, fields, name) for text in fields.texts(name)]
    if len(days) != 2:
        raise DataError(
            f"{fields.source}: {name} has {len(days)} days; allowed: the first, and the day after the last"
        )
    return days[0], days[1]
