"""Statistics that are made by hand, of the tiny use case's features in two windows."""

from __future__ import annotations

from pathlib import Path

from newsletter_bandit.registry.evidence import FeatureStatistics, Statistics

BEFORE = Statistics(
    1000,
    {
        "colour": FeatureStatistics("values", 0, (("red", 650), ("green", 300), ("blue", 50)), 3),
        "height": FeatureStatistics("numbers", 0, buckets=((150.0, 160.0, 1000.0),)),
        "member": FeatureStatistics("values", 0, (("true", 500), ("false", 500)), 2),
    },
)
# Two tenths less red, a new pink, no blue any more; as high as before; weighed for the first time; half of
# the memberships are unknown.
NOW = Statistics(
    1000,
    {
        "colour": FeatureStatistics("values", 0, (("green", 450), ("red", 450), ("pink", 100)), 3),
        "height": FeatureStatistics("numbers", 0, buckets=((150.0, 160.0, 1000.0),)),
        "weight": FeatureStatistics("numbers", 0, buckets=((50.0, 90.0, 1000.0),)),
        "member": FeatureStatistics("values", 500, (("false", 250), ("true", 250)), 2),
    },
)


def statistics_file(found: Statistics, split: Path) -> None:
    """Writes the statistics as StatisticsGen does."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    written = statistics_pb2.DatasetFeatureStatisticsList()
    rows = written.datasets.add(num_examples=found.rows)
    for name, one in found.features.items():
        feature = rows.features.add()
        feature.path.step.append(name)
        if name == "member":
            stats = feature.num_stats
            stats.mean = dict(one.values)["true"] / (found.rows - one.missing)
        elif one.kind == "values":
            stats = feature.string_stats
            stats.unique = one.distinct
            for value, sample in one.values:
                stats.rank_histogram.buckets.add(label=value, sample_count=sample)
        else:
            stats = feature.num_stats
            histogram = stats.histograms.add(type=statistics_pb2.Histogram.QUANTILES)
            for low, high, sample in one.buckets:
                histogram.buckets.add(low_value=low, high_value=high, sample_count=sample)
        stats.common_stats.num_missing = one.missing
        stats.common_stats.num_non_missing = found.rows - one.missing
    split.mkdir(parents=True)
    (split / "FeatureStats.pb").write_bytes(written.SerializeToString())
