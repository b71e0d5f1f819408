"""TFDV's distances of statistics that are made by hand, and its statistics as the registry keeps them."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from newsletter_bandit.registry.evidence import FeatureStatistics, Statistics
from tests.tiny import encode, make_rows, make_use_case


def values(**rows: int) -> FeatureStatistics:
    """A feature with so many rows of each value."""
    listed = tuple(sorted(rows.items(), key=lambda one: -one[1]))
    return FeatureStatistics("values", 0, listed, len(listed))


def numbers(*buckets: tuple[float, float, float]) -> FeatureStatistics:
    return FeatureStatistics("numbers", 0, buckets=buckets)


def divergence(p: list[float], q: list[float]) -> float:
    """Jensen-Shannon divergence, base 2: Lin (1991), formula 3.1."""

    def entropy(shares: list[float]) -> float:
        return -sum(share * math.log2(share) for share in shares if share)

    mean = [(one + other) / 2 for one, other in zip(p, q, strict=True)]
    return entropy(mean) - (entropy(p) + entropy(q)) / 2


def test_distances_are_those_of_the_formulas() -> None:
    from components.drift_detector.distances import distances

    before = Statistics(
        1000,
        {
            "moved": values(red=500, green=300, blue=200),
            "same": values(red=500, green=500),
            "other": values(red=1000),
            "halves": numbers((0.0, 1.0, 500.0), (1.0, 2.0, 500.0)),
            "equal": numbers((0.0, 1.0, 500.0), (1.0, 2.0, 500.0)),
            "apart": numbers((0.0, 1.0, 1000.0)),
            # Half of the rows are 0: no bucket has a width there.
            "spike": numbers((0.0, 0.0, 500.0), (0.0, 4.0, 500.0)),
        },
    )
    now = Statistics(
        500,
        {
            "moved": values(red=150, green=150, blue=200),
            "same": values(red=250, green=250),
            "other": values(blue=500),
            "halves": numbers((0.0, 1.0, 125.0), (1.0, 2.0, 375.0)),
            # The same distribution, cut elsewhere.
            "equal": numbers((0.0, 0.5, 125.0), (0.5, 1.5, 250.0), (1.5, 2.0, 125.0)),
            "apart": numbers((5.0, 6.0, 500.0)),
            "spike": numbers((0.0, 0.0, 125.0), (0.0, 4.0, 375.0)),
        },
    )
    found = distances(before, now)
    assert found == {
        "moved": pytest.approx(0.2),
        "same": 0.0,
        "other": 1.0,
        "halves": pytest.approx(divergence([0.5, 0.5], [0.25, 0.75])),
        "equal": pytest.approx(0.0, abs=1e-9),
        "apart": pytest.approx(1.0),
        "spike": pytest.approx(divergence([0.5, 0.5], [0.25, 0.75])),
    }


def test_what_cannot_be_compared_has_no_distance() -> None:
    from components.drift_detector.distances import distances

    empty = FeatureStatistics("values", 100)
    before = Statistics(100, {"empty": values(a=100), "changed": values(a=100)})
    now = Statistics(100, {"empty": empty, "changed": numbers((0.0, 1.0, 100.0)), "new": values(a=100)})
    assert distances(before, now) == {}


def test_a_shift_by_half_a_standard_deviation_is_at_the_default_bound() -> None:
    """As docs and settings say of the default."""
    from components.drift_detector.distances import distances
    from newsletter_bandit.settings.drift import DriftBounds

    rng = np.random.default_rng(1)

    def rows(mean: float) -> Statistics:
        drawn = np.quantile(rng.normal(mean, 1.0, 20_000), np.linspace(0.0, 1.0, 101))
        buckets = ((float(low), float(high), 200.0) for low, high in itertools.pairwise(drawn))
        return Statistics(20_000, {"x": numbers(*buckets)})

    bound = DriftBounds().max_numeric_distance
    assert distances(rows(0.0), rows(0.0))["x"] < bound / 10
    assert distances(rows(0.0), rows(0.4))["x"] < bound < distances(rows(0.0), rows(0.7))["x"]


def test_neither_an_extreme_value_nor_a_frequent_one_is_a_drift() -> None:
    from components.drift_detector.distances import distances

    before = {
        "extreme": numbers((0.0, 1.0, 500.0), (1.0, 2.0, 500.0)),
        # Numbers that all lie where deciles do.
        "whole": numbers(*((float(n), float(n), 100.0) for n in range(10))),
        "constant": numbers((3.0, 3.0, 1000.0)),
    }
    now = {
        "extreme": numbers((0.0, 1.0, 500.0), (1.0, 2.0, 498.0), (2.0, 1e9, 2.0)),
        "whole": numbers(*((float(n), float(n), 101.0 if n < 5 else 99.0) for n in range(10))),
        "constant": numbers((2.0, 2.0, 1000.0)),
    }
    found = distances(Statistics(1000, before), Statistics(1000, now))
    assert found["extreme"] < 0.005
    assert found["whole"] < 0.001
    assert found["constant"] == pytest.approx(1.0)


def test_the_registry_keeps_the_features_alone(tmp_path: Path) -> None:
    from tensorflow_data_validation.statistics import stats_impl
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    from components.drift_detector.statistics import read

    use_case = make_use_case()
    rows = make_rows(400, seed=1)
    batch = ExamplesToRecordBatchDecoder().DecodeBatch([encode(row) for row in rows])
    split = tmp_path / "Split-train"
    split.mkdir()
    (split / "FeatureStats.pb").write_bytes(
        stats_impl.generate_statistics_in_memory(batch).SerializeToString()
    )
    found = read(str(split), use_case)
    assert found.rows == 400
    assert list(found.features) == list(use_case.features)  # neither users nor what they did
    colours = [row["colour"] for row in rows if row["colour"] is not None]
    expected = sorted(((colour, colours.count(colour)) for colour in set(colours)), key=lambda one: -one[1])
    assert list(found.features["colour"].values) == expected
    assert (found.features["colour"].missing, found.features["colour"].is_whole) == (400 - len(colours), True)
    members = [row["member"] for row in rows if row["member"] is not None]
    assert dict(found.features["member"].values) == {
        "true": sum(members),
        "false": len(members) - sum(members),
    }
    heights = [row["height"] for row in rows if row["height"] is not None]
    buckets = found.features["height"].buckets
    assert (buckets[0][0], buckets[-1][1]) == (
        pytest.approx(min(heights), rel=1e-6),
        pytest.approx(max(heights), rel=1e-6),
    )
    assert sum(bucket[2] for bucket in buckets) == pytest.approx(len(heights), rel=0.01)
    # A record like any other.
    found.write(tmp_path)
    assert Statistics.read(tmp_path) == found
