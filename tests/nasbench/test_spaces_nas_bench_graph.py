"""NAS-Bench-Graph against the official code and the keys of the official tables."""

from __future__ import annotations

import io
import itertools
import pickle
from importlib.resources import files

import numpy as np
import pytest
from nas_bench_graph.architecture import Arch, link_list
from scipy import stats

from nasbench.errors import GenotypeError
from nasbench.spaces.labelled_trees import LINKS, PARENT_LISTS, relabellings
from nasbench.spaces.nas_bench_graph import OPERATIONS, PROTEINS_OPERATIONS, NASBenchGraphSpace

SPACE = NASBenchGraphSpace()
PROTEINS = NASBenchGraphSpace(PROTEINS_OPERATIONS)
SKIP = OPERATIONS.index("skip")
LABELLED = [
    (link, *operations)
    for link in range(9)
    for operations in itertools.product(range(9), repeat=4)
    if operations != (SKIP,) * 4
]
PLACES = np.array([10_000, 1000, 100, 10, 1])


def official(parents, operations) -> int:
    return Arch(list(parents), [OPERATIONS[o] for o in operations]).valid_hash()


class _Numbers(pickle.Unpickler):
    """Reads the official light tables and nothing that could run code."""

    def find_class(self, module, name):
        if (module.replace("numpy._core", "numpy.core"), name) == ("numpy.core.multiarray", "scalar"):
            return lambda dtype, raw: np.frombuffer(raw, dtype)[0]
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        raise AssertionError((module, name))


def table_keys(name: str) -> set[int]:
    raw = files("nas_bench_graph").joinpath("light", f"{name}.bench").read_bytes()
    return set(_Numbers(io.BytesIO(raw)).load())


def test_links_and_operations_are_the_official_ones():
    assert [list(link) for link in LINKS] == link_list
    assert SPACE.size == len(SPACE) == 26_206


def test_canonical_equals_the_official_code_on_every_labelled_tree():
    """All 59,040 of the nine official links."""
    keys = SPACE.canonical(LABELLED) @ PLACES
    np.testing.assert_array_equal(keys, [official(LINKS[link], ops) for link, *ops in LABELLED])
    assert set(keys.tolist()) == set((SPACE.all() @ PLACES).tolist())


def test_representatives_are_those_the_official_code_leaves_unchanged():
    rng = np.random.default_rng(0)
    for index in rng.choice(len(LABELLED), 4000, replace=False):
        link, *operations = LABELLED[index]
        unchanged = Arch(list(LINKS[link]), [OPERATIONS[o] for o in operations]).check_isomorph()
        assert SPACE.valid([LABELLED[index]])[0] == unchanged


def test_links_in_any_order_equal_the_official_code():
    rng = np.random.default_rng(1)
    assert len(PARENT_LISTS) == 24
    for parents in sorted(PARENT_LISTS):
        nearly_all_skip = [8, 8, 8, 0], [8, 0, 8, 8], [0, 8, 8, 8]
        for operations in (*rng.integers(0, 9, size=(250, 4)).tolist(), *nearly_all_skip):
            text = f"{','.join(map(str, parents))}|{','.join(OPERATIONS[o] for o in operations)}"
            assert SPACE.official_key(SPACE.parse(text)) == official(parents, operations), text


@pytest.mark.parametrize("name", ["cora", "arxiv"])
def test_keys_are_those_of_the_official_tables(name):
    assert {SPACE.official_key(tuple(g)) for g in SPACE.all().tolist()} == table_keys(name)


def test_keys_of_proteins_are_exactly_the_restricted_space():
    assert PROTEINS.size == 2021
    assert {PROTEINS.official_key(tuple(g)) for g in PROTEINS.all().tolist()} == table_keys("proteins")


@pytest.mark.parametrize("space", [SPACE, PROTEINS], ids=["all", "proteins"])
def test_official_keys_read_back(space):
    for genotype in map(tuple, space.all()[::13].tolist()):
        assert space.from_official_key(space.official_key(genotype)) == genotype


def test_the_example_of_the_official_readme():
    """Its figure in two orders; the second list printed there is another network, also officially."""
    first = SPACE.parse("0,1,2,1|gcn,gin,fc,cheb")
    assert SPACE.format(first) == "0,1,1,2|gcn,gin,cheb,fc"
    assert SPACE.parse("0,1,1,3|gcn,cheb,gin,fc") == first
    printed = SPACE.parse("0,1,1,2|gcn,cheb,gin,fc")
    assert printed != first
    assert SPACE.official_key(printed) == Arch([0, 1, 1, 2], ["gcn", "cheb", "gin", "fc"]).valid_hash()


@pytest.mark.parametrize("key", [-1, 9999, 8888, 90_000, 10**9, 1.0, True, "0", None, 80])
def test_wrong_keys_are_genotype_errors(key):
    with pytest.raises(GenotypeError):
        SPACE.from_official_key(key)


def test_a_key_with_an_operation_that_the_restricted_space_lacks_is_refused():
    assert SPACE.from_official_key(0) == (0, 0, 0, 0, 0)
    with pytest.raises(GenotypeError, match="no key of this space"):
        PROTEINS.from_official_key(0)


# -- meaning of the equivalence, stated without the official code ---------------------------------------


def test_a_contracted_identity_leaves_the_multiset_of_outputs():
    """The output as written-out terms (the raw input apart, which the rules drop): no renumbering here."""

    def joined(parents, operations):
        def text(node):
            if node == 0:
                return "x"
            below = text(parents[node - 1])
            return below if operations[node - 1] == SKIP else f"{operations[node - 1]}({below})"

        return sorted(t for node in range(1, 5) if node not in parents and (t := text(node)) != "x")

    rng = np.random.default_rng(3)
    for index in rng.choice(len(LABELLED), 4000, replace=False):
        link, *operations = LABELLED[index]
        new_link, *new_operations = SPACE.canonical(LABELLED[index])[0].tolist()
        assert joined(LINKS[link], operations) == joined(LINKS[new_link], new_operations)


def test_every_tree_can_be_relabelled():
    for parents in PARENT_LISTS:
        for skips in range(15):
            found = relabellings(parents, skips)
            assert len({r.link for r in found}) == 1
            assert all(sorted(r.order) == [0, 1, 2, 3] for r in found)


# -- errors ---------------------------------------------------------------------------------------------


def test_a_tree_that_is_no_representative_says_which_is():
    with pytest.raises(GenotypeError, match=r"canonical\(\) gives \(0, 0, 1, 2, 3\)"):
        SPACE.check([(0, 3, 2, 1, 0)])
    for method in (SPACE.index, SPACE.format):
        with pytest.raises(GenotypeError, match="not the representative"):
            method((0, 3, 2, 1, 0))


def test_skips_only_are_no_network():
    for call in (
        lambda: SPACE.canonical([(3, 8, 8, 8, 8)]),
        lambda: SPACE.check([(3, 8, 8, 8, 8)]),
        lambda: SPACE.index((3, 8, 8, 8, 8)),
        lambda: SPACE.official_key((3, 8, 8, 8, 8)),
        lambda: SPACE.parse("0,0,1,2|skip,skip,skip,skip"),
    ):
        with pytest.raises(GenotypeError, match="skips only"):
            call()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,0,1,2|gcn,gat,skip,fcc", "Did you mean 'fc'"),
        ("0,0,1|gcn,gat,skip,fc", "four links"),
        ("0,0,1,4|gcn,gat,skip,fc", "four links"),
        ("1,0,1,2|gcn,gat,skip,fc", "four links"),
        ("0,0,1,2|gcn,gat,skip", "four operations"),
        ("0,0,1,2|gcn,gat,skip,fc|gcn", "unknown operation"),
        ("0,0,x,2|gcn,gat,skip,fc", "four links"),
        ("|", "four links"),
        ("", "expected e.g."),
        ("9,0,0,0,0", "must be 0 to 8"),
    ],
)
def test_wrong_text_is_a_genotype_error(text, message):
    with pytest.raises(GenotypeError, match=message):
        SPACE.parse(text)


@pytest.mark.parametrize("operations", [(), ("skip",), ("gcn", "gat", "skip"), ("gcn", "gcn", "skip"), ("gat", "gcn")])
def test_wrong_restrictions_are_genotype_errors(operations):
    with pytest.raises(GenotypeError):
        NASBenchGraphSpace(operations)


def test_an_unknown_operation_of_a_restriction_is_named():
    with pytest.raises(GenotypeError, match="Did you mean 'sage'"):
        NASBenchGraphSpace(("gcn", "sages", "skip"))


# -- moves ----------------------------------------------------------------------------------------------


def one_change(space, genotype):
    """(position, representative) of every one-position change, by the public `canonical`."""
    found = []
    for position, choices in enumerate(space.cardinalities):
        for value in range(choices):
            changed = (*genotype[:position], value, *genotype[position + 1 :])
            if {space.operations[o] for o in changed[1:]} != {"skip"}:
                found.append((position, tuple(space.canonical(changed)[0].tolist())))
    return found


@pytest.mark.parametrize("rank", [0, 500, 1999])
def test_neighbours_are_the_networks_one_change_away(rank):
    genotype = tuple(PROTEINS.genotypes([rank])[0].tolist())
    expected = list(dict.fromkeys(n for _, n in one_change(PROTEINS, genotype) if n != genotype))
    assert PROTEINS.neighbours(genotype) == expected
    assert PROTEINS.valid(expected).all()


@pytest.mark.parametrize("rank", [0, 500, 1999])
def test_mutation_has_the_exact_law(rank):
    """Position uniform, value uniform, redrawn while equal or all-skip: probabilities by enumeration."""
    genotype = tuple(PROTEINS.genotypes([rank])[0].tolist())
    law: dict[tuple[int, ...], float] = {}
    for position, child in one_change(PROTEINS, genotype):
        if child != genotype:
            law[child] = law.get(child, 0.0) + 1 / PROTEINS.cardinalities[position]
    rng, n = np.random.default_rng(rank), 20_000
    drawn: dict[tuple[int, ...], int] = dict.fromkeys(law, 0)
    for _ in range(n):
        drawn[PROTEINS.mutate(genotype, rng)] += 1
    expected = np.array(list(law.values())) / sum(law.values()) * n
    assert stats.chisquare(list(drawn.values()), expected).pvalue > 1e-3


def test_crossover_gives_representatives_of_mixtures():
    rng = np.random.default_rng(4)
    for first, second in SPACE.sample(rng, 400).reshape(200, 2, 5).tolist():
        mixtures = [g for g in itertools.product(*zip(first, second, strict=True)) if set(g[1:]) != {SKIP}]
        allowed = set(map(tuple, SPACE.canonical(mixtures).tolist()))
        assert SPACE.crossover(tuple(first), tuple(second), rng) in allowed
