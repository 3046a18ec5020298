"""The NAS-Bench-201 cell: text, official order, equivalence classes by two routes, graph view."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections import Counter, defaultdict

import numpy as np
import pytest

from nasbench.errors import GenotypeError
from nasbench.spaces.cell_graph import Cell, multigraph, signatures
from nasbench.spaces.nasbench201 import EDGES, NODE_OPERATIONS, OPERATIONS, NASBench201Space

SPACE = NASBench201Space()
ALL = list(itertools.product(range(5), repeat=6))
OFFICIAL_SHA256 = "83abc799e45cf34e9d2163654668ab998b9a54d01c39e72ca1f71f2cdf356d84"


# -- brute force: symbolic tensors, then every numbering of the operations ---------------------------


def brute_force_class(genotype: tuple[int, ...], pool_has_weights: bool = False) -> object:
    """The smallest description of the computational graph over all numberings of its operations.

    Tensors are multisets (Counter) of "x" and of edges; no arrays, colours or hashes.
    """
    tensors = [Counter("x"), Counter(), Counter(), Counter()]
    reads: dict[int, Counter] = {}
    for edge, (source, target) in enumerate(EDGES):
        operation, tensor = OPERATIONS[genotype[edge]], tensors[source]
        if operation == "none" or not tensor:
            continue
        if operation == "skip_connect":
            tensors[target] = tensors[target] + tensor
            continue
        instance = edge
        if operation == "avg_pool_3x3" and not pool_has_weights:
            equal = (e for e, t in reads.items() if genotype[e] == genotype[edge] and t == tensor)
            instance = next(equal, edge)
        reads[instance] = tensor
        tensors[target] = tensors[target] + Counter([instance])
    live, queue = set(), [edge for edge in tensors[3] if edge != "x"]
    while queue:
        edge = queue.pop()
        if edge not in live:
            live.add(edge)
            queue += [e for e in reads[edge] if e != "x"]

    def described(number: dict[object, int]) -> object:
        def terms(tensor):
            return tuple(sorted((number[term], times) for term, times in tensor.items()))

        rows = sorted((number[e], genotype[e], terms(reads[e])) for e in live)
        return tuple(rows), terms(tensors[3])

    # a numbering must put the operations in one agreed order, here by kind; within a kind, all are tried
    kinds = [sorted(e for e in live if genotype[e] == kind) for kind in (2, 3, 4)]
    orders = itertools.product(*(itertools.permutations(kind) for kind in kinds))
    return min(described({"x": -1, **{e: k for k, e in enumerate(itertools.chain(*order))}}) for order in orders)


@pytest.fixture(scope="module")
def classes() -> list[object]:
    return [brute_force_class(genotype) for genotype in ALL]


def test_canonical_is_the_smallest_genotype_of_each_of_5260_brute_force_classes(classes):
    smallest: dict[object, tuple[int, ...]] = {}
    for label, genotype in zip(classes, ALL, strict=True):
        smallest.setdefault(label, genotype)  # ALL is in lexicographic order
    assert len(smallest) == 5260
    expected = [smallest[label] for label in classes]
    np.testing.assert_array_equal(SPACE.canonical(ALL), expected)


def test_official_strings_reproduce_the_published_counts_and_their_flaws(classes):
    strings = [SPACE.official_unique_string(g) for g in ALL]
    assert len(set(strings)) == 6466
    assert len({SPACE.official_unique_string(g, simplify_zero=False) for g in ALL}) == 12751
    strings_of, classes_of = defaultdict(set), defaultdict(set)
    for label, string in zip(classes, strings, strict=True):
        strings_of[label].add(string)
        classes_of[string].add(label)
    assert sum(len(found) > 1 for found in strings_of.values()) == 688
    assert sum(len(found) > 1 for found in classes_of.values()) == 430


def test_official_string_of_a_cell_by_hand():
    arch = SPACE.parse("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|none~1|avg_pool_3x3~2|")
    # node 2 = # + conv(0); output = 0 + # + pool(node 2), terms sorted as text
    assert SPACE.official_unique_string(arch) == "#+(#+(0)@nor_conv_3x3)@avg_pool_3x3+0"
    # without zeros the none edges are operations like others
    written = SPACE.official_unique_string((0, 0, 0, 0, 0, 1), simplify_zero=False)
    assert written == "((0)@none)@none+((0)@none)@none+(0)@none+(0)@none"


def test_pooling_twice_is_the_same_tensor_only_because_it_has_no_weights():
    """Were pooling instances told apart like convolutions, there would be 5,425 classes."""
    apart = signatures(Cell(EDGES, zero=0, skip=1), np.array(ALL))
    assert len(np.unique(apart)) == 5425 == len({brute_force_class(g, pool_has_weights=True) for g in ALL})


EQUIVALENT = {
    "an edge into a dead node": [(3, 0, 0, 2, 0, 0), (0, 3, 4, 2, 0, 0), (0, 0, 0, 2, 0, 0)],
    "operations on a zero node": [(0, 0, 3, 2, 4, 3), (0, 0, 0, 2, 0, 0)],
    "the intermediate node is free": [
        (3, 0, 0, 0, 2, 0),
        (0, 3, 0, 0, 0, 2),
        (3, 0, 1, 0, 0, 2),
        (1, 0, 3, 0, 0, 2),
    ],
    "a sum through a skip merges": [(3, 2, 1, 0, 0, 1), (3, 2, 0, 0, 1, 1), (3, 0, 0, 2, 1, 0)],
    "two skips are twice the input": [(1, 1, 0, 0, 1, 1), (1, 0, 0, 1, 1, 0), (1, 1, 1, 0, 0, 1)],
    "nothing reaches the output": [(3, 3, 3, 0, 0, 0), (0, 0, 0, 0, 0, 0), (0, 0, 1, 0, 3, 3)],
    "pooling the same tensor twice": [(4, 4, 0, 0, 1, 1), (4, 0, 0, 4, 1, 0), (4, 0, 1, 0, 1, 1)],
}


@pytest.mark.parametrize("cells", EQUIVALENT.values(), ids=EQUIVALENT)
def test_cells_that_are_one_network(cells):
    assert len(np.unique(SPACE.canonical(cells), axis=0)) == 1


DIFFERENT = {
    "once or twice the input": [(0, 0, 0, 1, 0, 0), (1, 0, 0, 1, 1, 0)],
    "one convolution used twice, or two": [(3, 0, 1, 0, 1, 1), (3, 3, 0, 0, 1, 1)],
    "one shared part, or two equal ones": [(3, 0, 2, 0, 3, 1), (3, 3, 0, 2, 3, 0)],
    "the kind of operation": [(0, 0, 0, 2, 0, 0), (0, 0, 0, 3, 0, 0)],
}


@pytest.mark.parametrize("cells", DIFFERENT.values(), ids=DIFFERENT)
def test_cells_that_are_different_networks(cells):
    assert len(np.unique(SPACE.canonical(cells), axis=0)) == len(cells)


def test_canonical_is_idempotent_and_takes_one_genotype():
    representatives = SPACE.canonical(ALL)
    np.testing.assert_array_equal(SPACE.canonical(representatives), representatives)
    assert SPACE.canonical((3, 3, 3, 0, 0, 0)).tolist() == [[0] * 6]


def test_signatures_do_not_depend_on_the_numbering_of_the_middle_nodes():
    """Swapping nodes 1 and 2 where no edge joins them: edges 0-1, 4 trade places with 0-2, 5."""
    cells = np.array([g for g in ALL if g[2] == 0])
    swapped = cells[:, [1, 0, 2, 3, 5, 4]]
    cell = Cell(EDGES, zero=0, skip=1, weightless=(4,))
    np.testing.assert_array_equal(signatures(cell, cells), signatures(cell, swapped))


def test_multigraph_of_a_cell_by_hand():
    """Node 1 = conv3(x) + nothing; node 2 = x + node 1; output = conv1(node 2) + node 2."""
    graph, labels = multigraph(Cell(EDGES, 0, 1, (4,)), np.array([(3, 1, 1, 0, 0, 2), (3, 1, 1, 1, 1, 1)]))
    vertices = {"x": 0, "conv3": 1, "conv1": 6, "out": 7}
    assert {(int(a), int(b)): int(graph[0, a, b]) for a, b in np.argwhere(graph[0])} == {
        (vertices["x"], vertices["conv3"]): 1,
        (vertices["x"], vertices["conv1"]): 1,
        (vertices["conv3"], vertices["conv1"]): 1,
        (vertices["conv1"], vertices["out"]): 1,
    }
    assert labels[0].tolist() == [1, 3 + 3, 0, 0, 0, 0, 3 + 2, 2]
    # the second: output = x + conv3 + (x + conv3), each twice
    assert graph[1, 0, 7] == graph[1, 1, 7] == 2


# -- official order and text --------------------------------------------------------------------------


def test_official_order_has_the_published_digest():
    strings = [SPACE.format(tuple(row)) for row in SPACE.official_order().tolist()]
    assert hashlib.sha256("\n".join(strings).encode()).hexdigest() == OFFICIAL_SHA256
    assert len(set(strings)) == 15625


def test_official_order_leaves_the_global_generator_alone_and_starts_with_architecture_0():
    random.seed(5)
    before = random.getstate()
    assert SPACE.official_order()[0].tolist() == [4, 2, 1, 2, 1, 1]
    assert random.getstate() == before


def test_text_of_every_cell_reads_back():
    assert all(SPACE.parse(SPACE.format(genotype)) == genotype for genotype in ALL[::7])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("|nor_conv3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|", "Did you mean 'nor_conv_3x3'"),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|", "expected e.g."),
        ("|none~0|+|none~0|none~0|+|none~0|none~1|none~2|", "expected e.g."),
        ("|none~0|none~0|none~1|none~0|none~1|none~2|", "did you mean"),
        ("|", "expected e.g."),
        ("4,2,1,2,1,5", "must be 0 to 4"),
        ("4,2,1,2,1", "6 integers"),
    ],
)
def test_wrong_text_is_a_genotype_error(text, message):
    with pytest.raises(GenotypeError, match=message):
        SPACE.parse(text)


def test_another_definition_is_refused():
    definition = SPACE.definition()
    assert NASBench201Space.from_definition(definition) == SPACE
    with pytest.raises(GenotypeError, match="not the definition"):
        NASBench201Space.from_definition({**definition, "operations": ["none"]})


# -- graph view -----------------------------------------------------------------------------------------


def test_graph_paths_are_the_cells_paths():
    """Walks from input to output, counted by matrix powers, against the cell's node paths."""
    node_paths = ((3,), (0, 4), (1, 5), (0, 2, 5))
    counts = [Counter(len(p) for p in node_paths if all(g[e] for e in p)) for g in ALL]
    graph = SPACE.adjacency(ALL).astype(np.int64)
    walks = graph.copy()
    for length in (1, 2, 3):
        walks = walks @ graph
        np.testing.assert_array_equal(walks[:, 0, 7], [c[length] for c in counts])
    assert not (walks @ graph).any()


def test_pruned_graphs_hold_exactly_the_operations_on_a_path():
    graph, labels = SPACE.adjacency(ALL), SPACE.node_operations(ALL)
    isolated = ~(graph.any(axis=1) | graph.any(axis=2))
    np.testing.assert_array_equal(isolated[:, 1:7], labels[:, 1:7] == 0)
    reach = graph.astype(bool)
    for _ in range(3):
        reach = reach | (reach @ reach)
    on_path = reach[:, 0, 1:7] & reach[:, 1:7, 7]
    np.testing.assert_array_equal(labels[:, 1:7] > 0, on_path)
    kept = labels[:, 1:7] > 0
    np.testing.assert_array_equal(labels[:, 1:7][kept], np.array(ALL)[kept])


def test_unpruned_graph_is_the_same_for_all_cells():
    graph, labels = SPACE.adjacency(ALL[:50], pruned=False), SPACE.node_operations(ALL[:50], pruned=False)
    assert (graph == graph[0]).all()
    full = SPACE.adjacency([(3,) * 6])[0]
    np.testing.assert_array_equal(graph[0], full)
    assert not np.tril(full).any()
    assert full.sum() == 3 + 2 + 1 + 1 + 3  # from the input; after 0-1; after 0-2; after 1-2; to the output
    np.testing.assert_array_equal(labels[:, 1:7], ALL[:50])
    assert [NODE_OPERATIONS[label] for label in labels[0, [0, 7]]] == ["input", "output"]
