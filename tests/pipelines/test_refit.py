"""A refit through the whole pipeline: on all rows but those by which the next window judges.

Two weeks, of which the next window holds the second one as well.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.example_gen.partition import BUCKETS, eval_buckets, split_of
from newsletter_bandit.registry import Registry
from newsletter_bandit.registry.evidence import Refitted
from newsletter_bandit.settings.reading import load_environment, load_use_case
from newsletter_bandit.settings.run_day import TrainingDays
from newsletter_bandit.warehouse.ingest import ingest
from pipelines.cli import summary
from pipelines.cli.warehouse import write_schema
from pipelines.local.running import TrainingOutcome, train
from pipelines.workspace import Workspace
from tests.local_files import warehouse_file

pytestmark = pytest.mark.pipeline

ROOT = Path(__file__).parents[2]
FIRST = dt.date(2026, 1, 5)
RUN_DATE = dt.date(2026, 1, 19)
USERS, COLOURS, LIKED_BY = 2_000, ("red", "green", "blue"), {"a": "red", "b": "green", "c": "blue"}
SETTINGS = """\
name: shop
recommenders: [a, b, c]
default_ranking: [a]
tables: {training: shop.training, inference: shop.inference}
features: {colour: {type: string, max_vocabulary: 8, embedding_dim: 2}}
reward: {terms: {clicked: 1}}
attribution_days: 0
window: {weeks: 2, overlap_weeks: 1, anchor: 2026-01-05}
eval_share: 0.4
agent: {type: lin_ucb, alpha: 0.1, l2: 1.0}
exploration: {epsilon: 0.2, max_cost: 90%}
gate: {min_rows: 500, allowed_margin: 30%, max_unsubscribe_ratio: null, min_auc: 0.0, max_auc_drop: 1.0}
explanation: {scored_rows: 0}
freshness: {max_input_age_days: null}
refit: all_rows
"""


@dataclass
class Trained:
    """A shop after its first training."""

    workspace: Workspace
    outcome: TrainingOutcome

    @property
    def registry(self) -> Registry:
        return Registry(self.workspace.environment.registry, "shop")

    @property
    def version(self) -> str:
        return str(self.outcome.publication.version)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("shop")
    path = folder / "shop.yaml"
    path.write_text(SETTINGS)
    use_case = load_use_case(path)
    environment = load_environment(ROOT / "configs" / "environments" / "local.yaml")
    work = folder / "work"
    workspace = Workspace(use_case, path, environment.in_workdir(work, use_case), work)
    pq.write_table(log(), folder / "log.parquet")
    warehouse = warehouse_file(workspace.environment)
    assert ingest(warehouse, use_case, "training", [folder / "log.parquet"]).rejected == 0
    write_schema(workspace)
    return Trained(workspace, trained(workspace))


def trained(workspace: Workspace) -> TrainingOutcome:
    return train(workspace, TrainingDays.of(workspace.use_case, RUN_DATE), lambda _: None)


def log() -> pa.Table:
    """Two campaigns, each to everybody, filled at random."""
    rng, parts = np.random.default_rng(3), []
    for week in range(2):
        day = FIRST + dt.timedelta(weeks=week)
        shown = rng.choice(list(LIKED_BY), USERS).tolist()
        likes = np.array([LIKED_BY[name] == COLOURS[user % 3] for user, name in enumerate(shown)])
        clicked = rng.random(USERS) < np.where(likes, 0.4, 0.1)
        parts.append(
            pa.table(
                {
                    "user_id": [f"u{user}" for user in range(USERS)],
                    "campaign": [f"{day:%G-W%V}"] * USERS,
                    "eligible_recommenders": pa.array([[]] * USERS, pa.list_(pa.string())),
                    "colour": [COLOURS[user % 3] for user in range(USERS)],
                    "sent_at": [dt.datetime.combine(day, dt.time(9), dt.UTC)] * USERS,
                    "recommender": shown,
                    "propensity": [1 / 3] * USERS,
                    "policy_version": ["uniform"] * USERS,
                    "clicked": clicked.tolist(),
                    "unsubscribed": [False] * USERS,
                }
            )
        )
    return pa.concat_tables(parts)


def held_out() -> int:
    buckets = eval_buckets(0.4)
    bounds = (BUCKETS - buckets, BUCKETS)
    return sum(split_of(f"u{user}".encode(), bounds) for user in range(USERS))


def learned_from(folder: str) -> int:
    """Rows that a SavedModel of the registry learned from."""
    import tensorflow as tf

    return int(tf.saved_model.load(f"{folder}/Format-Serving").training_rows.numpy().sum())


def test_a_refit_learns_from_all_rows_but_those_that_judge_next(shop: Trained) -> None:
    found = shop.outcome.refit
    assert found is not None
    assert found.taken, found.words
    # Of the held-out users, the first campaign alone.
    assert found.held_out_rows == held_out()
    assert found.rows == 2 * USERS - held_out()
    assert (found.users, found.held_out_until) == (held_out(), "2026-01-12")
    assert summary.refit(found).startswith(
        f"[bold green]Refit:[/] on {found.rows:,} rows, {held_out():,} of them held out, agrees with the"
    )
    steps = [step.step for step in shop.outcome.steps]
    assert steps.index("Evaluator") < steps.index("Refitter") < steps.index("ServingModelResolver")


def test_the_registry_holds_both(shop: Trained) -> None:
    import tensorflow as tf

    registry = shop.registry
    judged = registry.judged_model_uri(shop.version)
    assert judged is not None
    assert learned_from(registry.model_uri(shop.version)) == 2 * USERS - held_out()
    assert learned_from(judged) == 2 * (USERS - held_out())
    assert registry.kept(shop.version, Refitted) == shop.outcome.refit
    # The judged one could be served as it is.
    model = tf.saved_model.load(f"{judged}/Format-Serving")
    assert "serving_default" in model.signatures
    assert model.exploration_rate.numpy() == np.float32(shop.outcome.decision.exploration_rate)
    assert "Refit: on" in str(registry.card(shop.version))
    assert "Refit: on" in shop.outcome.report.read_text()


def test_arms_asks_the_model_that_has_not_seen_the_held_out_users(shop: Trained) -> None:
    from pipelines.arms import looking

    production = looking._production(shop.registry, shop.version, shop.workspace.use_case)
    assert production.training_rows is not None
    assert production.training_rows.sum() == 2 * (USERS - held_out())


def test_a_training_on_the_same_rows_is_judged_against_the_model_that_has_not_seen_them(
    shop: Trained,
) -> None:
    # The same agent on the same rows: no difference at all to the judged model, but one to the refit.
    again = trained(shop.workspace)
    assert again.verdict.compared_with == shop.version
    difference = again.metrics.overall.difference
    assert (difference.value, difference.low, difference.high) == (0.0, 0.0, 0.0)
