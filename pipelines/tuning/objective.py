"""Value of a set of hyperparameters: fit on one part of the users, valued off-policy on the others.

The value is the doubly robust one of the eval policy. So it rewards estimates that put the right recommender
first, not estimates that are close, and no exploration setting changes it. The reward model in it is the
set's own. It has not seen the users that it is valued on, so a set cannot gain by memorising, and the value
is unbiased whatever the model says. Sets are compared row by row with the use case's own set, so what both
share cancels in the error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_transform as tft
from absl import logging

from components.evaluator.seen_by import seen_by
from components.hyperparameters_gen.hyperparameters import merged
from components.trainer.data import ArrayData
from components.trainer.learning import NotLearntError
from components.trainer.training import fit
from components.transform.in_memory import Transformer
from components.transform.layout import PROPENSITY, REWARD, Layout, vocabulary_sizes
from newsletter_bandit.errors import DataError
from newsletter_bandit.exported_model import EVAL_PROBABILITIES, LOGGED_ACTION, REWARD_ESTIMATES
from newsletter_bandit.off_policy.estimators import ESTIMATORS, LoggedBatch
from newsletter_bandit.off_policy.estimators.paired import PolicyDifference
from newsletter_bandit.settings.use_case import UseCase
from pipelines.tuning import split
from pipelines.tuning.search import Score

_BATCH = 16_384
_ESTIMATOR = "dr"
_DIVERGED = Score(float("nan"), float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True, eq=False)
class Rows:
    """Training examples in a fixed order, whatever the warehouse's order.

    Attributes:
      examples: serialized tf.Examples [n].
      user_ids: [n].
      digest: hexadecimal digest of these rows.
    """

    examples: npt.NDArray[np.object_]
    user_ids: npt.NDArray[np.object_]
    digest: str


def read_rows(folder: str) -> Rows:
    """Reads the files of one split that ExampleGen wrote; all of it is held in memory.

    Raises:
      DataError: there is no row.
    """
    files = sorted(tf.io.gfile.glob(f"{folder}/*.gz"))
    records = list(tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator())
    if not records:
        raise DataError(f"{folder}: holds no examples; allowed: the training split of a window with rows")
    return in_order(records)


def in_order(examples: Iterable[bytes]) -> Rows:
    """Serializes training examples so that only their content matters, and sorts them by their hash."""
    # A map in a protocol buffer has no fixed order, so ExampleGen writes the same row in other bytes each
    # time.
    canonical = [tf.train.Example.FromString(e).SerializeToString(deterministic=True) for e in examples]
    hashes = [hashlib.blake2b(example, digest_size=16).digest() for example in canonical]
    order = sorted(range(len(hashes)), key=hashes.__getitem__)
    digest = hashlib.sha256(b"".join(hashes[i] for i in order)).hexdigest()
    ordered = np.array([canonical[i] for i in order], dtype=np.object_)
    parsed = tf.io.parse_example(ordered, {"user_id": tf.io.FixedLenFeature([], tf.string)})
    return Rows(ordered, parsed["user_id"].numpy(), digest)


class OffPolicyValue:
    """The objective of `search.search`.

    Args:
      use_case: use case, whose own hyperparameters the other sets are compared with.
      transform_output: Transform's output over the same rows.
      rows: training examples.

    Attributes:
      fit_rows: rows to fit on.
      validation_rows: rows to compare on.

    Raises:
      DataError: the users cannot be split.
    """

    def __init__(self, use_case: UseCase, transform_output: tft.TFTransformOutput, rows: Rows) -> None:
        held_out = split.of_users(
            rows.user_ids.tolist(),
            use_case.tuning.validation_share,
            use_case.tuning.seed,
            use_case.words,
        )
        transform = Transformer(transform_output)
        self._use_case = use_case
        self._transform_output = transform_output
        self._arrays = transform(rows.examples[~held_out])
        self._validation = rows.examples[held_out]
        outcome = transform(self._validation)
        self._reward = outcome[REWARD].astype(np.float64)
        self._propensity = outcome[PROPENSITY].astype(np.float64)
        self._own: LoggedBatch | None = None
        self.fit_rows = int(np.count_nonzero(~held_out))
        self.validation_rows = int(np.count_nonzero(held_out))

    def __call__(self, values: Mapping[str, Any]) -> Score:
        """Fits with ``values`` by path instead of the use case's own.

        The use case's own set is fitted once, at the first comparison.

        Raises:
          DataError: the rows cannot be trained on or valued.
        """
        clip = self._use_case.gate.weight_clip
        if self._own is None:
            self._own = self._measure({})
            if self._own is None:
                return _DIVERGED
        batch = self._measure(values) if values else self._own
        if batch is None:
            return _DIVERGED
        estimator = ESTIMATORS[_ESTIMATOR](clip)
        estimator.add(batch)
        difference = PolicyDifference()
        difference.add(batch, self._own)
        value, gain = estimator.estimate(), difference.estimate()
        return Score(value.value, value.standard_error, gain.value, gain.standard_error)

    def _measure(self, values: Mapping[str, Any]) -> LoggedBatch | None:
        use_case = merged(self._use_case.unconstrained, values)
        data = ArrayData(
            self._arrays,
            Layout.of(use_case),
            vocabulary_sizes(use_case, self._transform_output),
            use_case.propensity_weighting,
        )
        try:
            model = fit(use_case, data, self._transform_output)
        except NotLearntError as error:
            logging.warning("Trial %s: %s", dict(values), error)
            return None
        examples = self._validation
        parts = [
            model.evaluation(tf.constant(examples[i : i + _BATCH])) for i in range(0, len(examples), _BATCH)
        ]
        estimates, probabilities, action = (
            np.concatenate([part[name].numpy() for part in parts])
            for name in (REWARD_ESTIMATES, EVAL_PROBABILITIES, LOGGED_ACTION)
        )
        if not np.isfinite(estimates).all():
            return None
        return seen_by(
            estimates.astype(np.float64),
            probabilities.astype(np.float64),
            action[:, 0].astype(np.int64),
            self._reward,
            self._propensity,
        )
