"""The steps around publishing, as a pipeline of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from components.evaluator.gate import LOGGING_POLICY
from newsletter_bandit.registry import Registry
from newsletter_bandit.registry.evidence import VerdictName
from newsletter_bandit.settings.environment import SQLiteMetadata
from pipelines.local.executions import Executions
from pipelines.metadata import connection_config
from tests.drift_detector.made import BEFORE, statistics_file
from tests.evidence_records import metrics, model_figures, verdict
from tests.tiny import make_use_case

# 0.5 is more than exploration.max_cost, by so much that nothing may explore.
METRICS = metrics(candidate=model_figures(cost=0.5))


@dataclass
class Workplace:
    """A candidate, its evaluation, and the folders of the pipeline.

    Attributes:
      folder: on this machine.
      bucket: where the steps and the registry write instead, a ``gs://`` path.
    """

    folder: Path
    bucket: str | None = None

    @property
    def root(self) -> str:
        return self.bucket or str(self.folder)

    @property
    def registry(self) -> Registry:
        return Registry(f"{self.root}/registry", "tiny")

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

    def judge(self, name: str, outcome: VerdictName, compared_with: str = LOGGING_POLICY) -> None:
        evaluation = self.folder / f"{name}-evaluation"
        evaluation.mkdir(exist_ok=True)
        METRICS.write(evaluation)
        found = verdict(outcome, *(() if outcome == "blessed" else ("value",)))
        replace(found, compared_with=compared_with).write(evaluation)

    def pipeline(self, name: str, blessed: bool) -> Any:
        from tfx import v1 as tfx
        from tfx.types import standard_artifacts

        from components.drift_detector.component import DriftDetector
        from components.hyperparameters_gen.component import HyperparametersGen
        from components.production_model.component import ProductionModel
        from components.pusher.component import Pusher
        from components.pushing_finalizer.component import PushingFinalizer
        from components.reference_model.component import ReferenceModel
        from components.serving_model_resolver.component import ServingModelResolver

        use_case = make_use_case()

        def given(what: str, kind: type, **properties: int | str) -> Any:
            node = tfx.dsl.Importer(
                source_uri=str(self.folder / what), artifact_type=kind, custom_properties=properties
            )
            return node.with_id(what)

        model = given(name, standard_artifacts.Model)
        evaluation = given(f"{name}-evaluation", standard_artifacts.ModelEvaluation)
        blessing = given(f"{name}-blessing", standard_artifacts.ModelBlessing, blessed=int(blessed))
        examples = given("examples", standard_artifacts.Examples, run_date="2026-11-23")
        statistics = tfx.dsl.Importer(
            source_uri=str(self.folder / "statistics"),
            artifact_type=standard_artifacts.ExampleStatistics,
            properties={"split_names": '["train"]'},
        ).with_id("statistics")
        resolver = ServingModelResolver(model.outputs["result"], evaluation.outputs["result"], use_case)
        pusher = Pusher(
            resolver.outputs["resolved_model"],
            blessing.outputs["result"],
            resolver.outputs["decision"],
            f"{self.root}/pushed",
        )
        production = ProductionModel(f"{self.root}/registry", "tiny")
        drift = DriftDetector(
            statistics.outputs["result"], production.outputs["model"], f"{self.root}/registry", use_case
        )
        finalizer = PushingFinalizer(
            pushed_model=pusher.outputs["pushed_model"],
            evaluation=evaluation.outputs["result"],
            decision=resolver.outputs["decision"],
            examples=examples.outputs["result"],
            registry=f"{self.root}/registry",
            use_case=use_case,
            drift=drift.outputs["drift"],
        )
        earlier = ReferenceModel(production.outputs["model"], f"{self.root}/registry", "tiny", age_days=365)
        steps = [HyperparametersGen(use_case), production, earlier]
        return tfx.dsl.Pipeline(
            pipeline_name="publishing",
            pipeline_root=f"{self.root}/root",
            components=[
                *steps,
                model,
                evaluation,
                blessing,
                examples,
                statistics,
                drift,
                resolver,
                pusher,
                finalizer,
            ],
            enable_cache=True,
            metadata_connection_config=self.metadata,
        )

    def run(self, name: str, blessed: bool) -> Executions:
        for given in (f"{name}-blessing", "examples"):
            (self.folder / given).mkdir(exist_ok=True)
        if not (self.folder / "statistics").exists():
            statistics_file(BEFORE, self.folder / "statistics" / "Split-train")
        executions = Executions(self.metadata, "publishing")
        executions.run(self.pipeline(name, blessed))
        return executions
