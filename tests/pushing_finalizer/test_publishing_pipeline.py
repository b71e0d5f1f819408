"""The steps around publishing as TFX runs them on this machine, and as Vertex AI would be told to."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from newsletter_bandit.errors import DataError
from newsletter_bandit.registry import Registry
from newsletter_bandit.registry.evidence import Statistics, VerdictName
from pipelines.local.executions import Executions
from tests.evidence_records import published, verdict
from tests.publishing import Workplace
from tests.tiny import make_use_case


def content(executions: Executions, step: str, output: str, name: str) -> Any:
    return json.loads((Path(executions.outputs(step)[output]) / name).read_text())


def production(executions: Executions, step: str = "ProductionModel") -> Path:
    return Path(executions.outputs(step)["model"]) / "Format-Serving"


def test_what_is_blessed_goes_into_production_and_the_cache_never_hides_it(tmp_path: Path) -> None:
    import tensorflow as tf

    workplace = Workplace(tmp_path)
    outcomes: tuple[tuple[str, float, VerdictName], ...] = (
        ("one", 1.0, "blessed"),
        ("two", 2.0, "blessed"),
        ("bad", 3.0, "not_blessed"),
    )
    for name, weight, outcome in outcomes:
        workplace.make_candidate(name, weight)
        workplace.judge(name, outcome)

    # Nothing is in production: an empty artifact.
    executions = workplace.run("one", blessed=True)
    assert not production(executions).exists()
    values = content(executions, "HyperparametersGen", "hyperparameters", "best_hyperparameters.txt")
    assert values["exploration"]["epsilon"] == make_use_case().exploration.epsilon
    decision = content(executions, "ServingModelResolver", "decision", "decision.json")
    assert (decision["policy"], decision["exploration_rate"]) == ("eval_policy", 0.0)
    first = content(executions, "PushingFinalizer", "publication", "publication.json")
    assert (first["outcome"], first["reason"]) == ("published", "blessed")
    assert workplace.registry.current() == first["version"]
    # The page for people lies beside the model's evidence, and what it is made of in the step's folder.
    page = (tmp_path / "registry" / "tiny" / first["version"] / "report.html").read_text()
    assert "<title>Go live, no worse than allowed: tiny, 2026-11-23</title>" in page
    assert (
        content(executions, "PushingFinalizer", "publication", "report.json")["version"] == first["version"]
    )
    # The first run has nothing to compare its features with, and leaves the next one something.
    assert content(executions, "DriftDetector", "drift", "drift.json")["compared_with"] is None
    assert workplace.registry.kept(first["version"], Statistics) is not None
    card = workplace.registry.card(first["version"])
    assert card is not None
    assert card.startswith(f"# Model card: tiny, {first['version']}\n")
    assert "Drift: nothing to compare with: no model is in production yet." in card
    served = tf.saved_model.load(f"{workplace.registry.current_model_uri()}/Format-Serving")
    answer = served.signatures["serving_default"](examples=tf.constant(["a user"]))
    assert answer["scores"].numpy().tolist() == [[-1.0]]
    # The decision's criteria are in the graph: 8 days, where the model was trained with 30.
    assert answer["expires_after_days"].numpy().tolist() == [[8]]
    assert served.exploration_rate.numpy() == 0.0
    assert served.score_floor.numpy() == -math.inf
    (info,) = workplace.registry.versions()
    assert info.decision is not None
    decided = info.decision
    assert (decided.policy, decided.exploration_rate, decided.score_floor) == ("eval_policy", 0.0, None)

    # With the cache on and nothing else changed, the next run finds what is in production now.
    workplace.judge("two", "blessed", compared_with=first["version"])
    executions = workplace.run("two", blessed=True)
    assert (production(executions) / "saved_model.pb").is_file()
    after_one = executions.outputs("ProductionModel")["model"]
    drift = content(executions, "DriftDetector", "drift", "drift.json")
    assert (drift["compared_with"], len(drift["features"])) == (first["version"], 4)
    assert content(executions, "PushingFinalizer", "publication", "report.json")["drift"] == drift
    # The oldest version is production itself.
    assert not production(executions, "ReferenceModel").exists()
    second = content(executions, "PushingFinalizer", "publication", "publication.json")
    assert second["outcome"] == "published"
    assert second["version"] != first["version"]

    # Not blessed: nothing moves.
    executions = workplace.run("bad", blessed=False)
    assert executions.outputs("ProductionModel")["model"] != after_one
    reference = tf.saved_model.load(str(production(executions, "ReferenceModel")))
    answer = reference.signatures["serving_default"](examples=tf.constant(["a user"]))
    assert answer["scores"].numpy().tolist() == [[-1.0]]
    refused = content(executions, "PushingFinalizer", "publication", "publication.json")
    assert refused == {
        "outcome": "not_blessed",
        "version": None,
        "reason": "not blessed; failed: value",
        "looks": 3,
    }
    page = (Path(executions.outputs("PushingFinalizer")["publication"]) / "report.html").read_text()
    assert "<title>Do not go live: tiny, 2026-11-23</title>" in page
    assert workplace.registry.current() == second["version"]
    assert {info.version for info in workplace.registry.versions()} == {first["version"], second["version"]}

    # Rolled back, the same model with the same figures: only the last step runs anew, and the pin stands.
    workplace.registry.rollback(first["version"])
    executions = workplace.run("two", blessed=True)
    held = content(executions, "PushingFinalizer", "publication", "publication.json")
    assert (held["outcome"], held["version"]) == ("pinned", second["version"])
    assert workplace.registry.current() == first["version"]
    workplace.registry.unpin()
    executions = workplace.run("two", blessed=True)
    again = content(executions, "PushingFinalizer", "publication", "publication.json")
    assert (again["outcome"], again["version"]) == ("published", second["version"])
    assert workplace.registry.current() == second["version"]

    # Rolled back, the version that was seen before may come from the cache.
    workplace.registry.rollback(first["version"])
    executions = workplace.run("bad", blessed=False)
    assert executions.outputs("ProductionModel")["model"] == after_one
    assert not production(executions, "ReferenceModel").exists()

    # Not if the version has changed meanwhile: the copy is good, and what is wrong must be seen.
    damaged = tmp_path / "registry" / "tiny" / first["version"] / "model/Format-Serving/saved_model.pb"
    damaged.write_bytes(damaged.read_bytes() + b" ")
    with pytest.raises(DataError, match=r"model/Format-Serving/saved_model\.pb: changed since"):
        workplace.run("bad", blessed=False)


def test_a_damaged_pointer_stops_the_run(tmp_path: Path) -> None:
    workplace = Workplace(tmp_path)
    workplace.make_candidate("one", 1.0)
    workplace.judge("one", "blessed")
    (tmp_path / "registry" / "tiny").mkdir(parents=True)
    (tmp_path / "registry" / "tiny" / "CURRENT").write_text("{")
    with pytest.raises(DataError, match="CURRENT: not JSON"):
        workplace.run("one", blessed=True)


def test_the_steps_compile_for_vertex_ai(tmp_path: Path) -> None:
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as v2

    config = v2.KubeflowV2DagRunnerConfig(default_image="image")
    runner = v2.KubeflowV2DagRunner(config, output_dir=str(tmp_path), output_filename="job.json")
    runner.run(Workplace(tmp_path).pipeline("one", blessed=True))
    spec = json.loads((tmp_path / "job.json").read_text())["pipelineSpec"]
    ours = {
        "HyperparametersGen",
        "ProductionModel",
        "ReferenceModel",
        "ServingModelResolver",
        "Pusher",
        "PushingFinalizer",
    }
    containers = {
        name.removesuffix("_executor"): executor["container"]["args"]
        for name, executor in spec["deploymentSpec"]["executors"].items()
        if "container" in executor
    }
    assert ours <= set(containers)
    for name in ours:
        path = containers[name][containers[name].index("--executor_class_path") + 1]
        assert path.startswith("components.")
        assert path.endswith(".executor.Executor" if name == "Pusher" else ".component.Executor")


def test_tfxs_file_layer_publishes_as_the_folder_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from newsletter_bandit import files
    from newsletter_bandit.registry import registry, versions

    # The layer that buckets go through, here over a folder: no bucket is at hand.
    for module in (files, registry, versions):
        monkeypatch.setattr(module, "files_of", lambda _: files.RemoteFiles())
    model = tmp_path / "model"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(b"graph")
    (model / "variables" / "variables.index").write_bytes(b"index")
    version = "20261123T101500Z-1a2b3c4d"
    remote = Registry(str(tmp_path / "remote"), "tiny")
    assert remote.current() is None
    assert remote.versions() == []
    remote.publish(version, str(model), published(verdict()))
    remote.publish(version, str(model), published(verdict()))
    remote.set_current(version)
    digest = versions.model_digest(str(model))
    monkeypatch.undo()

    local = Registry(str(tmp_path / "local"), "tiny")
    local.publish(version, str(model), published(verdict()))
    local.set_current(version)
    assert digest == versions.model_digest(str(model))

    def found(root: str) -> dict[str, bytes]:
        folder = tmp_path / root
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and path.name != ".lock"
        }

    assert found("remote") == found("local")
