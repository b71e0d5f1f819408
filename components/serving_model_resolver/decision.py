"""The decision how a model is served: policy, exploration rate, score floor and expiry.

The cost of exploration is the value of the eval policy minus that of the serving policy, paired over the same
rows, in units of reward per newsletter. The serving policy is a mixture, so exploring in a share `rate` of
the newsletters costs rate times as much. `exploration.max_cost`, a share of what the eval policy earns or
units of reward, is respected at

    rate = min(1, max_cost / cost), and 1 where exploring costs nothing

A rate below `exploration.min_rate` would teach too little to be worth its cost; then the eval policy is
served. The point estimate decides, and the interval is only recorded. With the upper bound, exploration would
stop whenever rows are few, and nothing more would be learned. With the lower bound, any cost would pass then.

The score floor is the Evaluator's (`components/evaluator/score_floor.py`). It is a criterion of the serving
policy, so it is not attached if the eval policy is served. A model with constraints has none: it was judged
without a floor, and nobody knows how the default recommender stands to its bounds. Its multipliers are those
with which it was judged.
"""

from __future__ import annotations

from newsletter_bandit.exported_model import EVAL_POLICY, SERVING_POLICY, PolicyName
from newsletter_bandit.registry.evidence import Constraints, Decision
from newsletter_bandit.registry.evidence.metrics import Estimate, FloorGain
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.words import Words, counted


def decide(
    cost: Estimate,
    earned: float | None,
    floor: FloorGain,
    use_case: UseCase,
    constraints: Constraints | None = None,
) -> Decision:
    """Decides as the module says; an unknown cost is outside every bound.

    Args:
      cost: cost of exploring.
      earned: value of the eval policy, of which the allowed cost may be a share; None where it is unknown.
      floor: the Evaluator's score floor.
      use_case: gives the bounds of exploration and the freshness.
      constraints: how the model holds its constraints; None where it has none.
    """
    allowed, min_rate = use_case.exploration.max_cost, use_case.exploration.min_rate
    max_cost = allowed.reward if earned is None else allowed.of(earned)
    rate, reason = _rate(cost, max_cost, min_rate, use_case.words)
    policy: PolicyName = SERVING_POLICY if rate > 0.0 else EVAL_POLICY
    days = use_case.freshness.expires_after_days
    return Decision(
        policy=policy,
        exploration_rate=rate,
        score_floor=floor.value if policy == SERVING_POLICY and constraints is None else None,
        expires_after_days=days,
        reasons=(
            reason,
            _floor_reason(floor, policy, use_case.words, constraints),
            f"a ranking is served for {counted(days, 'day', 'days')} (freshness)",
        ),
        exploration_cost=cost,
        max_cost=max_cost,
        min_rate=min_rate,
        floor_gain=floor,
        multipliers={} if constraints is None else constraints.multipliers,
        offsets={} if constraints is None else constraints.offsets,
    )


def _rate(cost: Estimate, max_cost: float, min_rate: float, words: Words) -> tuple[float, str]:
    if cost.value is None:
        return 0.0, f"the cost of exploration is unknown, so nothing shows that it is within {max_cost:.4g}"
    bounds = "unknown interval"
    if cost.low is not None and cost.high is not None:
        bounds = f"interval {cost.low:.4g} to {cost.high:.4g}"
    found = f"exploring costs an estimated {cost.value:.4g} of reward per {words.unit} ({bounds})"
    if cost.value <= max_cost:
        return 1.0, f"{found}, within the allowed {max_cost:.4g}"
    rate = max_cost / cost.value
    if rate == 0.0 or rate < min_rate:
        return 0.0, (
            f"{found}; the allowed {max_cost:.4g} would leave a rate of {rate:.2f}, less than the "
            f"{min_rate:g} that is worth it"
        )
    return rate, f"{found}, so {rate:.0%} of the {words.units} explore, at the allowed {max_cost:.4g}"


def _floor_reason(floor: FloorGain, policy: PolicyName, words: Words, constraints: Constraints | None) -> str:
    if constraints is not None:
        return "no score floor: the constraints were judged without one"
    if floor.value is None or floor.gain is None or floor.lower_bound is None or floor.share is None:
        return "no score floor: the default recommender is not measurably better below any score"
    found = (
        f"below a score of {floor.value:.4g} ({floor.share:.1%} of the {words.units}) the default "
        f"recommender gains {floor.gain:.4g} of reward per {words.unit}, at least {floor.lower_bound:.4g}"
    )
    return found if policy == SERVING_POLICY else f"no score floor, since the eval policy has none: {found}"
