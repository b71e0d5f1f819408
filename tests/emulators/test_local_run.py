"""A whole local run, training and prediction, with two things of the cloud in it: its metadata lies in
MariaDB, as in Cloud SQL, and whatever a Beam step runs is also translated for Dataflow, as the step would be
there.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.dataflow.dataflow_runner import DataflowRunner

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.cloud import BEAM_STEPS
from newsletter_bandit.settings.environment import MySQLMetadata
from newsletter_bandit.settings.margin import Loss
from newsletter_bandit.settings.reading import load_environment, load_use_case
from newsletter_bandit.settings.run_day import TrainingDays
from pipelines.beam import beam_args
from pipelines.cli.simulated_tables import simulate
from pipelines.events import StepEvent
from pipelines.local.running import predict, train
from pipelines.metadata import connection_config
from pipelines.workspace import Workspace
from tests.emulators.server_processes import PROJECT, free_port, start, stop, unavailable
from tests.small_newsletter import write_settings

if TYPE_CHECKING:
    from tests.emulators.google_services import GoogleServers

pytestmark = [pytest.mark.emulator, pytest.mark.pipeline, pytest.mark.slow]

CONFIGS = Path(__file__).parents[2] / "configs"
RUN_DATE = dt.date(2026, 11, 23)
USER, PASSWORD, DATABASE = "bandit", "a password for the test", "metadata"


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MySQLMetadata]:
    """A server of its own on loopback, with an empty database; ends with the module."""
    server = shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    install = shutil.which("mariadb-install-db")
    if server is None or install is None:
        unavailable("MariaDB is not installed: apt-get install mariadb-server")
    folder = tmp_path_factory.mktemp("mariadb")
    data, port = folder / "data", free_port()
    # As root the server wants to be told so; otherwise it runs as who starts it.
    owner = [f"--user={data.parent.owner()}"]
    subprocess.run(
        [install, "--no-defaults", f"--datadir={data}", "--skip-test-db", *owner],
        check=True,
        capture_output=True,
    )
    first = folder / "first.sql"
    first.write_text(
        f"CREATE DATABASE {DATABASE};\n"
        f"CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
        f"GRANT ALL ON {DATABASE}.* TO '{USER}'@'127.0.0.1';\n"
    )
    # Not in the test's folder: a socket's path may have 107 bytes.
    address = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={port}.sock", "--skip-name-resolve"]
    files = [f"--datadir={data}", f"--pid-file={folder / 'pid'}", f"--init-file={first}"]
    process = start([server, "--no-defaults", *owner, *files, *address], folder / "server.log")
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "server.log").read_text()[-3000:]
                time.sleep(0.2)
        yield MySQLMetadata(kind="mysql", host="127.0.0.1", port=port, database=DATABASE, user=USER)
    finally:
        stop(process)


@dataclass(frozen=True)
class Job:
    """A step's job as Dataflow would receive it.

    Attributes:
      file: the job as JSON, as `--template_location` writes it.
      pipeline: the graph that is staged beside it.
    """

    file: dict[str, Any]
    pipeline: beam_runner_api_pb2.Pipeline

    @property
    def pool(self) -> dict[str, Any]:
        (pool,) = self.file["environment"]["workerPools"]
        return dict(pool)

    @property
    def transforms(self) -> set[str]:
        return {transform.unique_name for transform in self.pipeline.components.transforms.values()}


@dataclass(frozen=True)
class Run:
    workspace: Workspace
    events: list[StepEvent]
    jobs: dict[str, list[Job]]


# One step with a machine of its own.
STEPS = {"Transform": {"machine_type": "n2-highmem-4"}}


@pytest.fixture(scope="module")
def run(
    mariadb: MySQLMetadata, google: GoogleServers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Run]:
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor

    folder = tmp_path_factory.mktemp("run")
    path = write_settings(folder)
    use_case = load_use_case(path)
    # So few newsletters hold little evidence; what runs is the point here.
    lenient = {"min_rows": 1, "min_effective_sample_size": 1, "min_auc": 0, "mean_weight_tolerance": 1.0}
    lenient |= {"max_unsubscribe_ratio": None, "max_weight": 1e9, "confidence": 0.6}
    lenient |= {"allowed_margin": Loss(share=0.99)}
    gate = use_case.gate.model_copy(update=lenient)
    use_case = use_case.model_copy(update={"gate": gate})
    environment = load_environment(CONFIGS / "environments" / "local.yaml").in_workdir(folder, use_case)
    workspace = Workspace(use_case, path, environment.model_copy(update={"metadata": mariadb}), folder)
    cloud = load_environment(CONFIGS / "environments" / "vertex.yaml").processing
    cloud = cloud.model_validate(cloud.model_dump() | {"steps": STEPS})
    simulate(workspace, RUN_DATE, 8_000, 200, seed=3)

    events: list[StepEvent] = []
    jobs: dict[str, list[Job]] = {}

    def running(event: StepEvent) -> None:
        events.append(event)

    class Both(beam.Pipeline):
        """Translates itself for Dataflow, then runs here."""

        def run(self, *arguments: Any, **options: Any) -> Any:
            step = events[-1].step.replace("DuckDB", "")
            jobs.setdefault(step, []).append(translate(self, beam_args(cloud, step), google.bucket, folder))
            return super().run(*arguments, **options)

    def make(executor: Any) -> beam.Pipeline:
        return Both(argv=executor._beam_pipeline_args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(mariadb.password_variable, PASSWORD)
        patch.setattr(BaseBeamExecutor, "_make_beam_pipeline", make)
        train(workspace, TrainingDays.of(workspace.use_case, RUN_DATE), running)
        predict(workspace, RUN_DATE, running)
        yield Run(workspace, events, jobs)


def translate(pipeline: beam.Pipeline, arguments: list[str], bucket: str, folder: Path) -> Job:
    """The job that Beam's DataflowRunner makes of a pipeline, with the graph that it stages in the bucket."""
    from google.cloud import storage

    name = f"job-{uuid.uuid4().hex}"
    file = folder / f"{name}.json"
    arguments = [word.replace("gs://my-bucket", f"gs://{bucket}") for word in arguments]
    options = PipelineOptions([*arguments, f"--job_name={name}", f"--template_location={file}"])
    runner = DataflowRunner()
    copy = beam.Pipeline.from_runner_api(pipeline.to_runner_api(), runner, options)
    runner.run_pipeline(copy, options)
    job = json.loads(file.read_text())
    (staged,) = [
        blob
        for blob in storage.Client(project=PROJECT).list_blobs(bucket)
        if name in blob.name and blob.name.endswith("pipeline.pb")
    ]
    return Job(job, beam_runner_api_pb2.Pipeline.FromString(staged.download_as_bytes()))


def test_the_run_is_written_down_in_mariadb(run: Run, mariadb: MySQLMetadata) -> None:
    from ml_metadata import MetadataStore
    from ml_metadata.proto import metadata_store_pb2

    store = MetadataStore(connection_config(mariadb))
    executions = store.get_executions()
    finished = [event.step for event in run.events if event.state == "finished"]
    complete = metadata_store_pb2.Execution.COMPLETE
    assert {execution.last_known_state for execution in executions} == {complete}
    assert len(executions) == len(finished) == 14 + 4
    models = store.get_artifacts_by_type("Model")
    root = str(run.workspace.workdir / "pipelines" / "newsletter-training")
    assert any(model.uri.startswith(root) for model in models)
    assert not (run.workspace.workdir / "metadata.sqlite").exists()


def test_each_beam_step_is_a_job_that_dataflow_would_take(run: Run) -> None:
    assert set(run.jobs) == set(BEAM_STEPS)
    for step, jobs in run.jobs.items():
        for job in jobs:
            machine = "n2-highmem-4" if step == "Transform" else "n2-standard-2"
            assert job.pool["machineType"] == machine, step
            assert job.pool["autoscalingSettings"]["maxNumWorkers"] == 10
            assert job.pool["ipConfiguration"] == "WORKER_IP_PRIVATE"
            assert job.pool["subnetwork"].endswith("subnetworks/newsletter-bandit")
            images = {image["containerImage"] for image in job.pool["sdkHarnessContainerImages"]}
            assert images == {"europe-west1-docker.pkg.dev/my-project/newsletter-bandit/pipelines:0000000"}
            environment = job.file["environment"]
            assert environment["serviceAccountEmail"] == "dataflow-worker@my-project.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    ("step", "transform"),
    [
        ("ExampleGen", "Write"),
        ("StatisticsGen", "Statistics[train]"),
        ("Transform", "WriteAnalysis/Analyse"),
        ("Transform", "ApplyGraph"),
        ("Evaluator", "EvaluateFiles/Measure"),
        ("BulkInferrer", "Score"),
        ("PredictionStorer", "StorePredictions/Barrier"),
    ],
)
def test_the_staged_graph_is_the_steps(run: Run, step: str, transform: str) -> None:
    names = set.union(*(job.transforms for job in run.jobs[step]))
    assert any(transform in name for name in names), sorted(names)[:50]


def test_without_the_password_it_says_which_variable(
    mariadb: MySQLMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(mariadb.password_variable, raising=False)
    with pytest.raises(SettingsError, match="METADATA_PASSWORD is not set; allowed: the password of bandit"):
        connection_config(mariadb)
