import numpy as np
import pytest

from nasbench.predictors.mlp_ensemble import MLPEnsemble


@pytest.mark.parametrize("loss", ["absolute", "squared"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_gradient_is_that_of_finite_differences(activation, loss):
    rng = np.random.default_rng(0)
    ensemble = MLPEnsemble(members=2, layers=2, width=4, steps=1, activation=activation, loss=loss)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=6)
    ensemble.fit(x, y, rng)
    inputs = np.broadcast_to(ensemble._standardise(x), (2, 6, 3))
    targets = np.broadcast_to(y, (2, 6))

    def cost():
        errors = np.abs(ensemble._forward(inputs)[-1][:, :, 0] - targets)
        return (errors if loss == "absolute" else errors**2).mean(axis=1).sum()

    for parameter, gradient in zip(ensemble._parameters, ensemble._gradients(inputs, targets), strict=True):
        position = tuple(rng.integers(0, parameter.shape))
        kept, step = parameter[position], 1e-6
        parameter[position] = kept + step
        above = cost()
        parameter[position] = kept - step
        below = cost()
        parameter[position] = kept
        np.testing.assert_allclose((above - below) / (2 * step), gradient[position], atol=1e-6)


def test_it_learns_a_bent_function_and_is_surer_where_it_has_seen_data():
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, size=(200, 2))
    ensemble = MLPEnsemble(steps=600)
    ensemble.fit(x, np.abs(x[:, 0]) - x[:, 1], rng)
    new = rng.uniform(-1, 1, size=(300, 2))
    predicted = ensemble.predict(new)
    assert predicted.shape == (5, 300)
    truth = np.abs(new[:, 0]) - new[:, 1]
    assert np.abs(predicted.mean(axis=0) - truth).mean() < 0.1 * truth.std()
    assert ensemble.predict(new * 10).std(axis=0).mean() > 3 * predicted.std(axis=0).mean()


def test_members_differ_and_a_seed_repeats_exactly():
    x, y = np.eye(5), np.arange(5.0)
    first, second = MLPEnsemble(steps=20), MLPEnsemble(steps=20)
    first.fit(x, y, np.random.default_rng(2))
    second.fit(x, y, np.random.default_rng(2))
    np.testing.assert_array_equal(first.predict(x), second.predict(x))
    assert len(np.unique(first.predict(x)[:, 0])) == 5


def test_constant_columns_and_few_observations_are_no_trouble():
    ensemble = MLPEnsemble(steps=5)
    ensemble.fit(np.ones((1, 3)), np.array([2.0]), np.random.default_rng(3))
    assert np.isfinite(ensemble.predict(np.zeros((4, 3)))).all()


def test_a_member_does_not_see_the_rows_that_are_kept_from_it():
    """Moving the target of a row moves those members only that may learn from it."""
    x, y = np.random.default_rng(4).normal(size=(12, 3)), np.arange(12.0) - 5.5
    rows = np.array([np.arange(6), np.arange(6, 12)])
    moved = y.copy()
    moved[0], moved[1] = moved[1], moved[0]  # the mean, where all members start, stays
    predicted = []
    for targets in (y, moved):
        ensemble = MLPEnsemble(members=2, steps=30)
        ensemble.fit(x, targets, np.random.default_rng(5), rows)
        predicted.append(ensemble.predict(x))
    np.testing.assert_array_equal(predicted[0][1], predicted[1][1])
    assert (predicted[0][0] != predicted[1][0]).any()


def test_the_last_layer_is_a_line_in_the_hidden_units():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(20, 3))
    for activation in ("relu", "tanh"):
        ensemble = MLPEnsemble(members=2, width=4, steps=30, activation=activation)
        ensemble.fit(x, x[:, 0], rng)
        units = np.concatenate([ensemble.hidden(x), np.ones((2, 20, 1))], axis=2)
        assert units.shape == (2, 20, 5)
        for member, predicted in enumerate(ensemble.predict(x)):
            line = np.linalg.lstsq(units[member], predicted, rcond=None)[0]
            np.testing.assert_allclose(units[member] @ line, predicted, atol=1e-9)


def test_weight_decay_takes_its_share_of_the_weights_and_leaves_the_biases():
    """Targets of zero with zero errors have no gradient: only the decay is left."""
    x, zeros = np.random.default_rng(7).normal(size=(8, 3)), np.zeros(8)
    start, end = MLPEnsemble(steps=0), MLPEnsemble(steps=4, learning_rate=0.1, weight_decay=0.5)
    start.fit(x, zeros, np.random.default_rng(8))
    end._gradients = lambda x, y: [np.zeros_like(p) for p in end._parameters]
    end.fit(x, zeros, np.random.default_rng(8))
    # the rate falls from .1 to .025 in four equal steps
    share = (1 - 0.05) * (1 - 0.0375) * (1 - 0.025) * (1 - 0.0125)
    for position, (before, after) in enumerate(zip(start._parameters, end._parameters, strict=True)):
        np.testing.assert_allclose(after, before if position % 2 else share * before, rtol=1e-12)
