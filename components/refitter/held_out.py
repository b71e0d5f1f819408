"""The held-out users' rows that a refit may learn from: those by which no later window judges.

The next window begins with the last `window.overlap_weeks` weeks of this one, and holds out the same users.
It would judge its candidate, and the refit in production, by rows that both have learned from. So the
campaigns of these weeks are left out.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Collection, Sequence

import tensorflow as tf

from components.example_gen.example_files import records
from components.transform.applying import COMPRESSION
from newsletter_bandit.exported_model import CAMPAIGN
from newsletter_bandit.files import files_of
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.settings.use_case import UseCase

# Rows per batch; more are no faster, only larger.
_BATCH = 8192


def judged_again_from(use_case: UseCase, days: TrainingDays) -> dt.date:
    """First day of the next window; the day after this window where the two do not overlap."""
    return days.window[1] - dt.timedelta(weeks=use_case.window.overlap_weeks)


def without(
    left_out: Collection[str], raw: Sequence[str], transformed: Sequence[str], folder: str
) -> list[str]:
    """Files of transformed rows, without those of some campaigns.

    Args:
      left_out: names of the campaigns.
      raw: files of the examples, which name each row's campaign.
      transformed: files of the same rows in the same order, as Transform makes them.
      folder: gets a file for each of them; none where nothing is left out.

    Raises:
      ValueError: the numbers of files differ.
    """
    if not left_out:
        return list(transformed)
    names = tf.constant(sorted(left_out))
    spec = {CAMPAIGN: tf.io.FixedLenFeature([], tf.string)}

    @tf.function(autograph=False)
    def kept(examples: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        campaign = tf.io.parse_example(examples, spec)[CAMPAIGN]
        again = tf.reduce_any(tf.equal(campaign[:, None], names[None, :]), axis=1)
        return tf.boolean_mask(rows, ~again)

    made = []
    for number, (source, rows) in enumerate(zip(raw, transformed, strict=True)):
        path = os.path.join(folder, f"held_out-{number:05d}.gz")
        batches = tf.data.Dataset.zip((records(source), records(rows))).batch(_BATCH).map(kept)
        with (
            files_of(path).filled(path) as temporary,
            tf.io.TFRecordWriter(temporary, COMPRESSION) as writer,
        ):
            for batch in batches.as_numpy_iterator():
                for row in batch:
                    writer.write(row)
        made.append(path)
    return made
