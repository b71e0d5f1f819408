"""Runs on Vertex AI Pipelines: submitted, followed and scheduled through its API.

Transient errors are retried with backoff for `RETRY_SECONDS`; permanent ones become one sentence that says
what to do. The API is called over REST, which passes proxies that gRPC does not pass.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from newsletter_bandit.errors import SettingsError, UserError
from newsletter_bandit.google import credentials, explained
from newsletter_bandit.settings.cloud import Vertex

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1

RETRY_SECONDS = 60.0
POLL_SECONDS = 15.0
_ENDED = {"SUCCEEDED", "FAILED", "CANCELLED"}
_NOT_TRIGGERED = "NOT_TRIGGERED"
State = Literal["running", "finished", "cached", "failed"]
_TASK_STATES: dict[str, State] = {
    "RUNNING": "running",
    "SUCCEEDED": "finished",
    "SKIPPED": "cached",
    "FAILED": "failed",
    "CANCELLED": "failed",
}


@dataclass(frozen=True)
class Run:
    """A submitted run.

    Attributes:
      name: resource name, `projects/…/locations/…/pipelineJobs/…`.
      console: address of its page in the Google Cloud console.
    """

    name: str
    console: str


@dataclass(frozen=True)
class Scheduled:
    """A schedule as it stands after the call.

    Attributes:
      name: resource name.
      created: True if it did not exist before.
      cron: cron expression, with its time zone.
      next_run: the next start according to the service; None while it does not say.
    """

    name: str
    created: bool
    cron: str
    next_run: dt.datetime | None


@dataclass(frozen=True)
class TaskEvent:
    """Change of the state of a step in a followed run; ``seconds`` is its run time, once it has ended."""

    step: str
    state: State
    seconds: float | None = None
    detail: str = ""


@dataclass
class Client:
    """The pipelines of one project and region.

    Args:
      settings: project, region, identity and labels.
      google_credentials: credentials, if not the default ones.
      sleep: function that waits between two requests for a run's state.
    """

    settings: Vertex
    google_credentials: Any = None
    sleep: Callable[[float], None] = time.sleep
    _services: dict[str, Any] = field(default_factory=dict, init=False)

    def require_credentials(self) -> None:
        """Raises `SettingsError` if there are no credentials, without asking the network for them."""
        if self.google_credentials is None:
            self.google_credentials = credentials()

    def job(self, spec: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
        """The request that `submit` sends, as JSON."""
        from google.cloud import aiplatform_v1

        made: dict[str, Any] = json.loads(
            aiplatform_v1.PipelineJob.to_json(
                self._job(spec, parameters),
                including_default_value_fields=False,
                use_integers_for_enums=False,
            )
        )
        return made

    def cron(self, expression: str) -> str:
        """A cron expression with its time zone, as the service reads it."""
        return f"CRON_TZ={self.settings.time_zone} {expression}"

    def submit(self, spec: Mapping[str, Any], run_id: str, parameters: Mapping[str, str]) -> Run:
        """Starts a run of a compiled pipeline.

        Args:
          spec: a pipeline from `compiling.compiled`.
          run_id: last part of the run's name, unique in the project: a second call with it starts nothing.
          parameters: values of the pipeline's parameters.

        Raises:
          SettingsError: credentials, permission, API or project are missing; says which.
        """
        with explained(f"submit {run_id}"):
            from google.api_core.exceptions import Conflict

            try:
                job = self._pipelines.create_pipeline_job(
                    parent=self._parent,
                    pipeline_job=self._job(spec, parameters),
                    pipeline_job_id=run_id,
                    **self._retried(),
                )
            except Conflict:
                # A retry gets this too, after an answer that was lost on the way.
                job = self._pipelines.get_pipeline_job(
                    name=f"{self._parent}/pipelineJobs/{run_id}", **self._retried()
                )
        return Run(job.name, self._console(job.name))

    def follow(self, run: Run, on_event: Callable[[TaskEvent], None]) -> list[str]:
        """Waits until the run has ended and reports each change of a step's state.

        Returns:
          The steps that were left out, because their condition did not hold.

        Raises:
          UserError: the run failed or was cancelled; names the steps and their errors.
        """
        seen: dict[str, State] = {}
        # Among the tasks the service may list the run itself, which is not a step.
        run_id = run.name.rpartition("/")[2]
        while True:
            with explained(f"follow {run.name}"):
                job = self._pipelines.get_pipeline_job(name=run.name, **self._retried())
            for task in job.job_detail.task_details:
                state = _TASK_STATES.get(task.state.name)
                if state is not None and seen.get(task.task_name) != state and task.task_name != run_id:
                    seen[task.task_name] = state
                    on_event(TaskEvent(task.task_name, state, _seconds(task), task.error.message))
            outcome = job.state.name.removeprefix("PIPELINE_STATE_")
            if outcome in _ENDED:
                break
            self.sleep(POLL_SECONDS)
        if outcome != "SUCCEEDED":
            failed = ", ".join(step for step, state in seen.items() if state == "failed")
            reason = job.error.message or (f"steps that failed: {failed}" if failed else "no reason given")
            raise UserError(f"run {run.name}: {outcome.lower()}: {reason}; see {run.console}")
        return [task.task_name for task in job.job_detail.task_details if task.state.name == _NOT_TRIGGERED]

    def schedule(
        self, display_name: str, cron: str, spec: Mapping[str, Any], parameters: Mapping[str, str]
    ) -> Scheduled:
        """Creates the schedule of this name, or updates the existing one; never makes a second one.

        Raises:
          SettingsError: more than one schedule has the name, or a credential, permission or API is missing.
        """
        from google.cloud import aiplatform_v1
        from google.protobuf import field_mask_pb2

        wanted = aiplatform_v1.Schedule(
            display_name=display_name,
            cron=self.cron(cron),
            max_concurrent_run_count=1,
            create_pipeline_job_request=aiplatform_v1.CreatePipelineJobRequest(
                parent=self._parent, pipeline_job=self._job(spec, parameters)
            ),
        )
        with explained(f"schedule {display_name}"):
            existing = [
                schedule
                for schedule in self._schedules.list_schedules(
                    request={"parent": self._parent, "filter": f'display_name="{display_name}"'},
                    **self._retried(),
                )
                # The service's filter also finds completed ones, which never run again.
                if schedule.display_name == display_name and schedule.state.name != "COMPLETED"
            ]
            if len(existing) > 1:
                names = ", ".join(schedule.name for schedule in existing)
                raise SettingsError(
                    f"schedule {display_name}: found {len(existing)} of this name ({names}); keep one "
                    "and delete the others"
                )
            if existing:
                wanted.name = existing[0].name
                mask = field_mask_pb2.FieldMask(
                    paths=["cron", "max_concurrent_run_count", "create_pipeline_job_request"]
                )
                found = self._schedules.update_schedule(schedule=wanted, update_mask=mask, **self._retried())
            else:
                # Not retried: an answer that is lost must not double the schedule. The next call finds it.
                found = self._schedules.create_schedule(
                    parent=self._parent, schedule=wanted, timeout=RETRY_SECONDS
                )
        return Scheduled(found.name, not existing, found.cron, found.next_run_time or None)

    @property
    def _parent(self) -> str:
        return f"projects/{self.settings.project}/locations/{self.settings.region}"

    @property
    def _pipelines(self) -> Any:
        from google.cloud import aiplatform_v1

        return self._service("pipelines", aiplatform_v1.PipelineServiceClient)

    @property
    def _schedules(self) -> Any:
        from google.cloud import aiplatform_v1

        return self._service("schedules", aiplatform_v1.ScheduleServiceClient)

    def _service(self, name: str, kind: Callable[..., Any]) -> Any:
        if name not in self._services:
            endpoint = self.settings.api_endpoint or f"{self.settings.region}-aiplatform.googleapis.com"
            self._services[name] = kind(
                credentials=self.google_credentials or credentials(),
                transport="rest",
                client_options={"api_endpoint": endpoint},
            )
        return self._services[name]

    def _retried(self) -> dict[str, Any]:
        from google.api_core import retry

        transient = retry.Retry(predicate=retry.if_transient_error, initial=0.5, timeout=RETRY_SECONDS)
        return {"retry": transient, "timeout": RETRY_SECONDS}

    def _job(self, spec: Mapping[str, Any], parameters: Mapping[str, str]) -> aiplatform_v1.PipelineJob:
        from google.cloud import aiplatform_v1

        policy = f"PIPELINE_FAILURE_POLICY_FAIL_{self.settings.failure_policy.upper()}"
        return aiplatform_v1.PipelineJob(
            display_name=spec["displayName"],
            pipeline_spec=dict(spec["pipelineSpec"]),
            labels={**spec.get("labels", {}), **self.settings.labels},
            runtime_config=aiplatform_v1.PipelineJob.RuntimeConfig(
                gcs_output_directory=spec["runtimeConfig"]["gcsOutputDirectory"],
                parameter_values=dict(parameters),
                failure_policy=aiplatform_v1.types.PipelineFailurePolicy[policy],
            ),
            service_account=self.settings.service_account,
            network=self.settings.network or "",
        )

    def _console(self, name: str) -> str:
        run = name.rpartition("/")[2]
        return (
            f"https://console.cloud.google.com/vertex-ai/pipelines/locations/{self.settings.region}/runs/{run}"
            f"?project={self.settings.project}"
        )


def _seconds(task: Any) -> float | None:
    """Seconds that a task ran by the service's clock; None while it runs, or if the service does not say."""
    if not task.start_time or not task.end_time:
        return None
    return float((task.end_time - task.start_time).total_seconds())
