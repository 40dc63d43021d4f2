"""Confidence intervals of a share, exactly as the textbooks have them, without scipy.

clopper_pearson  the exact interval (Clopper and Pearson 1934)
wilson           the score interval (Wilson 1927)
clustered_lower  the exact lower bound for hunks that come in clusters, one per repository
                 (Korn and Graubard 1998: Clopper-Pearson with the effective sample size)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Z95 = 1.959963984540054  # two-sided 95 %
ALPHA = 0.05


def wilson(right: float, seen: float, z: float = Z95) -> tuple[float, float]:
    """The score interval for `right` successes of `seen`."""
    if seen == 0:
        return 0.0, 1.0
    share = right / seen
    centre = share + z * z / (2 * seen)
    spread = z * math.sqrt(share * (1 - share) / seen + z * z / (4 * seen * seen))
    scale = 1 + z * z / seen
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def clopper_pearson(right: float, seen: float, alpha: float = ALPHA) -> tuple[float, float]:
    """The exact two-sided interval: each end leaves `alpha` / 2. Counts may be fractional."""
    return exact_lower(right, seen, alpha / 2), 1.0 - exact_lower(seen - right, seen, alpha / 2)


def exact_lower(right: float, seen: float, alpha: float = ALPHA) -> float:
    """The exact one-sided lower bound: the share at which so many successes have chance `alpha`."""
    if right <= 0 or seen <= 0:
        return 0.0
    return beta_quantile(alpha, right, seen - right + 1)


def clustered_lower(clusters: Sequence[tuple[int, int]], alpha: float = ALPHA) -> float:
    """The one-sided lower bound from ``(right, seen)`` per repository, the more careful of two.

    Korn and Graubard's interval shrinks the sample by how much repositories differ among
    themselves; leaving out each repository in turn keeps one large and easy repository from
    carrying the bound alone. A single repository says nothing about others: 0.
    """
    populated = [(right, seen) for right, seen in clusters if seen]
    if len(populated) < 2:  # noqa: PLR2004  (the number of repositories a difference needs)
        return 0.0
    whole = _korn_graubard(populated, alpha)
    without = (populated[:i] + populated[i + 1 :] for i in range(len(populated)))
    return min(whole, *(exact_lower(*_sum(rest), alpha) for rest in without))


def _sum(clusters: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return sum(right for right, _ in clusters), sum(seen for _, seen in clusters)


def _korn_graubard(clusters: Sequence[tuple[int, int]], alpha: float) -> float:
    right, seen = _sum(clusters)
    size = seen / design_effect(clusters)
    return exact_lower(right / seen * size, size, alpha)


def design_effect(clusters: Sequence[tuple[int, int]]) -> float:
    """How much larger the variance is than if hunks were independent; at least 1.

    The variance of a ratio estimated from clusters (Cochran 1977, section 11.8) over p(1-p)/n.
    """
    right, seen = _sum(clusters)
    share = right / seen
    if share in {0.0, 1.0}:
        return 1.0
    count = len(clusters)
    between = sum((r - share * n) ** 2 for r, n in clusters) * count / (count - 1)
    return max(1.0, between / (seen * share * (1 - share)))


def beta_quantile(probability: float, a: float, b: float) -> float:
    """The value below which a beta(a, b) variable falls with `probability`, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if beta_cdf(middle, a, b) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b) (Numerical Recipes, section 6.4)."""
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1) / (a + b + 2):
        return 1.0 - beta_cdf(1.0 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log_front + a * math.log(x) + b * math.log1p(-x))
    return front * _continued_fraction(x, a, b) / a


def _continued_fraction(x: float, a: float, b: float) -> float:
    """Lentz's method, DLMF 8.17.22."""
    tiny = 1e-300
    c, d = 1.0, 1.0 / _off_zero(1.0 - (a + b) * x / (a + 1), tiny)
    fraction = d
    for m in range(1, 1000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _off_zero(1.0 + term * d, tiny)
            c = _off_zero(1.0 + term / c, tiny)
            fraction *= c * d
        if abs(c * d - 1.0) < 1e-14:  # noqa: PLR2004  (as near as doubles get)
            break
    return fraction


def _off_zero(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny
