"""Gamma interval: exact for counts, aware of skew, and normal where there is none.

For a weighted sum of rare counts, Fay and Feuer take the confidence distribution of the mean to be a gamma
distribution with the estimate's mean and variance, and for the upper bound first add one more event with the
largest weight; with all weights equal the bounds are Garwood's exact ones for a Poisson mean. Written in
moments, the gamma distribution's skewness is twice that of the estimate, as that of the studentised statistic
is (Hall 1992). In this form it serves any mean of rows:

    skewness   g     = sum(d_i^3) / sum(d_i^2)^(3/2)
    upper            = value + se g (G - 1 / g^2),  G the (1 - tail) quantile of Gamma(shape 1 / g^2)

with all three taken after adding a row: the one with the largest importance weight, with the largest reward
possible. A negative g reflects the distribution; as g goes to 0 the bound goes to the normal one. Without a
reward range nothing is added.

See "Confidence intervals for directly standardized rates: a method based on the gamma distribution" by Fay
and Feuer (1997), and "The Bootstrap and Edgeworth Expansion" by Hall (1992), section 3.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from scipy import special

from newsletter_bandit.off_policy.intervals.summary import Summary

# Below this skewness gamma and normal quantiles agree to 1e-6 standard errors, and the gamma's loses digits.
_STRAIGHT = 1e-6


def upper(summary: Summary, tail: float) -> float:
    """Upper bound, exceeded with probability ``tail`` at most for counts, and for all in large samples."""
    added = 0.0 if math.isnan(summary.high) else max(summary.high, 0.0)
    squares, cubes = summary.squares + added**2, summary.cubes + added**3
    if summary.n < 2 and not added:
        return math.inf
    value = summary.value + added / summary.n
    if squares <= 0.0:
        return value
    error = math.sqrt(squares / (summary.n * max(summary.n - 1, 1)))
    skewness = cubes / squares**1.5
    if abs(skewness) < _STRAIGHT:
        return value + NormalDist().inv_cdf(1.0 - tail) * error
    shape = skewness**-2
    side = 1.0 - tail if skewness > 0 else tail
    quantile = float(special.gammaincinv(shape, side))
    return float(value + error * skewness * (quantile - shape))
