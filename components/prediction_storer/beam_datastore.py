"""What Beam's Datastore connector keeps private, and writing whole batches needs.

Beam's writer and its throttle take one element a call. All that they do beside that is wanted: the size of a
commit, retries, throttling and counters. So they are subclassed here, in the only module that names their
private parts; `tests/prediction_storer/test_beam_datastore.py` says of each what it is relied on for.
"""

from __future__ import annotations

import datetime as dt
import functools
import time
from typing import Any

from absl import logging
from apache_beam.io.gcp.datastore.v1new import datastoreio, helper
from apache_beam.io.gcp.datastore.v1new.rampup_throttling_fn import RampupThrottlingFn
from apache_beam.utils.retry import FuzzedExponentialIntervals
from google.api_core.exceptions import GoogleAPICallError, RetryError

from newsletter_bandit.errors import DataError

# A message of the log that `pipelines.local.running` hands on to the terminal: what a step waits for.
WAITING = "Waiting: %s"
# A commit takes a fraction of a second. A server that has not answered by then will not.
_SECONDS_PER_COMMIT = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0  # seconds
_WRITER = datastoreio._Mutate.DatastoreMutateFn
# Without Beam's own retries, which go on for minutes in silence.
_write_once = _WRITER.write_mutations.__wrapped__


class Committer(datastoreio._Mutate.DatastoreMutateFn):
    """Beam's writer: gathers mutations into commits, for subclasses that make the mutations.

    While Datastore is away a commit is tried again, and the log says so; then the run ends with one sentence.

    Args:
      project: Google Cloud project id.
      patience: seconds for which a commit is tried again.
    """

    def __init__(self, project: str, patience: float) -> None:
        super().__init__(project)
        self._batch: Any = None
        self._patience = patience

    def write_mutations(self, throttler: Any, rpc_stats_callback: Any, throttle_delay: int = 1) -> int:
        """Commits what was added; milliseconds that the commit took.

        Raises:
          DataError: Datastore refuses the commit, or was away for longer than it is waited for.
        """
        began, pause = time.monotonic(), _FIRST_PAUSE
        while True:
            self._prepare_commit()
            try:
                took: int = _write_once(self, throttler, rpc_stats_callback, throttle_delay)
                return took
            except (GoogleAPICallError, RetryError) as error:
                waited = time.monotonic() - began
                said = f"Datastore of project {self._project}: {_first_line(error)}"
                if not helper.retry_on_rpc_error(error) or waited + pause > self._patience:
                    raise DataError(
                        f"{said}; given up after {waited:.0f} s (store.patience_seconds); what was stored "
                        "before is still there; call the command again to store all"
                    ) from error
                left = self._patience - waited
                logging.warning(WAITING, f"{said}; it is tried again for {left:.0f} s")
            time.sleep(pause)
            pause = min(2.0 * pause, _LONGEST_PAUSE)

    def _prepare_commit(self) -> None:
        if self._batch is None:  # as after a commit that failed
            self._batch = self._client.batch()
            self._batch.begin()
            for element in self._batch_elements:
                self.add_to_batch(element)
        self._batch.commit = functools.partial(
            type(self._batch).commit, self._batch, timeout=_SECONDS_PER_COMMIT
        )

    def add(self, element: Any) -> None:
        """Adds `mutation(element)` to the commit, which is sent when it is full."""
        super().process(element)

    def mutation(self, element: Any) -> Any:
        """The Mutation of an element."""
        raise NotImplementedError

    def element_to_client_batch_item(self, element: Any) -> Any:
        return self.mutation(element)

    def add_to_batch(self, client_batch_item: Any) -> None:
        self._batch.mutations.append(client_batch_item)


class Throttle(RampupThrottlingFn):
    """Beam's throttle: so many operations a second, growing by half every five minutes, shared by the
    workers.
    """

    @property
    def workers(self) -> int:
        """How many share the budget."""
        return int(self._num_workers)

    def budget(self, began: dt.datetime, now: dt.datetime) -> int | float:
        """One worker's operations a second at ``now``; infinite once the number is too large for Beam."""
        found: int | float = self._calc_max_ops_budget(began, now)
        return found

    def acquire(self, wanted: int) -> int:
        """Waits for some of the budget; how many operations are allowed now, 1 to ``wanted``."""
        waits = iter(FuzzedExponentialIntervals(initial_delay_secs=1, num_retries=10000))
        while True:
            now = dt.datetime.now()  # noqa: DTZ005 (as the first instant, which is Beam's)
            budget = self.budget(self._first_instant, now)
            allowed = min(wanted, budget - self._successful_ops.sum(now.timestamp() * 1000))
            if allowed > 0:
                self._successful_ops.add(now.timestamp() * 1000, allowed)
                return int(allowed)
            seconds = next(waits)
            time.sleep(seconds)
            self._throttled_secs.inc(int(seconds))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
