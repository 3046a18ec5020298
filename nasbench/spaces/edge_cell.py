"""Spaces of cells whose operations sit on the edges between a few nodes that sum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.errors import GenotypeError
from nasbench.parameter import Parameter
from nasbench.space import Genotypes, SearchSpace
from nasbench.spaces.cell_graph import Cell, multigraph, signatures
from nasbench.spaces.cell_paths import count_paths, sequence_names
from nasbench.spaces.graph_view import FIRST_OPERATION, INPUT, OUTPUT, CellGraphs, names_of_labels


class EdgeCellSpace(SearchSpace):
    """Every assignment of the operations to the edges of one cell; a subclass names both.

    Position i of a genotype is the operation on edge i. What depends on the computed function
    (`canonical`, `path_counts`, `graphs`) is that of `nasbench.spaces.cell_graph`.

    Attributes:
        cell: edges, zero, identity and weightless operations.
        operations: names of the operations.
    """

    cell: ClassVar[Cell]
    operations: ClassVar[tuple[str, ...]]

    def __init__(self) -> None:
        super().__init__([Parameter(f"edge {a}->{b}", self.operations) for a, b in self.cell.edges])

    def definition(self) -> dict[str, Any]:
        """The operations and edges (a constant: there is one such space)."""
        return {"operations": list(self.operations), "edges": [list(edge) for edge in self.cell.edges]}

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> Self:
        """The space, if the definition is that of this cell.

        Raises:
            GenotypeError: the definition is another one.
        """
        space = cls()
        if dict(definition) != space.definition():
            raise GenotypeError(f"this is not the definition of the {cls.kind} cell")
        return space

    def canonical(self, genotypes: ArrayLike) -> Genotypes:
        """The representative of each cell's exact computational graph, `(n, G)`.

        The representative is the lexicographically smallest genotype whose graph is isomorphic,
        as `nasbench.spaces.cell_graph` defines it.
        """
        return self.genotypes(_representatives(self.cell, len(self.operations))[self.indices(genotypes)])

    @property
    def path_names(self) -> tuple[str, ...]:
        """Names of the columns of `path_counts`: `input>OPERATION>output` and so on."""
        return sequence_names(self.cell, self.operations)

    def path_counts(self, genotypes: ArrayLike) -> NDArray[np.float64]:
        """How many input-to-output paths have each sequence of operations, `(n, sequences)`.

        Skips are left out of a sequence and paths through zeros are not counted, so that members
        of one functional class have equal rows; never use it for parameters, FLOPs or latency.
        """
        return count_paths(self.cell, len(self.operations), self.check(genotypes))

    def graphs(self, genotypes: ArrayLike, functional: bool = True, contract_skips: bool = True) -> CellGraphs:
        """The line graphs of the cells: input, the operations in genotype order, output.

        Args:
            genotypes: `(n, G)`.
            functional: True gives the exact computational graphs: zeros and dead operations are
                padding, equal weightless operations on one tensor are one vertex, identities are
                contracted; members of one functional class have isomorphic graphs. False gives every
                operation as it is written, zeros and identities too: all cells then share one
                adjacency and differ in their labels.
            contract_skips: False keeps identities that are alive as vertices of a functional graph,
                so that members of one class may differ.
        """
        batch, names = self.check(genotypes), names_of_labels(self.operations)
        if functional:
            cell = self.cell if contract_skips else replace(self.cell, skip=-1)
            adjacency, labels = multigraph(cell, batch)
            labels[:, 0] = INPUT  # also where no path leads from it
            return CellGraphs(adjacency.astype(np.uint8), labels.astype(np.uint8), names)
        line = line_graph(self.cell)
        everywhere = np.broadcast_to(line, (len(batch), *line.shape)).copy()
        written = np.empty((len(batch), len(line)), dtype=np.uint8)
        written[:, 0], written[:, -1] = INPUT, OUTPUT
        written[:, 1:-1] = batch + FIRST_OPERATION
        return CellGraphs(everywhere, written, names)


def line_graph(cell: Cell) -> NDArray[np.uint8]:
    """Which edge ends where another begins, `(E + 2, E + 2)`: input, the edges in order, output."""
    ends = [(-1, 0), *cell.edges, (cell.output, cell.output + 1)]
    return np.array([[a[1] == b[0] for b in ends] for a in ends], dtype=np.uint8)


@cache
def _representatives(cell: Cell, operations: int) -> NDArray[np.int64]:
    """Rank of each genotype's representative, `(operations^E,)`: the first of its class in rank order."""
    choices = (operations,) * len(cell.edges)
    genotypes = np.stack(np.unravel_index(np.arange(operations ** len(choices)), choices), axis=1)
    _, first, which = np.unique(signatures(cell, genotypes), return_index=True, return_inverse=True)
    ranks = first[which].astype(np.int64)
    ranks.flags.writeable = False
    return ranks
