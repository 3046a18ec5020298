"""The DARTS search space of NAS-Bench-301: a normal and a reduction cell of four intermediate nodes each.

A cell reads the outputs of the two cells before it (nodes 0 and 1). Intermediate node j (2 to 5) adds up two
edges, each one of seven operations on another of the j nodes before it; the concatenation of the four
intermediate nodes is the cell's output. There are (7^8 * 1 * 3 * 6 * 10)^2, about 1.08e18, pairs of cells.

A genotype has 22 positions, 11 a cell, normal cell first; for each node in order: which two nodes it reads (a
pair `a_b`, a < b; node 2 has no choice), the operation on the edge from a, the operation on the edge from b. Every
combination is valid and no two of them are the same cells, so that a uniform genotype is a uniform architecture.

Sources: Liu, Simonyan and Yang, DARTS: Differentiable Architecture Search, ICLR 2019; Zela, Siems, Zimmer, Lukasik,
Keuper and Hutter, Surrogate NAS Benchmarks: Going Beyond the Limited Search Spaces of Tabular NAS Benchmarks,
ICLR 2022 (NAS-Bench-301), whose configuration keys `config` reads and writes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations, permutations
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.errors import GenotypeError
from nasbench.parameter import Parameter, unknown_choice
from nasbench.space import Genotype, Genotypes, SearchSpace

OPERATIONS = (
    "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5",
)  # fmt: skip
"""In the official order."""

CELLS = ("normal", "reduce")
NODES = (2, 3, 4, 5)
"""The intermediate nodes; node j chooses two of the nodes 0 to j - 1."""

PAIRS = {node: tuple(combinations(range(node), 2)) for node in NODES}
"""The choices of inputs of each node, in the official order."""

CONFIG_PREFIX = "NetworkSelectorDatasetInfo:darts:"

Edge: TypeAlias = tuple[int, int]
"""(source node, operation)."""

Cell: TypeAlias = tuple[tuple[Edge, Edge], ...]
"""The two edges of each intermediate node, each node's in the order of their sources."""


class _Layout(NamedTuple):
    """Where a node stands in a genotype: its pair (None for node 2) and its two operations."""

    cell: int
    node: int
    pair: int | None
    operations: tuple[int, int]


def _layout() -> tuple[_Layout, ...]:
    made, at = [], 0
    for cell in range(len(CELLS)):
        for node in NODES:
            pair = at if node > 2 else None
            first = at + (node > 2)
            made.append(_Layout(cell, node, pair, (first, first + 1)))
            at = first + 2
    return tuple(made)


_LAYOUT = _layout()
_FIRST_EDGE = {node: sum(range(2, node)) for node in NODES}
"""Official number of the edge 0 -> node; the edge from node i follows i places later."""

_RELABELLINGS = tuple(dict(zip(NODES, order, strict=True)) for order in permutations(NODES))
_TEXT = re.compile(
    r"Genotype\(normal=\[(.*?)\],normal_concat=(?:range\(2,6\)|\[2,3,4,5\]),"
    r"reduce=\[(.*?)\],reduce_concat=(?:range\(2,6\)|\[2,3,4,5\])\)"
)
_EDGE = re.compile(r"\(['\"]([a-z0-9_]{1,32})['\"],([0-9])\)")


class DartsSpace(SearchSpace):
    """All pairs of DARTS cells; see the module for the order of a genotype's positions."""

    kind = "darts"

    def __init__(self) -> None:
        parameters = []
        for cell, node, pair, _ in _LAYOUT:
            if pair is not None:
                choices = tuple(f"{a}_{b}" for a, b in PAIRS[node])
                parameters.append(Parameter(f"{CELLS[cell]} node {node} inputs", choices))
            parameters += [Parameter(f"{CELLS[cell]} node {node} {which} op", OPERATIONS) for which in ("low", "high")]
        super().__init__(parameters)

    def definition(self) -> dict[str, Any]:
        """Cells, nodes and operations (a constant: there is one such space)."""
        return {"cells": list(CELLS), "nodes": list(NODES), "operations": list(OPERATIONS)}

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> DartsSpace:
        """The space, if the definition is its own; else a `GenotypeError`."""
        space = cls()
        if dict(definition) != space.definition():
            raise GenotypeError("this is not the definition of the DARTS space")
        return space

    # -- cells ------------------------------------------------------------------------------------

    def cells(self, genotype: Genotype) -> tuple[Cell, Cell]:
        """The normal and the reduction cell of a genotype, as edges."""
        self.check([genotype])
        cells: tuple[list[tuple[Edge, Edge]], ...] = ([], [])
        for cell, node, pair, (low, high) in _LAYOUT:
            a, b = PAIRS[node][genotype[pair] if pair is not None else 0]
            cells[cell].append(((a, genotype[low]), (b, genotype[high])))
        return tuple(cells[0]), tuple(cells[1])

    def from_cells(self, cells: Sequence[Sequence[Sequence[Edge]]]) -> Genotype:
        """The genotype of two cells; a node's edges may be given in either order.

        Raises:
            GenotypeError: not two edges from two different earlier nodes at each of the four nodes.
        """
        genes: list[int] = []
        for cell in cells:
            if len(cell) != len(NODES):
                raise GenotypeError(f"a cell has {len(NODES)} intermediate nodes, got {len(cell)}")
            for node, edges in zip(NODES, cell, strict=True):
                ordered = sorted(edges)
                sources = tuple(source for source, _ in ordered)
                if sources not in PAIRS[node]:
                    raise GenotypeError(f"node {node} reads {sources}, expected two of the nodes 0 to {node - 1}")
                genes += [PAIRS[node].index(sources)] * (node > 2)
                genes += [operation for _, operation in ordered]
        return self._tuple(genes)

    # -- text -------------------------------------------------------------------------------------

    def format(self, genotype: Genotype) -> str:
        """The official text `Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), reduce=...)`."""
        parts = []
        for name, cell in zip(CELLS, self.cells(genotype), strict=True):
            edges = ", ".join(f"('{OPERATIONS[op]}', {source})" for node in cell for source, op in node)
            parts.append(f"{name}=[{edges}], {name}_concat=range(2, 6)")
        return f"Genotype({', '.join(parts)})"

    def parse(self, text: str) -> Genotype:
        """The genotype of an official `Genotype(...)` text, of integers, or of `name=choice` pairs.

        Raises:
            GenotypeError: the text is none of these.
        """
        found = _TEXT.fullmatch(re.sub(r"\s+", "", text)) if isinstance(text, str) and len(text) < 4096 else None
        return self.from_cells([_edges(part) for part in found.groups()]) if found else super().parse(text)

    # -- the configurations of NAS-Bench-301 -----------------------------------------------------------

    def config(self, genotype: Genotype) -> dict[str, str]:
        """The architecture as NAS-Bench-301's configuration: `edge_normal_0`, `inputs_node_normal_3`, ..."""
        config = {}
        for name, cell in zip(CELLS, self.cells(genotype), strict=True):
            for node, edges in zip(NODES, cell, strict=True):
                if node > 2:
                    config[f"{CONFIG_PREFIX}inputs_node_{name}_{node}"] = "_".join(str(source) for source, _ in edges)
                for source, operation in edges:
                    config[f"{CONFIG_PREFIX}edge_{name}_{_FIRST_EDGE[node] + source}"] = OPERATIONS[operation]
        return config

    def from_config(self, config: Mapping[str, Any]) -> Genotype:
        """The inverse of `config`; other keys than those of the cells are ignored.

        Raises:
            GenotypeError: a key is missing, an operation unknown, or an edge given that no node reads.
        """
        cells: list[list[list[Edge]]] = []
        for name in CELLS:
            cells.append([])
            for node in NODES:
                inputs = config.get(f"{CONFIG_PREFIX}inputs_node_{name}_{node}") if node > 2 else "0_1"
                pairs = {f"{a}_{b}": (a, b) for a, b in PAIRS[node]}
                if not isinstance(inputs, str) or inputs not in pairs:
                    raise GenotypeError(f"inputs_node_{name}_{node} is none of {', '.join(pairs)}")
                keys = {f"{CONFIG_PREFIX}edge_{name}_{_FIRST_EDGE[node] + s}": s for s in range(node)}
                given = {source for key, source in keys.items() if key in config}
                if given != {*pairs[inputs]}:
                    raise GenotypeError(
                        f"the {name} cell's edges into node {node} are not those of its inputs {inputs}"
                    )
                cells[-1].append([(s, _operation(config[key])) for key, s in keys.items() if s in given])
        return self.from_cells(cells)

    # -- structure --------------------------------------------------------------------------------

    def neighbours(self, genotype: Genotype) -> list[Genotype]:
        """The 120 architectures one change away: another operation on an edge, or another source of it.

        96 change one operation; 24 move one edge, with its operation, to another earlier node. Node by
        node, operations first.

        Raises:
            GenotypeError: the genotype has the wrong length or is out of range.
        """
        self._code(genotype)
        return [_step(genotype, change) for change in range(len(_CHANGES))]

    def mutate(self, genotype: Genotype, rng: np.random.Generator) -> Genotype:
        """A neighbour drawn uniformly; one uniform number is consumed."""
        return _step(genotype, int(rng.random() * len(_CHANGES)))

    def canonical(self, genotypes: ArrayLike) -> Genotypes:
        """The representative of each architecture up to renumbering of its nodes, `(n, 22)`.

        The four intermediate nodes of a cell may be numbered in any order in which sources come first: the cell is the
        same graph, and its output the same concatenation but for the order of channels. The
        representative is the lexicographically smallest genotype among them, for each cell on its own. The graph is
        taken as written: what operations without weights might have in common is not used.
        """
        batch = self.check(genotypes).astype(np.int64)
        width = self.length // len(CELLS)
        return np.concatenate([_smallest(batch[:, :width]), _smallest(batch[:, width:])], axis=1)


class _Change(NamedTuple):
    """One way to a neighbour: edge 0 or 1 of a node gets another operation, or another source."""

    at: _Layout
    edge: int
    to_source: bool
    shift: int


def _changes() -> tuple[_Change, ...]:
    made = []
    for at in _LAYOUT:
        made += [_Change(at, edge, False, shift) for edge in (0, 1) for shift in range(1, len(OPERATIONS))]
        made += [_Change(at, edge, True, shift) for edge in (0, 1) for shift in range(at.node - 2)]
    return tuple(made)


_CHANGES = _changes()


def _step(genotype: Genotype, change: int) -> Genotype:
    """The neighbour that a change leads to."""
    (_, node, pair, operations), edge, to_source, shift = _CHANGES[change]
    genes = list(genotype)
    if not to_source:
        genes[operations[edge]] = (genes[operations[edge]] + shift) % len(OPERATIONS)
        return tuple(genes)
    assert pair is not None  # node 2 reads both inputs of the cell: no change moves its edges
    ends = PAIRS[node][genes[pair]]
    free = [source for source in range(node) if source not in ends]
    edges = sorted([(free[shift], genes[operations[edge]]), (ends[1 - edge], genes[operations[1 - edge]])])
    genes[pair] = PAIRS[node].index((edges[0][0], edges[1][0]))
    genes[operations[0]], genes[operations[1]] = edges[0][1], edges[1][1]
    return tuple(genes)


def _edges(text: str) -> list[list[Edge]]:
    """The edges of a cell's text, two a node."""
    found = _EDGE.findall(text)
    if len(found) != 2 * len(NODES) or ",".join(f"('{op}',{source})" for op, source in found) != text.replace('"', "'"):
        raise GenotypeError(f"expected eight edges ('operation', node) in a cell, got {text[:200]!r}")
    edges = [(int(source), _operation(op)) for op, source in found]
    return [edges[2 * i : 2 * i + 2] for i in range(len(NODES))]


def _operation(name: object) -> int:
    if name not in OPERATIONS:
        raise unknown_choice("operation", name, OPERATIONS)
    return OPERATIONS.index(str(name))


def _smallest(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """The smallest of all renumberings of each cell, `(n, 11) -> (n, 11)`."""
    sources = np.empty((len(cells), len(NODES), 2), dtype=np.int64)
    operations = np.empty_like(sources)
    for i, (_, node, pair, ops) in enumerate(_LAYOUT[: len(NODES)]):
        choice = np.zeros(len(cells), dtype=np.int64) if pair is None else cells[:, pair]
        sources[:, i] = np.array(PAIRS[node])[choice]
        operations[:, i] = cells[:, list(ops)]
    best = cells.copy()
    for new in _RELABELLINGS:
        renumbered = np.array([0, 1, *(new[node] for node in NODES)])[sources]
        targets = np.array([new[node] for node in NODES])
        legal = np.flatnonzero((renumbered < targets[:, None]).all(axis=(1, 2)))
        made = _assemble(renumbered[legal], operations[legal], np.argsort(targets))
        smaller = _before(made, best[legal])
        best[legal[smaller]] = made[smaller]
    return best


def _assemble(sources: NDArray[np.int64], operations: NDArray[np.int64], order: NDArray[np.intp]) -> NDArray[np.int64]:
    """Genotypes `(n, 11)` of cells whose nodes are taken in another order."""
    swap = sources[:, :, 0] > sources[:, :, 1]
    sources, operations = (np.where(swap[:, :, None], x[:, :, ::-1], x)[:, order] for x in (sources, operations))
    made = np.empty((len(sources), _LAYOUT[len(NODES) - 1].operations[1] + 1), dtype=np.int64)
    for i, (_, node, pair, ops) in enumerate(_LAYOUT[: len(NODES)]):
        made[:, list(ops)] = operations[:, i]
        if pair is not None:
            a, b = sources[:, i].T
            made[:, pair] = a * node - a * (a + 1) // 2 + (b - a - 1)  # rank of (a, b) among combinations
    return made


def _before(made: NDArray[np.int64], best: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which rows are lexicographically smaller than those beside them."""
    differs = made != best
    first = differs.argmax(axis=1)
    rows = np.arange(len(made))
    return np.asarray(differs.any(axis=1) & (made[rows, first] < best[rows, first]))
