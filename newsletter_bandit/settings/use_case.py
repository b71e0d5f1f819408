"""The use case, which says what is decided for whom: one file below ``configs/``."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from newsletter_bandit.settings.agents import Agent, Exploration, PropensityWeighting, Tuning, WarmStart
from newsletter_bandit.settings.base import Identifier, PlainName, Probability, Settings
from newsletter_bandit.settings.constraints import (
    Constraint,
    ConstraintSearch,
    Limit,
    TermLimit,
    fault,
    limits,
)
from newsletter_bandit.settings.drift import DriftBounds
from newsletter_bandit.settings.faults import refusal
from newsletter_bandit.settings.mapping import Ingest, ValueNames, source_fault
from newsletter_bandit.settings.margin import Loss, Margin
from newsletter_bandit.settings.names import RecommenderName
from newsletter_bandit.settings.reference import PublishedReference, Reference
from newsletter_bandit.settings.refit import OrRows, Refit
from newsletter_bandit.settings.reward import Reward
from newsletter_bandit.settings.tables import (
    EXAMPLE_COLUMNS,
    INFERENCE_COLUMNS,
    INGESTED,
    LABELS,
    LISTS_OF_RECOMMENDERS,
    OPTIONAL_COLUMNS,
    OUTCOME_TYPE,
    RAW_COLUMNS,
    RECOMMENDER,
    RESERVED_COLUMNS,
    SUBJECT,
    TRAINING_COLUMNS,
    WAREHOUSE_TYPE,
    WITH_FEATURES,
    Feature,
    History,
    NumberFeature,
    RawTables,
    Scaling,
    Tables,
)
from newsletter_bandit.settings.window import Window
from newsletter_bandit.settings.words import Words

# A specification carries every setting by name, so an image that does not know one is older than it.
_OLDER = (
    "if the key is a setting, this step's image is older than the settings that the pipeline was compiled "
    "with: build the image from the same commit, name it in the environment and compile again"
)


class Gate(Settings):
    """Bounds that a candidate must respect to be blessed; see components/evaluator/gate.py."""

    min_rows: int = Field(default=2000, ge=1)
    min_effective_sample_size: float = Field(default=200.0, ge=1.0)
    max_weight: float = Field(default=250.0, gt=1.0)
    weight_clip: float = Field(default=100.0, gt=1.0)
    # Share of the weight that the clip may take away; what it takes is left to production's estimates.
    max_clipped_weight: Probability = 0.05
    # Propensities that do not fit the log: how far the mean weight may be from 1, and how improbable the
    # recommenders' numbers of rows may be where their ratios are off by more than the tolerance.
    mean_weight_tolerance: float = Field(default=0.1, ge=0.0, le=1.0)
    sample_ratio_tolerance: float = Field(default=0.05, ge=0.0, le=1.0)
    min_sample_ratio_p: float = Field(default=0.0001, ge=0.0, lt=1.0)
    min_auc: Probability = 0.5
    max_auc_drop: Probability = 0.02
    # In the place of AUC for a reward that is not made of clicks alone.
    min_rank_correlation: float = Field(default=0.0, ge=-1.0, le=1.0)
    max_rank_correlation_drop: float = Field(default=0.02, ge=0.0, le=2.0)
    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    allowed_margin: Margin = Loss(share=0.1)
    # What the candidate is compared with besides production; null switches the check off.
    reference: Reference | None = PublishedReference(policy="published")
    # What a log is worth whose propensities were estimated; see `Ingest`. "allow" takes them for true.
    estimated_propensities: Literal["cannot_tell", "allow"] = "cannot_tell"
    # Share of the window's newsletters without a value of a term of the reward; nothing learns from them.
    max_left_out_share: Probability = 0.1
    # Unsubscribe rate over the logging policy's, at its upper bound; null switches the check off.
    max_unsubscribe_ratio: float | None = Field(default=2.0, gt=0.0, le=1000.0)

    @property
    def reference_margin(self) -> Loss:
        """What may be lost against the reference."""
        own = None if self.reference is None else self.reference.allowed_margin
        return self.allowed_margin if own is None else own


class Publication(Settings):
    """What a blessed model still needs before it is put into production.

    Attributes:
      wait_for_sign_off: it is published in the registry, and put into production only by
        `newsletter-bandit models approve`.
    """

    wait_for_sign_off: bool = False


class Freshness(Settings):
    """Bounds of age, in days.

    Attributes:
      expires_after_days: a stored ranking is served for so long, from the day that it was made for.
      max_input_age_days: largest age of what a run reads: of the users' snapshot on the run date, and of the
        newest newsletter at the end of the training window. None takes any age.
      max_days_ahead: a run may be for a day so far in the future, and no further: rankings of a mistyped year
        would not expire for a year.
      max_stale_share: share of the rankings that are served which an earlier prediction than the newest may
        have made; above it, the page of the day warns. 1 never warns.
    """

    expires_after_days: int = Field(default=8, ge=1, le=365)
    max_input_age_days: int | None = Field(default=14, ge=0, le=3650)
    max_days_ahead: int = Field(default=31, ge=0, le=3650)
    max_stale_share: Probability = 0.2


class Serving(Settings):
    """The endpoint's answers where there is no current ranking at hand.

    Attributes:
      unknown_user: what a user without one gets: the default ranking, or 404.
      store_away: what a user gets while the store cannot be reached: 503, or the default ranking with
        `"degraded": true`.
      store_deadline_seconds: how long Datastore may take for the look-ups of a request.
      max_connections: open connections of `serve`; the next one is answered 503.
      head_seconds: the head of a request must be there after so long, or its connection is closed.
      body_seconds: likewise for the body.
      max_buffered_mib: bodies that are being read hold so much together, MiB; a further one is answered 503.
    """

    unknown_user: Literal["default", "not_found"] = "default"
    store_away: Literal["unavailable", "default"] = "unavailable"
    store_deadline_seconds: float = Field(default=1.0, ge=0.05, le=10.0)
    max_connections: int = Field(default=1000, ge=1, le=100_000)
    head_seconds: float = Field(default=5.0, ge=0.1, le=600.0)
    body_seconds: float = Field(default=10.0, ge=0.1, le=600.0)
    max_buffered_mib: float = Field(default=64.0, ge=4.0, le=65_536.0)


class Storing(Settings):
    """Bounds beyond which the prediction step fails and stores nothing; the last two are of other kinds.

    Attributes:
      max_rejected_share: share of rows that may be refused.
      max_score_excess: a score may lie outside the reward's bounds by this many times their distance; a row
        with another is refused. An estimate strays a little, a broken feature far.
      max_first_share: largest share of users whose first recommender is the same; 1 switches the check off.
      min_distinct_rankings: least number of different rankings; 1 switches the check off.
      max_share_change: largest share of first slots that moved from one recommender to another since the
        last run that stored; 1 switches the check off.
      judged_from_users: with fewer users, the last three are not looked at.
      min_group_users: the page of a prediction day merges groups of users (`slices`) that are smaller, so
        that it tells of no single person.
      read_back_users: after storing, so many users are looked up in the store, and the rankings are counted,
        before the run says that they are stored; 0 only counts.
    """

    max_rejected_share: Probability = 0.001
    max_score_excess: float = Field(default=1.0, ge=0.0, le=1e9)
    max_first_share: float = Field(default=0.99, gt=0.0, le=1.0)
    min_distinct_rankings: int = Field(default=2, ge=1)
    max_share_change: float = Field(default=0.5, gt=0.0, le=1.0)
    judged_from_users: int = Field(default=1000, ge=1)
    min_group_users: int = Field(default=30, ge=2)
    read_back_users: int = Field(default=1000, ge=0, le=100_000)

    def score_bounds(self, reward: Reward) -> tuple[float, float]:
        """Smallest and largest score that may be stored; infinite where the reward has no bounds."""
        if reward.bounds is None:
            return -math.inf, math.inf
        low, high = reward.bounds
        excess = self.max_score_excess * (high - low)
        return low - excess, high + excess


class Explanation(Settings):
    """What a report says of why a model chooses as it does, and what that may cost; docs/report.md.

    Attributes:
      scored_rows: rows that are scored for it, each feature scrambled in turn. Divided by the number of
        features and by the permutations, it is the number of evaluated rows that are used; 0 explains
        nothing.
      permutations: how often each feature is scrambled.
      tree_depth: most questions in a row of the tree that imitates the model.
      min_agreement: a tree that agrees with the model less often, in [0, 1], is said not to be believed.
      example_users: users that are shown, without identifiers and with rounded values; 0 shows none.
    """

    scored_rows: int = Field(default=200_000, ge=0, le=1_000_000_000)
    permutations: int = Field(default=2, ge=1, le=100)
    tree_depth: int = Field(default=3, ge=1, le=5)
    min_agreement: Probability = 0.7
    example_users: int = Field(default=10, ge=0, le=50)


class UseCase(Settings):
    """The use case, which says what is decided for whom: one file below ``configs/``."""

    name: PlainName
    # What pages and messages call what is decided, and for whom.
    words: Words = Words()
    # Column of the tables that names the subject: whom a row is of.
    key: Identifier = SUBJECT
    recommenders: tuple[RecommenderName, ...]
    default_ranking: tuple[RecommenderName, ...]
    # Of `recommenders`: never ranked any more, but the log still holds them.
    retired: tuple[RecommenderName, ...] = ()
    # Old name -> new name, which is one of `recommenders`; log and lists may hold either.
    renamed: dict[RecommenderName, RecommenderName] = {}
    tables: Tables
    raw: RawTables = RawTables()
    features: dict[Identifier, Feature]
    scaling: Scaling = Scaling()
    ingest: Ingest = Ingest()
    reward: Reward = Reward()
    constraints: tuple[Constraint, ...] = ()
    constraint_search: ConstraintSearch = ConstraintSearch()
    attribution_days: int = Field(default=3, ge=0, le=90)
    # A click sooner after sending is a link scanner's, not a reader's.
    min_seconds_to_click: int = Field(default=2, ge=0, le=3600)
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
    refit: Annotated[Refit, OrRows()] = Refit()
    publication: Publication = Publication()
    explanation: Explanation = Explanation()
    slices: tuple[Identifier, ...] = ()
    drift: DriftBounds = DriftBounds()
    freshness: Freshness = Freshness()
    serving: Serving = Serving()
    storing: Storing = Storing()

    @field_validator("recommenders", "default_ranking", "retired")
    @classmethod
    def _no_repeats(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"{', '.join(repeated)} named twice; name each recommender once")
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
        self._check_retired_and_renamed()
        reserved = sorted(RESERVED_COLUMNS & set(self.features))
        if reserved:
            raise ValueError(f"features: {reserved} are columns of the contract and cannot be features")
        if not self.features:
            raise ValueError("features: none given; allowed: one or more")
        self._check_history()
        both = [name for name in self.reward.outcomes if name in self.features]
        if both:
            raise ValueError(f"features: {both} are outcomes of the reward, which nobody knows beforehand")
        self._check_key()
        self._check_recommender_features()
        contradiction = fault(self.constraints, self.recommenders, self.offered, self.reward)
        if contradiction:
            raise ValueError(f"constraints: {contradiction}")
        if self.refit.wanted and self.constraints:
            raise ValueError(
                f"refit: found {self.refit.rows} beside constraints; allowed: none, because the gate judges "
                "how the first model holds them, and says nothing of another one"
            )
        most = math.inf if self.reward.bounds is None else self.reward.bounds[1]
        for key, margin in (
            ("gate.allowed_margin", self.gate.allowed_margin),
            ("gate.reference.allowed_margin", self.gate.reference_margin),
            ("exploration.max_cost", self.exploration.max_cost),
        ):
            if margin.reward and margin.reward >= most:
                raise ValueError(
                    f"{key}: found {margin}, all that {self.words.a_unit} can earn; allowed: less than "
                    f"{most:g}, or a share such as 10%"
                )
        unknown = [name for name in self.slices if name not in self.features]
        if unknown:
            raise ValueError(f"slices: {unknown}; allowed: features of this use case {list(self.features)}")
        unknown = [name for name in self.drift.ignored if name not in self.features]
        if unknown:
            raise ValueError(
                f"drift.ignored: {unknown}; allowed: features of this use case {list(self.features)}"
            )
        uncountable = [name for name in self.slices if self.features[name].type in ("number", "date")]
        if uncountable:
            raise ValueError(f"slices: {uncountable} hold numbers; allowed: features of type string or bool")
        self._check_ingest()
        return self

    def _check_key(self) -> None:
        others = {*RESERVED_COLUMNS, *(name for columns in RAW_COLUMNS.values() for name in columns)} - {
            SUBJECT
        }
        if self.key in others:
            raise ValueError(
                f"key: found {self.key}, a column of the contract; allowed: {SUBJECT}, or others"
            )
        if self.key in self.features or self.key in self.reward.outcomes:
            raise ValueError(
                f"key: found {self.key}, a feature or an outcome; allowed: a column of its own, of which no "
                "model learns"
            )

    def _check_ingest(self) -> None:
        every: dict[str, str] = {}
        for table in INGESTED:
            columns = self.table_columns(table)
            every |= columns
            unknown = [name for name in getattr(self.ingest, table) if name not in columns]
            if unknown:
                raise ValueError(f"ingest.{table}: {unknown}; allowed: {list(columns)}")
            for name, source in getattr(self.ingest, table).items():
                fault = source_fault(table, name, columns[name], source, (*self.recommenders, *self.renamed))
                if fault:
                    raise ValueError(f"ingest.{table}.{name}: {fault}")
        for column, names in self.ingest.value_names.items():
            # Names of recommenders replace those in lists of recommenders too.
            if column not in every or column in LISTS_OF_RECOMMENDERS or every[column] == "ARRAY<FLOAT64>":
                allowed = [name for name, type_ in every.items() if not type_.startswith("ARRAY")]
                raise ValueError(f"ingest.value_names: {column!r}; allowed: {allowed}")
            wrong = [name for name in names.values() if name not in self.recommenders]
            if wrong and column == RECOMMENDER:
                raise ValueError(
                    f"ingest.value_names.{column}: {wrong}; allowed: names of recommenders "
                    f"{list(self.recommenders)}"
                )

    def _check_retired_and_renamed(self) -> None:
        unknown = [name for name in self.retired if name not in self.recommenders]
        if unknown:
            raise ValueError(
                f"retired: {unknown}; allowed: some of recommenders {list(self.recommenders)}, where a "
                "retired one stays"
            )
        if len(self.offered) < 2:
            raise ValueError(f"retired: leaves {list(self.offered)}; allowed: at least two to choose from")
        retired = [name for name in self.default_ranking if name in self.retired]
        if retired:
            raise ValueError(f"default_ranking: {retired} are retired; allowed: {list(self.offered)}")
        for old, new in self.renamed.items():
            if old in self.recommenders or not old:
                raise ValueError(f"renamed: found {old!r} as an old name; allowed: none of recommenders")
            if new not in self.recommenders:
                raise ValueError(f"renamed: {old} to {new}; allowed: one of {list(self.recommenders)}")

    @property
    def offered(self) -> tuple[str, ...]:
        """The recommenders that are not retired."""
        return tuple(name for name in self.recommenders if name not in self.retired)

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The bounds of all constraints."""
        return limits(self.constraints)

    @property
    def constrained_terms(self) -> tuple[str, ...]:
        """The outcomes that a constraint bounds."""
        return tuple(one.term for one in self.constraints if isinstance(one, TermLimit))

    @property
    def unconstrained(self) -> UseCase:
        """The use case without its constraints."""
        return self.model_copy(update={"constraints": ()}) if self.constraints else self

    @property
    def aliases(self) -> tuple[tuple[str, ...], ...]:
        """All names of each recommender that had another one, today's first."""
        return tuple(
            (today, *(old for old, new in self.renamed.items() if new == today))
            for today in dict.fromkeys(self.renamed.values())
        )

    def _check_history(self) -> None:
        if len(self.history) == len(self.features):
            whose = f"the {self.words.subject}'s own"
            raise ValueError(f"features: all of them have history; allowed: at least one of {whose}")
        for name, history in self.history.items():
            if history.recommender is not None and history.recommender not in self.recommenders:
                raise ValueError(
                    f"features.{name}.history.recommender: {history.recommender}; allowed: one of "
                    f"{list(self.recommenders)}"
                )

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
            raise ValueError(f"recommender_features: {odd} missing or unknown; name each recommender once")
        first = given[self.recommenders[0]]
        for name, features in given.items():
            kinds = {key: isinstance(value, str) for key, value in features.items()}
            if kinds != {key: isinstance(value, str) for key, value in first.items()} or not kinds:
                raise ValueError(
                    f"recommender_features.{name}: found {sorted(features)}; allowed: the keys of "
                    f"{self.recommenders[0]}, {sorted(first)}, text where that has text"
                )

    def table_columns(self, table: str) -> dict[str, str]:
        """Name and BigQuery type of each column of the table, `training`, `inference` or a raw one.

        It must have them all, but for `OPTIONAL_COLUMNS`.
        """
        contract = {"training": TRAINING_COLUMNS, "inference": INFERENCE_COLUMNS, **RAW_COLUMNS}[table]
        contract = {**contract, **OPTIONAL_COLUMNS.get(table, {})}
        if table == "training":
            contract |= self._outcome_columns
        contract = {self.column(table, name): type_ for name, type_ in contract.items()}
        if table not in WITH_FEATURES:
            return contract
        made = self.history if table == "users" else {}
        own = {name: WAREHOUSE_TYPE[f.type] for name, f in self.features.items() if name not in made}
        return {**contract, **own}

    @property
    def history(self) -> dict[str, History]:
        """The features that `build-tables` makes of what a user was sent before."""
        numbers = {name: f for name, f in self.features.items() if isinstance(f, NumberFeature)}
        return {name: f.history for name, f in numbers.items() if f.history is not None}

    def column(self, table: str, name: str) -> str:
        """Name of a column of the contract in a table; in the one of rankings, the names are those of the
        ranking store.
        """
        return self.key if name == SUBJECT and table != "rankings" else name

    @property
    def example_columns(self) -> dict[str, str]:
        """Name and BigQuery type of the columns of an example besides the features."""
        return {**EXAMPLE_COLUMNS, **self._outcome_columns}

    @property
    def labels(self) -> tuple[str, ...]:
        """Columns of an example that only training has."""
        return (*LABELS, *self.reward.outcomes)

    @property
    def final_after_days(self) -> int:
        """Days after sending from which on no outcome of the reward changes any more."""
        own = (term.attribution_days or 0 for term in self.reward.terms.values())
        return max(self.attribution_days, *own)

    @property
    def _outcome_columns(self) -> dict[str, str]:
        return dict.fromkeys(self.reward.outcomes, OUTCOME_TYPE)

    def value_names(self) -> dict[str, ValueNames]:
        """Column of a table -> the names that replace values of its files; those of `recommender` hold for
        lists of recommenders too.
        """
        given = dict(self.ingest.value_names)
        if RECOMMENDER in given:
            given |= dict.fromkeys(LISTS_OF_RECOMMENDERS, given[RECOMMENDER])
        return given

    def table_name(self, table: str) -> str:
        """Name in the warehouse of the table `training`, `inference` or a raw one."""
        return str(getattr(self.raw if table in RAW_COLUMNS else self.tables, table))

    def to_json(self) -> str:
        """Compact JSON that `UseCase.from_json` reads back; how settings travel to remote workers."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str) -> UseCase:
        """Inverse of `to_json`.

        Raises:
          SettingsError: the text holds settings that this version does not know, which a newer one wrote; or
            it is no use case.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise refusal("compiled use case", error, cls, _OLDER) from error
