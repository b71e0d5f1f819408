"""A tiny use case and rows whose best recommender depends on one string."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from newsletter_bandit.settings.use_case import UseCase


def make_use_case(**changes: Any) -> UseCase:
    return UseCase.model_validate(
        {
            "name": "tiny",
            "recommenders": ["a", "b", "c"],
            "default_ranking": ["a"],
            "tables": {"training": "tiny.training", "inference": "tiny.inference"},
            "features": {
                "colour": {"type": "string", "max_vocabulary": 10, "embedding_dim": 2},
                "height": {"type": "number"},
                "weight": {"type": "number", "treatment": "log1p"},
                "member": {"type": "bool"},
            },
            "agent": {"type": "neural_epsilon_greedy", "hidden_layers": [16], "batch_size": 128, "epochs": 8},
            "exploration": {"epsilon": 0.2},
            **changes,
        }
    )


@dataclass(frozen=True)
class Prepared:
    use_case: UseCase
    rows: list[dict[str, Any]]
    serialized: list[bytes]
    transform_output: str
    files: list[str]


BEST = {"red": "a", "green": "b", "blue": "c"}


def make_rows(count: int, seed: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(count):
        colour = str(rng.choice(["red", "green", "blue"]))
        shown = str(rng.choice(["a", "b", "c"], p=[0.5, 0.3, 0.2]))
        clicked = bool(rng.random() < (0.6 if BEST[colour] == shown else 0.1))
        rows.append(
            {
                "user_id": f"user-{i}",
                "campaign": "c1",
                "recommender": shown,
                "propensity": {"a": 0.5, "b": 0.3, "c": 0.2}[shown],
                "policy_version": "test",
                "eligible_recommenders": None if i % 5 else ["a", shown],
                "clicked": int(clicked),
                "unsubscribed": 0,
                "reward": float(clicked),
                "colour": None if i % 50 == 1 else colour,
                "height": None if i % 7 == 0 else float(rng.normal(170, 10)),
                "weight": float(rng.lognormal(4, 1)),
                "member": None if i % 11 == 0 else int(rng.random() < 0.5),
            }
        )
    return rows


def encode(row: dict[str, Any]) -> bytes:
    """A serialized tf.Example; None is a feature with no value."""
    import tensorflow as tf

    def value(x: Any) -> tf.train.Feature:
        if x is None:
            return tf.train.Feature()
        items = x if isinstance(x, list) else [x]
        if all(isinstance(item, str) for item in items):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[i.encode() for i in items]))
        if all(isinstance(item, int) for item in items):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=items))
        return tf.train.Feature(float_list=tf.train.FloatList(value=items))

    features = tf.train.Features(feature={name: value(x) for name, x in row.items()})
    return tf.train.Example(features=features).SerializeToString()
