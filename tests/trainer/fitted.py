"""Models fitted on rows in memory, and users to ask them about."""

from __future__ import annotations

import functools
import json
from typing import Any

from newsletter_bandit.settings.use_case import UseCase
from tests.tiny import encode

# Enough that a share of 2% is seen.
USERS = 6000


def trained(use_case: UseCase, arrays: dict[str, Any], output: Any, rows: Any, **options: Any) -> Any:
    """A model fitted on some of the rows.

    Args:
      use_case: names the agent.
      arrays: all rows, as `Transformer` gives them.
      output: Transform's output.
      rows: mask, or a slice, of those to train on.
      options: of `fit`.
    """
    from components.trainer.data import ArrayData
    from components.trainer.training import fit
    from components.transform.layout import Layout, vocabulary_sizes

    part = {key: values[rows] for key, values in arrays.items()}
    sizes = vocabulary_sizes(use_case, output)
    data = ArrayData(part, Layout.of(use_case), sizes, use_case.propensity_weighting)
    return fit(use_case, data, output, **options)


def call(policy: Any, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A signature's outputs as NumPy arrays, one row per example."""
    import tensorflow as tf

    outputs = policy(examples=tf.constant(_encoded(json.dumps(rows))))
    return {name: tensor.numpy() for name, tensor in outputs.items()}


@functools.lru_cache(maxsize=8)
def _encoded(rows: str) -> list[bytes]:
    """Serialized examples of rows given as JSON; kept, because each model is asked about the same rows."""
    return [encode(row) for row in json.loads(rows)]


def users(count: int = USERS, eligible: list[str] | None = None) -> list[dict[str, Any]]:
    """``count`` users, a third of each colour; ``eligible`` None means all recommenders."""
    return [
        {
            "user_id": f"user-{i}",
            "campaign": "c1",
            "eligible_recommenders": eligible,
            "colour": ("red", "green", "blue")[i % 3],
            "height": 170.0,
            "weight": 55.0,
            "member": 1,
        }
        for i in range(count)
    ]
