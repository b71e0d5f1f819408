"""Processes that train together, each on its share of the rows.

`TF_CONFIG` names them, as TensorFlow and Vertex AI's training jobs do. Networks share their gradients at each
step (`tf.distribute.MultiWorkerMirroredStrategy`), linear agents add up their sums once. Either way all end
with the same model, and the first of them, the chief, writes it.
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
from pydantic import BaseModel, Field, ValidationError

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.faults import refusal

# Time for all processes to come up; after it, a process that still waits gives up.
START_SECONDS = 900.0
# Tasks by the names that TF_CONFIG gives them: TensorFlow's, an older one that Vertex AI may still use
# (https://cloud.google.com/ai-platform/training/docs/distributed-training-details), and those of its
# CLUSTER_SPEC.
_TASKS = {
    "chief": "chief",
    "master": "chief",
    "workerpool0": "chief",
    "worker": "worker",
    "workerpool1": "worker",
}
_T = TypeVar("_T")


class Workers:
    """A process that trains alone.

    Attributes:
      index: index of this process; 0 is the chief.
      count: number of all processes.
    """

    index = 0
    count = 1

    @property
    def is_chief(self) -> bool:
        """True if this process writes the trained model."""
        return self.index == 0

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Scope in which variables are made that all workers share."""
        return contextlib.nullcontext()

    def run(self, step: Callable[[Any], _T], batch: Any) -> _T:
        """Runs a training step on this process's batch, inside a `tf.function`."""
        return step(batch)

    def sum(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Elementwise sum over the processes, of the same shape in each; float64."""
        return np.asarray(values, dtype=np.float64)

    def wait(self) -> None:
        """Waits until all processes have come here."""


class MirroredWorkers(Workers):
    """This process among several.

    Args:
      start_seconds: time for all processes to come up.

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
            self.wait()
        if self._strategy.num_replicas_in_sync != self.count:
            raise SettingsError(
                f"training: found {self._strategy.num_replicas_in_sync} replicas in {self.count} workers; "
                "allowed: one accelerator per worker, or none"
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

    def wait(self) -> None:
        """See `Workers.wait`."""
        self.sum(np.zeros(1))


@functools.cache
def workers() -> Workers:
    """The workers that `TF_CONFIG` names; this process alone if it names no other.

    Call it before anything is computed, and only once: TensorFlow cannot join others later.

    Raises:
      SettingsError: see `tf_config`.
    """
    found = tf_config(os.environ.get("TF_CONFIG") or "{}")
    if found is None:
        return Workers()
    # Where TensorFlow looks.
    os.environ["TF_CONFIG"] = json.dumps(found)
    return MirroredWorkers()


class _Task(BaseModel):
    type: str
    index: int = Field(ge=0)


class _Config(BaseModel):
    cluster: dict[str, list[str]] = {}
    task: _Task | None = None


def tf_config(text: str) -> dict[str, Any] | None:
    """`TF_CONFIG` with TensorFlow's names of the tasks; None where it names one process or none.

    Raises:
      SettingsError: it names something else than a chief and workers, or workers alone, or not this process.
        Such a process would train alone and overwrite the others' model.
    """
    try:
        given = _Config.model_validate_json(text)
    except ValidationError as error:
        raise refusal("TF_CONFIG", error, _Config) from error
    named = {name: addresses for name, addresses in given.cluster.items() if addresses}
    if sum(map(len, named.values())) <= 1:
        return None
    tasks: dict[str, list[str]] = {}
    for name, addresses in named.items():
        if name not in _TASKS:
            raise SettingsError(f"TF_CONFIG: cluster: found {name}; allowed: {', '.join(_TASKS)}")
        tasks.setdefault(_TASKS[name], []).extend(addresses)
    if len(tasks.get("chief", ())) > 1:
        raise SettingsError(f"TF_CONFIG: cluster: found {len(tasks['chief'])} chiefs; allowed: one, or none")
    kind = _TASKS.get(given.task.type) if given.task else None
    if given.task is None or kind is None or given.task.index >= len(tasks.get(kind, ())):
        task = f"{given.task.type} {given.task.index}" if given.task else "none"
        raise SettingsError(f"TF_CONFIG: task: found {task}; allowed: one of the cluster {named}")
    return {"cluster": tasks, "task": {"type": kind, "index": given.task.index}}


@contextlib.contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Ends the process if its block takes longer, because TensorFlow waits for a missing worker forever."""

    print(
        f"training: waiting at most {seconds:g} s for all workers of TF_CONFIG", file=sys.stderr, flush=True
    )
    # Not a thread of Python's: TensorFlow waits without letting one run.
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
