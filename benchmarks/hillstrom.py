"""Measures what an agent learns from Hillstrom's e-mail experiment, cross-fitted over all customers.

The agent is that of configs/hillstrom.yaml. Every customer is judged by a model that never saw them:
customers are dealt into folds by a hash of their id, and each fold is evaluated by the model of the others.
The pooled doubly robust value and its paired difference to "always the men's e-mail" use the known propensity
of 1/3.

    python -m benchmarks.hillstrom [--data ../shared/data/hillstrom.csv] [--folds 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv

from newsletter_bandit.off_policy.estimators import ESTIMATORS, LoggedBatch
from newsletter_bandit.off_policy.estimators.paired import PolicyDifference
from newsletter_bandit.settings.reading import load_use_case

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = REPOSITORY.parent / "shared" / "data" / "hillstrom.csv"
WINDOW = (dt.date(2008, 3, 3), dt.date(2008, 3, 31))
ALWAYS = "Mens E-Mail"


def main() -> None:
    """Prints the table; see the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--customers", type=int, help="only the first so many")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = measure(options.data, options.folds, options.customers)
    print(table(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def measure(data: Path, folds: int, customers: int | None = None) -> dict[str, Any]:
    """Cross-fits the use case's agent.

    Args:
      data: the CSV file; docs/hillstrom.md says where it comes from.
      folds: 2 or more.
      customers: use only this number of rows, from the first on.

    Returns:
      `value`, `always` and `gain`, each with `low` and `high` at 95%, `share` of customers by recommender,
      `customers`, `folds` and `seconds`.
    """
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    from components.example_gen.in_memory import training_examples
    from components.trainer.data import ArrayData
    from components.trainer.training import fit
    from components.transform.in_memory import Transformer, analyse
    from components.transform.layout import Layout, vocabulary_sizes

    started = time.perf_counter()
    use_case = load_use_case(REPOSITORY / "configs" / "hillstrom.yaml")
    raw = pyarrow.csv.read_csv(data)
    rows, examples = training_examples(use_case, raw[:customers] if customers else raw, *WINDOW)
    fold = np.array([zlib.crc32(user.encode()) % folds for user in rows["user_id"].to_pylist()])
    value, always, gain = ESTIMATORS["dr"](), ESTIMATORS["dr"](), PolicyDifference()
    chosen = np.zeros(len(use_case.recommenders))
    layout = Layout.of(use_case)
    with tempfile.TemporaryDirectory() as folder:
        transform = analyse(use_case, list(examples), Path(folder) / "transform")
        arrays = Transformer(transform)(examples)
        sizes = vocabulary_sizes(use_case, transform)
        for number in range(folds):
            mine = fold != number
            data_of_fold = ArrayData(
                {key: array[mine] for key, array in arrays.items()},
                layout,
                sizes,
                use_case.propensity_weighting,
            )
            model = fit(use_case, data_of_fold, transform)
            outputs = {name: x.numpy() for name, x in model.evaluation(examples[~mine].tolist()).items()}
            learned = _batch(rows.filter(~mine), outputs, outputs["eval_probabilities"])
            constant = np.zeros_like(outputs["eval_probabilities"])
            constant[:, use_case.recommenders.index(ALWAYS)] = 1.0
            same = _batch(rows.filter(~mine), outputs, constant)
            value.add(learned)
            always.add(same)
            gain.add(learned, same)
            chosen += outputs["eval_probabilities"].sum(axis=0)
    return {
        "customers": len(fold),
        "folds": folds,
        "value": _figure(value),
        "always": _figure(always),
        "gain": _figure(gain),
        "share": dict(zip(use_case.recommenders, (chosen / len(fold)).tolist(), strict=True)),
        "seconds": time.perf_counter() - started,
    }


def table(result: dict[str, Any]) -> str:
    """Table of what `measure` found, for a terminal."""
    lines = [f"{result['customers']:,} customers, {result['folds']} folds, {result['seconds']:.0f} s"]
    for label, name in (
        ("learned policy", "value"),
        (f"always {ALWAYS}", "always"),
        ("gain of the learned policy", "gain"),
    ):
        figure = result[name]
        lines.append(f"{label:28s}{figure['value']:+.4f}  [{figure['low']:+.4f}, {figure['high']:+.4f}]")
    shares = ", ".join(f"{name} {share:.0%}" for name, share in result["share"].items())
    return "\n".join([*lines, f"it sends: {shares}"])


def _batch(rows: Any, outputs: dict[str, Any], probabilities: Any) -> LoggedBatch:
    action = outputs["logged_action"][:, 0]
    logged = np.arange(len(action)), action
    estimates = outputs["reward_estimates"].astype(np.float64)
    return LoggedBatch(
        reward=rows["reward"].to_numpy(),
        propensity=rows["propensity"].to_numpy(),
        evaluation_probability=probabilities[logged],
        expected_reward=(probabilities * estimates).sum(axis=1),
        logged_estimate=estimates[logged],
    )


def _figure(estimator: Any) -> dict[str, float]:
    interval = estimator.interval(0.95)
    return {"value": estimator.estimate().value, "low": interval.low, "high": interval.high}


if __name__ == "__main__":
    main()
