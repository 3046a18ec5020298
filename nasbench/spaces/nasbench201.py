"""NAS-Bench-201 and NATS-Bench topology: a cell of 4 nodes and 6 edges with 5 operations each.

Source: Dong and Yang, NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture
Search, ICLR 2020; Dong et al., NATS-Bench, TPAMI 2021.
"""

from __future__ import annotations

import random
import re

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.errors import GenotypeError
from nasbench.parameter import unknown_choice
from nasbench.space import Genotype, Genotypes
from nasbench.spaces.cell_graph import Cell
from nasbench.spaces.edge_cell import EdgeCellSpace, line_graph

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""(from, to) node of each genotype position: the order of the official architecture string."""

NODE_OPERATIONS = (*OPERATIONS, "input", "output")
"""Labels of the eight vertices of the graph view; `none` marks a vertex that is not in the graph."""

_NONE, _SKIP, _POOL = 0, 1, 4
_CELL = Cell(EDGES, zero=_NONE, skip=_SKIP, weightless=(_POOL,))


class NASBench201Space(EdgeCellSpace):
    """15,625 cells of 5,260 functional classes; position i of a genotype is the operation on `EDGES[i]`."""

    kind = "nasbench201"

    cell = _CELL
    operations = OPERATIONS

    def format(self, genotype: Genotype) -> str:
        """The official string `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`."""
        self.check([genotype])
        names = [f"{OPERATIONS[g]}~{a}" for g, (a, _) in zip(genotype, EDGES, strict=True)]
        return f"|{names[0]}|+|{'|'.join(names[1:3])}|+|{'|'.join(names[3:])}|"

    def parse(self, text: str) -> Genotype:
        """The genotype of an official string, or of integers `4,2,1,2,1,1`.

        Raises:
            GenotypeError: the text is neither.
        """
        if not isinstance(text, str) or "|" not in text:
            return super().parse(text)
        found = re.findall(r"([^|+~]+)~([0-9]+)", text)
        for name, _ in found:
            if name not in OPERATIONS:
                raise unknown_choice("operation", name, OPERATIONS)
        if [int(source) for _, source in found] != [a for a, _ in EDGES]:
            example = self.format((1,) * 6)
            raise GenotypeError(f"{text!r} is no NAS-Bench-201 string; expected e.g. {example!r}")
        genotype = tuple(OPERATIONS.index(name) for name, _ in found)
        if (meant := self.format(genotype)) != text.strip():
            raise GenotypeError(f"{text!r} is no NAS-Bench-201 string; did you mean {meant!r}?")
        return genotype

    # -- equivalence ----------------------------------------------------------------------------

    def official_unique_string(self, genotype: Genotype, simplify_zero: bool = True) -> str:
        """The equivalence text of the official code: 6,466 distinct ones, 12,751 without zeros.

        Kept because the published counts are made with it; it is *not* graph isomorphism. A node
        whose inputs are all zero is not recognised as zero, and a node that is used twice is
        written out twice: it splits 688 classes of `canonical`, and 430 of its own mix several.

        Args:
            genotype: the cell.
            simplify_zero: whether operations on what is recognisably zero are zero.

        Source: `CellStructure.to_unique_str` of the official NAS-Bench-201 code.
        """
        self.check([genotype])
        texts = ["0"]
        for node in (1, 2, 3):
            terms = []
            for operation, (source, target) in zip(genotype, EDGES, strict=True):
                if target != node:
                    continue
                if simplify_zero and (operation == _NONE or texts[source] == "#"):
                    terms.append("#")
                elif operation == _SKIP:
                    terms.append(texts[source])
                else:
                    terms.append(f"({texts[source]})@{OPERATIONS[operation]}")
            texts.append("+".join(sorted(terms)))
        return texts[-1]

    # -- official numbering -----------------------------------------------------------------------

    def official_order(self) -> Genotypes:
        """The genotypes `(15625, 6)` in the official order of NAS-Bench-201, NATS and HW-NAS-Bench.

        Row i is official architecture i. The order is the product of the operations in the
        order of the architecture string, shuffled by Python's generator with seed 88.
        """
        ranks = list(range(self.size))
        random.Random(88).shuffle(ranks)  # noqa: S311 - the published order, nothing is drawn
        return self.genotypes(ranks)

    # -- graph view -----------------------------------------------------------------------------

    def adjacency(self, genotypes: ArrayLike, pruned: bool = True) -> NDArray[np.uint8]:
        """The cells as graphs with operations on vertices: `(n, 8, 8)` with 1 at [from, to].

        Vertex 0 is the input, 1 to 6 are the operations in genotype order, 7 is the output; the
        vertices are in topological order, so that each matrix is strictly upper triangular. A
        vertex feeds every operation that starts where its own edge ends.

        Args:
            genotypes: `(n, 6)`.
            pruned: isolate `none` operations and those that are not on a path from the input to
                the output; False gives the same full graph for every cell.
        """
        batch = self.check(genotypes)
        graph = np.broadcast_to(_LINE_GRAPH, (len(batch), 8, 8)).copy()
        if pruned:
            alive = self._alive(batch)
            graph *= alive[:, :, None] & alive[:, None, :]
        return graph

    def node_operations(self, genotypes: ArrayLike, pruned: bool = True) -> NDArray[np.uint8]:
        """Labels `(n, 8)` of the vertices of `adjacency`: positions in `NODE_OPERATIONS`.

        Args:
            genotypes: `(n, 6)`.
            pruned: label isolated vertices `none`; False keeps every operation as it is written.
        """
        batch = self.check(genotypes)
        labels = np.empty((len(batch), 8), dtype=np.uint8)
        labels[:, 0], labels[:, 7] = NODE_OPERATIONS.index("input"), NODE_OPERATIONS.index("output")
        labels[:, 1:7] = batch
        if pruned:
            labels[:, 1:7] *= self._alive(batch)[:, 1:7]
        return labels

    @staticmethod
    def _alive(batch: Genotypes) -> NDArray[np.bool_]:
        """Which of the eight vertices lie on a path from input to output; these two always count."""
        present = np.ones((len(batch), 8), dtype=bool)
        present[:, 1:7] = batch != _NONE
        reached, used = present.copy(), present.copy()
        for vertex in range(1, 7):
            reached[:, vertex] &= reached[:, _LINE_GRAPH[:, vertex] > 0].any(axis=1)
        for vertex in range(6, 0, -1):
            used[:, vertex] &= used[:, _LINE_GRAPH[vertex] > 0].any(axis=1)
        return np.asarray(reached & used)


_LINE_GRAPH = line_graph(_CELL)
