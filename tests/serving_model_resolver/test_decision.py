"""How a model is served."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.serving_model_resolver.decision import decide
from newsletter_bandit.registry.evidence import Decision
from newsletter_bandit.registry.evidence.metrics import Estimate, FloorGain
from tests.tiny import make_use_case

NO_FLOOR = FloorGain(None, None, None, None)
FLOOR = FloorGain(0.035, 0.004, 0.001, 0.25)


def cost(value: float | None) -> Estimate:
    return Estimate(value, 0.002, 0.006, 0.014)


def decided(
    value: float | None, max_cost: float | str, min_rate: float = 0.2, floor: FloorGain = NO_FLOOR
) -> Decision:
    use_case = make_use_case(exploration={"max_cost": max_cost, "min_rate": min_rate})
    return decide(cost(value), 0.1, floor, use_case)


def test_the_cost_may_be_a_share_of_what_the_eval_policy_earns() -> None:
    assert decided(0.012, max_cost="12%").exploration_rate == 1.0
    decision = decided(0.04, max_cost="20%")
    assert decision.exploration_rate == pytest.approx(0.5)
    assert decision.max_cost == pytest.approx(0.02)
    assert decision.reasons[0].endswith("so 50% of the newsletters explore, at the allowed 0.02")
    # A share of nothing is nothing, and of what is unknown as well.
    use_case = make_use_case(exploration={"max_cost": "50%"})
    for earned in (-0.1, 0.0, None):
        assert decide(cost(0.01), earned, NO_FLOOR, use_case).policy == "eval_policy"


def test_within_the_bound_all_newsletters_explore() -> None:
    decision = decided(0.01, max_cost=0.012)
    assert (decision.policy, decision.exploration_rate) == ("serving_policy", 1.0)
    # The interval's upper end, 0.014, is above the bound: the point estimate decides.
    assert decision.reasons[0] == (
        "exploring costs an estimated 0.01 of reward per newsletter (interval 0.006 to 0.014), "
        "within the allowed 0.012"
    )
    assert decided(-0.01, max_cost=0.0).exploration_rate == 1.0


def test_the_reasons_tell_of_the_use_cases_own_units() -> None:
    use_case = make_use_case(exploration={"max_cost": 0.02}, words={"unit": "visit"})
    reasons = decide(cost(0.04), 0.1, FLOOR, use_case).reasons
    assert "0.04 of reward per visit" in reasons[0]
    assert "so 50% of the visits explore" in reasons[0]
    assert "of reward per visit" in reasons[1]
    assert "newsletter" not in "".join(reasons)


def test_above_the_bound_so_many_explore_that_it_is_respected() -> None:
    decision = decided(0.04, max_cost=0.02)
    assert (decision.policy, decision.exploration_rate) == ("serving_policy", 0.5)
    assert "so 50% of the newsletters explore, at the allowed 0.02" in decision.reasons[0]


def test_where_too_few_could_explore_the_eval_policy_is_served() -> None:
    assert decided(0.04, max_cost=0.02, min_rate=0.5).policy == "serving_policy"
    decision = decided(0.04, max_cost=0.02, min_rate=0.51)
    assert (decision.policy, decision.exploration_rate) == ("eval_policy", 0.0)
    assert "would leave a rate of 0.50, less than the 0.51 that is worth it" in decision.reasons[0]
    # A bound of 0 allows no exploration that costs anything, however low the rate may be.
    assert decided(0.01, max_cost=0.0, min_rate=0.0).policy == "eval_policy"


def test_an_unknown_cost_is_not_within_any_bound() -> None:
    decision = decided(None, max_cost=0.9)
    assert (decision.policy, decision.exploration_rate) == ("eval_policy", 0.0)
    assert "unknown" in decision.reasons[0]


def test_the_score_floor_belongs_to_the_serving_policy() -> None:
    decision = decided(0.01, max_cost=0.02, floor=FLOOR)
    assert decision.score_floor == 0.035
    assert decision.reasons[1] == (
        "below a score of 0.035 (25.0% of the newsletters) the default recommender gains 0.004 of reward per "
        "newsletter, at least 0.001"
    )
    without = decided(None, max_cost=0.02, floor=FLOOR)
    assert without.score_floor is None
    assert without.reasons[1].startswith(
        "no score floor, since the eval policy has none: below a score of 0.035"
    )
    assert without.floor_gain == FLOOR
    assert (
        decided(0.01, max_cost=0.02).reasons[1].startswith("no score floor: the default recommender is not")
    )


def test_the_expiry_is_the_settings() -> None:
    use_case = make_use_case(freshness={"expires_after_days": 3})
    assert decide(cost(0.0), 0.1, NO_FLOOR, use_case).expires_after_days == 3


@given(st.floats(-10, 10), st.floats(0, 0.99), st.floats(0, 0.99), st.floats(0, 1))
def test_a_wider_bound_never_lowers_the_rate_and_the_bound_is_respected(
    value: float, one: float, other: float, min_rate: float
) -> None:
    narrow, wide = sorted([one, other])
    rates = [decided(value, bound, min_rate).exploration_rate for bound in (narrow, wide)]
    assert 0.0 <= rates[0] <= rates[1] <= 1.0
    assert max(value, 0.0) * rates[0] <= narrow + 1e-12
    assert rates[0] == 0.0 or rates[0] >= min_rate
