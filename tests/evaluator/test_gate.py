"""Truth table of the gate."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.evaluator.gate import LOGGING_POLICY, decide
from components.evaluator.gate_metrics import Against, GateMetrics
from newsletter_bandit.checks import Check
from newsletter_bandit.off_policy.checks import PartWeight
from newsletter_bandit.registry.evidence import Verdict
from newsletter_bandit.settings.margin import Loss
from newsletter_bandit.settings.reference import PublishedReference
from newsletter_bandit.settings.use_case import Gate
from newsletter_bandit.settings.words import Words
from tests.other_words import told

GATE = Gate(
    min_rows=1000,
    min_effective_sample_size=200,
    max_weight=50,
    weight_clip=60,
    min_auc=0.55,
    max_auc_drop=0.02,
    confidence=0.95,
    allowed_margin=Loss(reward=0.01),
    max_unsubscribe_ratio=1.5,
    reference=PublishedReference(policy="published", when_unsure="wait"),
)
EARLIER = Against(
    "20251129T101500Z-1a2b3c4d",
    difference=0.02,
    lower_bound=0.0,
    upper_bound=0.04,
    excess_lower_bound=0.0,
    excess_upper_bound=0.04,
    baseline=0.11,
    weights=PartWeight("reference", 0.97, 0.05),
)
GOOD = GateMetrics(
    rows=5000,
    effective_sample_size=900.0,
    max_weight=40.0,
    auc=0.61,
    production_auc=0.6,
    difference=0.03,
    lower_bound=0.01,
    upper_bound=0.05,
    excess_lower_bound=0.01,
    excess_upper_bound=0.05,
    baseline=0.1,
    compared_with="v1",
    mean_weights=(PartWeight("candidate", 1.02, 0.01),),
    sample_ratio_p=0.3,
    values={"candidate": 0.13, "production": 0.1},
    reward_range=(-1.0, 1.0),
    unsubscribe_ratio=1.1,
    unsubscribe_excess_bound=-0.004,
    unsubscribe_excess_upper_bound=-0.002,
    reference=EARLIER,
)
FIRST = replace(GOOD, production_auc=None, compared_with=LOGGING_POLICY, reference=None)
AGAINST = "value against the reference"


def test_estimated_propensities_tell_nothing_unless_the_settings_take_them() -> None:
    estimated = replace(GOOD, estimated_by=("segment", "country"))
    told = decide(estimated, GATE)
    assert (told.verdict, told.failed) == ("cannot_tell", ("estimated propensities",))
    (check,) = (check for check in told.checks if check.name == "estimated propensities")
    assert (
        "estimated by segment, country, and no log shows whether these are all that decided" in check.detail
    )
    allowed = decide(estimated, GATE.model_copy(update={"estimated_propensities": "allow"}))
    assert (allowed.verdict, allowed.failed) == ("blessed", ())
    assert any("which gate.estimated_propensities allows" in check.detail for check in allowed.checks)
    assert "estimated propensities" not in [check.name for check in decide(GOOD, GATE).checks]


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
        # The same of the reference, by its own interval.
        ({"reference": replace(EARLIER, lower_bound=-0.01)}, "blessed", []),
        ({"reference": replace(EARLIER, lower_bound=-0.011)}, "cannot_tell", [AGAINST]),
        ({"reference": replace(EARLIER, lower_bound=-0.04, upper_bound=-0.01)}, "cannot_tell", [AGAINST]),
        ({"reference": replace(EARLIER, lower_bound=-0.04, upper_bound=-0.02)}, "not_blessed", [AGAINST]),
        (
            {"lower_bound": -0.02, "reference": replace(EARLIER, lower_bound=-0.04, upper_bound=-0.02)},
            "not_blessed",
            ["value", AGAINST],
        ),
        (
            {"rows": 10, "reference": replace(EARLIER, lower_bound=-0.04, upper_bound=-0.02)},
            "cannot_tell",
            ["rows", AGAINST],
        ),
        # The log does not do what the reference does, or the margin is all that it earns.
        (
            {
                "reference": replace(
                    EARLIER, upper_bound=-0.02, lower_bound=-0.04, weights=PartWeight("reference", 0.7, 0.1)
                )
            },
            "cannot_tell",
            [AGAINST],
        ),
        ({"reference": replace(EARLIER, clipped_weight=0.05)}, "blessed", []),
        ({"reference": replace(EARLIER, clipped_weight=0.06)}, "cannot_tell", [AGAINST]),
        # The clip favours the candidate: what is worse in spite of that is worse.
        (
            {"reference": replace(EARLIER, lower_bound=-0.04, upper_bound=-0.02, clipped_weight=0.06)},
            "not_blessed",
            [AGAINST],
        ),
        ({"reference": replace(EARLIER, baseline=0.01)}, "cannot_tell", ["margin of the reference"]),
        # More unsubscribes than allowed: estimated, and measured.
        ({"unsubscribe_excess_upper_bound": 0.0}, "blessed", []),
        # The estimate alone never decides: it may be below the cap where the truth is far above.
        ({"unsubscribe_excess_upper_bound": 1e-6}, "cannot_tell", ["unsubscribes"]),
        ({"unsubscribe_ratio": 1.6, "unsubscribe_excess_upper_bound": 0.01}, "cannot_tell", ["unsubscribes"]),
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
def test_verdicts(changes: dict[str, Any], verdict: str, failed: list[str]) -> None:
    found = decide(replace(GOOD, **changes), GATE)
    assert found.verdict == verdict
    assert [check.name for check in found.checks if check.passed is False] == failed
    assert found.blessed == (verdict == "blessed")
    assert found.compared_with == "v1"


def test_first_model_skips_the_comparison_of_auc_alone() -> None:
    verdict = decide(FIRST, GATE)
    assert verdict.blessed
    skipped = [check for check in verdict.checks if check.passed is None]
    assert [check.figure for check in skipped] == [None, None]
    assert [check.name for check in skipped] == ["AUC against production", AGAINST]
    assert decide(replace(FIRST, lower_bound=-0.02, upper_bound=-0.015), GATE).verdict == "not_blessed"


def test_a_reference_has_its_own_margin_and_is_named_with_its_day() -> None:
    reference = PublishedReference(policy="published", allowed_margin=Loss(share=0.2), when_unsure="wait")
    gate = GATE.model_copy(update={"reference": reference})
    found = decide(
        replace(GOOD, reference=replace(EARLIER, lower_bound=-0.02, excess_lower_bound=0.0011)), gate
    )
    assert found.blessed
    assert found.reference == EARLIER.whom
    check = next(check for check in found.checks if check.name == AGAINST)
    # What must be reached is 80% of .11; the bound is .0011 above that.
    assert (check.figure, check.bound) == (pytest.approx(0.0011 / 0.11 - 0.2), -0.2)
    assert "the gain over 20251129T101500Z-1a2b3c4d of 2025-11-29 as a share" in check.detail


@pytest.mark.parametrize(
    ("changes", "passed", "words"),
    [
        ({}, True, "0 is >= -0.01"),
        ({"lower_bound": -0.011}, None, "skipped, the log cannot tell: -0.011 is not >= -0.01"),
        ({"clipped_weight": 0.06}, None, "the clip at 60 takes away 6.0% of its weight"),
        (
            {"lower_bound": -0.04, "upper_bound": -0.02, "weights": PartWeight("reference", 0.7, 0.1)},
            None,
            "the log cannot tell what that earns: the weights' mean is 0.7",
        ),
        ({"lower_bound": -0.04, "upper_bound": -0.02}, False, "-0.04 is not >= -0.01"),
    ],
)
def test_what_holds_against_production_need_not_wait_for_the_reference(
    changes: dict[str, Any], passed: bool | None, words: str
) -> None:
    gate = GATE.model_copy(update={"reference": PublishedReference(policy="published")})
    found = decide(replace(GOOD, reference=replace(EARLIER, **changes)), gate)
    assert found.verdict == ("not_blessed" if passed is False else "blessed")
    check = next(check for check in found.checks if check.name == AGAINST)
    assert check.passed is passed
    assert words in check.detail


@pytest.mark.parametrize(
    ("metrics", "gate", "reason"),
    [
        (GOOD, GATE.model_copy(update={"reference": None}), "gate.reference is null"),
        (FIRST, GATE, "no model is in production"),
        (replace(GOOD, reference=None), GATE, "no version but production itself to look back at"),
    ],
)
def test_without_a_reference_the_check_is_skipped(metrics: GateMetrics, gate: Gate, reason: str) -> None:
    found = decide(metrics, gate)
    assert found.blessed
    check = next(check for check in found.checks if check.name == AGAINST)
    assert (check.passed, check.detail) == (None, f"skipped: {reason}")


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


@pytest.mark.parametrize(
    ("clicks", "changes", "verdict"),
    [
        (1000.0, {"auc": 0.5, "production_auc": 0.5}, "not_blessed"),
        (1000.0, {"auc": 0.54, "production_auc": 0.5}, "cannot_tell"),
        (3.0, {"auc": 0.4, "production_auc": 0.4}, "cannot_tell"),
        # A drop is the difference of two.
        (1000.0, {"auc": 0.6, "production_auc": 0.66}, "not_blessed"),
        (1000.0, {"auc": 0.6, "production_auc": 0.63}, "cannot_tell"),
    ],
)
def test_few_clicks_excuse_a_low_auc(clicks: float, changes: dict[str, float], verdict: str) -> None:
    """With 1,000 clicks of 5,000 rows, the standard error of an AUC is .01; with three it is .17."""
    assert decide(replace(GOOD, clicks=clicks, **changes), GATE).verdict == verdict


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.001, 0.01, "surely above it"),
        (-0.001, 0.01, "not surely on either side of it"),
        (-0.01, -0.001, "surely below it"),
    ],
)
def test_the_cap_says_whether_it_is_surely_respected(low: float, high: float, words: str) -> None:
    found = replace(GOOD, unsubscribe_excess_bound=low, unsubscribe_excess_upper_bound=high)
    assert decide(found, GATE).checks[-1].detail.endswith(f"; {words} at 95% confidence")


TENTH = GATE.model_copy(update={"allowed_margin": Loss(share=0.1)})


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.0, 0.02, "blessed"), (-1e-6, 0.02, "cannot_tell"), (-0.02, -1e-6, "not_blessed")],
)
def test_a_share_of_what_production_earns_may_be_lost(low: float, high: float, verdict: str) -> None:
    """The candidate minus nine tenths of production decides, and the figure is a share of what that earns."""
    found = decide(replace(GOOD, excess_lower_bound=low, excess_upper_bound=high), TENTH)
    assert found.verdict == verdict
    value = next(check for check in found.checks if check.name == "value")
    assert (value.figure, value.bound) == (pytest.approx(low / 0.1 - 0.1), -0.1)


def test_of_a_baseline_that_earns_nothing_no_share_may_be_lost() -> None:
    losing = replace(GOOD, baseline=-0.02, excess_lower_bound=0.5)
    assert decide(replace(losing, lower_bound=0.0), TENTH).blessed
    assert decide(replace(losing, lower_bound=-0.001), TENTH).verdict == "cannot_tell"


@pytest.mark.parametrize("baseline", [0.0081, 0.01, math.nan])
def test_a_margin_of_all_that_the_baseline_earns_is_no_margin(baseline: float) -> None:
    """At a click rate of .8%, a margin of .01 would bless a policy that loses every click."""
    verdict = decide(replace(GOOD, baseline=baseline), GATE)
    assert verdict.verdict == "cannot_tell"
    assert verdict.failed == ("margin",)


@pytest.mark.parametrize(
    ("changes", "failed", "words"),
    [
        # A coin flip logged with .1 in place of .5.
        (
            {"mean_weights": (PartWeight("candidate", 5.03, 0.1),)},
            "mean weight off 1",
            "the weights' mean is 5.03: the propensities are too small",
        ),
        (
            {"mean_weights": (PartWeight("candidate", 1.0, 0.1), PartWeight("production", 0.18, 0.1))},
            "mean weight off 1",
            "the propensities are too large (production)",
        ),
        (
            {
                "mean_weights": (
                    PartWeight("candidate", 1.0, 0.01),
                    PartWeight("candidate, country=CH", 1.3, 0.05),
                    PartWeight("production, country=CH", 1.2, 0.05),
                )
            },
            "mean weight off 1",
            "(candidate, country=CH; production, country=CH)",
        ),
        ({"mean_weights": (PartWeight("candidate", math.nan, math.inf),)}, "mean weight off 1", "unknown"),
        (
            {"sample_ratio_p": 1e-9, "sample_ratios": {"deals": 2.2, "refill": 0.99}},
            "sample ratio",
            "which holds deals 2.2 times as often as they say",
        ),
        ({"clipped_weight": 0.3}, "clipped weight", "the clip at 60 takes away"),
        (
            {"values": {"candidate": 2.72, "production": 0.1}},
            "value within range",
            "candidate 2.72; a reward is -1 to 1",
        ),
    ],
)
def test_propensities_that_cannot_be_right_tell_nothing(
    changes: dict[str, Any], failed: str, words: str
) -> None:
    verdict = decide(replace(GOOD, **changes), GATE)
    assert verdict.verdict == "cannot_tell"
    assert verdict.failed == (failed,)
    assert words in next(check.detail for check in verdict.checks if check.name == failed)


@pytest.mark.parametrize(
    "changes",
    [
        # Chance explains it; nobody's number of rows is off by 5%; nothing is clipped away.
        {"mean_weights": (PartWeight("candidate", 1.4, 0.5),)},
        {"sample_ratio_p": 1e-9, "sample_ratios": {"deals": 1.03, "refill": 0.99}},
        {"sample_ratio_p": 0.001, "sample_ratios": {"deals": 1.5}},
        {"clipped_weight": 0.05},
        {"never_tried": ("deals",)},
    ],
)
def test_what_chance_explains_is_no_fault(changes: dict[str, Any]) -> None:
    assert decide(replace(GOOD, **changes), GATE).blessed


def test_recommenders_that_were_never_tried_are_named() -> None:
    verdict = decide(replace(GOOD, never_tried=("deals", "refill")), GATE)
    check = next(check for check in verdict.checks if check.name == "never tried")
    assert (check.passed, check.detail) == (
        None,
        "skipped: nothing is known of deals; refill, in no row of the log",
    )


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


def test_too_many_newsletters_without_a_value_tell_nothing_and_the_cure_is_named() -> None:
    checks = [check.name for check in decide(GOOD, GATE).checks]
    assert "newsletters left out" not in checks
    few = decide(replace(GOOD, left_out_share=0.1, missing={"basket": 100}), GATE)
    assert (few.verdict, few.failed) == ("blessed", ())
    told = decide(replace(GOOD, left_out_share=0.96, missing={"basket": 192_177}), GATE)
    assert (told.verdict, told.failed) == ("cannot_tell", ("newsletters left out",))
    (check,) = (check for check in told.checks if check.name == "newsletters left out")
    assert check.detail.startswith("0.96 is not <= 0.1 (")
    assert "192,177 newsletters have no value of basket" in check.detail
    assert 'set ingest.value_names.basket: {"": 0}' in check.detail
    assert "reward.terms.basket.attribution_days" in check.detail
    allowed = GATE.model_copy(update={"max_left_out_share": 1.0})
    assert decide(replace(GOOD, left_out_share=0.96, missing={"basket": 1}), allowed).verdict == "blessed"


def test_a_use_case_of_visits_has_no_check_of_unsubscribes_and_its_own_words() -> None:
    words = Words(unit="visit", subject="session")
    few = replace(GOOD, has_unsubscribes=False, left_out_share=0.96, missing={"basket": 1})
    found = decide(few, GATE, words)
    assert found.failed == ("visits left out",)
    assert "unsubscribes" not in [check.name for check in found.checks]
    assert told("\n".join(f"{check.name}: {check.detail}" for check in found.checks)) == []
    assert any("1 visit has no value of basket" in check.detail for check in found.checks)
