"""Tries to fool the gate: logs and models that are wrong in one way each, with an exact true difference.

Every pair is that of `gate_errors`: a model in production and a candidate whose serving policy is mixed so
that its true value is the intended one. Only the log, or the candidate's opinion of itself, differs:

    uniform          the log of `gate_errors`, for comparison
    production       logged by production itself: the log seldom did what the candidate does differently
    overconfident    the same, and the candidate's reward estimates are mostly noise, which it believes
    x 0.2, 0.8, 5    a uniform log whose propensities are wrong by this factor (never above 1)
    deterministic    a rule by segment of users, logged with each recommender's share of all newsletters
    rare             clicks and unsubscribes are a hundred times rarer
    repeated         each user stands in the log four times and answers alike
    new arm          a recommender that no row shows takes 5% of the candidate's newsletters

There are four candidates each: worse by the margin and by twice the margin, which must not be blessed, equal,
and better by 10%. Beside our gate stands what is done without one: a doubly robust difference by each model's
own estimates, weights clipped at 100, blessed where the lower end of its normal 95% interval is above minus
the margin. The last column is the share of the 95% intervals of the difference that hold the truth.

    python -m benchmarks.gate_adversaries [--pairs 200] [--rows 40000] [--only overconfident] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from benchmarks.gate_errors import (
    USE_CASE,
    Floats,
    Ints,
    Log,
    Model,
    Truth,
    draw_log,
    draw_model,
    judged,
    with_value,
)
from newsletter_bandit.settings.reading import load_use_case
from newsletter_bandit.settings.use_case import UseCase

# True lift of the candidate, in allowed margins and in shares of production's value.
CANDIDATES = {"margin": -1.0, "twice": -2.0, "equal": 0.0, "better": 1.0}
_EPSILON = 0.05
_PEER_CLIP = 100.0
_REPEATS = 4
_RARE = 100.0
_NEW_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class Case:
    """A log and the two models that are compared on it; ``truth`` is what really happens."""

    truth: Truth
    log: Log
    candidate: Model
    production: Model


def logged_by(truth: Truth, policy: Floats, user: Ints, rng: np.random.Generator) -> Log:
    """Newsletters to the users [n] by choice probabilities [U, K], with the right propensities."""
    chosen = policy[user].cumsum(axis=1)
    action = (chosen < rng.random(len(user))[:, None] * chosen[:, -1:]).sum(axis=1)
    return answered(truth, user, action, policy[user, action], rng)


def answered(truth: Truth, user: Ints, action: Ints, propensity: Floats, rng: np.random.Generator) -> Log:
    """Newsletters with the users' answers."""
    clicked = rng.random(len(user)) < truth.click[user, action]
    unsubscribed = clicked & (rng.random(len(user)) < truth.unsubscribe[user, action])
    click, loss = truth.rewards
    reward = np.where(unsubscribed, loss, np.where(clicked, click, 0.0))
    return Log(user, action, propensity, clicked, unsubscribed, reward)


def uniform(truth: Truth, models: tuple[Model, Model], rows: int, rng: np.random.Generator) -> Case:
    """The log of `gate_errors`."""
    return Case(truth, draw_log(truth, rows, rng), *models)


def production(truth: Truth, models: tuple[Model, Model], rows: int, rng: np.random.Generator) -> Case:
    """A log of the model in production."""
    user = rng.integers(0, len(truth.reward), rows)
    return Case(truth, logged_by(truth, models[1].serving, user, rng), *models)


def scaled(
    factor: float, truth: Truth, models: tuple[Model, Model], rows: int, rng: np.random.Generator
) -> Case:
    """A uniform log with wrong propensities."""
    log = draw_log(truth, rows, rng)
    return Case(truth, replace(log, propensity=np.minimum(log.propensity * factor, 1.0)), *models)


def deterministic(truth: Truth, models: tuple[Model, Model], rows: int, rng: np.random.Generator) -> Case:
    """Each of a few segments gets one recommender, and the log says each recommender's share."""
    user = rng.integers(0, len(truth.reward), rows)
    segment = user % 5
    rule = rng.permutation(truth.reward.shape[1])[:5][segment]
    allowed = truth.eligible[user, rule]
    action = np.where(allowed, rule, truth.eligible[user].argmax(axis=1))
    share = np.bincount(action, minlength=truth.reward.shape[1]) / rows
    return Case(truth, answered(truth, user, action, share[action], rng), *models)


def repeated(truth: Truth, models: tuple[Model, Model], rows: int, rng: np.random.Generator) -> Case:
    """Each user of a uniform log several times, with the same recommender and the same answer."""
    log = draw_log(truth, rows // _REPEATS, rng)
    return Case(
        truth, Log(**{name: np.repeat(values, _REPEATS) for name, values in vars(log).items()}), *models
    )


def new_arm(truth: Truth, models: tuple[Model, Model], rows: int, rng: np.random.Generator) -> Case:
    """The last recommender is in no row, and the candidate gives it a share, sure that it is the best."""
    candidate, served = models
    known = truth.eligible.copy()
    known[:, -1] = False
    before = replace(truth, eligible=known)

    def without(policy: Floats) -> Floats:
        rest = np.where(known, policy, 0.0)
        total = rest.sum(axis=1, keepdims=True)
        kept: Floats = np.where(total > 0.0, rest / np.where(total > 0.0, total, 1.0), before.uniform)
        return kept

    share = np.where(truth.eligible[:, -1:], _NEW_SHARE, 0.0)
    serving = (1.0 - share) * without(candidate.serving)
    serving[:, -1] = share[:, 0]
    estimates = candidate.estimates.copy()
    estimates[:, -1] = truth.rewards[0]
    user = rng.integers(0, len(truth.reward), rows)
    served = replace(served, serving=without(served.serving), greedy=without(served.greedy))
    log = logged_by(before, before.uniform, user, rng)
    return Case(truth, log, Model(estimates, serving, candidate.greedy), served)


SCENARIOS: dict[str, Callable[[Truth, tuple[Model, Model], int, np.random.Generator], Case]] = {
    "uniform": uniform,
    "production": production,
    "overconfident": production,
    "x 0.2": partial(scaled, 0.2),
    "x 0.8": partial(scaled, 0.8),
    "x 5": partial(scaled, 5.0),
    "deterministic": deterministic,
    "rare": uniform,
    "repeated": repeated,
    "new arm": new_arm,
}

_STATE: dict[str, Any] = {}


def _prepare(use_case: UseCase, users: int, seed: int) -> None:
    truth = Truth.of(use_case, users, seed)
    rare = replace(truth, click=truth.click / _RARE, reward=truth.reward / _RARE)
    _STATE.update(use_case=use_case, truth=truth, rare=rare, seed=seed)


def one(name: str, rows: int, number: int) -> dict[str, dict[str, bool]]:
    """Verdicts on the four candidates of one pair."""
    use_case, truth = _STATE["use_case"], _STATE["rare" if name == "rare" else "truth"]
    found = {}
    for place, (kind, margins) in enumerate(CANDIDATES.items()):
        rng = np.random.default_rng([_STATE["seed"], number, place])
        scale = 1.0 / _RARE if name == "rare" else 1.0
        served = draw_model(truth, _EPSILON, rng, noise=0.05 * scale)
        trained = draw_model(truth, _EPSILON, rng, noise=(0.3 if name == "overconfident" else 0.05) * scale)
        value = truth.value(served.serving)
        margin = use_case.gate.allowed_margin.of(value)
        wanted = value + (0.1 * value if kind == "better" else margins * margin)
        case = SCENARIOS[name](truth, (with_value(truth, trained, wanted), served), rows, rng)
        sizes = [len(case.log.user)]
        ((figures, verdict),) = judged(use_case, case.truth, case.log, case.candidate, case.production, sizes)
        difference = case.truth.value(case.candidate.serving) - case.truth.value(case.production.serving)
        peer_low, peer_high = _peer(case)
        found[kind] = {
            "blessed": verdict.verdict == "blessed",
            "not_blessed": verdict.verdict == "not_blessed",
            "covered": figures.lower_bound <= difference <= figures.upper_bound,
            "peer": peer_low >= -margin,
            "peer_covered": peer_low <= difference <= peer_high,
        }
    return found


def _peer(case: Case) -> tuple[float, float]:
    """A doubly robust difference by each model's own estimates, clipped, with its normal interval."""
    log = case.log

    def terms(model: Model) -> Floats:
        weight = np.minimum(model.serving[log.user, log.action] / log.propensity, _PEER_CLIP)
        expected: Floats = (model.serving * model.estimates).sum(axis=1)[log.user]
        return expected + weight * (log.reward - model.estimates[log.user, log.action])

    gaps = terms(case.candidate) - terms(case.production)
    reach = NormalDist().inv_cdf(0.975) * gaps.std(ddof=1) / np.sqrt(len(gaps))
    return float(gaps.mean() - reach), float(gaps.mean() + reach)


def measure(
    use_case: UseCase,
    names: list[str],
    pairs: int,
    rows: int,
    workers: int,
    users: int = 50_000,
    seed: int = 11,
) -> dict[str, Any]:
    """Runs the scenarios.

    Args:
      use_case: gives recommenders and the gate.
      names: keys of `SCENARIOS`.
      pairs: logs of each scenario and candidate.
      rows: of each log.
      workers: processes.
      users: of the world.
      seed: of the world and all draws.

    Returns:
      JSON-able shares in [0, 1] by scenario and candidate.
    """
    clock = time.perf_counter()
    _prepare(use_case, users, seed)
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        found = {name: list(pool.imap(partial(one, name, rows), range(pairs))) for name in names}
    return {
        "pairs": pairs,
        "rows": rows,
        "users": users,
        "seed": seed,
        "gate": use_case.gate.model_dump(mode="json"),
        "scenarios": {
            name: {
                kind: {
                    figure: float(np.mean([each[kind][figure] for each in runs])) for figure in runs[0][kind]
                }
                for kind in CANDIDATES
            }
            for name, runs in found.items()
        },
        "seconds": round(time.perf_counter() - clock, 1),
    }


def table(result: dict[str, Any]) -> str:
    """The figures in Markdown."""
    lines = [
        f"{result['pairs']} pairs of {result['rows']:,} rows for each figure; margin "
        f"{result['gate']['allowed_margin']}; share blessed, with the peer's in brackets",
        "",
        "| log | worse by the margin | by twice | equal | better by 10% | intervals that hold the truth |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, kinds in result["scenarios"].items():
        cells = [f"{kinds[kind]['blessed']:.1%} ({kinds[kind]['peer']:.1%})" for kind in CANDIDATES]
        ours, peer = (
            np.mean([kinds[kind][key] for kind in CANDIDATES]) for key in ("covered", "peer_covered")
        )
        lines.append(f"| {name} | {' | '.join(cells)} | {ours:.1%} ({peer:.1%}) |")
    return "\n".join([*lines, "", f"{result['seconds']:.0f} s"])


def main() -> None:
    """Prints the table; see the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--rows", type=int, default=40_000)
    parser.add_argument("--users", type=int, default=50_000, help="of the world")
    parser.add_argument("--only", action="append", choices=list(SCENARIOS), help="may be given several times")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--use-case", type=Path, default=USE_CASE)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = measure(
        load_use_case(options.use_case),
        options.only or list(SCENARIOS),
        options.pairs,
        options.rows,
        options.workers,
        options.users,
    )
    print(table(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
