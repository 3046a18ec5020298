"""Properties that every search space must have, over all kinds of spaces."""

from __future__ import annotations

import copy
import itertools
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.base import clone

from nasbench.errors import GenotypeError, NotInTableError
from nasbench.space import SearchSpace
from nasbench.spaces import KINDS, from_definition
from nasbench.spaces.constrained import ConstrainedSpace
from nasbench.spaces.darts import DartsSpace
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.hpo_grids import fcnet_space, hpobench_mlp_space
from nasbench.spaces.nas_bench_asr import NASBenchASRSpace
from nasbench.spaces.nas_bench_graph import PROTEINS_OPERATIONS, NASBenchGraphSpace
from nasbench.spaces.nas_bench_macro import NASBenchMacroSpace
from nasbench.spaces.nasbench101 import NASBench101Space
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.spaces.nats_size import NATSSizeSpace
from nasbench.spaces.restricted import RestrictedSpace
from nasbench.spaces.table import TableSpace
from nasbench.spaces.transnas import TransNASMicroSpace
from nasbench.spaces.transnas_macro import TransNASMacroSpace


class Rising(ConstrainedSpace):
    """Triples that rise strictly: the plain use of `ConstrainedSpace`."""

    kind = "rising"

    def _members(self):
        return np.array(list(itertools.combinations(range(6), 3)))[::-1]


def _rising() -> Rising:
    return Rising(GridSpace.of({name: list(range(6)) for name in "abc"}).parameters)


def _table(base: SearchSpace, n: int) -> TableSpace:
    rng = np.random.default_rng(0)
    return TableSpace(base, rng.permutation(np.unique(base.sample(rng, 2 * n), axis=0))[:n])


SPACES: dict[str, SearchSpace] = {
    "mixed": GridSpace.of({"w": [16, 32, 64], "act": ["relu", "tanh"], "one": [1], "lr": [0.1, 0.01]}),
    "fcnet": fcnet_space(),
    "hpobench-mlp": hpobench_mlp_space(),
    "nasbench201": NASBench201Space(),
    "nas-bench-macro": NASBenchMacroSpace(),
    "transnas-micro": TransNASMicroSpace(),
    "transnas-macro": TransNASMacroSpace(),
    "nas-bench-asr": NASBenchASRSpace(),
    "nasbench101": NASBench101Space(),
    "nats-size": NATSSizeSpace(),
    "rising": _rising(),
    "nas-bench-graph": NASBenchGraphSpace(),
    "proteins": NASBenchGraphSpace(PROTEINS_OPERATIONS),
    "restricted": RestrictedSpace(NASBench201Space(), [(0, 2, 3), (1,), (0, 1, 2, 3, 4), (0, 4), (2, 3), (0, 1)]),
    "table of cells": _table(NASBench201Space(), 500),
    "table of trees": _table(NASBenchGraphSpace(), 500),
    "table of graphs": _table(NASBench101Space(), 500),
    "table of DARTS cells": _table(DartsSpace(), 500),
    "table of vast": _table(GridSpace.of({f"p{i}": list(range(99)) for i in range(20)}), 500),
}
PRODUCTS = (
    "mixed",
    "fcnet",
    "hpobench-mlp",
    "nasbench201",
    "nas-bench-macro",
    "transnas-micro",
    "nas-bench-asr",
    "nats-size",
)
every_space = pytest.mark.parametrize("name", SPACES)
seeds = st.integers(0, 2**32 - 1)
quick = settings(deadline=None, max_examples=25)


def drawn(space: SearchSpace, seed: int) -> tuple[int, ...]:
    return tuple(space.sample(np.random.default_rng(seed))[0].tolist())


def hamming(first, second) -> int:
    return sum(a != b for a, b in zip(first, second, strict=True))


def test_every_kind_is_covered():
    spaces = [*SPACES.values(), *(space.base for space in SPACES.values() if isinstance(space, TableSpace))]
    assert {space.kind for space in spaces} - {"rising"} == set(KINDS)


@every_space
def test_enumeration_is_the_size_and_indices_invert_it(name):
    space = SPACES[name]
    everything = space.all()
    assert everything.shape == (space.size, space.length)
    assert len(np.unique(everything, axis=0)) == space.size
    np.testing.assert_array_equal(space.indices(everything), np.arange(space.size))
    assert space.valid(everything).all()
    for rank in (0, space.size // 2, space.size - 1):
        genotype = tuple(space.genotypes([rank])[0].tolist())
        assert space.index(genotype) == rank


@pytest.mark.parametrize("name", ["mixed", "rising", "proteins", "table of cells"])
def test_exactly_the_enumerated_genotypes_are_valid(name):
    """Against the whole product."""
    space = SPACES[name]
    product = np.array(list(itertools.product(*map(range, space.cardinalities))))
    members = set(map(tuple, space.all().tolist()))
    assert space.valid(product).tolist() == [tuple(row) in members for row in product.tolist()]


@pytest.mark.parametrize("name", ["mixed", "rising", "proteins", "table of cells", "table of vast"])
def test_sampling_is_uniform(name):
    space = SPACES[name]
    n = 20 * space.size
    counts = np.bincount(space.indices(space.sample(np.random.default_rng(11), n)), minlength=space.size)
    assert stats.chisquare(counts).pvalue > 1e-3


@every_space
@quick
@given(seed=seeds)
def test_text_reads_back(name, seed):
    space = SPACES[name]
    genotype = drawn(space, seed)
    assert space.parse(space.format(genotype)) == genotype
    assert space.parse(",".join(map(str, genotype))) == genotype
    assert space.parse(str(genotype)) == genotype


@every_space
@quick
@given(seed=seeds)
def test_neighbours_are_others_valid_and_distinct(name, seed):
    space = SPACES[name]
    genotype = drawn(space, seed)
    around = space.neighbours(genotype)
    assert genotype not in around
    assert len(set(around)) == len(around)
    assert around == space.neighbours(genotype)
    if around:
        assert space.valid(around).all()
        assert all(type(gene) is int for gene in around[0])


@pytest.mark.parametrize("name", [*PRODUCTS, "rising"])
@quick
@given(seed=seeds)
def test_neighbours_are_all_at_distance_one_and_symmetric(name, seed):
    space = SPACES[name]
    genotype = drawn(space, seed)
    around = space.neighbours(genotype)
    assert all(hamming(genotype, other) == 1 for other in around)
    assert all(genotype in space.neighbours(other) for other in around[:5])
    if name in PRODUCTS:
        assert len(around) == sum(c - 1 for c in space.cardinalities)


@pytest.mark.parametrize("name", PRODUCTS)
def test_mutation_takes_the_position_uniformly_then_the_value(name):
    space = SPACES[name]
    genotype = drawn(space, 3)
    rng = np.random.default_rng(4)
    movable = [i for i, c in enumerate(space.cardinalities) if c > 1]
    around = space.neighbours(genotype)
    n = 400 * len(around)
    counts = dict.fromkeys(around, 0)
    for _ in range(n):
        counts[space.mutate(genotype, rng)] += 1  # a KeyError is a mutation outside the neighbours
    changed = [next(i for i in movable if other[i] != genotype[i]) for other in around]
    expected = [n / len(movable) / (space.cardinalities[i] - 1) for i in changed]
    assert stats.chisquare(list(counts.values()), expected).pvalue > 1e-3


def test_mutation_of_a_constrained_space_is_uniform_over_neighbours():
    space, genotype, rng = SPACES["rising"], (1, 2, 4), np.random.default_rng(0)
    counts = dict.fromkeys(space.neighbours(genotype), 0)
    for _ in range(2000):
        counts[space.mutate(genotype, rng)] += 1
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


@every_space
@quick
@given(seed=seeds)
def test_mutation_and_crossover_stay_inside(name, seed):
    space = SPACES[name]
    first, second = drawn(space, seed), drawn(space, seed + 1)
    mutant = space.mutate(first, np.random.default_rng(seed))
    child = space.crossover(first, second, np.random.default_rng(seed))
    assert space.valid([mutant, child]).all()
    assert mutant != first
    assert mutant in space.neighbours(first)
    assert mutant == space.mutate(first, np.random.default_rng(seed))
    assert child == space.crossover(first, second, np.random.default_rng(seed))
    assert all(type(gene) is int for gene in (*mutant, *child))


@pytest.mark.parametrize("name", PRODUCTS)
def test_crossover_takes_each_position_from_either_parent_evenly(name):
    space, rng = SPACES[name], np.random.default_rng(8)
    first = (0,) * space.length
    second = tuple(c - 1 for c in space.cardinalities)
    children = np.array([space.crossover(first, second, rng) for _ in range(2000)])
    differs = np.array(first) != np.array(second)
    for column, value in zip(children.T[differs], np.array(second)[differs], strict=True):
        assert set(column.tolist()) == {0, int(value)}
        assert stats.binomtest(int((column == value).sum()), 2000).pvalue > 1e-4


@every_space
def test_canonical_is_idempotent(name):
    space = SPACES[name]
    base = getattr(space, "base", space)
    once = space.canonical(space.all()[:: max(1, space.size // 3000)])
    np.testing.assert_array_equal(base.canonical(once), once)
    assert base.valid(once).all()


@every_space
def test_a_space_is_immutable_and_survives_pickling(name):
    space = SPACES[name]
    assert copy.copy(space) is copy.deepcopy(space) is clone(space) is space
    assert clone([space])[0] is space
    if name == "rising":
        return  # only the kinds of the package are rebuilt by name
    again = pickle.loads(pickle.dumps(space))
    assert again == space
    assert hash(again) == hash(space)
    assert type(again) is type(space)
    rebuilt = from_definition(space.kind, json.loads(json.dumps(space.definition())))
    assert rebuilt == space
    assert rebuilt.sha256 == space.sha256
    np.testing.assert_array_equal(rebuilt.genotypes([0, space.size - 1]), space.genotypes([0, space.size - 1]))


def test_different_spaces_are_unequal():
    digests = [space.sha256 for space in SPACES.values()]
    assert len(set(digests)) == len(digests)


@every_space
@pytest.mark.parametrize("method", ["check", "indices", "valid", "canonical"])
def test_wrong_batches_are_genotype_errors(name, method):
    space = SPACES[name]
    good = drawn(space, 0)
    wrong = {
        "short": [good[:-1]],
        "long": [(*good, 0)],
        "ragged": [good, good[:-1]],
        "floats": [tuple(map(float, good))],
        "text": [tuple(map(str, good))],
    }
    if method != "valid":
        wrong |= {"negative": [(-1, *good[1:])], "large": [(*good[:-1], space.cardinalities[-1])]}
    for batch in wrong.values():
        with pytest.raises(GenotypeError):
            getattr(space, method)(batch)


@every_space
@pytest.mark.parametrize("method", ["index", "format", "neighbours"])
def test_wrong_genotypes_are_genotype_errors(name, method):
    space = SPACES[name]
    good = drawn(space, 0)
    for genotype in (
        good[:-1],
        (*good, 0),
        (-1, *good[1:]),
        (*good[:-1], 10**6),
        tuple(map(float, good)),
        (),
        "x",
    ):
        with pytest.raises(GenotypeError):
            getattr(space, method)(genotype)


@every_space
@quick
@given(text=st.text(alphabet="0123456789,|+~()=-. abcdefgnoskip", max_size=30))
def test_any_text_is_parsed_or_refused_with_a_typed_error(name, text):
    try:
        genotype = SPACES[name].parse(text)
    except (GenotypeError, NotInTableError):
        return
    base = getattr(SPACES[name], "base", SPACES[name])
    assert base.valid([genotype]).all()
