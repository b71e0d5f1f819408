"""TFDV's distances between two windows' features.

See `FeatureComparator` in TensorFlow Metadata's schema.proto: the L-infinity norm of two vectors of shares,
and the Jensen-Shannon divergence to the base 2, from "Divergence Measures Based on the Shannon Entropy" by
Lin (1991).

Numbers are counted between the deciles of the earlier window, at each decile, and beyond both ends: so
neither an extreme value nor a number that many rows have makes a distance by its mere position.
"""

from __future__ import annotations

import math
from itertools import pairwise

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from newsletter_bandit.registry.evidence import FeatureStatistics, Statistics

# Neither distance is larger, so nothing is an anomaly: TFDV measures, and the settings' bounds decide.
_LARGEST = 1.0
_DECILES = tuple(tenth / 10 for tenth in range(11))


def distances(before: Statistics, now: Statistics) -> dict[str, float]:
    """Distance by feature, in [0, 1]: L-infinity of values, Jensen-Shannon of numbers.

    Features that one side does not know, knows as another kind or has no value of are left out.
    """
    pairs = {
        name: (before.features[name], one)
        for name, one in now.features.items()
        if name in before.features and _comparable(before, before.features[name], now, one)
    }
    if not pairs:
        return {}
    schema = schema_pb2.Schema()
    was, is_now = (statistics_pb2.DatasetFeatureStatisticsList() for _ in range(2))
    earlier = was.datasets.add(num_examples=before.rows)
    later = is_now.datasets.add(num_examples=now.rows)
    for name, (old, new) in pairs.items():
        kind = schema_pb2.BYTES if new.kind == "values" else schema_pb2.FLOAT
        comparator = schema.feature.add(name=name, type=kind).drift_comparator
        if new.kind == "values":
            comparator.infinity_norm.threshold = _LARGEST
            _add_values(earlier, name, old)
            _add_values(later, name, new)
        else:
            comparator.jensen_shannon_divergence.threshold = _LARGEST
            cuts = sorted({old.below(share) for share in _DECILES})
            _add_numbers(earlier, name, old, cuts)
            _add_numbers(later, name, new, cuts)
    anomalies = tfdv.validate_statistics(is_now, schema, previous_statistics=was)
    return {
        one.path.step[0]: float(one.drift_measurements[0].value)
        for one in anomalies.drift_skew_info
        if one.drift_measurements
    }


def _comparable(before: Statistics, was: FeatureStatistics, now: Statistics, one: FeatureStatistics) -> bool:
    return was.kind == one.kind and was.missing < before.rows and one.missing < now.rows


def _add_values(dataset: statistics_pb2.DatasetFeatureStatistics, name: str, one: FeatureStatistics) -> None:
    feature = _added(dataset, name)
    feature.type = statistics_pb2.FeatureNameStatistics.STRING
    for rank, (value, rows) in enumerate(one.values):
        feature.string_stats.rank_histogram.buckets.add(
            low_rank=rank, high_rank=rank, label=value, sample_count=rows
        )
    _count(feature.string_stats.common_stats, dataset.num_examples, one.missing)


def _add_numbers(
    dataset: statistics_pb2.DatasetFeatureStatistics, name: str, one: FeatureStatistics, cuts: list[float]
) -> None:
    """Adds the rows below the first cut, at it, between it and the next, and so on, as buckets of width 1."""
    feature = _added(dataset, name)
    feature.type = statistics_pb2.FeatureNameStatistics.FLOAT
    histogram = feature.num_stats.histograms.add(type=statistics_pb2.Histogram.STANDARD)
    ends = [rows for cut in cuts for rows in (one.rows_below(cut), one.rows_up_to(cut))]
    counts = [end - start for start, end in pairwise([0.0, *ends, one.rows_up_to(math.inf)])]
    for place, rows in enumerate(counts):
        histogram.buckets.add(low_value=place, high_value=place + 1, sample_count=max(rows, 0.0))
    _count(feature.num_stats.common_stats, dataset.num_examples, one.missing)


def _added(
    dataset: statistics_pb2.DatasetFeatureStatistics, name: str
) -> statistics_pb2.FeatureNameStatistics:
    feature = dataset.features.add()
    feature.path.step.append(name)
    return feature


def _count(common: statistics_pb2.CommonStatistics, rows: int, missing: int) -> None:
    common.num_missing, common.num_non_missing = missing, rows - missing
    common.min_num_values = common.max_num_values = 1
