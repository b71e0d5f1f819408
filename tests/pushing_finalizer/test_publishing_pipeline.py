"""The steps around publishing as TFX runs them on this machine, and as Vertex AI would be told to."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tiny import make_use_case

from components.registry import Registry
from pipelines.errors import DataError
from pipelines.executions import Executions
from pipelines.metadata import connection_config
from pipelines.settings import SQLiteMetadata

# 0.5 is more than exploration.max_cost, by so much that nothing may explore.
OVERALL = {
    "candidate": {
        "exploration_cost": 0.5,
        "exploration_cost/standard_error": 0.1,
        "exploration_cost/low": 0.3,
        "exploration_cost/high": 0.7,
    },
    "score_floor": {"value": None, "gain": None, "lower_bound": None, "share": None},
}


@dataclass
class Workplace:
    """A candidate, its evaluation, and the folders of the pipeline."""

    folder: Path

    @property
    def registry(self) -> Registry:
        return Registry(str(self.folder / "registry"), "tiny")

    @property
    def metadata(self) -> Any:
        return connection_config(SQLiteMetadata(kind="sqlite", path=str(self.folder / "metadata.sqlite")))

    def make_candidate(self, name: str, weight: float) -> None:
        import tensorflow as tf

        module = tf.Module()
        module.weight = tf.Variable(weight)
        module.exploration_rate = tf.Variable(1.0)
        module.score_floor = tf.Variable(-1.0)
        module.expires_after_days = tf.Variable(30, dtype=tf.int64)
        spec = [tf.TensorSpec([None], tf.string, name="examples")]
        module.serving_policy = tf.function(
            lambda examples: {"scores": tf.fill([tf.size(examples), 1], module.weight)}, input_signature=spec
        )
        module.eval_policy = tf.function(
            lambda examples: {
                "scores": tf.fill([tf.size(examples), 1], -module.weight),
                "expires_after_days": tf.fill([tf.size(examples), 1], module.expires_after_days),
            },
            input_signature=spec,
        )
        policies = {"serving_policy": module.serving_policy, "eval_policy": module.eval_policy}
        tf.saved_model.save(module, str(self.folder / name / "Format-Serving"), signatures=policies)

    def judge(self, name: str, verdict: str) -> None:
        evaluation = self.folder / f"{name}-evaluation"
        evaluation.mkdir(exist_ok=True)
        (evaluation / "metrics.json").write_text(json.dumps({"overall": OVERALL}))
        checks = [{"name": "value", "passed": verdict == "blessed"}]
        (evaluation / "verdict.json").write_text(
            json.dumps({"verdict": verdict, "compared_with": "logging policy", "checks": checks})
        )

    def pipeline(self, name: str, blessed: bool) -> Any:
        from tfx import v1 as tfx
        from tfx.types import standard_artifacts

        from components.hyperparameters_gen.component import HyperparametersGen
        from components.production_model.component import ProductionModel
        from components.pusher.component import Pusher
        from components.pushing_finalizer.component import PushingFinalizer
        from components.serving_model_resolver.component import ServingModelResolver

        use_case = make_use_case()

        def given(what: str, kind: type, **properties: int) -> Any:
            node = tfx.dsl.Importer(
                source_uri=str(self.folder / what), artifact_type=kind, custom_properties=properties
            )
            return node.with_id(what)

        model = given(name, standard_artifacts.Model)
        evaluation = given(f"{name}-evaluation", standard_artifacts.ModelEvaluation)
        blessing = given(f"{name}-blessing", standard_artifacts.ModelBlessing, blessed=int(blessed))
        resolver = ServingModelResolver(model.outputs["result"], evaluation.outputs["result"], use_case)
        pusher = Pusher(
            resolver.outputs["resolved_model"],
            blessing.outputs["result"],
            resolver.outputs["decision"],
            str(self.folder / "pushed"),
        )
        finalizer = PushingFinalizer(
            pushed_model=pusher.outputs["pushed_model"],
            evaluation=evaluation.outputs["result"],
            decision=resolver.outputs["decision"],
            registry=str(self.folder / "registry"),
            use_case=use_case,
        )
        steps = [HyperparametersGen(use_case), ProductionModel(str(self.folder / "registry"), "tiny")]
        return tfx.dsl.Pipeline(
            pipeline_name="publishing",
            pipeline_root=str(self.folder / "root"),
            components=[*steps, model, evaluation, blessing, resolver, pusher, finalizer],
            enable_cache=True,
            metadata_connection_config=self.metadata,
        )

    def run(self, name: str, blessed: bool) -> Executions:
        from tfx.orchestration.local.local_dag_runner import LocalDagRunner

        (self.folder / f"{name}-blessing").mkdir(exist_ok=True)
        LocalDagRunner().run(self.pipeline(name, blessed))
        return Executions(self.metadata, "publishing")


def content(executions: Executions, step: str, output: str, name: str) -> Any:
    return json.loads((Path(executions.outputs(step)[output]) / name).read_text())


def production(executions: Executions) -> Path:
    return Path(executions.outputs("ProductionModel")["model"]) / "Format-Serving"


def test_what_is_blessed_goes_into_production_and_the_cache_never_hides_it(tmp_path: Path) -> None:
    import tensorflow as tf

    workplace = Workplace(tmp_path)
    for name, weight, verdict in (
        ("one", 1.0, "blessed"),
        ("two", 2.0, "blessed"),
        ("bad", 3.0, "not_blessed"),
    ):
        workplace.make_candidate(name, weight)
        workplace.judge(name, verdict)

    # Nothing is in production: an empty artifact.
    executions = workplace.run("one", blessed=True)
    assert not production(executions).exists()
    values = content(executions, "HyperparametersGen", "hyperparameters", "best_hyperparameters.txt")
    assert values["exploration"]["epsilon"] == make_use_case().exploration.epsilon
    decision = content(executions, "ServingModelResolver", "decision", "decision.json")
    assert (decision["policy"], decision["exploration_rate"]) == ("eval_policy", 0.0)
    first = content(executions, "PushingFinalizer", "publication", "publication.json")
    assert (first["published"], first["reason"]) == (True, "blessed")
    assert workplace.registry.current() == first["version"]
    served = tf.saved_model.load(f"{workplace.registry.current_model_uri()}/Format-Serving")
    answer = served.signatures["serving_default"](examples=tf.constant(["a user"]))
    assert answer["scores"].numpy().tolist() == [[-1.0]]
    # The decision's criteria are in the graph: 8 days, where the model was trained with 30.
    assert answer["expires_after_days"].numpy().tolist() == [[8]]
    assert served.exploration_rate.numpy() == 0.0
    assert served.score_floor.numpy() == -math.inf
    (info,) = workplace.registry.versions()
    assert (info.policy, info.exploration_rate, info.score_floor) == ("eval_policy", 0.0, None)

    # With the cache on and nothing else changed, the next run finds what is in production now.
    executions = workplace.run("two", blessed=True)
    assert (production(executions) / "saved_model.pb").is_file()
    after_one = executions.outputs("ProductionModel")["model"]
    second = content(executions, "PushingFinalizer", "publication", "publication.json")
    assert second["published"]
    assert second["version"] != first["version"]

    # Not blessed: nothing moves.
    executions = workplace.run("bad", blessed=False)
    assert executions.outputs("ProductionModel")["model"] != after_one
    refused = content(executions, "PushingFinalizer", "publication", "publication.json")
    assert refused == {"published": False, "version": None, "reason": "not blessed; failed: value"}
    assert workplace.registry.current() == second["version"]
    assert {info.version for info in workplace.registry.versions()} == {first["version"], second["version"]}

    # Rolled back, the version that was seen before may come from the cache.
    workplace.registry.rollback(first["version"])
    executions = workplace.run("bad", blessed=False)
    assert executions.outputs("ProductionModel")["model"] == after_one


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
    ours = {"HyperparametersGen", "ProductionModel", "ServingModelResolver", "Pusher", "PushingFinalizer"}
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
    from components.registry import files, registry, versions

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
    remote.publish(version, str(model), {"verdict.json": {"verdict": "blessed"}})
    remote.publish(version, str(model), {"verdict.json": {"verdict": "blessed"}})
    remote.set_current(version)
    digest = versions.model_digest(str(model))
    monkeypatch.undo()

    local = Registry(str(tmp_path / "local"), "tiny")
    local.publish(version, str(model), {"verdict.json": {"verdict": "blessed"}})
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
