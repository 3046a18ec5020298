import math
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import kendalltau

from nasbench import predictors
from nasbench.errors import GenotypeError
from nasbench.predictors.encoders import create_encoder
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nas_bench_graph import NASBenchGraphSpace
from nasbench.spaces.nasbench201 import NASBench201Space

torch = pytest.importorskip("torch")

from nasbench.predictors.conformance import check_predictor  # noqa: E402
from nasbench.predictors.graph_batch import graph_batch  # noqa: E402
from nasbench.predictors.graph_networks import LAYERS, GraphNetworks, mean_weights, received  # noqa: E402
from nasbench.predictors.graph_regressors import GIN  # noqa: E402
from nasbench.predictors.network_ensemble import one_thread  # noqa: E402
from nasbench.predictors.ranking_losses import LOSSES, MARGIN  # noqa: E402

CELLS = NASBench201Space()
GRID = GridSpace.of({"a": [1, 2, 3, 4], "b": ["x", "y", "z"], "c": [1, 2, 3, 4, 5, 6], "d": ["p", "q"]})
KINDS = sorted(LAYERS)
QUICK = {"steps": 12, "members": 3, "layers": 2, "width": 8, "hidden": 8}
SHORT = {"steps": 40, "members": 3, "width": 16, "hidden": 32}


def encoded(n, seed=0, space=CELLS, functional=True):
    genotypes = space.sample(np.random.default_rng(seed), n)
    return create_encoder("graph", space, functional=functional).fit_transform(genotypes)


def dense(columns):
    """Labels and adjacency of one encoded graph."""
    vertices = round((math.sqrt(8 * len(columns) + 1) - 1) / 2)
    adjacency = np.zeros((vertices, vertices))
    adjacency[np.triu_indices(vertices, 1)] = columns[vertices:]
    return columns[:vertices].astype(int), adjacency


def numbers(tensor):
    return tensor.detach().numpy().astype(float)


# -- batches of graphs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("functional", [True, False])
@pytest.mark.parametrize("space", [CELLS, NASBenchGraphSpace()], ids=["cells", "trees"])
def test_messages_are_products_with_the_adjacency_matrices(space, functional):
    rows = encoded(30, space=space, functional=functional)
    batch = graph_batch(rows)
    states = torch.randn(2, len(batch.labels), 3, generator=torch.Generator().manual_seed(0))
    before = numbers(received(states, batch.source, batch.target, batch.multiplicity))
    mean = numbers(received(states, batch.target, batch.source, mean_weights(batch, batch.source)))
    begin = 0
    for graph, columns in enumerate(rows):
        labels, adjacency = dense(columns)
        live = labels > 0
        adjacency = adjacency[live][:, live]
        own = slice(begin, begin + live.sum())
        begin += live.sum()
        np.testing.assert_array_equal(batch.labels[own], labels[live])
        assert (batch.graph[own] == graph).all()
        assert batch.labels[batch.outputs[graph]] == 2
        for member in range(2):
            its = numbers(states[member, own])
            np.testing.assert_allclose(before[member, own], adjacency.T @ its, atol=1e-5)
            degree = np.maximum(adjacency.sum(axis=1, keepdims=True), 1)
            np.testing.assert_allclose(mean[member, own], (adjacency / degree) @ its, atol=1e-5)
    assert begin == len(batch.labels)


def test_columns_that_are_no_graphs_are_refused():
    with pytest.raises(ValueError, match="encoder 'graph'"):
        graph_batch(np.ones((3, 7)))


def test_the_encoding_holds_the_whole_graph_and_merges_functional_twins():
    twins = [(0, 0, 3, 3, 0, 0), (0, 0, 2, 3, 0, 4)]  # both compute one 3x3 convolution
    merged = create_encoder("graph", CELLS).fit_transform(twins)
    np.testing.assert_array_equal(merged[0], merged[1])
    classes = np.unique(create_encoder("graph", CELLS).fit_transform(CELLS.all()), axis=0)
    assert len(classes) == len(np.unique(CELLS.canonical(CELLS.all()), axis=0))
    written = create_encoder("graph", CELLS, functional=False).fit_transform(CELLS.all())
    assert len(np.unique(written, axis=0)) == CELLS.size


# -- networks ------------------------------------------------------------------------------------------------


def relu(x):
    return np.maximum(x, 0.0)


def by_hand(kind, layer, member, states, labels, adjacency):
    """One layer on one dense graph, from its formula."""
    weights = {name: numbers(value[member]) for name, value in layer.named_parameters()}
    into, out = adjacency.T, adjacency
    if kind == "gates":
        before, after = into @ states @ weights["before"], out @ states @ weights["after"]
        gate = 1.0 / (1.0 + np.exp(-weights["gate"][labels]))
        flow = gate * np.concatenate([before, after], axis=1)
        width = states.shape[1]
        kept = states @ weights["keep.weight"] + weights["keep.bias"]
        return relu(kept + flow[:, :width] + flow[:, width:])
    if kind == "gcn":
        into = into / np.maximum(into.sum(axis=1, keepdims=True), 1)
        out = out / np.maximum(out.sum(axis=1, keepdims=True), 1)
    seen = np.concatenate([states, into @ states, out @ states], axis=1)
    mixed = relu(seen @ weights["mix.weight"] + weights["mix.bias"])
    return mixed if kind == "gcn" else states + mixed @ weights["out.weight"] + weights["out.bias"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_is_its_formula_on_dense_matrices(kind):
    rows = encoded(5, seed=3)
    networks = GraphNetworks(kind, members=2, labels=8, width=4, layers=2, hidden=6, seed=1).eval()
    given = numbers(networks(graph_batch(rows)))
    for graph, columns in enumerate(rows):
        labels, adjacency = dense(columns)
        live = labels > 0
        labels, adjacency = labels[live], adjacency[live][:, live]
        for member in range(2):
            states = numbers(networks.embedding[member])[labels]
            for layer in networks.layers:
                states = by_hand(kind, layer, member, states, labels, adjacency)
            x = np.concatenate([states.sum(axis=0), states[labels.tolist().index(2)]])
            for part in (networks.first, networks.second):
                x = relu(x @ numbers(part.weight[member]) + numbers(part.bias[member, 0]))
            last = x @ numbers(networks.last.weight[member]) + numbers(networks.last.bias[member, 0])
            np.testing.assert_allclose(given[member, graph], last[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_members_do_not_see_each_other(kind):
    networks = GraphNetworks(kind, members=3, labels=8, width=4, layers=2, hidden=6, seed=1)
    predicted = networks(graph_batch(encoded(12)))
    assert len({tuple(row) for row in predicted.tolist()}) == 3
    predicted[1].sum().backward()
    for name, parameter in networks.named_parameters():
        assert not parameter.grad[[0, 2]].any(), name
    assert networks.embedding.grad[1].any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_numbering_of_the_vertices_does_not_matter(kind):
    """One cell drawn with its first convolution on edge 0->1 or with the same graph by way of node 2."""
    twins = np.array([(3, 0, 0, 0, 2, 0), (0, 3, 0, 0, 0, 2)])
    seen = CELLS.graphs(twins)
    assert not np.array_equal(seen.labels[0], seen.labels[1])
    upper = np.triu_indices(8, 1)
    rows = np.concatenate([seen.labels, seen.adjacency[:, upper[0], upper[1]]], axis=1).astype(float)
    networks = GraphNetworks(kind, members=2, labels=8, width=4, layers=3, hidden=6, seed=1).eval()
    one, two = numbers(networks(graph_batch(rows))).T
    np.testing.assert_allclose(one, two, rtol=1e-5)


# -- losses --------------------------------------------------------------------------------------------------


def loss_by_hand(name, predicted, y):
    pairs = [(i, j) if y[i] > y[j] else (j, i) for i, j in combinations(range(len(y)), 2) if y[i] != y[j]]
    ahead = np.array([predicted[i] - predicted[j] for i, j in pairs])
    if name == "mse":
        return ((predicted - y) ** 2).mean()
    if name == "hinge":
        return relu(MARGIN - ahead).mean()
    if name == "bpr":
        return np.log1p(np.exp(-ahead)).mean()
    scores = predicted[np.argsort(-y, kind="stable")]
    return -np.mean([np.log(np.exp(scores[i]) / np.exp(scores[i:]).sum()) for i in range(len(y))])


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_its_definition_on_the_rows_that_a_member_sees(name):
    rng = np.random.default_rng(4)
    predicted, y = rng.normal(size=(3, 9)), rng.normal(size=9).round(1)
    y[3] = y[5]
    seen = np.ones((3, 9))
    seen[1, [0, 4]] = 0
    seen[2, 5:] = 0
    expected = sum(loss_by_hand(name, p[s > 0], y[s > 0]) for p, s in zip(predicted, seen, strict=True))
    given = LOSSES[name](*(torch.from_numpy(array) for array in (predicted, y, seen)))
    assert float(given) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_finite_and_none_reach_rows_that_are_not_seen(name):
    predicted = torch.tensor([[30.0, -40.0, 5.0, 0.0]], requires_grad=True)
    y, seen = torch.tensor([1.0, 2.0, 2.0, 0.0]), torch.tensor([[1.0, 1.0, 0.0, 1.0]])
    LOSSES[name](predicted, y, seen).backward()
    assert torch.isfinite(predicted.grad).all()
    assert predicted.grad[0, 2] == 0


# -- regressors ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planted():
    """Cells and a target that depends on depth: a 3x3 convolution on a longer path is worth more."""
    genotypes = CELLS.genotypes(np.random.default_rng(0).permutation(CELLS.size)[:400])
    counts = CELLS.path_counts(genotypes)
    worth = np.array([name.count("nor_conv_3x3") ** 2 - 0.5 * name.count("avg") for name in CELLS.path_names])
    return genotypes, 90.0 + np.tanh(counts @ worth / 4.0)


@pytest.mark.parametrize("kind", KINDS)
def test_graph_networks_learn_a_planted_target(kind, planted):
    genotypes, y = planted
    predictor = predictors.create(kind, CELLS, **SHORT).fit(genotypes[:150], y[:150])
    mean, deviation = predictor.predict(genotypes[150:], return_std=True)
    # most cells differ in the target; ties, of cells that compute nothing, cap tau a little below 1
    assert kendalltau(mean, y[150:]).statistic > 0.7
    assert np.abs(mean - y[150:]).mean() < 0.5 * np.abs(y[150:] - y.mean()).mean()
    assert (deviation > 0).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_ranks_and_predicts_in_the_targets_unit(loss, planted):
    genotypes, y = planted
    predictor = predictors.create("gin", CELLS, loss=loss, **SHORT).fit(genotypes[:150], y[:150])
    mean = predictor.predict(genotypes[150:])
    assert kendalltau(mean, y[150:]).statistic > 0.7
    assert y.min() - y.std() < mean.min() < mean.max() < y.max() + y.std()


def test_the_deviation_knows_the_noise():
    """Rows that were left out say how wrong the ensemble is: as much as pure noise is."""
    rng = np.random.default_rng(6)
    y = rng.normal(scale=3.0, size=120)
    model = GIN(**QUICK).fit(encoded(120), y)
    _, deviation = model.predict(encoded(50, seed=8), return_std=True)
    assert deviation.min() > 0.8 * y.std()


def test_operations_that_training_never_saw_are_no_trouble():
    genotypes = CELLS.sample(np.random.default_rng(1), 40)
    genotypes[:30][genotypes[:30] == 4] = 3
    predictor = predictors.create("gin", CELLS, **QUICK).fit(genotypes[:30], np.arange(30.0))
    assert np.isfinite(predictor.predict(genotypes)).all()


def test_an_unknown_loss_and_a_space_without_graphs_are_explained():
    with pytest.raises(ValueError, match="listmle"):
        GIN(loss="mae").fit(encoded(4), np.arange(4.0))
    with pytest.raises(GenotypeError):
        predictors.create("gin", GRID).fit(GRID.all(), np.arange(GRID.size))


def test_the_number_of_threads_is_put_back():
    before = torch.get_num_threads()
    inside = []

    def fails():
        with one_thread():
            inside.append(torch.get_num_threads())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert inside == [1]
    assert torch.get_num_threads() == before


def test_torchs_global_generator_is_left_alone():
    before = torch.get_rng_state()
    GIN(**QUICK).fit(encoded(10), np.arange(10.0))
    assert torch.equal(before, torch.get_rng_state())


def test_graph_networks_keep_the_contract_on_trees_and_for_cells_as_written():
    check_predictor("gin", NASBenchGraphSpace(), **QUICK)
    check_predictor(predictors.create("gin", CELLS, functional=False, **QUICK), CELLS)
