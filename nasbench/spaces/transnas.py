"""TransNAS-Bench-101 micro: a cell of 4 nodes and 6 edges with 4 operations each, in a fixed network.

Source: Duan et al., TransNAS-Bench-101: Improving Transferability and Generalizability of Cross-Task Neural
Architecture Search, CVPR 2021.
"""

from __future__ import annotations

import re

from nasbench.space import Genotype
from nasbench.spaces.cell_graph import Cell
from nasbench.spaces.edge_cell import EdgeCellSpace

OPERATIONS = ("zero", "skip", "conv1x1", "conv3x3")
"""The official codes 0 to 3."""

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""(from, to) node of each genotype position: the order of the official architecture string."""

_CELL = Cell(EDGES, zero=0, skip=1)
_TEXT = re.compile(r"64-41414-([0-9])_([0-9])([0-9])_([0-9])([0-9])([0-9])")


class TransNASMicroSpace(EdgeCellSpace):
    """4,096 cells of 1,011 functional classes; position i of a genotype is the operation on `EDGES[i]`."""

    kind = "transnas-micro"

    cell = _CELL
    operations = OPERATIONS

    def format(self, genotype: Genotype) -> str:
        """The official string `64-41414-a_bc_def`."""
        self.check([genotype])
        a, b, c, d, e, f = genotype
        return f"64-41414-{a}_{b}{c}_{d}{e}{f}"

    def parse(self, text: str) -> Genotype:
        """The genotype of an official string, of integers `1,3,0,3,2,1`, or of `name=operation` pairs.

        Raises:
            GenotypeError: the text is none of these.
        """
        found = _TEXT.fullmatch(text.strip()) if isinstance(text, str) else None
        return self._tuple([int(digit) for digit in found.groups()]) if found else super().parse(text)

    def _example(self) -> str:
        return "64-41414-1_30_321"
