"""Submitting, following and scheduling, against an API that keeps every request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials

from newsletter_bandit.errors import SettingsError, UserError
from newsletter_bandit.settings.cloud import Vertex
from pipelines.cloud.vertex import Client, TaskEvent
from tests.cloud.vertex_api import VertexApi, vertex_api

SPEC: dict[str, Any] = {
    "displayName": "newsletter-training",
    "labels": {"tfx_version": "1-16-0"},
    "pipelineSpec": {"pipelineInfo": {"name": "newsletter-training"}, "root": {"dag": {"tasks": {}}}},
    "runtimeConfig": {"gcsOutputDirectory": "gs://my-bucket/pipelines/newsletter-training"},
}
PARENT = "/v1/projects/my-project/locations/europe-west1"


@pytest.fixture
def api() -> Iterator[VertexApi]:
    with vertex_api() as served:
        yield served


@pytest.fixture
def client(api: VertexApi) -> Client:
    settings = Vertex(
        project="my-project",
        region="europe-west1",
        image="europe-west1-docker.pkg.dev/my-project/repository/pipelines:0123abc",
        service_account="runner@my-project.iam.gserviceaccount.com",
        network="projects/123/global/networks/shop",
        labels={"team": "mail"},
        time_zone="Europe/Zurich",
        api_endpoint=api.address,
    )
    return Client(settings, google_credentials=AnonymousCredentials(), sleep=lambda _: None)


def test_a_submitted_run_carries_every_setting(api: VertexApi, client: Client) -> None:
    run = client.submit(SPEC, "newsletter-training-20261123", {"run_date": "2026-11-23"})
    (request,) = api.requests
    assert request.path == f"{PARENT}/pipelineJobs"
    assert request.query["pipelineJobId"] == ["newsletter-training-20261123"]
    body = request.body
    assert body["displayName"] == "newsletter-training"
    assert body["pipelineSpec"]["pipelineInfo"]["name"] == "newsletter-training"
    assert body["labels"] == {"tfx_version": "1-16-0", "team": "mail"}
    assert body["serviceAccount"] == "runner@my-project.iam.gserviceaccount.com"
    assert body["network"] == "projects/123/global/networks/shop"
    assert body["runtimeConfig"]["parameterValues"] == {"run_date": "2026-11-23"}
    assert body["runtimeConfig"]["gcsOutputDirectory"] == "gs://my-bucket/pipelines/newsletter-training"
    assert run.name.endswith("/pipelineJobs/newsletter-training-20261123")
    assert run.console.endswith("/runs/newsletter-training-20261123?project=my-project")


def test_a_run_id_is_submitted_once(api: VertexApi, client: Client) -> None:
    first = client.submit(SPEC, "once", {})
    assert client.submit(SPEC, "once", {}) == first
    assert len(api.jobs) == 1


def test_a_transient_error_is_retried(api: VertexApi, client: Client) -> None:
    api.failures = [(503, "UNAVAILABLE", "try again"), (429, "RESOURCE_EXHAUSTED", "slow down")]
    client.submit(SPEC, "retried", {})
    assert len(api.posted("pipelineJobs")) == 3
    assert len(api.jobs) == 1


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (
            (403, "PERMISSION_DENIED", "Permission 'aiplatform.pipelineJobs.create' denied"),
            ["permission denied", "aiplatform.pipelineJobs.create", "grant the account the missing role"],
        ),
        (
            (403, "PERMISSION_DENIED", "Vertex AI API has not been used in project my-project before"),
            ["enable the API"],
        ),
        ((401, "UNAUTHENTICATED", "bad token"), ["gcloud auth application-default login"]),
        ((404, "NOT_FOUND", "no such location"), ["not found", "check project, region and names"]),
        ((400, "INVALID_ARGUMENT", "labels: too long"), ["refused", "labels: too long"]),
    ],
)
def test_a_permanent_error_is_one_sentence_and_not_retried(
    api: VertexApi, client: Client, failure: tuple[int, str, str], words: list[str]
) -> None:
    api.failures = [failure]
    with pytest.raises(SettingsError) as refusal:
        client.submit(SPEC, "refused", {})
    for word in ["submit refused", *words]:
        assert word in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert len(api.requests) == 1


def _task(name: str, state: str, error: str = "") -> dict[str, Any]:
    return {"taskName": name, "state": state, **({"error": {"code": 9, "message": error}} if error else {})}


def test_a_followed_run_reports_each_change_once(api: VertexApi, client: Client) -> None:
    run = client.submit(SPEC, "followed", {})
    ran = {"startTime": "2026-11-23T05:00:00.250Z", "endTime": "2026-11-23T05:01:30Z"}
    api.progress = [
        {"state": "PIPELINE_STATE_RUNNING", "jobDetail": {"taskDetails": [_task("Trainer", "RUNNING")]}},
        {"state": "PIPELINE_STATE_RUNNING", "jobDetail": {"taskDetails": [_task("Trainer", "RUNNING")]}},
        {
            "state": "PIPELINE_STATE_SUCCEEDED",
            "jobDetail": {
                "taskDetails": [
                    # The service lists the run itself among its tasks.
                    _task("followed", "RUNNING"),
                    _task("Trainer", "SUCCEEDED") | ran,
                    _task("Evaluator", "SKIPPED"),
                ]
            },
        },
    ]
    events: list[TaskEvent] = []
    client.follow(run, events.append)
    assert events == [
        TaskEvent("Trainer", "running"),
        TaskEvent("Trainer", "finished", 89.75),
        TaskEvent("Evaluator", "cached"),
    ]


def test_a_run_that_fails_is_an_error_that_names_the_step(api: VertexApi, client: Client) -> None:
    run = client.submit(SPEC, "fails", {})
    tasks = {"taskDetails": [_task("Transform", "FAILED", "out of memory")]}
    api.progress = [{"state": "PIPELINE_STATE_FAILED", "jobDetail": tasks}]
    events: list[TaskEvent] = []
    with pytest.raises(UserError, match=r"failed: steps that failed: Transform; see https://console"):
        client.follow(run, events.append)
    assert events == [TaskEvent("Transform", "failed", None, "out of memory")]


def test_a_schedule_is_made_once_and_then_updated(api: VertexApi, client: Client) -> None:
    made = client.schedule("newsletter-training", "0 3 1,15 * *", SPEC, {"run_date": ""})
    assert made.created
    (request,) = api.posted("schedules")
    assert request.body["cron"] == "CRON_TZ=Europe/Zurich 0 3 1,15 * *"
    assert request.body["maxConcurrentRunCount"] == "1"
    job = request.body["createPipelineJobRequest"]["pipelineJob"]
    assert job["runtimeConfig"]["parameterValues"] == {"run_date": ""}
    assert job["serviceAccount"] == "runner@my-project.iam.gserviceaccount.com"

    changed = client.schedule("newsletter-training", "0 4 * * *", SPEC, {"run_date": ""})
    assert (changed.created, changed.name) == (False, made.name)
    assert len(api.posted("schedules")) == 1
    (patch,) = [r for r in api.requests if r.method == "PATCH"]
    assert patch.query["updateMask"] == ["cron,maxConcurrentRunCount,createPipelineJobRequest"]
    assert [s["cron"] for s in api.schedules.values()] == ["CRON_TZ=Europe/Zurich 0 4 * * *"]


def test_a_completed_schedule_is_left_alone(api: VertexApi, client: Client) -> None:
    first = client.schedule("newsletter-training", "0 3 * * *", SPEC, {})
    api.schedules[first.name]["state"] = "COMPLETED"
    assert client.schedule("newsletter-training", "0 3 * * *", SPEC, {}).created


def test_two_schedules_of_one_name_are_refused(api: VertexApi, client: Client) -> None:
    first = client.schedule("newsletter-training", "0 3 * * *", SPEC, {})
    copy = first.name.replace("schedules/1", "schedules/2")
    api.schedules[copy] = {**api.schedules[first.name], "name": copy}
    with pytest.raises(SettingsError, match=r"found 2 of this name .*delete the others"):
        client.schedule("newsletter-training", "0 3 * * *", SPEC, {})
