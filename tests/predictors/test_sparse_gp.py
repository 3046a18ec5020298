import numpy as np
import pytest

from nasbench.predictors.gaussian_process import scale, squared_distances
from nasbench.predictors.kernel_regressors import GaussianProcess
from nasbench.predictors.kernels import matern52
from nasbench.predictors.sparse_gp import SparseGP, greedy_inducing_points


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, size=(90, 3))
    return x, np.sin(2 * x[:, 0]) + x[:, 1] + 0.1 * rng.normal(size=90), rng.uniform(-2, 2, size=(30, 3))


def test_with_every_row_as_an_inducing_point_it_is_the_exact_process(data):
    x, y, new = data
    exact = GaussianProcess().fit(x, y).predict(new, return_std=True)
    sparse = SparseGP(inducing=90).fit(x, y).predict(new, return_std=True)
    for ours, theirs in zip(sparse, exact, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_posterior_is_that_of_the_low_rank_prior(data):
    """Titsias' mean and variance from full n x n matrices: Q = K_fu K_uu^-1 K_uf in place of K."""
    x, y, new = data
    model = SparseGP(inducing=15).fit(x, y)
    hyper = model.hyperparameters_
    rows, targets = (scale(part, model._groups, hyper.lengthscales) for part in (x, new))
    points = rows[greedy_inducing_points(rows, 15)]

    def low_rank(a, b):
        own = matern52(squared_distances(points, points)) + 1e-8 * np.eye(15)
        return matern52(squared_distances(a, points)) @ np.linalg.solve(own, matern52(squared_distances(points, b)))

    values = (y - y.mean()) / y.std()
    covariance = low_rank(rows, rows) + hyper.noise * np.eye(90)
    weights = np.linalg.solve(covariance, values)
    signal = values @ weights / 90
    cross = low_rank(targets, rows)
    mean = cross @ weights
    variance = 1.0 - (cross * np.linalg.solve(covariance, cross.T).T).sum(axis=1)
    got, std = model.predict(new, return_std=True)
    np.testing.assert_allclose(got, y.mean() + y.std() * mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(std, y.std() * np.sqrt(signal * (variance + hyper.noise)), rtol=1e-5)


def test_greedy_points_are_those_of_pivoted_cholesky(data):
    x = data[0][:40]
    covariance = matern52(squared_distances(x, x))
    chosen = [0]
    while len(chosen) < 10:
        part = covariance[np.ix_(chosen, chosen)]
        left = 1.0 - np.einsum("in,in->n", covariance[chosen], np.linalg.solve(part, covariance[chosen]))
        chosen.append(int(np.argmax(left)))
    assert greedy_inducing_points(x, 10).tolist() == chosen


def test_equal_rows_are_one_inducing_point():
    rows = np.repeat(np.eye(3), 5, axis=0)
    assert len(greedy_inducing_points(rows, 10)) == 3


def test_thousands_of_rows_take_seconds_and_beat_a_part_of_them():
    rng = np.random.default_rng(1)
    x = rng.uniform(-3, 3, size=(4000, 2))
    truth = np.sin(2 * x[:, 0]) * np.cos(x[:, 1])
    y = truth + 0.5 * rng.normal(size=4000)
    sparse, part = SparseGP().fit(x, y), GaussianProcess().fit(x[:300], y[:300])
    assert np.mean((sparse.predict(x) - truth) ** 2) < np.mean((part.predict(x) - truth) ** 2) / 2
