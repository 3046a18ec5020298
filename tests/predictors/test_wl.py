"""Weisfeiler-Lehman histograms against relabelling with nested tuples, one vertex at a time."""

from collections import Counter

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from nasbench.predictors.wl import WeisfeilerLehman
from nasbench.spaces.nas_bench_graph import NASBenchGraphSpace
from nasbench.spaces.nasbench201 import NASBench201Space

CELLS, TREES = NASBench201Space(), NASBenchGraphSpace()


def colours(graphs, row, iterations, both):
    """Every neighbourhood of one graph as (refinement, nested tuple), by definition."""
    adjacency, labels = graphs.adjacency[row].tolist(), graphs.labels[row].tolist()
    vertices = [v for v, label in enumerate(labels) if label]
    now = {v: labels[v] for v in vertices}
    found = [(0, colour) for colour in now.values()]
    for level in range(1, iterations + 1):
        new = {}
        for v in vertices:
            reads = sorted(repr(now[u]) for u in vertices for _ in range(adjacency[u][v]))
            readers = sorted(repr(now[u]) for u in vertices for _ in range(adjacency[v][u])) if both else []
            new[v] = (now[v], tuple(reads), tuple(readers))
        now = new
        found += [(level, colour) for colour in now.values()]
    return Counter(found)


@pytest.mark.parametrize("functional", [True, False])
@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("space", [CELLS, TREES], ids=["cells", "trees"])
def test_inner_products_are_those_of_counted_neighbourhoods(space, both, functional):
    genotypes = space.sample(np.random.default_rng(0), 40)
    encoder = WeisfeilerLehman(space, functional, iterations=2, both_directions=both).fit(genotypes)
    encoded = encoder.transform(genotypes)
    assert encoded.shape == (40, len(encoder.get_feature_names_out()))
    graphs = space.graphs(genotypes, functional)
    counted = [colours(graphs, row, 2, both) for row in range(40)]
    expected = [[sum(a[c] * b[c] for c in a) for b in counted] for a in counted]
    np.testing.assert_array_equal(encoded @ encoded.T, expected)


def test_colours_that_were_not_seen_are_counted_apart():
    encoder = WeisfeilerLehman(CELLS, iterations=1).fit([(3, 0, 0, 0, 3, 0)])
    names = encoder.get_feature_names_out().tolist()
    row = dict(zip(names, encoder.transform([(2, 0, 0, 0, 3, 0)])[0], strict=True))
    assert row["wl0 unseen"] == 1  # the 1x1 convolution
    # it, and its reader; the output still reads a 3x3 convolution
    assert row["wl1 unseen"] == 2
    assert encoder.transform([(3, 0, 0, 0, 3, 0)])[0, names.index("wl1 unseen")] == 0


def test_functional_twins_have_equal_histograms_and_written_cells_do_not():
    genotypes = CELLS.sample(np.random.default_rng(3), 300)
    twins = CELLS.canonical(genotypes)
    merged = WeisfeilerLehman(CELLS).fit(genotypes)
    np.testing.assert_array_equal(merged.transform(genotypes), merged.transform(twins))
    written = WeisfeilerLehman(CELLS, functional=False).fit(genotypes)
    differ = (genotypes != twins).any(axis=1)
    assert (written.transform(genotypes) != written.transform(twins)).any(axis=1)[differ].all()


def test_normalised_rows_have_unit_length():
    genotypes = CELLS.sample(np.random.default_rng(4), 50)
    encoded = WeisfeilerLehman(CELLS, normalise=True).fit(genotypes[:20]).transform(genotypes)
    np.testing.assert_allclose(np.linalg.norm(encoded, axis=1), 1.0)


def test_it_has_to_be_fitted():
    with pytest.raises(NotFittedError):
        WeisfeilerLehman(CELLS).transform([(0,) * 6])
