"""A shop with five recommenders, its log of four weeks, and a model in production that errs on one of them.

A user has a colour. `a`, `b` and `c` are each clicked by one colour with probability 0.4, and by the others
with 0.1; `bad` is clicked with 0.1 by all, but the model takes it for the best of the red ones. `fresh` is in
no row. From week to week, everybody likes `c` more.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from newsletter_bandit.registry import Registry, model_digest, new_version
from newsletter_bandit.settings.reading import load_environment, load_use_case
from newsletter_bandit.warehouse.ingest import ingest
from pipelines.workspace import Workspace
from tests.local_files import warehouse_file

ROOT = Path(__file__).parents[2]
RUN_DATE = dt.date(2026, 2, 9)
WINDOW = (dt.date(2026, 1, 5), dt.date(2026, 2, 2))
NAMES = ("a", "b", "c", "bad", "fresh")
COLOURS = ("red", "green", "blue")
ROWS = 16_000
EPSILON = 0.1
SETTINGS = """\
# What is sent to whom.
name: shop
recommenders:
  - a   # the first one
  - b
  - c
  - bad
  - fresh
default_ranking: [a, bad]
tables: {training: shop.training, inference: shop.inference}
features:
  colour: {type: string, max_vocabulary: 8, embedding_dim: 2}
attribution_days: 3
window: {weeks: 4, overlap_weeks: 1, anchor: 2026-01-05}
eval_share: 0.5
agent: {type: lin_ucb}
gate: {min_rows: 1000, min_effective_sample_size: 100, weight_clip: 50.0, max_weight: 50.0}
"""


def make(folder: Path, rows: int = ROWS) -> Workspace:
    """The shop's settings, its log in a warehouse, and its model in production."""
    path = folder / "shop.yaml"
    path.write_text(SETTINGS)
    use_case = load_use_case(path)
    environment = load_environment(ROOT / "configs" / "environments" / "local.yaml")
    environment = environment.in_workdir(folder / "work", use_case)
    log = folder / "log.parquet"
    pq.write_table(log_of(rows), log)
    ingest(warehouse_file(environment), use_case, "training", [log])
    save_model(folder / "model")
    registry = Registry(environment.registry, "shop")
    version = new_version(dt.datetime(2026, 2, 2, tzinfo=dt.UTC), model_digest(str(folder / "model")))
    registry.publish(version, str(folder / "model"), {})
    registry.set_current(version)
    return Workspace(use_case, path, environment, folder / "work")


def log_of(rows: int) -> pa.Table:
    """Newsletters of a uniform logging policy over the first four; each user has two of them."""
    rng = np.random.default_rng(4)
    user = np.arange(rows) // 2
    colour = rng.integers(0, 3, rows // 2 + 1)[user]
    # The second one of a user is sent in the other half of the window.
    action, day = rng.integers(0, 4, rows), rng.integers(0, 14, rows) + 14 * (np.arange(rows) % 2)
    rate = np.where(colour == action, 0.4, 0.1) + np.where(action == 2, 0.05 * (day // 7), 0.0)
    start = dt.datetime(2026, 1, 5, 9, tzinfo=dt.UTC)
    return pa.table(
        {
            "user_id": [f"u{one}" for one in user],
            "sent_at": [start + dt.timedelta(days=int(one)) for one in day],
            "campaign": [f"w{one // 7}" for one in day],
            "recommender": [NAMES[one] for one in action],
            "propensity": np.full(rows, 0.25),
            "policy_version": ["uniform"] * rows,
            "eligible_recommenders": [list(NAMES[:4])] * rows,
            "clicked": rng.random(rows) < rate,
            "unsubscribed": np.zeros(rows, dtype=bool),
            "colour": [COLOURS[one] for one in colour],
        }
    )


def save_model(folder: Path) -> None:
    """Writes the model, of which `fresh` has few rows."""
    import tensorflow as tf

    from components.transform.names import action_index, todays_names

    class Model(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            estimates = np.full((3, 5), 0.1, np.float32)
            estimates[np.arange(3), np.arange(3)] = 0.4
            estimates[0, 3] = 0.6
            self._estimates = estimates
            self.recommender_names = tf.Variable(list(NAMES), trainable=False)
            self.offered = tf.Variable([True] * 5, trainable=False)
            self.renamed = tf.Variable([["", ""]], shape=[None, 2], trainable=False)
            self.run_day = tf.Variable("", trainable=False)
            self.training_rows = tf.Variable([900, 900, 900, 900, 0], dtype=tf.int64, trainable=False)
            self.few_rows = tf.Variable([False] * 4 + [True], trainable=False)

        @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def evaluation(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
            text = tf.io.FixedLenFeature([1], tf.string)
            raw = tf.io.parse_example(examples, {"colour": text, "recommender": text})
            colour = tf.argmax(tf.cast(tf.equal(raw["colour"], tf.constant([COLOURS])), tf.int32), axis=1)
            estimates = tf.gather(tf.constant(self._estimates), colour)
            offered = tf.cast(self.offered, tf.float32)
            known = offered * tf.cast(~self.few_rows, tf.float32)
            greedy = tf.one_hot(tf.argmax(estimates - 9.0 * (1.0 - known), axis=1), 5)
            serving = (1 - EPSILON) * greedy + EPSILON * known / tf.reduce_sum(known)
            logged = todays_names(raw["recommender"][:, 0], self.renamed)
            action = action_index(logged, self.recommender_names)
            return {
                "reward_estimates": estimates,
                "serving_probabilities": serving,
                "eval_probabilities": greedy,
                "logged_action": action[:, None],
            }

    module = Model()
    tf.saved_model.save(module, str(folder), signatures={"evaluation": module.evaluation})


def value(without: str = "", week: float = 1.5) -> float:
    """True value of the model's serving policy over the window, without one recommender."""
    rate = np.full((3, 5), 0.1)
    rate[np.arange(3), np.arange(3)] = 0.4
    rate[:, 2] += 0.05 * week
    estimates = np.full((3, 5), 0.1)
    estimates[np.arange(3), np.arange(3)] = 0.4
    estimates[0, 3] = 0.6
    known = np.array([name not in ("fresh", without) for name in NAMES], dtype=float)
    greedy = np.eye(5)[(estimates - 9.0 * (1.0 - known)).argmax(axis=1)]
    return float((((1 - EPSILON) * greedy + EPSILON * known / known.sum()) * rate).sum(axis=1).mean())


def settings_of(path: Path) -> dict[str, object]:
    """What YAML reads from a settings file."""
    found: dict[str, object] = yaml.safe_load(path.read_text())
    return found
