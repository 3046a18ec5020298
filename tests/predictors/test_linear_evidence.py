import numpy as np
import pytest
from scipy.stats import multivariate_normal

from nasbench.predictors.linear_evidence import Moments, Precisions, conditional_evidence, maximise

PRECISIONS = Precisions(weights=2.5, noise=7.0)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    design = rng.normal(size=(12, 4))
    design[:, 3] = 1.0
    return design, design @ rng.normal(size=4) + 0.3 * rng.normal(size=12)


def covariance(design, precisions=PRECISIONS):
    """Of the targets, weights integrated out."""
    return design @ design.T / precisions.weights + np.eye(len(design)) / precisions.noise


def test_the_evidence_is_the_density_of_the_targets_without_the_weights(data):
    design, targets = data
    expected = multivariate_normal(np.zeros(12), covariance(design)).logpdf(targets)
    assert Moments.of(design, targets).log_evidence(PRECISIONS) == pytest.approx(expected, rel=1e-9)


def test_no_rows_are_no_evidence():
    assert Moments.of(np.empty((0, 3)), np.empty(0)).log_evidence(PRECISIONS) == pytest.approx(0.0, abs=1e-12)


def test_more_columns_than_rows_and_equal_columns_are_no_trouble():
    rng = np.random.default_rng(1)
    design = rng.normal(size=(3, 6))
    design[:, 5] = design[:, 4]
    targets = rng.normal(size=3)
    expected = multivariate_normal(np.zeros(3), covariance(design)).logpdf(targets)
    assert Moments.of(design, targets).log_evidence(PRECISIONS) == pytest.approx(expected, rel=1e-9)


def test_the_posterior_is_that_of_the_gaussian_process_with_this_covariance(data):
    """Weight space and function space (Rasmussen and Williams, 2006, section 2.1.2) agree."""
    design, targets = data
    new = np.random.default_rng(2).normal(size=(5, 4))
    mean, root = Moments.of(design, targets).posterior(PRECISIONS)
    crossed = new @ design.T / PRECISIONS.weights
    inverse = np.linalg.inv(covariance(design))
    np.testing.assert_allclose(new @ mean, crossed @ inverse @ targets, rtol=1e-9)
    expected = new @ new.T / PRECISIONS.weights - crossed @ inverse @ crossed.T
    np.testing.assert_allclose(new @ root @ (new @ root).T, expected, rtol=1e-7, atol=1e-12)


def test_the_conditional_evidence_is_a_conditional_normal_density(data):
    design, targets = data
    seen, out = np.arange(8), np.arange(8, 12)
    whole = covariance(design)
    weights = whole[np.ix_(out, seen)] @ np.linalg.inv(whole[np.ix_(seen, seen)])
    conditional = multivariate_normal(
        weights @ targets[seen], whole[np.ix_(out, out)] - weights @ whole[np.ix_(seen, out)]
    )
    every, part = Moments.of(design, targets), Moments.of(design[seen], targets[seen])
    given = conditional_evidence([every, every], [part, part])(PRECISIONS)
    assert given == pytest.approx(2 * conditional.logpdf(targets[out]), rel=1e-9)


def test_the_maximum_is_that_of_a_grid(data):
    log_evidence = Moments.of(*data).log_evidence
    centre, spread = Precisions(1.0, 3.0), 2.0
    found = maximise(log_evidence, centre, spread)

    def density(alpha, beta):
        z = np.log([alpha / centre.weights, beta / centre.noise]) / spread
        return log_evidence(Precisions(alpha, beta)) - 0.5 * z @ z

    best = max(density(a, b) for a in np.geomspace(0.01, 100, 80) for b in np.geomspace(0.03, 300, 80))
    assert density(*found) >= best
    assert density(*found) - best < 0.01


def test_precisions_that_made_the_data_are_found():
    rng = np.random.default_rng(3)
    design = rng.normal(size=(600, 60))
    targets = design @ rng.normal(scale=0.5, size=60) + rng.normal(scale=0.25, size=600)
    found = maximise(Moments.of(design, targets).log_evidence, Precisions(1.0, 1.0), 4.0)
    # standard errors of a logarithm are sqrt(2 / 60) = .18 and sqrt(2 / 540) = .06
    assert np.log(found.weights / 4.0) == pytest.approx(0.0, abs=0.55)
    assert np.log(found.noise / 16.0) == pytest.approx(0.0, abs=0.18)
