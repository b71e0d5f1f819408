"""What Transform makes of rows for a use case with constraints."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from components.transform.layout import USER_BUCKETS, Layout
from components.transform.preprocessing import constrained
from tests.tiny import make_use_case

REWARD = {"terms": {"clicked": 1, "basket": {"weight": 0.1, "clip": [0, 10]}}}
LIMITS = [
    {"term": "basket", "at_most": 5},
    {"term": "unsubscribed", "at_most": 1.5, "of": "logging_policy"},
    {"recommender": "a", "share_at_most": 0.4},
]


def test_outcomes_within_their_clips_and_a_hash_of_the_user() -> None:
    inputs = {
        "user_id": tf.constant([["u1"], ["u2"], ["u1"]]),
        "unsubscribed": tf.constant([[0], [1], [0]], tf.int64),
        "basket": tf.constant([[3.0], [25.0], [-1.0]]),
    }
    use_case = make_use_case(reward=REWARD, constraints=LIMITS)
    found = constrained(inputs, use_case)
    assert found["outcomes"].numpy().tolist() == [[3.0, 0.0], [10.0, 1.0], [0.0, 0.0]]
    users = found["user"].numpy()
    assert users.shape == (3, 1)
    assert users[0] == users[2] != users[1]
    layout = Layout.of(use_case)
    assert (layout.terms, layout.users) == (("basket", "unsubscribed"), True)
    # A share alone needs no outcome, and no constraint nothing.
    assert list(constrained(inputs, make_use_case(constraints=LIMITS[2:]))) == ["user"]
    assert constrained(inputs, make_use_case()) == {}
    assert not Layout.of(make_use_case()).users


def test_users_are_spread_evenly_and_not_as_the_eval_split_is() -> None:
    from components.example_gen.partition import split_of

    names = [f"user-{number}" for number in range(5000)]
    use_case = make_use_case(constraints=LIMITS[2:])
    users = constrained({"user_id": tf.constant(names)[:, None]}, use_case)["user"].numpy()[:, 0]
    held_out = users < 0.25 * USER_BUCKETS
    judged = np.array([split_of(name.encode(), (80, 100)) == 1 for name in names])
    assert abs(held_out.mean() - 0.25) < 0.03
    assert abs(held_out[judged].mean() - 0.25) < 0.06
