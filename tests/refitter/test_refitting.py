"""The second training, and when it takes the judged model's place."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from newsletter_bandit.registry.evidence import Refitted
from newsletter_bandit.settings.refit import Refit
from tests.tiny import Prepared, make_use_case

BOUNDS = Refit(rows="all_rows", min_agreement=0.8, max_estimate_difference=0.01)


@pytest.mark.parametrize(
    ("same", "difference", "outcome", "reason"),
    [
        (0.8, 0.01, "taken", ""),
        (0.79, 0.01, "refused", "too many first choices changed (refit.min_agreement)"),
        (0.8, 0.011, "refused", "the estimates differ too much (refit.max_estimate_difference)"),
    ],
)
def test_it_is_taken_where_both_bounds_hold(
    same: float, difference: float, outcome: str, reason: str
) -> None:
    from components.refitter.agreement import Agreement
    from components.refitter.refitting import compared

    made = Refitted("refused", "", rows=100, held_out_rows=20)
    found = compared(made, Agreement(50, same, difference, 0.2), BOUNDS)
    assert (found.outcome, found.reason, found.max_difference) == (outcome, reason, 0.01)
    assert Refitted.from_json(found.to_json()) == found
    end = (
        "it takes the judged model's place"
        if outcome == "taken"
        else f"the judged model stays, because {reason}"
    )
    assert found.words == (
        f"on 100 rows, 20 of them held out, agrees with the judged model on {same:.1%} of first choices "
        f"(needed 80%), estimates differ by {difference:.4f} (allowed 0.0100): {end}"
    )


def test_a_window_has_been_seen_if_it_begins_before_the_last_held_out_row() -> None:
    found = Refitted("taken", "", held_out_until="2026-11-02")
    assert found.has_seen(dt.date(2026, 11, 1))
    assert not found.has_seen(dt.date(2026, 11, 2))
    assert not Refitted("refused", "").has_seen(dt.date(2026, 11, 1))


@pytest.fixture(scope="module")
def judged(prepared: Prepared, transform_output: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A linear model of the first of two files."""
    from components.trainer.training import fit

    folder = str(tmp_path_factory.mktemp("judged"))
    fit(linear(), data(prepared, transform_output, prepared.files[:1]), transform_output).save(folder)
    return folder


@pytest.fixture(scope="module")
def transform_output(prepared: Prepared) -> Any:
    import tensorflow_transform as tft

    return tft.TFTransformOutput(prepared.transform_output)


def linear(**refit: Any) -> Any:
    return make_use_case(agent={"type": "lin_ucb", "l2": 1.0}, refit={"rows": "all_rows", **refit})


def data(prepared: Prepared, output: Any, files: list[str]) -> Any:
    from components.trainer.data import FileData
    from components.transform.layout import Layout, vocabulary_sizes

    use_case = linear()
    return FileData(
        files, Layout.of(use_case), vocabulary_sizes(use_case, output), use_case.propensity_weighting
    )


@pytest.mark.parametrize("min_agreement", [0.7, 1.0])
def test_it_learns_from_the_held_out_rows_as_well(
    prepared: Prepared, transform_output: Any, judged: str, tmp_path: Path, min_agreement: float
) -> None:
    import tensorflow as tf

    from components.refitter.refitting import Rows, refit

    asked = str(tmp_path / "asked")
    with tf.io.TFRecordWriter(asked) as writer:
        for example in prepared.serialized[:500]:
            writer.write(example)
    rows = Rows(prepared.files[:1], prepared.files[1:], [asked], dt.date(2026, 11, 2))
    folder = str(tmp_path / "second")
    found = refit(linear(min_agreement=min_agreement), rows, transform_output, judged, None, folder)
    first = data(prepared, transform_output, prepared.files[:1]).counted.rows
    assert (found.rows, found.held_out_rows) == (len(prepared.rows), len(prepared.rows) - first)
    assert (found.users, found.held_out_until) == (500, "2026-11-02")
    assert found.agreement is not None
    assert 0.9 < found.agreement < 1.0
    assert found.taken == (found.agreement >= min_agreement)
    learned = [tf.saved_model.load(one).training_rows.numpy().sum() for one in (judged, folder)]
    assert learned == [first, len(prepared.rows)]


def test_without_a_row_to_add_there_is_no_second_training(
    prepared: Prepared, transform_output: Any, judged: str, tmp_path: Path
) -> None:
    import tensorflow as tf

    from components.refitter.refitting import Rows, refit

    nothing = str(tmp_path / "nothing.gz")
    tf.io.TFRecordWriter(nothing, "GZIP").close()
    rows = Rows(prepared.files, [nothing], prepared.files, dt.date(2026, 11, 2))
    found = refit(linear(), rows, transform_output, judged, None, str(tmp_path / "second"))
    assert found.outcome == "not_made"
    assert "window.overlap_weeks" in found.words
    assert not (tmp_path / "second").exists()
    assert json.loads(found.to_json())["rows"] is None
