"""True value per decision of what clicks and what money teach, in a world that a file describes.

Four weeks of simulated decisions, filled by the world's own rule, are the log. The use case's agent learns
from its training split twice: with its own reward, and with a reward of clicks alone. Everything else is
equal. Then the world says what each policy is truly worth, in units of the use case's reward, for new
subjects on the day of the training.

    uniform                  any recommender
    rules                    the policy that filled the log
    best single              the best recommender for all, which nobody knows beforehand
    trained on clicks        the best recommender of each subject by the model of clicks
    trained on value         likewise by the model of the use case's reward
    trained on value, served the same model as it would be served, exploring as set
    oracle                   the best recommender of each subject

    python -m benchmarks.homepage [--rows 100000] [--subjects 20000] [--seeds 5] [--use-case FILE]
                                  [--json FILE]

ends with 1 if the model of the reward closes less than 90% of the way from uniform to the oracle, on average
over the seeds.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from newsletter_bandit.settings.reading import load_use_case, load_world
from newsletter_bandit.settings.reward import Reward
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.world import WorldSettings
from newsletter_bandit.simulation import truth
from newsletter_bandit.simulation.behaviour import UniformPolicy
from newsletter_bandit.simulation.traffic import simulate

USE_CASE = Path(__file__).resolve().parents[1] / "configs" / "homepage.yaml"
TARGET = 0.9
POLICIES = (
    "uniform",
    "rules",
    "best single",
    "trained on clicks",
    "trained on value",
    "trained on value, served",
    "oracle",
)
_BATCH = 16_384


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table; see the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--rows", type=int, default=100_000, help="of the log, inside the window")
    parser.add_argument("--subjects", type=int, default=20_000, help="for whom the policies then choose")
    parser.add_argument("--seeds", type=int, default=5, help="worlds, from seed 1 on")
    parser.add_argument("--use-case", type=Path, default=USE_CASE, help="its world is beside it")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    use_case = load_use_case(options.use_case)
    world = load_world(options.use_case.parent / "worlds" / f"{use_case.name}.yaml")
    found = [
        measure(use_case, world, seed, options.rows, options.subjects) for seed in range(1, options.seeds + 1)
    ]
    print(table(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    sys.exit(0 if statistics.fmean(closed(one)["trained on value"] for one in found) >= TARGET else 1)


def measure(
    use_case: UseCase, settings: WorldSettings, seed: int, rows: int, subjects: int
) -> dict[str, float]:
    """True value per decision of each of `POLICIES` in the world of one seed."""
    day = use_case.window.anchor.replace(year=use_case.window.anchor.year + 1)
    log, asked, world = simulate(use_case, rows, subjects, day, seed, settings)
    users = world.everyone[:subjects]
    _, single = truth.best_single(world, users, day)
    clicks = use_case.model_copy(update={"reward": Reward.model_validate({"terms": {"clicked": 1}})})
    with tempfile.TemporaryDirectory() as folder:
        by_clicks, by_value = (
            _probabilities(each, log.select(list(each.table_columns("training"))), asked, day, Path(folder))
            for each in (clicks, use_case)
        )
    reward = np.where(world.eligible(users), world.expected_reward(users, day), -np.inf)

    def value(probabilities: npt.NDArray[np.float64]) -> float:
        return truth.matrix_value(world, users, day, probabilities)

    return {
        "uniform": truth.policy_value(world, users, day, UniformPolicy()),
        "rules": truth.policy_value(world, users, day, world.rules),
        "best single": single,
        "trained on clicks": value(by_clicks["eval_probabilities"]),
        "trained on value": value(by_value["eval_probabilities"]),
        "trained on value, served": value(by_value["serving_probabilities"]),
        "oracle": float(reward.max(axis=1).mean()),
    }


def _probabilities(
    use_case: UseCase, log: pa.Table, asked: pa.Table, day: dt.date, folder: Path
) -> dict[str, npt.NDArray[np.float64]]:
    """First-slot probabilities [n, K] of the use case's agent, by the outputs' names.

    The features are analysed once, as the reward has no part in that; `folder` keeps what was found.
    """
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    import tensorflow as tf
    import tensorflow_transform as tft

    from components.example_gen.in_memory import inference_examples, training_examples
    from components.example_gen.partition import BUCKETS, eval_buckets, split_of
    from components.trainer.data import ArrayData
    from components.trainer.training import fit
    from components.transform.in_memory import Transformer, analyse
    from components.transform.layout import Layout, vocabulary_sizes

    window = use_case.window.latest(day, use_case.final_after_days)
    rows, examples = training_examples(use_case, log, *window)
    held_out = eval_buckets(use_case.eval_share)
    bounds = (BUCKETS - held_out, BUCKETS)
    ids = rows["user_id"].cast(pa.binary()).to_pylist()
    examples = examples[np.array([split_of(one, bounds) == 0 for one in ids])]
    analysed = folder / "transform"
    if analysed.is_dir():
        output = tft.TFTransformOutput(str(analysed))
    else:
        output = analyse(use_case, list(examples), analysed)
    arrays = Transformer(output)(examples)
    given = (Layout.of(use_case), vocabulary_sizes(use_case, output), use_case.propensity_weighting)
    model = fit(use_case, ArrayData(arrays, *given), output)
    _, subjects = inference_examples(use_case, asked, day)
    parts = [
        model.evaluation(tf.constant(subjects[start : start + _BATCH]))
        for start in range(0, len(subjects), _BATCH)
    ]
    found = {}
    for name in ("eval_probabilities", "serving_probabilities"):
        probabilities = np.concatenate([part[name].numpy() for part in parts]).astype(np.float64)
        found[name] = probabilities / probabilities.sum(axis=1, keepdims=True)
    return found


def closed(values: dict[str, float]) -> dict[str, float]:
    """Share of the way from uniform to the oracle, by policy."""
    gap = values["oracle"] - values["uniform"]
    return {name: (value - values["uniform"]) / gap for name, value in values.items()}


def table(found: Sequence[dict[str, float]]) -> str:
    """Mean over the seeds of value and of the share of the way, with its least and most."""
    lines = [f"{'policy':26}{'value':>9}{'of the way':>12}{'least':>8}{'most':>8}"]
    shares = [closed(one) for one in found]
    for name in POLICIES:
        of_seeds = [share[name] for share in shares]
        lines.append(
            f"{name:26}{statistics.fmean(one[name] for one in found):9.4f}"
            f"{statistics.fmean(of_seeds):12.1%}{min(of_seeds):8.1%}{max(of_seeds):8.1%}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
