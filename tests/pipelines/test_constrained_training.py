"""Constraints through the whole pipeline: what is judged is what is published, and what is stored."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from newsletter_bandit.registry import Registry
from newsletter_bandit.settings.reading import load_environment, load_use_case
from newsletter_bandit.settings.run_day import TrainingDays
from pipelines.local.running import predict, train
from pipelines.workspace import Workspace
from tests.local_files import rankings_file, warehouse_file
from tests.small_newsletter import CONFIGS, write_settings

pytestmark = pytest.mark.pipeline

RUN_DATE = dt.date(2026, 11, 23)
NEWSLETTERS, USERS = 16_000, 3_000
CONSTRAINTS = [
    {"term": "unsubscribed", "at_most": 5.0, "of": "logging_policy"},
    {"recommender": "bestsellers", "share_at_most": 0.1},
    {"recommender": "community_picks", "share_at_least": 0.1},
]


def test_what_is_judged_is_published_and_stored(tmp_path: Path) -> None:
    import tensorflow as tf

    from newsletter_bandit.simulation.traffic import INFERENCE_FILE, TRAINING_FILE, simulate, write
    from newsletter_bandit.warehouse.ingest import ingest

    path = write_settings(
        tmp_path,
        agent={"type": "lin_ucb"},
        warm_start={"enabled": False},
        constraints=CONSTRAINTS,
        constraint_search={"share_tolerance": 0.02},
        gate={"min_effective_sample_size": 50, "max_weight": 1000, "allowed_margin": "90%"},
        explanation={"scored_rows": 0},
    )
    use_case = load_use_case(path)
    environment = load_environment(CONFIGS / "environments" / "local.yaml").in_workdir(tmp_path, use_case)
    write(tmp_path / "raw", *simulate(use_case, NEWSLETTERS, USERS, RUN_DATE, seed=7))
    ingest(warehouse_file(environment), use_case, "training", [tmp_path / "raw" / TRAINING_FILE])
    ingest(warehouse_file(environment), use_case, "inference", [tmp_path / "raw" / INFERENCE_FILE])
    workspace = Workspace(use_case, path, environment, tmp_path)
    outcome = train(workspace, TrainingDays.of(use_case, RUN_DATE), lambda _: None)

    assert outcome.verdict.failed == ()
    found = outcome.metrics.constraints
    assert found is not None
    assert [limit.name for limit in found.limits] == [limit.name for limit in use_case.limits]
    assert set(outcome.metrics.overall.limits) == {limit.name for limit in use_case.limits}
    assert outcome.decision.offsets == found.offsets
    assert outcome.decision.offsets["bestsellers"] < 0.0 < outcome.decision.offsets["community_picks"]
    assert "What the constraints cost" in outcome.report.read_text()

    registry = Registry(environment.registry, use_case.name)
    model = tf.saved_model.load(f"{registry.current_model_uri()}/Format-Serving")
    names = [name.decode() for name in model.recommender_names.numpy()]
    offsets = dict(zip(names, model.recommender_offsets.numpy().tolist(), strict=True))
    assert {name: value for name, value in offsets.items() if value} == pytest.approx(found.offsets)
    multipliers = dict(zip(use_case.constrained_terms, model.term_multipliers.numpy().tolist(), strict=True))
    assert multipliers == pytest.approx(found.multipliers)

    predict(workspace, RUN_DATE, lambda _: None)
    with sqlite3.connect(rankings_file(environment)) as connection:
        rankings = connection.execute("SELECT recommenders FROM rankings").fetchall()
    first = Counter(json.loads(row[0])[0] for row in rankings)
    assert sum(first.values()) == USERS
    assert first["bestsellers"] / USERS < 0.1 + 0.02
    assert first["community_picks"] / USERS > 0.1 - 0.02
