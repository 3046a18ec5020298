"""NAS-Bench-ASR: a cell of three nodes for speech recognition; each has an operation and skip connections.

A node adds, to its operation on the tensor before it, any of the tensors before it (the cell's input, and what
earlier nodes gave). 13,824 cells.

The official hash names 8,242 of them. It keeps an edge from an operation, but not from the sum which that is a part
of, so that it loses what a skip passes around a `zero`: the 8,000 cells without `zero` have a hash each, and the
others share 242, of which every one stands for several networks. The exact computational graphs are 8,865.

Source: Mehrotra et al., NAS-Bench-ASR: Reproducible Neural Architecture Search for Speech Recognition, ICLR 2021.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import md5
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.errors import GenotypeError
from nasbench.parameter import Parameter
from nasbench.space import Genotype, Genotypes, SearchSpace
from nasbench.spaces.cell_graph import Cell, signatures

OPERATIONS = ("linear", "conv5", "conv5d2", "conv7", "conv7d2", "zero")
"""The official codes 0 to 5: fully connected; convolutions over 5 or 7 steps, dilated by 1 or 2; no output."""

SKIP = ("none", "identity")
NODES = 3
ZERO = OPERATIONS.index("zero")

_MAIN = (0, 2, 5)
"""Position of the operation of each node; its skips follow, from the input on."""

_IDENTITY = len(OPERATIONS)
_CELL = Cell(
    tuple((max(place - 1, 0) if place else node, node + 1) for node in range(NODES) for place in range(node + 2)),
    zero=ZERO,
    skip=_IDENTITY,
)
_TEXT = re.compile(r"[\[(]\s*([\[(][0-9, ]+[\])])\s*,\s*([\[(][0-9, ]+[\])])\s*,\s*([\[(][0-9, ]+[\])])\s*[\])]")


class NASBenchASRSpace(SearchSpace):
    """13,824 cells; a genotype is the official vector `[[op, skip], [op, skip, skip], ...]`, flattened."""

    kind = "nas-bench-asr"

    def __init__(self) -> None:
        parameters = []
        for node in range(1, NODES + 1):
            parameters.append(Parameter(f"node {node} operation", OPERATIONS))
            sources = ["input", *(f"node {earlier}" for earlier in range(1, node))]
            parameters += [Parameter(f"node {node} skip from {source}", SKIP) for source in sources]
        super().__init__(parameters)

    def definition(self) -> dict[str, Any]:
        """The operations and number of nodes (a constant: there is one such space)."""
        return {"operations": list(OPERATIONS), "nodes": NODES}

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> NASBenchASRSpace:
        """The space, if the definition is its own; else a `GenotypeError`."""
        space = cls()
        if dict(definition) != space.definition():
            raise GenotypeError("this is not the definition of the NAS-Bench-ASR space")
        return space

    # -- text -----------------------------------------------------------------------------------

    def format(self, genotype: Genotype) -> str:
        """The official vector, `[[1, 0], [1, 0, 0], [1, 0, 0, 0]]`."""
        self.check([genotype])
        return str([list(map(int, node)) for node in _nodes(genotype)])

    def parse(self, text: str) -> Genotype:
        """The genotype of an official vector, of integers `1,0,1,0,0,1,0,0,0`, or of `name=choice` pairs.

        Raises:
            GenotypeError: the text is none of these.
        """
        found = _TEXT.fullmatch(text.strip()) if isinstance(text, str) else None
        if found is None:
            return super().parse(text)
        return self.from_vector([[int(n) for n in re.findall("[0-9]+", node)] for node in found.groups()])

    def from_vector(self, vector: Sequence[Sequence[int]]) -> Genotype:
        """The genotype of an official vector, a sequence of nodes.

        Raises:
            GenotypeError: it has other nodes than three, of two, three and four integers in range.
        """
        if len(vector) != NODES or any(len(node) != place + 2 for place, node in enumerate(vector)):
            raise GenotypeError(f"a vector of NAS-Bench-ASR is like {self._example()}, got {str(vector)[:80]}")
        return self._tuple([gene for node in vector for gene in node])

    def _example(self) -> str:
        return "[[1, 0], [1, 0, 0], [1, 0, 0, 0]]"

    # -- equivalence ------------------------------------------------------------------------------

    def official_hash(self, genotype: Genotype) -> str:
        """The name under which the official tables list a cell (which may be that of another network's, too).

        Raises:
            GenotypeError: it is no genotype of this space.
        """
        self.index(genotype)
        return _official_hash(tuple(map(int, genotype)))

    def canonical(self, genotypes: ArrayLike) -> Genotypes:
        """The representative of each cell's exact computational graph, `(n, 9)`: 8,865 of them.

        The lexicographically smallest genotype whose graph is isomorphic, as `nasbench.spaces.cell_graph`
        defines it; an operation on zeros counts as nothing, as it does for the official hash.
        """
        return self.genotypes(_representatives()[self.indices(genotypes)])


@cache
def _representatives() -> NDArray[np.int64]:
    """Rank of each genotype's representative, `(13824,)`: the first of its class in rank order."""
    operations = NASBenchASRSpace().all()
    skips = [place for place in range(operations.shape[1]) if place not in _MAIN]
    operations[:, skips] = np.where(operations[:, skips] == 1, _IDENTITY, ZERO)
    _, first, which = np.unique(signatures(_CELL, operations), return_index=True, return_inverse=True)
    ranks = first[which].astype(np.int64)
    ranks.flags.writeable = False
    return ranks


def _nodes(genotype: Genotype) -> list[Genotype]:
    return [genotype[start : start + node + 2] for node, start in enumerate(_MAIN)]


@cache
def _official_hash(genotype: Genotype) -> str:
    """The hash of NAS-Bench-101, of the graph of operations and with degrees written as floats."""
    consumers, labels = _official_graph(genotype)
    vertices = sorted(labels)
    outgoing = {v: [w for w in vertices if w in consumers[v]] for v in vertices}
    incoming = {v: [w for w in vertices if v in consumers[w]] for v in vertices}
    hashes = {v: _md5(str((float(len(outgoing[v])), float(len(incoming[v])), labels[v]))) for v in vertices}
    for _ in vertices:
        hashes = {
            v: _md5(
                "".join(sorted(hashes[w] for w in incoming[v]))
                + "|"
                + "".join(sorted(hashes[w] for w in outgoing[v]))
                + "|"
                + hashes[v]
            )
            for v in vertices
        }
    return _md5(str(sorted(hashes.values())))


def _official_graph(genotype: Genotype) -> tuple[dict[int, set[int]], dict[int, int]]:
    """Consumers and label of each vertex between input (0) and output, without `zero` and what it cuts off."""
    output = NODES + 1
    consumers: dict[int, set[int]] = {vertex: {vertex + 1} for vertex in range(output)} | {output: set()}
    labels = {0: -1, output: -2}
    for number, (operation, *skips) in enumerate(_nodes(genotype), 1):
        labels[number] = operation
        for source in np.flatnonzero(skips).tolist():
            consumers[source].add(number + 1)
    labels = {vertex: label for vertex, label in labels.items() if label != ZERO}
    reached, useful = {0}, {output}
    for vertex in sorted(labels):
        if vertex in reached:
            reached |= consumers[vertex] & labels.keys()
    for vertex in sorted(labels, reverse=True):
        if consumers[vertex] & useful:
            useful.add(vertex)
    kept = reached & useful
    return {vertex: consumers[vertex] & kept for vertex in kept}, {vertex: labels[vertex] for vertex in kept}


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()
