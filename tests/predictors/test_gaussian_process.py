import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from nasbench.predictors.gaussian_process import (
    Hyperparameters,
    Prior,
    fit,
    log_posterior,
    rank_gaussian,
    squared_distances,
    typical_distance,
)
from nasbench.predictors.kernels import matern52
from nasbench.predictors.posterior import Posterior, expected_improvement

GROUPS = ((0, 2), (1, 3, 4))
HYPER = Hyperparameters((0.7, 1.9), 0.05)
SCALES = [0.7, 1.9, 0.7, 1.9, 1.9]


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    observed, candidates = rng.normal(size=(30, 5)), rng.normal(size=(12, 5))
    return observed, np.sin(observed).sum(axis=1) + 0.1 * rng.normal(size=30), candidates


def reference(observed, y, candidates, signal):
    kernel = ConstantKernel(signal) * Matern(SCALES, nu=2.5)
    model = GaussianProcessRegressor(kernel, alpha=signal * HYPER.noise, optimizer=None)
    return model.fit(observed, y).predict(candidates, return_std=True)


@pytest.mark.parametrize("blocks", [[30], [1] * 30, [10, 1, 1, 7, 11]], ids=["at once", "one by one", "blocks"])
def test_the_posterior_is_scikit_learns_however_the_observations_arrive(data, blocks):
    observed, y, candidates = data
    posterior = Posterior(candidates, GROUPS, HYPER, capacity=4)
    for part in np.split(observed, np.cumsum(blocks)[:-1]):
        posterior.extend(part)
    white = posterior.whiten(y)
    mean, sd = reference(observed, y, candidates, posterior.signal(white))
    np.testing.assert_allclose(posterior.mean(white), mean, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(np.sqrt(posterior.variance(white)), sd, rtol=1e-8)


def test_the_signal_variance_maximises_scikit_learns_likelihood(data):
    observed, y, candidates = data
    posterior = Posterior(candidates, GROUPS, HYPER)
    posterior.extend(observed)
    signal = posterior.signal(posterior.whiten(y))

    def likelihood(s):
        kernel = ConstantKernel(s) * Matern(SCALES, nu=2.5) + WhiteKernel(s * HYPER.noise)
        model = GaussianProcessRegressor(kernel, alpha=1e-14, optimizer=None).fit(observed, y)
        return model.log_marginal_likelihood_value_

    assert likelihood(signal) > max(likelihood(signal * 1.02), likelihood(signal / 1.02))


def test_differences_of_the_objective_are_scikit_learns_likelihood(data):
    observed, y, _ = data
    distances = [squared_distances(observed[:, list(g)], observed[:, list(g)]) for g in GROUPS]
    flat = Prior(HYPER, lengthscale_sd=1e6, noise_sd=1e6)

    def ours(hyper):
        return log_posterior(hyper.to_vector(), distances, y, flat)[0]

    def theirs(hyper):
        posterior = Posterior(observed, GROUPS, hyper)
        posterior.extend(observed)
        signal = posterior.signal(posterior.whiten(y))
        a, b = hyper.lengthscales
        kernel = ConstantKernel(signal) * Matern([a, b, a, b, b], nu=2.5) + WhiteKernel(signal * hyper.noise)
        model = GaussianProcessRegressor(kernel, alpha=1e-14, optimizer=None).fit(observed, y)
        return -model.log_marginal_likelihood_value_

    other = Hyperparameters((1.4, 0.8), 0.3)
    assert ours(HYPER) - ours(other) == pytest.approx(theirs(HYPER) - theirs(other), rel=1e-6)


def test_the_gradient_is_that_of_finite_differences(data):
    observed, y, _ = data
    distances = [squared_distances(observed[:, list(g)], observed[:, list(g)]) for g in GROUPS]
    prior = Prior(Hyperparameters((1.0, 1.0), 0.1))
    for vector in (HYPER.to_vector(), np.array([0.5, -0.7, -1.0])):
        error = check_grad(
            lambda v: log_posterior(v, distances, y, prior)[0],
            lambda v: log_posterior(v, distances, y, prior)[1],
            vector,
        )
        assert error < 1e-4


def test_fitting_finds_an_irrelevant_group_and_repeats_exactly():
    rng = np.random.default_rng(1)
    x = rng.uniform(-2, 2, size=(60, 2))
    y = np.sin(2 * x[:, 0])
    prior = Prior(Hyperparameters((1.0, 1.0), 0.1), lengthscale_sd=2.0, noise_sd=2.0)
    first, second = (fit(x, y, ((0,), (1,)), prior.centre, prior, 50) for _ in range(2))
    assert first == second
    assert first.lengthscales[1] > 5 * first.lengthscales[0]
    assert first.noise < 0.01


def test_believing_leaves_the_mean_and_narrows_the_variance(data):
    observed, y, candidates = data
    known, both = Posterior(candidates, GROUPS, HYPER), Posterior(candidates, GROUPS, HYPER)
    unknown = np.zeros(30, dtype=bool)
    unknown[[3, 17, 29]] = True
    known.extend(observed[~unknown])
    both.extend(observed)
    filled = both.believe(np.where(unknown, np.nan, y), unknown)
    np.testing.assert_array_equal(filled[~unknown], y[~unknown])
    mean, _ = reference(observed[~unknown], y[~unknown], observed[unknown], 1.0)
    np.testing.assert_allclose(filled[unknown], mean, rtol=1e-7)
    np.testing.assert_allclose(
        both.mean(both.whiten(filled)), known.mean(known.whiten(y[~unknown])), rtol=1e-7, atol=1e-9
    )
    assert (both.explained > known.explained).all()


def test_expected_improvement_is_that_of_monte_carlo():
    rng = np.random.default_rng(2)
    mean, sd = np.array([-1.0, 0.0, 0.4, 2.0]), np.array([0.5, 1.0, 0.01, 0.3])
    draws = np.maximum(rng.normal(mean, sd, size=(400_000, 4)) - 0.5, 0.0)
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(expected_improvement(mean, sd, 0.5) - draws.mean(axis=0)) <= 5 * error + 1e-12).all()


def test_matern_at_zero_and_far_away():
    squares = np.array([0.0, 1.0, 1e6])
    expected = [1.0, (1 + np.sqrt(5) + 5 / 3) * np.exp(-np.sqrt(5)), 0.0]
    np.testing.assert_allclose(matern52(squares), expected, atol=1e-12)


def test_typical_distance_is_the_root_mean_square_over_pairs():
    x = np.random.default_rng(3).normal(size=(40, 3))
    pairs = squared_distances(x, x)
    assert typical_distance(x) == pytest.approx(np.sqrt(pairs.mean()))
    assert typical_distance(np.ones((5, 2))) == 1.0


def test_normal_scores_keep_order_share_ties_and_ignore_scale():
    values = np.array([3.0, -1.0, 3.0, 10.0, 1e9])
    scores = rank_gaussian(values)
    np.testing.assert_allclose(scores, norm.ppf([0.4, 0.1, 0.4, 0.7, 0.9]))
    np.testing.assert_array_equal(scores, rank_gaussian(np.cbrt(values)))
