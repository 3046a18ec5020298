"""Weisfeiler-Lehman histograms: how often each neighbourhood of operations occurs in a graph.

A colour is a 64-bit number that stands for a vertex's label and, after h refinements, for everything
within h edges of it. Colours of a whole batch are refined by a few array operations: no dictionary of
labels, no loop over architectures. Two different neighbourhoods share a colour with probability 2^-64.

Source: Shervashidze et al., Weisfeiler-Lehman Graph Kernels, JMLR 2011; for architectures Ru et al.,
Interpretable Neural Architecture Search via Bayesian Optimisation with Weisfeiler-Lehman Kernels, ICLR
2021 (NASBOWL).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.predictors.encoders import Encoder
from nasbench.predictors.graphs import graphs
from nasbench.space import SearchSpace
from nasbench.spaces.cell_graph import mix
from nasbench.spaces.graph_view import PADDING, CellGraphs

Colours = NDArray[np.uint64]

_SELF, _IN, _OUT = (np.uint64(c) for c in (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03, 0x8CB92BA72F3D8DD7))


def refine(batch: CellGraphs, iterations: int, both_directions: bool = False) -> list[Colours]:
    """Colours of all vertices after 0 to `iterations` refinements, `(n, V)` each.

    Args:
        batch: the graphs; parallel edges count as often as they are there.
        iterations: refinements h.
        both_directions: a vertex sees what it reads and who reads it; False: what it reads only.
    """
    adjacency = batch.adjacency.astype(np.uint64)
    backwards = np.ascontiguousarray(adjacency.transpose(0, 2, 1))
    colours = [mix(batch.labels.astype(np.uint64) + _SELF)]
    for _ in range(iterations):
        last = colours[-1]
        around = mix((backwards @ mix(last + _IN)[:, :, None])[:, :, 0] + _IN)
        if both_directions:
            around = around + mix((adjacency @ mix(last + _OUT)[:, :, None])[:, :, 0] + _OUT)
        colours.append(mix(last * _SELF + around))
    return colours


class WeisfeilerLehman(Encoder):
    """Histograms of the colours after 0 to h refinements, side by side.

    `fit` keeps the colours that occur in the given architectures, in a column each. A colour that was
    never seen is counted in the last column of its refinement, so that an architecture of unknown parts
    is far from all known ones.

    Args:
        space: a cell space, or a partial table of one.
        functional: architectures that compute the same function have equal histograms.
        iterations: refinements h.
        both_directions: a vertex sees what it reads and who reads it; False: what it reads only.
        normalise: scale each row to unit length, as the normalised Weisfeiler-Lehman kernel does: inner
            products are then cosines. An empty row stays empty.
    """

    def __init__(
        self,
        space: SearchSpace,
        functional: bool = True,
        iterations: int = 2,
        both_directions: bool = False,
        normalise: bool = False,
    ) -> None:
        super().__init__(space)
        self.functional = functional
        self.iterations = iterations
        self.both_directions = both_directions
        self.normalise = normalise

    def _colours(self, X: ArrayLike) -> tuple[list[Colours], NDArray[np.bool_]]:
        batch = graphs(self.space, X, self.functional)
        return refine(batch, self.iterations, self.both_directions), batch.labels != PADDING

    def fit(self, X: ArrayLike, y: Any = None) -> WeisfeilerLehman:
        """Collect the colours of the genotypes `(n, G)`."""
        super().fit(X)
        colours, used = self._colours(X)
        self.vocabulary_ = [np.unique(level[used]) for level in colours]
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "vocabulary_")

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """`(n, known colours + iterations + 1)`."""
        self._check_fitted()
        colours, used = self._colours(self.space.check(X))
        levels = [_histogram(c, used, known) for c, known in zip(colours, self.vocabulary_, strict=True)]
        counts = np.concatenate(levels, axis=1)
        if self.normalise:
            length = np.sqrt((counts * counts).sum(axis=1, keepdims=True))
            counts /= np.where(length > 0, length, 1.0)
        return counts

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`wl REFINEMENT COLOUR`, and `wl REFINEMENT unseen`."""
        self._check_fitted()
        names = [
            f"wl{level} {name}"
            for level, known in enumerate(self.vocabulary_)
            for name in (*(f"{colour:016x}" for colour in known.tolist()), "unseen")
        ]
        return np.array(names, dtype=object)


def _histogram(colours: Colours, used: NDArray[np.bool_], known: Colours) -> NDArray[np.float64]:
    """How often each known colour occurs in each row, `(n, known + 1)`; the last column counts the others."""
    n, width = len(colours), len(known) + 1
    place = np.searchsorted(known, colours)
    if len(known):
        place[known[np.minimum(place, len(known) - 1)] != colours] = len(known)
    cells = (np.arange(n)[:, None] * width + place)[used]
    return np.bincount(cells, minlength=n * width).reshape(n, width).astype(np.float64)
