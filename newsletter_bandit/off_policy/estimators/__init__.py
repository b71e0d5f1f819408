"""Off-policy estimators of a policy's value, one per module; each is a few running sums that merge.

Notation: x context, a logged action, r reward, p propensity of a under the logging policy, pi_e evaluation
policy, q reward model, w = pi_e(a | x) / p the importance weight, clipped at `weight_clip` if one is given.
All means are over logged rows. A new estimator is one module and one line in `ESTIMATORS`.
"""

from __future__ import annotations

from newsletter_bandit.off_policy.estimators import (
    diagnostics,
    dm,
    dr,
    dros,
    ips,
    logged,
    paired,
    sndr,
    snips,
    switch_dr,
)
from newsletter_bandit.off_policy.estimators.base import Estimate, Estimator, LoggedBatch
from newsletter_bandit.off_policy.intervals import Interval

# Name in the metrics -> estimator of an evaluation policy's value.
ESTIMATORS: dict[str, type[Estimator]] = {
    "ips": ips.Estimator,
    "snips": snips.Estimator,
    "dm": dm.Estimator,
    "dr": dr.Estimator,
    "sndr": sndr.Estimator,
    "switch_dr": switch_dr.Estimator,
    "dros": dros.Estimator,
}

__all__ = [
    "ESTIMATORS",
    "Estimate",
    "Estimator",
    "Interval",
    "LoggedBatch",
    "diagnostics",
    "logged",
    "paired",
]
