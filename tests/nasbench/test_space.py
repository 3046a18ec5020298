"""The generic space: codes, ranges, text, identity, and every error path."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench.errors import GenotypeError, UnknownNameError
from nasbench.parameter import Parameter
from nasbench.space import SearchSpace
from nasbench.spaces import KINDS, from_definition
from nasbench.spaces.grid import GridSpace

GRID = GridSpace.of({"width": [16, 32, 64], "activation": ["relu", "tanh"], "rate": [0.1, 0.01, 0.001, 1e-4]})
HUGE = GridSpace.of({f"p{i}": list(range(1000)) for i in range(30)})


def test_order_is_lexicographic_with_the_last_position_fastest():
    expected = list(itertools.product(range(3), range(2), range(4)))
    assert GRID.all().tolist() == [list(g) for g in expected]
    assert [GRID.index(g) for g in expected] == list(range(24)) == GRID.indices(expected).tolist()


@settings(deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=8), st.data())
def test_codes_agree_with_numpy_ravel_multi_index(cardinalities, data):
    space = SearchSpace([Parameter(f"p{i}", tuple(range(c))) for i, c in enumerate(cardinalities)])
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    batch = space.sample(rng, data.draw(st.sampled_from([1, 5, 255, 256, 1000])))
    if space.size >= 2**63:
        with pytest.raises(GenotypeError, match="64-bit"):
            space.indices(batch)
        return
    expected = np.ravel_multi_index(tuple(batch.T), space.cardinalities)
    np.testing.assert_array_equal(space.indices(batch), expected)
    assert space.index(tuple(batch[0].tolist())) == expected[0]
    np.testing.assert_array_equal(space.genotypes(expected), batch)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.int64, np.uint64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_codes_of_every_integer_type_across_chunks(dtype, order):
    batch = np.asarray(GRID.sample(np.random.default_rng(0), 40_000), dtype=dtype, order=order)
    np.testing.assert_array_equal(GRID.indices(batch), batch.astype(np.int64) @ np.array([8, 4, 1]))


@pytest.mark.parametrize("row", [0, 63, 64, 255, 16_383, 16_384, 39_999, 40_036])
@pytest.mark.parametrize(("position", "value"), [(0, 3), (1, 2), (2, 4), (2, 255)])
def test_one_bad_gene_is_found_wherever_it_is(row, position, value):
    batch = GRID.sample(np.random.default_rng(0), 40_037).astype(np.uint8)  # no multiple of 64
    batch[row, position] = value
    for call in (GRID.indices, GRID.check):
        with pytest.raises(GenotypeError, match=rf"position {position} .* is {value}, but must be 0 to"):
            call(batch)
    expected = np.ones(len(batch), dtype=bool)
    expected[row] = False
    np.testing.assert_array_equal(GRID.valid(batch), expected)


def test_values_that_would_wrap_in_a_narrower_type_are_refused():
    for bad in (256, 2**32, -1, -256, -(2**40)):
        batch = np.zeros((1000, 3), dtype=np.int64)
        batch[777, 1] = bad
        with pytest.raises(GenotypeError, match="position 1"):
            GRID.indices(batch)


WRONG = {
    "too short": (0, 1),
    "too long": (0, 1, 2, 0),
    "empty": (),
    "too large": (0, 2, 0),
    "far too large": (0, 10**30, 0),
    "negative": (0, -1, 0),
    "very negative": (0, -7, 0),
    "float": (0, 1.0, 0),
    "fraction": (0.5, 1, 0),
    "nan": (0, float("nan"), 0),
    "text": ("0", "1", "0"),
    "none": (0, None, 0),
    "nested": ((0, 1), (1, 2), (0, 1)),
}


@pytest.mark.parametrize("genotype", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("method", ["index", "format"])
def test_a_wrong_genotype_is_a_genotype_error(genotype, method):
    with pytest.raises(GenotypeError):
        getattr(GRID, method)(genotype)


WRONG_BATCHES = {
    "ragged": [(0, 1, 2), (0, 1)],
    "floats": [[0.0, 1.0, 2.0]],
    "columns": np.zeros((2, 4), int),
    "3-d": np.zeros((2, 2, 3), int),
    "no columns": np.zeros((5, 0), int),
    "scalar": 5,
    "bools": [[True, False, True]],
    "texts": [["a", "b", "c"]],
    "none row": [(0, 1, 2), None],
    "text": "0,1,2",
    "none": None,
}


@pytest.mark.parametrize("batch", WRONG_BATCHES.values(), ids=WRONG_BATCHES)
def test_a_wrong_batch_is_a_genotype_error(batch):
    for method in (GRID.check, GRID.indices, GRID.valid, GRID.canonical):
        with pytest.raises(GenotypeError):
            method(batch)


def test_no_rows_are_a_valid_batch():
    for empty in ([], np.empty((0, 3), dtype=np.int64)):
        assert GRID.check(empty).shape == (0, 3)
        assert GRID.indices(empty).shape == GRID.valid(empty).shape == (0,)
    assert GRID.genotypes([]).shape == (0, 3)


@pytest.mark.parametrize("ranks", [[24], [-1], [0.0], [0, 10**30], ["0"]])
def test_a_wrong_rank_is_a_genotype_error(ranks):
    with pytest.raises(GenotypeError, match="0 to 23"):
        GRID.genotypes(ranks)


def test_spaces_beyond_64_bits_have_an_exact_size_but_no_index():
    assert HUGE.size == 10**90
    assert not HUGE.enumerable
    assert HUGE.valid(HUGE.sample(np.random.default_rng(0), 9)).all()
    for call in (lambda: HUGE.indices([(0,) * 30]), lambda: HUGE.genotypes([0]), HUGE.all):
        with pytest.raises(GenotypeError, match=r"sample\(\)"):
            call()
    assert HUGE.index((999,) * 30) == 10**90 - 1


def test_a_numpy_row_has_the_same_index():
    for dtype in (np.uint8, np.int64):
        assert GRID.index(np.array([2, 1, 3], dtype=dtype)) == 23
        assert type(GRID.index(tuple(np.array([2, 1, 3], dtype=dtype)))) is int


# -- text -------------------------------------------------------------------------------------------


def test_text_forms():
    assert GRID.format((1, 0, 3)) == "width=32,activation=relu,rate=0.0001"
    named = "width=32,activation=relu,rate=1e-4"
    for text in (named, " rate = 0.0001 , width=32.0, activation=relu", "1,0,3", "(1, 0, 3)", "[1,0,3]"):
        assert GRID.parse(text) == (1, 0, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("width=33,activation=relu,rate=0.1", "unknown choice of width '33'"),
        ("width=32,activation=rely,rate=0.1", "Did you mean 'relu'"),
        ("width=32,activation=relu,rate=nan", "unknown choice of rate"),
        ("width=32,activation=relu", "does not say 'rate'"),
        ("width=32,activation=relu,rate=0.1,depth=3", "unknown parameter 'depth'"),
        ("width=32,width=16,activation=relu,rate=0.1", "'width=16' is no new name=choice"),
        ("nothing", "expected e.g."),
        ("", "expected e.g."),
        ("1,0", "expected genotypes of 3 integers"),
        ("1,0,4", "must be 0 to 3"),
        ("--1,0,0", "expected e.g."),
        ("\u00b2,0,0", "expected e.g."),
        ("9" * 5000 + ",0,0", "expected e.g."),
    ],
)
def test_wrong_text_is_a_genotype_error(text, message):
    with pytest.raises(GenotypeError, match=message):
        GRID.parse(text)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused(text):
    try:
        genotype = GRID.parse(text)
    except GenotypeError:
        return
    assert GRID.valid([genotype]).all()


def test_what_is_no_text_is_a_genotype_error():
    with pytest.raises(GenotypeError, match="got int"):
        GRID.parse(5)


# -- definition -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "choices"),
    [("p", ()), ("p", (1, 1)), ("p", (1, 1.0)), ("p", (1, "1")), ("p", (None,)), ("p", ((1, 2),)), ("", (1,)),
     ("a,b", (1,)), ("a=b", (1,)), (" a", (1,)), ("p", ("a,b",)), ("p", ("",)), ("p", ("a ",))],
)  # fmt: skip
def test_parameters_that_cannot_be_written_are_refused(name, choices):
    with pytest.raises(GenotypeError):
        Parameter(name, choices)


def test_a_space_needs_a_parameter():
    with pytest.raises(GenotypeError, match="at least one parameter"):
        SearchSpace([])


def test_a_space_of_one_architecture_has_no_mutation():
    single = GridSpace.of({"a": [1], "b": ["x"]})
    assert single.size == 1
    assert single.neighbours((0, 0)) == []
    with pytest.raises(GenotypeError, match="nothing to mutate"):
        single.mutate((0, 0), np.random.default_rng(0))


def test_equality_goes_by_definition():
    same = GridSpace.of({p.name: list(p.choices) for p in GRID.parameters})
    assert same == GRID
    assert hash(same) == hash(GRID)
    assert same.sha256 == GRID.sha256
    for other in (
        GridSpace.of({"width": [16, 32, 64]}),
        GridSpace([Parameter(p.name, p.choices, not p.ordered) for p in GRID.parameters]),
        SearchSpace([Parameter(p.name, p.choices[::-1], p.ordered) for p in GRID.parameters]),
        "text",
    ):
        assert other != GRID


def test_kinds_name_their_classes_and_unknown_ones_are_refused():
    import importlib

    for kind, target in KINDS.items():
        module, _, name = target.partition(":")
        assert getattr(importlib.import_module(module), name).kind == kind
    with pytest.raises(UnknownNameError, match="nasbench201"):
        from_definition("nasbench-201", {})
