"""The Beam graph run in process over a day's predictions, into SQLite."""

from __future__ import annotations

from pathlib import Path

import apache_beam as beam

from components.bulk_inferrer.files import PredictionsWriter
from components.prediction_storer.counts import Counts
from components.prediction_storer.post_process import Row, Stamp
from components.prediction_storer.transforms import StorePredictions
from newsletter_bandit.settings.environment import SQLiteStore as Settings
from tests.prediction_storer.prediction_rows import RECOMMENDERS, STAMP, batch


def store_day(
    rows: list[Row],
    folder: Path,
    max_rejected_share: float = 0.1,
    shards: int = 3,
    rows_per_file: int = 7,
    stamp: Stamp = STAMP,
) -> Counts:
    """Runs the graph; the store is ``rankings.sqlite`` in ``folder``."""
    graph = StorePredictions(
        recommenders=RECOMMENDERS,
        stamp=stamp,
        store=Settings(kind="sqlite", path=str(folder / "rankings.sqlite")),
        max_rejected_share=max_rejected_share,
        dead_letters=str(folder / "dead_letters.jsonl"),
        counts=str(folder / "counts.json"),
        shards=shards,
    )
    with beam.Pipeline(argv=["--runner=FnApiRunner"]) as pipeline:
        _ = pipeline | beam.Create(files(rows, folder, rows_per_file)) | graph
    return Counts.from_json((folder / "counts.json").read_text())


def files(rows: list[Row], folder: Path, rows_per_file: int) -> list[str]:
    """The rows as BulkInferrer's files hold them."""
    paths = []
    for start in range(0, len(rows), rows_per_file):
        paths.append(str(folder / f"predictions-{start}.parquet"))
        with PredictionsWriter(paths[-1]) as writer:
            writer.write(batch(rows[start : start + rows_per_file]))
    return paths
