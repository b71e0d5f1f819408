"""Which of the held-out rows a refit may learn from."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from newsletter_bandit.settings.run_day import TrainingDays
from tests.tiny import make_use_case


@pytest.mark.parametrize(("overlap", "first"), [(0, dt.date(2024, 1, 29)), (1, dt.date(2024, 1, 22))])
def test_the_next_window_begins_with_the_weeks_that_both_hold(overlap: int, first: dt.date) -> None:
    from components.refitter.held_out import judged_again_from

    use_case = make_use_case(window={"weeks": 4, "overlap_weeks": overlap, "anchor": "2024-01-01"})
    days = TrainingDays.of(use_case, dt.date(2024, 2, 2))
    assert judged_again_from(use_case, days) == first


def test_rows_of_the_campaigns_that_are_left_out_are_gone_and_the_others_as_they_were(tmp_path: Path) -> None:
    import tensorflow as tf

    from components.refitter.held_out import without
    from tests.tiny import encode, make_rows

    rows = [{**row, "campaign": f"c{i % 3}"} for i, row in enumerate(make_rows(40, seed=1))]
    raw, transformed = [], []
    for number, part in enumerate((range(25), range(25, 40))):
        raw.append(str(tmp_path / f"raw-{number}.gz"))
        transformed.append(str(tmp_path / f"transformed-{number}.gz"))
        with (
            tf.io.TFRecordWriter(raw[-1], "GZIP") as examples,
            tf.io.TFRecordWriter(transformed[-1], "GZIP") as results,
        ):
            for i in part:
                examples.write(encode(rows[i]))
                results.write(f"row {i}".encode())
    made = without({"c1", "of another window"}, raw, transformed, str(tmp_path))
    found = [[record.decode() for record in _records(path)] for path in made]
    assert found == [[f"row {i}" for i in part if i % 3 != 1] for part in (range(25), range(25, 40))]
    assert without(frozenset(), raw, transformed, str(tmp_path)) == transformed


def _records(path: str) -> list[bytes]:
    import tensorflow as tf

    return list(tf.data.TFRecordDataset(path, "GZIP").as_numpy_iterator())
