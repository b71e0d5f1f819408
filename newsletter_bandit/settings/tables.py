"""Tables, their columns and features."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from newsletter_bandit.settings.base import Matching, Probability, Settings
from newsletter_bandit.settings.names import RecommenderName
from serving.ranking import FIELDS

TableName = Annotated[
    str,
    Matching(
        r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?",
        "dataset.table or table, each of letters without accents, digits and underscores, not beginning with "
        "a digit",
    ),
]

# The outcomes that every training row has; a reward may have further ones.
CLICKED, UNSUBSCRIBED = "clicked", "unsubscribed"
# The subject: its name in every example, in the exported model and in a stored ranking. The tables of a use
# case may have another one, `UseCase.key`.
SUBJECT = "user_id"
# Columns of the contract that every training row carries besides further outcomes and the features.
TRAINING_COLUMNS: dict[str, str] = {
    "user_id": "STRING",
    "sent_at": "TIMESTAMP",
    "campaign": "STRING",
    "recommender": "STRING",
    "propensity": "FLOAT64",
    "policy_version": "STRING",
    "eligible_recommenders": "ARRAY<STRING>",
    CLICKED: "BOOL",
    UNSUBSCRIBED: "BOOL",
}
INFERENCE_COLUMNS: dict[str, str] = {
    name: TRAINING_COLUMNS[name] for name in ("user_id", "campaign", "eligible_recommenders")
}
# Columns of an example besides further outcomes and the features. The query needs `sent_at` only to find the
# rows, and it computes the reward.
EXAMPLE_COLUMNS: dict[str, str] = {
    **{name: type_ for name, type_ in TRAINING_COLUMNS.items() if name != "sent_at"},
    "reward": "FLOAT64",
}
# Of these, what only training has.
LABELS = tuple(name for name in EXAMPLE_COLUMNS if name not in INFERENCE_COLUMNS)
# Of a stored ranking, what joins it to the send that it filled.
_SERVED = ("user_id", "campaign", "generated_at", "recommenders", "propensities", "model_version")
_STORED = {field.name: field.type for field in FIELDS}
# Raw sources, of which `newsletter-bandit build-tables` makes the two tables above; those of `WITH_FEATURES`
# have the features besides.
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
    "outcomes": {"send_id": "STRING", "outcome": "STRING", "value": "FLOAT64", "occurred_at": "TIMESTAMP"},
    "users": {"user_id": "STRING", "snapshot_date": "DATE", "eligible_recommenders": "ARRAY<STRING>"},
    "contexts": {"send_id": "STRING", "sent_at": "TIMESTAMP"},
    "rankings": {name: _STORED[name] for name in _SERVED},
}
WITH_FEATURES = ("training", "inference", "users", "contexts")
# What `ingest` loads.
INGESTED = ("training", "inference", *RAW_COLUMNS)
RECOMMENDER, LISTS_OF_RECOMMENDERS = "recommender", ("eligible_recommenders", "recommenders")
# Columns that a table of somebody else may lack: the marks of clicks by machines, and the day whose users the
# inference table holds.
OPTIONAL_COLUMNS: dict[str, dict[str, str]] = {
    "inference": {"snapshot_date": "DATE"},
    "clicks": {"bot": "BOOL"},
}
RESERVED_COLUMNS = frozenset(TRAINING_COLUMNS) | set(EXAMPLE_COLUMNS) | {"action", "send_id", "snapshot_date"}

# Type of the column of an outcome other than those two.
OUTCOME_TYPE = "FLOAT64"
WAREHOUSE_TYPE: dict[str, str] = {"string": "STRING", "number": "FLOAT64", "date": "DATE", "bool": "BOOL"}


class StringFeature(Settings):
    """A string, looked up in a vocabulary of the training window; unseen values share one bucket."""

    type: Literal["string"]
    treatment: Literal["vocabulary"] = "vocabulary"
    max_vocabulary: int = Field(default=100, ge=2, le=1_000_000)
    embedding_dim: int = Field(default=8, ge=1, le=512)


class History(Settings):
    """What `build-tables` counts for each user in the days before that of a newsletter.

    Attributes:
      count: `shown`, the newsletters that they were sent; `clicks`, those of them that they had clicked on
        before the day; `days_since_shown`, days since the last of them, 7 `weeks` where there was none.
      recommender: counts only the newsletters that it filled; null counts all.
      weeks: how far back it looks.
    """

    count: Literal["shown", "clicks", "days_since_shown"]
    recommender: RecommenderName | None = None
    weeks: int = Field(ge=1, le=52)

    @property
    def days(self) -> int:
        """How far back it looks."""
        return 7 * self.weeks


class NumberFeature(Settings):
    """A number; ``log1p`` is log(1 + max(x, 0)) followed by the z-score. A missing value becomes the mean.

    Attributes:
      history: `build-tables` makes it of what the user was sent before; by default it is a column of theirs.
    """

    type: Literal["number"]
    treatment: Literal["z_score", "log1p", "identity"] = "z_score"
    history: History | None = None


class DateFeature(Settings):
    """A date, turned by the query into whole days before the newsletter, then treated as a number."""

    type: Literal["date"]
    treatment: Literal["z_score", "log1p"] = "log1p"


class BoolFeature(Settings):
    """True, false or missing."""

    type: Literal["bool"]
    treatment: Literal["identity"] = "identity"


Feature = Annotated[StringFeature | NumberFeature | DateFeature | BoolFeature, Field(discriminator="type")]


class Scaling(Settings):
    """What keeps numbers in the range that a model was trained on; the same in training and serving.

    Attributes:
      max_z_score: larger z-scores become this one, smaller than its negative likewise. Ten standard
        deviations lose nothing that is plausible, and no estimate can follow a value far from all rows.
      min_varying_share: a number or bool of which fewer rows than this lie apart from the others is
        constant, or nearly: it is left out, which a training says.
      max_deviation: if the standard deviation of a number is more than so many times the width of the middle
        of the training rows, which is all but `min_varying_share` of them at either end, single absurd values
        made it, such as 1e30 in one row of a thousand. Then that middle gives the scale.
    """

    max_z_score: float = Field(default=10.0, ge=1.0, le=1000.0)
    min_varying_share: float = Field(default=0.001, ge=1e-5, le=0.1)
    max_deviation: float = Field(default=1.0, ge=0.2, le=1e6)


class Tables(Settings):
    """Names of the tables in the warehouse, as ``dataset.table``."""

    training: TableName
    inference: TableName


class RawTables(Settings):
    """Names of the raw sources in the warehouse; docs/google_cloud.md describes their columns, `RAW_COLUMNS`.

    Attributes:
      snapshot_max_age_days: a user's snapshot that is older when the newsletter is sent is not looked at,
        which bounds what a query of `users` reads; None looks at all.
      min_snapshot_share: a snapshot that holds a smaller share of the users of the one before is taken for a
        part that was delivered, and refused; 0 takes any.
    """

    sends: TableName = "raw.sends"
    clicks: TableName = "raw.clicks"
    unsubscribes: TableName = "raw.unsubscribes"
    outcomes: TableName = "raw.outcomes"
    users: TableName = "raw.users"
    contexts: TableName = "raw.contexts"
    rankings: TableName = "raw.rankings"
    snapshot_max_age_days: int | None = Field(default=None, ge=0, le=3650)
    min_snapshot_share: Probability = 0.5
