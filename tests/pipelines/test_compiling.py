"""Both pipelines as Vertex AI gets them, and the commands that send them.

The specifications stand in `golden/`. After a change that is meant, `RENEW_GOLDEN=1 make test PYTEST_ARGS='-k golden'`
writes them anew; look the difference over.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.auth.credentials import AnonymousCredentials
from rich.console import Console
from vertex_api import VertexApi, vertex_api

from pipelines import cloud_runs, compiling
from pipelines.cloud_settings import Vertex
from pipelines.compiling import compiled
from pipelines.errors import SettingsError, UserError
from pipelines.local import Workspace
from pipelines.names import Pipeline
from pipelines.settings import load_environment, load_use_case
from pipelines.vertex import Client

CONFIGS = Path(__file__).parents[2] / "configs"
GOLDEN = Path(__file__).parent / "golden"


def workspace(workdir: Path, environment: str = "vertex", **changes: Any) -> Workspace:
    path = CONFIGS / "newsletter.yaml"
    settings = load_environment(CONFIGS / "environments" / f"{environment}.yaml")
    settings = settings.model_validate(settings.model_dump() | changes)
    return Workspace(load_use_case(path), path, settings, workdir)


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> dict[Pipeline, dict[str, Any]]:
    made = workspace(tmp_path_factory.mktemp("workdir"))
    return {pipeline: compiled(made, pipeline) for pipeline in Pipeline}


@pytest.fixture
def api() -> Iterator[VertexApi]:
    with vertex_api() as served:
        yield served


def readable(spec: Any) -> Any:
    """The specification with the JSON inside its texts taken apart, so that a difference shows what it is."""
    if isinstance(spec, dict):
        return {key: readable(value) for key, value in spec.items()}
    if isinstance(spec, list):
        return [readable(value) for value in spec]
    if isinstance(spec, str) and spec.startswith("{") and spec.endswith("}") and spec != "{{$}}":
        found = json.loads(spec)
        # Named only: each of eight steps is told the whole of it.
        return "(the use case)" if "recommenders" in found else readable(found)
    if isinstance(spec, str) and "\n" in spec:
        return spec.splitlines()
    return spec


@pytest.mark.parametrize("pipeline", list(Pipeline))
def test_golden(specs: dict[Pipeline, dict[str, Any]], pipeline: Pipeline) -> None:
    path = GOLDEN / f"{pipeline}.yaml"
    found = yaml.safe_dump(readable(specs[pipeline]), width=110)
    if os.environ.get("RENEW_GOLDEN"):
        path.write_text(found)
    # Line by line: pytest then shows the lines that differ.
    assert found.splitlines() == path.read_text().splitlines()


@pytest.mark.parametrize("pipeline", list(Pipeline))
def test_kfp_loads_it(specs: dict[Pipeline, dict[str, Any]], pipeline: Pipeline) -> None:
    from kfp import components

    loaded = components.load_component_from_text(yaml.safe_dump(specs[pipeline]["pipelineSpec"]))
    assert loaded.name == f"newsletter-{pipeline}"
    assert list(loaded.component_spec.inputs) == ["run_date"]


@pytest.mark.parametrize("pipeline", list(Pipeline))
def test_the_same_settings_give_the_same_bytes_and_nothing_of_this_machine(
    specs: dict[Pipeline, dict[str, Any]], pipeline: Pipeline, tmp_path: Path
) -> None:
    again = workspace(tmp_path)
    compiling.write(specs[pipeline], tmp_path / "first.json")
    cloud_runs.compile_pipeline(Console(file=io.StringIO()), again, pipeline, tmp_path / "second.json")
    text = (tmp_path / "first.json").read_text()
    assert (tmp_path / "second.json").read_text() == text
    assert len(text) < 100_000
    for local in (str(CONFIGS.parent), str(tmp_path), os.path.expanduser("~/"), str(dt.date.today())):
        assert local not in text


def test_the_day_is_a_parameter(specs: dict[Pipeline, dict[str, Any]]) -> None:
    for pipeline, query in ((Pipeline.TRAINING, "@window_start@"), (Pipeline.PREDICTION, "@run_date@")):
        root = specs[pipeline]["pipelineSpec"]["root"]
        assert root["inputDefinitions"]["parameters"] == {
            "run_date": {"parameterType": "STRING", "defaultValue": "", "isOptional": True}
        }
        parameters = root["dag"]["tasks"]["BigQueryExampleGen"]["inputs"]["parameters"]
        assert parameters["run_date"] == {"componentInputParameter": "run_date"}
        assert query in parameters["input_config"]["runtimeValue"]["constant"]


def arguments(spec: dict[str, Any], step: str) -> list[str]:
    executor = spec["pipelineSpec"]["deploymentSpec"]["executors"][f"{step}_executor"]
    assert (
        executor["container"]["image"]
        == "europe-west1-docker.pkg.dev/my-project/newsletter-bandit/pipelines:latest"
    )
    return list(executor["container"]["args"])


def test_each_beam_step_has_its_own_dataflow_options(tmp_path: Path) -> None:
    settings = load_environment(CONFIGS / "environments" / "vertex.yaml")
    steps = {
        "StatisticsGen": {"machine_type": "n2-highmem-2"},
        "Evaluator": {"max_workers": 3},
        "ExampleGen": {"max_workers": 4},
    }
    processing = settings.processing.model_dump() | {"steps": steps}
    made = workspace(tmp_path, processing=processing)
    training, prediction = (compiled(made, pipeline) for pipeline in Pipeline)
    assert "--machine_type=n2-highmem-2" in arguments(training, "StatisticsGen")
    assert "--machine_type=n2-standard-2" in arguments(training, "Transform")
    assert "--max_num_workers=3" in arguments(training, "Evaluator")
    for spec in (training, prediction):
        assert "--max_num_workers=4" in arguments(spec, "BigQueryExampleGen")
    for step in ("BulkInferrer", "PredictionStorer"):
        assert "--runner=DataflowRunner" in arguments(prediction, step)
        assert len([word for word in arguments(prediction, step) if word.startswith("--machine_type")]) == 1


def test_caching_spares_what_depends_on_the_day_or_the_registry(tmp_path: Path) -> None:
    settings = load_environment(CONFIGS / "environments" / "vertex.yaml")
    assert settings.vertex is not None
    vertex = settings.vertex.model_dump() | {"enable_caching": True}
    tasks = compiled(workspace(tmp_path, vertex=vertex), Pipeline.TRAINING)["pipelineSpec"]["root"]["dag"][
        "tasks"
    ]
    assert tasks["Transform"]["cachingOptions"] == {"enableCache": True}
    assert {name for name, task in tasks.items() if "cachingOptions" not in task} == {
        "BigQueryExampleGen",
        "ProductionModel",
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vertex": None}, "vertex: missing; allowed: project, region, image and service_account"),
        ({"registry": "registry"}, "registry: found registry; allowed: a folder in a bucket"),
        ({"pipeline_root": "/home"}, "pipeline_root: found /home"),
        ({"warehouse": {"kind": "duckdb", "path": "w"}}, "warehouse.kind: found duckdb; allowed: bigquery"),
        ({"store": {"kind": "sqlite", "path": "s"}}, "store.kind: found sqlite; allowed: datastore"),
    ],
)
def test_what_vertex_cannot_reach_is_refused(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=words):
        compiling.check(workspace(tmp_path, **changes).environment)


def client_of(api: VertexApi) -> cloud_runs.MakeClient:
    def make(settings: Vertex) -> Client:
        settings = settings.model_copy(update={"api_endpoint": api.address})
        return Client(settings, google_credentials=AnonymousCredentials(), sleep=lambda _: None)

    return make


def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def printed(out: Console) -> str:
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def _tasks(**states: str) -> dict[str, Any]:
    return {"taskDetails": [{"taskName": name, "state": state} for name, state in states.items()]}


def test_submit_sends_the_specification_and_follows_its_steps(api: VertexApi, tmp_path: Path) -> None:
    api.progress = [
        {"state": "PIPELINE_STATE_RUNNING", "jobDetail": _tasks(BigQueryExampleGen="RUNNING")},
        {
            "state": "PIPELINE_STATE_SUCCEEDED",
            "jobDetail": _tasks(BigQueryExampleGen="SUCCEEDED", BulkInferrer="SUCCEEDED"),
        },
    ]
    out, made = console(), workspace(tmp_path)
    day = dt.date(2026, 11, 20)
    cloud_runs.submit(out, made, Pipeline.PREDICTION, day, wait=True, client_of=client_of(api))
    (request,) = api.posted("pipelineJobs")
    expected = compiled(made, Pipeline.PREDICTION)
    assert request.query["pipelineJobId"][0].startswith("newsletter-prediction-2")
    assert request.body["pipelineSpec"] == expected["pipelineSpec"]
    assert request.body["runtimeConfig"]["parameterValues"] == {"run_date": "2026-11-20"}
    assert request.body["runtimeConfig"]["failurePolicy"] in (2, "PIPELINE_FAILURE_POLICY_FAIL_FAST")
    assert request.body["labels"]["use"] == "newsletter-bandit"
    for word in (
        "Submitted projects/",
        "https://console",
        "✓ BigQueryExampleGen",
        "✓ BulkInferrer",
        "succeeded",
    ):
        assert word in printed(out)


def test_a_run_that_fails_ends_the_command_with_its_step(api: VertexApi, tmp_path: Path) -> None:
    api.progress = [{"state": "PIPELINE_STATE_FAILED", "jobDetail": _tasks(BulkInferrer="FAILED")}]
    out = console()
    with pytest.raises(UserError, match="steps that failed: BulkInferrer"):
        cloud_runs.submit(out, workspace(tmp_path), Pipeline.PREDICTION, None, True, client_of(api))
    assert "✗ BulkInferrer" in printed(out)
    assert api.posted("pipelineJobs")[0].body["runtimeConfig"]["parameterValues"] == {"run_date": ""}


def test_schedules_are_made_once_each_and_then_updated(api: VertexApi, tmp_path: Path) -> None:
    made, out = workspace(tmp_path), console()
    for _ in range(2):
        cloud_runs.schedule(out, made, list(Pipeline), client_of(api))
    crons = {schedule["displayName"]: schedule["cron"] for schedule in api.schedules.values()}
    assert crons == {
        "newsletter-training": "CRON_TZ=Europe/Zurich 0 3 1,15 * *",
        "newsletter-prediction": "CRON_TZ=Europe/Zurich 0 5 * * *",
    }
    assert len(api.posted("schedules")) == 2
    assert len([request for request in api.requests if request.method == "PATCH"]) == 2
    text = printed(out)
    assert text.count("made,") == 2
    assert text.count("updated,") == 2


def test_a_dry_run_prints_the_request_and_asks_for_no_credential(tmp_path: Path) -> None:
    out = console()
    day = dt.date(2026, 11, 20)
    cloud_runs.describe(out, workspace(tmp_path), [Pipeline.PREDICTION], day, scheduled=False)
    request = json.loads(printed(out))
    assert request["runtimeConfig"]["parameterValues"] == {"run_date": "2026-11-20"}
    assert request["runtimeConfig"]["failurePolicy"] == "PIPELINE_FAILURE_POLICY_FAIL_FAST"
    out = console()
    cloud_runs.describe(out, workspace(tmp_path), [Pipeline.PREDICTION], None, scheduled=True)
    assert json.loads(printed(out))["cron"] == "CRON_TZ=Europe/Zurich 0 5 * * *"
