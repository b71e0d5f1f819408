"""Figures of a logged table: by hand, and the same however the table is cut and stored."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter_bandit.errors import DataError
from newsletter_bandit.off_policy.estimators import ESTIMATORS, LoggedBatch
from newsletter_bandit.off_policy.logged_table import Bounds, Columns, evaluate
from newsletter_bandit.off_policy.logged_table.figures import uses_reward_model
from newsletter_bandit.settings.use_case import Gate
from tests.log_files import ANY, COLUMNS, FOUR_ROWS, nearly_unsupported, options, random_log, write
from tests.off_policy.same_figures import same


@pytest.fixture
def four_rows(tmp_path: Path) -> Path:
    return write(tmp_path / "four.csv", FOUR_ROWS)


def test_values_weights_and_overlap_by_hand(four_rows: Path) -> None:
    # Weights 1.6, 1.6, 0.8 and 0.4.
    found = evaluate([four_rows], COLUMNS, options())
    assert found.overall.logged.value == 0.5
    without_model = {name for name, kind in ESTIMATORS.items() if not uses_reward_model(kind)}
    assert found.overall.estimates.keys() == without_model
    assert found.overall.estimates["ips"].value == pytest.approx(0.6, abs=1e-15)
    assert found.overall.estimates["snips"].value == pytest.approx(2.4 / 4.4, abs=1e-15)
    weights = found.overall.weights
    assert weights.rows == 4
    assert weights.effective_sample_size == pytest.approx(4.4**2 / 5.92)
    assert weights.max_weight == pytest.approx(1.6)
    assert weights.mean_weight == pytest.approx(1.1)
    # Four rows: any mean weight could be chance.
    assert weights.mean_weight_reach > 1.0
    shares = {each.action: (each.rows, each.logged_share, each.evaluation_share) for each in found.actions}
    assert shares == {"a": (2, 0.5, pytest.approx(0.8)), "b": (2, 0.5, pytest.approx(0.3))}


def test_a_given_reward_model_brings_the_estimators_that_use_one(four_rows: Path) -> None:
    columns = replace(COLUMNS, expected_reward="expected", reward_estimate="q")
    found = evaluate([four_rows], columns, options())
    assert found.reward_model == "given"
    assert found.overall.estimates.keys() == set(ESTIMATORS)
    assert found.overall.estimates["dm"].value == 0.5
    assert found.overall.estimates["dr"].value == pytest.approx(0.58, abs=1e-15)


def test_every_registered_estimator_is_told_apart_by_its_use_of_the_reward_model() -> None:
    known = {name: uses_reward_model(kind) for name, kind in ESTIMATORS.items()}
    assert {"ips": False, "snips": False, "dm": True, "dr": True, "switch_dr": True}.items() <= known.items()


def test_a_clip_bounds_the_weights_used_and_is_told(four_rows: Path) -> None:
    found = evaluate([four_rows], COLUMNS, options(weight_clip=1.0))
    assert found.overall.estimates["ips"].value == pytest.approx((1.0 + 0.8) / 4.0)
    assert found.overall.weights.max_weight == pytest.approx(1.6)
    assert found.overall.weights.clipped_share == 0.5
    assert any("50.0% of the rows have a weight above the clip of 1" in said for said in found.warnings)


def test_slices_and_loggers_are_the_figures_of_their_rows(tmp_path: Path) -> None:
    log = random_log(3, 500)
    columns = replace(COLUMNS, slices=("segment",), policy_version="version")
    found = evaluate([write(tmp_path / "log.csv", log)], columns, options())
    for name, groups in (("segment", found.slices["segment"]), ("version", found.policy_versions)):
        for value, figures in groups.items():
            mine = np.array(log[name]) == value
            alone = write(tmp_path / "part.csv", {c: np.array(x)[mine].tolist() for c, x in log.items()})
            assert evaluate([alone], COLUMNS, options()).overall == figures
    assert sum(figures.weights.rows for figures in found.policy_versions.values()) == 500


def test_an_empty_slice_is_a_slice(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", FOUR_ROWS | {"country": ["CH", None, "NULL", "CH"]})
    found = evaluate([path], replace(COLUMNS, slices=("country",)), options())
    assert {name: part.weights.rows for name, part in found.slices["country"].items()} == {
        "(empty)": 2,
        "CH": 2,
    }


@pytest.mark.parametrize(
    "policy", [{"evaluation_probabilities": "pi_{action}"}, {"evaluation_probability": "pi"}]
)
def test_a_distribution_says_the_same_as_the_logged_actions_probability(
    tmp_path: Path, policy: dict[str, str]
) -> None:
    log = random_log(1, 400)
    path = write(tmp_path / "log.parquet", log)
    found = evaluate([path], Columns("action", "reward", "p", **policy), options())
    weights = np.array(log["pi"]) / np.array(log["p"])
    assert found.overall.estimates["ips"].value == pytest.approx(np.mean(weights * log["reward"]), rel=1e-12)


def test_a_deterministic_policy_is_1_where_it_agrees_with_the_log(tmp_path: Path) -> None:
    log = random_log(2, 400)
    found = evaluate(
        [write(tmp_path / "log.csv", log)],
        Columns("action", "reward", "p", evaluation_action="best"),
        options(),
    )
    agrees = np.array(log["action"]) == np.array(log["best"])
    expected = np.mean(agrees / np.array(log["p"]) * log["reward"])
    assert found.overall.estimates["ips"].value == pytest.approx(expected, rel=1e-12)
    share = {each.action: each.evaluation_share for each in found.actions}
    assert share["b"] == 0.0
    assert share["a"] == pytest.approx(np.mean(np.array(log["best"]) == "a"))


def test_actions_of_the_policy_that_were_never_logged_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", FOUR_ROWS | {"best": ["a", "new", "b", "new"]})
    found = evaluate([path], Columns("action", "reward", "p", evaluation_action="best"), options())
    assert "The evaluation policy takes new 50.0% of the time; the log never did." in found.warnings
    assert next(each for each in found.actions if each.action == "new").rows == 0


def test_true_and_false_delimiters_and_unnamed_columns_of_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(";action;reward;p;pi;\n0;a;true;0.5; 0.8;x\n1;b;FALSE;0.25;1e-1;y\n")
    found = evaluate([path], COLUMNS, options())
    assert found.overall.logged.value == 0.5
    assert found.overall.estimates["ips"].value == pytest.approx(0.8)


@settings(max_examples=8)
@given(
    seed=st.integers(0, 1000), n=st.integers(30, 200), batch_rows=st.integers(1, 250), cut=st.integers(1, 29)
)
def test_files_batches_and_formats_do_not_change_the_figures(
    tmp_path_factory: pytest.TempPathFactory, seed: int, n: int, batch_rows: int, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("split")
    log = random_log(seed, n)
    columns = replace(COLUMNS, slices=("segment",), policy_version="version", user="user")
    whole = evaluate([write(folder / "log.parquet", log)], columns, options(interval="bootstrap"))
    parts = [
        write(folder / "first.csv", {name: values[:cut] for name, values in log.items()}),
        write(folder / "second.csv", {name: values[cut:] for name, values in log.items()}),
    ]
    cut_up = evaluate(parts, columns, options(interval="bootstrap", batch_rows=batch_rows))
    same(replace(cut_up, files=()).to_dict(), replace(whole, files=()).to_dict())


def test_intervals_are_those_of_the_estimators(tmp_path: Path) -> None:
    log = random_log(4, 300)
    found = evaluate(
        [write(tmp_path / "log.csv", log)], COLUMNS, options(reward_range=(0.0, 1.0), confidence=0.9)
    )
    zeros = np.zeros(300)
    estimator = ESTIMATORS["ips"](None, (0.0, 1.0))
    estimator.add(LoggedBatch(np.array(log["reward"]), np.array(log["p"]), np.array(log["pi"]), zeros, zeros))
    value = found.overall.estimates["ips"]
    assert (value.low, value.high) == pytest.approx(tuple(estimator.interval(0.9)), rel=1e-9)


def test_users_are_resampled_together(tmp_path: Path) -> None:
    # Each row ten times over: alone they look like ten times the evidence, by user they do not.
    log = {name: values * 10 for name, values in random_log(5, 300).items()}
    log["user"] = [f"user {i % 300}" for i in range(3000)]
    path = write(tmp_path / "log.csv", log)
    rows = evaluate([path], COLUMNS, options()).overall.estimates["ips"]
    users = evaluate([path], replace(COLUMNS, user="user"), options())
    assert users.interval == "bootstrap"
    by_user = users.overall.estimates["ips"]
    ratio = (by_user.high - by_user.low) / (rows.high - rows.low)
    assert 0.7 * math.sqrt(10) < ratio < 1.3 * math.sqrt(10)


def test_json_is_finite_or_null_and_written_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "one.csv", {name: values[:1] for name, values in FOUR_ROWS.items()})
    found = evaluate([path], COLUMNS, options())
    found.write(tmp_path / "found.json")
    content = json.loads((tmp_path / "found.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert content["verdict"] == "supported"
    assert content["overall"]["estimates"]["ips"]["standard_error"] is None
    assert [each.name for each in tmp_path.iterdir() if each.suffix != ".csv"] == ["found.json"]


# --- the verdict --------------------------------------------------------------------------------------------


def test_a_nearly_unsupported_policy_is_refused_with_a_reason(tmp_path: Path) -> None:
    found = evaluate([write(tmp_path / "log.parquet", nearly_unsupported())], COLUMNS)
    assert found.overall.weights.effective_sample_size == pytest.approx(2.0)
    assert found.verdict == "cannot_tell"
    assert [check.name for check in found.checks if not check.passed] == [
        "effective sample size",
        "largest weight",
    ]
    assert "the 10,000 rows tell as much as 2 rows of the policy's own" in found.reasons[0]
    assert "one row counts as 5,000" in found.reasons[1]


def test_few_rows_are_refused(four_rows: Path) -> None:
    found = evaluate([four_rows], COLUMNS)
    assert not found.supported
    assert found.reasons[0] == "too few rows to say anything"


def test_a_policy_outside_the_log_is_refused_by_its_mean_weight(tmp_path: Path) -> None:
    # Half of what the policy does was never logged, so the weights' mean is one half.
    log = random_log(6, 5000) | {"pi": [0.5 * pi for pi in random_log(6, 5000)["pi"]]}
    found = evaluate([write(tmp_path / "log.csv", log)], COLUMNS)
    assert [check.name for check in found.checks if not check.passed] == ["mean weight off 1"]
    assert "the policy does what was never logged" in found.reasons[0]


def test_a_supported_policy_is_not_refused(tmp_path: Path) -> None:
    found = evaluate([write(tmp_path / "log.csv", random_log(7, 5000))], COLUMNS)
    assert found.verdict == "supported"
    assert found.reasons == ()
    assert all(check.passed for check in found.checks)


def test_bounds_are_settings(four_rows: Path) -> None:
    assert evaluate([four_rows], COLUMNS, options(bounds=ANY)).supported
    assert not evaluate([four_rows], COLUMNS, options(bounds=replace(ANY, max_weight=1.5))).supported
    assert Bounds().min_effective_sample_size == 200.0


def test_the_default_bounds_are_the_gates() -> None:
    bounds, gate = Bounds(), Gate()
    for name in ("min_rows", "min_effective_sample_size", "max_weight"):
        assert getattr(bounds, name) == getattr(gate, name)


def test_a_rule_logged_with_its_shares_is_seen_in_the_groups(tmp_path: Path) -> None:
    """Each segment got one action, and the log says how often each was sent to anyone: all weights average 1,
    but 2 in one segment and 0 in the other.
    """
    rng = np.random.default_rng(5)
    segment = rng.choice(["x", "y"], 8_000)
    action = np.where(segment == "x", "a", "b")
    log = {
        "segment": segment.tolist(),
        "action": action.tolist(),
        "reward": (rng.random(8_000) < np.where(action == "a", 0.35, 0.2)).astype(float).tolist(),
        "p": [0.5] * 8_000,
        "pi_a": [1.0] * 8_000,
        "pi_b": [0.0] * 8_000,
    }
    path = write(tmp_path / "log.parquet", log)
    unaware = evaluate([path], Columns("action", "reward", "p", evaluation_probabilities="pi_{action}"))
    assert unaware.overall.weights.mean_weight == pytest.approx(1.0, abs=0.05)
    assert unaware.verdict == "supported"
    for columns in ({"slices": ("segment",)}, {"context": ("segment",)}):
        found = evaluate(
            [path], Columns("action", "reward", "p", evaluation_probabilities="pi_{action}", **columns)
        )
        assert found.verdict == "cannot_tell"
        assert found.reasons[0].startswith("the weights' mean is ")
        assert "segment=x" in found.reasons[0]
        assert "segment=y" in found.reasons[0]


def test_an_action_that_is_logged_more_often_than_its_propensities_allow_is_named(tmp_path: Path) -> None:
    """A split of 70 to 30 that was logged as even; the weights of a policy without a preference are 1 all the
    same.
    """
    action = np.random.default_rng(6).choice(["a", "b"], 4_000, p=[0.7, 0.3])
    log = {
        "action": action.tolist(),
        "reward": (action == "a").astype(float).tolist(),
        "p": [0.5] * 4_000,
        "pi": [0.5] * 4_000,
    }
    found = evaluate([write(tmp_path / "log.parquet", log)], COLUMNS)
    assert found.verdict == "cannot_tell"
    assert found.reasons == (
        "the log holds a 1.41 times; b 0.586 times as often as the propensities say, so the propensities are "
        "wrong",
    )


def test_an_action_that_was_seldom_possible_is_no_fault(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    possible = rng.random(4_000) < 0.2
    action = np.where(possible & (rng.random(4_000) < 0.5), "b", "a")
    log = {
        "action": action.tolist(),
        "reward": rng.integers(0, 2, 4_000).astype(float).tolist(),
        "p": np.where(possible, 0.5, 1.0).tolist(),
        "pi": np.where(possible, 0.5, 1.0).tolist(),
    }
    assert evaluate([write(tmp_path / "log.parquet", log)], COLUMNS).verdict == "supported"


def test_what_is_logged_too_often_and_too_seldom_is_named(tmp_path: Path) -> None:
    """A split of 40, 30, 10, 10 and 10 percent, logged as a fifth each."""
    log = {"action": list("aaaabbbcde") * 400, "reward": [0.0, 1.0] * 2000, "p": [0.2] * 4000}
    found = evaluate([write(tmp_path / "log.csv", log | {"pi": [0.2] * 4000})], COLUMNS, options())
    (check,) = (check for check in found.checks if check.name == "sample ratio")
    assert check.detail == (
        "the log holds a 2 times; b 1.5 times; c 0.5 times; d 0.5 times; e 0.5 times as often as the "
        "propensities say, so the propensities are wrong"
    )


def test_what_is_logged_too_seldom_alone_is_said_and_no_fault(tmp_path: Path) -> None:
    """Action b could be taken by half of the rows, which nobody says."""
    log = {
        "action": ["a", "b"] * 1000 + ["a"] * 2000,
        "p": [0.5] * 2000 + [1.0] * 2000,
        "reward": [0.0, 1.0] * 2000,
    }
    path = write(tmp_path / "log.csv", log | {"pi": log["p"]})
    found = evaluate([path], COLUMNS, options())
    assert next(check for check in found.checks if check.name == "sample ratio").passed
    assert (
        "The log holds b 0.5 times as often as the propensities say. That is right only if they could not be "
        "taken in the other rows; if they could, rows are missing or the propensities are wrong."
    ) in found.warnings


@pytest.mark.parametrize("cell", ["1,234.50", "0,5", "1'000"])
def test_a_number_with_separators_is_refused_with_how_to_write_it(tmp_path: Path, cell: str) -> None:
    log = FOUR_ROWS | {"reward": ["1", cell, "0", "0"]}
    with pytest.raises(DataError, match=r"column reward, row 2: found .*write numbers with a point"):
        evaluate([write(tmp_path / "log.csv", log)], COLUMNS, options())
