import pickle

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.exceptions import NotFittedError

import nasbench
from nasbench import predictors
from nasbench.errors import GenotypeError
from nasbench.predictors.encoders import create_encoder
from nasbench.predictors.graphs import graphs
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nas_bench_graph import NASBenchGraphSpace
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.spaces.table import TableSpace

torch = pytest.importorskip("torch")

from nasbench.predictors.arch2vec import Arch2Vec  # noqa: E402
from nasbench.predictors.graph_autoencoder import GraphAutoencoder, pretrain, tensors  # noqa: E402

CELLS = NASBench201Space()
SOME = CELLS.sample(np.random.default_rng(0), 12)
SMALL = {"width": 16, "latent": 6, "layers": 2, "epochs": 1}


def numbers(tensor):
    return tensor.detach().numpy()


def random_autoencoder(labels=8):
    """With statistics of its batch normalisation that are not the trivial ones, in double precision."""
    torch.manual_seed(0)
    model = GraphAutoencoder(labels, width=5, latent=3, layers=2).double()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    return model.eval()


def updated(update, states, undirected):
    """One round on one dense graph without padding, from its formula."""
    first, norm, _, second, last, _ = update.parts
    x = (1.0 + update.own.item()) * states + undirected @ states
    for affine, normal in ((first, norm), (second, last)):
        x = x @ numbers(affine.weight).T + numbers(affine.bias)
        x = (x - numbers(normal.running_mean)) / np.sqrt(numbers(normal.running_var) + normal.eps)
        x = np.maximum(x * numbers(normal.weight) + numbers(normal.bias), 0.0)
    return x


def test_the_encoder_is_its_formula_on_the_graph_without_padding():
    model, seen = random_autoencoder(), graphs(CELLS, SOME)
    embedded = model.embed(seen)
    for labels, adjacency, given in zip(seen.labels, seen.adjacency.astype(float), embedded, strict=True):
        live = labels > 0
        edges = adjacency[live][:, live]
        states = np.eye(8)[labels[live]]
        for update in model.updates:
            states = updated(update, states, edges + edges.T)
        latent = states @ numbers(model.mean.weight).T + numbers(model.mean.bias)
        np.testing.assert_allclose(given, latent.mean(axis=0), rtol=1e-9)


def test_the_loss_is_its_definition_where_nothing_is_drawn():
    """With a variance of next to nothing a draw is the mean, and every part can be added up by hand."""
    model, seen = random_autoencoder(), graphs(CELLS, SOME)
    with torch.no_grad():
        model.log_variance.weight.zero_()
        model.log_variance.bias.fill_(-60.0)
    labels, adjacency = tensors(seen, slice(None), torch.float64)
    means = numbers(model.encode(labels, adjacency)[0])
    vertices, edges, divergence = [], [], []
    for own, matrix, latent in zip(seen.labels, seen.adjacency, means, strict=True):
        live = np.flatnonzero(own)
        for i in live:
            scores = latent[i] @ numbers(model.label.weight).T + numbers(model.label.bias)
            vertices.append(np.log(np.exp(scores).sum()) - scores[own[i]])
            divergence.append(0.5 * (latent[i] @ latent[i] + 3 * (np.exp(-60.0) - 1.0 + 60.0)))
            edges += [np.logaddexp(0.0, latent[i] @ latent[j] * (-1.0) ** (matrix[i, j] > 0)) for j in live if j > i]
    expected = np.mean(vertices) + np.mean(edges) + 0.005 * np.mean(divergence)
    assert model.loss(labels, adjacency).item() == pytest.approx(expected, rel=1e-9)


def test_pretraining_learns_to_draw_graphs_again():
    """Of the labels that the best constant guess gets wrong, at least half are decoded."""
    seen = graphs(CELLS, np.unique(CELLS.canonical(CELLS.sample(np.random.default_rng(1), 800)), axis=0))
    labels, adjacency = tensors(seen, slice(None), torch.float64)
    live = labels > 0
    right = []
    for epochs in (0, 12):
        model = pretrain(seen, width=32, latent=16, layers=2, epochs=epochs, seed=0)
        means = model.encode(labels, adjacency)[0]
        right.append(float((model.label(means).argmax(dim=2) == labels)[live].double().mean()))
    commonest = float(torch.bincount(labels[live]).max() / live.sum())
    assert right[0] < 0.5 * (1.0 + commonest) < right[1]


def test_functional_twins_are_one_and_the_numbering_of_vertices_does_not_matter():
    encoder = create_encoder("arch2vec", CELLS, **SMALL).fit(SOME)
    twins = [(3, 0, 0, 0, 2, 0), (0, 3, 0, 0, 0, 2)]
    seen = CELLS.graphs(twins)
    assert not np.array_equal(seen.labels[0], seen.labels[1])
    one, two = encoder.transform(twins)
    np.testing.assert_allclose(one, two, rtol=1e-9)
    classes = np.unique(encoder.transform(CELLS.all()).round(9), axis=0)
    # the network takes edges as undirected, so that some classes fall together
    assert 4000 < len(classes) <= len(np.unique(CELLS.canonical(CELLS.all()), axis=0))
    written = create_encoder("arch2vec", CELLS, functional=False, **SMALL).fit(SOME).transform(twins)
    assert np.abs(written[0] - written[1]).max() > 1e-3


def test_one_pretraining_serves_a_space_whatever_the_training_rows():
    first, second = (Arch2Vec(CELLS, **SMALL).fit(rows) for rows in (SOME[:3], SOME[3:]))
    assert first.pretraining_ is second.pretraining_
    assert first.pretraining_.architectures == len(np.unique(CELLS.canonical(CELLS.all()), axis=0))
    assert first.pretraining_.seconds > 0
    other = Arch2Vec(CELLS, **SMALL, seed=1).fit(SOME)
    assert np.abs(other.transform(SOME) - first.transform(SOME)).max() > 1e-3


def test_a_partial_table_learns_from_what_it_does_not_list_too():
    table = TableSpace(CELLS, np.unique(SOME, axis=0))
    encoder = Arch2Vec(table, **SMALL).fit(table.all())
    assert encoder.pretraining_.architectures == len(np.unique(CELLS.canonical(CELLS.all()), axis=0))
    np.testing.assert_allclose(
        encoder.transform(table.all()), Arch2Vec(CELLS, **SMALL).fit(SOME).transform(table.all()), rtol=1e-9
    )


def test_trees_of_another_space_are_embedded_and_pickles_answer_the_same():
    space = NASBenchGraphSpace()
    encoder = Arch2Vec(space, **SMALL)
    rows = space.sample(np.random.default_rng(2), 5)
    with pytest.raises(NotFittedError):
        encoder.transform(rows)
    before = encoder.fit(rows).transform(rows)
    assert before.shape == (5, len(encoder.get_feature_names_out()))
    np.testing.assert_array_equal(before, pickle.loads(pickle.dumps(encoder)).transform(rows))


def test_a_space_without_graphs_is_refused():
    grid = GridSpace.of({"width": [8, 16, 32], "operation": ["conv", "pool"]})
    with pytest.raises(GenotypeError, match="no graph view"):
        Arch2Vec(grid, **SMALL).fit(grid.all())


def test_torchs_global_generator_is_left_alone():
    before = torch.get_rng_state()
    pretrain(graphs(CELLS, SOME), 4, 2, 1, 1, seed=3)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["cifar10", "imagenet16-120"])
def test_a_gaussian_process_ranks_better_with_the_embedding_than_with_one_hot_columns(dataset):
    """Paired over six draws of 42 cells; the standard error of the mean difference is about .02."""
    bench = nasbench.load(f"nasbench201/{dataset}")
    y, taus = bench.mean("val_accuracy"), []
    for seed in range(6):
        order = np.random.default_rng(seed).permutation(len(y))
        train, new = order[:42], order[-400:]
        models = [predictors.create("arch2vec", bench.space), predictors.create("gp", bench.space, encoder="one-hot")]
        fitted = [model.fit(bench.genotypes[train], y[train]) for model in models]
        taus.append([kendalltau(model.predict(bench.genotypes[new]), y[new]).statistic for model in fitted])
    embedded, one_hot = np.mean(taus, axis=0)
    assert embedded > one_hot + 0.06
