"""State that a model leaves for the next training, fitted to other recommenders, features and vocabularies.

Arrays are stored beside the SavedModel with the names of their rows and columns. The next training takes over
what has the same name: a recommender, a term of a vocabulary, a column of the context vector. Everything else
starts from scratch.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from components.transform.layout import Layout, vocabulary_name
from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.use_case import UseCase

if TYPE_CHECKING:
    import tensorflow_transform as tft

# A folder that SavedModels keep for files which TensorFlow does not read.
FILE = os.path.join("assets.extra", "warm_start.npz")
_HEADER = "header"
_UNSEEN = "__unseen__"


@dataclass(frozen=True)
class Names:
    """Meaning of the rows and columns of a model's arrays.

    Attributes:
      recommenders: names in the order of their indices.
      numeric: features of the packed numeric vector.
      vocabularies: terms of each categorical feature by index, the bucket of unseen values last.
    """

    recommenders: tuple[str, ...]
    numeric: tuple[str, ...]
    vocabularies: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, use_case: UseCase, transform_output: tft.TFTransformOutput) -> Names:
        """The names that a model of this use case and transform graph has."""
        layout = Layout.of(use_case)
        vocabularies = {}
        for feature in layout.categorical_features:
            terms = transform_output.vocabulary_by_name(vocabulary_name(feature))
            vocabularies[feature] = (*(term.decode("utf-8", "replace") for term in terms), _UNSEEN)
        return cls(use_case.recommenders, layout.numeric_features, vocabularies)

    @property
    def context(self) -> tuple[str, ...]:
        """Names of the columns of `linear.context`: numbers, their missing marks, one-hot terms and the
        constant.
        """
        return (
            *self.numeric,
            *(f"{name} is missing" for name in self.numeric),
            *(f"{feature}={term}" for feature, terms in self.vocabularies.items() for term in terms),
            "constant",
        )


@dataclass(frozen=True)
class WarmStartState:
    """Arrays of an earlier model.

    Attributes:
      names: meaning of their rows and columns.
      agent: type of the agent that trained them.
      arrays: the arrays, by the agent's own names.
      rows: rows that it learned each of its recommenders from; empty where an older release wrote it.
    """

    names: Names
    agent: str
    arrays: Mapping[str, npt.NDArray[Any]]
    rows: tuple[int, ...] = ()

    def with_names_of_today(self, renamed: Mapping[str, str]) -> WarmStartState:
        """The same state, with the recommenders' new names, by the old ones."""
        today = tuple(renamed.get(name, name) for name in self.names.recommenders)
        return replace(self, names=replace(self.names, recommenders=today))

    def save(self, model_dir: str) -> None:
        """Writes the state beside a SavedModel; nothing if there are no arrays."""
        import tensorflow as tf

        if not self.arrays:
            return
        header = {
            "agent": self.agent,
            "recommenders": self.names.recommenders,
            "numeric": self.names.numeric,
            "vocabularies": dict(self.names.vocabularies),
            "rows": self.rows,
        }
        content = io.BytesIO()
        entries: dict[str, Any] = {_HEADER: np.array(json.dumps(header)), **self.arrays}
        np.savez_compressed(content, **entries)
        path = os.path.join(model_dir, FILE)
        tf.io.gfile.makedirs(os.path.dirname(path))
        with tf.io.gfile.GFile(path, "wb") as file:
            file.write(content.getvalue())

    @classmethod
    def load(cls, model_dir: str) -> WarmStartState | None:
        """Reads what `save` wrote; None if it wrote nothing.

        Raises:
          DataError: the file is damaged; names it.
        """
        import tensorflow as tf

        path = os.path.join(model_dir, FILE)
        if not tf.io.gfile.exists(path):
            return None
        try:
            with tf.io.gfile.GFile(path, "rb") as file:
                stored = np.load(io.BytesIO(file.read()), allow_pickle=False)
            header = json.loads(str(stored[_HEADER]))
            names = Names(
                tuple(header["recommenders"]),
                tuple(header["numeric"]),
                {feature: tuple(terms) for feature, terms in header["vocabularies"].items()},
            )
            arrays = {key: stored[key] for key in stored.files if key != _HEADER}
            return cls(names, header["agent"], arrays, tuple(header.get("rows", ())))
        except (ValueError, KeyError, OSError) as error:
            raise DataError(f"{path}: not what a training left for the next: {error}") from error


def carry_over(
    new: npt.NDArray[Any], old: npt.NDArray[Any], axes: Sequence[tuple[Sequence[str], Sequence[str]] | None]
) -> npt.NDArray[Any]:
    """Array ``new``, in which each entry whose names also exist in ``old`` is replaced by the old entry.

    Args:
      new: array as a fresh start has it.
      old: array of the earlier model.
      axes: for each axis the names (new, old) of its positions, or None where positions correspond as they
        are.

    Raises:
      ValueError: an axis without names has another length, so that nothing corresponds.
    """
    takers, givers = [], []
    for axis, names in enumerate(axes):
        if names is None:
            if new.shape[axis] != old.shape[axis]:
                raise ValueError(f"axis {axis}: found length {old.shape[axis]}; allowed: {new.shape[axis]}")
            pairs = [(i, i) for i in range(new.shape[axis])]
        else:
            position = {name: i for i, name in enumerate(names[1])}
            pairs = [(i, position[name]) for i, name in enumerate(names[0]) if name in position]
        takers.append([pair[0] for pair in pairs])
        givers.append([pair[1] for pair in pairs])
    result = new.copy()
    result[np.ix_(*takers)] = old[np.ix_(*givers)]
    return result
