import itertools

import numpy as np
import pytest

from nasbench.errors import GenotypeError
from nasbench.parameter import Parameter
from nasbench.predictors import features
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nasbench201 import EDGES, OPERATIONS, NASBench201Space
from nasbench.spaces.table import TableSpace

CELLS = NASBench201Space()
GRID = GridSpace(
    [
        Parameter("width", (8, 16, 32), ordered=True),
        Parameter("operation", ("conv", "pool")),
        Parameter("only", ("one",)),
        Parameter("rate", (0.1, 0.01), ordered=True),
    ]
)


def walk(genotype, node=0, done=()):
    """All operation sequences from a node to the output, by recursion over the edges."""
    if node == 3:
        yield done
        return
    for operation, (source, target) in zip(genotype, EDGES, strict=True):
        name = OPERATIONS[operation]
        if source == node and name != "none":
            yield from walk(genotype, target, done if name == "skip_connect" else (*done, name))


def test_path_counts_agree_with_walking_every_path_of_every_cell():
    genotypes = CELLS.all()
    counts, names = CELLS.path_counts(genotypes), CELLS.path_names
    assert len(names) == len(set(names)) == counts.shape[1] == 1 + 3 + 9 + 27
    column = {name: i for i, name in enumerate(names)}
    expected = np.zeros_like(counts)
    for row, genotype in enumerate(genotypes.tolist()):
        for sequence in walk(genotype):
            expected[row, column[">".join(("input", *sequence, "output"))]] += 1
    np.testing.assert_array_equal(counts, expected)


def test_members_of_a_functional_class_have_equal_path_counts():
    genotypes = CELLS.all()
    np.testing.assert_array_equal(CELLS.path_counts(genotypes), CELLS.path_counts(CELLS.canonical(genotypes)))


def test_path_extremes_are_the_largest_over_the_walked_paths():
    genotypes = CELLS.sample(np.random.default_rng(0), 400)
    extremes, names = features.path_extremes(CELLS, genotypes), features.extreme_names(CELLS)
    for row, genotype in zip(extremes.tolist(), genotypes.tolist(), strict=True):
        paths = list(walk(genotype)) or [()]
        for value, name in zip(row, names, strict=True):
            if name == "longest path":
                assert value == max(len(path) for path in paths)
            else:
                operation = name.split()[1]
                assert value == max(path.count(operation) for path in paths)


@pytest.mark.parametrize(("power", "expected"), [(1, 2.0), (0.5, np.sqrt(2.0)), (0, 1.0)])
def test_the_power_turns_counts_into_presence_or_roots(power, expected):
    two_equal_paths = (3, 3, 0, 0, 1, 1)  # 0 -conv-> 1 -skip-> 3 and 0 -conv-> 2 -skip-> 3
    encoded = features.path_counts(CELLS, [two_equal_paths], power)[0]
    assert dict(zip(CELLS.path_names, encoded, strict=True))["input>nor_conv_3x3>output"] == pytest.approx(expected)
    assert np.count_nonzero(encoded) == 1


def test_paths_of_a_partial_table_are_those_of_its_base():
    rows = CELLS.genotypes([5, 777, 15_000])
    table = TableSpace(CELLS, rows)
    np.testing.assert_array_equal(features.path_counts(table, rows, 1), CELLS.path_counts(rows))


def test_a_space_without_paths_says_so():
    with pytest.raises(GenotypeError, match="one-hot"):
        features.path_counts(GRID, GRID.all())


def test_one_hot_agrees_with_a_loop():
    genotypes = GRID.all()
    expected = [
        [float(gene == c) for gene, n in zip(g, (3, 2, 1, 2), strict=True) for c in range(n)] for g in genotypes
    ]
    np.testing.assert_array_equal(features.one_hot(GRID, genotypes), expected)


def test_unit_ranks_run_from_zero_to_one_and_are_zero_for_a_single_choice():
    genotypes = [[0, 0, 0, 0], [1, 1, 0, 1], [2, 0, 0, 1]]
    np.testing.assert_array_equal(features.unit_ranks(GRID, genotypes), [[0, 0, 0, 0], [0.5, 1, 0, 1], [1, 0, 0, 1]])


def test_mixed_scales_ordered_positions_and_one_hot_encodes_the_others():
    encoded = features.mixed(GRID, [[1, 1, 0, 0], [2, 0, 0, 1]])
    np.testing.assert_array_equal(encoded, [[0.5, 0, 1, 1, 0], [1, 1, 0, 1, 1]])
    assert features.mixed_groups(GRID) == ((0,), (1, 2), (3,), (4,))


@pytest.mark.parametrize("functional", [True, False])
@pytest.mark.parametrize("space", [CELLS, GRID], ids=["cells", "grid"])
def test_groups_partition_the_default_features(space, functional):
    columns = features.default_features(space, space.sample(np.random.default_rng(0), 3), functional).shape[1]
    groups = features.default_groups(space, functional)
    assert sorted(itertools.chain(*groups)) == list(range(columns))


def test_features_of_a_non_functional_objective_tell_every_cell_apart():
    assert len(np.unique(features.default_features(CELLS, CELLS.all(), functional=False), axis=0)) == 15_625
    assert len(np.unique(features.default_features(CELLS, CELLS.all(), functional=True), axis=0)) < 5_260


def test_feature_classes_group_equal_rows():
    genotypes = CELLS.sample(np.random.default_rng(1), 500)
    rows = features.default_features(CELLS, genotypes, functional=True)
    classes = features.feature_classes(genotypes, rows)
    np.testing.assert_array_equal(classes.features[classes.of], rows)
    assert len(classes.features) == len({tuple(row) for row in rows.tolist()})
    for number, (begin, end) in enumerate(itertools.pairwise(classes.starts.tolist())):
        assert sorted(classes.members[begin:end].tolist()) == np.flatnonzero(classes.of == number).tolist()


def test_the_classes_of_a_whole_space_are_cached_and_read_only():
    classes = features.all_feature_classes(GRID, functional=True)
    assert features.all_feature_classes(GridSpace(GRID.parameters), functional=True) is classes
    with pytest.raises(ValueError, match="read-only"):
        classes.features[0] = 1.0
