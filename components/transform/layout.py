"""Content and order of the transformed example; shared by Transform, Trainer and the exported graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter_bandit.settings.tables import StringFeature
from newsletter_bandit.settings.use_case import UseCase

if TYPE_CHECKING:
    import tensorflow_transform as tft

# Keys of the transformed example. Features are packed into two vectors: a packed example parses several
# times faster than one with a key per feature, and the agents take it as it is.
NUMERIC = "numeric"
CATEGORICAL = "categorical"
ELIGIBLE = "eligible"
ACTION = "action"
PROPENSITY = "propensity"
REWARD = "reward"
# Only where a use case has constraints.
OUTCOMES = "outcomes"
USER = "user"
# Hashes of users are whole numbers below this.
USER_BUCKETS = 2**31 - 1


@dataclass(frozen=True)
class Layout:
    """Columns of the packed vectors.

    Attributes:
      numeric_features: names of the features behind `NUMERIC`, which holds for each its treated value and
        then, in the same order, 1.0 where it was missing: 2 * len(numeric_features) floats.
      categorical_features: names of the features behind `CATEGORICAL`, one vocabulary index each.
      embedding_dims: embedding size of each categorical feature.
      recommenders: the recommenders; `ACTION` is an index into them, `ELIGIBLE` a 0/1 vector over them.
      terms: the outcomes behind `OUTCOMES`, which a constraint bounds, within their clips.
      users: there is `USER`, a hash of the user.
    """

    numeric_features: tuple[str, ...]
    categorical_features: tuple[str, ...]
    embedding_dims: tuple[int, ...]
    recommenders: tuple[str, ...]
    terms: tuple[str, ...] = ()
    users: bool = False

    @classmethod
    def of(cls, use_case: UseCase) -> Layout:
        """The layout that the use case's features give, in the order of the settings."""
        strings = {n: f for n, f in use_case.features.items() if isinstance(f, StringFeature)}
        return cls(
            numeric_features=tuple(name for name in use_case.features if name not in strings),
            categorical_features=tuple(strings),
            embedding_dims=tuple(feature.embedding_dim for feature in strings.values()),
            recommenders=use_case.recommenders,
            terms=use_case.constrained_terms,
            users=bool(use_case.constraints),
        )

    @property
    def numeric_width(self) -> int:
        """Length of the `NUMERIC` vector."""
        return 2 * len(self.numeric_features)


def vocabulary_name(feature: str) -> str:
    """Name under which Transform files a string feature's vocabulary."""
    return f"vocabulary_{feature}"


def vocabulary_sizes(use_case: UseCase, transform_output: tft.TFTransformOutput) -> tuple[int, ...]:
    """Number of values of each categorical feature, in the order of `Layout`.

    One index above the vocabulary stands for every value that it does not hold.
    """
    names = Layout.of(use_case).categorical_features
    return tuple(transform_output.vocabulary_size_by_name(vocabulary_name(name)) + 1 for name in names)
