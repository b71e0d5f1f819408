"""One published version: its graph, brought up to date, and the rankings that it makes."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from components.trainer.loaded import load_model
from newsletter_bandit.errors import DataError
from newsletter_bandit.exported_model import (
    EXPLORED,
    OFFERED,
    PROPENSITIES,
    RECOMMENDER_NAMES,
    RECOMMENDERS,
    RUN_DAY,
    SCORES,
    SERVING_DEFAULT,
)
from newsletter_bandit.registry import Registry
from newsletter_bandit.registry.registry import SERVING
from newsletter_bandit.settings.use_case import UseCase
from serving.propensity import is_propensity


@dataclass(frozen=True, slots=True)
class Ranked:
    """What the graph says of one user.

    Attributes:
      recommenders: best first; none where none is eligible.
      scores: estimated reward of each.
      propensities: probability of each slot's choice, given the slots before.
      explored: whether the first slot is an exploring choice.
    """

    recommenders: list[str]
    scores: list[float]
    propensities: list[float]
    explored: bool


class Ranker:
    """A version of the model. It serves one thread at a time: the day is a variable of its graph.

    Args:
      registry: of the use case.
      version: a published version.
      use_case: today's settings.
      loaded_at: when it was loaded, UTC.

    Attributes:
      version: its name.
      loaded_at: as given.
      rankable: all names, today's and earlier ones, of the recommenders that it may rank.

    Raises:
      DataError: the version is not what was published, cannot be loaded, or is too old for the settings.
    """

    def __init__(self, registry: Registry, version: str, use_case: UseCase, loaded_at: dt.datetime) -> None:
        self.version = version
        self.loaded_at = loaded_at
        registry.require_intact(version)
        folder = os.path.join(registry.model_uri(version), SERVING)
        # The signature lives as long as the model it belongs to.
        try:
            self._model: Any = load_model(folder, use_case)
            self._signature = self._model.signatures[SERVING_DEFAULT]
        except (tf.errors.OpError, OSError, ValueError, KeyError) as error:
            raise DataError(f"version {version}: cannot be loaded from {folder}: {error}") from error
        self._day: dt.date | None = None
        self.rankable = _rankable(self._model, use_case)

    def rank(self, examples: Sequence[bytes], day: dt.date) -> list[Ranked]:
        """The rankings of users, in their order.

        Args:
          examples: a serialized tf.Example for each.
          day: that the rankings are made for; exploration draws anew on another one.

        Raises:
          DataError: a score is not finite, or a propensity is none; names the version.
        """
        if day != self._day:
            if hasattr(self._model, RUN_DAY):
                getattr(self._model, RUN_DAY).assign(day.isoformat())
            self._day = day
        outputs = self._signature(examples=tf.constant(examples, tf.string))
        names = outputs[RECOMMENDERS].numpy()
        scores, propensities = outputs[SCORES].numpy(), outputs[PROPENSITIES].numpy()
        filled = names != b""
        if not (np.isfinite(scores).all() and (is_propensity(propensities) | ~filled).all()):
            raise DataError(
                f"version {self.version}: its scores are not all finite, or a propensity is outside (0, 1]"
            )
        return [
            Ranked(
                [name.decode() for name in row[:count]],
                row_scores[:count],
                row_propensities[:count],
                explored,
            )
            for row, count, row_scores, row_propensities, explored in zip(
                names.tolist(),
                # The slots of a ranking are filled from the first on.
                filled.sum(axis=1).tolist(),
                scores.tolist(),
                propensities.tolist(),
                (outputs[EXPLORED].numpy()[:, 0] != 0).tolist(),
                strict=True,
            )
        ]


def _rankable(model: Any, use_case: UseCase) -> frozenset[str]:
    if not hasattr(model, OFFERED):
        return frozenset(use_case.offered)
    offered = getattr(model, OFFERED).numpy()
    today = {
        name.decode()
        for name, is_offered in zip(getattr(model, RECOMMENDER_NAMES).numpy(), offered, strict=True)
        if is_offered
    }
    return frozenset(today | {old for old, new in use_case.renamed.items() if new in today})
