import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from nasbench.predictors.gaussian_process import Hyperparameters
from nasbench.predictors.posterior import Posterior, expected_improvement
from nasbench.strategies.bayesian.acquisition import (
    log_expected_improvement,
    posterior_draw,
    scored,
    upper_confidence_bound,
)
from nasbench.strategies.bayesian.sequential_model import Belief


def posterior(candidates, noise=0.1):
    made = Posterior(candidates, ((0,),), Hyperparameters((0.7,), noise))
    made.extend(np.array([[0.0], [1.0], [2.5]]))
    return made, made.whiten(np.array([-1.0, 0.5, 1.0]))


def believed(model, white):
    deviations = np.sqrt(model.variance(white))
    return Belief(model.mean(white), deviations, np.zeros(model.size), lambda which: model.covariance(which, white))


@pytest.mark.parametrize("z", [3.0, 0.0, -0.9, -1.1, -5.0])
def test_log_improvement_is_the_logarithm_of_the_integral(z):
    mean, sd, best = 0.3 + 2.0 * z, 2.0, 0.3
    expected = quad(lambda v: (v - best) * norm.pdf(v, mean, sd), best, mean + 12 * sd if z > 0 else best + 12 * sd)[0]
    assert log_expected_improvement(np.array([mean]), np.array([sd]), best)[0] == pytest.approx(np.log(expected), 1e-6)


def test_log_improvement_goes_on_where_the_improvement_underflows():
    z = -np.array([40.0, 999.0, 1001.0, 1e5])
    log = log_expected_improvement(z, np.ones(4), 0.0)
    assert (expected_improvement(z, np.ones(4), 0.0) == 0).all()
    # h(z) = phi(z) / z^2 (1 - 3 / z^2 + ...)
    assert log == pytest.approx(norm.logpdf(z) - 2 * np.log(-z) + np.log1p(-3 / z**2), rel=1e-7)


def test_the_bound_is_the_one_of_the_theorem():
    """beta_t = 2 log(|D| t^2 pi^2 / (6 delta)), over 5 as in the paper's experiments, at |D| = 3, t = 2."""
    beta = 2 * np.log(3 * 4 * np.pi**2 / (6 * 0.1)) / 5
    bound = upper_confidence_bound(np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.5, 0.0]), 2)
    assert bound == pytest.approx([np.sqrt(beta), 1 + 0.5 * np.sqrt(beta), 2.0])


def test_posterior_draws_have_the_posterior_mean_and_covariance():
    model, white = posterior(np.linspace(-1, 3, 5)[:, None])
    available, rng = np.array([True, True, False, True, True]), np.random.default_rng(0)
    draws = np.array([posterior_draw(believed(model, white), available, rng) for _ in range(4000)])
    assert (draws[:, 2] == -np.inf).all()
    rows = np.flatnonzero(available)
    covariance = model.covariance(rows, white)
    assert covariance.diagonal() == pytest.approx(model.variance(white)[rows], rel=1e-6)
    spread = np.sqrt(covariance.diagonal() / 4000)
    assert (np.abs(draws[:, rows].mean(axis=0) - model.mean(white)[rows]) < 4.5 * spread).all()
    scale = np.sqrt(np.outer(covariance.diagonal(), covariance.diagonal()))
    assert (np.abs(np.cov(draws[:, rows].T) - covariance) < 4.5 * scale * np.sqrt(2 / 4000)).all()


@pytest.mark.parametrize("acquisition", ["ei", "log-ei", "pi", "thompson", "ucb"])
def test_what_is_not_available_is_never_best(acquisition):
    model, white = posterior(np.linspace(-1, 3, 9)[:, None])
    rng = np.random.default_rng(1)
    for left in range(9):
        available = np.arange(9) == left
        assert scored(acquisition, believed(model, white), 1.0, available, rng).argmax() == left


def test_underflowing_improvements_are_still_ranked():
    flat = Belief(np.array([-50.0, -40.0]), np.full(2, 1e-2), np.zeros(3), lambda which: np.eye(len(which)))
    score = scored("ei", flat, 0.0, np.array([True, True]), np.random.default_rng(0))
    assert score[1] > score[0] > -np.inf
