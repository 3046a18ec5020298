"""The extrapolation against normal equations, a summed likelihood, exact curves and scipy's least squares."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from nasbench.predictors import curve_families
from nasbench.predictors.curve_families import FAMILIES, QUIET, SHAPE, extrapolate, posterior, progress

EPOCHS = tuple(range(1, 21))
LAST = 100
CHANGE = 10.0


def member(name):
    """g(x) of a member in the middle of a family's grid."""
    family = FAMILIES[name]
    a = family.first[len(family.first) // 2] * (LAST if family.epochs else 1.0)
    b = family.second[len(family.second) // 2]
    return lambda x: family.value(np.asarray(x, dtype=float), a, b)


@pytest.mark.parametrize("epochs", [EPOCHS, (1, 2, 3), (1, 4, 12, 36), tuple(range(1, 1000))], ids=len)
def test_every_member_goes_from_0_to_1_without_turning(epochs):
    shares, prior = progress(epochs, epochs[-1] * 5)
    assert shares.shape == (len(prior), len(epochs))
    assert np.isfinite(shares).all()
    assert (np.diff(shares, axis=1) >= -1e-9).all()
    assert shares.min() >= 0
    assert shares.max() <= 1 + 1e-12
    assert prior.sum() == pytest.approx(1)


def test_one_member_is_weighted_ridge_regression():
    """Level and slope by the normal equations with the prior's row, the predictive variance by their inverse."""
    rng = np.random.default_rng(1)
    share, weights, y = np.sort(rng.uniform(size=8)), rng.uniform(0.5, 2, 8), rng.normal(size=8).cumsum()
    design = np.stack([np.ones(8), share], axis=1)
    precision = design.T @ (weights[:, None] * design) + np.diag([0.0, CHANGE**-2])
    solved = np.linalg.solve(precision, design.T @ (weights * y))
    new = np.ones(2)
    residual = (weights * (y - design @ solved) ** 2).sum() + (solved[1] / CHANGE) ** 2
    freedom = 2 * SHAPE + 8 - 1
    noise = (2 * SHAPE * QUIET**2 + residual) / (freedom - 2)
    found = posterior(y[None], share[None], weights, 4.0, CHANGE)
    assert found.end[0, 0] == pytest.approx(new @ solved)
    assert found.variance[0, 0] == pytest.approx(noise * (1 / 4.0 + new @ np.linalg.solve(precision, new)))


def test_the_evidence_integrates_the_likelihood():
    """Level, slope and noise summed over a fine grid, for two members: the ratio of their evidences."""
    weights = np.array([0.5, 1.0, 1.5])
    y, shares = np.array([-1.0, 0.4, 0.6]), np.array([[0.0, 0.5, 0.7], [0.0, 0.1, 0.9]])
    found = posterior(y[None], shares, weights, 2.0, CHANGE).log_evidence[0]
    log_noise = np.linspace(np.log(1e-3), np.log(1e3), 150)
    level, slope = np.linspace(-1, 1, 81) * 8, np.linspace(-1, 1, 161) * 8
    totals = np.zeros(2)
    for logarithm in log_noise:
        sigma = np.exp(logarithm)
        # inverse gamma of the variance, as a density of log sigma: times 2 sigma^2
        prior = sigma ** (-2 * SHAPE - 2) * np.exp(-SHAPE * QUIET**2 / sigma**2) * 2 * sigma**2
        c, s = level * sigma, slope * CHANGE * sigma / 2
        for j, share in enumerate(shares):
            centre = np.average(y, weights=weights)
            error = y - centre - c[:, None, None] - s[None, :, None] * (share - np.average(share, weights=weights))
            likelihood = np.exp(-0.5 * (weights * error**2).sum(axis=2) / sigma**2) / sigma**3
            slopes = np.exp(-0.5 * (s / (CHANGE * sigma)) ** 2) / (CHANGE * sigma)
            totals[j] += prior * (likelihood * slopes[None]).sum() * (c[1] - c[0]) * (s[1] - s[0])
    assert found[0] - found[1] == pytest.approx(np.log(totals[0] / totals[1]), abs=0.01)


@pytest.mark.parametrize("name", FAMILIES)
def test_an_exact_curve_of_each_family_is_continued(name):
    """Twenty epochs without noise: the end to a hundredth of what is still to come, within its deviation."""
    curve = member(name)
    start, end = curve(EPOCHS), float(curve(LAST))
    mean, deviation = extrapolate(start[None], EPOCHS, LAST, change=1000.0)
    assert abs(mean[0] - end) < 0.01 * abs(end - start[-1])
    assert abs(mean[0] - end) < 3 * deviation[0]


def test_it_agrees_with_least_squares_of_the_right_family(monkeypatch):
    """With pow3 as the only family, a noisy curve ends where `curve_fit` says, give or take the grid and prior."""
    monkeypatch.setattr(curve_families, "FAMILIES", {"pow3": FAMILIES["pow3"]})
    rng, x = np.random.default_rng(2), np.arange(1.0, 41.0)
    ends, fitted = [], []
    progress.cache_clear()
    for _ in range(5):
        y = 90 - 50 * x**-0.7 + 0.2 * rng.normal(size=40) / np.sqrt(x)
        best, _ = curve_fit(lambda t, c, a, p: c - a * t**-p, x, y, p0=(80, 40, 1), sigma=1 / np.sqrt(x))
        fitted.append(best[0] - best[1] * 200 ** -best[2])
        ends.append(extrapolate(y[None], tuple(range(1, 41)), 200, change=1000.0)[0][0])
    progress.cache_clear()
    np.testing.assert_allclose(ends, fitted, atol=0.3)


def test_unit_and_direction_do_not_matter():
    rng = np.random.default_rng(3)
    curves = 90 - 60 * np.arange(1, 21.0) ** -rng.uniform(0.3, 1.5, (6, 1)) + rng.normal(size=(6, 20))
    mean, deviation = extrapolate(curves, EPOCHS, LAST)
    for scale, shift in ((0.01, 0.0), (-1.0, 100.0)):
        moved, wider = extrapolate(scale * curves + shift, EPOCHS, LAST)
        np.testing.assert_allclose(moved, scale * mean + shift, rtol=1e-9)
        np.testing.assert_allclose(wider, abs(scale) * deviation, rtol=1e-9)


def test_each_curve_is_by_itself_and_a_flat_one_stays():
    rng = np.random.default_rng(4)
    curves = rng.normal(size=(5, 20)).cumsum(axis=1)
    curves[2] = 10.0
    mean, deviation = extrapolate(curves, EPOCHS, LAST)
    assert mean[2] == pytest.approx(10)
    assert (deviation > 0).all()
    for row in range(5):
        one = extrapolate(curves[row : row + 1], EPOCHS, LAST)
        np.testing.assert_allclose([one[0][0], one[1][0]], [mean[row], deviation[row]], rtol=1e-9)


def test_ends_lie_in_their_interval_as_often_as_it_says():
    """Curves drawn from the families, with noise: 95 % intervals, binomially within four standard errors of 95 %."""
    rng, x = np.random.default_rng(5), np.arange(1.0, LAST + 1)
    names = list(FAMILIES)
    inside = []
    for draw in range(280):
        curve = member(names[draw % len(names)])
        shape = (curve(x) - curve(1)) / (curve(LAST) - curve(1))
        y = 20 + 60 * shape + 4 * rng.normal(size=LAST) / np.sqrt(x)
        mean, deviation = extrapolate(y[None, :20], EPOCHS, LAST)
        inside.append(abs(y[-1] - mean[0]) < 1.96 * deviation[0])
    assert np.mean(inside) > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 280)
