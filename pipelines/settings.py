"""What a user edits, typed and validated: the use case and the environment it runs in.

Two YAML files make a run. The *use case* (``configs/newsletter.yaml``) says what is decided: recommenders,
features, reward, window, agent, exploration and gate. The *environment* (``configs/environments/local.yaml``)
says where: warehouse, Beam runner, ranking store and registry. Importing this module imports neither
TensorFlow nor TFX.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from pipelines.agent_settings import Agent, Exploration, PropensityWeighting, Settings, Tuning, WarmStart
from pipelines.cloud_settings import (
    BEAM_STEPS,
    CloudFunction,
    Dataflow,
    DataflowStep,
    Labels,
    ProjectId,
    TrainingJob,
    Vertex,
)
from pipelines.errors import SettingsError

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
TableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$")]
RecommenderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.\-]{0,62}$")]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveFloat = Annotated[float, Field(gt=0.0)]

# Columns of the contract that every training row carries besides the features.
TRAINING_COLUMNS: dict[str, str] = {
    "user_id": "STRING",
    "sent_at": "TIMESTAMP",
    "campaign": "STRING",
    "recommender": "STRING",
    "propensity": "FLOAT64",
    "policy_version": "STRING",
    "eligible_recommenders": "ARRAY<STRING>",
    "clicked": "BOOL",
    "unsubscribed": "BOOL",
}
INFERENCE_COLUMNS: dict[str, str] = {
    "user_id": "STRING",
    "campaign": "STRING",
    "eligible_recommenders": "ARRAY<STRING>",
}
# Raw sources, of which `newsletter-bandit build-tables` makes the two tables above; `users` has the features besides.
RAW_COLUMNS: dict[str, dict[str, str]] = {
    "sends": {
        "send_id": "STRING",
        "user_id": "STRING",
        "sent_at": "TIMESTAMP",
        "campaign": "STRING",
        "recommender": "STRING",
        "propensity": "FLOAT64",
        "policy_version": "STRING",
        "eligible_recommenders": "ARRAY<STRING>",
    },
    "clicks": {"send_id": "STRING", "clicked_at": "TIMESTAMP"},
    "unsubscribes": {"send_id": "STRING", "unsubscribed_at": "TIMESTAMP"},
    "users": {"user_id": "STRING", "snapshot_date": "DATE", "eligible_recommenders": "ARRAY<STRING>"},
    "rankings": {
        "user_id": "STRING",
        "campaign": "STRING",
        "generated_at": "TIMESTAMP",
        "recommenders": "ARRAY<STRING>",
        "propensities": "ARRAY<FLOAT64>",
        "model_version": "STRING",
    },
}
RESERVED_COLUMNS = frozenset(TRAINING_COLUMNS) | {"reward", "action", "snapshot_date"}


# --- features ---------------------------------------------------------------------------------------------


class StringFeature(Settings):
    """A string, looked up in a vocabulary of the training window; unseen values share one bucket."""

    type: Literal["string"]
    treatment: Literal["vocabulary"] = "vocabulary"
    max_vocabulary: int = Field(default=100, ge=2, le=1_000_000)
    embedding_dim: int = Field(default=8, ge=1, le=512)


class NumberFeature(Settings):
    """A number; ``log1p`` is log(1 + max(x, 0)) followed by the z-score. A missing value becomes the mean."""

    type: Literal["number"]
    treatment: Literal["z_score", "log1p", "identity"] = "z_score"


class DateFeature(Settings):
    """A date, turned by the query into whole days before the newsletter, then treated as a number."""

    type: Literal["date"]
    treatment: Literal["z_score", "log1p"] = "log1p"


class BoolFeature(Settings):
    """True, false or missing."""

    type: Literal["bool"]
    treatment: Literal["identity"] = "identity"


Feature = Annotated[StringFeature | NumberFeature | DateFeature | BoolFeature, Field(discriminator="type")]

WAREHOUSE_TYPE: dict[str, str] = {"string": "STRING", "number": "FLOAT64", "date": "DATE", "bool": "BOOL"}


# --- ingest: how a raw file becomes the table ----------------------------------------------------------------


class FromColumn(Settings):
    """The value of a column of the raw file."""

    column: str


class FromConstant(Settings):
    """The same value in every row."""

    constant: str | float | bool


class FromRowNumber(Settings):
    """``prefix`` followed by the row's number in the file, from 1."""

    row_number: str


ColumnSource = FromColumn | FromConstant | FromRowNumber


class Ingest(Settings):
    """Columns of a table whose raw file names or holds them differently; the others keep their name."""

    training: dict[str, ColumnSource] = {}
    inference: dict[str, ColumnSource] = {}
    sends: dict[str, ColumnSource] = {}
    clicks: dict[str, ColumnSource] = {}
    unsubscribes: dict[str, ColumnSource] = {}
    users: dict[str, ColumnSource] = {}
    rankings: dict[str, ColumnSource] = {}


# --- reward, window ------------------------------------------------------------------------------------------


class Reward(Settings):
    """Reward of one newsletter; an unsubscribe outweighs a click, neither gives 0."""

    click: float = Field(default=1.0, gt=0.0, le=100.0)
    unsubscribe: float = Field(default=-1.0, ge=-100.0, le=0.0)

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest reward."""
        return (min(0.0, self.unsubscribe), self.click)


class Window(Settings):
    """Training windows: ``weeks`` long, each overlapping the one before by ``overlap_weeks``.

    ``anchor`` is the first day of window 0; window k starts k * (weeks - overlap_weeks) weeks later.
    """

    weeks: int = Field(default=4, ge=1, le=104)
    overlap_weeks: int = Field(default=1, ge=0, le=103)
    anchor: dt.date = dt.date(2024, 1, 1)

    @model_validator(mode="after")
    def _advances(self) -> Window:
        if self.overlap_weeks >= self.weeks:
            raise ValueError(
                f"overlap_weeks is {self.overlap_weeks}; allowed: 0 to weeks - 1 = {self.weeks - 1}"
            )
        return self

    def latest(self, run_date: dt.date, attribution_days: int) -> tuple[dt.date, dt.date]:
        """First day and day after the last of the newest window whose outcomes are all final on ``run_date``.

        Raises:
          SettingsError: ``run_date`` is before the first window is complete.
        """
        length = dt.timedelta(weeks=self.weeks)
        step = dt.timedelta(weeks=self.weeks - self.overlap_weeks)
        cycles = (run_date - dt.timedelta(days=attribution_days) - self.anchor - length) // step
        if cycles < 0:
            first = self.anchor + length + dt.timedelta(days=attribution_days)
            raise SettingsError(
                f"run date {run_date}: the first training window (window.anchor {self.anchor}) is complete "
                f"and attributed on {first}; allowed: {first} or later"
            )
        start = self.anchor + cycles * step
        return start, start + length


# --- gate -------------------------------------------------------------------------------------------------------------


class Gate(Settings):
    """Bounds that a candidate must respect to be blessed; see components/evaluator/gate.py."""

    min_rows: int = Field(default=2000, ge=1)
    min_effective_sample_size: float = Field(default=200.0, ge=1.0)
    max_weight: float = Field(default=250.0, gt=1.0)
    weight_clip: float = Field(default=100.0, gt=1.0)
    min_auc: Probability = 0.5
    max_auc_drop: Probability = 0.02
    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    allowed_margin: float = Field(default=0.01, ge=0.0, le=10.0)
    # Candidate's unsubscribe rate over the logging policy's; null switches the check off.
    max_unsubscribe_ratio: float | None = Field(default=1.5, gt=0.0, le=1000.0)


class Freshness(Settings):
    """How long a stored ranking is served after the day it was made for."""

    expires_after_days: int = Field(default=8, ge=1, le=365)


class Serving(Settings):
    """What the endpoint answers for a user who has no current ranking."""

    unknown_user: Literal["default", "not_found"] = "default"


class Storing(Settings):
    """Share of rows that may be refused before the prediction step fails."""

    max_rejected_share: Probability = 0.001


class Tables(Settings):
    """Names of the tables in the warehouse, as ``dataset.table``."""

    training: TableName
    inference: TableName


class RawTables(Settings):
    """Names of the raw sources in the warehouse; docs/google_cloud.md describes their columns, `RAW_COLUMNS`.

    Attributes:
      snapshot_max_age_days: a user's snapshot that is older when the newsletter is sent is not looked at, which
        bounds what a query of `users` reads; None looks at all.
    """

    sends: TableName = "raw.sends"
    clicks: TableName = "raw.clicks"
    unsubscribes: TableName = "raw.unsubscribes"
    users: TableName = "raw.users"
    rankings: TableName = "raw.rankings"
    snapshot_max_age_days: int | None = Field(default=None, ge=0, le=3650)


class UseCase(Settings):
    """What is decided for whom: one file below ``configs/``."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    recommenders: tuple[RecommenderName, ...]
    default_ranking: tuple[RecommenderName, ...]
    tables: Tables
    raw: RawTables = RawTables()
    features: dict[Identifier, Feature]
    ingest: Ingest = Ingest()
    reward: Reward = Reward()
    attribution_days: int = Field(default=3, ge=0, le=90)
    window: Window = Window()
    eval_share: float = Field(default=0.2, gt=0.0, lt=1.0)
    agent: Agent
    propensity_weighting: PropensityWeighting = PropensityWeighting()
    exploration: Exploration = Exploration()
    warm_start: WarmStart = WarmStart()
    tuning: Tuning = Tuning()
    # Of each recommender, the same keys for all; what the agent `recommender_features` knows of them.
    recommender_features: dict[RecommenderName, dict[Identifier, bool | float | str]] = {}
    gate: Gate = Gate()
    slices: tuple[Identifier, ...] = ()
    freshness: Freshness = Freshness()
    serving: Serving = Serving()
    storing: Storing = Storing()

    @field_validator("recommenders", "default_ranking")
    @classmethod
    def _no_repeats(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"{', '.join(repeated)} named twice; allowed: each recommender once")
        return names

    @field_validator("recommenders")
    @classmethod
    def _a_choice(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not 2 <= len(names) <= 1000:
            raise ValueError(f"found {len(names)} recommenders; allowed: 2 to 1000")
        return names

    @model_validator(mode="after")
    def _consistent(self) -> UseCase:
        unknown = [name for name in self.default_ranking if name not in self.recommenders]
        if unknown or not self.default_ranking:
            raise ValueError(
                f"default_ranking: {unknown or 'empty'}; allowed: one or more of {list(self.recommenders)}"
            )
        reserved = sorted(RESERVED_COLUMNS & set(self.features))
        if reserved:
            raise ValueError(f"features: {reserved} are columns of the contract and cannot be features")
        if not self.features:
            raise ValueError("features: none given; allowed: one or more")
        self._check_recommender_features()
        unknown = [name for name in self.slices if name not in self.features]
        if unknown:
            raise ValueError(f"slices: {unknown}; allowed: features of this use case {list(self.features)}")
        uncountable = [name for name in self.slices if self.features[name].type in ("number", "date")]
        if uncountable:
            raise ValueError(f"slices: {uncountable} hold numbers; allowed: features of type string or bool")
        for table in Ingest.model_fields:
            columns = self.table_columns(table)
            unknown = [name for name in getattr(self.ingest, table) if name not in columns]
            if unknown:
                raise ValueError(f"ingest.{table}: {unknown}; allowed: {list(columns)}")
        return self

    def _check_recommender_features(self) -> None:
        given = self.recommender_features
        if not given:
            if self.agent.type == "recommender_features":
                raise ValueError(
                    "recommender_features: none given; the agent recommender_features needs them"
                )
            return
        if set(given) != set(self.recommenders):
            odd = sorted(set(given) ^ set(self.recommenders))
            raise ValueError(
                f"recommender_features: {odd} missing or unknown; allowed: each recommender once"
            )
        first = given[self.recommenders[0]]
        for name, features in given.items():
            kinds = {key: isinstance(value, str) for key, value in features.items()}
            if kinds != {key: isinstance(value, str) for key, value in first.items()} or not kinds:
                raise ValueError(
                    f"recommender_features.{name}: found {sorted(features)}; allowed: the keys of "
                    f"{self.recommenders[0]}, {sorted(first)}, text where that has text"
                )

    def table_columns(self, table: str) -> dict[str, str]:
        """Name and BigQuery type of each column that the table, `training`, `inference` or a raw one, must have."""
        contract = {"training": TRAINING_COLUMNS, "inference": INFERENCE_COLUMNS, **RAW_COLUMNS}[table]
        if table not in ("training", "inference", "users"):
            return dict(contract)
        return {**contract, **{name: WAREHOUSE_TYPE[f.type] for name, f in self.features.items()}}

    def table_name(self, table: str) -> str:
        """What the table, `training`, `inference` or a raw one, is called in the warehouse."""
        return str(getattr(self.raw if table in RAW_COLUMNS else self.tables, table))

    def to_json(self) -> str:
        """Compact JSON that `UseCase.from_json` reads back; how settings travel to remote workers."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str) -> UseCase:
        """Inverse of `to_json`."""
        return cls.model_validate_json(text)


# --- environment --------------------------------------------------------------------------------------------------


class DuckDBWarehouse(Settings):
    """Tables in one DuckDB file, read through the same BigQuery SQL."""

    kind: Literal["duckdb"]
    path: str = "warehouse.duckdb"


class BigQueryWarehouse(Settings):
    """Tables in BigQuery; table names of the use case are looked up in ``project``.

    Attributes:
      location: where the datasets are, and with them the jobs.
      labels: of each job, for the bill.
      maximum_bytes_billed: a query that would be billed for more is refused before it runs; None sets no limit.
    """

    kind: Literal["bigquery"]
    project: ProjectId
    location: Annotated[str, Field(pattern=r"^[A-Za-z]+(-[a-z]+[0-9]{1,2})?$")] = "EU"
    labels: Labels = {}
    maximum_bytes_billed: int | None = Field(default=None, ge=1)


class SQLiteStore(Settings):
    """Rankings in one SQLite file a use case; `{use_case}` in the path stands for its name."""

    kind: Literal["sqlite"]
    path: str = "rankings-{use_case}.sqlite"


class DatastoreStore(Settings):
    """Rankings as entities of one kind in Firestore in Datastore mode.

    Attributes:
      throttle_rampup: write 500 entities a second at first and half as many again every five minutes, as Datastore asks
        of new traffic; None does on Dataflow only.
      hint_num_workers: workers that share this budget evenly; None takes the most that the runner may start.
    """

    kind: Literal["datastore"]
    project: ProjectId
    entity_kind: Identifier = "Ranking"
    namespace: str | None = None
    throttle_rampup: bool | None = None
    hint_num_workers: int | None = Field(default=None, ge=1, le=10000)


class SQLiteMetadata(Settings):
    """ML Metadata in one SQLite file."""

    kind: Literal["sqlite"]
    path: str = "metadata.sqlite"


class MySQLMetadata(Settings):
    """ML Metadata in MySQL or MariaDB, such as Cloud SQL: for runs outside Vertex AI that several machines share.

    The password stands in the environment variable ``password_variable``.
    """

    kind: Literal["mysql"]
    host: str
    port: int = Field(default=3306, ge=1, le=65535)
    database: Identifier
    user: str
    password_variable: Identifier = "METADATA_PASSWORD"


class Processing(Settings):
    """How Beam steps run; ``beam_args`` are passed on as they are.

    Attributes:
      workers: local worker processes or threads; 0 takes one a core.
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
            raise ValueError("allowed: the runner dataflow and a dataflow block, both or neither")
        unknown = sorted(set(self.steps) - set(BEAM_STEPS))
        if unknown:
            raise ValueError(f"steps: {unknown}; allowed: {', '.join(BEAM_STEPS)}")
        return self


class AgentFile(Settings):
    """An agent to try in the place of a use case's own: one file below ``configs/agents/``."""

    agent: Agent
    propensity_weighting: PropensityWeighting | None = None
    exploration: Exploration | None = None


class Environment(Settings):
    """Where the pipelines run: one file below ``configs/environments/``. Relative paths lie in the work folder."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
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
    enable_cache: bool = False

    def in_workdir(self, workdir: Path, use_case: UseCase) -> Environment:
        """The same environment for one use case, with each relative path placed below ``workdir``."""

        def place(path: str) -> str:
            return path if "://" in path else str((workdir / path).absolute())

        update: dict[str, Any] = {
            "registry": place(self.registry),
            "pipeline_root": place(self.pipeline_root),
        }
        if isinstance(self.metadata, SQLiteMetadata):
            update["metadata"] = self.metadata.model_copy(update={"path": place(self.metadata.path)})
        if isinstance(self.warehouse, DuckDBWarehouse):
            update["warehouse"] = self.warehouse.model_copy(update={"path": place(self.warehouse.path)})
        if isinstance(self.store, SQLiteStore):
            path = self.store.path.replace("{use_case}", use_case.name)
            update["store"] = self.store.model_copy(update={"path": place(path)})
        return self.model_copy(update=update)


# --- reading ------------------------------------------------------------------------------------------------------------


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML that refuses a key written twice in one mapping, where PyYAML keeps the last."""


def _unique_mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} stands twice in one mapping", key_node.start_mark
            )
        seen.add(key)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)

_Model = TypeVar("_Model", bound=Settings)


def _allowed(error: dict[str, Any], model: type[BaseModel]) -> str:
    """What is allowed where a key is unknown: the keys of the innermost settings class on the error's path."""
    current: Any = model
    for part in error["loc"][:-1]:
        fields = getattr(current, "model_fields", {})
        if part in fields:
            annotation = fields[part].annotation
            current = annotation if isinstance(annotation, type) else None
        else:
            current = None
    fields = getattr(current, "model_fields", None)
    return f"; allowed: {', '.join(sorted(fields))}" if fields else ""


def _explain(path: Path, model: type[BaseModel], errors: ValidationError) -> str:
    lines = []
    for error in errors.errors():
        key = ".".join(str(part) for part in error["loc"]) or "(file)"
        if error["type"] == "extra_forbidden":
            text = "unknown key" + _allowed(dict(error), model)
        elif error["type"] == "missing":
            text = "missing"
        else:
            text = error["msg"].removeprefix("Value error, ")
            if error["type"] != "value_error":
                text = f"{text}; found {json.dumps(error['input'], default=str)[:120]}"
        lines.append(f"{path}: {key}: {text}")
    return "\n".join(lines)


def _load(path: Path, model: type[_Model]) -> _Model:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 at byte {error.start}") from error
    try:
        raw = yaml.load(text, Loader=_UniqueKeyLoader)
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict):
        raise SettingsError(f"{path}: found {type(raw).__name__}; allowed: a mapping of settings")
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise SettingsError(_explain(path, model, error)) from error


def load_use_case(path: Path) -> UseCase:
    """Reads and validates a use case.

    Raises:
      SettingsError: one line per fault, each naming file, key, what was found and what is allowed.
    """
    return _load(path, UseCase)


def load_agent(folder: Path, name: str, use_case: UseCase) -> UseCase:
    """The use case with another agent: that of the file ``<folder>/<name>.yaml``, else one of type ``name``.

    Without a file, the use case's own agent keeps its settings and one of another type has its defaults.

    Raises:
      SettingsError: neither a file nor a type has this name, or the agent does not fit the use case.
    """
    path = folder / f"{name}.yaml"
    types = sorted(AgentFile.model_json_schema()["properties"]["agent"]["discriminator"]["mapping"])
    if path.is_file():
        changes = _load(path, AgentFile).model_dump(exclude_none=True)
    elif name == use_case.agent.type:
        return use_case
    elif name in types:
        changes = {"agent": {"type": name}}
    else:
        files = sorted(file.stem for file in folder.glob("*.yaml"))
        raise SettingsError(f"agent {name}: unknown; allowed: {', '.join(dict.fromkeys(files + types))}")
    try:
        return UseCase.model_validate({**use_case.model_dump(), **changes})
    except ValidationError as error:
        raise SettingsError(_explain(path, UseCase, error)) from error


def load_environment(path: Path) -> Environment:
    """Reads and validates an environment; raises `SettingsError` as `load_use_case` does."""
    return _load(path, Environment)
