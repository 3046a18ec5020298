"""The exact computational graph of a cell whose operations sit on edges, and its isomorphism class.

Every tensor of such a cell is a sum: a multiset of the cell input and of *operation instances*. An
edge whose operation has weights is an instance of its own; operations without weights (pooling)
that are applied to the same tensor are one instance, since they give one result. With that,

- an edge with the zero operation contributes nothing, and an operation applied to an empty sum
  (a zero node) contributes nothing either;
- an identity edge contributes the multiset of its source (two identities of one tensor: twice
  that tensor), so identities vanish and a sum that arrives through one merges into the next sum;
- an instance that does not reach the output is dead;
- an instance that reaches the output by several routes stays one shared vertex: nothing is
  unrolled, and two equal-looking instances with weights stay two.

What is left is a small directed acyclic multigraph. Genotypes with isomorphic graphs compute the same
family of functions. (Only the graph is compared: algebra such as the linearity of average
pooling is not used.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasbench.space import Genotypes


@dataclass(frozen=True)
class Cell:
    """The fixed skeleton of a cell.

    Args:
        edges: (from, to) node of each genotype position, sorted by `to`, with from < to; node 0 is
            the cell input and the largest node its output.
        zero: the operation that outputs zeros.
        skip: the identity operation.
        weightless: operations without weights, other than these two.
    """

    edges: tuple[tuple[int, int], ...]
    zero: int
    skip: int
    weightless: tuple[int, ...] = ()

    @property
    def output(self) -> int:
        """Number of the output node."""
        return max(to for _, to in self.edges)


def multigraph(cell: Cell, genotypes: Genotypes) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The exact computational graphs of a batch, without zeros, identities and dead parts.

    With E edges a graph has E + 2 vertices: 0 the cell input, 1 + e the operation instance of edge
    e, E + 1 the cell output.

    Args:
        cell: the skeleton.
        genotypes: `(n, E)` operations.

    Returns:
        `(n, E + 2, E + 2)` multiplicities, [source, consumer], and `(n, E + 2)` labels: 0 for a
        vertex that is not part of the graph, 1 input, 2 output, 3 + operation for an instance.
    """
    n, edges = len(genotypes), len(cell.edges)
    tensors = np.zeros((cell.output + 1, n, edges + 2), dtype=np.uint64)
    tensors[0, :, 0] = 1
    graph = np.zeros((n, edges + 2, edges + 2), dtype=np.uint64)
    for edge, (source, target) in enumerate(cell.edges):
        operation = genotypes[:, edge]
        identity = operation == cell.skip
        instance = (operation != cell.zero) & ~identity & tensors[source].any(axis=1)
        graph[instance, :, 1 + edge] = tensors[source][instance]
        for earlier in range(edge):
            same = instance & np.isin(operation, cell.weightless) & (genotypes[:, earlier] == operation)
            same &= (graph[:, :, 1 + earlier] == graph[:, :, 1 + edge]).all(axis=1)
            graph[same, :, 1 + edge] = 0
            tensors[target, :, 1 + earlier] += same
            instance &= ~same
        tensors[target, :, 1 + edge] += instance
        tensors[target][identity] += tensors[source][identity]
    graph[:, :, edges + 1] = tensors[cell.output]

    live = np.zeros((n, edges + 2), dtype=bool)
    live[:, edges + 1] = True
    for vertex in (edges + 1, *range(edges, 0, -1)):
        live |= live[:, vertex, None] & (graph[:, :, vertex] > 0)
    graph *= live[:, None, :]

    labels = np.empty((n, edges + 2), dtype=np.uint64)
    labels[:, 0], labels[:, edges + 1] = 1, 2
    labels[:, 1:-1] = genotypes.astype(np.uint64) + 3
    return graph, labels * live


def signatures(cell: Cell, genotypes: Genotypes) -> NDArray[np.uint64]:
    """One 64-bit number a genotype, equal exactly for isomorphic computational graphs.

    Colour refinement (Weisfeiler and Leman, 1968) in both directions until every vertex has seen
    the whole graph. Isomorphic graphs always agree; that no two others do is proved for the cells
    of this package by exhaustive comparison with permutation search, in the tests.

    Args:
        cell: the skeleton.
        genotypes: `(n, E)` operations.
    """
    graph, colours = multigraph(cell, genotypes)
    backwards = np.ascontiguousarray(graph.transpose(0, 2, 1))
    for _ in range(len(cell.edges)):
        incoming = backwards @ mix(colours + _IN)[:, :, None]
        outgoing = graph @ mix(colours + _OUT)[:, :, None]
        colours = mix(colours * _SELF + mix(incoming[:, :, 0]) + mix(outgoing[:, :, 0] + _OUT))
    return np.asarray(mix(colours).sum(axis=1, dtype=np.uint64))


_SELF, _IN, _OUT = (np.uint64(c) for c in (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03, 0x8CB92BA72F3D8DD7))


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, 2014): a bijection that spreads all bits."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
