"""Single cells as plain integers: representatives, and the cells that are one move away.

A move

- flips one edge between two vertices that are there;
- gives a vertex another operation;
- takes a vertex out, with its edges; or
- puts a vertex in where fewer than seven are there: with one edge in and one edge out, or beside another
  vertex with the same edges as that.

What a move cuts off from the input or the output is pruned. The last two are the change of an operation
from and to *absent*; without them no cell could grow, since a lone new edge never reaches an absent vertex.
From the first cell every other can be reached (without the twins, 378 dense ones could not be).

Which topology an edge move leads to, and where each operation goes, does not depend on the operations:
it is worked out once a topology, and then applied to any operations in a microsecond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from operator import itemgetter
from typing import NamedTuple

from nasbench.spaces.nasbench101_cells import MAX_VERTICES, OPERATIONS, prune, subgraph
from nasbench.spaces.nasbench101_graphs import EDGES, INTERIOR, OUTPUT_VERTEX, topologies

Operations = tuple[int, ...]
"""Genes of the five interior vertices: 0 absent, else 1 + position in `OPERATIONS`."""

Cell = tuple[int, Operations]
"""Edge number and operations."""

_ABSENT, _NEW = INTERIOR, INTERIOR + 1
_LAST_EDGE = len(EDGES) - 1
_POSITION = {edge: _LAST_EDGE - position for position, edge in enumerate(EDGES)}


class Arrival(NamedTuple):
    """Where a move leads.

    Attributes:
        edges: edge number of the smallest topology isomorphic to the pruned result.
        takes: for each relabelling that leads there, what picks the operations out of those before,
            followed by the absent one and that of a new vertex.
    """

    edges: int
    takes: tuple[Callable[[Sequence[int]], Operations], ...]

    def of(self, operations: Sequence[int]) -> Cell:
        """The representative that the move leads to from a cell with the operations `(7,)`."""
        takes = self.takes
        if len(takes) == 1:
            return self.edges, takes[0](operations)
        return self.edges, min([take(operations) for take in takes])


def successors_of_edges(edges: int) -> list[int]:
    """The successors of all seven vertices of an edge number."""
    out = [0] * MAX_VERTICES
    for (source, target), place in _POSITION.items():
        out[source] |= (edges >> place & 1) << target
    return out


@cache
def _rank_of_topology() -> dict[int, int]:
    return {edges: rank for rank, edges in enumerate(topologies().edges.tolist())}


def _arrival(successors: Sequence[int], origin: Sequence[int]) -> Arrival | None:
    """Where a cell of any number of vertices is listed, once it is pruned.

    Args:
        successors: of its vertices, in topological order.
        origin: for each of its inner vertices, which of the operations before the move it has.

    Returns:
        None where it has no path, or too many vertices or edges.
    """
    kept = prune(successors)
    return _listed(subgraph(successors, kept), [origin[vertex - 1] for vertex in kept[1:-1]])


def _listed(graph: Sequence[int], origin: Sequence[int]) -> Arrival | None:
    if not 2 <= len(graph) <= MAX_VERTICES:
        return None
    places = [*range(len(graph) - 1), OUTPUT_VERTEX]
    edges = 0
    for source, targets in enumerate(graph):
        for target in range(source + 1, len(graph)):
            if targets >> target & 1:
                edges |= 1 << _POSITION[places[source], places[target]]
    rank = _rank_of_topology().get(edges)
    if rank is None:
        return None
    known = topologies()
    packed = [*origin, *[_ABSENT] * (INTERIOR - len(origin))]
    begin, end = known.starts[rank : rank + 2].tolist()
    takes = {tuple(packed[place] for place in way) for way in known.sources[begin:end].tolist()}
    return Arrival(int(known.edges[known.smallest[rank]]), tuple(itemgetter(*take) for take in sorted(takes)))


def representative(successors: Sequence[int], operations: Sequence[int]) -> Cell | None:
    """The representative of a cell of any number of vertices.

    Args:
        successors: of its vertices, in topological order.
        operations: genes of its inner vertices, none of them absent.

    Returns:
        None where it has no path, or too many vertices or edges.
    """
    kept = prune(successors)
    genes = [operations[vertex - 1] for vertex in kept[1:-1]]
    found = _listed(subgraph(successors, kept), range(len(genes)))
    return None if found is None else found.of([*genes, *[0] * (_NEW + 1 - len(genes))])


class _Moves(NamedTuple):
    edges: tuple[Arrival, ...]
    own: Arrival
    removals: tuple[Arrival, ...]
    insertions: tuple[Arrival, ...]


@cache
def _moves(edges: int) -> _Moves:
    """The moves from a topology."""
    full = successors_of_edges(edges)
    kept = prune(full)
    graph, last = subgraph(full, kept), len(kept) - 1
    inner = list(range(last - 1))
    pairs = [(i, j) for i in range(last) for j in range(i + 1, last + 1)]
    own = _arrival(graph, inner)
    if own is None:
        raise ValueError(f"{edges} is no topology")

    def reached(options: Iterator[Arrival | None]) -> tuple[Arrival, ...]:
        return tuple(option for option in options if option is not None)

    def flipped(i: int, j: int) -> list[int]:
        return [targets ^ (1 << j) if v == i else targets for v, targets in enumerate(graph)]

    def without(vertex: int) -> list[int]:
        return [0 if v == vertex else targets & ~(1 << vertex) for v, targets in enumerate(graph)]

    return _Moves(
        reached(_arrival(flipped(i, j), inner) for i, j in pairs),
        own,
        reached(_arrival(without(vertex), inner) for vertex in range(1, last)),
        reached(_arrival(*grown) for grown in _grown(graph, pairs)) if len(kept) < MAX_VERTICES else (),
    )


def _grown(graph: Sequence[int], pairs: Sequence[tuple[int, int]]) -> Iterator[tuple[list[int], list[int]]]:
    """The graphs with a vertex more, and the origins of their inner vertices."""
    for source, target in pairs:
        yield _with_vertex(graph, source + 1, 1 << source, 1 << target)
    for vertex in range(1, len(graph) - 1):
        feeding = sum(1 << v for v, targets in enumerate(graph) if targets >> vertex & 1)
        yield _with_vertex(graph, vertex + 1, feeding, graph[vertex])


def _with_vertex(graph: Sequence[int], place: int, feeding: int, fed: int) -> tuple[list[int], list[int]]:
    """A graph with a vertex at `place` that reads from the vertices `feeding` and is read by `fed`."""
    low = (1 << place) - 1
    made = [(targets & low) | (targets & ~low) << 1 | (feeding >> v & 1) << place for v, targets in enumerate(graph)]
    made.insert(place, (fed & ~low) << 1)
    origin = list(range(len(graph) - 2))
    return made, [*origin[: place - 1], _NEW, *origin[place - 1 :]]


@lru_cache(maxsize=2048)
def around(edges: int, operations: Operations) -> tuple[Cell, ...]:
    """The distinct other representatives that one move leads to, in order of the moves.

    Args:
        edges: edge number of a representative.
        operations: its operations.
    """
    moves, before = _moves(edges), (*operations, 0, 0)
    found = dict.fromkeys([move.of(before) for move in moves.edges])
    for place, now in enumerate(operations):
        if now:
            for gene in range(1, len(OPERATIONS) + 1):
                found[moves.own.of((*operations[:place], gene, *operations[place + 1 :], 0, 0))] = None
    found.update(dict.fromkeys([move.of(before) for move in moves.removals]))
    for gene in range(1, len(OPERATIONS) + 1):
        found.update(dict.fromkeys([move.of((*operations, 0, gene)) for move in moves.insertions]))
    found.pop((edges, operations), None)
    return tuple(found)
