"""Transform's output, compared with the same computed in NumPy."""

from __future__ import annotations

import collections

import numpy as np
import pytest

from components.transform.layout import Layout
from tests.tiny import Prepared


@pytest.fixture(scope="module")
def transformed(prepared: Prepared) -> dict[str, np.ndarray]:
    """The tiny rows through the Transform graph, in their order."""
    import tensorflow as tf
    import tensorflow_transform as tft

    output = tft.TFTransformOutput(prepared.transform_output)
    layer = output.transform_features_layer()
    raw = tf.io.parse_example(tf.constant(prepared.serialized), output.raw_feature_spec())
    return {name: tensor.numpy() for name, tensor in layer(raw).items()}


def column(prepared: Prepared, name: str) -> np.ndarray:
    return np.array([np.nan if row[name] is None else row[name] for row in prepared.rows], float)


def z_score(x: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(x), 0.0, (x - np.nanmean(x)) / np.nanstd(x))


def test_layout_names_the_packed_columns(prepared: Prepared) -> None:
    layout = Layout.of(prepared.use_case)
    assert layout.numeric_features == ("height", "weight", "member")
    assert layout.categorical_features == ("colour",)
    assert layout.embedding_dims == (2,)
    assert layout.numeric_width == 6


def test_numbers_are_scaled_and_missing_ones_marked(
    prepared: Prepared, transformed: dict[str, np.ndarray]
) -> None:
    numeric = transformed["numeric"]
    height, weight, member = (column(prepared, name) for name in ("height", "weight", "member"))
    np.testing.assert_allclose(numeric[:, 0], z_score(height), atol=1e-4)
    np.testing.assert_allclose(numeric[:, 1], z_score(np.log1p(weight)), atol=1e-4)
    np.testing.assert_array_equal(numeric[:, 2], np.nan_to_num(member))
    for position, values in enumerate((height, weight, member)):
        np.testing.assert_array_equal(numeric[:, 3 + position], np.isnan(values))
    assert np.isnan(height).any()


def test_strings_are_numbered_by_frequency_with_missing_as_a_value(
    prepared: Prepared, transformed: dict[str, np.ndarray]
) -> None:
    colours = [row["colour"] for row in prepared.rows]
    index: dict[str | None, set[int]] = collections.defaultdict(set)
    for colour, number in zip(colours, transformed["categorical"][:, 0], strict=True):
        index[colour].add(int(number))
    assert all(len(numbers) == 1 for numbers in index.values())
    ranked = [colour for colour, _ in collections.Counter(colours).most_common()]
    assert [index[colour].pop() for colour in ranked] == [0, 1, 2, 3]
    assert ranked[-1] is None


def test_labels_and_eligibility(prepared: Prepared, transformed: dict[str, np.ndarray]) -> None:
    names = prepared.use_case.recommenders
    for i, row in enumerate(prepared.rows[:50]):
        assert transformed["action"][i, 0] == names.index(row["recommender"])
        assert transformed["propensity"][i, 0] == pytest.approx(row["propensity"])
        assert transformed["reward"][i, 0] == row["reward"]
        allowed = row["eligible_recommenders"] or names
        assert transformed["eligible"][i].tolist() == [int(name in allowed) for name in names]
