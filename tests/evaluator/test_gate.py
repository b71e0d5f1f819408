"""Truth table of the gate."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from components.evaluator.gate import LOGGING_POLICY, GateMetrics, decide
from newsletter_bandit.checks import Check
from newsletter_bandit.registry.evidence import Verdict
from newsletter_bandit.settings.use_case import Gate

GATE = Gate(
    min_rows=1000,
    min_effective_sample_size=200,
    max_weight=50,
    weight_clip=60,
    min_auc=0.55,
    max_auc_drop=0.02,
    confidence=0.95,
    allowed_margin=0.01,
    max_unsubscribe_ratio=1.5,
)
GOOD = GateMetrics(
    rows=5000,
    effective_sample_size=900.0,
    max_weight=40.0,
    clipped_share=0.0,
    auc=0.61,
    production_auc=0.6,
    difference=0.03,
    lower_bound=0.01,
    upper_bound=0.05,
    compared_with="v1",
    unsubscribe_ratio=1.1,
    unsubscribe_excess_bound=-0.002,
)
FIRST = replace(GOOD, production_auc=None, compared_with=LOGGING_POLICY)


@pytest.mark.parametrize(
    ("changes", "verdict", "failed"),
    [
        ({}, "blessed", []),
        # Bounds themselves are allowed.
        (
            {
                "rows": 1000,
                "effective_sample_size": 200.0,
                "max_weight": 50.0,
                "auc": 0.58,
                "lower_bound": -0.01,
            },
            "blessed",
            [],
        ),
        ({"rows": 999}, "cannot_tell", ["rows"]),
        ({"effective_sample_size": 199.9}, "cannot_tell", ["effective sample size"]),
        ({"max_weight": 50.1}, "cannot_tell", ["largest weight"]),
        ({"auc": 0.54, "production_auc": 0.5}, "not_blessed", ["AUC"]),
        ({"auc": 0.57}, "not_blessed", ["AUC against production"]),
        ({"auc": math.nan}, "cannot_tell", ["AUC", "AUC against production"]),
        ({"production_auc": math.nan}, "cannot_tell", ["AUC against production"]),
        # The interval straddles the margin: wide, or just below it at one end.
        ({"lower_bound": -0.011}, "cannot_tell", ["value"]),
        (
            {"difference": -0.02, "lower_bound": -0.04, "upper_bound": -0.01},
            "cannot_tell",
            ["value"],
        ),
        ({"lower_bound": -math.inf, "upper_bound": math.inf}, "cannot_tell", ["value"]),
        # All of it lies below the margin.
        ({"difference": -0.05, "lower_bound": -0.08, "upper_bound": -0.02}, "not_blessed", ["value"]),
        # More unsubscribes than allowed: estimated, and measured.
        ({"unsubscribe_ratio": 1.5}, "blessed", []),
        ({"unsubscribe_ratio": 1.6}, "cannot_tell", ["unsubscribes"]),
        ({"unsubscribe_ratio": 1.6, "unsubscribe_excess_bound": 0.0}, "cannot_tell", ["unsubscribes"]),
        ({"unsubscribe_ratio": 1.9, "unsubscribe_excess_bound": 1e-6}, "not_blessed", ["unsubscribes"]),
        (
            {"lower_bound": -0.02, "unsubscribe_ratio": 1.9, "unsubscribe_excess_bound": 1e-6},
            "not_blessed",
            ["value", "unsubscribes"],
        ),
        (
            {"rows": 10, "unsubscribe_ratio": 1.9, "unsubscribe_excess_bound": 1e-6},
            "cannot_tell",
            ["rows", "unsubscribes"],
        ),
        # Little data excuses a bad figure, but never a good one; enough data excuses nothing.
        ({"rows": 10, "lower_bound": -0.08, "upper_bound": -0.02}, "cannot_tell", ["rows", "value"]),
        ({"auc": 0.5, "lower_bound": -0.02}, "not_blessed", ["AUC", "AUC against production", "value"]),
    ],
)
def test_verdicts(changes: dict[str, float], verdict: str, failed: list[str]) -> None:
    found = decide(replace(GOOD, **changes), GATE)  # type: ignore[arg-type]
    assert found.verdict == verdict
    assert [check.name for check in found.checks if check.passed is False] == failed
    assert found.blessed == (verdict == "blessed")
    assert found.compared_with == "v1"


def test_first_model_skips_the_comparison_of_auc_alone() -> None:
    verdict = decide(FIRST, GATE)
    assert verdict.blessed
    skipped = [check for check in verdict.checks if check.passed is None]
    assert [(check.name, check.figure) for check in skipped] == [("AUC against production", None)]
    assert decide(replace(FIRST, lower_bound=-0.02, upper_bound=-0.015), GATE).verdict == "not_blessed"


def test_unsubscribes_are_not_checked_where_the_cap_is_off_or_the_log_holds_none() -> None:
    annoying = replace(GOOD, unsubscribe_ratio=9.0, unsubscribe_excess_bound=0.1)
    off = decide(annoying, GATE.model_copy(update={"max_unsubscribe_ratio": None}))
    none = decide(replace(GOOD, unsubscribe_ratio=math.nan, unsubscribe_excess_bound=-math.inf), GATE)
    for verdict, reason in (
        (off, "gate.max_unsubscribe_ratio is null"),
        (none, "the log holds no unsubscribe"),
    ):
        assert verdict.blessed
        check = verdict.checks[-1]
        assert (check.name, check.figure, check.passed) == ("unsubscribes", None, None)
        assert check.detail == f"skipped: {reason}"


def test_the_cap_says_whether_it_is_surely_broken() -> None:
    for bound, words in ((0.001, "surely"), (-0.001, "not surely")):
        verdict = decide(replace(GOOD, unsubscribe_ratio=1.9, unsubscribe_excess_bound=bound), GATE)
        assert verdict.checks[-1].detail.endswith(f"; {words} above it at 95% confidence")


def test_every_check_says_what_it_compared() -> None:
    for check in decide(GOOD, GATE).checks:
        assert check.figure is not None
        assert check.bound is not None
        holds = check.figure >= check.bound if check.relation == ">=" else check.figure <= check.bound
        assert check.passed is holds
        assert f"{check.relation} {check.bound:g}" in check.detail


def test_json_round_trip_is_the_contract(tmp_path: Path) -> None:
    verdict = decide(replace(FIRST, auc=math.nan, lower_bound=-math.inf), GATE)
    verdict.write(tmp_path)

    assert Verdict.read(tmp_path) == verdict
    assert [path.name for path in tmp_path.iterdir()] == ["verdict.json"]
    content = json.loads((tmp_path / "verdict.json").read_text())
    assert sorted(content) == ["checks", "compared_with", "format", "verdict"]
    assert content["compared_with"] == "logging policy"
    for check in content["checks"]:
        assert list(check) == ["name", "figure", "bound", "relation", "passed", "detail"]
    by_name = {check["name"]: check for check in content["checks"]}
    assert by_name["AUC"]["figure"] is None
    assert by_name["rows"] == {
        "name": "rows",
        "figure": 5000.0,
        "bound": 1000.0,
        "relation": ">=",
        "passed": True,
        "detail": "5,000 is >= 1000 (evaluation rows)",
    }


def test_checks_read_back_as_checks() -> None:
    verdict = decide(GOOD, GATE)
    assert all(isinstance(check, Check) for check in Verdict.from_json(verdict.to_json()).checks)
