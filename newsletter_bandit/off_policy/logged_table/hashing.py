"""Hashes that depend only on the value, not on batches, files, processes or versions."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from newsletter_bandit.off_policy.logged_table.arrays import coded
from newsletter_bandit.off_policy.logged_table.reading import Rows

HashArray = npt.NDArray[np.uint64]


def users(rows: Rows) -> HashArray:
    """Hash of each row's user, uint64 [n]; without a column of users, every row is its own user."""
    if "user" in rows.texts:
        return of_texts(rows.texts["user"])
    return mixed(np.arange(rows.first_row, rows.first_row + len(rows), dtype=np.uint64))


def of_texts(values: pa.Array) -> HashArray:
    """Hashes uint64 [n] of texts."""
    codes, names = coded(values)
    digests = (blake2b(str(name).encode(), digest_size=8).digest() for name in names)
    hashes: HashArray = np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
    found: HashArray = hashes[codes]
    return found


def mixed(values: HashArray, purpose: int = 0) -> HashArray:
    """Shuffles hashes uint64 [n] into others, differently for each ``purpose``.

    See "Fast Splittable Pseudorandom Number Generators" by Steele, Lea and Flood (2014), figure 17.
    """
    with np.errstate(over="ignore"):
        z = values + np.uint64((purpose + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))
