"""TransNAS-Bench-101 micro: a cell of 4 nodes and 6 edges with 4 operations each, in a fixed network.

Source: Duan et al., TransNAS-Bench-101: Improving Transferability and Generalizability of Cross-Task Neural
Architecture Search, CVPR 2021.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.errors import GenotypeError
from nasbench.parameter import Parameter
from nasbench.space import Genotype, Genotypes, SearchSpace
from nasbench.spaces.cell_graph import Cell, signatures

OPERATIONS = ("zero", "skip", "conv1x1", "conv3x3")
"""The official codes 0 to 3."""

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""(from, to) node of each genotype position: the order of the official architecture string."""

_CELL = Cell(EDGES, zero=0, skip=1)
_TEXT = re.compile(r"64-41414-([0-9])_([0-9])([0-9])_([0-9])([0-9])([0-9])")


class TransNASMicroSpace(SearchSpace):
    """4,096 cells; position i of a genotype is the operation on `EDGES[i]`."""

    kind = "transnas-micro"

    def __init__(self) -> None:
        super().__init__([Parameter(f"edge {a}->{b}", OPERATIONS) for a, b in EDGES])

    def definition(self) -> dict[str, Any]:
        """The operations and edges (a constant: there is one such space)."""
        return {"operations": list(OPERATIONS), "edges": [list(edge) for edge in EDGES]}

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> TransNASMicroSpace:
        """The space, if the definition is its own; else a `GenotypeError`."""
        space = cls()
        if dict(definition) != space.definition():
            raise GenotypeError("this is not the definition of the TransNAS-Bench-101 micro space")
        return space

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

    def canonical(self, genotypes: ArrayLike) -> Genotypes:
        """The representative of each cell's exact computational graph, `(n, 6)`: 1,011 of them.

        The lexicographically smallest genotype whose graph is isomorphic, as
        `nasbench.spaces.cell_graph` defines it.
        """
        return self.genotypes(_representatives()[self.indices(genotypes)])


@cache
def _representatives() -> NDArray[np.int64]:
    """Rank of each genotype's representative, `(4096,)`: the first of its class in rank order."""
    _, first, which = np.unique(signatures(_CELL, TransNASMicroSpace().all()), return_index=True, return_inverse=True)
    ranks = first[which].astype(np.int64)
    ranks.flags.writeable = False
    return ranks
