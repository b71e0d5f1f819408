"""StatisticsGen's product: the number of rows in each split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tensorflow_data_validation as tfdv

# File name that TFX's readers of statistics look for.
FILE = "FeatureStats.pb"


@dataclass(frozen=True)
class RowCounts:
    """Rows by split, in the order in which they are shown."""

    rows: Mapping[str, int]

    @classmethod
    def of(cls, outputs: Mapping[str, str]) -> RowCounts:
        """The counts in the step's output folders."""
        rows = {}
        for split in sorted(Path(outputs["statistics"]).glob("Split-*"), reverse=True):
            (file,) = split.iterdir()
            statistics = tfdv.load_stats_binary(str(file))
            rows[split.name.removeprefix("Split-")] = int(statistics.datasets[0].num_examples)
        return cls(rows)

    @property
    def phrase(self) -> str:
        """Such as "8,000 train and 2,000 eval rows"."""
        return " and ".join(f"{count:,} {split}" for split, count in self.rows.items()) + " rows"

    @property
    def figures(self) -> dict[str, int]:
        """Rows by the name of the split."""
        return {f"{split}_rows": count for split, count in self.rows.items()}
