"""Rows to fit on and rows to compare on: all rows of a user are in the same part."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.words import NEWSLETTER, Words


def of_users(
    user_ids: Sequence[bytes], share: float, seed: int, words: Words = NEWSLETTER
) -> npt.NDArray[np.bool_]:
    """Mask of the validation rows, bool [n].

    A user is held out where a keyed hash of their id, read as a number in [0, 1), is below ``share``. Their
    rows, which resemble each other, are never on both sides, and the same user is on the same side in every
    window.

    Args:
      user_ids: [n], one per row.
      share: share of the users to hold out, in (0, 1).
      seed: seed of the hash; another seed holds out other users.
      words: what a refusal calls them.

    Raises:
      DataError: one of the two parts has no row.
    """
    key = f"tuning-{seed}".encode()
    bound = int(share * 2**64)
    held_out = {user: _hash(user, key) < bound for user in set(user_ids)}
    rows = np.fromiter((held_out[user] for user in user_ids), bool, len(user_ids))
    if rows.all() or not rows.any():
        raise DataError(
            f"tuning.validation_share: {share:g} of the {len(held_out)} {words.subjects} in the training "
            f"split leaves {np.count_nonzero(~rows)} rows to fit and {np.count_nonzero(rows)} to compare on; "
            "allowed: some of both"
        )
    return rows


def _hash(user_id: bytes, key: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(user_id, digest_size=8, key=key).digest(), "big")
