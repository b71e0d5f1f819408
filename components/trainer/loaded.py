"""Brings a loaded model up to date: today's names, what may still be ranked, and the day that it draws for.

A model keeps the recommenders that it was trained with. One that was retired or renamed since is so in the
settings alone, and takes effect without another training.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from components.transform.names import rename_pairs
from newsletter_bandit.errors import DataError
from newsletter_bandit.exported_model import OFFERED, RECOMMENDER_NAMES, RENAMED, RUN_DAY
from newsletter_bandit.settings.use_case import UseCase


def load_model(folder: str, use_case: UseCase, run_day: str = "") -> Any:
    """A published SavedModel in plain TensorFlow, brought up to date; see `bring_up_to_date`.

    Args:
      folder: its folder.
      use_case: today's settings.
      run_day: day that the rankings are made for, ISO 8601; "" for none.

    Raises:
      DataError: the settings retire or rename a recommender, and the model is too old to know how.
    """
    model = tf.saved_model.load(folder)
    if not bring_up_to_date(model, use_case, run_day):
        raise DataError(
            f"{folder}: trained before recommenders could be retired or renamed; use a model that "
            "`newsletter-bandit train` published with this release, or settings without `retired` and "
            "`renamed`"
        )
    return model


def bring_up_to_date(model: Any, use_case: UseCase, run_day: str = "") -> bool:
    """Sets the variables of a loaded SavedModel, in memory; its files stay as they are.

    A recommender that the settings do not have any more is masked like a retired one.

    Args:
      model: what `tf.saved_model.load` gave; one without these variables is left alone.
      use_case: today's settings.
      run_day: day that the rankings are made for, ISO 8601; "" for none.

    Returns:
      False if the settings retire or rename, and the model is too old to know how.
    """
    if not hasattr(model, OFFERED):
        return not (use_case.retired or use_case.renamed)
    trained_with = [name.decode() for name in getattr(model, RECOMMENDER_NAMES).numpy()]
    names = [use_case.renamed.get(name, name) for name in trained_with]
    # Of two that have one name today, the one that always had it is ranked.
    twice = [
        name != trained_with[i] and (name in trained_with or name in names[:i])
        for i, name in enumerate(names)
    ]
    offered = [name in use_case.offered and not again for name, again in zip(names, twice, strict=True)]
    getattr(model, RECOMMENDER_NAMES).assign(names)
    getattr(model, OFFERED).assign(offered)
    getattr(model, RENAMED).assign(rename_pairs(use_case.renamed))
    getattr(model, RUN_DAY).assign(run_day)
    return True
