"""NAS-Bench-Graph: trees of four graph-neural-network operations, one representative a network.

Source: Qin et al., NAS-Bench-Graph: Benchmarking Graph Neural Architecture Search, NeurIPS 2022
Datasets and Benchmarks. The symmetries are in `nasbench.spaces.labelled_trees`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.errors import GenotypeError
from nasbench.parameter import Parameter, unknown_choice
from nasbench.space import Genotype, Genotypes
from nasbench.spaces.constrained import ConstrainedSpace
from nasbench.spaces.graph_view import FIRST_OPERATION, INPUT, OUTPUT, CellGraphs, contract, names_of_labels
from nasbench.spaces.labelled_trees import LINKS, PARENT_LISTS, Relabelling, relabellings

OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
PROTEINS_OPERATIONS = ("gcn", "sage", "arma", "fc", "skip")
"""The operations that fit in memory on the `proteins` data: the restricted space of that table."""

_KEY_BASE = 10


class NASBenchGraphSpace(ConstrainedSpace):
    """Trees of four operations, one genotype for each distinct network: 26,206 in all.

    A genotype is (link, operation 1, ..., operation 4): `LINKS[link]` says from which node each
    operation reads (0 is the raw input, k the k-th operation); leaves are joined to form the output.
    Only the official representatives are valid; `canonical`, `parse`, `mutate`, `neighbours` and
    `crossover` bring any labelled tree to its representative.

    Args:
        operations: a subset of `OPERATIONS`, in that order (`PROTEINS_OPERATIONS`); must have `skip`.
    """

    kind = "nas-bench-graph"

    def __init__(self, operations: Sequence[str] = OPERATIONS) -> None:
        for name in operations:
            if name not in OPERATIONS:
                raise unknown_choice("operation", name, OPERATIONS)
        self.operations = tuple(operations)
        if self.operations != tuple(name for name in OPERATIONS if name in self.operations):
            raise GenotypeError(f"give the operations once each and in the official order {OPERATIONS}")
        if "skip" not in self.operations or len(self.operations) < 2:
            raise GenotypeError("the operations must have skip (the last one) and at least one other")
        links = tuple("".join(map(str, link)) for link in LINKS)
        super().__init__(
            [Parameter("link", links), *(Parameter(f"operation {k}", self.operations) for k in (1, 2, 3, 4))]
        )

    def definition(self) -> dict[str, Any]:
        """The operations; the links are fixed."""
        return {"operations": list(self.operations)}

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> NASBenchGraphSpace:
        """The inverse of `definition`."""
        return cls(definition["operations"])

    def _why_invalid(self, genotype: Genotype) -> str:
        reason = f"{genotype} is not the representative of its network"
        if all(gene == self._skip for gene in genotype[1:]):
            return f"{genotype} is made of skips only, which is no network of NAS-Bench-Graph"
        return f"{reason}; canonical() gives {self._representative(genotype)}"

    # -- representatives ------------------------------------------------------------------------

    @property
    def _skip(self) -> int:
        return len(self.operations) - 1

    @cached_property
    def _table(self) -> NDArray[np.int64]:
        """Mixed-radix code of the representative of each code of the product; -1 for all-skip."""
        genotypes = self._decode(np.arange(len(LINKS) * len(self.operations) ** 4))
        best = np.full(len(genotypes), np.iinfo(np.int64).max)
        skips = (genotypes[:, 1:] == self._skip) @ np.array([1, 2, 4, 8])
        for link, parents in enumerate(LINKS):
            for mask in range(15):
                rows = np.flatnonzero((genotypes[:, 0] == link) & (skips == mask))
                best[rows] = self._smallest(relabellings(parents, mask), genotypes[rows, 1:])
        best[skips == 15] = -1
        return best

    def _smallest(self, options: Sequence[Relabelling], operations: Genotypes) -> NDArray[np.int64]:
        """Smallest code among the relabellings of the rows of `operations`, `(n,)`."""
        codes = [self._strides[0] * o.link + operations[:, o.order] @ self._strides[1:] for o in options]
        return np.asarray(np.min(codes, axis=0), dtype=np.int64)

    def _members(self) -> Genotypes:
        codes = np.unique(self._table)
        return self._decode(codes[codes >= 0])

    @cached_property
    def _representatives(self) -> list[Genotype | None]:
        """The representative of each code of the product, shared tuples; None for all-skip."""
        codes = self._member_codes
        members = dict(zip(codes.tolist(), map(tuple, self._decode(codes).tolist()), strict=True))
        return [members.get(code) for code in self._table.tolist()]

    def _representative(self, genotype: Genotype) -> Genotype | None:
        return self._representatives[self._code(genotype)]

    def canonical(self, genotypes: ArrayLike) -> Genotypes:
        """The official representative of any labelled trees `(n, 5)`, valid or not.

        Raises:
            GenotypeError: out of range, or made of skips only.
        """
        batch = self._as_batch(genotypes)
        codes = self._table[self._codes(batch)]
        if (codes < 0).any():
            raise GenotypeError(self._why_invalid(tuple(batch[np.flatnonzero(codes < 0)[0]].tolist())))
        return self._decode(codes)

    # -- moves: one change of the labelled tree, then its representative ---------------------------

    def neighbours(self, genotype: Genotype) -> list[Genotype]:
        """The distinct other networks that one changed position leads to, in order of position, then value."""
        itself = self._representatives[self._code(genotype)]
        changed = super(ConstrainedSpace, self).neighbours(genotype)
        reached = dict.fromkeys(self._representative(other) for other in changed)
        return [other for other in reached if other is not None and other != itself]

    def mutate(self, genotype: Genotype, rng: np.random.Generator) -> Genotype:
        """Another network by one change: position uniform, value uniform, redrawn until it differs."""
        while True:
            position = int(rng.random() * self.length)
            value = int(rng.random() * self.cardinalities[position])
            child = self._representative((*genotype[:position], value, *genotype[position + 1 :]))
            if child is not None and child != genotype:
                return child

    def crossover(self, first: Genotype, second: Genotype, rng: np.random.Generator) -> Genotype:
        """The representative of a position-wise mixture of the parents, redrawn while it is all-skip."""
        while True:
            mixture = super(ConstrainedSpace, self).crossover(first, second, rng)
            child = self._representative(mixture)
            if child is not None:
                return child

    # -- graph view -----------------------------------------------------------------------------

    def graphs(self, genotypes: ArrayLike, functional: bool = True, contract_skips: bool = True) -> CellGraphs:
        """The networks as graphs: the raw input, the four operations, the output that joins the leaves.

        Args:
            genotypes: `(n, 5)`.
            functional: True contracts identities: those at the root vanish, one beside siblings joins
                its source to the output. False gives every operation as it is written.
            contract_skips: False keeps identities as vertices.
        """
        batch = self.check(genotypes)
        adjacency, names = _TREES[batch[:, 0]], names_of_labels(self.operations)
        labels = np.empty((len(batch), 6), dtype=np.uint8)
        labels[:, 0], labels[:, 5] = INPUT, OUTPUT
        labels[:, 1:5] = batch[:, 1:] + FIRST_OPERATION
        if functional and contract_skips:
            adjacency, labels = contract(adjacency, labels, FIRST_OPERATION + self._skip)
        return CellGraphs(adjacency, labels, names)

    # -- official names -------------------------------------------------------------------------

    def official_key(self, genotype: Genotype) -> int:
        """The integer under which the official tables list the network of any labelled tree."""
        link, *operations = self._representative_of(genotype)
        key = link
        for operation in operations:
            key = key * _KEY_BASE + OPERATIONS.index(self.operations[operation])
        return key

    def from_official_key(self, key: int) -> Genotype:
        """The genotype of an official key.

        Raises:
            GenotypeError: the key is no network of this space.
        """
        if isinstance(key, bool) or not isinstance(key, int | np.integer) or key < 0:
            raise GenotypeError(f"an official key is a non-negative integer, got {key!r}")
        link, digits = divmod(int(key), _KEY_BASE**4)
        names = [OPERATIONS[int(d)] if d != "9" else "" for d in f"{digits:04d}"]
        if link >= len(LINKS) or any(name not in self.operations for name in names):
            raise GenotypeError(f"{key} is no key of this space: link 0 to 8, then four operations")
        genotype = (link, *map(self.operations.index, names))
        self.index(genotype)
        return genotype

    def _representative_of(self, genotype: Genotype) -> Genotype:
        return tuple(self.canonical([genotype])[0].tolist())

    # -- text -----------------------------------------------------------------------------------

    def format(self, genotype: Genotype) -> str:
        """`0,0,1,2|gcn,gat,skip,fc`: where each operation reads, then the operations."""
        self.index(genotype)
        link, *operations = genotype
        return f"{','.join(map(str, LINKS[link]))}|{','.join(self.operations[o] for o in operations)}"

    def parse(self, text: str) -> Genotype:
        """The representative of `links|operations` in any order, or of integers `3,1,0,8,7`.

        A node may read from any node before it: `0,1,2,1|gcn,gin,fc,cheb`
        and `0,1,1,3|gcn,cheb,gin,fc` are one network.

        Raises:
            GenotypeError: the text is no architecture of this space.
        """
        if not isinstance(text, str) or "|" not in text:
            return super().parse(text)
        given, _, rest = text.partition("|")
        names = [name.strip() for name in rest.split(",")]
        parents = tuple(int(p) if (p := part.strip()).isdecimal() and len(p) == 1 else -1 for part in given.split(","))
        if parents not in PARENT_LISTS or len(names) != 4:
            raise GenotypeError(f"{text!r}: expected four links, each 0 or an earlier node, then | and four operations")
        for name in names:
            if name not in self.operations:
                raise unknown_choice("operation", name, self.operations)
        operations = [self.operations.index(name) for name in names]
        if set(operations) == {self._skip}:
            raise GenotypeError(f"{text!r} is made of skips only, which is no network of NAS-Bench-Graph")
        mask = sum(1 << k for k, operation in enumerate(operations) if operation == self._skip)
        code = self._smallest(relabellings(parents, mask), np.array([operations]))
        return tuple(self._decode(code)[0].tolist())


def _trees() -> NDArray[np.uint8]:
    """The graph of each of `LINKS`, `(9, 6, 6)`: input, four nodes, output."""
    graphs = np.zeros((len(LINKS), 6, 6), dtype=np.uint8)
    for graph, parents in zip(graphs, LINKS, strict=True):
        for node, parent in enumerate(parents, start=1):
            graph[parent, node] = 1
        for leaf in {1, 2, 3, 4} - set(parents):
            graph[leaf, 5] = 1
    return graphs


_TREES = _trees()
