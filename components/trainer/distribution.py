"""Processes that train together, each on its share of the rows.

`TF_CONFIG` names them, as TensorFlow and Vertex AI's training jobs have it. Networks share their gradients at each step
(`tf.distribute.MultiWorkerMirroredStrategy`), linear agents add up their sums once. Either way all end with the same
model, and the first of them, the chief, writes it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines.errors import SettingsError

# For all to come up, after which one that still waits gives up.
START_SECONDS = 900.0
_T = TypeVar("_T")


class Workers:
    """One process by itself.

    Attributes:
      index: of this process, 0 being the chief.
      count: of all.
    """

    index = 0
    count = 1

    @property
    def is_chief(self) -> bool:
        """Whether this process writes what was trained."""
        return self.index == 0

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Where variables must be made that all share."""
        return contextlib.nullcontext()

    def run(self, step: Callable[[Any], _T], batch: Any) -> _T:
        """A training step on this process's batch, inside a `tf.function`."""
        return step(batch)

    def sum(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Elementwise sum over the processes, of the same shape in each; float64."""
        return np.asarray(values, dtype=np.float64)


class MirroredWorkers(Workers):
    """This process among several.

    Args:
      start_seconds: for all to come up.

    Raises:
      SettingsError: a process has several accelerators, of which each would need a batch of its own.
    """

    def __init__(self, start_seconds: float = START_SECONDS) -> None:
        options = tf.distribute.experimental.CommunicationOptions(
            implementation=tf.distribute.experimental.CommunicationImplementation.AUTO
        )
        with _deadline(start_seconds):
            self._strategy = tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
            resolver = self._strategy.cluster_resolver
            cluster = resolver.cluster_spec().as_dict()
            first = 1 if resolver.task_type == "worker" and "chief" in cluster else 0
            self.index = int(resolver.task_id) + first
            self.count = sum(len(tasks) for name, tasks in cluster.items() if name in ("chief", "worker"))
            # Nobody goes on before everybody is there.
            self.sum(np.zeros(1))
        if self._strategy.num_replicas_in_sync != self.count:
            raise SettingsError(
                f"training: found {self._strategy.num_replicas_in_sync} replicas in {self.count} workers; allowed: one "
                "accelerator a worker, or none"
            )

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """See `Workers.scope`."""
        scope: contextlib.AbstractContextManager[Any] = self._strategy.scope()
        return scope

    def run(self, step: Callable[[Any], _T], batch: Any) -> _T:
        """See `Workers.run`; the optimizer adds up the gradients."""
        result: _T = self._strategy.run(step, args=(batch,))
        return result

    def sum(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """See `Workers.sum`."""
        strategy = self._strategy

        @tf.function(autograph=False)
        def total(own: tf.Tensor) -> tf.Tensor:
            each = strategy.run(tf.identity, args=(own,))
            return strategy.reduce(tf.distribute.ReduceOp.SUM, each, axis=None)

        found: npt.NDArray[Any] = total(tf.constant(np.asarray(values, dtype=np.float64))).numpy()
        return found


@functools.cache
def workers() -> Workers:
    """Those that `TF_CONFIG` names; this process by itself where it names no other.

    Call it before anything is computed: TensorFlow cannot join others later, and only once.
    """
    cluster = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {})
    several = sum(len(cluster.get(name, ())) for name in ("chief", "worker")) > 1
    return MirroredWorkers() if several else Workers()


@contextlib.contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Ends the process if what it surrounds takes longer: TensorFlow waits for a missing worker without end."""

    print(
        f"training: waiting at most {seconds:g} s for all workers of TF_CONFIG", file=sys.stderr, flush=True
    )
    # Not a thread of Python's: TensorFlow waits without letting one run.
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
