"""A world of two teasers that a test's file describes, small enough to reckon by hand."""

from __future__ import annotations

import copy
from typing import Any

SMALL: dict[str, Any] = {
    "recommenders": ["deals", "picks"],
    "subjects": {"ids": "visit-", "come": "once"},
    "features": {
        "device": {"kind": "category", "shares": {"mobile": 0.75, "desktop": 0.25}},
        "known": {"kind": "flag", "given": "device", "share": {"mobile": 0.2, "desktop": 0.9}},
        "items": {"kind": "poisson", "mean": 2.0, "unknown": 0.3},
        "since": {"kind": "day", "median": 30, "log_spread": 0.5},
    },
    "eligible": {"picks": {"items": {"least": 1}}},
    "click": {
        "base": {"deals": -1.0, "picks": -2.0},
        "effects": [
            {"when": {"device": "mobile", "known": True}, "add": {"deals": 0.5}},
            {"when": {"device": ["desktop"]}, "times": {"items": {"center": 2, "scale": 4}}, "add": 1.0},
        ],
    },
    "outcomes": {
        "basket": {
            "kind": "lognormal",
            "happens": {"base": {"deals": -1.0, "picks": 1.0}},
            "log_median": {"base": {"deals": 2.0, "picks": 4.0}, "effects": []},
            "log_spread": 0.8,
        },
        "pages": {"kind": "poisson", "after": "always", "log_mean": {"base": {"deals": 0.5, "picks": 1.0}}},
    },
    "rules": {"uniform_share": 0.4, "preference": {"base": {"deals": 1.0, "picks": 0.0}}},
}


def small(**changes: Any) -> dict[str, Any]:
    """A copy of `SMALL`; a key such as ``features__items__mean`` changes what lies there, None removes it."""
    made = copy.deepcopy(SMALL)
    for path, value in changes.items():
        *parents, last = path.split("__")
        inner = made
        for parent in parents:
            inner = inner.setdefault(parent, {})
        if value is None:
            del inner[last]
        else:
            inner[last] = value
    return made
