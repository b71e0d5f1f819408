"""Measures how often the gate errs, and how many newsletters it needs, on simulated pairs of models.

A pair is a model in production and a candidate, each an epsilon-greedy policy over reward estimates of its
own, that is the truth shrunk towards each recommender's mean, plus noise. The candidate is mixed with another
policy (uniform choices to make it worse, the best possible choices to make it better) in exactly the share
that gives it the intended true value, so the true difference is exact while most single choices differ, as
between two trainings. Every pair has new estimates, new users and new outcomes, logged by a uniform policy.

    worse     exactly the allowed margin below production: blessing it is an error
    better    10% of production's reward above it: not blessing it is a missed gain
    power     share blessed by number of rows and true lift

The error rate is counted twice: blessed by the whole gate, and passed by the value check, which must hold by
itself. `--long` counts both over many more pairs, since a few hundred runs do not tell 4% from 6%.

    python -m benchmarks.gate_errors [--pairs 200] [--rows 100000] [--long 2000] [--power-pairs 200]
                                     [--json FILE]
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from components.evaluator.gate import decide
from components.evaluator.gate_metrics import GateMetrics
from components.evaluator.in_memory import evaluate
from components.evaluator.policy_values import Measuring
from components.evaluator.rows import Outcome
from components.evaluator.unsubscribes import Unsubscribes
from newsletter_bandit.off_policy.auc import AUC
from newsletter_bandit.off_policy.checks import PartWeight
from newsletter_bandit.off_policy.estimators import LoggedBatch, dr
from newsletter_bandit.off_policy.estimators.diagnostics import MeanWeight, Weights
from newsletter_bandit.off_policy.estimators.paired import PolicyDifference
from newsletter_bandit.off_policy.sample_ratio import SampleRatio
from newsletter_bandit.registry.evidence import Verdict
from newsletter_bandit.settings import margin
from newsletter_bandit.settings.margin import Loss
from newsletter_bandit.settings.reading import load_use_case
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.simulation.world import World

USE_CASE = Path(__file__).resolve().parents[1] / "configs" / "newsletter.yaml"
DAY = dt.date(2026, 2, 2)
SIZES = (5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000)
LIFTS = (0.0, 0.02, 0.05, 0.1, 0.2)
_SHRUNK, _NOISE = (
    0.6,
    0.05,
)  # of the reward estimates: they close some 70% of the gap from uniform to the best
_LIMITS = {"worse": 0.05, "better": 0.8}

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Truth:
    """A world's users [U] and what each would do with each recommender [U, K]."""

    click: Floats
    unsubscribe: Floats
    reward: Floats
    eligible: npt.NDArray[np.bool_]
    default: Ints
    rewards: tuple[float, float]

    @classmethod
    def of(cls, use_case: UseCase, users: int, seed: int) -> Truth:
        """Draws the world of ``seed``."""
        world = World.of(use_case, seed, users, use_case.window.anchor)
        everyone = world.everyone
        eligible = world.eligible(everyone)
        ranking = [use_case.recommenders.index(name) for name in use_case.default_ranking]
        allowed = eligible[:, ranking]
        default = np.where(allowed.any(axis=1), np.array(ranking)[allowed.argmax(axis=1)], -1)
        return cls(
            click=world.click_probability(everyone, DAY),
            unsubscribe=world.unsubscribe_probability(everyone),
            reward=world.expected_reward(everyone, DAY),
            eligible=eligible,
            default=default,
            rewards=(use_case.reward.click, use_case.reward.unsubscribe),
        )

    def value(self, policy: Floats) -> float:
        """True value of choice probabilities [U, K], a user drawn at random."""
        return float((policy * self.reward).sum(axis=1).mean())

    def best(self, estimates: Floats) -> Floats:
        """All on the largest estimate of an eligible recommender."""
        chosen = np.where(self.eligible, estimates, -math.inf).argmax(axis=1)
        policy: Floats = np.eye(estimates.shape[1])[chosen]
        return policy

    @property
    def uniform(self) -> Floats:
        """Every eligible recommender alike."""
        share: Floats = self.eligible / self.eligible.sum(axis=1, keepdims=True)
        return share


@dataclass(frozen=True, eq=False)
class Model:
    """Reward estimates and two policies, [U, K] each."""

    estimates: Floats
    serving: Floats
    greedy: Floats


def draw_model(truth: Truth, epsilon: float, rng: np.random.Generator, noise: float = _NOISE) -> Model:
    """A model as a training might give it."""
    mean = truth.reward.mean(axis=0)
    estimates = mean + _SHRUNK * (truth.reward - mean) + rng.normal(0.0, noise, truth.reward.shape)
    greedy = truth.best(estimates)
    return Model(estimates, (1.0 - epsilon) * greedy + epsilon * truth.uniform, greedy)


def with_value(truth: Truth, model: Model, value: float) -> Model:
    """The model with its serving policy mixed so that its true value is ``value``."""
    own = truth.value(model.serving)
    other = truth.best(truth.reward) if value > own else truth.uniform
    reach = truth.value(other)
    share = (value - own) / (reach - own)
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"value: found {value:.4f}; allowed: between {own:.4f} and {reach:.4f}")
    return Model(model.estimates, (1.0 - share) * model.serving + share * other, model.greedy)


@dataclass(frozen=True, eq=False)
class Log:
    """Newsletters of a uniform policy: users, what each was sent, and what came of it, [n] each."""

    user: Ints
    action: Ints
    propensity: Floats
    clicked: npt.NDArray[np.bool_]
    unsubscribed: npt.NDArray[np.bool_]
    reward: Floats

    def part(self, start: int, stop: int) -> Log:
        """Rows ``start`` to ``stop`` - 1."""
        return Log(**{name: values[start:stop] for name, values in vars(self).items()})


def draw_log(truth: Truth, rows: int, rng: np.random.Generator) -> Log:
    """Users drawn with replacement from the whole population."""
    user = rng.integers(0, len(truth.reward), rows)
    eligible = truth.eligible[user]
    size = eligible.sum(axis=1)
    # The k-th eligible recommender, k drawn at random.
    action = (eligible.cumsum(axis=1) == (rng.integers(0, size) + 1)[:, None]).argmax(axis=1)
    clicked = rng.random(rows) < truth.click[user, action]
    unsubscribed = clicked & (rng.random(rows) < truth.unsubscribe[user, action])
    click, loss = truth.rewards
    reward = np.where(unsubscribed, loss, np.where(clicked, click, 0.0))
    return Log(user, action, 1.0 / size, clicked, unsubscribed, reward)


def outputs(truth: Truth, model: Model, log: Log, bounds: tuple[float, float]) -> dict[str, Any]:
    """Outputs of the model's `evaluation` signature for the log's rows."""
    user, action = log.user, log.action
    estimates = model.estimates[user]
    return {
        "user_id": user,
        "reward_estimates": estimates,
        "serving_probabilities": model.serving[user],
        "eval_probabilities": model.greedy[user],
        "logged_action": action,
        "logged_score": _score(model, log, bounds),
        "default_action": truth.default[user],
        "best_score": (model.greedy[user] * estimates).sum(axis=1),
        "eligible_recommenders": truth.eligible[user],
    }


def verdict_of(use_case: UseCase, truth: Truth, log: Log, candidate: Model, production: Model) -> Verdict:
    """The Evaluator's verdict on the whole log."""
    outcome = Outcome(log.reward, log.propensity, log.clicked, log.unsubscribed, log.user)
    said = [outputs(truth, model, log, use_case.reward.bounds) for model in (candidate, production)]
    return evaluate(use_case, outcome, said[0], said[1], "production")[1]


def judged(
    use_case: UseCase,
    truth: Truth,
    log: Log,
    candidate: Model,
    production: Model,
    sizes: Sequence[int],
) -> list[tuple[GateMetrics, Verdict]]:
    """Verdicts as of `verdict_of` and the figures behind them, on the first rows, for each of the ascending
    sizes.

    The same sums as the Evaluator's, but only those that the gate looks at: the others are nine tenths of the
    work.
    """
    how = Measuring.of(use_case)
    cap = 1.0 if how.max_unsubscribe_ratio is None else how.max_unsubscribe_ratio
    weights, mean_weights, aucs = Weights(how.weight_clip), (MeanWeight(), MeanWeight()), (AUC(), AUC())
    difference = PolicyDifference(how.weight_clip, how.reward_bounds)
    excess = PolicyDifference(how.weight_clip, how.reward_bounds, how.multiple)
    unsubscribes = Unsubscribes(how.weight_clip, cap)
    ratio = SampleRatio(how.recommenders)
    baseline = 0.0
    # As the Evaluator: on what was tried.
    tried = np.bincount(log.action, minlength=how.recommenders) > 0
    models = [_among(model, tried) for model in (candidate, production)]
    common = np.clip(production.estimates, *how.reward_bounds)
    expected = [(model.serving * common).sum(axis=1) for model in models]
    found, done = [], 0
    for size in sizes:
        part = log.part(done, size)
        done = size
        index = (part.user, part.action)
        user = part.user.astype(np.uint64)
        seen = [
            LoggedBatch(
                reward=part.reward,
                propensity=part.propensity,
                evaluation_probability=model.serving[index],
                expected_reward=of_user[part.user],
                logged_estimate=common[index],
                user=user,
            )
            for model, of_user in zip(models, expected, strict=True)
        ]
        weights.add(seen[0])
        for mean_weight, batch in zip(mean_weights, seen, strict=True):
            mean_weight.add(batch)
        difference.add(*seen)
        excess.add(*seen)
        baseline += float(dr.terms(seen[1], how.weight_clip).sum())
        unsubscribes.add(seen[0], part.unsubscribed.astype(np.float64))
        ratio.add(part.action, part.propensity, user)
        ratio.eligible += truth.eligible[part.user].sum(axis=0)
        for auc, model in zip(aucs, models, strict=True):
            auc.add(_score(model, part, how.reward_bounds), part.clicked)
        metrics = GateMetrics(
            rows=size,
            effective_sample_size=weights.effective_sample_size,
            max_weight=weights.max_unclipped,
            auc=aucs[0].value(),
            production_auc=aucs[1].value(),
            difference=difference.estimate().value,
            lower_bound=difference.lower_bound(how.one_sided),
            upper_bound=difference.upper_bound(how.one_sided),
            excess_lower_bound=excess.lower_bound(how.one_sided),
            excess_upper_bound=excess.upper_bound(how.one_sided),
            baseline=baseline / size,
            compared_with="production",
            clicks=float(log.clicked[:size].sum()),
            clipped_share=weights.clipped_share,
            clipped_weight=max(1.0 - weights.mean / mean_weights[0].mean, 0.0),
            mean_weights=tuple(
                PartWeight(name, one.mean, one.reach)
                for name, one in zip(("candidate", "production"), mean_weights, strict=True)
            ),
            sample_ratio_p=ratio.p_value,
            sample_ratios=dict(zip(use_case.recommenders, ratio.ratios, strict=True)),
            unsubscribe_ratio=unsubscribes.ratio(),
            unsubscribe_excess_bound=unsubscribes.lower_bound(how.one_sided),
            unsubscribe_excess_upper_bound=unsubscribes.upper_bound(how.one_sided),
        )
        found.append((metrics, decide(metrics, use_case.gate)))
    return found


def _among(model: Model, tried: npt.NDArray[np.bool_]) -> Model:
    """The model with nothing for recommenders that no row shows."""
    rest = model.serving * tried
    return Model(model.estimates, rest / rest.sum(axis=1, keepdims=True), model.greedy)


def _score(model: Model, log: Log, bounds: tuple[float, float]) -> Floats:
    score = (model.estimates[log.user, log.action] - bounds[0]) / (bounds[1] - bounds[0])
    return np.clip(score, 0.0, 1.0)


_STATE: dict[str, Any] = {}


def _prepare(use_case: UseCase, users: int, seed: int) -> None:
    """Runs once in each worker: the truth is large and does not change."""
    _STATE.update(use_case=use_case, truth=Truth.of(use_case, users, seed), seed=seed)


def _pair(kind: int, number: int) -> tuple[UseCase, Truth, np.random.Generator, Model, Model]:
    use_case, truth = _STATE["use_case"], _STATE["truth"]
    rng = np.random.default_rng([_STATE["seed"], kind, number])
    epsilon = use_case.exploration.epsilon
    return use_case, truth, rng, draw_model(truth, epsilon, rng), draw_model(truth, epsilon, rng)


def worse(rows: int, number: int) -> dict[str, Any]:
    """One pair whose candidate is worse by exactly the margin."""
    use_case, truth, rng, production, model = _pair(1, number)
    own = truth.value(production.serving)
    value = own - use_case.gate.allowed_margin.of(own)
    candidate = with_value(truth, model, value)
    return _described(verdict_of(use_case, truth, draw_log(truth, rows, rng), candidate, production))


def better(rows: int, number: int) -> dict[str, Any]:
    """One pair whose candidate is better by 10% of production's reward."""
    use_case, truth, rng, production, model = _pair(2, number)
    candidate = with_value(truth, model, 1.1 * truth.value(production.serving))
    return _described(verdict_of(use_case, truth, draw_log(truth, rows, rng), candidate, production))


def worse_quickly(rows: int, number: int) -> dict[str, Any]:
    """Does the same as `worse`, for many pairs."""
    use_case, truth, rng, production, model = _pair(3, number)
    own = truth.value(production.serving)
    value = own - use_case.gate.allowed_margin.of(own)
    candidate = with_value(truth, model, value)
    log = draw_log(truth, rows, rng)
    ((_, verdict),) = judged(use_case, truth, log, candidate, production, [rows])
    return _described(verdict)


def power(sizes: Sequence[int], number: int) -> list[list[str]]:
    """Verdicts [lift][size] on one log, of which the smaller sizes are the beginning."""
    use_case, truth, rng, production, model = _pair(4, number)
    log = draw_log(truth, sizes[-1], rng)
    value = truth.value(production.serving)
    return [
        [
            verdict.verdict
            for _, verdict in judged(
                use_case, truth, log, with_value(truth, model, (1.0 + lift) * value), production, sizes
            )
        ]
        for lift in LIFTS
    ]


def _described(verdict: Verdict) -> dict[str, Any]:
    return {
        "verdict": verdict.verdict,
        "failed": [check.name for check in verdict.checks if check.passed is False],
    }


def measure(
    use_case: UseCase,
    pairs: int,
    rows: int,
    long: int,
    powered: int,
    sizes: Sequence[int],
    workers: int,
    users: int = 50_000,
    seed: int = 7,
) -> dict[str, Any]:
    """Runs everything.

    Args:
      use_case: gives recommenders, exploration and the gate.
      pairs: for each of the two error rates.
      rows: of each pair's log.
      long: further pairs whose candidate is worse by the margin.
      powered: pairs of the power table.
      sizes: ascending numbers of rows of the power table.
      workers: processes.
      users: of the world.
      seed: of the world and all draws.

    Returns:
      JSON-able figures; shares in [0, 1], values in units of reward per newsletter.
    """
    clock = time.perf_counter()
    _prepare(use_case, users, seed)
    truth: Truth = _STATE["truth"]
    _, _, _, production, _ = _pair(1, 0)
    with multiprocessing.get_context("fork").Pool(workers) as pool:

        def each(what: Callable[[int], Any], count: int) -> Iterable[Any]:
            return pool.map(what, range(count), chunksize=1)

        found_worse = list(each(partial(worse, rows), pairs))
        found_better = list(each(partial(better, rows), pairs))
        found_long = list(each(partial(worse_quickly, rows), long))
        tables = list(each(partial(power, sizes), powered))
    return {
        "pairs": pairs,
        "rows": rows,
        "users": users,
        "seed": seed,
        "gate": use_case.gate.model_dump(mode="json"),
        "values": {
            "uniform": truth.value(truth.uniform),
            "production": truth.value(production.serving),
            "oracle": truth.value(truth.best(truth.reward)),
        },
        "worse": _shares(found_worse),
        "better": _shares(found_better),
        "worse_long": {"pairs": long, **_shares(found_long)} if long else None,
        "power_pairs": powered,
        "power": [
            {
                "rows": size,
                "lift": lift,
                "blessed": float(np.mean([t[i][j] == "blessed" for t in tables])),
                "not_blessed": float(np.mean([t[i][j] == "not_blessed" for t in tables])),
            }
            for j, size in enumerate(sizes)
            for i, lift in enumerate(LIFTS)
        ],
        "seconds": round(time.perf_counter() - clock, 1),
    }


def _shares(found: Sequence[dict[str, Any]]) -> dict[str, float]:
    shares = {
        name: float(np.mean([one["verdict"] == name for one in found]))
        for name in ("blessed", "cannot_tell", "not_blessed")
    }
    return {**shares, "value_check_passed": float(np.mean(["value" not in one["failed"] for one in found]))}


def report(result: dict[str, Any]) -> str:
    """The figures as text."""
    gate, values, rows, pairs = result["gate"], result["values"], result["rows"], result["pairs"]
    head = (
        f"{pairs} pairs of {rows:,} rows, uniform logging; margin {gate['allowed_margin']}, bounds: ends "
        f"of the {gate['confidence']:.0%} interval\n"
        f"Values: uniform {values['uniform']:.4f}, production {values['production']:.4f} (first pair), best "
        f"possible {values['oracle']:.4f}"
    )
    lines = [head, ""]
    for kind, limit in _LIMITS.items():
        shares = result[kind]
        good = shares["blessed"] <= limit if kind == "worse" else shares["blessed"] >= limit
        lines.append(
            f"{'truly worse by the margin' if kind == 'worse' else 'truly better by 10%':26} blessed "
            f"{shares['blessed']:6.1%}  cannot tell {shares['cannot_tell']:6.1%}  not blessed "
            f"{shares['not_blessed']:6.1%}  value check passed {shares['value_check_passed']:6.1%}  "
            f"{'met' if good else 'MISSED'}: {'at most' if kind == 'worse' else 'at least'} {limit:.0%} "
            "blessed"
        )
    long = result["worse_long"]
    if long is not None:
        passed = long["value_check_passed"]
        error = math.sqrt(passed * (1.0 - passed) / long["pairs"])
        lines.append(
            f"The same worse candidates, {long['pairs']:,} pairs: blessed {long['blessed']:.2%}, value check "
            f"passed {passed:.2%} (standard error {error:.2%})"
        )
    lines += [
        "",
        f"Share blessed by rows and true lift, {result['power_pairs']} pairs:",
        "",
        power_table(result),
    ]
    lines.append(f"\n{result['seconds']:.0f} s")
    return "\n".join(lines)


def power_table(result: dict[str, Any]) -> str:
    """Markdown: a line for each number of rows, a column for each lift."""
    cells = {(entry["rows"], entry["lift"]): entry["blessed"] for entry in result["power"]}
    sizes = sorted({size for size, _ in cells})
    head = ["| rows |" + "".join(f" {lift:+.0%} |" for lift in LIFTS), "|---:|" + "---:|" * len(LIFTS)]
    return "\n".join(
        head + [f"| {size:,} |" + "".join(f" {cells[size, lift]:.0%} |" for lift in LIFTS) for size in sizes]
    )


def _margin(text: str) -> Loss:
    return margin.parse(text if text.endswith("%") else float(text))


def main() -> None:
    """Prints the table; see the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--long", type=int, default=0, help="further pairs of worse candidates")
    parser.add_argument("--power-pairs", type=int, help="pairs of the power table; as --pairs unless given")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="most rows of the power table")
    parser.add_argument("--users", type=int, default=50_000, help="of the world")
    parser.add_argument("--margin", help="in the place of gate.allowed_margin, such as 10%% or 0.01")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--use-case", type=Path, default=USE_CASE)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    use_case = load_use_case(options.use_case)
    if options.margin is not None:
        gate = use_case.gate.model_copy(update={"allowed_margin": _margin(options.margin)})
        use_case = use_case.model_copy(update={"gate": gate})
    sizes = [size for size in SIZES if size <= options.largest]
    result = measure(
        use_case,
        options.pairs,
        options.rows,
        options.long,
        options.power_pairs or options.pairs,
        sizes,
        options.workers,
        options.users,
    )
    print(report(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
