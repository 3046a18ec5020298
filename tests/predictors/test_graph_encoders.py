"""Encoders of the graph view against recursion over single graphs."""

import numpy as np
import pytest

from nasbench.errors import GenotypeError, UnknownNameError
from nasbench.predictors import encoders
from nasbench.predictors.encoders import create_encoder
from nasbench.predictors.graph_encoders import Adjacency, GraphStatistics, Paths, TruncatedPaths
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nas_bench_graph import NASBenchGraphSpace
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.spaces.table import TableSpace
from nasbench.spaces.transnas import TransNASMicroSpace

CELLS, TREES, TRANS = NASBench201Space(), NASBenchGraphSpace(), TransNASMicroSpace()
SPACES = pytest.mark.parametrize("space", [CELLS, TREES, TRANS], ids=lambda s: s.kind)


def walk(graphs, row, vertex=0):
    adjacency, labels = graphs.adjacency[row], graphs.labels[row]
    if vertex == len(labels) - 1:
        return [()]
    own = () if vertex == 0 else (graphs.label_names[labels[vertex]],)
    return [
        (*own, *rest)
        for target in np.flatnonzero(adjacency[vertex]).tolist()
        for rest in walk(graphs, row, target) * int(adjacency[vertex, target])
    ]


def named(encoder, genotypes):
    names = encoder.get_feature_names_out().tolist()
    assert len(set(names)) == len(names)
    return [dict(zip(names, row, strict=True)) for row in encoder.transform(genotypes).tolist()]


@pytest.mark.parametrize("functional", [True, False])
@SPACES
def test_path_counts_are_walked_ones(space, functional):
    genotypes = space.sample(np.random.default_rng(0), 60)
    encoder = Paths(space, functional, power=1, longest=None if space is CELLS else 2)
    graphs = space.graphs(genotypes, functional)
    for row, encoded in enumerate(named(encoder, genotypes)):
        walked = [">".join(("input", *path, "output")) for path in walk(graphs, row)]
        kept = [path for path in walked if path in encoded]
        assert {name: count for name, count in encoded.items() if count} == {p: kept.count(p) for p in kept}
        assert len(kept) == len(walked) or space is not CELLS


def test_the_path_encoding_has_the_columns_of_the_space():
    encoder = create_encoder("path", CELLS, power=1)
    assert encoder.get_feature_names_out().tolist() == list(CELLS.path_names)
    np.testing.assert_array_equal(encoder.transform(CELLS.all()), CELLS.path_counts(CELLS.all()))


def test_truncation_keeps_the_first_columns():
    genotypes = CELLS.sample(np.random.default_rng(1), 100)
    whole = Paths(CELLS).transform(genotypes)
    np.testing.assert_array_equal(TruncatedPaths(CELLS).transform(genotypes), whole[:, : 1 + 3 + 9])
    np.testing.assert_array_equal(Paths(CELLS, columns=20).transform(genotypes), whole[:, :20])
    assert set(np.unique(whole)) == {0.0, 1.0}


@SPACES
def test_statistics_are_those_of_single_graphs(space):
    genotypes = space.sample(np.random.default_rng(2), 60)
    graphs = space.graphs(genotypes)
    for row, encoded in enumerate(named(GraphStatistics(space), genotypes)):
        edges = graphs.adjacency[row] > 0
        paths = walk(graphs, row)
        operations = [graphs.label_names[label] for label in graphs.labels[row, 1:-1] if label]
        assert encoded["vertices"] == len(operations)
        assert encoded["edges"] == edges.sum()
        assert encoded["depth"] == max((len(path) + 1 for path in paths), default=0)
        assert encoded["largest in-degree"] == max(edges.sum(axis=0))
        assert encoded["largest out-degree"] == max(edges.sum(axis=1))
        assert encoded["paths"] == len(paths)
        assert encoded["mean path length"] == pytest.approx(np.mean([len(p) for p in paths]) if paths else 0)
        for name in set(operations):
            assert encoded[name] == operations.count(name)
            assert sum(v for k, v in encoded.items() if k.startswith(f"{name} at depth")) == operations.count(name)
        for length in range(1, 3):
            assert encoded[f"paths of {length}"] == sum(len(path) == length for path in paths)


def test_an_operation_sits_at_its_longest_distance_from_the_input():
    # 0 -conv3-> 1 -pool-> 3, and 0 -conv1-> 3
    encoded = named(GraphStatistics(CELLS), [(3, 0, 0, 2, 4, 0)])[0]
    at_depth = {name: value for name, value in encoded.items() if "at depth" in name and value}
    assert at_depth == {"nor_conv_3x3 at depth 1": 1, "avg_pool_3x3 at depth 2": 1, "nor_conv_1x1 at depth 1": 1}


@SPACES
def test_adjacency_names_its_edges_and_operations(space):
    genotypes = space.sample(np.random.default_rng(3), 20)
    graphs = space.graphs(genotypes, functional=False)
    for row, encoded in enumerate(named(Adjacency(space, functional=False), genotypes)):
        edges = {f"{a}->{b}" for a, b in zip(*np.nonzero(graphs.adjacency[row]), strict=True)}
        labels = {f"{v}={graphs.label_names[x]}" for v, x in enumerate(graphs.labels[row]) if x > 2}
        assert {name for name, value in encoded.items() if value} == edges | labels


@pytest.mark.parametrize("name", ["adjacency", "graph-statistics", "path", "truncated-path", "wl", "path-features"])
def test_only_functional_encodings_merge_functional_twins(name):
    genotypes = CELLS.sample(np.random.default_rng(4), 200)
    twins = CELLS.canonical(genotypes)
    merged = create_encoder(name, CELLS).fit(genotypes)
    np.testing.assert_array_equal(merged.transform(genotypes), merged.transform(twins))
    if name == "path-features":
        with pytest.raises(GenotypeError, match="path"):
            create_encoder(name, CELLS, functional=False)
        return
    written = create_encoder(name, CELLS, functional=False).fit(genotypes)
    assert (written.transform(genotypes) != written.transform(twins)).any()


@pytest.mark.parametrize("name", ["adjacency", "graph-statistics", "path", "wl"])
def test_a_partial_table_is_encoded_as_its_base(name):
    rows = CELLS.genotypes([5, 777, 15_000])
    table = create_encoder(name, TableSpace(CELLS, rows)).fit(rows)
    np.testing.assert_array_equal(table.transform(rows), create_encoder(name, CELLS).fit(rows).transform(rows))


def test_a_space_without_graphs_says_so():
    grid = GridSpace.of({"a": [1, 2]})
    with pytest.raises(GenotypeError, match="one-hot"):
        create_encoder("wl", grid).fit(grid.all())


def test_a_union_puts_columns_names_and_groups_side_by_side():
    genotypes = CELLS.sample(np.random.default_rng(5), 30)
    union = create_encoder(["one-hot", "graph-statistics"], CELLS).fit(genotypes)
    parts = [create_encoder(name, CELLS) for name in ("one-hot", "graph-statistics")]
    np.testing.assert_array_equal(union.transform(genotypes), np.hstack([p.transform(genotypes) for p in parts]))
    width = union.transform(genotypes).shape[1]
    assert len(union.get_feature_names_out()) == width
    assert sorted(column for group in union.groups() for column in group) == list(range(width))
    assert union.groups()[6] == (30,)
    assert create_encoder(["one-hot", "wl"], CELLS).groups() is None


def test_unknown_encoders_and_parameters_are_explained():
    with pytest.raises(UnknownNameError, match="one-hot"):
        create_encoder("onehot", CELLS)
    with pytest.raises(UnknownNameError, match="iterations"):
        create_encoder("wl", CELLS, iteration=3)


def test_every_listed_encoder_exists():
    for name in encoders.list():
        assert issubclass(encoders.REGISTRY.get(name), encoders.Encoder)
