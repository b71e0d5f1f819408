"""Evidence as the steps write it, for tests that need some and do not care what it says."""

from __future__ import annotations

from typing import Any

from newsletter_bandit.checks import Check
from newsletter_bandit.exported_model import SERVING_POLICY, PolicyName
from newsletter_bandit.registry.evidence import (
    Constraints,
    Decision,
    Explanation,
    Metrics,
    Verdict,
    VerdictName,
)
from newsletter_bandit.registry.evidence.constraints import Held, Point
from newsletter_bandit.registry.evidence.explanation import (
    ExampleUser,
    Importance,
    Moved,
    Question,
    Ranked,
    Rule,
    Tree,
)
from newsletter_bandit.registry.evidence.metrics import (
    ActionOverlap,
    Difference,
    Estimate,
    FloorGain,
    LoggingPolicy,
    ModelFigures,
    OverallMetrics,
    PolicyFigures,
    Reference,
    SliceMetrics,
    Unsubscribes,
    Weights,
)

NO_FLOOR = FloorGain(None, None, None, None)
WEIGHTS = Weights(
    effective_sample_size=1234.4,
    max_weight=23.4,
    max_weight_unclipped=23.4,
    mean_weight=1.02,
    clipped_share=0.0,
    top_share=0.0871,
)


def estimate(value: float | None, reach: float = 0.01) -> Estimate:
    """An estimate whose interval reaches so far to both sides; unknown as a whole where the value is."""
    if value is None:
        return Estimate(None, None, None, None)
    return Estimate(value, reach / 2, round(value - reach, 6), round(value + reach, 6))


def model_figures(value: float = 0.21, cost: float | None = 0.01, auc: float | None = 0.6) -> ModelFigures:
    """A model with one value, in units of reward, by each of two estimators."""
    policy = PolicyFigures({"ips": estimate(value), "dr": estimate(value)}, WEIGHTS)
    return ModelFigures(policy, policy, auc, estimate(cost))


def metrics(
    rows: int = 500,
    candidate: ModelFigures | None = None,
    production: ModelFigures | None = None,
    floor: FloorGain = NO_FLOOR,
    reference: Reference | None = None,
) -> Metrics:
    """The evaluation of a candidate."""
    a_slice = SliceMetrics(
        rows=rows,
        rows_unknown_recommender=0,
        logging_policy=LoggingPolicy(0.01, None, 0.0, 0.02, 0.05, 0.04, 0.03),
        difference_to_logging=estimate(0.01),
        difference=Difference(0.01, None, 0.0, 0.02, 0.0, 0.02),
        unsubscribes=Unsubscribes(None, None, None, None, None, None, None),
        candidate=candidate or model_figures(),
        production=production,
    )
    return Metrics(
        compared_with="logging policy",
        confidence=0.95,
        weight_clip=100.0,
        recommenders=("a", "b"),
        overall=OverallMetrics(
            **vars(a_slice),
            score_floor=floor,
            overlap={name: ActionOverlap(0.5, 0.5, 100.0) for name in ("a", "b")},
            reference=reference,
        ),
        slices={"colour=red": a_slice},
    )


def verdict(name: VerdictName = "blessed", *failed: str) -> Verdict:
    """A verdict with a check that passed, one that did not apply, and those that failed."""
    passed: dict[str, bool | None] = {"rows": True, "AUC against production": None}
    passed |= dict.fromkeys(failed, False)
    checks = tuple(Check(check, None, None, ">=", held, "") for check, held in passed.items())
    return Verdict(name, "logging policy", checks)


def decision(policy: PolicyName = SERVING_POLICY, rate: float = 1.0, floor: float | None = None) -> Decision:
    """A decision to serve a policy."""
    return Decision(
        policy=policy,
        exploration_rate=rate,
        score_floor=floor,
        expires_after_days=8,
        reasons=("exploring costs 0.1", "below a score [sic]"),
        exploration_cost=estimate(0.01),
        max_cost=0.02,
        min_rate=0.2,
        floor_gain=NO_FLOOR,
    )


def constraints(holds: bool = True) -> Constraints:
    """A cap on unsubscribes that costs a little, and a least share that costs nothing."""
    frontier = (Point(0.0, 0.08, 3.1, 3.6), Point(1.0, 0.078, 1.2, 1.45), Point(2.0, 0.07, 0.6, 0.8))
    share = Point(0.0, 0.078, 0.05, 0.045)
    return Constraints(
        rows=4000,
        multipliers={"unsubscribed": 1.0},
        offsets={},
        value=0.078,
        limits=(
            Held("unsubscribed at most 1.5 times the log", "<=", 1.5, holds, 0.002, frontier, frontier[1]),
            Held("share of c at least 2%", ">=", 0.02, True, 0.0, (share,), share),
        ),
    )


def explanation() -> Explanation:
    """The reasons of a model that looks at the colour first, then at the height."""
    tall = Rule(300, "b", 0.9)
    below = Rule(700, "c", 0.6, Question("height", 180.0, True), Rule(400, "c", 0.8), tall)
    rule = Rule(1000, "c", 0.5, Question("colour", "red"), Rule(300, "a", 0.95), below)
    ranking = tuple(Ranked(name, score) for name, score in (("c", 0.12), ("a", 0.1), ("b", -0.002)))
    return Explanation(
        rows=1000,
        permutations=2,
        confidence=0.95,
        features=(
            Importance("height", estimate(0.005), 0.2),
            Importance("colour", estimate(0.05), 0.5),
            Importance("weight", Estimate(0.0, 0.0, 0.0, 0.0), 0.0),
        ),
        the_same_everywhere=("member",),
        tree=Tree(700, 300, 0.84, 0.41, rule),
        users=(
            ExampleUser(
                {"colour": "blue", "height": None, "weight": "3,400", "member": None},
                ranking,
                (Moved("colour", "red", "a"), Moved("height", "170", "b")),
            ),
            ExampleUser({"colour": None, "height": "170", "weight": "12", "member": None}, ranking, ()),
        ),
    )


def published(*records: Metrics | Verdict | Decision | Explanation) -> dict[str, Any]:
    """Content of the files that are published of them, by name."""
    return {record.FILE: record.content() for record in records}
