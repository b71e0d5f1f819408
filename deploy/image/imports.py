"""Imports everything that runs in the container image: each step, each Beam worker, the command line.

The image's build runs it, so that an image that lacks something is never pushed, and so that Python writes
the bytecode of exactly these modules: a step then starts without compiling them.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

# What Vertex AI and Dataflow start, and what TFX and Beam look up by name when a step runs.
LIBRARIES = (
    "apache_beam.io.filesystems",
    "apache_beam.io.gcp.bigquery",
    "apache_beam.io.gcp.datastore.v1new.datastoreio",
    "apache_beam.io.gcp.gcsfilesystem",
    "apache_beam.runners.dataflow.dataflow_runner",
    "apache_beam.runners.portability.fn_api_runner",
    "apache_beam.runners.worker.sdk_worker_main",
    "apache_beam.runners.worker.worker_pool_main",
    "google.cloud.storage",
    "tensorboard.summary._tf.summary",
    "tfx.components.evaluator.executor",
    "tfx.components.example_gen.driver",
    "tfx.components.pusher.executor",
    "tfx.components.schema_gen.import_schema_gen.executor",
    "tfx.components.statistics_gen.executor",
    "tfx.components.transform.executor",
    "tfx.dsl.components.common.importer",
    "tfx.dsl.components.common.resolver",
    "tfx.dsl.io.plugins.tensorflow_gfile",
    "tfx.extensions.google_cloud_ai_platform.trainer.executor",
    "tfx.extensions.google_cloud_big_query.example_gen.executor",
    "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor",
    "tfx.orchestration.kubeflow.v2.file_based_example_gen.driver",
    "tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner",
    "tfx.scripts.run_executor",
)
PROJECT = ("components", "newsletter_bandit", "pipelines", "serving")


def main() -> None:
    """Imports the libraries and, with the argument ``project``, the project too; an error ends the
    process.
    """
    for name in LIBRARIES:
        importlib.import_module(name)
    if sys.argv[1:] == ["project"]:
        for name in PROJECT:
            package = importlib.import_module(name)
            for module in pkgutil.walk_packages(package.__path__, f"{name}.", onerror=_stop):
                importlib.import_module(module.name)


def _stop(name: str) -> None:
    raise ImportError(f"{name}: cannot be imported") from sys.exception()


if __name__ == "__main__":
    main()
