"""TFDV's statistics of the training rows as the registry keeps them: the features alone."""

from __future__ import annotations

import os

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.statistics_gen.produced import FILE
from newsletter_bandit.registry.evidence import FeatureStatistics, Statistics
from newsletter_bandit.settings.use_case import UseCase


def read(split: str, use_case: UseCase) -> Statistics:
    """The statistics of a split.

    Args:
      split: folder of the split in StatisticsGen's artifact, on this machine or in a bucket.
      use_case: names the features.
    """
    (found,) = tfdv.load_stats_binary(os.path.join(split, FILE)).datasets
    return of(found, use_case)


def of(found: statistics_pb2.DatasetFeatureStatistics, use_case: UseCase) -> Statistics:
    """The statistics of the use case's features."""
    rows = int(found.num_examples)
    by_name = {feature.path.step[0]: feature for feature in found.features}
    return Statistics(
        rows,
        {
            name: _feature(by_name.get(name), rows, setting.type)
            for name, setting in use_case.features.items()
        },
    )


def _feature(found: statistics_pb2.FeatureNameStatistics | None, rows: int, kind: str) -> FeatureStatistics:
    common = None if found is None else getattr(found, found.WhichOneof("stats")).common_stats
    present = 0 if common is None else int(common.num_non_missing)
    missing = rows - present
    if kind in ("string", "bool"):
        values = _values(found, present, kind) if found is not None and present else []
        listed = tuple(sorted(values, key=lambda one: (-one[1], one[0])))
        distinct = found.string_stats.unique if found is not None and kind == "string" else len(listed)
        return FeatureStatistics("values", missing, listed, int(distinct))
    return FeatureStatistics("numbers", missing, buckets=_buckets(found) if present else ())


def _values(found: statistics_pb2.FeatureNameStatistics, present: int, kind: str) -> list[tuple[str, int]]:
    if kind == "string":
        return [(one.label, round(one.sample_count)) for one in found.string_stats.rank_histogram.buckets]
    # A bool is 0 or 1, of which TFDV takes the mean.
    true = round(found.num_stats.mean * present)
    return [(word, rows) for word, rows in (("true", true), ("false", present - true)) if rows]


def _buckets(
    found: statistics_pb2.FeatureNameStatistics | None,
) -> tuple[tuple[float, float, float], ...]:
    merged: list[tuple[float, float, float]] = []
    for histogram in () if found is None else found.num_stats.histograms:
        if histogram.type != statistics_pb2.Histogram.QUANTILES:
            continue
        for bucket in histogram.buckets:
            low, high, rows = bucket.low_value, bucket.high_value, bucket.sample_count
            if merged and merged[-1][0] == high:  # as low as the one before, which is no wider then
                rows += merged.pop()[2]
            merged.append((low, high, rows))
    return tuple(merged)
