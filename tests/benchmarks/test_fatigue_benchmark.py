"""The fatigue benchmark in small: the same worlds with and without history."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import fatigue
from newsletter_bandit.settings.reading import load_use_case
from newsletter_bandit.simulation.loop import Setting


@pytest.mark.slow
def test_the_benchmark_in_small(tmp_path: Path) -> None:
    found = fatigue.measure(Setting(1, 600, warm_up_weeks=2, window_weeks=2), [1], 0.5, tmp_path)
    digests = {run.digest for runs in found.values() for run in runs}
    assert len(digests) == 1
    rows = fatigue.figures(found)
    assert [row["learner"] for row in rows] == ["boltzmann", "gradient_boosting"]
    for row in rows:
        assert row["added"] == pytest.approx(row["with history, gap"] - row["without history, gap"])
        assert row["std. error"] is None


def test_there_is_a_feature_for_each_recommender() -> None:
    shipped = load_use_case(fatigue.ROOT / "configs" / "newsletter.yaml")
    made = fatigue.with_history(shipped).history
    assert {one.recommender for one in made.values()} == set(shipped.recommenders)
