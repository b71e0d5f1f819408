"""Scores files of logged examples by the models' `evaluation` signature, as compact rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import tensorflow as tf

from components.evaluator.logged_examples import SliceKey, outcome, slices
from components.evaluator.rows import FloatArray, table
from components.example_gen.example_files import Decoder, records
from newsletter_bandit.exported_model import EVALUATION, USER_ID

# Rows per batch; more are no faster, only larger.
_BATCH = 8192
_THREADS = 2


class Models:
    """One or two models side by side.

    Args:
      folders: folders of their SavedModels, the candidate's first.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        # A signature lives as long as the model it belongs to.
        self._models = [tf.saved_model.load(folder) for folder in folders]
        signatures = [model.signatures[EVALUATION] for model in self._models]

        @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string)])
        def outputs(examples: tf.Tensor) -> tuple[tf.Tensor, tuple[dict[str, tf.Tensor], ...]]:
            return examples, tuple(signature(examples=examples) for signature in signatures)

        self._outputs = outputs.get_concrete_function()
        self._decoder = Decoder()

    def rows(self, path: str, features: Sequence[str]) -> Iterator[tuple[SliceKey, FloatArray]]:
        """Compact rows of a TFRecord file, as `rows.table` lays them out, by slice and batch.

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
            whole = table(outcome(decoded, outputs[0][USER_ID]), outputs)
            for key, index in slices(decoded, features):
                yield key, whole if not key else whole[index]
