"""Refuses a training that does not learn, where it would go on as if it did."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from newsletter_bandit.errors import DataError, SettingsError

# A loss that is this share above that of a constant, or has lost less than this of its own, has not learnt:
# means of 25,000 rows of rare clicks differ by 2% by chance.
_NOISE = 0.1


class NotLearntError(DataError):
    """A network that is no better than before its training."""


def require_keras_2() -> None:
    """Raises `SettingsError` if TensorFlow has loaded a Keras with which TF-Agents changes no weight."""
    # The Keras 2 of the package `tf_keras` does not say its version here.
    version = str(getattr(tf.keras, "__version__", "2."))
    if not version.startswith("2."):
        raise SettingsError(
            f"TF_USE_LEGACY_KERAS: TensorFlow was imported with Keras {version}, with which TF-Agents trains "
            "nothing; import `components` before TensorFlow, or set TF_USE_LEGACY_KERAS=1 in the environment"
        )


def check_losses(first: float, last: float, constant: float) -> None:
    """Checks the mean losses of a training; one that began with a good model need not fall.

    Args:
      first: squared error of the first steps, weighted.
      last: that of the last ones.
      constant: that of the last ones' mean reward, which any model can give.

    Raises:
      NotLearntError: the last loss is not finite, or it did not fall and is worse than that of a constant.
    """
    fell = last < (1.0 - _NOISE) * first
    if math.isfinite(last) and (fell or last <= (1.0 + _NOISE) * constant):
        return
    raise NotLearntError(
        f"training: the network did not learn: its loss was {first:.4g} at first and {last:.4g} at last, and "
        f"a constant has {constant:.4g}; allowed: a loss that falls, or is as low (try a smaller "
        "agent.learning_rate, or more epochs)"
    )


def check_moved(before: Sequence[npt.NDArray[np.float32]], after: Sequence[npt.NDArray[np.float32]]) -> None:
    """Raises `NotLearntError` if a training left every weight of a network as it was."""
    if all(np.array_equal(old, new) for old, new in zip(before, after, strict=True)):
        raise NotLearntError(
            "training: the network did not learn: no weight changed; allowed: an agent.learning_rate that "
            "moves them"
        )
