"""Logged tf.Examples as columns: outcomes, slices and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from newsletter_bandit.errors import DataError

pytestmark = pytest.mark.pipeline

ROW: dict[str, Any] = {"reward": [1.0], "propensity": [0.5], "clicked": [1], "unsubscribed": [0]}
USERS = np.array([[b"u1"], [b"u2"], [b"u3"]], dtype=object)


def decoded(*rows: dict[str, Any]) -> Any:
    import tensorflow as tf

    from components.example_gen.example_files import Decoder

    def feature(values: list[Any]) -> tf.train.Feature:
        if values and isinstance(values[0], bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        if values and isinstance(values[0], int):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))

    examples = [
        tf.train.Example(
            features=tf.train.Features(feature={name: feature(values) for name, values in row.items()})
        ).SerializeToString()
        for row in rows
    ]
    return Decoder()(np.array(examples, dtype=object))


def test_an_outcome_is_one_number_of_each_kind() -> None:
    from components.evaluator.logged_examples import outcome

    found = outcome(decoded(ROW, ROW | {"reward": [-1.0], "unsubscribed": [1]}), USERS[:2])
    assert found.reward.tolist() == [1.0, -1.0]
    assert found.propensity.tolist() == [0.5, 0.5]
    assert (found.clicked.tolist(), found.unsubscribed.tolist()) == ([1, 1], [0, 1])
    assert found.user_id.tolist() == [b"u1", b"u2"]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"reward": [1.0, 0.0]}, "user u2: reward has 2 values; allowed: exactly one number"),
        ({"propensity": []}, "user u2: propensity has 0 values"),
    ],
)
def test_rows_without_exactly_one_value_are_refused(second: dict[str, Any], message: str) -> None:
    from components.evaluator.logged_examples import outcome

    with pytest.raises(DataError, match=message):
        outcome(decoded(ROW, ROW | second, ROW), USERS)


def test_a_column_that_no_row_has_is_refused() -> None:
    from components.evaluator.logged_examples import outcome

    without = {name: values for name, values in ROW.items() if name != "clicked"}
    with pytest.raises(DataError, match="user u1: clicked has 0 values"):
        outcome(decoded(without, without), USERS[:2])


def test_text_where_a_number_should_be_is_refused() -> None:
    from components.evaluator.logged_examples import outcome

    with pytest.raises(DataError, match=r"reward holds .*binary; allowed: numbers"):
        outcome(decoded(ROW | {"reward": [b"1"]}), USERS[:1])


def test_slices_are_the_whole_and_each_value_without_those_who_have_none() -> None:
    from components.evaluator.logged_examples import slices

    rows = decoded(
        ROW | {"country": [b"CH"], "has_app": [1]},
        ROW | {"has_app": [0]},
        ROW | {"country": [b"AT"], "has_app": [1]},
        ROW | {"country": [b"CH"]},
    )
    found = {key: index.tolist() for key, index in slices(rows, ("country", "has_app", "nowhere"))}
    assert found == {
        (): [0, 1, 2, 3],
        (("country", "CH"),): [0, 3],
        (("country", "AT"),): [2],
        (("has_app", 1),): [0, 2],
        (("has_app", 0),): [1],
    }
