"""The space of NAS-Bench-ASR: the official hash by matrices, and the exact classes by comparing every graph."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter, defaultdict

import numpy as np
import pytest

from nasbench.errors import GenotypeError
from nasbench.spaces import from_definition
from nasbench.spaces.nas_bench_asr import OPERATIONS, NASBenchASRSpace

SPACE = NASBenchASRSpace()
ALL = [tuple(row) for row in SPACE.all().tolist()]
ZERO = OPERATIONS.index("zero")


def vector(genotype: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [genotype[0:2], genotype[2:5], genotype[5:9]]


def matrix_hash(genotype: tuple[int, ...]) -> str:
    """The official definition: adjacency matrix, zeros and dangling vertices deleted, rounds of md5."""
    edges, labels = np.zeros((5, 5)), [-1, *(node[0] for node in vector(genotype)), -2]
    for number, (_, *skips) in enumerate(vector(genotype), 1):
        edges[number - 1, number] = 1
        for source, skip in enumerate(skips):
            if skip:
                edges[source, number + 1] = 1
    edges[3, 4] = 1
    for vertex, label in enumerate(labels):
        if label == ZERO:
            edges[vertex], edges[:, vertex] = 0, 0
    reach = np.linalg.matrix_power(edges + np.eye(5), 5) > 0
    kept = np.flatnonzero(reach[0] & reach[:, 4])
    edges, labels = edges[np.ix_(kept, kept)], [labels[k] for k in kept]
    into, out = edges.sum(axis=0).tolist(), edges.sum(axis=1).tolist()
    hashes = [_md5(str(degrees)) for degrees in zip(out, into, labels, strict=True)]
    for _ in kept:
        hashes = [
            _md5("|".join(["".join(sorted(np.array(hashes)[edges[:, v] > 0])),
                           "".join(sorted(np.array(hashes)[edges[v] > 0])), hashes[v]]))
            for v in range(len(kept))
        ]  # fmt: skip
    return _md5(str(sorted(hashes)))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def test_the_official_hash() -> None:
    assert SPACE.official_hash(SPACE.parse("[[1,0],[1,0,0],[1,0,0,0]]")) == "36855332a5778e0df5114305bc3ce238"
    hashes = [SPACE.official_hash(cell) for cell in ALL]
    assert hashes == [matrix_hash(cell) for cell in ALL]
    assert len(ALL) == SPACE.size == 13_824
    assert len(set(hashes)) == 8_242
    whole = [h for h, cell in zip(hashes, ALL, strict=True) if ZERO not in (cell[0], cell[2], cell[5])]
    assert len(set(whole)) == len(whole) == 8_000
    with pytest.raises(GenotypeError):
        SPACE.official_hash((9,) * 9)


def graph(genotype: tuple[int, ...]) -> tuple:
    """What the cell computes, as the smallest of the writings of its graph under renaming of its operations.

    A tensor is a multiset of the input and of operations, as the official model adds them up.
    """
    tensors, reads = [Counter(["in"])], {}
    for number, (operation, *skips) in enumerate(vector(genotype)):
        tensor: Counter = Counter()
        if operation != ZERO and tensors[-1]:
            reads[number] = tensors[-1]
            tensor[number] += 1
        for source, skip in zip(tensors, skips, strict=True):
            tensor.update(source if skip else {})
        tensors.append(tensor)
    live, border = set(), [k for k in tensors[-1] if k != "in"]
    while border:
        live.update(border)
        border = [k for v in border for k in reads[v] if k != "in" and k not in live]
    names = sorted(live)
    writings = []
    for order in itertools.permutations(range(len(names))):
        new = {"in": -1, **{name: order[k] for k, name in enumerate(names)}}
        lines = [(new[v], vector(genotype)[v][0], sorted((new[k], n) for k, n in reads[v].items())) for v in names]
        writings.append((sorted(lines), sorted((new[k], n) for k, n in tensors[-1].items())))
    return min(writings)


def test_canonical_classes_are_the_isomorphic_graphs() -> None:
    classes = defaultdict(list)
    for cell in ALL:
        classes[str(graph(cell))].append(cell)
    assert len(classes) == 8_865
    smallest = {cell: min(members) for members in classes.values() for cell in members}
    assert [tuple(row) for row in SPACE.canonical(ALL).tolist()] == [smallest[cell] for cell in ALL]


def test_a_hash_with_zeros_stands_for_several_networks() -> None:
    """What the official hash loses: the figures that the space's docstring states."""
    networks = defaultdict(set)
    for cell, network in zip(ALL, SPACE.indices(SPACE.canonical(ALL)).tolist(), strict=True):
        networks[SPACE.official_hash(cell)].add(network)
    assert Counter(len(found) > 1 for found in networks.values()) == {False: 8_000, True: 242}
    around, without = SPACE.parse("[[5,1],[1,0,1],[2,0,0,0]]"), SPACE.parse("[[5,1],[1,0,0],[2,0,0,0]]")
    assert SPACE.official_hash(around) == SPACE.official_hash(without)
    assert SPACE.canonical([around]).tolist() != SPACE.canonical([without]).tolist()


def test_text_and_definition() -> None:
    cell = (0, 1, 2, 0, 1, 4, 1, 0, 1)
    for text in ("[[0,1],[2,0,1],[4,1,0,1]]", "[(0, 1), (2, 0, 1), (4, 1, 0, 1)]", "0,1,2,0,1,4,1,0,1", str(cell)):
        assert SPACE.parse(text) == cell
    assert SPACE.format(cell) == "[[0, 1], [2, 0, 1], [4, 1, 0, 1]]"
    assert SPACE.from_vector([(0, 1), (2, 0, 1), (4, 1, 0, 1)]) == cell
    assert SPACE.parse(super(NASBenchASRSpace, SPACE).format(cell)) == cell
    assert from_definition(SPACE.kind, SPACE.definition()) == SPACE
    for text in ("[[0,1],[2,0,1]]", "[[0,1],[2,0],[4,1,0,1]]", "[[0,1],[2,0,2],[4,1,0,1]]", "[[6,1],[2,0,1],[4,1,0,1]]",
                 "[[0,1],[2,0,1],[4,1,0,1],[1]]", "conv5", ""):  # fmt: skip
        with pytest.raises(GenotypeError):
            SPACE.parse(text)
    with pytest.raises(GenotypeError, match="not the definition"):
        NASBenchASRSpace.from_definition({"operations": [], "nodes": 3})
