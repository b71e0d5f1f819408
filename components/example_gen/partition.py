"""Assignment of rows to splits, by the hash that TFX's own ExampleGens use, so that all agree."""

from __future__ import annotations

import hashlib
from bisect import bisect
from collections.abc import Sequence

BUCKETS = 100


def eval_buckets(eval_share: float) -> int:
    """Buckets of `BUCKETS` that go to the eval split: the share in whole percent, at least 1 and at most
    99.
    """
    return min(BUCKETS - 1, max(1, round(eval_share * BUCKETS)))


def split_of(value: bytes, bounds: Sequence[int]) -> int:
    """Index of the split of a row whose partition feature is ``value``.

    Args:
      value: a bytes feature of one value.
      bounds: cumulative number of buckets of each split, the last their total.

    Returns:
      The i for which SHA-256 of the serialized feature modulo ``bounds[-1]`` falls in [bounds[i-1],
      bounds[i]).
    """
    # tf.train.Feature(bytes_list=BytesList(value=[value])), written out: a tag and a length, twice.
    inner = b"\x0a" + _varint(len(value)) + value
    key = b"\x0a" + _varint(len(inner)) + inner
    bucket = int.from_bytes(hashlib.sha256(key).digest(), "big") % bounds[-1]
    return bisect(bounds, bucket)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
