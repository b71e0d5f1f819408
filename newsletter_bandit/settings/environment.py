"""The environment, which says where the pipelines run: one file below ``configs/environments/``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from newsletter_bandit.settings.base import Identifier, Matching, PlainName, Settings
from newsletter_bandit.settings.cloud import (
    BEAM_STEPS,
    CloudFunction,
    Dataflow,
    DataflowStep,
    Labels,
    ProjectId,
    TrainingJob,
    Vertex,
)
from newsletter_bandit.settings.model_server import ModelServer
from newsletter_bandit.settings.use_case import UseCase


class DuckDBWarehouse(Settings):
    """Tables in one DuckDB file, read through the same BigQuery SQL."""

    kind: Literal["duckdb"]
    path: str = "warehouse.duckdb"


class BigQueryWarehouse(Settings):
    """Tables in BigQuery; table names of the use case are looked up in ``project``.

    Attributes:
      location: where the datasets are, and with them the jobs.
      labels: of each job, for the bill.
      maximum_bytes_billed: a query that would be billed for more is refused before it runs; None sets no
        limit.
    """

    kind: Literal["bigquery"]
    project: ProjectId
    location: Annotated[
        str, Matching(r"[A-Za-z]+(-[a-z]+[0-9]{1,2})?", "a location of BigQuery such as EU or europe-west1")
    ] = "EU"
    labels: Labels = {}
    maximum_bytes_billed: int | None = Field(default=None, ge=1)


class SQLiteStore(Settings):
    """Rankings in one SQLite file per use case; `{use_case}` in the path stands for its name."""

    kind: Literal["sqlite"]
    path: str = "rankings-{use_case}.sqlite"


class DatastoreStore(Settings):
    """Rankings as entities of one kind in Firestore in Datastore mode.

    Attributes:
      namespace: one per use case, since the key of a ranking is the user id alone; `{use_case}` stands for
        the use case's name. None is the default namespace.
      throttle_rampup: write 500 entities a second at first and half as many again every five minutes, as
        Datastore asks of new traffic; None does on Dataflow only.
      hint_num_workers: workers that share this budget evenly; None takes the most that the runner may start.
      patience_seconds: a run that stores goes on trying for so long while Datastore does not answer.
    """

    kind: Literal["datastore"]
    project: ProjectId
    entity_kind: Identifier = "Ranking"
    namespace: (
        Annotated[
            str,
            Matching(
                r"([A-Za-z0-9._-]|\{use_case\}){1,100}",
                "letters without accents, digits, points, underscores, hyphens and {use_case}, at most 100 "
                "of them; or null",
            ),
        ]
        | None
    ) = "{use_case}"
    throttle_rampup: bool | None = None
    hint_num_workers: int | None = Field(default=None, ge=1, le=10000)
    patience_seconds: float = Field(default=120.0, ge=1.0, le=3600.0)


class SQLiteMetadata(Settings):
    """ML Metadata in one SQLite file."""

    kind: Literal["sqlite"]
    path: str = "metadata.sqlite"


class MySQLMetadata(Settings):
    """ML Metadata in MySQL or MariaDB, such as Cloud SQL: for runs outside Vertex AI that several machines
    share.

    The password stands in the environment variable ``password_variable``.

    Attributes:
      ca_file: certificates of the authority that signed the server's; with it, the connection is encrypted
        and the server's certificate is checked. None connects as the server wants.
      verify_host: whether the certificate must name ``host``. Cloud SQL's names the instance instead.
    """

    kind: Literal["mysql"]
    host: str
    port: int = Field(default=3306, ge=1, le=65535)
    database: Identifier
    user: str
    password_variable: Identifier = "METADATA_PASSWORD"
    ca_file: str | None = None
    verify_host: bool = True


class Processing(Settings):
    """Settings of the Beam runner; ``beam_args`` are passed on unchanged.

    Attributes:
      workers: local worker processes or threads; 0 takes one per core.
      dataflow: where Dataflow runs them; needed by the runner ``dataflow``.
      steps: what single steps run with instead, by the step's name, such as ``Evaluator``.
    """

    runner: Literal["in_process", "multi_processing", "dataflow"] = "in_process"
    workers: int = Field(default=1, ge=0, le=1000)
    dataflow: Dataflow | None = None
    steps: dict[str, DataflowStep] = {}
    beam_args: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Processing:
        if (self.runner == "dataflow") != (self.dataflow is not None):
            raise ValueError("the runner dataflow and a dataflow block belong together; use both or neither")
        unknown = sorted(set(self.steps) - set(BEAM_STEPS))
        if unknown:
            raise ValueError(f"steps: {unknown}; allowed: {', '.join(BEAM_STEPS)}")
        return self


class Environment(Settings):
    """One file below ``configs/environments/``; its relative paths are relative to the work folder."""

    name: PlainName
    warehouse: Annotated[DuckDBWarehouse | BigQueryWarehouse, Field(discriminator="kind")]
    store: Annotated[SQLiteStore | DatastoreStore, Field(discriminator="kind")]
    registry: str = "registry"
    pipeline_root: str = "pipelines"
    metadata: Annotated[SQLiteMetadata | MySQLMetadata, Field(discriminator="kind")] = SQLiteMetadata(
        kind="sqlite"
    )
    processing: Processing = Processing()
    vertex: Vertex | None = None
    training_job: TrainingJob | None = None
    function: CloudFunction | None = None
    model_server: ModelServer = ModelServer()
    enable_cache: bool = False

    def in_workdir(self, workdir: Path, use_case: UseCase) -> Environment:
        """A copy of the environment for one use case: its names are filled in, and each relative path is
        placed below ``workdir``.
        """

        def place(path: str) -> str:
            return path if "://" in path else str((workdir / path).absolute())

        log = place(self.model_server.log.replace("{use_case}", use_case.name))
        update: dict[str, Any] = {
            "registry": place(self.registry),
            "pipeline_root": place(self.pipeline_root),
            "model_server": self.model_server.model_copy(update={"log": log}),
        }
        if isinstance(self.metadata, SQLiteMetadata):
            update["metadata"] = self.metadata.model_copy(update={"path": place(self.metadata.path)})
        elif self.metadata.ca_file is not None:
            update["metadata"] = self.metadata.model_copy(update={"ca_file": place(self.metadata.ca_file)})
        if isinstance(self.warehouse, DuckDBWarehouse):
            update["warehouse"] = self.warehouse.model_copy(update={"path": place(self.warehouse.path)})
        if isinstance(self.store, SQLiteStore):
            path = self.store.path.replace("{use_case}", use_case.name)
            update["store"] = self.store.model_copy(update={"path": place(path)})
        elif self.store.namespace is not None:
            namespace = self.store.namespace.replace("{use_case}", use_case.name)
            update["store"] = self.store.model_copy(update={"namespace": namespace})
        return self.model_copy(update=update)
