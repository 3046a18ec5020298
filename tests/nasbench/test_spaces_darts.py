"""The DARTS space: the official texts and configurations, and a brute force over isomorphic cells."""

from __future__ import annotations

import contextlib
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nasbench.errors import GenotypeError
from nasbench.spaces import from_definition
from nasbench.spaces.darts import CELLS, NODES, OPERATIONS, PAIRS, DartsSpace

SPACE = DartsSpace()
DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], "
    "normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), "
    "('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], "
    "reduce_concat=[2, 3, 4, 5])"
)
"""The architecture that the DARTS paper found (second order), as its authors write it."""

genotypes = st.tuples(*(st.integers(0, c - 1) for c in SPACE.cardinalities))


def plain_edges(genotype) -> list[list[tuple[int, int, int]]]:
    """(source, node, operation) of every edge of each cell, read off the positions one by one."""
    cells, genes = [], iter(genotype)
    for _ in CELLS:
        edges = []
        for node in NODES:
            a, b = (0, 1) if node == 2 else PAIRS[node][next(genes)]
            edges += [(a, node, next(genes)), (b, node, next(genes))]
        cells.append(edges)
    return cells


def isomorphic(one, two) -> bool:
    """Whether some renumbering of the four nodes makes the edges of two cells the same (brute force)."""
    return any(
        sorted((r[a], r[b], op) for a, b, op in one) == sorted(two)
        for order in itertools.permutations(NODES)
        for r in [{0: 0, 1: 1, **dict(zip(NODES, order, strict=True))}]
    )


def test_the_size_is_the_published_one() -> None:
    assert SPACE.size == (7**8 * 1 * 3 * 6 * 10) ** 2
    assert SPACE.size == pytest.approx(1.08e18, rel=0.005)
    assert SPACE.length == 22


def test_the_text_of_the_paper() -> None:
    genotype = SPACE.parse(DARTS_V2)
    normal, reduce = plain_edges(genotype)
    names = ("sep_conv_3x3", "skip_connect", "dil_conv_3x3", "max_pool_3x3")
    sep, skip, dil, pool = (OPERATIONS.index(name) for name in names)
    assert normal == [(0, 2, sep), (1, 2, sep), (0, 3, sep), (1, 3, sep), (0, 4, skip), (1, 4, sep), (0, 5, skip),
                      (2, 5, dil)]  # fmt: skip
    assert reduce == [(0, 2, pool), (1, 2, pool), (1, 3, pool), (2, 3, skip), (0, 4, pool), (2, 4, skip), (1, 5, pool),
                      (2, 5, skip)]  # fmt: skip
    again = SPACE.format(genotype)
    assert SPACE.parse(again) == genotype
    # the official text is a Python expression: read it as one
    names = {"Genotype": dict, "range": lambda *a: list(range(*a))}
    assert eval(again, {"__builtins__": {}}, names).keys() == {"normal", "normal_concat", "reduce", "reduce_concat"}


def test_a_configuration_of_the_official_repository() -> None:
    """The cells of `surrogate_models/test/results_fidelity_0/results_0.json`."""
    prefix = "NetworkSelectorDatasetInfo:darts:"
    config = {
        "edge_normal_0": "skip_connect", "edge_normal_1": "sep_conv_3x3", "edge_normal_2": "sep_conv_3x3",
        "edge_normal_3": "skip_connect", "edge_normal_5": "dil_conv_3x3", "edge_normal_7": "dil_conv_5x5",
        "edge_normal_10": "sep_conv_3x3", "edge_normal_11": "skip_connect", "edge_reduce_0": "max_pool_3x3",
        "edge_reduce_1": "avg_pool_3x3", "edge_reduce_2": "skip_connect", "edge_reduce_3": "dil_conv_5x5",
        "edge_reduce_6": "sep_conv_3x3", "edge_reduce_7": "sep_conv_5x5", "edge_reduce_11": "sep_conv_3x3",
        "edge_reduce_12": "dil_conv_3x3", "inputs_node_normal_3": "0_1", "inputs_node_normal_4": "0_2",
        "inputs_node_normal_5": "1_2", "inputs_node_reduce_3": "0_1", "inputs_node_reduce_4": "1_2",
        "inputs_node_reduce_5": "2_3",
    }  # fmt: skip
    config = {prefix + key: value for key, value in config.items()}
    genotype = SPACE.from_config({**config, f"{prefix}layers": 20})
    assert SPACE.config(genotype) == config
    reduce = plain_edges(genotype)[1]
    assert (2, 5, OPERATIONS.index("sep_conv_3x3")) in reduce
    assert (3, 5, OPERATIONS.index("dil_conv_3x3")) in reduce


@settings(deadline=None)
@given(genotypes)
def test_text_configuration_and_cells_go_there_and_back(genotype) -> None:
    assert SPACE.parse(SPACE.format(genotype)) == genotype
    assert SPACE.from_config(SPACE.config(genotype)) == genotype
    assert SPACE.from_cells(SPACE.cells(genotype)) == genotype
    flat = [[(a, op) for a, _, op in cell] for cell in plain_edges(genotype)]
    assert [[edge for node in cell for edge in node] for cell in SPACE.cells(genotype)] == flat
    assert len(SPACE.config(genotype)) == 22


@settings(max_examples=30, deadline=None)
@given(genotypes)
def test_neighbours_change_one_operation_or_one_source(genotype) -> None:
    def arms(one, two) -> int:
        """Edges (with their operation) that one has and the other has not, over both cells."""
        return sum(len({*a} - {*b}) for a, b in zip(plain_edges(one), plain_edges(two), strict=True))

    around = SPACE.neighbours(genotype)
    assert len(around) == len({*around}) == 120
    assert SPACE.valid(np.array(around)).all()
    for other in around:
        assert arms(genotype, other) == 1
        assert genotype in SPACE.neighbours(other)
    sources = [[{(a, node) for a, node, _ in cell} for cell in plain_edges(g)] for g in (genotype, *around)]
    moved = [other for other in sources[1:] if other != sources[0]]
    assert len(moved) == 24


def test_mutation_draws_every_neighbour_alike() -> None:
    genotype = SPACE.parse(DARTS_V2)
    rng = np.random.default_rng(0)
    around = {g: i for i, g in enumerate(SPACE.neighbours(genotype))}
    counts = np.bincount([around[SPACE.mutate(genotype, rng)] for _ in range(12_000)], minlength=120)
    assert stats.chisquare(counts).pvalue > 1e-3


def test_samples_are_uniform_over_the_inputs_of_a_node() -> None:
    draws = SPACE.sample(np.random.default_rng(1), 20_000)
    inputs = SPACE.cardinalities.index(10)
    assert stats.chisquare(np.bincount(draws[:, inputs], minlength=10)).pvalue > 1e-3
    assert stats.chisquare(np.bincount(draws[:, 0], minlength=7)).pvalue > 1e-3


@settings(max_examples=40, deadline=None)
@given(genotypes, st.integers(0, 2**32))
def test_the_canonical_form_is_that_of_the_isomorphism_class(genotype, seed) -> None:
    canonical = tuple(SPACE.canonical([genotype])[0].tolist())
    assert all(isomorphic(*pair) for pair in zip(plain_edges(genotype), plain_edges(canonical), strict=True))
    assert canonical <= genotype
    assert tuple(SPACE.canonical([canonical])[0].tolist()) == canonical
    # any legal renumbering of the cells has the same representative
    rng = np.random.default_rng(seed)
    renumbered = []
    for cell in plain_edges(genotype):
        orders = [{0: 0, 1: 1, **dict(zip(NODES, order, strict=True))} for order in itertools.permutations(NODES)]
        legal = [new for new in orders if all(new[a] < new[b] for a, b, _ in cell)]
        chosen = legal[int(rng.integers(len(legal)))]
        edges = [(chosen[a], chosen[b], op) for a, b, op in cell]
        renumbered.append([[(a, op) for a, b, op in edges if b == node] for node in NODES])
    assert tuple(SPACE.canonical([SPACE.from_cells(renumbered)])[0].tolist()) == canonical


def test_canonical_forms_differ_where_cells_do() -> None:
    """Cells that differ in one operation or source: equal representatives exactly if some renumbering matches."""
    rng = np.random.default_rng(2)
    for genotype in map(tuple, SPACE.sample(rng, 20).tolist()):
        around = SPACE.neighbours(genotype)
        classes = SPACE.canonical(np.array([genotype, *around]))
        for other, representative in zip(around, classes[1:], strict=True):
            same = all(isomorphic(*pair) for pair in zip(plain_edges(genotype), plain_edges(other), strict=True))
            assert same == (representative.tolist() == classes[0].tolist())


def test_identity_of_the_space() -> None:
    assert from_definition("darts", SPACE.definition()) == SPACE
    assert pickle.loads(pickle.dumps(SPACE)) == SPACE
    with pytest.raises(GenotypeError, match="not the definition"):
        from_definition("darts", {"nodes": 4})


def test_cells_that_are_none() -> None:
    normal, reduce = SPACE.cells(SPACE.parse(DARTS_V2))
    for cells in ((normal,), (normal, reduce[:3]), (normal, (*reduce[:3], ((0, 3), (0, 4)))), (normal, reduce, normal)):
        with pytest.raises(GenotypeError):
            SPACE.from_cells(cells)
    with pytest.raises(GenotypeError, match="must be 0 to 6"):
        SPACE.from_cells((normal, (*reduce[:3], ((0, 3), (1, 7)))))


@pytest.mark.parametrize(
    "text",
    [
        DARTS_V2.replace("sep_conv_3x3", "sep_conv_9x9"),
        DARTS_V2.replace("('skip_connect', 0), ('dil_conv_3x3', 2)", "('skip_connect', 2), ('dil_conv_3x3', 2)"),
        DARTS_V2.replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', 5)"),
        DARTS_V2.replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', 2), ('dil_conv_3x3', 2)"),
        DARTS_V2.replace("('dil_conv_3x3', 2)", "__import__('os')"),
        DARTS_V2 * 30,
        "Genotype()",
        "",
    ],
)
def test_texts_that_are_no_architecture(text: str) -> None:
    with pytest.raises(GenotypeError):
        SPACE.parse(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs_node_normal_3": "0_3"}, "inputs_node_normal_3 is none of 0_1, 0_2, 1_2"),
        ({"inputs_node_normal_3": None}, "inputs_node_normal_3 is none of"),
        ({"inputs_node_reduce_5": ["0_1"]}, "inputs_node_reduce_5 is none of"),
        ({"edge_normal_0": "none"}, "unknown operation 'none'"),
        ({"edge_normal_0": {}}, "unknown operation"),
        ({f"edge_normal_{e}": "skip_connect" for e in range(14)}, "not those of its inputs"),
    ],
)
def test_configurations_that_are_none(change, message: str) -> None:
    prefix = "NetworkSelectorDatasetInfo:darts:"
    config = SPACE.config(SPACE.parse(DARTS_V2)) | {prefix + key: value for key, value in change.items()}
    with pytest.raises(GenotypeError, match=message):
        SPACE.from_config(config)


@given(st.text(max_size=200))
def test_any_text_is_an_architecture_or_a_typed_error(text: str) -> None:
    with contextlib.suppress(GenotypeError):
        assert SPACE.valid([SPACE.parse(text)])[0]
