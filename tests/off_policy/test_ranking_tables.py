"""Tables of rankings, one row per position: by hand, in any order, and against the click models' formulas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter_bandit.off_policy.logged_table import evaluate
from tests.log_files import COLUMNS, options, write
from tests.off_policy.same_figures import same

RANKED = replace(COLUMNS, slate="slate", position="place")
# Rankings s (two places, weights 2 and 0.5) and t (one place, weight 0.4), their rows not in order.
TWO: dict[str, list[Any]] = {
    "slate": ["s", "t", "s"],
    "place": [2, 1, 1],
    "action": ["b", "a", "a"],
    "reward": [1.0, 1.0, 3.0],
    "p": [0.8, 0.5, 0.4],
    "pi": [0.4, 0.2, 0.8],
    "country": ["CH", "AT", "CH"],
}


@pytest.mark.parametrize(
    ("click_model", "name", "value"),
    [
        ("independent", "iips", (2.0 * 3.0 + 0.5 * 1.0 + 0.4) / 2.0),
        ("cascade", "rips", (2.0 * 3.0 + 2.0 * 0.5 * 1.0 + 0.4) / 2.0),
        ("standard", "sips", (2.0 * 0.5 * 4.0 + 0.4) / 2.0),
    ],
)
def test_values_of_rankings_by_hand(tmp_path: Path, click_model: str, name: str, value: float) -> None:
    found = evaluate([write(tmp_path / "log.csv", TWO)], RANKED, options(click_model=click_model))
    assert found.unit == "ranking"
    assert found.overall.weights.rows == 2
    assert found.overall.logged.value == pytest.approx(2.5)
    assert found.overall.estimates.keys() == {name, f"sn{name}"}
    assert found.overall.estimates[name].value == pytest.approx(value, abs=1e-12)


def test_slices_of_rankings(tmp_path: Path) -> None:
    columns = replace(RANKED, slices=("country",))
    found = evaluate([write(tmp_path / "log.csv", TWO)], columns, options(click_model="independent"))
    assert found.slices["country"]["CH"].estimates["iips"].value == pytest.approx(6.5)
    assert found.slices["country"]["AT"].estimates["iips"].value == pytest.approx(0.4)


@settings(max_examples=8)
@given(seed=st.integers(0, 1000), batch_rows=st.integers(1, 40))
def test_order_files_and_batches_do_not_change_the_figures(
    tmp_path_factory: pytest.TempPathFactory, seed: int, batch_rows: int
) -> None:
    folder = tmp_path_factory.mktemp("rankings")
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 5, 30)
    n = int(lengths.sum())
    log = {
        "slate": [f"s{i}" for i, length in enumerate(lengths) for _ in range(length)],
        "place": [place for length in lengths for place in range(length)],
        "action": rng.choice(["a", "b"], n).tolist(),
        "reward": rng.integers(0, 2, n).astype(float).tolist(),
        "p": rng.uniform(0.1, 1.0, n).tolist(),
        "pi": rng.uniform(0.0, 1.0, n).tolist(),
        "user": [f"u{i % 7}" for i, length in enumerate(lengths) for _ in range(length)],
    }
    columns = replace(RANKED, user="user")
    whole = evaluate([write(folder / "log.parquet", log)], columns, options(click_model="cascade"))
    mixed = rng.permutation(n)
    shuffled = {name: np.array(values)[mixed].tolist() for name, values in log.items()}
    half = n // 2
    files = [
        write(folder / "one.csv", {name: values[:half] for name, values in shuffled.items()}),
        write(folder / "two.csv", {name: values[half:] for name, values in shuffled.items()}),
    ]
    cut = evaluate(files, columns, options(click_model="cascade", batch_rows=batch_rows))
    same(replace(cut, files=()).to_dict(), replace(whole, files=()).to_dict())
