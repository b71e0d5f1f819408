"""The roles that a column of a log can have, by the names that flags and messages use."""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal[
    "user", "time", "recommender", "clicked", "unsubscribed", "propensity", "campaign", "policy_version"
]
ROLES: tuple[Role, ...] = get_args(Role)
NEEDED: tuple[Role, ...] = ("user", "time", "recommender", "clicked")
# Needed, but a log may do without a column: each row is another user, all were sent on one day.
REPLACEABLE: tuple[Role, ...] = ("user", "time")
ROLE_WORDS: dict[Role, str] = {
    "user": "the user",
    "time": "the time of sending",
    "recommender": "the recommender",
    "clicked": "the click",
    "unsubscribed": "the unsubscribe",
    "propensity": "the probability of the recommender",
    "campaign": "the mailing",
    "policy_version": "what chose the recommender",
}
