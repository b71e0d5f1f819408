"""Small logged tables as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from newsletter_bandit.off_policy.logged_table import Bounds, Columns, Options

FOUR_ROWS: dict[str, list[Any]] = {
    "action": ["a", "a", "b", "b"],
    "reward": [1.0, 0.0, 1.0, 0.0],
    "p": [0.5, 0.5, 0.25, 0.25],
    "pi": [0.8, 0.8, 0.2, 0.1],
    "expected": [0.5, 0.5, 0.5, 0.5],
    "q": [0.5, 0.5, 0.4, 0.4],
}
COLUMNS = Columns("action", "reward", "p", "pi")
# Bounds that any log holds, where a test is about something else.
ANY = Bounds(min_rows=1, min_effective_sample_size=1, max_weight=1e9, mean_weight_tolerance=1e9, min_users=1)


def write(path: Path, content: Mapping[str, Sequence[Any]]) -> Path:
    """Writes a table as the suffix says."""
    table = pa.table({name: pa.array(values) for name, values in content.items()})
    if path.name.endswith(".parquet"):
        pyarrow.parquet.write_table(table, path)
    else:
        pyarrow.csv.write_csv(table, path)
    return path


def random_log(seed: int, n: int) -> dict[str, list[Any]]:
    """Rows of two loggers over three actions, whose policy depends on the segment, and a user in about two
    rows.
    """
    rng = np.random.default_rng(seed)
    segment = rng.choice(["x", "y"], n)
    version = rng.choice(["v1", "v2"], n)
    policies = {
        ("x", "v1"): (0.6, 0.3, 0.1),
        ("y", "v1"): (0.2, 0.2, 0.6),
        ("x", "v2"): (0.3, 0.3, 0.4),
        ("y", "v2"): (0.5, 0.2, 0.3),
    }
    logging = np.array([policies[pair] for pair in zip(segment, version, strict=True)])
    action = (rng.random(n)[:, None] > np.cumsum(logging, axis=1)[:, :-1]).sum(axis=1)
    best = np.where(segment == "x", 0, 2)
    evaluated = np.full((n, 3), 0.1)
    evaluated[np.arange(n), best] = 0.8
    reward = (rng.random(n) < np.where(action == best, 0.5, 0.2)).astype(float)
    names = np.array(["a", "b", "c"])
    return {
        "user": [f"u{i}" for i in rng.integers(0, max(n // 2, 1), n)],
        "segment": segment.tolist(),
        "age": rng.normal(40.0, 12.0, n).round(3).tolist(),
        "version": version.tolist(),
        "action": names[action].tolist(),
        "reward": reward.tolist(),
        "p": logging[np.arange(n), action].tolist(),
        "pi": evaluated[np.arange(n), action].tolist(),
        "best": names[best].tolist(),
        **{f"pi_{name}": evaluated[:, index].tolist() for index, name in enumerate(names)},
    }


def options(**changes: Any) -> Options:
    """Options with bounds that any log holds."""
    return Options(**{"bounds": ANY} | changes)


def nearly_unsupported() -> dict[str, list[Any]]:
    """10,000 rows of a log that took the policy's action twice."""
    n = 10_000
    taken = ["other"] * n
    taken[17] = taken[5000] = "mine"
    p = [0.9998 if action == "other" else 0.0002 for action in taken]
    pi = [0.0 if action == "other" else 1.0 for action in taken]
    return {"action": taken, "reward": [i % 3 == 0 for i in range(n)], "p": p, "pi": pi}
