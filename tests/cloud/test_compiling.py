"""Both pipelines as Vertex AI gets them, and the commands that send them.

The specifications stand in `golden/`. After a change that is meant,
`RENEW_GOLDEN=1 make test PYTEST_ARGS='-k golden'` writes them anew; look the difference over.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from google.auth.credentials import AnonymousCredentials
from rich.console import Console

from newsletter_bandit.errors import SettingsError, UserError
from newsletter_bandit.settings.cloud import VERTEX_STEPS, Vertex
from newsletter_bandit.settings.reading import load_environment
from newsletter_bandit.settings.reference import LoggedReference
from newsletter_bandit.settings.refit import Refit
from newsletter_bandit.settings.release import Release
from newsletter_bandit.settings.run_day import run_day
from newsletter_bandit.settings.use_case import Publication
from pipelines.cli import cloud_runs
from pipelines.cli import main as cli
from pipelines.cli.confirming import plan
from pipelines.cloud import compiling
from pipelines.cloud.compiling import compiled
from pipelines.cloud.vertex import Client
from pipelines.names import Pipeline
from pipelines.tuning.result import settings_hash
from tests.cloud.vertex_api import VertexApi, vertex_api
from tests.cloud.workspaces import CONFIGS, workspace

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> dict[Pipeline, dict[str, Any]]:
    made = workspace(tmp_path_factory.mktemp("workdir"))
    return {pipeline: compiled(made, pipeline) for pipeline in Pipeline}


@pytest.fixture
def api() -> Iterator[VertexApi]:
    with vertex_api() as served:
        yield served


PARAMETERS = {Pipeline.TRAINING: ["run_date", "again"], Pipeline.PREDICTION: ["run_date"]}
# What TFX says of itself: nothing else differs between its generations.
OF_TFX = {"tfx_py_version", "tfx_version", "sdkVersion"}


def readable(spec: Any) -> Any:
    """The specification with the JSON inside its texts taken apart, so that a difference shows what it is."""
    if isinstance(spec, dict):
        return {key: "(of TFX)" if key in OF_TFX else readable(value) for key, value in spec.items()}
    if isinstance(spec, list):
        return [readable(value) for value in spec]
    if isinstance(spec, str) and spec.startswith("{") and spec.rstrip().endswith("}") and spec != "{{$}}":
        found = json.loads(spec)
        if "recommenders" not in found:
            return readable(found)
        # Named only: each of eight steps is told it.
        return "(the use case)" if "agent" in found else "(the use case without its hyperparameters)"
    if spec == str(Release.installed()):
        return "(the release)"
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
    assert set(loaded.component_spec.inputs) == set(PARAMETERS[pipeline])


@pytest.mark.parametrize("pipeline", list(Pipeline))
def test_the_same_settings_give_the_same_bytes_and_nothing_of_this_machine(
    specs: dict[Pipeline, dict[str, Any]], pipeline: Pipeline, tmp_path: Path
) -> None:
    again = workspace(tmp_path)
    compiling.write(specs[pipeline], tmp_path / "first.json")
    cloud_runs.compile_pipeline(Console(file=io.StringIO()), again, pipeline, tmp_path / "second.json")
    text = (tmp_path / "first.json").read_text()
    assert (tmp_path / "second.json").read_text() == text
    assert len(text) < 150_000
    for local in (str(CONFIGS.parent), str(tmp_path), os.path.expanduser("~/"), str(run_day())):
        assert local not in text


@pytest.mark.parametrize("reference", [None, LoggedReference(policy="logged")])
def test_a_gate_whose_reference_is_no_version_has_no_step_for_it(
    specs: dict[Pipeline, dict[str, Any]], reference: LoggedReference | None, tmp_path: Path
) -> None:
    tasks = specs[Pipeline.TRAINING]["pipelineSpec"]["root"]["dag"]["tasks"]
    production = {"producerTask": "ProductionModel", "outputArtifactKey": "model"}
    earlier = {"producerTask": "ReferenceModel", "outputArtifactKey": "model"}
    looked_up = tasks["ReferenceModel"]["inputs"]["artifacts"]
    assert looked_up["production_model"] == {"taskOutputArtifact": production}
    judged = tasks["Evaluator"]["inputs"]["artifacts"]
    assert judged["reference_model"] == {"taskOutputArtifact": earlier}

    made = workspace(tmp_path)
    gate = made.use_case.gate.model_copy(update={"reference": reference})
    made = dataclasses.replace(made, use_case=made.use_case.model_copy(update={"gate": gate}))
    tasks = compiled(made, Pipeline.TRAINING)["pipelineSpec"]["root"]["dag"]["tasks"]
    assert "ReferenceModel" not in tasks
    assert set(tasks["Evaluator"]["inputs"]["artifacts"]) == set(judged) - {"reference_model"}


def test_a_refit_is_a_step_between_verdict_and_decision(
    specs: dict[Pipeline, dict[str, Any]], tmp_path: Path
) -> None:
    plain = specs[Pipeline.TRAINING]["pipelineSpec"]["root"]["dag"]["tasks"]
    made = workspace(tmp_path)
    use_case = made.use_case.model_copy(update={"refit": Refit(rows="all_rows")})
    made = dataclasses.replace(made, use_case=use_case)
    tasks = compiled(made, Pipeline.TRAINING)["pipelineSpec"]["root"]["dag"]["tasks"]
    assert set(tasks) - set(plain) == {"Refitter"}

    def taken(step: str) -> dict[str, tuple[str, str]]:
        artifacts = tasks[step]["inputs"]["artifacts"]
        origins = {name: one["taskOutputArtifact"] for name, one in artifacts.items()}
        found = {name: (one["producerTask"], one["outputArtifactKey"]) for name, one in origins.items()}
        # Of the condition under which every step runs.
        found.pop("_RepeatGuard.check", None)
        return found

    assert taken("Refitter") == {
        "judged_model": ("Trainer", "model"),
        "model_blessing": ("Evaluator", "blessing"),
        "examples": ("BigQueryExampleGen", "examples"),
        "transformed_examples": ("Transform", "transformed_examples"),
        "transform_graph": ("Transform", "transform_graph"),
        "hyperparameters": ("HyperparametersGen", "hyperparameters"),
        "production_model": ("ProductionModel", "model"),
    }
    assert taken("ServingModelResolver")["model"] == ("Refitter", "model")
    assert taken("PushingFinalizer")["judged_model"] == ("Trainer", "model")
    # What production has seen decides which of its models a training looks at.
    for step in ("ProductionModel", "ReferenceModel"):
        assert taken(step)["examples"] == ("BigQueryExampleGen", "examples")
        assert "examples" not in plain[step]["inputs"]["artifacts"]


def test_the_day_is_a_parameter(specs: dict[Pipeline, dict[str, Any]]) -> None:
    for pipeline, query in ((Pipeline.TRAINING, "@window_start@"), (Pipeline.PREDICTION, "@run_date@")):
        root = specs[pipeline]["pipelineSpec"]["root"]
        optional = {"parameterType": "STRING", "defaultValue": "", "isOptional": True}
        assert root["inputDefinitions"]["parameters"] == dict.fromkeys(PARAMETERS[pipeline], optional)
        parameters = root["dag"]["tasks"]["BigQueryExampleGen"]["inputs"]["parameters"]
        assert parameters["run_date"] == {"componentInputParameter": "run_date"}
        assert query in parameters["input_config"]["runtimeValue"]["constant"]


def test_each_pipeline_first_builds_the_table_that_it_reads(
    specs: dict[Pipeline, dict[str, Any]], tmp_path: Path
) -> None:
    for pipeline, table in ((Pipeline.TRAINING, "training"), (Pipeline.PREDICTION, "inference")):
        tasks = specs[pipeline]["pipelineSpec"]["root"]["dag"]["tasks"]
        assert "TableBuilder" in tasks["BigQueryExampleGen"]["dependentTasks"]
        told = tasks["TableBuilder"]["inputs"]["parameters"]
        assert told["table"]["runtimeValue"]["constant"] == table
        assert told["run_date"] == {"componentInputParameter": "run_date"}
        assert json.loads(told["warehouse"]["runtimeValue"]["constant"])["kind"] == "bigquery"
    vertex = load_environment(CONFIGS / "environments" / "vertex.yaml").vertex
    assert vertex is not None
    own = workspace(tmp_path, vertex=vertex.model_dump() | {"build_tables": False})
    for pipeline in Pipeline:
        tasks = compiled(own, pipeline)["pipelineSpec"]["root"]["dag"]["tasks"]
        assert "TableBuilder" not in tasks
        assert "TableBuilder" not in tasks["BigQueryExampleGen"].get("dependentTasks", ())


def test_a_training_first_asks_whether_it_would_only_repeat_an_earlier_one(
    specs: dict[Pipeline, dict[str, Any]],
) -> None:
    tasks = specs[Pipeline.TRAINING]["pipelineSpec"]["root"]["dag"]["tasks"]
    assert tasks["RepeatGuard"]["dependentTasks"] == ["TableBuilder"]
    told = tasks["RepeatGuard"]["inputs"]["parameters"]
    assert told["again"] == {"componentInputParameter": "again"}
    assert told["run_date"] == {"componentInputParameter": "run_date"}
    others = set(tasks) - {"TableBuilder", "RepeatGuard"}
    for name in others:
        assert "metadata['found'] == 'new'" in tasks[name]["triggerPolicy"]["condition"]
        assert "RepeatGuard" in tasks[name]["dependentTasks"]
    assert len(others) == 14
    # Features that drifted may stop the run before anything is learned from them.
    assert {"DriftDetector", "ProductionModel"} <= set(tasks["Trainer"]["dependentTasks"])
    production = {"producerTask": "ProductionModel", "outputArtifactKey": "model"}
    compared = tasks["DriftDetector"]["inputs"]["artifacts"]
    assert compared["production_model"] == {"taskOutputArtifact": production}
    assert "RepeatGuard" not in specs[Pipeline.PREDICTION]["pipelineSpec"]["root"]["dag"]["tasks"]


def arguments(spec: dict[str, Any], step: str) -> list[str]:
    executor = spec["pipelineSpec"]["deploymentSpec"]["executors"][f"{step}_executor"]
    assert (
        executor["container"]["image"]
        == "europe-west1-docker.pkg.dev/my-project/newsletter-bandit/pipelines:0000000"
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


@pytest.mark.parametrize("pipeline", list(Pipeline))
def test_the_entry_point_leaves_every_option_to_beam(
    specs: dict[Pipeline, dict[str, Any]], pipeline: Pipeline
) -> None:
    """Imports define flags of their own, and one of Dataflow's name would swallow it."""
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor as entry_point

    seen = 0
    for step in specs[pipeline]["pipelineSpec"]["root"]["dag"]["tasks"]:
        words = arguments(specs[pipeline], step)
        if "--runner=DataflowRunner" in words:
            # absl hands over the program's name too.
            _, options = entry_point._parse_flags(["step", *words])
            assert options == ["step", *words[words.index("--runner=DataflowRunner") :]]
            seen += 1
    assert seen == {Pipeline.TRAINING: 4, Pipeline.PREDICTION: 3}[pipeline]


def test_each_step_asks_for_the_release_that_compiled_it(specs: dict[Pipeline, dict[str, Any]]) -> None:
    command = ["python", "-m", "pipelines.cloud.step", str(Release.installed())]
    for spec in specs.values():
        executors = spec["pipelineSpec"]["deploymentSpec"]["executors"].values()
        assert [executor["container"]["command"] for executor in executors] == [command] * len(executors)


def test_a_step_in_an_older_image_ends_with_one_sentence() -> None:
    program = [sys.executable, "-m", "pipelines.cloud.step"]
    done = subprocess.run(
        [*program, "99.0.0+3f2a9c41d07b"], cwd=CONFIGS.parent, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    (sentence,) = done.stderr.splitlines()
    assert "needed: an image of 99.0.0+3f2a9c41d07b, or of a later version" in sentence


def test_a_step_of_the_same_release_is_tfxs_entry_point() -> None:
    program = [sys.executable, "-W", "ignore", "-m", "pipelines.cloud.step", str(Release.installed())]
    done = subprocess.run(program, cwd=CONFIGS.parent, capture_output=True, text=True)
    assert done.returncode != 0
    assert "the following arguments are required: --executor_class_path" in done.stderr


def test_what_a_search_found_is_compiled_in(tmp_path: Path) -> None:
    made = workspace(tmp_path)
    values = {"agent.learning_rate": 0.004}
    found = {
        "value": 0.2,
        "standard_error": 0.01,
        "gain": 0.05,
        "gain_low": 0.02,
        "gain_high": 0.08,
        "confidence": 0.95,
        "is_better": True,
        "trial": 3,
        "trials": 8,
        "rows": 1000,
        "window": ["2026-10-12", "2026-11-09"],
        "settings": settings_hash(made.use_case),
        "finished_at": "2026-11-23T00:00:00Z",
    }
    tuned = {"use_case": "newsletter", "agent": made.use_case.agent.type, "values": values, "found": found}
    made.tuned_file.parent.mkdir()
    made.tuned_file.write_text(json.dumps(tuned))
    spec = compiled(made, Pipeline.TRAINING)
    tasks = spec["pipelineSpec"]["root"]["dag"]["tasks"]

    def constant(step: str, name: str) -> Any:
        return json.loads(tasks[step]["inputs"]["parameters"][name]["runtimeValue"]["constant"])

    agent = made.use_case.agent.model_copy(update={"learning_rate": 0.004})
    assert constant("HyperparametersGen", "content")["agent"] == agent.model_dump(mode="json")
    # Every other step is told the same; the Trainer has it from HyperparametersGen alone.
    for step in ("BigQueryExampleGen", "Evaluator", "ServingModelResolver", "PushingFinalizer"):
        assert constant(step, "use_case")["agent"] == agent.model_dump(mode="json")
    assert json.loads(constant("Transform", "custom_config")["use_case"])["agent"] == agent.model_dump(
        mode="json"
    )
    told = json.loads(constant("Trainer", "custom_config")["use_case"])
    assert not set(told) & {"agent", "propensity_weighting", "exploration"}
    assert told["reward"] == made.use_case.reward.model_dump(mode="json")


def test_a_use_case_that_waits_for_a_sign_off_tells_the_step_that_publishes(tmp_path: Path) -> None:
    made = workspace(tmp_path)
    waits = made.use_case.model_copy(update={"publication": Publication(wait_for_sign_off=True)})
    made = dataclasses.replace(made, use_case=waits)
    spec = compiled(made, Pipeline.TRAINING)
    inputs = spec["pipelineSpec"]["root"]["dag"]["tasks"]["PushingFinalizer"]["inputs"]["parameters"]
    told = json.loads(inputs["use_case"]["runtimeValue"]["constant"])
    assert told["publication"] == {"wait_for_sign_off": True}
    assert any(
        line.endswith("if the gate blesses the model, and waits for its sign-off there")
        for line in plan(made, Pipeline.TRAINING, dt.date(2026, 11, 23))
    )


def test_the_schema_that_somebody_edited_is_compiled_in(tmp_path: Path) -> None:
    shutil.copytree(CONFIGS, tmp_path / "configs")
    made = dataclasses.replace(workspace(tmp_path), use_case_path=tmp_path / "configs" / "newsletter.yaml")
    with made.schema_file.open("a") as file:
        file.write("# looked over\n")
    tasks = compiled(made, Pipeline.TRAINING)["pipelineSpec"]["root"]["dag"]["tasks"]
    text = tasks["CuratedSchema"]["inputs"]["parameters"]["text"]["runtimeValue"]["constant"]
    assert text == made.schema_file.read_text()


def test_every_task_has_a_retry_policy_and_resources(
    specs: dict[Pipeline, dict[str, Any]], tmp_path: Path
) -> None:
    retried = {
        "maxRetryCount": 2,
        "backoffDuration": "60s",
        "backoffFactor": 2.0,
        "backoffMaxDuration": "900s",
    }
    for spec in specs.values():
        pipeline = spec["pipelineSpec"]
        tasks = pipeline["root"]["dag"]["tasks"]
        assert set(tasks) <= set(VERTEX_STEPS)
        assert [task["retryPolicy"] for task in tasks.values()] == [retried] * len(tasks)
        for executor in pipeline["deploymentSpec"]["executors"].values():
            assert executor["container"]["resources"] == {"cpuLimit": 4.0, "memoryLimit": 16.0}
    settings = load_environment(CONFIGS / "environments" / "vertex.yaml").vertex
    assert settings is not None
    changed = {"retries": 0, "step_resources": {"Trainer": {"cpu": 8, "memory_gb": 52}}}
    made = workspace(tmp_path, vertex=settings.model_dump() | changed)
    pipeline = compiled(made, Pipeline.TRAINING)["pipelineSpec"]
    assert not any("retryPolicy" in task for task in pipeline["root"]["dag"]["tasks"].values())
    found = {
        name: executor["container"]["resources"]["memoryLimit"]
        for name, executor in pipeline["deploymentSpec"]["executors"].items()
    }
    assert (found["Trainer_executor"], found["Transform_executor"]) == (52.0, 16.0)


def test_caching_spares_what_depends_on_the_day_or_the_registry(tmp_path: Path) -> None:
    settings = load_environment(CONFIGS / "environments" / "vertex.yaml")
    assert settings.vertex is not None
    vertex = settings.vertex.model_dump() | {"enable_caching": True}
    tasks = compiled(workspace(tmp_path, vertex=vertex), Pipeline.TRAINING)["pipelineSpec"]["root"]["dag"][
        "tasks"
    ]
    assert tasks["Transform"]["cachingOptions"] == {"enableCache": True}
    assert {name for name, task in tasks.items() if "cachingOptions" not in task} == {
        "TableBuilder",
        "RepeatGuard",
        "BigQueryExampleGen",
        "ProductionModel",
        "ReferenceModel",
        "PushingFinalizer",
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vertex": None}, "vertex: missing; add a block with project, region, image and service_account"),
        ({"registry": "registry"}, "registry: found .*registry; allowed: a folder in a bucket"),
        ({"pipeline_root": "/home"}, "pipeline_root: found /home"),
        ({"warehouse": {"kind": "duckdb", "path": "w"}}, "warehouse.kind: found duckdb; allowed: bigquery"),
        ({"store": {"kind": "sqlite", "path": "s"}}, "store.kind: found sqlite; allowed: datastore"),
        (
            {"processing": {"runner": "in_process"}},
            "processing.runner: found in_process, and no bucket .* use dataflow, or add "
            "--temp_location=gs://",
        ),
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


def test_a_training_that_would_repeat_an_earlier_one_says_so_and_again_forces_it(
    api: VertexApi, tmp_path: Path
) -> None:
    skipped = _tasks(RepeatGuard="SUCCEEDED", Trainer="NOT_TRIGGERED", Evaluator="NOT_TRIGGERED")
    # One for each run, although both start within a second.
    api.progress = [{"state": "PIPELINE_STATE_SUCCEEDED", "jobDetail": skipped}] * 2
    made, day = workspace(tmp_path), dt.date(2026, 11, 20)
    for again, value in ((False, ""), (True, "yes")):
        out = console()
        cloud_runs.submit(out, made, Pipeline.TRAINING, day, True, client_of(api), again=again)
        sent = api.posted("pipelineJobs")[-1].body["runtimeConfig"]["parameterValues"]
        assert sent == {"run_date": "2026-11-20", "again": value}
        assert "Not trained again: the window's rows were judged before" in printed(out)
        assert "`submit training --again` trains all the same" in printed(out)
    words = "--again: found with prediction; use it with training"
    with pytest.raises(SettingsError, match=words):
        cloud_runs.submit(console(), made, Pipeline.PREDICTION, day, False, client_of(api), again=True)
    with pytest.raises(SettingsError, match=words):
        cloud_runs.describe(console(), made, [Pipeline.PREDICTION], day, False, again=True)
    assert len(api.jobs) == len(api.posted("pipelineJobs")) == 2


def test_runs_that_start_within_a_second_have_names_of_their_own() -> None:
    now = dt.datetime(2026, 11, 20, 8, tzinfo=dt.UTC)
    names = [cloud_runs.new_run_id("newsletter-training", now) for _ in range(2)]
    assert names[0] != names[1]
    # What Vertex AI allows.
    assert all(re.fullmatch("newsletter-training-20261120-080000-[0-9a-f]{6}", name) for name in names)


def test_a_day_without_a_window_is_refused_before_anything_is_sent(api: VertexApi, tmp_path: Path) -> None:
    made, day = workspace(tmp_path), dt.date(2026, 1, 20)
    with pytest.raises(SettingsError, match="run date 2026-01-20: the first training window"):
        cloud_runs.submit(console(), made, Pipeline.TRAINING, day, False, client_of(api))
    with pytest.raises(SettingsError, match="run date 2026-01-20: the first training window"):
        cloud_runs.describe(console(), made, [Pipeline.TRAINING], day, scheduled=False)
    assert not api.requests


def test_schedules_are_made_once_each_and_then_updated(api: VertexApi, tmp_path: Path) -> None:
    made, out = workspace(tmp_path), console()
    for _ in range(2):
        cloud_runs.schedule(out, made, list(Pipeline), client_of(api))
    crons = {schedule["displayName"]: schedule["cron"] for schedule in api.schedules.values()}
    assert crons == {
        "newsletter-training": "CRON_TZ=Europe/Zurich 0 3 1 * *",
        "newsletter-prediction": "CRON_TZ=Europe/Zurich 0 5 * * *",
    }
    assert len(api.posted("schedules")) == 2
    assert len([request for request in api.requests if request.method == "PATCH"]) == 2
    text = printed(out)
    assert "Trainings per year: 12, each a look that errs with 2.5%; together at most 30%" in text
    assert text.count("created,") == 2
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


Command = Callable[..., int]


@pytest.fixture
def command(api: VertexApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command line in this process, with an API that needs no credentials; its exit code."""
    settings = yaml.safe_load((CONFIGS / "environments" / "vertex.yaml").read_text())
    settings["vertex"]["api_endpoint"] = api.address
    environment = tmp_path / "environment.yaml"
    environment.write_text(yaml.safe_dump(settings))
    monkeypatch.chdir(CONFIGS.parent)
    monkeypatch.setattr("pipelines.cloud.vertex.credentials", AnonymousCredentials)
    monkeypatch.setattr("pipelines.cloud.vertex.POLL_SECONDS", 0.0)

    def run(*words: str) -> int:
        where = ["--environment", str(environment), "--workdir", str(tmp_path / "workdir")]
        try:
            typer.main.get_command(cli.app).main([*words, *where], standalone_mode=True)
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    return run


def test_the_command_submit_ends_as_the_run_does(
    api: VertexApi, command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    api.progress = [{"state": "PIPELINE_STATE_SUCCEEDED", "jobDetail": _tasks(BulkInferrer="SUCCEEDED")}]
    assert command("submit", "prediction", "--run-date", "2026-11-20", "--wait", "--yes") == 0
    assert "✓ BulkInferrer" in capfd.readouterr().out
    api.progress = [{"state": "PIPELINE_STATE_FAILED", "jobDetail": _tasks(BulkInferrer="FAILED")}]
    api.jobs.clear()
    assert command("submit", "prediction", "--wait", "--yes") == 1
    assert "steps that failed: BulkInferrer; see https://console" in capfd.readouterr().err
    dates = [request.body["runtimeConfig"]["parameterValues"] for request in api.posted("pipelineJobs")]
    assert dates == [{"run_date": "2026-11-20"}, {"run_date": ""}]
    api.failures = [(403, "PERMISSION_DENIED", "Vertex AI API has not been used in project my-project")]
    assert command("submit", "prediction", "--yes") == 2
    assert "enable the API" in capfd.readouterr().err


def test_the_command_submit_shows_what_it_will_do_and_starts_nothing_unasked(
    api: VertexApi, command: Command, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))  # a pipe is no terminal
    assert command("submit", "training", "--run-date", "2026-11-23") == 2
    shown = capfd.readouterr()
    assert "use --yes to start without a question. Nothing was started." in shown.err
    for line in (
        "Pipeline: newsletter-training",
        "Project and region: my-project, europe-west1",
        "Image: europe-west1-docker.pkg.dev/my-project/newsletter-bandit/pipelines:",
        "Steps run as: pipeline-runner@my-project.iam.gserviceaccount.com",
        "Dataflow's workers: up to 10 per step, as dataflow-worker@my-project.iam.gserviceaccount.com",
        "Training job: 1 x n2-standard-4, at most 12 hours, as trainer@my-project.iam.gserviceaccount.com",
        "Run date: 2026-11-23; window: 2026-10-05 to 2026-11-01",
        "BigQuery of my-project: a query may bill 200,000,000,000 bytes",
        "Publishes to: gs://my-bucket/registry, if the gate blesses the model",
    ):
        assert line in shown.out
    assert not api.requests


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 2), ("", 2)])
def test_the_command_submit_asks_on_a_terminal(
    answer: str,
    code: int,
    api: VertexApi,
    command: Command,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(theirs, encoding="utf-8") as terminal:
        os.write(ours, f"{answer}\n".encode())
        monkeypatch.setattr("sys.stdin", terminal)
        assert command("submit", "prediction") == code
    os.close(ours)
    shown = capfd.readouterr()
    assert "namespace newsletter, kind Ranking" in shown.out
    assert "Start it? [y/N]" in shown.out
    assert len(api.posted("pipelineJobs")) == (1 if code == 0 else 0)
    assert ("not confirmed; nothing was started" in shown.err) == (code != 0)


def test_the_command_schedule_takes_both_pipelines_or_one(
    api: VertexApi, command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command("schedule", "--dry-run") == 0
    assert not api.requests
    assert capfd.readouterr().out.count('"cron"') == 2
    assert command("schedule", "training") == 0
    assert command("schedule") == 0
    assert [schedule["displayName"] for schedule in api.schedules.values()] == [
        "newsletter-training",
        "newsletter-prediction",
    ]


def test_the_command_compile_writes_the_specification(
    specs: dict[Pipeline, dict[str, Any]], command: Command, tmp_path: Path
) -> None:
    assert command("compile", "training") == 0
    path = tmp_path / "workdir" / "compiled" / "newsletter-training.json"
    assert json.loads(path.read_text()) == specs[Pipeline.TRAINING]


def test_the_gate_is_told_what_a_window_left_out(tmp_path: Path) -> None:
    made = workspace(tmp_path)
    basket = {"weight": 0.1, "clip": [0, 9]}
    paid = made.use_case.model_validate(
        made.use_case.model_dump() | {"reward": {"terms": {"clicked": 1, "basket": basket}}}
    )
    spec = compiled(dataclasses.replace(made, use_case=paid), Pipeline.TRAINING)
    told = re.search(r'"repeat_check": (\{.*?\})', json.dumps(_evaluator(spec)))
    assert told is not None
    assert "RepeatGuard" in told[1]


def _evaluator(spec: Any) -> Any:
    """The task of the Evaluator, at whatever depth of the specification."""
    if isinstance(spec, dict):
        for name, inner in spec.items():
            found = inner if name == "Evaluator" and "inputs" in inner else _evaluator(inner)
            if found is not None:
                return found
    return None
