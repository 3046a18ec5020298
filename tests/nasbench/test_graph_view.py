"""The graph view against brute force: walks, permutations and the definition of each cell."""

from itertools import permutations

import numpy as np
import pytest

from nasbench.spaces.graph_view import CellGraphs
from nasbench.spaces.labelled_trees import LINKS
from nasbench.spaces.nas_bench_graph import NASBenchGraphSpace
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.spaces.transnas import TransNASMicroSpace

SPACES = [NASBench201Space(), TransNASMicroSpace(), NASBenchGraphSpace()]
IDS = [space.kind for space in SPACES]


def isomorphic(one: CellGraphs, two: CellGraphs) -> bool:
    """Whether some renumbering of the inner vertices turns graph 0 of one into that of the other."""
    a, b = (graph.adjacency[0] for graph in (one, two))
    x, y = (graph.labels[0] for graph in (one, two))
    last = len(x) - 1
    for middle in permutations(range(1, last)):
        order = [0, *middle, last]
        if np.array_equal(x[order], y) and np.array_equal(a[np.ix_(order, order)], b):
            return True
    return False


def walk(graph: CellGraphs, row: int, vertex: int = 0) -> list[tuple[str, ...]]:
    """The operation names of each way from a vertex to the output, once for each parallel edge."""
    adjacency, labels = graph.adjacency[row], graph.labels[row]
    if vertex == len(labels) - 1:
        return [()]
    own = () if vertex == 0 else (graph.label_names[labels[vertex]],)
    return [
        (*own, *rest)
        for target in np.flatnonzero(adjacency[vertex]).tolist()
        for rest in walk(graph, row, target) * int(adjacency[vertex, target])
    ]


@pytest.mark.parametrize("functional", [True, False])
@pytest.mark.parametrize("space", SPACES, ids=IDS)
def test_every_graph_is_what_the_class_promises(space, functional):
    graphs = space.graphs(space.all(), functional)
    n, vertices = graphs.labels.shape
    assert n == space.size
    assert graphs.adjacency.shape == (n, vertices, vertices)
    assert not np.tril(graphs.adjacency).any()
    assert (graphs.labels[:, 0] == 1).all()
    assert (graphs.labels[:, -1] == 2).all()
    assert graphs.labels.max() < len(graphs.label_names)
    edges = graphs.adjacency.any(axis=1) | graphs.adjacency.any(axis=2)
    assert not edges[graphs.labels == 0].any()
    inner = graphs.labels[:, 1:-1] > 0
    read = graphs.adjacency.any(axis=1)[:, 1:-1] & graphs.adjacency.any(axis=2)[:, 1:-1]
    assert (read == inner).all()


@pytest.mark.parametrize("space", SPACES[:2], ids=IDS[:2])
def test_a_functional_graph_has_the_paths_of_the_cell(space):
    genotypes = space.sample(np.random.default_rng(0), 300)
    graphs, counts = space.graphs(genotypes), space.path_counts(genotypes)
    for row in range(len(genotypes)):
        expected = {name: int(c) for name, c in zip(space.path_names, counts[row], strict=True) if c}
        walked = [">".join(("input", *ops, "output")) for ops in walk(graphs, row)]
        assert {name: walked.count(name) for name in set(walked)} == expected


@pytest.mark.parametrize("space", SPACES[:2], ids=IDS[:2])
def test_functional_twins_have_isomorphic_graphs_and_others_do_not(space):
    rng = np.random.default_rng(1)
    genotypes = space.sample(rng, 12)
    for genotype in genotypes:
        assert isomorphic(space.graphs([genotype]), space.graphs(space.canonical([genotype])))
    distinct = np.unique(space.canonical(genotypes), axis=0)
    for i in range(len(distinct)):
        for j in range(i):
            assert not isomorphic(space.graphs([distinct[i]]), space.graphs([distinct[j]]))


@pytest.mark.parametrize("space", SPACES, ids=IDS)
def test_written_graphs_tell_every_genotype_apart(space):
    graphs = space.graphs(space.all(), functional=False)
    rows = np.concatenate([graphs.labels, graphs.adjacency.reshape(space.size, -1)], axis=1)
    assert len(np.unique(rows, axis=0)) == space.size


def test_two_skips_beside_each_other_read_twice():
    graphs = SPACES[0].graphs([(1, 1, 1, 0, 0, 1)])  # 0-1 skip, 0-2 skip, 1-2 skip, 2-3 skip
    assert graphs.adjacency[0, 0, 7] == 2
    assert graphs.labels[0].tolist() == [1, 0, 0, 0, 0, 0, 0, 2]
    kept = SPACES[0].graphs([(1, 1, 1, 0, 0, 1)], contract_skips=False)
    assert kept.adjacency.max() == 1
    assert kept.labels[0].tolist() == [1, 4, 4, 4, 0, 0, 4, 2]
    assert sorted(walk(kept, 0)) == [("skip_connect",) * 2, ("skip_connect",) * 3]


def test_the_kept_skips_graph_is_the_pruned_line_graph():
    space = SPACES[0]
    genotypes = space.sample(np.random.default_rng(2), 500)
    genotypes = genotypes[(genotypes != 4).all(axis=1)]  # the line graph does not merge equal pools of one tensor
    graphs = space.graphs(genotypes, contract_skips=False)
    alive = space.path_counts(genotypes).any(axis=1)
    np.testing.assert_array_equal(graphs.adjacency[alive], space.adjacency(genotypes)[alive])


def test_a_tree_reads_from_its_parents_and_its_leaves_are_joined():
    space = SPACES[2]
    genotype = tuple(space.genotypes([20_000])[0].tolist())
    graphs = space.graphs([genotype], functional=False)
    parents = LINKS[genotype[0]]
    edges = {(parent, node) for node, parent in enumerate(parents, start=1)}
    edges |= {(leaf, 5) for leaf in range(1, 5) if leaf not in parents}
    assert set(zip(*np.nonzero(graphs.adjacency[0]), strict=True)) == edges


def test_contracting_the_skips_of_a_tree_keeps_its_other_operations_in_order():
    space = SPACES[2]
    genotype = space.parse("0,1,1,2|skip,gcn,skip,gat")  # skip at the root, a skip beside gcn
    graphs = space.graphs([genotype])
    assert "skip" not in {graphs.label_names[label] for label in graphs.labels[0]}
    written = space.graphs([genotype], functional=False)
    kept = sorted(tuple(op for op in path if op != "skip") for path in walk(written, 0))
    assert sorted(walk(graphs, 0)) == kept
