"""Two models whose estimates are given, compared by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from newsletter_bandit.errors import DataError


def model(folder: Path, estimates: list[list[float]], eligible: bool = True) -> str:
    """A SavedModel that gives row i these estimates, whatever it is asked."""
    import tensorflow as tf

    module: Any = tf.Module()
    module.table = tf.Variable(estimates)

    def evaluation(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        found = tf.gather(module.table, tf.strings.to_number(examples, tf.int64))
        first = tf.one_hot(tf.argmax(found, axis=1), found.shape[1]) * float(eligible)
        return {
            # Row 3 is the user of row 0 again.
            "user_id": tf.where(examples == "3", "0", examples)[:, None],
            "reward_estimates": found,
            "eval_probabilities": first,
        }

    spec = [tf.TensorSpec([None], tf.string, name="examples")]
    module.evaluation = tf.function(evaluation, input_signature=spec)
    tf.saved_model.save(module, str(folder), signatures={"evaluation": module.evaluation})
    return str(folder)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    import tensorflow as tf

    made = []
    for name, rows in (("one", "01"), ("two", "23")):
        made.append(str(tmp_path / f"{name}.gz"))
        with tf.io.TFRecordWriter(made[-1], "GZIP") as writer:
            for row in rows:
                writer.write(row.encode())
    return made


def test_each_user_counts_once(tmp_path: Path, files: list[str]) -> None:
    from components.refitter.agreement import agreement

    judged = model(tmp_path / "judged", [[0.5, 0.1], [0.1, 0.3], [0.2, 0.1], [0.9, 0.1]])
    other = model(tmp_path / "other", [[0.6, 0.2], [0.4, 0.1], [0.2, 0.0], [0.0, 0.9]])
    found = agreement(judged, other, files)
    assert (found.users, found.same) == (3, pytest.approx(2 / 3))
    # The judged first choices: 0.5, 0.3 and 0.2; the other's estimates of them: 0.6, 0.1 and 0.2.
    assert found.difference == pytest.approx((0.1 + 0.2 + 0.0) / 3)
    assert found.expected == pytest.approx((0.5 + 0.3 + 0.2) / 3)


def test_without_a_user_to_ask_nothing_can_be_compared(tmp_path: Path, files: list[str]) -> None:
    from components.refitter.agreement import agreement

    judged = model(tmp_path / "judged", [[0.5, 0.1]] * 4, eligible=False)
    with pytest.raises(DataError, match="no held-out user has a recommender to choose"):
        agreement(judged, judged, files)
