"""Whether the log shows each recommender as often as the probabilities say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import special

from newsletter_bandit.first_use.arms import Arm
from newsletter_bandit.first_use.log import Log
from newsletter_bandit.first_use.splits import arm_number
from newsletter_bandit.off_policy.sample_ratio import SampleRatio
from newsletter_bandit.settings.use_case import Gate
from newsletter_bandit.table_files.cells import number


def misfit(shares: Mapping[str, float], rows: Mapping[str, int]) -> str:
    """A sentence on shares that the log contradicts, by Pearson's test and the gate's bounds; "" if none.

    A log of the right split is contradicted once in 10,000 times, and never by less than 5% of a share.
    """
    bounds = Gate()
    total = sum(rows.values())
    expected = {name: total * share for name, share in shares.items()}
    square = sum((rows.get(name, 0) - mean) ** 2 / mean for name, mean in expected.items())
    chance = float(special.chdtrc(max(len(shares) - 1, 1), square))
    off = max(abs(rows.get(name, 0) / mean - 1.0) for name, mean in expected.items() if mean > 0.0)
    if (
        not math.isfinite(chance)
        or chance >= bounds.min_sample_ratio_p
        or off <= bounds.sample_ratio_tolerance
    ):
        return ""
    compared = "; ".join(
        f"{name}: {share:.1%} said, {rows.get(name, 0) / total:.1%} found"
        for name, share in shares.items()
        if abs(rows.get(name, 0) / (total * share) - 1.0) > bounds.sample_ratio_tolerance
    )
    return f"the log does not fit these shares ({compared})"


def column_misfit(log: Log, arms: Sequence[Arm], recommender: str, propensity: str, user: str | None) -> str:
    """A sentence on logged probabilities that the log contradicts, by the gate's test; "" if none."""
    cases = arm_number(log, arms, recommender)
    who = "rowid" if user is None else log.value(user)
    value = number(log.value(propensity), log.numbers)
    found = log.connection.execute(
        f"SELECT {cases} AS arm, {value} AS p, hash({who}) AS who FROM log "
        "WHERE arm IS NOT NULL AND p > 0 AND p <= 1 AND who IS NOT NULL"
    ).fetchnumpy()
    test = SampleRatio(len(arms))
    test.add(found["arm"].astype(np.int64), found["p"].astype(np.float64), found["who"].astype(np.uint64))
    test.eligible = np.full(len(arms), float(len(found["p"])))
    bounds = Gate()
    off = [
        f"{arm.name}: {ratio:.0%} of the rows that they say"
        for arm, ratio in zip(arms, test.ratios, strict=True)
        if abs(ratio - 1.0) > bounds.sample_ratio_tolerance
    ]
    if not off or not test.p_value < bounds.min_sample_ratio_p:
        return ""
    return f"the log does not fit the probabilities in {propensity} ({'; '.join(off)})"
