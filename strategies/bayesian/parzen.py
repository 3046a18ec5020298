"""Parzen estimators: densities over genotypes made of kernels around given ones. numpy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nasbench.space import Genotype, SearchSpace

Floats = NDArray[np.float64]


class ParzenEstimator:
    """A mixture of one component a genotype, and the uniform prior as one more.

    A component is a product over the positions. On a categorical position it keeps its choice with
    probability 1 - h and spreads h over the others evenly; on an ordered one it is a normal density over the ranks,
    cut off at the ends. Both bandwidths shrink with the number of components by Scott's rule.

    Source: Bergstra et al., Algorithms for Hyper-Parameter Optimization, NIPS 2011; Aitchison and Aitken,
    Multivariate Binary Discrimination by the Kernel Method, Biometrika 1976 (categorical positions); whole
    configurations as components: Falkner et al., BOHB, ICML 2018, and Watanabe, Tree-Structured Parzen Estimator,
    arXiv 2304.11127, 2023.

    Args:
        space: whose positions they are; a constraint is not known here.
        genotypes: one a component, maybe none.
        prior_weight: weight of the uniform component, where each other one has 1.
        bandwidth: h on a categorical position, and the standard deviation over the range on an ordered one, of
            a single component.
    """

    def __init__(
        self, space: SearchSpace, genotypes: list[Genotype], prior_weight: float, bandwidth: float = 0.5
    ) -> None:
        n, length = len(genotypes), space.length
        centres = np.array(genotypes, dtype=np.int64).reshape(n, length)
        weights = np.array([1.0] * n + [prior_weight])
        self._weights = weights / weights.sum()
        width = bandwidth * max(n, 1) ** (-1.0 / (length + 4))
        # one (components, choices) table a position; the last row is the prior's
        self._tables: list[Floats] = []
        for position, parameter in enumerate(space.parameters):
            choices = len(parameter)
            own = centres[:, position, None]
            ranks = np.arange(choices)
            if parameter.ordered and choices > 1:
                sd = max(width * (choices - 1), 0.5)
                table = np.exp(-0.5 * ((ranks - own) / sd) ** 2)
            else:
                table = np.where(ranks == own, 1.0 - width, width / max(choices - 1, 1))
            table = np.vstack([table, np.ones((1, choices))])
            self._tables.append(table / table.sum(axis=1, keepdims=True))

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """`(n, G)` draws."""
        components = rng.choice(len(self._weights), size=n, p=self._weights)
        drawn = np.empty((n, len(self._tables)), dtype=np.int64)
        for position, table in enumerate(self._tables):
            cumulative = table[components].cumsum(axis=1)
            above = cumulative <= rng.random((n, 1)) * cumulative[:, -1:]
            drawn[:, position] = above.sum(axis=1)
        return drawn

    def log_density(self, genotypes: NDArray[np.int64]) -> Floats:
        """Natural logarithm of the probability of each of `(n, G)` genotypes, `(n,)`."""
        logs = np.log(self._weights)[:, None] + sum(
            np.log(table[:, genotypes[:, position]]) for position, table in enumerate(self._tables)
        )
        top = logs.max(axis=0)
        return np.asarray(top + np.log(np.exp(logs - top).sum(axis=0)))
