"""All NAS-Bench-101 cells up to isomorphism, as arrays.

A genotype has 26 positions: the 21 bits above the diagonal of a 7 x 7 adjacency matrix, a row after
another, and the operations of the five interior vertices (0 absent, else 1 + its position in
`OPERATIONS`). Vertex 0 is the input and vertex 6 the output, whatever the number of vertices; those that
are there come first, and every one of them lies on a path from the input to the output. So written, each
labelled graph has one genotype; there are 1,293,208 of at most 9 edges.

The representative of a class of isomorphic cells is its smallest genotype. Since edges come before
operations, it has the smallest edge bits first of all, which do not depend on the operations: the
relabellings that reach them are found once for each of the few thousand *topologies*, and only the
operations remain to be compared. This is exact; no hash is involved. There are 423,624 representatives.

Edge bits and operations are also written as numbers (base 2 and base 4, the first position most
significant); `edges * 1024 + operations` is the mixed-radix code of a genotype.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.space import Genotypes
from nasbench.spaces.nasbench101_cells import MAX_EDGES, MAX_VERTICES, OPERATIONS

EDGES = tuple((i, j) for i in range(MAX_VERTICES) for j in range(i + 1, MAX_VERTICES))
"""(from, to) vertex of each of the 21 edge positions."""

INTERIOR = MAX_VERTICES - 2
OUTPUT_VERTEX = MAX_VERTICES - 1
OPERATION_CODES = 4**INTERIOR

_EDGE_PLACES = 2 ** np.arange(len(EDGES) - 1, -1, -1, dtype=np.int64)
_OPERATION_PLACES = 4 ** np.arange(INTERIOR - 1, -1, -1, dtype=np.int64)
_FROM, _TO = (np.array(ends) for ends in zip(*EDGES, strict=True))

Ints = NDArray[np.int64]


class Topologies(NamedTuple):
    """The labelled graphs without operations: T of them.

    Attributes:
        edges: `(T,)` edge numbers, rising.
        vertices: `(T,)` how many interior vertices each has.
        smallest: `(T,)` the topology with the smallest edge number among the isomorphic ones.
        starts: `(T + 1,)` where the relabellings of each that lead there begin in `sources`.
        sources: `(W, 5)` which interior vertex (0 to 4) takes each of the five places.
    """

    edges: Ints
    vertices: Ints
    smallest: Ints
    starts: Ints
    sources: Ints


@cache
def topologies() -> Topologies:
    """Every topology with its relabellings; made once a process, in some tens of milliseconds."""
    edges, vertices = _labelled()
    smallest = np.empty_like(edges)
    owners, sources = [], []
    for count in range(INTERIOR + 1):
        mine, order = np.flatnonzero(vertices == count), _orders(count)
        numbers = _bits(edges[mine]).astype(np.float64) @ _relabelled_places(order).T
        least = numbers.min(axis=1)
        smallest[mine] = np.searchsorted(edges, least.astype(np.int64))
        topology, way = np.nonzero(numbers == least[:, None])
        owners.append(mine[topology])
        sources.append(np.argsort(order, axis=1)[way])
    owner = np.concatenate(owners)
    starts = np.searchsorted(np.sort(owner), np.arange(len(edges) + 1))
    made = Topologies(edges, vertices, smallest, starts, np.concatenate(sources)[np.argsort(owner, kind="stable")])
    for array in made:
        array.flags.writeable = False
    return made


def _labelled() -> tuple[Ints, Ints]:
    """Edge numbers of all topologies, rising, and how many interior vertices each has.

    In an acyclic graph where every vertex but the first has a predecessor and every vertex but the last
    has a successor, every vertex lies on a path from first to last.
    """
    count = np.zeros(1, dtype=np.uint8)
    for _ in EDGES:
        count = np.concatenate([count, count + 1])
    numbers = np.flatnonzero((count > 0) & (count <= MAX_EDGES))
    vertices, ended = np.zeros(len(numbers), dtype=np.int64), np.zeros(len(numbers), dtype=bool)
    keep = np.ones(len(numbers), dtype=bool)
    for vertex in range(1, OUTPUT_VERTEX):
        fed = (numbers & int(_EDGE_PLACES[vertex == _TO].sum())) > 0
        feeds = (numbers & int(_EDGE_PLACES[vertex == _FROM].sum())) > 0
        keep &= (fed == feeds) & ~(fed & ended)
        ended |= ~fed
        vertices += fed
    return numbers[keep], vertices[keep]


def _orders(count: int) -> Ints:
    """The permutations of the first `count` of the five places, `(count!, 5)`."""
    rest = range(count, INTERIOR)
    return np.array([(*order, *rest) for order in permutations(range(count))], dtype=np.int64)


def _relabelled_places(order: Ints) -> NDArray[np.float64]:
    """Place value of each edge `(P, 21)` after interior vertex k went to place `order[p, k]`.

    An edge that would lead backwards has so large a place value that no smallest number has it.
    """
    to = np.column_stack([np.zeros(len(order), dtype=np.int64), order + 1, np.full(len(order), OUTPUT_VERTEX)])
    place = np.full((MAX_VERTICES, MAX_VERTICES), 2.0**40)
    place[_FROM, _TO] = _EDGE_PLACES
    return np.asarray(place[to[:, _FROM], to[:, _TO]])


# -- numbers <-> genes ------------------------------------------------------------------------------


def _bits(edges: Ints) -> NDArray[np.bool_]:
    return np.asarray((edges[:, None] & _EDGE_PLACES) > 0)


def joined(codes: Ints) -> Genotypes:
    """The `(n, 26)` genotypes of mixed-radix codes."""
    out = np.empty((len(codes), len(EDGES) + INTERIOR), dtype=np.int64)
    out[:, : len(EDGES)] = _bits(codes // OPERATION_CODES)
    out[:, len(EDGES) :] = codes[:, None] // _OPERATION_PLACES % 4
    return out


# -- representatives --------------------------------------------------------------------------------


def representatives(edges: Ints, operations: Ints) -> Ints:
    """Codes `(n,)` of the representatives of cells; -1 where the edges are no topology.

    Args:
        edges: `(n,)` edge numbers.
        operations: `(n,)` operation numbers that go with them.
    """
    known = topologies()
    which = np.minimum(np.searchsorted(known.edges, edges), len(known.edges) - 1)
    ways = np.diff(known.starts)[which]
    cell = np.repeat(np.arange(len(edges)), ways)
    first = np.cumsum(ways) - ways
    way = np.arange(len(cell)) - first[cell] + known.starts[which][cell]
    genes = operations[:, None] // _OPERATION_PLACES % 4
    moved = np.take_along_axis(genes[cell], known.sources[way], axis=1) @ _OPERATION_PLACES
    least = np.minimum.reduceat(moved, first) if len(cell) else operations
    codes = known.edges[known.smallest[which]] * OPERATION_CODES + least
    return np.asarray(np.where(known.edges[which] == edges, codes, -1), dtype=np.int64)


@cache
def all_representatives() -> Ints:
    """The codes of all 423,624 cells, rising; made once a process."""
    known = topologies()
    own = known.smallest == np.arange(len(known.edges))
    alone = np.diff(known.starts) == 1
    found = []
    for count in range(INTERIOR + 1):
        choices = product(range(1, len(OPERATIONS) + 1), repeat=count)
        numbers = np.array([[*c, *[0] * (INTERIOR - count)] for c in choices], dtype=np.int64) @ _OPERATION_PLACES
        mine = own & (known.vertices == count)
        for edges, compare in ((known.edges[mine & alone], False), (known.edges[mine & ~alone], True)):
            codes = (edges[:, None] * OPERATION_CODES + numbers).ravel()
            # without a relabelling but itself, any operations are the smallest
            found.append(codes[representatives(*np.divmod(codes, OPERATION_CODES)) == codes] if compare else codes)
    everything = np.sort(np.concatenate(found), kind="stable")
    everything.flags.writeable = False
    return everything


# -- pruning ----------------------------------------------------------------------------------------


def normalised(genotypes: Genotypes) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Prune and pack cells that are written in any way.

    What lies on no path from the input to the output goes, and so do vertices without an operation with
    all of their edges; the other vertices move together.

    Args:
        genotypes: `(n, 26)`, each gene in range, and nothing else asked of them.

    Returns:
        Edge numbers, operation numbers, and whether there is a path at all, each `(n,)`.
    """
    n = len(genotypes)
    graph = np.zeros((n, MAX_VERTICES, MAX_VERTICES), dtype=bool)
    graph[:, _FROM, _TO] = genotypes[:, : len(EDGES)]
    present = np.ones((n, MAX_VERTICES), dtype=bool)
    present[:, 1:OUTPUT_VERTEX] = genotypes[:, len(EDGES) :] > 0
    graph &= present[:, :, None] & present[:, None, :]
    reached, useful = np.zeros((2, n, MAX_VERTICES), dtype=bool)
    reached[:, 0] = useful[:, -1] = True
    for vertex in range(1, MAX_VERTICES):
        reached[:, vertex] = (graph[:, :, vertex] & reached).any(axis=1)
    for vertex in range(OUTPUT_VERTEX - 1, -1, -1):
        useful[:, vertex] = (graph[:, vertex, :] & useful).any(axis=1)
    alive = reached & useful
    order = np.broadcast_to(np.arange(MAX_VERTICES), (n, MAX_VERTICES)).copy()
    order[:, 1:-1] = np.argsort(~alive[:, 1:-1], axis=1, kind="stable") + 1
    graph &= alive[:, :, None] & alive[:, None, :]
    packed = graph[np.arange(n)[:, None], order[:, _FROM], order[:, _TO]]
    operations = np.where(alive[:, 1:-1], genotypes[:, len(EDGES) :], 0)
    operations = np.take_along_axis(operations, order[:, 1:-1] - 1, axis=1)
    return packed @ _EDGE_PLACES, operations @ _OPERATION_PLACES, alive[:, 0]
