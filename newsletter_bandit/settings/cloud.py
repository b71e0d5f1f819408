"""Settings of what runs on Google Cloud: Vertex AI Pipelines, their schedules, Dataflow and the Cloud
Function.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from newsletter_bandit.settings.base import Matching, Settings

ProjectId = Annotated[
    str,
    Matching(
        r"[a-z][a-z0-9-]{4,28}[a-z0-9]",
        "a project's id: 6 to 30 small letters, digits and hyphens that begin with a letter and do not end "
        "with a hyphen",
    ),
]
Region = Annotated[str, Matching(r"[a-z]+-[a-z]+[0-9]{1,2}", "a region such as europe-west1")]
ServiceAccount = Annotated[
    str,
    Matching(
        r"[a-z0-9-]+@[a-z0-9.-]+",
        "the address of a service account, such as NAME@PROJECT.iam.gserviceaccount.com",
    ),
]


def _fixed(image: str) -> str:
    name = image.rpartition("/")[2]
    if "@" not in name and not re.fullmatch(r"[0-9a-f]{7,40}", name.partition(":")[2]):
        raise ValueError(
            f"found {image}; allowed: a digest, @sha256:..., or the tag of the commit that the image was "
            "built from, 7 to 40 hexadecimal digits; a tag that moves, such as latest, is neither"
        )
    return image


Image = Annotated[
    str,
    Matching(
        r"[a-z0-9.-]+(:[0-9]+)?/[a-z0-9._/-]+(:[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})",
        "HOST/PATH@sha256:DIGEST, or HOST/PATH:TAG with the tag of the commit",
    ),
    AfterValidator(_fixed),
]
Bucket = Annotated[
    str,
    Matching(
        r"gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/.*)?", "a folder in a bucket, such as gs://BUCKET/tmp"
    ),
]
Labels = dict[
    Annotated[
        str,
        Matching(
            r"[a-z][a-z0-9_-]{0,62}",
            "small letters, digits, underscores and hyphens, at most 63, a letter first",
        ),
    ],
    Annotated[
        str, Matching(r"[a-z0-9_-]{0,63}", "small letters, digits, underscores and hyphens, at most 63")
    ],
]
# Minute, hour, day of month, month, day of week.
Cron = Annotated[
    str,
    Matching(
        r"[0-9*,/-]+( [0-9A-Za-z*,/-]+){4}",
        'five fields: minute, hour, day of month, month and day of week, such as "0 5 * * *"',
    ),
]
MachineType = Annotated[str, Matching(r"[a-z0-9-]+", "a machine type such as n2-standard-4")]


# Steps that run on Beam, in both pipelines.
BEAM_STEPS = (
    "ExampleGen",
    "StatisticsGen",
    "Transform",
    "Evaluator",
    "BulkInferrer",
    "PredictionStorer",
)


# Steps of both pipelines on Vertex AI.
VERTEX_STEPS = (
    "TableBuilder",
    "RepeatGuard",
    "BigQueryExampleGen",
    "StatisticsGen",
    "CuratedSchema",
    "StrictExampleValidator",
    "Transform",
    "HyperparametersGen",
    "ProductionModel",
    "DriftDetector",
    "ReferenceModel",
    "Trainer",
    "Evaluator",
    "Refitter",
    "ServingModelResolver",
    "Pusher",
    "PushingFinalizer",
    "BulkInferrer",
    "PredictionStorer",
)


class StepResources(Settings):
    """What a step's container may use.

    Attributes:
      cpu: processors.
      memory_gb: memory in gigabytes.
    """

    cpu: float = Field(default=4.0, ge=0.5, le=96.0)
    memory_gb: float = Field(default=16.0, ge=1.0, le=624.0)


class Vertex(Settings):
    """Vertex AI Pipelines.

    Attributes:
      project, region: project and region of runs and schedules.
      image: container image of every step, by digest or by the tag of the commit it was built from.
      retries: how often a step that failed is tried again, after one minute, then two, and so on.
      resources: of every step's container.
      step_resources: of single steps instead, by the step's name, such as ``Trainer``.
      service_account: identity of the steps.
      network: full name of a VPC network to peer with, or none.
      labels: labels of runs, for the bill.
      build_tables: each pipeline first builds the table that it reads from the raw ones. Switch it off if you
        fill the training and inference tables yourself.
      enable_caching: reuse a step's outputs if its inputs have not changed.
      failure_policy: when a step fails, `fast` cancels the running steps and `slow` lets them end.
      training_cron, prediction_cron: start of the scheduled runs, in `time_zone`. Each start of the training
        must find a new window.
      api_endpoint: host of the API if it is not the region's own, such as one behind Private Service Connect.
    """

    project: ProjectId
    region: Region
    image: Image
    service_account: ServiceAccount
    network: str | None = None
    labels: Labels = {}
    build_tables: bool = True
    enable_caching: bool = False
    failure_policy: Literal["fast", "slow"] = "fast"
    retries: int = Field(default=2, ge=0, le=10)
    resources: StepResources = StepResources()
    step_resources: dict[str, StepResources] = {}
    training_cron: Cron = "0 3 1 * *"
    prediction_cron: Cron = "0 5 * * *"
    time_zone: Annotated[
        str, Matching(r"[A-Za-z_]+(/[A-Za-z0-9_+-]+)*", "a time zone such as Europe/Berlin")
    ] = "Etc/UTC"
    api_endpoint: str | None = None

    @model_validator(mode="after")
    def _known_steps(self) -> Vertex:
        unknown = sorted(set(self.step_resources) - set(VERTEX_STEPS))
        if unknown:
            raise ValueError(f"step_resources: {unknown}; allowed: {', '.join(VERTEX_STEPS)}")
        return self


class Dataflow(Settings):
    """Settings of Dataflow for Beam steps; each step may override any of them.

    Attributes:
      temp_location: folder in a bucket for staging and temporary files.
      image: container image of the workers; with the pipelines' own, nothing is installed at start.
      max_workers: largest number of workers that autoscaling may start.
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
    machine_type: MachineType = "n2-standard-2"
    disk_gb: int = Field(default=50, ge=20, le=65536)
    workers: int = Field(default=1, ge=1, le=4000)
    max_workers: int = Field(default=10, ge=1, le=4000)
    autoscaling: Literal["throughput", "none"] = "throughput"
    labels: Labels = {}


class DataflowStep(Settings):
    """Settings of a single step; a key that is left out keeps the environment's value."""

    machine_type: MachineType | None = None
    disk_gb: int | None = Field(default=None, ge=20, le=65536)
    workers: int | None = Field(default=None, ge=1, le=4000)
    max_workers: int | None = Field(default=None, ge=1, le=4000)
    autoscaling: Literal["throughput", "none"] | None = None


class TrainingJob(Settings):
    """Training as a job of Vertex AI's training service, on separate machines.

    Attributes:
      image: container image of the workers, the pipelines' own.
      service_account: identity of the workers.
      workers: number of workers that train together (data-parallel), each with one accelerator or none.
      accelerator: accelerator of each worker, such as ``NVIDIA_TESLA_T4``. TensorFlow leaves it idle without
        CUDA's libraries, which the pipelines' own image does not hold.
      timeout_hours: time after which the job is cancelled.
    """

    project: ProjectId
    region: Region
    image: Image
    service_account: ServiceAccount
    machine_type: MachineType = "n2-standard-4"
    workers: int = Field(default=1, ge=1, le=100)
    accelerator: (
        Annotated[str, Matching(r"[A-Z0-9_]+", "a type of accelerator such as NVIDIA_TESLA_T4")] | None
    ) = None
    timeout_hours: int = Field(default=12, ge=1, le=168)
    labels: Labels = {}


class CloudFunction(Settings):
    """The endpoint as a Cloud Function of the second generation; callers need the role to invoke it.

    Attributes:
      name: of the function; None makes ``recommenders-`` and the use case's name of it.
      service_account: identity of the function, which reads the rankings and nothing else.
      build_service_account: identity of the build; None takes the project's default one.
      ingress: networks that reach it; who may call it is decided by role besides.
      memory: of an instance, such as ``512Mi``.
      min_instances: kept warm and paid for; 0 makes the first user after a pause wait for a start.
      concurrency: requests that one instance answers at a time.
      timeout_seconds: after which a request is given up.
    """

    project: ProjectId
    region: Region
    service_account: ServiceAccount
    name: (
        Annotated[
            str,
            Matching(
                r"[a-z][a-z0-9-]{0,61}[a-z0-9]",
                "2 to 63 small letters, digits and hyphens that begin with a letter and do not end with a "
                "hyphen",
            ),
        ]
        | None
    ) = None
    build_service_account: ServiceAccount | None = None
    ingress: Literal["all", "internal-only", "internal-and-gclb"] = "all"
    memory: Annotated[str, Matching(r"[1-9][0-9]*(Mi|Gi)", "a size such as 512Mi or 2Gi")] = "512Mi"
    cpu: int = Field(default=1, ge=1, le=8)
    min_instances: int = Field(default=1, ge=0, le=1000)
    max_instances: int = Field(default=20, ge=1, le=1000)
    concurrency: int = Field(default=80, ge=1, le=1000)
    timeout_seconds: int = Field(default=10, ge=1, le=3600)
    labels: Labels = {}
