"""NAS-Bench-101: 423,624 cells of up to seven vertices and nine edges, with operations on the vertices.

Source: Ying et al., NAS-Bench-101: Towards Reproducible Neural Architecture Search, ICML 2019.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.errors import GenotypeError
from nasbench.parameter import Parameter, unknown_choice
from nasbench.space import Genotype, Genotypes
from nasbench.spaces.constrained import ConstrainedSpace
from nasbench.spaces.nasbench101_cells import (
    INPUT,
    MAX_EDGES,
    MAX_VERTICES,
    MAX_WRITTEN,
    OPERATIONS,
    OUTPUT,
    labels_of,
    official_hash,
    subgraph,
    successors_of,
    why_not,
)
from nasbench.spaces.nasbench101_graphs import (
    EDGES,
    INTERIOR,
    all_representatives,
    joined,
    normalised,
    representatives,
)
from nasbench.spaces.nasbench101_moves import Cell, around, representative, successors_of_edges
from nasbench.spaces.nasbench101_paths import count_paths, sequence_names

SIZE = 423_624

NODE_OPERATIONS = ("none", *OPERATIONS, INPUT, OUTPUT)
"""Labels of the seven vertices of the graph view; `none` marks a vertex that is not in the graph."""

_CHUNK = 1 << 14
_CROSSOVERS = 100
_VERTEX = re.compile(r"([a-z0-9-]+)~([0-9]+(?:\+[0-9]+)*)")
_HASH = re.compile(r"[0-9a-f]{32}")


class NASBench101Space(ConstrainedSpace):
    """Directed acyclic graphs up to isomorphism: one genotype for each distinct cell.

    A genotype is 21 edge bits, above the diagonal of a 7 x 7 adjacency matrix, then the operations of
    vertices 1 to 5 (0 where absent). Valid are the *representatives*, each the smallest genotype among
    the isomorphic ones. A cell may be written in any other way (with its vertices in another order, or
    with some that do nothing) for `canonical`, `listed_form`, `parse`, `from_matrix` and a benchmark's
    `query`, all of which find the representative.
    """

    kind = "nasbench101"
    local_moves = True

    def __init__(self) -> None:
        edges = [Parameter(f"edge {i}->{j}", ("no", "yes"), ordered=True) for i, j in EDGES]
        super().__init__([*edges, *(Parameter(f"vertex {k}", ("none", *OPERATIONS)) for k in range(1, INTERIOR + 1))])

    def definition(self) -> dict[str, Any]:
        """The limits and operations (a constant: there is one such space)."""
        return {"vertices": MAX_VERTICES, "edges": MAX_EDGES, "operations": list(OPERATIONS)}

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> NASBench101Space:
        """The space, if the definition is its own; else a `GenotypeError`."""
        space = cls()
        if dict(definition) != space.definition():
            raise GenotypeError("this is not the definition of the NAS-Bench-101 space")
        return space

    # -- members --------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Number of distinct cells."""
        return SIZE

    @cached_property
    def _member_codes(self) -> NDArray[np.int64]:
        return all_representatives()

    def _decode(self, codes: NDArray[np.int64]) -> Genotypes:
        return joined(codes)

    def index(self, genotype: Genotype) -> int:
        """Rank of one representative; raises `GenotypeError` if it is none."""
        codes, code = self._member_codes, self._code(genotype)
        rank = int(codes.searchsorted(code))
        if rank < SIZE and codes[rank] == code:
            return rank
        raise GenotypeError(self._why_invalid(tuple(genotype)))

    def _why_invalid(self, genotype: Genotype) -> str:
        cell = self._found(genotype)
        if cell is not None:
            return f"{genotype} is not the representative of its cell; canonical() gives {_genotype(cell)}"
        successors, _ = self._written(genotype)
        return f"{genotype} is no cell: {why_not(successors)}"

    def canonical(self, genotypes: ArrayLike) -> Genotypes:
        """The representatives `(n, 26)` of cells that are written in any way.

        A vertex without an operation is absent and its edges are ignored; so is what lies on no path
        from the input to the output.

        Raises:
            GenotypeError: out of range, no path, or more than nine edges.
        """
        batch = self._in_range(genotypes)
        codes = np.empty(len(batch), dtype=np.int64)
        for begin in range(0, len(batch), _CHUNK):
            edges, operations, connected = normalised(batch[begin : begin + _CHUNK])
            part = np.where(connected, representatives(edges, operations), -1)
            if (part < 0).any():
                raise GenotypeError(self._why_invalid(tuple(batch[begin + int(np.argmin(part))].tolist())))
            codes[begin : begin + _CHUNK] = part
        return joined(codes)

    def listed_form(self, genotypes: ArrayLike) -> Genotypes:
        """The representatives: a table lists each cell once, however it was asked for."""
        batch = self._in_range(genotypes)
        return batch if self._valid(batch).all() else self.canonical(batch)

    def _written(self, genotype: Sequence[int]) -> tuple[list[int], list[int]]:
        """Successors of all vertices that have an operation, and the operations of the inner ones."""
        edges = int("".join(map(str, genotype[: len(EDGES)])), 2)
        genes = genotype[len(EDGES) :]
        here = [0, *(k for k, gene in enumerate(genes, start=1) if gene), MAX_VERTICES - 1]
        return subgraph(successors_of_edges(edges), here), [gene for gene in genes if gene]

    def _found(self, genotype: Sequence[int]) -> Cell | None:
        return representative(*self._written(genotype))

    def _tuple(self, genes: Sequence[int]) -> Genotype:
        return tuple(self.canonical([list(genes)])[0].tolist())

    # -- moves ----------------------------------------------------------------------------------

    def neighbours(self, genotype: Genotype) -> list[Genotype]:
        """The distinct other cells one move away, in order of the moves (`nasbench101_moves`)."""
        self.index(genotype)
        return [_genotype(cell) for cell in around(*_cell(genotype))]

    def mutate(self, genotype: Genotype, rng: np.random.Generator) -> Genotype:
        """A neighbour, uniformly; one uniform number is consumed, and the genotype is not checked."""
        options = around(*_cell(genotype))
        return _genotype(options[int(rng.random() * len(options))])

    def crossover(self, first: Genotype, second: Genotype, rng: np.random.Generator) -> Genotype:
        """The representative of a position-wise mixture of the parents, redrawn while it is no cell.

        After 100 mixtures that are no cells, the first parent.
        """
        for _ in range(_CROSSOVERS):
            cell = self._found(super(ConstrainedSpace, self).crossover(first, second, rng))
            if cell is not None:
                return _genotype(cell)
        return first

    # -- matrices, hashes, text -----------------------------------------------------------------

    def from_matrix(self, matrix: ArrayLike, operations: Sequence[str]) -> Genotype:
        """The genotype of an adjacency matrix and operations, as the official `ModelSpec` takes them.

        Args:
            matrix: `(V, V)` upper triangular 0-1 matrix, 1 at [from, to]; pruned here.
            operations: V names, `input` first and `output` last.

        Raises:
            GenotypeError: what is wrong with it.
        """
        successors, labels = successors_of(matrix), labels_of(operations)
        if len(successors) != len(labels):
            raise GenotypeError(f"a matrix of {len(successors)} vertices with {len(labels)} operations")
        return self.from_cell(successors, [label + 1 for label in labels[1:-1]])

    def from_cell(self, successors: Sequence[int], genes: Sequence[int]) -> Genotype:
        """The genotype of a cell by successors (`nasbench101_cells`) and genes of its inner vertices, none absent."""
        cell = representative(successors, genes)
        if cell is None:
            raise GenotypeError(f"this is no cell of NAS-Bench-101: {why_not(successors)}")
        return _genotype(cell)

    def matrix(self, genotype: Genotype) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Adjacency matrix `(V, V)` and V operations of a representative: what `from_matrix` takes."""
        successors, genes = self._graph(genotype)
        array = np.array([[targets >> w & 1 for w in range(len(successors))] for targets in successors])
        return array, (INPUT, *(OPERATIONS[gene - 1] for gene in genes), OUTPUT)

    def official_hash(self, genotype: Genotype) -> str:
        """The module hash under which the official files list the cell."""
        successors, genes = self._graph(genotype)
        return official_hash(successors, [-1, *(gene - 1 for gene in genes), -2])

    def _graph(self, genotype: Genotype) -> tuple[list[int], list[int]]:
        self.index(genotype)
        return self._written(genotype)

    def format(self, genotype: Genotype) -> str:
        """`conv3x3-bn-relu~0|maxpool3x3~0+1|output~1+2`: each vertex from 1 on, and which ones feed it."""
        successors, genes = self._graph(genotype)
        names = [*(OPERATIONS[gene - 1] for gene in genes), OUTPUT]
        feeds = (
            "+".join(str(v) for v, targets in enumerate(successors) if targets >> vertex & 1)
            for vertex in range(1, len(successors))
        )
        return "|".join(f"{name}~{fed}" for name, fed in zip(names, feeds, strict=True))

    def parse(self, text: str) -> Genotype:
        """The representative of a text as `format` writes it, or of 26 integers; written in any way.

        Raises:
            GenotypeError: the text is neither.
        """
        if isinstance(text, str) and _HASH.fullmatch(text.strip()):
            raise GenotypeError(f"{text.strip()} is a module hash, which a table can look up where it lists it")
        if not isinstance(text, str) or "~" not in text:
            return super().parse(text)
        parts = [part.strip() for part in text.strip().split("|")]
        found = [_VERTEX.fullmatch(part) for part in parts]
        names = [match[1] if match else "" for match in found]
        if not all(found) or names[-1] != OUTPUT or len(parts) >= MAX_WRITTEN:
            raise GenotypeError(f"{text[:200]!r} is no cell; expected e.g. {self._example()!r}")
        for name in names[:-1]:
            if name not in OPERATIONS:
                raise unknown_choice("operation", name, OPERATIONS)
        successors = [0] * (len(parts) + 1)
        for vertex, match in enumerate(found, start=1):
            for source in map(int, match[2].split("+") if match else ()):
                if source >= vertex:
                    raise GenotypeError(f"{text!r}: vertex {vertex} reads from {source}, which is not before it")
                successors[source] |= 1 << vertex
        return self.from_cell(successors, [OPERATIONS.index(name) + 1 for name in names[:-1]])

    def _example(self) -> str:
        return "conv3x3-bn-relu~0|maxpool3x3~0+1|output~1+2"

    # -- graph and path views -------------------------------------------------------------------

    def adjacency(self, genotypes: ArrayLike) -> NDArray[np.uint8]:
        """Adjacency matrices `(n, 7, 7)` with 1 at [from, to]; vertex 0 is the input, 6 the output."""
        batch = self.check(genotypes)
        graph = np.zeros((len(batch), MAX_VERTICES, MAX_VERTICES), dtype=np.uint8)
        sources, targets = zip(*EDGES, strict=True)
        graph[:, sources, targets] = batch[:, : len(EDGES)]
        return graph

    def node_operations(self, genotypes: ArrayLike) -> NDArray[np.uint8]:
        """Labels `(n, 7)` of the vertices of `adjacency`: positions in `NODE_OPERATIONS`."""
        batch = self.check(genotypes)
        labels = np.empty((len(batch), MAX_VERTICES), dtype=np.uint8)
        labels[:, 0], labels[:, -1] = NODE_OPERATIONS.index(INPUT), NODE_OPERATIONS.index(OUTPUT)
        labels[:, 1:-1] = batch[:, len(EDGES) :]
        return labels

    @property
    def path_names(self) -> tuple[str, ...]:
        """Names of the 364 columns of `path_counts`."""
        return sequence_names()

    def path_counts(self, genotypes: ArrayLike) -> NDArray[np.float64]:
        """How many input-to-output paths have each sequence of operations, `(n, 364)`."""
        return count_paths(self.check(genotypes))


def _cell(genotype: Sequence[int]) -> Cell:
    edges = 0
    for bit in genotype[: len(EDGES)]:
        edges = edges << 1 | bit
    return edges, tuple(genotype[len(EDGES) :])


def _genotype(cell: Cell) -> Genotype:
    edges, operations = cell
    return _edge_genes(edges) + operations


@lru_cache(maxsize=4096)
def _edge_genes(edges: int) -> Genotype:
    return tuple(map(int, f"{edges:0{len(EDGES)}b}"))
