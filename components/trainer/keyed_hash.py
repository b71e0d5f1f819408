"""Random draws that a retry, a second worker or a rerun of the day repeats.

Each draw is a keyed hash (SipHash) of (use case, user, campaign, day, purpose, slot) instead of a random
generator's state.
"""

from __future__ import annotations

import tensorflow as tf

# Draws are whole numbers in [0, BUCKETS); a probability is thus exact to 1 / BUCKETS.
BUCKETS = 2**31 - 1

# The first half of the hash key; the second is the slot. Draws of another slot are independent.
_PURPOSE = 0x6578706C6F7265
_SEPARATOR = "\x1f"


def draws(use_case: str, user_id: tf.Tensor, campaign: tf.Tensor, day: tf.Tensor, slots: int) -> tf.Tensor:
    """Uniform whole numbers in [0, `BUCKETS`), int64 [batch, slots].

    Args:
      use_case: its name; two use cases draw independently of each other for the same user.
      user_id: string [batch].
      campaign: string [batch]; a new campaign draws again.
      day: string scalar, the day of the run. A new day draws again, also where the campaign is always the
        same text, and a rerun of the day repeats itself.
      slots: number of independent draws per user.
    """
    user = tf.strings.join([use_case, user_id, campaign, day], separator=_SEPARATOR)
    hashed = [tf.strings.to_hash_bucket_strong(user, BUCKETS, key=[_PURPOSE, slot]) for slot in range(slots)]
    return tf.stack(hashed, axis=1)
