"""The decision's criteria in the graph of a real exported model; nothing else changes."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.pusher.criteria import NAMES, attach, criteria
from components.serving_model_resolver.decision import decide
from newsletter_bandit.errors import DataError
from newsletter_bandit.registry.evidence import Decision
from newsletter_bandit.registry.evidence.metrics import Estimate, FloorGain
from tests.evidence_records import constraints
from tests.tiny import Prepared, encode, make_use_case

SIGNATURES = ("serving_policy", "eval_policy", "evaluation")
FLOOR = float(np.float32(0.35))
AS_TRAINED = {"exploration_rate": 1.0, "score_floor": -math.inf, "expires_after_days": 8}
DECIDED = {"exploration_rate": 0.25, "score_floor": FLOOR, "expires_after_days": 3}
# Runs where only TensorFlow is: every output of every signature, by TensorFlow 2's and by the graph's own
# loader.
PROGRAM = """
import json, sys
import numpy as np, tensorflow as tf
names, models = json.loads(sys.argv[1]), sys.argv[2:]
examples = np.load("examples.npy", allow_pickle=True)
for model in models:
    loaded = tf.saved_model.load(model)
    found = {}
    for name in names:
        outputs = loaded.signatures[name](examples=tf.constant(examples))
        found |= {f"{name}/{key}": value.numpy() for key, value in outputs.items()}
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], model)
        for name in names:
            signature = graph.signature_def[name]
            fetches = {key: tensor.name for key, tensor in signature.outputs.items()}
            for key, value in session.run(fetches, {signature.inputs["examples"].name: examples}).items():
                # A session may fuse arithmetic, so the last digit of a float may differ; no choice does.
                other = found[f"{name}/{key}"]
                exact = value.dtype.kind != "f"
                alike = (value == other).all() if exact else np.allclose(value, other, atol=1e-5)
                assert alike, (name, key)
    np.savez(f"{model}.npz", **found)
"""

Outputs = dict[str, np.ndarray[Any, Any]]


@pytest.fixture(scope="module")
def exported(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained model of the tiny use case, as the Trainer exports it."""
    import tensorflow_transform as tft

    from components.trainer.data import FileData
    from components.trainer.training import fit
    from components.transform.layout import Layout, vocabulary_sizes

    # Of the agents' graphs this is the smallest.
    use_case = make_use_case(agent={"type": "lin_ucb"})
    transform_output = tft.TFTransformOutput(prepared.transform_output)
    layout = Layout.of(use_case)
    sizes = vocabulary_sizes(use_case, transform_output)
    data = FileData(prepared.files, layout, sizes, use_case.propensity_weighting)
    folder = tmp_path_factory.mktemp("exported") / "model"
    fit(use_case, data, transform_output).save(folder)
    return folder


@pytest.fixture
def model(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "model"))


@pytest.fixture(scope="module")
def outputs(
    exported: Path, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Outputs]:
    """Every signature's outputs: before, with the same criteria, and with others.

    They come from a process that can import only TensorFlow.
    """
    folder = tmp_path_factory.mktemp("outputs")
    examples = np.array([encode(row) for row in prepared.rows[:300]], dtype=object)
    np.save(folder / "examples.npy", examples, allow_pickle=True)
    models = {}
    for name, values in (("before", None), ("same", AS_TRAINED), ("other", DECIDED)):
        models[name] = shutil.copytree(exported, folder / name)
        if values is not None:
            attach(str(models[name]), values)
    command = [sys.executable, "-c", PROGRAM, json.dumps(SIGNATURES), *map(str, models.values())]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = {}
    for name, model in models.items():
        with np.load(f"{model}.npz", allow_pickle=True) as arrays:
            found[name] = dict(arrays)
    return found


def contents(model: Path) -> dict[str, bytes]:
    return {str(path.relative_to(model)): path.read_bytes() for path in model.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_other_criteria_change_what_they_are_about_and_not_a_bit_besides(outputs: dict[str, Outputs]) -> None:
    before, after = outputs["before"], outputs["other"]
    assert set(before) == set(after)
    served = {"serving_policy/recommenders", "serving_policy/scores", "serving_policy/propensities"}
    served |= {"serving_policy/explored", "evaluation/serving_probabilities"}
    expiry = {"serving_policy/expires_after_days", "eval_policy/expires_after_days"}
    for name in set(before) - served - expiry:
        np.testing.assert_array_equal(before[name], after[name], err_msg=name)
    for name in expiry:
        assert set(before[name].ravel()) == {8}
        assert set(after[name].ravel()) == {3}

    # Below the floor the default, `a`, is certain; above it exploring is a quarter of what it was.
    below = after["evaluation/best_score"][:, 0] < np.float32(FLOOR)
    has_default = after["evaluation/default_action"][:, 0] == 0
    assert 0 < np.count_nonzero(below & has_default) < len(below)
    first = after["serving_policy/recommenders"][:, 0]
    assert set(first[below & has_default]) == {b"a"}
    assert set(after["serving_policy/propensities"][below & has_default, 0]) == {1.0}
    above = ~below
    greedy = before["evaluation/eval_probabilities"][above].astype(np.float64)
    exploring = before["evaluation/serving_probabilities"][above].astype(np.float64)
    np.testing.assert_allclose(
        after["evaluation/serving_probabilities"][above], 0.25 * exploring + 0.75 * greedy, atol=1e-7
    )
    eligible = np.count_nonzero(exploring > 0, axis=1) > 1
    assert np.all(exploring[eligible].max(axis=1) < 1.0)


def test_only_the_checkpoint_and_its_fingerprint_change_and_again_gives_the_same_bytes(
    exported: Path, model: Path
) -> None:
    import tensorflow as tf

    values = {**AS_TRAINED, "exploration_rate": 0.5}
    attach(str(model), values)
    once = contents(model)
    original = contents(exported)
    assert set(once) == set(original)
    changed = {name for name in once if once[name] != original[name]}
    assert "variables/variables.data-00000-of-00001" in changed
    assert changed <= {
        "variables/variables.index",
        "variables/variables.data-00000-of-00001",
        "fingerprint.pb",
    }
    attach(str(model), values)
    assert contents(model) == once

    readers = [
        tf.train.load_checkpoint(str(folder / "variables" / "variables")) for folder in (exported, model)
    ]
    assert readers[0].get_variable_to_dtype_map() == readers[1].get_variable_to_dtype_map()
    different = [
        name
        for name in readers[0].get_variable_to_shape_map()
        if not np.array_equal(readers[0].get_tensor(name), readers[1].get_tensor(name))
    ]
    assert different == ["exploration_rate/.ATTRIBUTES/VARIABLE_VALUE"]


def test_the_values_that_training_gave_leave_every_output_as_it_was(outputs: dict[str, Outputs]) -> None:
    for name, values in outputs["before"].items():
        np.testing.assert_array_equal(values, outputs["same"][name], err_msg=name)


def test_a_model_without_criteria_is_refused_and_left_alone(model: Path) -> None:
    before = contents(model)
    with pytest.raises(DataError, match="no scalar variable colour"):
        attach(str(model), {"exploration_rate": 0.5, "colour": 1.0})
    assert contents(model) == before
    shutil.rmtree(model / "variables")
    with pytest.raises(DataError, match="no variables in it"):
        attach(str(model), {"exploration_rate": 0.5})


def test_multipliers_and_offsets_go_where_their_names_are(tmp_path: Path) -> None:
    import tensorflow as tf

    graph = tf.Module()
    graph.constrained_terms = tf.Variable(["clicked", "unsubscribed"])
    graph.term_multipliers = tf.Variable([0.0, 0.0])
    graph.recommender_names = tf.Variable(["a", "b", "c"])
    graph.recommender_offsets = tf.Variable([0.0, 9.0, 0.0])
    tf.saved_model.save(graph, str(tmp_path))
    free, none = Estimate(0.0, 0.0, 0.0, 0.0), FloorGain(0.05, 0.01, 0.002, 0.3)
    found = replace(constraints(), multipliers={"unsubscribed": 2.5, "clicked": 0.5}, offsets={"c": -0.25})
    decision = decide(free, 0.1, none, make_use_case(), found)
    # The constraints were judged without a floor.
    assert decision.score_floor is None
    assert decision.reasons[1] == "no score floor: the constraints were judged without one"
    assert Decision.from_json(decision.to_json()) == decision
    values = {name: value for name, value in criteria(decision).items() if name in NAMES}
    attach(str(tmp_path), values)
    loaded = tf.saved_model.load(str(tmp_path))
    assert loaded.term_multipliers.numpy().tolist() == [0.5, 2.5]
    assert loaded.recommender_offsets.numpy().tolist() == [0.0, 0.0, -0.25]
    with pytest.raises(DataError, match=r"recommender_offsets: found \['d'\]; allowed: \['a', 'b', 'c'\]"):
        attach(str(tmp_path), {"recommender_offsets": {"d": 1.0}})


def test_a_model_without_constraints_takes_no_multipliers(model: Path) -> None:
    with pytest.raises(DataError, match="no variable term_multipliers"):
        attach(str(model), {"term_multipliers": {"unsubscribed": 1.0}})


def test_the_decision_as_values_of_the_graph(prepared: Prepared) -> None:
    use_case = prepared.use_case
    none = FloorGain(None, None, None, None)
    dear = Estimate(2 * use_case.exploration.max_cost.of(0.1), 0.0, 0.0, 0.0)
    assert criteria(decide(dear, 0.1, none, use_case)) == {
        "exploration_rate": 0.5,
        "score_floor": -math.inf,
        "expires_after_days": 8,
    }
    floor = FloorGain(0.05, 0.01, 0.002, 0.3)
    free = Estimate(0.0, 0.0, 0.0, 0.0)
    assert criteria(decide(free, 0.1, floor, use_case))["score_floor"] == 0.05
    # Where the eval policy is served, nothing explores and no floor applies.
    unknown = Estimate(None, None, None, None)
    assert criteria(decide(unknown, 0.1, floor, use_case)) == {
        "exploration_rate": 0.0,
        "score_floor": -math.inf,
        "expires_after_days": 8,
    }
