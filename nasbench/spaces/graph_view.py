"""The graph view of cells: operations as labelled vertices, whatever the genotype puts where.

A space whose architectures are cells has `graphs(genotypes, functional)`, which gives `CellGraphs`.
Adjacency encodings, graph statistics, Weisfeiler-Lehman kernels and graph networks work on that alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

PADDING, INPUT, OUTPUT = 0, 1, 2
"""Labels of a vertex that is not part of the graph, of the cell's input and of its output."""

FIRST_OPERATION = 3
"""Label of the first operation; the others count on from it."""


class CellGraphs(NamedTuple):
    """A batch of directed acyclic multigraphs with one label a vertex.

    Vertices are in topological order: 0 is the input, V - 1 the output, and each matrix is strictly
    upper triangular. A vertex that an architecture does not use keeps its place, with label 0 and
    neither incoming nor outgoing edges.

    Attributes:
        adjacency: `(n, V, V)` uint8: how often vertex [consumer] reads vertex [source], at [source,
            consumer]. Numbers above 1 come from contracted identities only.
        labels: `(n, V)` uint8: 0 padding, 1 input, 2 output, 3 and up the operations.
        label_names: name of each label; that of padding is empty.
    """

    adjacency: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    label_names: tuple[str, ...]


def names_of_labels(operations: tuple[str, ...]) -> tuple[str, ...]:
    """`CellGraphs.label_names` of a space with these operations."""
    return ("", "input", "output", *operations)


def contract(adjacency: NDArray[Any], labels: NDArray[Any], identity: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The graphs without their identity vertices: who read one reads what it read.

    Args:
        adjacency: `(n, V, V)` multiplicities of graphs in topological order.
        labels: `(n, V)`.
        identity: label of the identity.

    Returns:
        New arrays of the same shapes; contracted vertices are padding.
    """
    graph, kept = adjacency.copy(), labels.copy()
    for vertex in range(1, graph.shape[1] - 1):
        rows = np.flatnonzero(kept[:, vertex] == identity)
        graph[rows] += graph[rows, :, vertex, None] * graph[rows, vertex, None, :]
        graph[rows, :, vertex] = 0
        graph[rows, vertex, :] = 0
        kept[rows, vertex] = PADDING
    return graph, kept
