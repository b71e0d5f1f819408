"""Constraints on simulated worlds whose best policy breaks them: is the cap held, and at what price?

    .venv/bin/python -m benchmarks.constraints [--seeds 20] [--rows 250000] [--json FILE]

Each seed is a world, a log of uniform choices, a model trained on clicks alone with the constraint
that unsubscribes stay below `CAP` times the log's, and the gate's verdict on it. The truth, which only the
simulator knows, then tells the model's unsubscribes over the log's and its value, beside

    unconstrained   the same model with multipliers of 0
    best            the best policy that holds the cap, computed from the truth
    TF-Agents       the same estimates under TF-Agents' AbsoluteConstraint, which allows each newsletter the
                    recommenders whose estimated unsubscribes lie below the cap, and knows no average

docs/constraints.md has the results.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from newsletter_bandit.settings.reading import load_use_case
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.simulation.behaviour import UniformPolicy
from newsletter_bandit.simulation.world import World, spread

Floats = npt.NDArray[np.float64]
REPOSITORY = Path(__file__).resolve().parents[1]
FIRST_DAY = dt.date(2026, 1, 5)
WEEKS = 4
CAP = 1.5
# For which every user is eligible. Readers click most on the last one, and leave after it.
RECOMMENDERS = ("bestsellers", "deals", "top_rated", "clickbait_offers")
TRUE_USERS = 20_000
KEPT, HELD = 0.9, 0.95  # targets: share of the best policy's value, and of the seeds


class Truth(NamedTuple):
    """A policy by the truth.

    Attributes:
      value: clicks per newsletter.
      ratio: its unsubscribes over the logging policy's.
    """

    value: float
    ratio: float


def use_case(cap: float = CAP, epochs: int = 12) -> UseCase:
    """The newsletter, trained on clicks alone, with a cap on unsubscribes."""
    plain = load_use_case(REPOSITORY / "configs" / "newsletter.yaml").model_dump(mode="json")
    changes = {
        "recommenders": RECOMMENDERS,
        "default_ranking": RECOMMENDERS[:1],
        "recommender_features": {name: plain["recommender_features"][name] for name in RECOMMENDERS},
        "reward": {"terms": {"clicked": 1}},
        "constraints": [{"term": "unsubscribed", "at_most": cap, "of": "logging_policy"}],
        "warm_start": {"enabled": False},
        "agent": {**plain["agent"], "epochs": epochs},
    }
    return UseCase.model_validate({**plain, **changes})


def best_constrained(reward: Floats, outcome: Floats, eligible: npt.NDArray[np.bool_], most: float) -> Floats:
    """First-slot probabilities [n, K] of the best policy whose mean outcome is at most ``most``.

    The multiplier of the constraint is bisected; the policy is deterministic, so it stays below the cap by as
    much as one newsletter's choice.
    """
    low, high = 0.0, 1e4
    chosen = _greedy(reward, eligible)
    if _mean(chosen, outcome) <= most:
        return chosen
    for _ in range(60):
        middle = (low + high) / 2.0
        if _mean(_greedy(reward - middle * outcome, eligible), outcome) <= most:
            high = middle
        else:
            low = middle
    return _greedy(reward - high * outcome, eligible)


def _greedy(preference: Floats, eligible: npt.NDArray[np.bool_]) -> Floats:
    first = np.where(eligible, preference, -np.inf).argmax(axis=1)
    return np.eye(preference.shape[1])[first]


def _mean(policy: Floats, values: Floats) -> float:
    return float((policy * values).sum(axis=1).mean())


def measure(seed: int, rows: int, settings: UseCase, folder: Path) -> dict[str, Any]:
    """One seed.

    Args:
      seed: of the world and its log.
      rows: newsletters in the log.
      settings: the use case.
      folder: the transform graph is kept there for the next seed.

    Returns:
      Verdict, failed checks, truths, multiplier and seconds.
    """
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    import tensorflow_transform as tft

    from components.evaluator.in_memory import evaluate
    from components.evaluator.rows import LOGGED, Outcome
    from components.example_gen.in_memory import inference_examples, training_examples
    from components.example_gen.partition import BUCKETS, eval_buckets, split_of
    from components.trainer.data import ArrayData
    from components.trainer.training import fit
    from components.transform.in_memory import Transformer, analyse
    from components.transform.layout import Layout, vocabulary_sizes

    started = time.perf_counter()
    world = World.of(settings, seed, max(rows // WEEKS * 5 // 4, 100), FIRST_DAY)
    end = FIRST_DAY + dt.timedelta(weeks=WEEKS)
    logging = UniformPolicy()
    log = world.log(FIRST_DAY, spread(rows, 7 * WEEKS), logging, seed)
    read, examples = training_examples(settings, log, FIRST_DAY, end)
    bounds = (BUCKETS - eval_buckets(settings.eval_share), BUCKETS)
    held_out = np.array([split_of(user.encode(), bounds) == 1 for user in read["user_id"].to_pylist()])
    made = folder / "transform"
    transform = (
        tft.TFTransformOutput(str(made))
        if made.is_dir()
        else analyse(settings, list(examples[~held_out]), made)
    )
    data = ArrayData(
        Transformer(transform)(examples[~held_out]),
        Layout.of(settings),
        vocabulary_sizes(settings, transform),
        settings.propensity_weighting,
    )
    model = fit(settings, data, transform)
    trained = time.perf_counter()
    judged = read.filter(held_out)
    outcome = Outcome(**{name: judged[name].to_numpy() for name in (*LOGGED, "user_id")})
    _, verdict = evaluate(settings, outcome, _call(model, examples[held_out]), constraints=model.found)

    users = world.everyone[:TRUE_USERS]
    eligible = world.eligible(users)
    reward = world.click_probability(users, end)
    lost = reward * world.unsubscribe_probability(users)
    logged = _mean(logging.probabilities(world.audience(users)), lost)

    def truth(policy: Floats) -> Truth:
        return Truth(_mean(policy, reward), _mean(policy, lost) / logged)

    _, asked = inference_examples(settings, world.inference(users, end), end)
    found = _call(model, asked)
    multipliers = model.term_multipliers.numpy()
    model.term_multipliers.assign(np.zeros_like(multipliers))
    free = _call(model, asked)
    model.term_multipliers.assign(multipliers)
    (limit,) = settings.limits
    masked = _tf_agents(model, asked, float(limit.bound * log["unsubscribed"].to_numpy().mean()))
    assert model.found is not None
    return {
        "seed": seed,
        "cap": settings.limits[0].bound,
        "verdict": verdict.verdict,
        "failed": list(verdict.failed),
        "holds": model.found.limits[0].holds,
        "multiplier": float(multipliers[0]),
        "model": truth(found["serving_probabilities"])._asdict(),
        "unconstrained": truth(free["serving_probabilities"])._asdict(),
        "best": truth(best_constrained(reward, lost, eligible, limit.bound * logged))._asdict(),
        "best_unconstrained": truth(_greedy(reward, eligible))._asdict(),
        "uniform": truth(eligible / eligible.sum(axis=1, keepdims=True))._asdict(),
        "tf_agents": truth(_greedy(np.where(masked, free["reward_estimates"], -1e9), eligible))._asdict(),
        "seconds": {"train": trained - started, "all": time.perf_counter() - started},
    }


def _call(model: Any, examples: npt.NDArray[np.object_]) -> dict[str, npt.NDArray[Any]]:
    import tensorflow as tf

    parts = [model.evaluation(tf.constant(examples[i : i + 8192])) for i in range(0, len(examples), 8192)]
    return {name: np.concatenate([part[name].numpy() for part in parts]) for name in parts[0]}


def _tf_agents(model: Any, examples: npt.NDArray[np.object_], most: float) -> npt.NDArray[np.bool_]:
    """The recommenders [n, K] that TF-Agents' own constraint allows; all where it allows none."""
    import tensorflow as tf
    from tf_agents.bandits.policies.constraints import AbsoluteConstraint
    from tf_agents.networks import sequential
    from tf_agents.specs import tensor_spec
    from tf_agents.trajectories import time_step

    features = model._features(tf.io.parse_example(examples, dict(model._feature_spec)))
    estimates = model.judged(features)["terms"][:, :, 0]
    spec = tensor_spec.TensorSpec([estimates.shape[1]], tf.float32)

    # Hands on the estimates, which are the observation.
    given = sequential.Sequential([tf.keras.layers.Activation("linear")], input_spec=spec)
    constraint = AbsoluteConstraint(
        time_step.time_step_spec(spec),
        tensor_spec.BoundedTensorSpec((), tf.int32, 0, estimates.shape[1] - 1),
        given,
        comparator_fn=tf.less_equal,
        absolute_value=most,
    )
    allowed = constraint(estimates).numpy() > 0.0
    return np.where(allowed.any(axis=1, keepdims=True), allowed, True)


def summary(found: list[dict[str, Any]]) -> dict[str, float]:
    """Shares of the seeds and means over them."""
    blessed = [one for one in found if one["verdict"] == "blessed"]

    def mean(values: list[float]) -> float:
        return float(np.mean(values)) if values else float("nan")

    return {
        "seeds": float(len(found)),
        "blessed": len(blessed) / len(found),
        "held": mean([one["model"]["ratio"] <= one["cap"] for one in found]),
        "kept": mean([one["model"]["value"] / one["best"]["value"] for one in found]),
        "least_kept": min(one["model"]["value"] / one["best"]["value"] for one in found),
        **{
            f"{name}_{figure}": mean([one[name][figure] for one in found])
            for name in ("model", "unconstrained", "tf_agents", "best", "best_unconstrained", "uniform")
            for figure in ("value", "ratio")
        },
        "tf_agents_held": mean([one["tf_agents"]["ratio"] <= one["cap"] for one in found]),
        "seconds": mean([one["seconds"]["all"] for one in found]),
    }


def table(found: list[dict[str, Any]]) -> str:
    """The summary for a terminal."""
    told = summary(found)
    lines = [
        f"{told['seeds']:.0f} seeds, {told['seconds']:.0f} s each",
        f"blessed {told['blessed']:.0%}, cap held in truth {told['held']:.0%}, value kept {told['kept']:.1%} "
        f"of the best policy's (least {told['least_kept']:.1%})",
        f"{'policy':20s}{'clicks':>10s}{'unsubscribes over the log':>28s}",
    ]
    for name in ("uniform", "model", "tf_agents", "best", "unconstrained", "best_unconstrained"):
        lines.append(f"{name:20s}{told[f'{name}_value']:10.4f}{told[f'{name}_ratio']:28.2f}")
    return "\n".join(lines)


def main() -> None:
    """Prints the table; see the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--rows", type=int, default=250_000)
    parser.add_argument("--cap", type=float, default=CAP)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    settings, found = use_case(options.cap), []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.first, options.first + options.seeds):
            found.append(measure(seed, options.rows, settings, Path(folder)))
            one = found[-1]
            kept = one["model"]["value"] / one["best"]["value"]
            print(
                f"seed {seed}: {one['verdict']}, ratio {one['model']['ratio']:.2f}, value {kept:.1%} of the "
                f"best, {one['seconds']['all']:.0f} s",
                flush=True,
            )
            if options.json:
                options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(table(found))
    told = summary(found)
    raise SystemExit(0 if told["held"] >= HELD and told["kept"] >= KEPT else 1)


if __name__ == "__main__":
    main()
