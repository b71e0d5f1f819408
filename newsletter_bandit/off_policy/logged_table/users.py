"""How many users a log holds, in bounded memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from newsletter_bandit.checks import Check, compared

# From this many users on a count is an estimate, whose standard error is 1 / sqrt(`_KEPT`), 1.6%.
ESTIMATED_FROM = _KEPT = 4096
USERS = "users"
_HASHES = 2.0**64


class Users:
    """Counts the different users of rows: the smallest of their hashes, of which `_KEPT` are kept.

    See "On Synopses for Distinct-Value Estimation Under Multiset Operations" by Beyer et al. (2007).
    """

    def __init__(self) -> None:
        self._smallest = np.zeros(0, dtype=np.uint64)

    def add(self, hashes: npt.NDArray[np.uint64]) -> None:
        """Adds rows by their users' hashes, [n], spread over all 64 bits."""
        if len(self._smallest) == _KEPT:
            hashes = hashes[hashes < self._smallest[-1]]
        self._smallest = np.union1d(self._smallest, hashes)[:_KEPT]

    @property
    def count(self) -> int:
        """Users so far; 0 where the log does not name any."""
        if len(self._smallest) < _KEPT:
            return len(self._smallest)
        return round((_KEPT - 1) / (float(self._smallest[-1]) / _HASHES))


def enough_users(users: int, min_users: int) -> tuple[Check, ...]:
    """The check of the users; none where the log does not name any."""
    if not users:
        return ()
    check = compared(USERS, users, ">=", min_users, "different users")
    about = "about " if users >= ESTIMATED_FROM else ""
    few = "1 user says" if users == 1 else f"{about}{users:,} users say"
    detail = "" if check.passed else f"{few} nothing about others, however many rows they have"
    return (Check(check.name, check.figure, check.bound, check.relation, check.passed, detail),)
