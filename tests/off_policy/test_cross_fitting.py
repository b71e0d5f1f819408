"""Models fitted on a log: no row judged by a model of its own user, nothing that depends on batches, and of
use.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter_bandit.off_policy.logged_table import Columns, evaluate, hashing, sampling
from newsletter_bandit.off_policy.logged_table.crossfit import RewardModel
from newsletter_bandit.off_policy.logged_table.encoding import Encoder, nearly_numbers
from newsletter_bandit.off_policy.logged_table.propensities import PropensityModel
from newsletter_bandit.off_policy.logged_table.reading import LoggedTable
from newsletter_bandit.table_files.cells import HOW_TO_WRITE_NUMBERS
from tests.log_files import options, random_log, write
from tests.off_policy.same_figures import same

COLUMNS = Columns(
    "action",
    "reward",
    "p",
    evaluation_probabilities="pi_{action}",
    context=("segment", "age"),
    user="user",
    policy_version="version",
)
ESTIMATED = replace(COLUMNS, propensity=None)


def draw(
    path: Path, columns: Columns = COLUMNS, limit: int = 10_000, batch_rows: int = 1000
) -> sampling.Sample:
    return sampling.draw(LoggedTable([path], columns), ("segment", "age", "version"), 3, limit, batch_rows)


def test_a_users_rows_are_in_one_fold_and_folds_are_even(tmp_path: Path) -> None:
    log = random_log(0, 3000)
    (rows,) = LoggedTable([write(tmp_path / "log.parquet", log)], COLUMNS).batches(3000)
    fold = sampling.folds(rows, 3)
    for user in set(log["user"]):
        assert len(set(fold[np.array(log["user"]) == user])) == 1
    assert np.bincount(fold).min() > 850


def test_estimates_of_a_fold_do_not_depend_on_its_rewards(tmp_path: Path) -> None:
    log = random_log(1, 1200)
    path = write(tmp_path / "log.parquet", log)
    (rows,) = LoggedTable([path], COLUMNS).batches(1200)
    mine = sampling.folds(rows, 3) == 0
    before = RewardModel(draw(path), ("segment", "age"), 3).estimate(rows)
    changed = log | {"reward": np.where(mine, 1.0 - np.array(log["reward"]), log["reward"]).tolist()}
    other = write(tmp_path / "changed.parquet", changed)
    after = RewardModel(draw(other), ("segment", "age"), 3).estimate(rows)
    np.testing.assert_array_equal(after[mine], before[mine])
    assert np.abs(after[~mine] - before[~mine]).max() > 0.05


@settings(max_examples=10)
@given(limit=st.integers(1, 400), batch_rows=st.integers(7, 400))
def test_the_sample_does_not_depend_on_batches(
    tmp_path_factory: pytest.TempPathFactory, limit: int, batch_rows: int
) -> None:
    path = write(tmp_path_factory.mktemp("sample") / "log.parquet", random_log(2, 300))
    one, many = draw(path, limit=limit), draw(path, limit=limit, batch_rows=batch_rows)
    assert len(one.reward) == min(limit, 300)
    assert one.rows == many.rows == 300
    np.testing.assert_array_equal(one.action, many.action)
    np.testing.assert_array_equal(one.fold, many.fold)
    assert all(one.labels[name].equals(many.labels[name]) for name in one.labels)


@pytest.mark.parametrize("columns", [COLUMNS, ESTIMATED], ids=["reward model", "propensities too"])
def test_figures_of_fitted_models_do_not_depend_on_batches(tmp_path: Path, columns: Columns) -> None:
    path = write(tmp_path / "log.csv", random_log(3, 600))
    whole = evaluate([path], columns, options(interval="gamma")).to_dict()
    same(evaluate([path], columns, options(interval="gamma", batch_rows=77)).to_dict(), whole)


def test_the_reward_model_learns_what_each_action_is_worth_in_a_context(tmp_path: Path) -> None:
    # The best action of a segment is rewarded in 0.5 of its rows, any other in 0.2.
    path = write(tmp_path / "log.parquet", random_log(4, 20_000))
    table = LoggedTable([path], COLUMNS)
    model = RewardModel(draw(path, limit=20_000), ("segment", "age"), 3)
    assert model.actions == ("a", "b", "c")
    for rows in table.batches(1000):
        found = model.estimate(rows)
        best = np.where(np.asarray(rows.labels["segment"]) == "x", 0, 2)
        truth = np.where(np.arange(3) == best[:, None], 0.5, 0.2)
        np.testing.assert_allclose(found, truth, atol=0.08)


def test_rewards_of_many_values_and_of_one(tmp_path: Path) -> None:
    log = random_log(5, 6000)
    money = (10.0 * np.array(log["reward"]) + np.arange(6000) % 3).tolist()
    found = evaluate([write(tmp_path / "money.csv", log | {"reward": money})], COLUMNS, options())
    # 0.8 x 0.5 + 0.2 x 0.2 of 10, and 1 besides.
    assert found.overall.estimates["dm"].value == pytest.approx(5.4, abs=0.3)
    assert found.overall.estimates["dr"].value == pytest.approx(5.4, abs=0.3)
    constant = evaluate([write(tmp_path / "one.csv", log | {"reward": [2.0] * 6000})], COLUMNS, options())
    assert constant.overall.estimates["dr"].value == pytest.approx(2.0, abs=1e-12)
    assert "Every reward is 2: nothing can be learned from it." in constant.warnings


def test_doubly_robust_with_a_cross_fitted_model_is_right_and_narrower_than_ips(tmp_path: Path) -> None:
    path = write(tmp_path / "log.parquet", random_log(6, 20_000))
    found = evaluate([path], COLUMNS, options(interval="normal")).overall.estimates
    assert found["dr"].value == pytest.approx(0.44, abs=4.0 * found["dr"].standard_error)
    assert found["dr"].standard_error < 0.9 * found["ips"].standard_error


def test_propensities_are_estimated_where_the_context_holds_what_the_loggers_looked_at(
    tmp_path: Path,
) -> None:
    log = random_log(7, 20_000)
    path = write(tmp_path / "log.parquet", log)
    (rows,) = LoggedTable([path], ESTIMATED).batches(20_000)
    # The two loggers treat the segments differently.
    model = PropensityModel(draw(path, ESTIMATED, limit=20_000), ("segment",), "version", 3)
    error = np.abs(model.estimate(rows) - np.array(log["p"]))
    assert np.quantile(error, 0.95) < 0.1
    assert error.mean() < 0.03


def test_estimated_propensities_are_said_aloud(tmp_path: Path) -> None:
    found = evaluate([write(tmp_path / "log.csv", random_log(8, 3000))], ESTIMATED, options())
    assert found.propensities == found.to_dict()["propensities"] == "estimated"
    assert "ESTIMATED from segment, age, version" in found.warnings[0]
    assert found.overall.weights.mean_weight == pytest.approx(1.0, abs=0.1)


def test_an_action_that_only_one_fold_holds_is_rare_not_impossible(tmp_path: Path) -> None:
    log = random_log(9, 900)
    log["action"] = ["only", *log["action"][1:]]
    path = write(tmp_path / "log.parquet", log)
    columns = Columns("action", "reward", None, "pi", context=("segment",))
    (rows,) = LoggedTable([path], columns).batches(900)
    sample = sampling.draw(LoggedTable([path], columns), ("segment",), 3, 900, 900)
    found = PropensityModel(sample, ("segment",), None, 3).estimate(rows)
    assert found.min() > 0.0
    assert found[0] < 0.001


def test_context_is_encoded_by_what_the_sample_holds() -> None:
    numbers = [str(value) for value in range(20)]
    encoder = Encoder({"x": pa.array(numbers), "c": pa.array(["r", "g"] * 10)})
    found = encoder.encode({"c": pa.array(["g", "new", None]), "x": pa.array(["9.5", None, "word"])})
    # z-score, missing; g, r (as often, in order of the alphabet), any other.
    np.testing.assert_allclose(found, [[0, 0, 1, 0, 0], [0, 1, 0, 0, 1], [0, 1, 0, 0, 1]], atol=1e-12)


def test_hashes_tell_users_apart_and_are_the_same_everywhere() -> None:
    found = hashing.of_texts(pa.array(["u1", "u2", "u1"]))
    assert found[0] == found[2] != found[1]
    # blake2b of the text, 8 bytes, little-endian; SplitMix64's first output of seed 0.
    assert found[0] == 0xD56A4E3F684D9992
    assert hashing.mixed(np.zeros(1, dtype=np.uint64))[0] == 0xE220A8397B1DCDAF


def test_a_column_of_numbers_but_for_a_few_is_said_to_be_a_category() -> None:
    spend = [str(x / 4) for x in range(100)] + ["1,340.73", "2,001.10", None]
    sample = {
        "spend": pa.array(spend),
        "country": pa.array(["CH", "DE"] * 51 + ["CH"]),
        "age": pa.array([str(x) for x in range(103)]),
    }
    assert nearly_numbers(sample) == [
        "Column spend holds 2 values that are no number, such as '1,340.73', among 102: it counts as a "
        f"category; {HOW_TO_WRITE_NUMBERS}."
    ]
    # Every one of them may be written so.
    for written in ("{},5", "1,{:03d}.50", "1'{:03d}"):
        (said,) = nearly_numbers({"spend": pa.array([written.format(x) for x in range(100)])})
        assert "holds 100 values that are no number" in said
    assert nearly_numbers({"name": pa.array([f"user {x}" for x in range(100)])}) == []
