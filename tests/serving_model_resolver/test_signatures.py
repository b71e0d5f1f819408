"""A real SavedModel with a vocabulary: `serving_default` is the chosen policy, and nothing else changes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from components.serving_model_resolver.signatures import alias_signature
from newsletter_bandit.errors import DataError

SIGNATURES = ["eval_policy", "evaluation", "serving_policy"]
WORDS = ["red", "blue", "never seen"]
# Runs where only TensorFlow is: prints signature -> scores, by TensorFlow 2's and by the graph's own loader.
PROGRAM = """
import json, sys
import tensorflow as tf
words = tf.constant(json.loads(sys.argv[2]))
model = tf.saved_model.load(sys.argv[1])
found = {name: call(examples=words)["scores"].numpy().tolist() for name, call in model.signatures.items()}
with tf.compat.v1.Session(graph=tf.Graph()) as session:
    graph = tf.compat.v1.saved_model.load(session, ["serve"], sys.argv[1])
    by_graph = {}
    for name in found:
        signature = graph.signature_def[name]
        feed = {signature.inputs["examples"].name: json.loads(sys.argv[2])}
        by_graph[name] = session.run(signature.outputs["scores"].name, feed).tolist()
print(json.dumps([found, by_graph]))
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Policies that look words up in a file, which becomes an asset."""
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("exported")
    vocabulary = folder / "vocabulary.txt"
    vocabulary.write_text("red\ngreen\nblue\n")
    index = tf.lookup.TextFileIndex
    file = tf.lookup.TextFileInitializer(
        str(vocabulary), tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER
    )

    module = tf.Module()
    module.table = tf.lookup.StaticVocabularyTable(file, 1)
    module.weights = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])

    def policy(factor: float) -> Any:
        spec = [tf.TensorSpec([None], tf.string, name="examples")]
        return tf.function(
            lambda examples: {"scores": factor * tf.gather(module.weights, module.table.lookup(examples))},
            input_signature=spec,
            autograph=False,
        )

    module.policies = {
        name: policy(factor) for name, factor in zip(SIGNATURES, (1.0, 10.0, 100.0), strict=True)
    }
    tf.saved_model.save(module, str(folder / "model"), signatures=dict(module.policies))
    vocabulary.unlink()
    return folder / "model"


@pytest.fixture
def model(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "model"))


def scores(model: Path) -> list[dict[str, list[list[float]]]]:
    command = [sys.executable, "-c", PROGRAM, str(model), json.dumps(WORDS)]
    done = subprocess.run(command, cwd=model, capture_output=True, text=True, check=True)
    found: list[dict[str, list[list[float]]]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_alias_answers_as_the_policy_in_a_fresh_process_and_another_folder(
    model: Path, tmp_path: Path
) -> None:
    alias_signature(str(model), "eval_policy")
    alias_signature(str(model), "serving_policy")
    moved = model.rename(tmp_path / "moved")
    expected = {
        name: [[factor * 1, factor * 2], [factor * 5, factor * 6], [factor * 7, factor * 8]]
        for name, factor in zip(SIGNATURES, (1.0, 10.0, 100.0), strict=True)
    }
    expected["serving_default"] = expected["serving_policy"]
    assert scores(moved) == [expected, expected]


def test_only_the_graphs_description_and_fingerprint_change(exported: Path, model: Path) -> None:
    import tensorflow as tf

    alias_signature(str(model), "eval_policy")
    changed = {
        str(path.relative_to(model))
        for path in model.rglob("*")
        if path.is_file() and path.read_bytes() != (exported / path.relative_to(model)).read_bytes()
    }
    assert changed == {"saved_model.pb", "fingerprint.pb"}
    prints = [tf.saved_model.experimental.read_fingerprint(str(folder)) for folder in (exported, model)]
    assert prints[0].signature_def_hash != prints[1].signature_def_hash
    assert prints[0].checkpoint_hash == prints[1].checkpoint_hash


def test_doing_it_again_writes_the_same_bytes(model: Path) -> None:
    alias_signature(str(model), "serving_policy")
    once = {path: path.read_bytes() for path in model.rglob("*") if path.is_file()}
    alias_signature(str(model), "serving_policy")
    assert {path: path.read_bytes() for path in model.rglob("*") if path.is_file()} == once


def test_an_unknown_signature_is_refused_and_the_model_left_alone(exported: Path, model: Path) -> None:
    with pytest.raises(
        DataError, match="no signature best_policy; available: eval_policy, evaluation, serving_policy"
    ):
        alias_signature(str(model), "best_policy")
    assert (model / "saved_model.pb").read_bytes() == (exported / "saved_model.pb").read_bytes()


def test_a_folder_without_saved_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a SavedModel"):
        alias_signature(str(tmp_path), "serving_policy")


def test_a_damaged_saved_model_is_refused(model: Path) -> None:
    (model / "saved_model.pb").write_bytes(b"\xff\xff\xff")
    with pytest.raises(DataError, match="not a SavedModel"):
        alias_signature(str(model), "serving_policy")
