"""What Beam's Datastore connector keeps private, and writing whole batches needs.

Beam's writer and its throttle take one element a call. All that they do beside that is wanted: the size of a
commit, retries, throttling and counters. So they are subclassed here, in the only module that names their
private parts; `tests/prediction_storer/test_beam_datastore.py` says of each what it is relied on for.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from apache_beam.io.gcp.datastore.v1new import datastoreio
from apache_beam.io.gcp.datastore.v1new.rampup_throttling_fn import RampupThrottlingFn
from apache_beam.utils.retry import FuzzedExponentialIntervals


class Committer(datastoreio._Mutate.DatastoreMutateFn):
    """Beam's writer: gathers mutations into commits, for subclasses that make the mutations."""

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
