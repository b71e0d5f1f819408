"""Settings of what runs on Google Cloud: Vertex AI Pipelines, their schedules, and Dataflow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipelines.agent_settings import Settings

ProjectId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$")]
Region = Annotated[str, Field(pattern=r"^[a-z]+-[a-z]+[0-9]{1,2}$")]
ServiceAccount = Annotated[str, Field(pattern=r"^[a-z0-9-]+@[a-z0-9.-]+$")]
Image = Annotated[
    str, Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?/[a-z0-9._/-]+(:[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})$")
]
Bucket = Annotated[str, Field(pattern=r"^gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/.*)?$")]
Labels = dict[
    Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")],
    Annotated[str, Field(pattern=r"^[a-z0-9_-]{0,63}$")],
]
# Minute, hour, day of month, month, day of week.
Cron = Annotated[str, Field(pattern=r"^[0-9*,/-]+( [0-9A-Za-z*,/-]+){4}$")]


# Steps that run on Beam, in both pipelines.
BEAM_STEPS = (
    "ExampleGen",
    "StatisticsGen",
    "Transform",
    "Evaluator",
    "BulkInferrer",
    "PredictionStorer",
)


class Vertex(Settings):
    """Vertex AI Pipelines.

    Attributes:
      project, region: where runs and schedules live.
      image: container image of every step, by tag or digest.
      service_account: identity of the steps.
      network: full name of a VPC network to peer with, or none.
      labels: of runs, for the bill.
      enable_caching: reuse a step's outputs where its inputs have not changed.
      failure_policy: `fast` cancels the steps that run when one fails, `slow` lets them end.
      training_cron, prediction_cron: when the scheduled runs start, in `time_zone`.
      api_endpoint: host of the API where it is not the region's own, such as one behind Private Service Connect.
    """

    project: ProjectId
    region: Region
    image: Image
    service_account: ServiceAccount
    network: str | None = None
    labels: Labels = {}
    enable_caching: bool = False
    failure_policy: Literal["fast", "slow"] = "fast"
    training_cron: Cron = "0 3 1,15 * *"
    prediction_cron: Cron = "0 5 * * *"
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z_]+(/[A-Za-z0-9_+-]+)*$")] = "Etc/UTC"
    api_endpoint: str | None = None


class Dataflow(Settings):
    """Where and how Dataflow runs a Beam step; each step may override any of it.

    Attributes:
      temp_location: folder in a bucket for staging and temporary files.
      image: container image of the workers; the pipelines' own saves installing anything at start.
      max_workers: most workers that autoscaling may start.
      autoscaling: by throughput, or none, which keeps ``workers``.
    """

    project: ProjectId
    region: Region
    temp_location: Bucket
    image: Image | None = None
    service_account: ServiceAccount | None = None
    network: str | None = None
    subnetwork: str | None = None
    public_ips: bool = False
    machine_type: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] = "n2-standard-2"
    disk_gb: int = Field(default=50, ge=20, le=65536)
    workers: int = Field(default=1, ge=1, le=4000)
    max_workers: int = Field(default=10, ge=1, le=4000)
    autoscaling: Literal["throughput", "none"] = "throughput"
    labels: Labels = {}


class DataflowStep(Settings):
    """What one step runs with instead; a key left out keeps the environment's."""

    machine_type: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] | None = None
    disk_gb: int | None = Field(default=None, ge=20, le=65536)
    workers: int | None = Field(default=None, ge=1, le=4000)
    max_workers: int | None = Field(default=None, ge=1, le=4000)
    autoscaling: Literal["throughput", "none"] | None = None
