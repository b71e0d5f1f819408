"""A step's product: as a phrase for the terminal, as numbers for the run's report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def detail(step: str, outputs: Mapping[str, str]) -> str:
    """The product of ``step`` as a phrase, from the folders of its output artifacts; empty for some steps."""
    describe = _DETAILS.get(step)
    return describe(outputs) if describe is not None and outputs else ""


def figures(step: str, outputs: Mapping[str, str]) -> dict[str, int]:
    """Rows, bytes and users of what ``step`` did, by name; empty where it counts nothing."""
    count = _FIGURES.get(step)
    return count(outputs) if count is not None and outputs else {}


def _json(folder: str, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((Path(folder) / name).read_text())
    return content


def _row_counts(outputs: Mapping[str, str]) -> dict[str, int]:
    from tensorflow_data_validation import load_stats_binary

    counts = {}
    for split in sorted(Path(outputs["statistics"]).glob("Split-*"), reverse=True):
        (file,) = split.iterdir()
        statistics = load_stats_binary(str(file))
        counts[f"{split.name.removeprefix('Split-')}_rows"] = int(statistics.datasets[0].num_examples)
    return counts


def _rows(outputs: Mapping[str, str]) -> str:
    counts = _row_counts(outputs).items()
    return " and ".join(f"{count:,} {name.removesuffix('_rows')}" for name, count in counts) + " rows"


def _bytes(outputs: Mapping[str, str]) -> dict[str, int]:
    files = [path for path in Path(outputs["examples"]).rglob("*.gz") if path.is_file()]
    return {"bytes_written": sum(path.stat().st_size for path in files)}


def _size(outputs: Mapping[str, str]) -> str:
    return f"{_bytes(outputs)['bytes_written'] / 1e6:.1f} MB of examples"


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

_FIGURES: dict[str, Callable[[Mapping[str, str]], dict[str, int]]] = {
    "StatisticsGen": _row_counts,
    "DuckDBExampleGen": _bytes,
    "BigQueryExampleGen": _bytes,
    "Trainer": lambda outputs: {"rows": int(_json(outputs["model_run"], "training.json")["rows"])},
    "PredictionStorer": lambda outputs: {
        f"users_{name}": int(_json(outputs["summary"], "summary.json")[name])
        for name in ("read", "stored", "rejected")
    },
}
