import pickle

import numpy as np
import pytest
from sklearn.gaussian_process import kernels as theirs

from nasbench.predictors.features import one_hot
from nasbench.predictors.gaussian_process import scale, squared_distances
from nasbench.predictors.kernel_regressors import HammingGP, WeisfeilerLehmanGP
from nasbench.predictors.kernels import KERNELS
from nasbench.predictors.pipelines import build
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nasbench201 import NASBench201Space

ROWS = np.random.default_rng(0).normal(size=(7, 3))
SQUARES = squared_distances(ROWS, ROWS)


@pytest.mark.parametrize(
    ("name", "reference"), [("matern52", theirs.Matern(nu=2.5)), ("rbf", theirs.RBF())], ids=["matern52", "rbf"]
)
def test_values_are_scikit_learns(name, reference):
    np.testing.assert_allclose(KERNELS[name].value(SQUARES.copy()), reference(ROWS), rtol=1e-10)


def test_the_cosine_kernel_is_the_inner_product_of_unit_rows():
    unit = ROWS / np.linalg.norm(ROWS, axis=1, keepdims=True)
    np.testing.assert_allclose(KERNELS["cosine"].value(squared_distances(unit, unit)), unit @ unit.T, atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_slopes_are_those_of_finite_differences(kernel):
    squares = np.linspace(0.1, 3.0, 20)
    value, fall = kernel.with_slope(squares)
    np.testing.assert_allclose(value, kernel.value(squares.copy()))
    step = 1e-6
    difference = (kernel.value(squares + step) - kernel.value(squares - step)) / (2 * step)
    np.testing.assert_allclose(-fall, difference, rtol=1e-6)
    assert pickle.loads(pickle.dumps(kernel)) == kernel


def test_the_hamming_kernel_counts_the_positions_that_differ():
    space = GridSpace.of({"a": ["x", "y", "z"], "b": ["p", "q"], "c": ["u", "v"]})
    pipeline = build("gp-hamming", HammingGP, space, {})
    model = pipeline.named_steps["regress"].regressor
    lengthscales = np.array([0.5, 2.0, 3.0])
    genotypes = space.all()
    scaled = scale(one_hot(space, genotypes), model.groups, lengthscales)
    differ = genotypes[:, None] != genotypes
    expected = np.exp(-(differ / lengthscales**2).sum(axis=2))
    np.testing.assert_allclose(model.kernel.value(squared_distances(scaled, scaled)), expected, atol=1e-12)


def test_the_weisfeiler_lehman_process_is_scikit_learns_on_normalised_histograms():
    from sklearn.gaussian_process import GaussianProcessRegressor

    space = NASBench201Space()
    genotypes = space.sample(np.random.default_rng(1), 60)
    y = (genotypes == 3).sum(axis=1) + np.random.default_rng(2).normal(size=60)
    predictor = build("gp-wl", WeisfeilerLehmanGP, space, {}, rank_targets=False).fit(genotypes[:40], y[:40])
    histograms = predictor.named_steps["encode"].transform(genotypes)
    unit = histograms / np.linalg.norm(histograms, axis=1, keepdims=True)
    model = predictor.named_steps["regress"]
    mean, std = predictor.predict(genotypes[40:], return_std=True)
    standard = (y[:40] - y[:40].mean()) / y[:40].std()
    noise = model.hyperparameters_.noise
    covariance = unit[:40] @ unit[:40].T + noise * np.eye(40)
    signal = standard @ np.linalg.solve(covariance, standard) / 40
    kernel = theirs.ConstantKernel(signal) * theirs.DotProduct(sigma_0=0, sigma_0_bounds="fixed")
    reference = GaussianProcessRegressor(kernel, alpha=signal * noise, optimizer=None).fit(unit[:40], standard)
    expected, deviation = reference.predict(unit[40:], return_std=True)
    np.testing.assert_allclose(mean, y[:40].mean() + y[:40].std() * expected, rtol=1e-6)
    np.testing.assert_allclose(std, y[:40].std() * np.sqrt(deviation**2 + signal * noise), rtol=1e-6)
