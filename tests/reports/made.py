"""Evidence of made-up runs, each as one change of a blessed first model's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from newsletter_bandit.checks import Check
from newsletter_bandit.registry import VersionInfo
from newsletter_bandit.registry.evidence import Drift, FeatureDrift, Metrics, Verdict, VerdictName
from newsletter_bandit.registry.evidence.drift import Summary, ValueShare
from newsletter_bandit.registry.evidence.metrics import (
    ActionOverlap,
    Clicks,
    Difference,
    OverallMetrics,
    SliceShare,
    Uniform,
    Unsubscribes,
)
from newsletter_bandit.reports import Evidence, Outcome
from newsletter_bandit.warehouse.arms import ArmSummary
from newsletter_bandit.warehouse.loading import Loading
from newsletter_bandit.warehouse.window_log import WindowLog
from tests.evidence_records import decision, explanation, metrics, model_figures
from tests.tiny import make_use_case

FIRST, SECOND = "20261102T101500Z-11111111", "20261123T101500Z-22222222"
THIRD = "20261214T101500Z-33333333"
# Checks whose figure must not exceed its bound.
_AT_MOST = ("unsubscribes", "largest weight", "bounds of the reward", "newsletters left out")
# Names that a page must not take for markup.
NAMES = ("Kund'in", "deals & <b>more</b>", "c")


def difference(value: float, low: float, high: float, share: float = 0.1, earned: float = 0.1) -> Difference:
    """A gain, and its excess over what may be lost of what is ``earned``."""
    moved = share * earned
    ends = (low + moved, high + moved)
    return Difference(value, 0.01, low, high, low, high, value + moved, *ends)


def overall(**changes: Any) -> OverallMetrics:
    found = metrics(rows=20_000, candidate=model_figures(value=0.12)).overall
    overlap = {
        name: ActionOverlap(share, to, 500.0, 1.0, 0.0)
        for name, share, to in zip(NAMES, (0.5, 0.3, 0.2), (0.2, 0.2, 0.6), strict=True)
    }
    changed = {
        "difference": difference(0.02, 0.015, 0.0254),
        "overlap": overlap,
        "sample_ratio": 0.4,
        "unsubscribes": Unsubscribes(0.004, 0.001, 0.003, 0.005, 0.8, -0.016, -0.02, -0.012),
        **changes,
    }
    return replace(found, **changed)


def evidence(
    verdict: VerdictName = "blessed",
    outcome: Outcome = "published",
    failed: Mapping[str, tuple[float | None, float, str]] | None = None,
    figures: OverallMetrics | None = None,
    compared_with: str = "logging policy",
    **use_case: Any,
) -> Evidence:
    """Evidence of a run.

    Args:
      verdict: of the gate.
      outcome: of the run.
      failed: by name of a check that failed, its figure, bound and sentence.
      figures: of all rows.
      compared_with: version in production, or "logging policy".
      **use_case: changed settings.
    """
    measured: Metrics = replace(metrics(), overall=figures or overall(), compared_with=compared_with)
    checks = [
        Check("rows", 20_000.0, 2000.0, ">=", True, "20,000 is >= 2000 (evaluation rows)"),
        Check("AUC against production", None, -0.02, ">=", None, "skipped: no model is in production"),
    ]
    checks = [check for check in checks if check.name not in (failed or {})]
    checks += [
        Check(
            name,
            figure,
            bound,
            "<=" if name in _AT_MOST else ">=",
            False,
            detail,
        )
        for name, (figure, bound, detail) in (failed or {}).items()
    ]
    return Evidence(
        use_case=make_use_case(
            recommenders=list(NAMES),
            default_ranking=[NAMES[0]],
            gate={"max_unsubscribe_ratio": 4.0},
            window={"weeks": 4, "anchor": "2026-01-05"},
            **use_case,
        ),
        metrics=measured,
        verdict=Verdict(verdict, compared_with, tuple(checks), 1),
        decision=decision(),
        outcome=outcome,
        version=None if outcome == "not_blessed" else SECOND,
        reason="a phrase",
        run_date=dt.date(2026, 11, 23),
        window=(dt.date(2026, 10, 12), dt.date(2026, 11, 9)),
        options="",
        log=WindowLog(
            arms=tuple(
                ArmSummary(name, rows, 0.1, 0.005, 0.002, 0.1)
                for name, rows in zip(NAMES, (50_000, 30_000, 20_000), strict=True)
            ),
            start=dt.date(2026, 10, 12),
            days=(*[4000] * 10, 0, *[4000] * 15, 0, 0),
            propensities=(0, 60_000, 39_999, 0, 1, 0, 0, 0, 0, 0),
            load=Loading(
                "ingest", "2026-11-23 09:00 UTC", 100_010, 100_000, 3, {"propensity: out of <range>": 7}
            ),
        ),
    )


def drift() -> Drift:
    """One feature moved in every way that strings can, and one as numbers can; two did not."""
    return Drift(
        compared_with=FIRST,
        reason="",
        rows=80_000,
        rows_before=79_000,
        judged=True,
        features=(
            FeatureDrift(
                name="colour",
                measure="L-infinity",
                distance=0.2,
                max_distance=0.1,
                before=Summary(0.01, (ValueShare("<red>", 0.65), ValueShare("green", 0.3))),
                now=Summary(0.21, (ValueShare("<red>", 0.45), ValueShare("green", 0.45))),
                max_missing_change=0.05,
                new=(ValueShare("pink", 0.1),),
                vanished=(ValueShare("blue", 0.06),),
                new_share=0.1,
                vanished_share=0.06,
                max_new_share=0.05,
            ),
            FeatureDrift(
                "height",
                "Jensen-Shannon",
                0.3125,
                0.05,
                Summary(0.0, (), 151.0, 155.0, 159.0),
                Summary(0.0, (), 1.51, 1.55, 1.59),
                0.05,
            ),
            FeatureDrift(
                "weight", "Jensen-Shannon", None, 0.05, None, Summary(0.0, (), 50.0, 70.0, 90.0), 0.05
            ),
            FeatureDrift(
                "member",
                "L-infinity",
                0.01,
                0.1,
                Summary(0.0, (ValueShare("true", 0.51), ValueShare("false", 0.49))),
                Summary(0.0, (ValueShare("true", 0.5), ValueShare("false", 0.5))),
                0.05,
            ),
        ),
    )


def refused(**failed: tuple[float | None, float, str]) -> Evidence:
    """Evidence of a run on which the gate cannot tell, by the name of a check with underscores."""
    named = {name.replace("_", " "): found for name, found in failed.items()}
    return evidence("cannot_tell", "not_blessed", named)


def wrong_propensities() -> Evidence:
    """A split of 50/30/20 that is logged as thirds."""
    shares = zip(NAMES, (0.5, 0.3, 0.2), strict=True)
    overlap = {name: ActionOverlap(share, 0.3, 500.0, 3 * share, 50.0) for name, share in shares}
    return evidence(
        "cannot_tell",
        "not_blessed",
        {"sample ratio": (0.0, 0.0001, "the propensities are not those of the log")},
        overall(overlap=overlap, sample_ratio=0.0),
    )


def with_everything() -> Evidence:
    """Evidence against a production model, with all that earlier versions did not measure."""
    later = {"baseline": 0.11, "difference": 0.02, "difference_low": 0.015, "difference_high": 0.025}
    overlap = {
        name: replace(
            one,
            production_share=0.3,
            value=value,
            value_low=value - 0.01,
            value_high=value + 0.01,
            explored_share=0.041,
        )
        for (name, one), value in zip(overall().overlap.items(), (0.04, 0.09, 0.08), strict=True)
    }
    figures = overall(
        overlap=overlap,
        clicks=Clicks(0.13, 0.001, 0.12, 0.14, **later),
        unsubscribes=Unsubscribes(0.004, 0.001, 0.003, 0.005, 0.8, -0.016, -0.02, -0.012, **later),
        production=model_figures(value=0.1),
        uniform=Uniform(0.07, 0.065, 0.075),
    )
    found = evidence(figures=figures, compared_with=FIRST)
    shares = {name: SliceShare(0.3, share, 0.3) for name, share in zip(NAMES, (0.9, 0.02, 0.08), strict=True)}
    one = replace(found.metrics.slices["colour=red"], shares=shares)
    slices = {f"favourite category={i}": one for i in range(12)}
    measured = replace(found.metrics, slices=slices)
    return replace(found, metrics=measured, explanation=explanation(), drift=drift())


def version(name: str, current: bool = False) -> VersionInfo:
    """A published version."""
    created = dt.datetime.strptime(name[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    found = evidence()
    return VersionInfo(name, created, current, found.verdict, found.decision, found.metrics)
