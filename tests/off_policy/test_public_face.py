"""`from newsletter_bandit import off_policy`: arrays and tables are evaluated alike, and it loads little."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsletter_bandit import off_policy
from newsletter_bandit.errors import DataError, SettingsError
from newsletter_bandit.off_policy import logged_arrays

ROWS = 5_000


@pytest.fixture(scope="module")
def log() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    propensity = rng.choice([0.2, 0.5, 0.8], ROWS)
    return {
        "reward": (rng.random(ROWS) < 0.2).astype(np.float64),
        "propensity": propensity,
        "evaluation_probability": rng.random(ROWS) * propensity,
        "expected_reward": rng.random(ROWS),
        "logged_estimate": rng.random(ROWS),
        "user": rng.integers(0, 900, ROWS),
    }


@pytest.mark.parametrize("with_model", [False, True])
@pytest.mark.parametrize("with_users", [False, True])
def test_arrays_and_a_table_give_the_same(
    log: dict[str, np.ndarray], tmp_path: Path, with_model: bool, with_users: bool
) -> None:
    columns = off_policy.Columns(
        action="action",
        reward="reward",
        propensity="propensity",
        evaluation_probability="evaluation_probability",
        expected_reward="expected_reward" if with_model else None,
        reward_estimate="logged_estimate" if with_model else None,
        user="user" if with_users else None,
    )
    options = off_policy.Options(weight_clip=3.0, reward_range=(-1.0, 1.0))
    pq.write_table(
        pa.table({"action": [str(row % 50) for row in range(ROWS)], **log}), tmp_path / "log.parquet"
    )
    of_table = off_policy.evaluate([tmp_path / "log.parquet"], columns, options)
    optional = ("expected_reward", "logged_estimate") if with_model else ()
    of_arrays = off_policy.estimate_policy_value(
        log["reward"],
        log["propensity"],
        log["evaluation_probability"],
        **{name: log[name] for name in optional},
        user=log["user"] if with_users else None,
        options=options,
    )
    assert of_arrays.overall == of_table.overall
    assert of_arrays.interval == of_table.interval == ("bootstrap" if with_users else "gamma")
    assert ("dr" in of_arrays.overall.estimates) is with_model
    assert (of_arrays.verdict, of_arrays.reasons) == (of_table.verdict, of_table.reasons)
    # Arrays name no actions, so nothing is said of each.
    assert of_arrays.warnings == tuple(
        said for said in of_table.warnings if not said.startswith("The log holds")
    )


def test_a_log_that_cannot_tell_says_so() -> None:
    found = off_policy.estimate_policy_value([1, 0, 1], [0.5, 0.5, 0.5], [1.0, 0.0, 1.0])
    assert found.verdict == "cannot_tell"
    assert "too few rows to say anything" in found.reasons


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (([], [], []), "logged rows: none; allowed: one or more"),
        (([1.0, 0.0], [0.5], [1.0, 1.0]), r"propensity has shape \(1,\); allowed: \[2\]"),
        (([1.0], [0.0], [1.0]), r"propensity of row 0 is 0; allowed: \(0, 1\]"),
        (([2.0], [0.5], [1.0]), "reward of row 0 is 2; allowed: -1 to 1, the reward range"),
    ],
)
def test_what_cannot_be_used_is_refused(arrays: tuple[list[float], ...], message: str) -> None:
    options = off_policy.Options(reward_range=(-1.0, 1.0))
    with pytest.raises(DataError, match=message):
        off_policy.estimate_policy_value(*arrays, options=options)


def test_half_a_reward_model_is_refused() -> None:
    with pytest.raises(SettingsError, match="found one of them; allowed: both or neither"):
        off_policy.estimate_policy_value([1.0], [0.5], [1.0], expected_reward=[0.5])


def test_the_example_runs() -> None:
    assert doctest.testmod(logged_arrays).failed == 0
    assert doctest.testmod(logged_arrays).attempted > 0


def test_it_loads_little() -> None:
    program = """
import sys
from newsletter_bandit import off_policy
heavy = {"tensorflow", "tfx", "apache_beam", "tf_agents", "sklearn", "pydantic", "rich", "typer", "yaml"}
assert not heavy & set(sys.modules), sorted(heavy & set(sys.modules))
"""
    subprocess.run([sys.executable, "-c", program], check=True)
