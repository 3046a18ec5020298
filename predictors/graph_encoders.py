"""Encoders that read an architecture off its graph: adjacency, paths, and statistics of the graph.

With `functional` they see the graph of the computed function and cannot tell functional twins apart;
without it, the graph as it is written. Any space with a graph view will do.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations, product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.predictors.encoders import Encoder
from nasbench.predictors.features import Groups
from nasbench.predictors.graphs import graph_space, graphs
from nasbench.space import SearchSpace
from nasbench.spaces.graph_view import FIRST_OPERATION, CellGraphs

Floats = NDArray[np.float64]


class GraphEncoder(Encoder):
    """Base of the encoders that read the graph view.

    Args:
        space: a cell space, or a partial table of one.
        functional: whether to encode the graph of the computed function, or the cell as it is written.
    """

    def __init__(self, space: SearchSpace, functional: bool = True) -> None:
        super().__init__(space)
        self.functional = functional

    def _graphs(self, X: ArrayLike) -> CellGraphs:
        return graphs(self.space, self.space.check(X), self.functional)

    def _extent(self) -> Extent:
        return extent(self.space, self.functional)


class Extent(NamedTuple):
    """How large the graphs of a space get.

    Attributes:
        vertices: of every graph, padding included.
        operations: label and name of each operation that occurs.
        longest: operations on the longest path.
    """

    vertices: int
    operations: dict[int, str]
    longest: int


@lru_cache(maxsize=32)
def extent(space: SearchSpace, functional: bool) -> Extent:
    """The extent of a graph space: by a look at all its graphs where it can be listed, else the bounds."""
    cells: Any = graph_space(space) or space
    whole = cells.all() if cells.enumerable else cells.sample(np.random.default_rng(0))
    seen = graphs(cells, whole, functional)
    vertices, names = seen.labels.shape[1], seen.label_names
    if not cells.enumerable:
        return Extent(vertices, dict(list(enumerate(names))[FIRST_OPERATION:]), vertices - 2)
    labels = np.unique(seen.labels)
    occurring = {int(label): names[label] for label in labels[labels >= FIRST_OPERATION]}
    return Extent(vertices, occurring, int(_longest_paths(seen.adjacency > 0)[:, -1].max()) - 1)


class Adjacency(GraphEncoder):
    """The adjacency matrix above its diagonal, then one column a vertex and operation.

    The encoding depends on how vertices are numbered, so that a functional one is made from the canonical
    representative. Columns that are equal for every cell of the space stay: encodings of one space always
    have one width.

    Source: White et al., A Study on Encodings for Neural Architecture Search, NeurIPS 2020, section 3.
    """

    def transform(self, X: ArrayLike) -> Floats:
        """`(n, V (V - 1) / 2 + (V - 2) operations)`."""
        batch = self.space.check(X)
        if self.functional:
            cells: Any = graph_space(self.space) or self.space
            batch = cells.canonical(batch)
            seen = graphs(cells, batch, functional=True)
        else:
            seen = graphs(self.space, batch, functional=False)
        rows, columns = np.triu_indices(seen.labels.shape[1], 1)
        hot = seen.labels[:, 1:-1, None] == list(self._extent().operations)
        return np.concatenate([seen.adjacency[:, rows, columns], hot.reshape(len(hot), -1)], axis=1).astype(np.float64)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`SOURCE->CONSUMER`, then `VERTEX=OPERATION`."""
        vertices, operations, _ = self._extent()
        edges = [f"{a}->{b}" for a, b in combinations(range(vertices), 2)]
        labels = [f"{v}={operation}" for v in range(1, vertices - 1) for operation in operations.values()]
        return np.array(edges + labels, dtype=object)


class Paths(GraphEncoder):
    """Which sequences of operations lead from the input to the output, shorter sequences first.

    Source: White, Neiswanger and Savani, BANANAS, AAAI 2021 (the path encoding and its truncation);
    White et al., A Study on Encodings for Neural Architecture Search, NeurIPS 2020.

    Args:
        space: a cell space, or a partial table of one.
        functional: see `GraphEncoder`; identities are left out of a sequence only with True.
        power: of the path counts: 0 gives presence as in the papers, 1 counts, one half their roots.
        longest: operations on a path at most; None: as many as a path can have.
        columns: keep the first so many sequences; None: all.
    """

    def __init__(
        self,
        space: SearchSpace,
        functional: bool = True,
        power: float = 0.0,
        longest: int | None = None,
        columns: int | None = None,
    ) -> None:
        super().__init__(space, functional)
        self.power = power
        self.longest = longest
        self.columns = columns

    def _kept(self) -> tuple[int, dict[int, str], int]:
        """Longest sequence, operations, and number of columns."""
        _, operations, longest = self._extent()
        longest = longest if self.longest is None else min(self.longest, longest)
        width = sum(len(operations) ** length for length in range(longest + 1))
        return longest, operations, width if self.columns is None else min(self.columns, width)

    def transform(self, X: ArrayLike) -> Floats:
        """`(n, sequences)`."""
        longest, operations, width = self._kept()
        counts = count_sequences(self._graphs(X), longest, tuple(operations), width)
        if self.power == 0:
            return np.asarray(counts > 0, dtype=np.float64)
        return np.asarray(counts**self.power)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`input>OPERATION>...>output`."""
        longest, operations, width = self._kept()
        sequences = (s for length in range(longest + 1) for s in product(operations.values(), repeat=length))
        names = [">".join(("input", *s, "output")) for s, _ in zip(sequences, range(width), strict=False)]
        return np.array(names, dtype=object)


class TruncatedPaths(Paths):
    """`Paths` of at most two operations: the paper shows that the longest ones hardly ever matter."""

    def __init__(
        self,
        space: SearchSpace,
        functional: bool = True,
        power: float = 0.0,
        longest: int | None = 2,
        columns: int | None = None,
    ) -> None:
        super().__init__(space, functional, power, longest, columns)


def count_sequences(batch: CellGraphs, longest: int, operations: tuple[int, ...], width: int) -> Floats:
    """How many paths of each graph have each sequence of operations, `(n, width)`.

    Columns number the sequences: shorter ones first, then lexicographically.

    Args:
        batch: the graphs; parallel edges are paths of their own.
        longest: operations on a path at most.
        operations: labels of the operations that may occur.
        width: columns to keep.
    """
    n, vertices = batch.labels.shape
    counts = np.zeros((n, width))
    digit = np.zeros(len(batch.label_names), dtype=np.int64)
    digit[list(operations)] = np.arange(1, len(operations) + 1)
    digits = digit[batch.labels]
    for length in range(longest + 1):
        for inner in combinations(range(1, vertices - 1), length):
            ways, number = np.ones(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
            for source, target in zip((0, *inner), (*inner, vertices - 1), strict=True):
                ways *= batch.adjacency[:, source, target]
            for vertex in inner:
                number = number * len(operations) + digits[:, vertex]
            there = np.flatnonzero((ways > 0) & (number < width))
            counts[there, number[there]] += ways[there]
    return counts


class GraphStatistics(GraphEncoder):
    """Size, depth and degrees of the graph, its operations by how deep they sit, its paths by length.

    Source: the hand-made features of Kadlecová et al., Surprisingly Strong Performance Prediction with
    Neural Graph Features, ICML 2024, in the main.
    """

    def transform(self, X: ArrayLike) -> Floats:
        """`(n, 9 + operations + operations * longest + longest + 1)`."""
        seen = self._graphs(X)
        n = len(seen.labels)
        _, operations, longest = self._extent()
        edges = seen.adjacency > 0
        inner = seen.labels[:, 1:-1] > 0
        incoming, outgoing = edges.sum(axis=1), edges.sum(axis=2)
        depth = _longest_paths(edges)
        by_length = _paths_by_length(seen.adjacency, longest)
        size = [
            inner.sum(axis=1),
            edges.sum(axis=(1, 2)),
            np.maximum(depth[:, -1], 0),
            incoming.max(axis=1),
            outgoing.max(axis=1),
            outgoing[:, 0],
            incoming[:, -1],
            by_length.sum(axis=1),
            (by_length * np.arange(longest + 1)).sum(axis=1) / np.maximum(by_length.sum(axis=1), 1),
        ]
        hot = seen.labels[:, 1:-1, None] == list(operations)
        level = depth[:, 1:-1, None] == np.arange(1, longest + 1)
        at_depth = np.einsum("nvo,nvd->nod", hot.astype(np.int64), level.astype(np.int64)).reshape(n, -1)
        parts = [np.stack(size, axis=1), hot.sum(axis=1), at_depth, by_length]
        return np.concatenate(parts, axis=1).astype(np.float64)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """What each number is."""
        _, operations, longest = self._extent()
        names = ["vertices", "edges", "depth", "largest in-degree", "largest out-degree"]
        names += ["out-degree of the input", "in-degree of the output", "paths", "mean path length"]
        names += operations.values()
        names += [f"{operation} at depth {d}" for operation in operations.values() for d in range(1, longest + 1)]
        names += [f"paths of {length}" for length in range(longest + 1)]
        return np.array(names, dtype=object)

    def groups(self) -> Groups:
        """Each statistic by itself: their units differ."""
        return tuple((column,) for column in range(len(self.get_feature_names_out())))


def _longest_paths(edges: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Edges on the longest way from the input to each vertex, `(n, V)`; -1 where there is none."""
    n, vertices, _ = edges.shape
    depth = np.full((n, vertices), -1, dtype=np.int64)
    depth[:, 0] = 0
    for vertex in range(1, vertices):
        reach = np.where(edges[:, :vertex, vertex] & (depth[:, :vertex] >= 0), depth[:, :vertex] + 1, -1)
        depth[:, vertex] = reach.max(axis=1)
    return depth


def _paths_by_length(adjacency: NDArray[np.uint8], longest: int) -> Floats:
    """Input-to-output paths with 0, 1, ... operations, `(n, longest + 1)`: powers of the adjacency matrix."""
    n, vertices, _ = adjacency.shape
    weights, ways = adjacency.astype(np.float64), np.zeros((n, 1, vertices))
    ways[:, 0, 0] = 1.0
    lengths = np.empty((n, longest + 1))
    for length in range(longest + 1):
        ways = ways @ weights
        lengths[:, length] = ways[:, 0, -1]
    return lengths
