"""How far two models agree on the same users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.example_gen.example_files import records
from newsletter_bandit.errors import DataError
from newsletter_bandit.exported_model import EVAL_PROBABILITIES, EVALUATION, REWARD_ESTIMATES, USER_ID
from newsletter_bandit.settings.words import NEWSLETTER, Words

# Rows per batch; more are no faster, only larger.
_BATCH = 8192


@dataclass(frozen=True)
class Agreement:
    """Two models, each user asked about once.

    Attributes:
      users: number of users with a recommender to choose.
      same: share of them for whom both make the same first choice without exploring, in [0, 1].
      difference: mean difference of both estimates of the judged model's first choice, in units of reward,
        whatever its sign.
      expected: mean of the judged model's own.
    """

    users: int
    same: float
    difference: float
    expected: float


def agreement(judged: str, other: str, files: Sequence[str], words: Words = NEWSLETTER) -> Agreement:
    """Compares two models on the users of logged examples.

    Args:
      judged: folder of a SavedModel with the signature `evaluation`.
      other: likewise, of the same recommenders.
      files: TFRecord files of the examples; of each user's, the first counts.
      words: what a refusal calls them.

    Raises:
      DataError: no user has a recommender to choose.
    """
    models = [tf.saved_model.load(folder) for folder in (judged, other)]
    signatures = [model.signatures[EVALUATION] for model in models]
    seen: set[bytes] = set()
    users = same = 0
    difference = expected = 0.0
    for file in files:
        for batch in records(file).batch(_BATCH):
            one, two = ({n: x.numpy() for n, x in ask(examples=batch).items()} for ask in signatures)
            rows = np.flatnonzero(_new(one[USER_ID][:, 0], seen) & (one[EVAL_PROBABILITIES].sum(axis=1) > 0))
            first, its_first = (found[EVAL_PROBABILITIES][rows].argmax(axis=1) for found in (one, two))
            own, its = (found[REWARD_ESTIMATES][rows, first].astype(np.float64) for found in (one, two))
            users += len(rows)
            same += int(np.count_nonzero(first == its_first))
            difference += float(np.abs(own - its).sum())
            expected += float(own.sum())
    if not users:
        none = f"no held-out {words.subject} has a recommender to choose"
        raise DataError(f"refit: {none}, so nothing can be compared")
    return Agreement(users, same / users, difference / users, expected / users)


def _new(user_id: npt.NDArray[Any], seen: set[bytes]) -> npt.NDArray[np.bool_]:
    """True for the first row of each user, who is noted."""
    new = np.zeros(len(user_id), np.bool_)
    for row, user in enumerate(user_id.tolist()):
        if user not in seen:
            seen.add(user)
            new[row] = True
    return new
