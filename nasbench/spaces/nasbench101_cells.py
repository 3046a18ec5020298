"""One NAS-Bench-101 cell: a directed acyclic graph with an operation on each vertex, and its official hash.

Vertices are numbered in topological order, the input first and the output last. A cell is held as
*successors* (one integer a vertex, bit w set where the vertex feeds vertex w) and *labels* (-1 the
input, -2 the output, else a position in `OPERATIONS`), all of them Python integers.

Source: Ying et al., NAS-Bench-101: Towards Reproducible Neural Architecture Search, ICML 2019.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from nasbench.errors import GenotypeError
from nasbench.parameter import unknown_choice

OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
INPUT, OUTPUT = "input", "output"
MAX_VERTICES = 7
MAX_EDGES = 9
MAX_WRITTEN = 64
"""Vertices that a matrix may have before those that do nothing are pruned."""

_INPUT_LABEL, _OUTPUT_LABEL = -1, -2


def successors_of(matrix: Any) -> list[int]:
    """The successors of an upper triangular 0-1 matrix `(V, V)`, 1 at [from, to].

    Raises:
        GenotypeError: another shape, other entries, or an edge that does not lead forward.
    """
    try:
        array = np.asarray(matrix)
    except ValueError:
        raise GenotypeError("the rows of an adjacency matrix are of one length") from None
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not 2 <= len(array) <= MAX_WRITTEN:
        raise GenotypeError(f"an adjacency matrix is square, of 2 to {MAX_WRITTEN} vertices; got shape {array.shape}")
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise GenotypeError("an adjacency matrix has the entries 0 and 1 only")
    backward = np.argwhere(np.tril(array))
    if len(backward):
        source, target = backward[0].tolist()
        raise GenotypeError(f"the edge {source}->{target} does not lead forward; the matrix must be upper triangular")
    return [sum(1 << w for w, edge in enumerate(row) if edge) for row in array.tolist()]


def labels_of(operations: Sequence[str]) -> list[int]:
    """The labels of operation names: `input`, one of `OPERATIONS` each, `output`.

    Raises:
        GenotypeError: the ends are not input and output, or an operation is unknown.
    """
    names = [str(name) for name in operations]
    if len(names) < 2 or names[0] != INPUT or names[-1] != OUTPUT:
        raise GenotypeError(f"the operations of a cell begin with {INPUT!r} and end with {OUTPUT!r}")
    for name in names[1:-1]:
        if name not in OPERATIONS:
            raise unknown_choice("operation", name, OPERATIONS)
    return [_INPUT_LABEL, *map(OPERATIONS.index, names[1:-1]), _OUTPUT_LABEL]


def prune(successors: Sequence[int]) -> list[int]:
    """The vertices on a path from the input to the output, rising; empty where there is no path."""
    last = len(successors) - 1
    reached, useful = 1, 1 << last
    for vertex, targets in enumerate(successors):
        if reached >> vertex & 1:
            reached |= targets
    for vertex in range(last, -1, -1):
        if successors[vertex] & useful:
            useful |= 1 << vertex
    alive = reached & useful
    return [vertex for vertex in range(last + 1) if alive >> vertex & 1] if alive & 1 else []


def subgraph(successors: Sequence[int], kept: Sequence[int]) -> list[int]:
    """The successors of a cell of which only some vertices are kept, numbered anew in their order."""
    return [sum(1 << new for new, old in enumerate(kept) if successors[vertex] >> old & 1) for vertex in kept]


def why_not(successors: Sequence[int]) -> str:
    """What keeps a cell out of the space (one that is out of it)."""
    kept = prune(successors)
    if not kept:
        return "no path leads from the input to the output"
    if len(kept) > MAX_VERTICES:
        return f"it has {len(kept)} vertices on paths from input to output, of at most {MAX_VERTICES}"
    edges = sum(targets.bit_count() for targets in subgraph(successors, kept))
    return f"it has {edges} edges on paths from input to output, of at most {MAX_EDGES}"


def official_hash(successors: Sequence[int], labels: Sequence[int]) -> str:
    """The official module hash: md5 of a pruned cell, equal for isomorphic ones.

    It depends on how Python writes tuples of plain integers: with numpy scalars or float degrees the
    same procedure gives other hashes (NAS-Bench-ASR's are made with floats).

    Args:
        successors: of the pruned cell.
        labels: of its vertices.
    """
    count = len(successors)
    outgoing = [[w for w in range(count) if targets >> w & 1] for targets in successors]
    incoming = [[w for w in range(count) if successors[w] >> v & 1] for v in range(count)]
    colours = [_md5(str((len(outgoing[v]), len(incoming[v]), int(labels[v])))) for v in range(count)]
    for _ in range(count):
        colours = [
            _md5(
                "".join(sorted([colours[w] for w in incoming[v]]))
                + "|"
                + "".join(sorted([colours[w] for w in outgoing[v]]))
                + "|"
                + colours[v]
            )
            for v in range(count)
        ]
    return _md5(str(sorted(colours)))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
