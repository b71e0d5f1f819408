"""Scores files of logged examples by the models' `evaluation` signature, as compact rows."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from absl import logging

from components.evaluator.logged_examples import SliceKey, outcome, slices
from components.evaluator.rows import Known, Scored, recommender_sums, table
from components.example_gen.example_files import Decoder, records
from components.trainer.loaded import bring_up_to_date
from newsletter_bandit.errors import DataError
from newsletter_bandit.exported_model import (
    EVAL_POLICY,
    EVALUATION,
    RECOMMENDER_NAMES,
    TRAINING_ROWS,
    USER_ID,
)
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.settings.words import NEWSLETTER

# Rows per batch; more are no faster, only larger.
_BATCH = 8192
_THREADS = 2


# Loaded models by folder; None where they are not kept.
_kept: dict[str, Any] | None = None
_loading = threading.Lock()


@contextmanager
def kept() -> Iterator[None]:
    """While this lasts, no model is loaded twice in this process; then they are let go."""
    global _kept
    _kept = {}
    try:
        yield
    finally:
        _kept = None


def _load(folder: str) -> Any:
    """A SavedModel; loading one takes about a second."""
    if _kept is None:
        return tf.saved_model.load(folder)
    with _loading:
        if folder not in _kept:
            _kept[folder] = tf.saved_model.load(folder)
        return _kept[folder]


class Models:
    """One to three models side by side.

    Args:
      folders: folders of their SavedModels, the candidate's first.
      reward_bounds: smallest and largest reward; None where it has none.
      use_case: today's settings, whose retired and renamed recommenders the production model may not know,
        and whose reward may have further outcomes.

    Attributes:
      known: of each model, what is known of its recommenders.
    """

    def __init__(
        self,
        folders: Sequence[str],
        reward_bounds: tuple[float, float] | None,
        use_case: UseCase | None = None,
    ) -> None:
        self._reward_bounds = reward_bounds
        self._further = () if use_case is None else tuple(use_case.reward.outcomes)
        self._subject = (NEWSLETTER if use_case is None else use_case.words).subject
        # A signature lives as long as the model it belongs to.
        self._models = [_load(folder) for folder in folders]
        for folder, model in zip(folders, self._models, strict=True):
            if use_case is not None and not bring_up_to_date(model, use_case):
                logging.warning("%s: too old to know which recommenders are retired or renamed.", folder)
            if EVALUATION not in model.signatures:
                raise DataError(
                    f"{folder}: no signature {EVALUATION}; allowed: a model that has one. If it is the "
                    "gate's reference, look less far back (gate.reference.age_days) or at none "
                    "(gate.reference: null)."
                )
        self.known = [_known(model) for model in self._models]
        signatures = [model.signatures[EVALUATION] for model in self._models]

        @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string)])
        def outputs(examples: tf.Tensor) -> tuple[tf.Tensor, tuple[dict[str, tf.Tensor], ...]]:
            return examples, tuple(signature(examples=examples) for signature in signatures)

        self._outputs = outputs.get_concrete_function()
        self._decoder = Decoder()

    def rows(self, path: str, features: Sequence[str]) -> Iterator[tuple[SliceKey, Scored]]:
        """Rows of a TFRecord file, as `rows.table` lays them out, by slice and batch.

        Args:
          path: path of the file.
          features: features whose values are slices.

        Raises:
          DataError: a row that cannot be evaluated; names its user.
        """
        # The next batch is scored while the current one is processed.
        batches = (
            records(path).batch(_BATCH).map(self._outputs, num_parallel_calls=_THREADS).prefetch(_THREADS)
        )
        for examples, outputs in batches.as_numpy_iterator():
            decoded = self._decoder(examples)
            logged = outcome(decoded, outputs[0][USER_ID], self._further, self._subject)
            whole = table(logged, outputs, self._reward_bounds, self.known)
            production = outputs[1] if len(outputs) > 1 else None
            for key, index in slices(decoded, features):
                of_rows = index if key else None
                sums = recommender_sums(outputs[0], production, self.known, of_rows)
                yield key, Scored(whole[index] if key else whole, sums)

    def evaluated(self, examples: Sequence[bytes]) -> dict[str, npt.NDArray[Any]]:
        """Outputs of the first model's `evaluation` signature for serialized rows [n]; may be called from
        several threads.
        """
        parts = [
            {name: values.numpy() for name, values in self._outputs(tf.constant(batch))[1][0].items()}
            for batch in (examples[start : start + _BATCH] for start in range(0, len(examples), _BATCH))
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def ranked(self, examples: Sequence[bytes]) -> dict[str, npt.NDArray[Any]]:
        """Outputs of the first model's `eval_policy` signature for serialized rows [n]."""
        found = self._models[0].signatures[EVAL_POLICY](examples=tf.constant(examples))
        return {name: values.numpy() for name, values in found.items()}


def _known(model: Any) -> Known:
    """What a loaded model says of its recommenders."""
    names, rows = (getattr(model, name, None) for name in (RECOMMENDER_NAMES, TRAINING_ROWS))
    return Known(
        None if names is None else [name.decode() for name in names.numpy().tolist()],
        None if rows is None else rows.numpy() > 0,
    )
