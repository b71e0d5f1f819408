"""Agents trained on logged rows, exported, and read back by plain TensorFlow."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newsletter_bandit import exported_model as contract
from newsletter_bandit.settings.use_case import UseCase
from tests.each_agent import of_agents
from tests.tiny import BEST, Prepared, encode, make_use_case

NETWORK = {"hidden_layers": [16], "batch_size": 128, "epochs": 8, "learning_rate": 0.01}
AGENTS: dict[str, dict[str, Any]] = {
    "neural_epsilon_greedy": NETWORK,
    "boltzmann": {**NETWORK, "temperature": 0.1},
    "recommender_features": {**NETWORK, "hidden_layers": [32], "recommender_layers": [16], "epochs": 20},
    "neural_lin_ucb": {**NETWORK, "encoding_dim": 8, "epochs": 20},
    "lin_ucb": {"alpha": 0.3},
    "lin_ts": {"alpha": 0.3, "samples": 50},
}
FEATURES = {"a": {"like": "red"}, "b": {"like": "green"}, "c": {"like": "blue"}}


def use_case_of(agent: str) -> UseCase:
    return make_use_case(agent={"type": agent, **AGENTS[agent]}, recommender_features=FEATURES)


@pytest.fixture(scope="module")
def trained(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A SavedModel of an agent, made once by the function that TFX's Trainer calls."""

    @functools.cache
    def train(agent: str) -> Path:
        from types import SimpleNamespace

        from components.hyperparameters_gen import hyperparameters as hp
        from components.trainer.run_fn import run_fn

        use_case = use_case_of(agent)
        folder = tmp_path_factory.mktemp(agent)
        run_fn(
            SimpleNamespace(
                custom_config={"use_case": hp.without_hyperparameters(use_case)},
                hyperparameters=hp.hyperparameters(use_case),
                transform_output=prepared.transform_output,
                train_files=prepared.files,
                model_run_dir=str(folder / "run"),
                serving_model_dir=str(folder / "model"),
                base_model=None,
            )
        )
        figures = json.loads((folder / "run" / "training.json").read_text())
        assert figures["rows"] == len(prepared.rows)
        assert list((folder / "run").glob("events.out.tfevents*"))
        return folder / "model"

    return train


@pytest.fixture(scope="module", params=of_agents(AGENTS))
def exported(request: pytest.FixtureRequest, trained: Callable[[str], Path]) -> Path:
    """The model of each agent in turn."""
    return trained(request.param)


@functools.cache
def loaded_model(model: Path) -> Any:
    """A model is loaded once for all that is asked of it."""
    import tensorflow as tf

    return tf.saved_model.load(str(model))


def call(model: Path, signature: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    import tensorflow as tf

    outputs = loaded_model(model).signatures[signature](examples=tf.constant([encode(row) for row in rows]))
    return {name: tensor.numpy() for name, tensor in outputs.items()}


def context(user: str, colour: str | None, eligible: list[str] | None = None) -> dict[str, Any]:
    return {
        "user_id": user,
        "campaign": "c1",
        "eligible_recommenders": eligible,
        "colour": colour,
        "height": 170.0,
        "weight": 55.0,
        "member": 1,
    }


def test_the_graph_has_the_signatures_outputs_and_variables_of_the_contract(exported: Path) -> None:
    loaded = loaded_model(exported)
    assert set(loaded.signatures) == {*contract.POLICIES, contract.EVALUATION}
    for policy in contract.POLICIES:
        assert set(loaded.signatures[policy].structured_outputs) == set(contract.POLICY_OUTPUTS)
    evaluation = loaded.signatures[contract.EVALUATION]
    assert set(evaluation.structured_outputs) == set(contract.OF_CANDIDATE)
    for signature in loaded.signatures.values():
        assert list(signature.structured_input_signature[1]) == [contract.EXAMPLES]
    for name in contract.CRITERIA:
        assert getattr(loaded, name).shape == []


def test_eval_policy_ranks_the_best_recommender_first(exported: Path) -> None:
    rows = [context(f"u{i}", colour) for i, colour in enumerate(BEST)]
    answer = call(exported, "eval_policy", rows)
    assert [name[0].decode() for name in answer["recommenders"]] == list(BEST.values())
    assert np.all(answer["propensities"] == 1.0)
    assert np.all(np.diff(answer["scores"], axis=1) <= 0)
    assert not answer["explored"].any()
    # The truth is 0.6 for the best and 0.1 for the rest; 3,000 rows pull a small network only part of the
    # way.
    assert np.all(answer["scores"][:, 0] > 0.25)
    assert np.all(answer["scores"][:, 1:] < 0.25)


def test_user_id_passes_through_unaltered(exported: Path) -> None:
    ids = ["", "user 1", "Zoë/ä%20", "0", "x" * 300]
    answer = call(exported, "serving_policy", [context(user, "red") for user in ids])
    assert [value.decode() for value in answer["user_id"][:, 0]] == ids
    assert [value.decode() for value in answer["campaign"][:, 0]] == ["c1"] * len(ids)


def test_missing_values_and_unseen_strings_are_ranked(exported: Path) -> None:
    rows = [context("u", None), context("v", "ultraviolet"), {"user_id": "bare"}]
    rows[0] |= {"height": None, "weight": None, "member": None}
    answer = call(exported, "serving_policy", rows)
    assert np.all(np.isfinite(answer["scores"]))
    assert all(sorted(names) == [b"a", b"b", b"c"] for names in answer["recommenders"].tolist())


def test_only_the_eligible_are_ranked(exported: Path) -> None:
    rows = [context(f"u{i}", "red", ["b", "c"]) for i in range(50)]
    for signature in ("serving_policy", "eval_policy"):
        answer = call(exported, signature, rows)
        assert set(answer["recommenders"][:, :2].ravel()) == {b"b", b"c"}
        assert np.all(answer["recommenders"][:, 2] == b"")
        assert np.all(answer["propensities"][:, 2] == 0.0)
        assert np.all(answer["propensities"][:, :2] > 0.0)


def test_an_unknown_eligible_name_leaves_nothing_to_rank(exported: Path) -> None:
    answer = call(exported, "serving_policy", [context("u", "red", ["zzz"])])
    assert np.all(answer["recommenders"] == b"")
    assert np.all(answer["propensities"] == 0.0)


def test_serving_policy_repeats_itself_and_explores_as_often_as_it_says(exported: Path) -> None:
    rows = [context(f"user-{i}", "green") for i in range(6000)]
    first = call(exported, "serving_policy", rows)
    again = call(exported, "serving_policy", rows[::-1])
    for name, values in first.items():
        assert np.array_equal(values, again[name][::-1]), name
    figures = call(exported, "evaluation", [{**rows[0], "recommender": "a"}])
    probabilities = figures["serving_probabilities"][0]
    # Epsilon is 0.2 and nobody is ineligible.
    assert np.all(probabilities >= 0.2 / 3 - 1e-6)
    for index, name in enumerate((b"a", b"b", b"c")):
        chosen = first["recommenders"][:, 0] == name
        error = np.sqrt(probabilities[index] * (1 - probabilities[index]) / len(rows))
        assert abs(np.mean(chosen) - probabilities[index]) < 4 * error
        assert np.allclose(first["propensities"][chosen, 0], probabilities[index])
        assert np.all(first["explored"][chosen, 0] == (index != figures["reward_estimates"][0].argmax()))
    # The last slot has no choice left.
    assert np.allclose(first["propensities"][:, 2], 1.0)


def test_scores_do_not_depend_on_the_batch(exported: Path, prepared: Prepared) -> None:
    """To the last bit, in batches of any size and order: a rerun of the day batches the users differently."""
    rows = prepared.rows[:1500]
    whole = call(exported, "serving_policy", rows)
    order = np.random.default_rng(2).permutation(len(rows))
    start = 0
    for size in (1, 2, 7, 100, 127, 128, 129, 500, 506):
        part = order[start : start + size]
        start += size
        answer = call(exported, "serving_policy", [rows[i] for i in part])
        for name, values in answer.items():
            assert np.array_equal(values, whole[name][part]), (name, size)


def test_another_campaign_draws_anew(exported: Path) -> None:
    rows = [context(f"user-{i}", "green") for i in range(500)]
    first = call(exported, "serving_policy", rows)["explored"][:, 0]
    other = call(exported, "serving_policy", [{**row, "campaign": "c2"} for row in rows])["explored"][:, 0]
    assert first.sum() > 0
    assert other.sum() > 0
    assert not np.array_equal(first, other)


def test_evaluation_agrees_with_the_policies(exported: Path, prepared: Prepared) -> None:
    rows = prepared.rows[:200]
    figures = call(exported, "evaluation", rows)
    assert np.allclose(figures["serving_probabilities"].sum(axis=1), 1.0)
    assert np.allclose(figures["eval_probabilities"].max(axis=1), 1.0)
    for i, row in enumerate(rows):
        assert figures["logged_action"][i, 0] == "abc".index(row["recommender"])
        allowed = row["eligible_recommenders"] or ["a", "b", "c"]
        shown = {"abc"[k] for k in np.flatnonzero(figures["serving_probabilities"][i])}
        assert shown == set(allowed)
    estimates = figures["reward_estimates"][np.arange(200), figures["logged_action"][:, 0]]
    # Rewards lie in [-1, 1], so the score is half the estimate above the middle.
    assert np.allclose(figures["logged_score"][:, 0], np.clip((estimates + 1) / 2, 0, 1), atol=1e-6)

    served = call(exported, "serving_policy", rows)
    first = [["a", "b", "c"].index(name.decode()) for name in served["recommenders"][:, 0]]
    assert np.allclose(
        served["propensities"][:, 0], figures["serving_probabilities"][np.arange(200), first], atol=1e-6
    )


def test_an_unknown_logged_recommender_is_marked(exported: Path) -> None:
    figures = call(exported, "evaluation", [{**context("u", "red"), "recommender": "gone"}])
    assert figures["logged_action"][0, 0] == -1


@pytest.mark.slow
def test_all_load_where_the_project_cannot_be_imported(
    trained: Callable[[str], Path], tmp_path: Path
) -> None:
    """A process that sees TensorFlow alone ranks the same."""
    models = [trained(agent) for agent in AGENTS]
    row = context("user-7", "blue")
    (tmp_path / "example").write_bytes(encode(row))
    program = (
        "import sys, json, tensorflow as tf\n"
        "sys.path = [p for p in sys.path if p]\n"
        "for name in ('components', 'pipelines', 'tf_agents', 'tensorflow_transform'):\n"
        "    sys.modules[name] = None\n"
        "example = open(sys.argv[1], 'rb').read()\n"
        "for path in sys.argv[2:]:\n"
        "    model = tf.saved_model.load(path)\n"
        "    answer = model.signatures['serving_policy'](examples=tf.constant([example]))\n"
        "    print(json.dumps([name.decode() for name in answer['recommenders'].numpy()[0]]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "example"), *map(str, models)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    for model, ranked in zip(models, done.stdout.splitlines()[-len(models) :], strict=True):
        expected = call(model, "serving_policy", [row])["recommenders"][0]
        assert json.loads(ranked) == [name.decode() for name in expected], model


@contextmanager
def criteria(model: Path, **values: float) -> Iterator[None]:
    """Sets some of the loaded model's variables for a while; tests/pusher writes them into its files."""
    loaded = loaded_model(model)
    before = {name: getattr(loaded, name).numpy() for name in values}
    try:
        for name, value in values.items():
            getattr(loaded, name).assign(value)
        yield
    finally:
        for name, value in before.items():
            getattr(loaded, name).assign(value)


def test_rate_0_is_the_eval_policy(exported: Path) -> None:
    rows = [context(f"user-{i}", "green", ["b", "c"] if i % 3 else None) for i in range(300)]
    with criteria(exported, exploration_rate=0.0):
        serving, eval_ = call(exported, "serving_policy", rows), call(exported, "eval_policy", rows)
    for name, values in eval_.items():
        assert np.array_equal(values, serving[name]), name


def test_below_the_floor_the_default_comes_first(exported: Path) -> None:
    """The default ranking is [a]; scores are 0.6 at most."""
    rows = [context("u", "green"), context("v", "blue", ["b", "c"])]
    with criteria(exported, score_floor=0.9, expires_after_days=3):
        answer, estimates = call(exported, "serving_policy", rows), call(exported, "eval_policy", rows)
        figures = call(exported, "evaluation", [{**row, "recommender": "a"} for row in rows])
    assert answer["recommenders"][0, 0] == b"a"
    assert answer["propensities"][0].tolist() == [1.0, 1.0, 1.0]
    behind = [name for name in estimates["recommenders"][0] if name != b"a"]
    assert answer["recommenders"][0, 1:].tolist() == behind
    assert not answer["explored"][0, 0]
    # No default fits this user, so they are served as without a floor.
    without = call(exported, "serving_policy", rows[1:])
    assert np.array_equal(answer["recommenders"][1], without["recommenders"][0])
    assert answer["expires_after_days"].tolist() == [[3], [3]]
    assert figures["default_action"][:, 0].tolist() == [0, -1]
    assert np.allclose(figures["serving_probabilities"][0], [1.0, 0.0, 0.0])
    assert np.allclose(figures["best_score"][:, 0], estimates["scores"][:, 0])
