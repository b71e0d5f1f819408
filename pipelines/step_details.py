"""One phrase a step about what it produced, for the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def detail(step: str, outputs: Mapping[str, str]) -> str:
    """What ``step`` produced, from the folders of its output artifacts; empty where nothing is to be said."""
    describe = _DETAILS.get(step)
    return describe(outputs) if describe is not None and outputs else ""


def _json(folder: str, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((Path(folder) / name).read_text())
    return content


def _rows(outputs: Mapping[str, str]) -> str:
    from tensorflow_data_validation import load_stats_binary

    counts = []
    for split in sorted(Path(outputs["statistics"]).glob("Split-*"), reverse=True):
        (file,) = split.iterdir()
        statistics = load_stats_binary(str(file))
        counts.append(f"{statistics.datasets[0].num_examples:,} {split.name.removeprefix('Split-')}")
    return " and ".join(counts) + " rows"


def _size(outputs: Mapping[str, str]) -> str:
    files = [path for path in Path(outputs["examples"]).rglob("*.gz") if path.is_file()]
    return f"{sum(path.stat().st_size for path in files) / 1e6:.1f} MB of examples"


def _training(outputs: Mapping[str, str]) -> str:
    figures = _json(outputs["model_run"], "training.json")
    loss = f", loss {figures['loss']:.4f}" if "loss" in figures else ""
    return f"{figures['agent']} on {figures['rows']:,} rows{loss}"


def _verdict(outputs: Mapping[str, str]) -> str:
    verdict = _json(outputs["evaluation"], "verdict.json")
    words = str(verdict["verdict"]).replace("_", " ")
    return f"{words}, compared with {verdict['compared_with']}"


def _decision(outputs: Mapping[str, str]) -> str:
    return f"serves the {_json(outputs['decision'], 'decision.json')['policy'].replace('_', ' ')}"


def _publication(outputs: Mapping[str, str]) -> str:
    publication = _json(outputs["publication"], "publication.json")
    if publication["published"]:
        return f"{publication['version']} is in production"
    return f"nothing published: {publication['reason']}"


def _stored(outputs: Mapping[str, str]) -> str:
    summary = _json(outputs["summary"], "summary.json")
    return f"{summary['stored']:,} rankings stored, {summary['rejected']:,} rows refused"


_DETAILS: dict[str, Callable[[Mapping[str, str]], str]] = {
    "StatisticsGen": _rows,
    "DuckDBExampleGen": _size,
    "BigQueryExampleGen": _size,
    "Trainer": _training,
    "Evaluator": _verdict,
    "ServingModelResolver": _decision,
    "PushingFinalizer": _publication,
    "PredictionStorer": _stored,
}
