"""Graphs as flat tensors of their live vertices and edges: what graph networks compute on.

Functional graphs are mostly padding. Without it, a batch of cells of NAS-Bench-201 has three fifths of the
vertices and one tenth of the entries of dense matrices, and a network takes a sixth of the time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nasbench.spaces.graph_view import OUTPUT


class GraphBatch(NamedTuple):
    """The live vertices and the edges of n graphs, in the order of the graphs.

    Attributes:
        labels: `(vertices,)` int64: label of each live vertex.
        graph: `(vertices,)` int64: which graph it is part of.
        outputs: `(n,)` int64: the output vertex of each graph.
        source: `(edges,)` int64: vertex that an edge leaves.
        target: `(edges,)` int64: vertex that it enters.
        multiplicity: `(edges,)` float32: how often the target reads the source.
    """

    labels: Tensor
    graph: Tensor
    outputs: Tensor
    source: Tensor
    target: Tensor
    multiplicity: Tensor

    @property
    def size(self) -> int:
        """Number of graphs."""
        return len(self.outputs)


def columns_of(vertices: int) -> int:
    """Columns of the encoding `graph` with V vertices: V labels and the V (V - 1) / 2 entries above the diagonal."""
    return vertices * (vertices + 1) // 2


def graph_batch(encoded: NDArray[np.float64]) -> GraphBatch:
    """The batch of graphs in the encoding `graph`.

    Args:
        encoded: `(n, V (V + 1) / 2)`: labels, then the adjacency matrix above its diagonal by rows.

    Raises:
        ValueError: no number of vertices has so many columns.
    """
    n, width = encoded.shape
    vertices = int(np.sqrt(2 * width))
    if columns_of(vertices) != width:
        raise ValueError(f"{width} columns are no graphs; graph networks need the encoder 'graph'")
    labels = encoded[:, :vertices].astype(np.int64)
    adjacency = np.zeros((n, vertices, vertices), dtype=np.float32)
    rows, columns = np.triu_indices(vertices, 1)
    adjacency[:, rows, columns] = encoded[:, vertices:]

    live = labels > 0
    position = np.cumsum(live).reshape(live.shape) - 1
    where, source, target = np.nonzero(adjacency)
    arrays = (
        labels[live],
        np.nonzero(live)[0],
        position[labels == OUTPUT],
        position[where, source],
        position[where, target],
        adjacency[where, source, target],
    )
    return GraphBatch(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))
