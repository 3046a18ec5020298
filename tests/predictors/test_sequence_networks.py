import numpy as np
import pytest
from scipy.stats import kendalltau

from nasbench import predictors
from nasbench.predictors.encoders import create_encoder
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nasbench201 import NASBench201Space

torch = pytest.importorskip("torch")

from nasbench.predictors.sequence_networks import HEADS, LSTMNetworks, TransformerNetworks  # noqa: E402
from nasbench.predictors.sequence_regressors import Transformer  # noqa: E402

CELLS = NASBench201Space()
GRID = GridSpace.of({"units1": [16, 32, 64], "activation": ["relu", "tanh"], "units2": [16, 32, 64]})
KINDS = [LSTMNetworks, TransformerNetworks]
SIZES = {"members": 2, "words": 6, "length": 4, "width": 4, "layers": 2, "hidden": 5, "seed": 1}
SHORT = {"steps": 40, "members": 3, "width": 16, "hidden": 32}
SENTENCES = torch.from_numpy(np.random.default_rng(0).integers(0, 6, size=(7, 4)))


def numbers(tensor):
    return tensor.detach().numpy().astype(float)


# -- tokens --------------------------------------------------------------------------------------------------


def test_positions_with_the_same_choices_share_their_words():
    encoded = create_encoder("tokens", GRID).fit_transform([[0, 1, 0], [2, 0, 1]])
    np.testing.assert_array_equal(encoded, [[0, 4, 0], [2, 3, 1]])


def test_functional_twins_are_one_sentence_and_others_are_not():
    twins = [(0, 0, 3, 3, 0, 0), (0, 0, 2, 3, 0, 4)]  # both compute one 3x3 convolution
    assert len(np.unique(create_encoder("tokens", CELLS).fit_transform(twins), axis=0)) == 1
    assert len(np.unique(create_encoder("tokens", CELLS, functional=False).fit_transform(twins), axis=0)) == 2
    classes = np.unique(create_encoder("tokens", CELLS).fit_transform(CELLS.all()), axis=0)
    assert len(classes) == len(np.unique(CELLS.canonical(CELLS.all()), axis=0))


# -- networks ------------------------------------------------------------------------------------------------


def test_the_recurrent_network_is_that_of_torch():
    """Weights copied into `torch.nn.LSTM`, whose gates come in the order take, keep, new, show."""
    networks = LSTMNetworks(**SIZES)
    for cell in networks.cells:
        torch.nn.init.normal_(cell.bias, generator=torch.Generator().manual_seed(3))
    given = networks.summary(SENTENCES)
    for member in range(2):
        reference = torch.nn.LSTM(4, 4, num_layers=2, batch_first=True)
        with torch.no_grad():
            for layer, cell in enumerate(networks.cells):
                take, keep, show, new = cell.weight[member].T.chunk(4)
                weights = torch.cat([take, keep, new, show])
                getattr(reference, f"weight_ih_l{layer}").copy_(weights[:, :4])
                getattr(reference, f"weight_hh_l{layer}").copy_(weights[:, 4:])
                take, keep, show, new = cell.bias[member, 0].chunk(4)
                getattr(reference, f"bias_ih_l{layer}").copy_(torch.cat([take, keep + 1.0, new, show]))
                getattr(reference, f"bias_hh_l{layer}").zero_()
            states, _ = reference(networks.embedding[member][SENTENCES])
        np.testing.assert_allclose(numbers(given[member]), numbers(states.mean(dim=1)), rtol=1e-4, atol=1e-6)


def layer_norm(x):
    return (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)


def affine(layer, member, x):
    return x @ numbers(layer.weight[member]) + numbers(layer.bias[member, 0])


def test_the_transformer_is_its_formula_sentence_by_sentence():
    networks = TransformerNetworks(**SIZES)
    given = numbers(networks.summary(SENTENCES))
    for member in range(2):
        for sentence, summary in zip(SENTENCES, given[member], strict=True):
            x = numbers(networks.embedding[member])[sentence] + numbers(networks.positions[member, 0])
            for block in networks.blocks:
                query, key, value = np.split(affine(block.attend, member, layer_norm(x)), 3, axis=1)
                seen = []
                for head in np.split(np.arange(4), HEADS):
                    scores = np.exp(query[:, head] @ key[:, head].T / np.sqrt(len(head)))
                    seen.append(scores / scores.sum(axis=1, keepdims=True) @ value[:, head])
                x = x + affine(block.merge, member, np.concatenate(seen, axis=1))
                x = x + affine(block.down, member, np.maximum(affine(block.up, member, layer_norm(x)), 0.0))
            np.testing.assert_allclose(summary, layer_norm(x).mean(axis=0), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_members_do_not_see_each_other(kind):
    networks = kind(**{**SIZES, "members": 3})
    predicted = networks(SENTENCES)
    assert predicted.shape == (3, 7)
    assert len({tuple(row) for row in predicted.tolist()}) == 3
    predicted[1].sum().backward()
    for name, parameter in networks.named_parameters():
        assert not parameter.grad[[0, 2]].any(), name
    assert networks.embedding.grad[1].any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_words_matters(kind):
    networks = kind(**SIZES).eval()
    assert not torch.allclose(networks(SENTENCES), networks(SENTENCES.flip(1)))


def test_heads_that_do_not_share_the_width_are_refused():
    with pytest.raises(ValueError, match="attention heads"):
        predictors.create("transformer", GRID, width=HEADS + 1).fit(GRID.all(), np.arange(GRID.size))


# -- regressors ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planted():
    """Cells and a target that depends on depth: a 3x3 convolution on a longer path is worth more."""
    genotypes = CELLS.genotypes(np.random.default_rng(0).permutation(CELLS.size)[:400])
    counts = CELLS.path_counts(genotypes)
    worth = np.array([name.count("nor_conv_3x3") ** 2 - 0.5 * name.count("avg") for name in CELLS.path_names])
    return genotypes, 90.0 + np.tanh(counts @ worth / 4.0)


@pytest.mark.parametrize("name", ["lstm", "transformer"])
def test_sequence_models_learn_a_planted_target(name, planted):
    genotypes, y = planted
    predictor = predictors.create(name, CELLS, **SHORT).fit(genotypes[:150], y[:150])
    mean, deviation = predictor.predict(genotypes[150:], return_std=True)
    # most cells differ in the target; ties, of cells that compute nothing, cap tau a little below 1
    assert kendalltau(mean, y[150:]).statistic > 0.6
    assert np.abs(mean - y[150:]).mean() < 0.6 * np.abs(y[150:] - y.mean()).mean()
    assert (deviation > 0).all()


def test_words_that_training_never_saw_are_one_and_the_same():
    genotypes = GRID.all()
    known = genotypes[genotypes[:, 0] == 1]
    predictor = predictors.create("transformer", GRID, **{**SHORT, "steps": 12})
    predictor.fit(known[known[:, 2] == 1], np.arange(2.0))
    one, two, known = predictor.predict([[0, 0, 1], [2, 0, 1], [1, 0, 1]])
    assert one == two
    assert one != known


def test_torchs_global_generator_is_left_alone():
    before = torch.get_rng_state()
    Transformer(steps=5, members=2).fit(create_encoder("tokens", GRID).fit_transform(GRID.all()), np.arange(GRID.size))
    assert torch.equal(before, torch.get_rng_state())
