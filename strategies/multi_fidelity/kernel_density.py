"""A kernel density of genotypes: what is typical of a set of architectures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nasbench.parameter import Parameter

_REFERENCE = 1.06
"""Factor of the normal reference rule."""


class KernelDensity:
    """A mixture of one product kernel an architecture, each normalised over the choices of a position.

    Ordered choices have a Gaussian kernel on ranks scaled to [0, 1], cut to the choices that there are. Unordered
    ones have Aitchison and Aitken's: the own choice keeps 1 - b of the mass, and the others share b evenly.
    Bandwidths follow the normal reference rule 1.06 s n^(-1/(4 + G)); of unordered choices, s^2 is the variance of
    their one-hot columns (one minus the sum of squared frequencies), so that it does not matter how choices are
    numbered, and b is at most that of the uniform distribution.

    Source: Aitchison and Aitken, Multivariate Binary Discrimination by the Kernel Method, Biometrika 1976; the rule
    as in statsmodels' KDEMultivariate.

    Args:
        parameters: of the space, G of them.
        points: `(n, G)` genotypes.
        least: smallest bandwidth.
    """

    def __init__(self, parameters: Sequence[Parameter], points: NDArray[np.int64], least: float) -> None:
        self._parameters, self._points = parameters, points
        shrinkage = _REFERENCE * len(points) ** (-1.0 / (4 + len(parameters)))
        spread = [_spread(p, column) for p, column in zip(parameters, points.T, strict=True)]
        self.bandwidths: list[float] = [max(least, shrinkage * s) for s in spread]

    def density(self, genotypes: NDArray[np.int64], widened: float = 1.0) -> NDArray[np.float64]:
        """Probabilities `(m,)` of the `(m, G)` genotypes.

        Args:
            genotypes: any in range, valid or not.
            widened: multiplies the bandwidths of ordered choices.
        """
        product = np.ones((len(genotypes), len(self._points)))
        for column, kernels in zip(genotypes.T, self._kernels(widened), strict=True):
            product *= kernels[column]
        return np.asarray(product.mean(axis=1))

    def draw(self, rng: np.random.Generator, count: int, widened: float) -> NDArray[np.int64]:
        """`(count, G)` independent genotypes, in range but valid or not; see `density` for `widened`."""
        centres = rng.integers(len(self._points), size=count)
        drawn = np.empty((count, len(self._parameters)), dtype=np.int64)
        for position, kernels in enumerate(self._kernels(widened)):
            cumulative = kernels.cumsum(axis=0)[:, centres]
            drawn[:, position] = (cumulative <= rng.random(count)).sum(axis=0)
        # rounded probabilities may sum to less than 1
        return np.minimum(drawn, [len(p) - 1 for p in self._parameters])

    def _kernels(self, widened: float) -> list[NDArray[np.float64]]:
        """For each position, the probability of each choice around each point, `(choices, n)`."""
        columns = zip(self._parameters, self._points.T, self.bandwidths, strict=True)
        return [_kernel(p, b * widened if p.ordered else b)[:, column] for p, column, b in columns]


def _spread(parameter: Parameter, column: NDArray[np.int64]) -> float:
    """Standard deviation of the scaled ranks, or of the one-hot columns."""
    if parameter.ordered:
        return float(column.std()) / max(1, len(parameter) - 1)
    share = np.bincount(column, minlength=len(parameter)) / len(column)
    return float(np.sqrt(max(0.0, 1.0 - (share**2).sum())))


def _kernel(parameter: Parameter, bandwidth: float) -> NDArray[np.float64]:
    """Probability of each choice (row) around each choice (column); columns sum to 1."""
    choices = len(parameter)
    if choices == 1:
        return np.ones((1, 1))
    if parameter.ordered:
        rank = np.arange(choices) / (choices - 1)
        weight = np.exp(-0.5 * np.square((rank[:, None] - rank) / bandwidth))
        return np.asarray(weight / weight.sum(axis=0))
    moved = min(bandwidth, (choices - 1) / choices)
    kernel = np.full((choices, choices), moved / (choices - 1))
    np.fill_diagonal(kernel, 1.0 - moved)
    return kernel
