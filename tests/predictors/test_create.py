import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score

from nasbench import predictors
from nasbench.errors import UnknownNameError
from nasbench.predictors.pipelines import build
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nasbench201 import NASBench201Space

CELLS = NASBench201Space()
QUICK = {
    "gp": {},
    "mlp-ensemble": {"steps": 150},
    "random-forest": {"n_estimators": 20},
    "xgboost": {"members": 2, "n_estimators": 60},
}


@pytest.fixture(scope="module")
def cells():
    """Genotypes, and a target that depends on the paths: deep convolutions are good."""
    genotypes = CELLS.genotypes(np.random.default_rng(0).permutation(CELLS.size)[:260])
    counts = CELLS.path_counts(genotypes)
    worth = np.array([name.count("nor_conv_3x3") - 0.5 * name.count("avg") for name in CELLS.path_names])
    return genotypes, 90.0 + np.tanh(counts @ worth / 3.0)


def test_every_listed_predictor_is_tried_below():
    assert set(predictors.list()) == set(QUICK)


@pytest.mark.parametrize("name", QUICK)
def test_a_predictor_ranks_unseen_cells_and_tells_its_spread(name, cells):
    genotypes, y = cells
    predictor = predictors.create(name, CELLS, random_state=1, **QUICK[name])
    predictor.fit(genotypes[:160], y[:160])
    mean, std = predictor.predict(genotypes[160:], return_std=True)
    assert mean.shape == std.shape == (100,)
    assert (std >= 0).all()
    assert std.max() > 0
    np.testing.assert_allclose(predictor.predict(genotypes[160:]), mean, rtol=1e-6)
    assert kendalltau(mean, y[160:]).statistic > 0.6


@pytest.mark.parametrize("name", QUICK)
def test_a_clone_refits_to_the_same_predictions(name, cells):
    genotypes, y = cells
    first = predictors.create(name, CELLS, random_state=3, **QUICK[name]).fit(genotypes[:60], y[:60])
    second = clone(first).fit(genotypes[:60], y[:60])
    np.testing.assert_array_equal(first.predict(genotypes), second.predict(genotypes))


@pytest.mark.parametrize("name", QUICK)
def test_cross_validation_works(name, cells):
    genotypes, y = cells
    scores = cross_val_score(predictors.create(name, CELLS, **QUICK[name]), genotypes[:120], y[:120], cv=3)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", QUICK)
def test_functional_twins_are_told_apart_only_where_the_target_asks_for_it(name):
    twins = [(0, 0, 3, 3, 0, 0), (0, 0, 2, 3, 0, 4)]  # both compute one 3x3 convolution
    rng = np.random.default_rng(2)
    genotypes = np.concatenate([twins, CELLS.sample(rng, 40)])
    y = (genotypes == 3).sum(axis=1) + 0.1 * (genotypes == 2).sum(axis=1)
    merged, apart = (
        predictors.create(name, CELLS, functional=functional, **QUICK[name]).fit(genotypes, y).predict(twins)
        for functional in (True, False)
    )
    assert merged[0] == merged[1]
    assert apart[0] != apart[1]


@pytest.mark.parametrize("name", QUICK)
def test_the_random_state_counts_except_for_the_deterministic_one(name, cells):
    genotypes, y = cells
    one, two = (
        predictors.create(name, CELLS, random_state=seed, **QUICK[name]).fit(genotypes[:60], y[:60]) for seed in (1, 2)
    )
    assert np.array_equal(one.predict(genotypes), two.predict(genotypes)) == (name == "gp")


def test_unknown_names_and_parameters_are_explained():
    with pytest.raises(UnknownNameError, match="xgboost"):
        predictors.create("xgbost", CELLS)
    with pytest.raises(UnknownNameError, match="n_estimators"):
        predictors.create("random-forest", CELLS, trees=5)


def test_any_scikit_learn_regressor_gives_means():
    space = GridSpace.of({"a": [1, 2, 3, 4], "b": ["x", "y"]})
    predictor = build("ridge", Ridge, space, {"alpha": 1e-6}, rank_targets=False)
    predictor.fit(space.all(), space.all()[:, 0] * 3.0 + space.all()[:, 1])
    mean, std = clone(predictor).fit(space.all(), space.all() @ [3.0, 1.0]).predict([[2, 1]], return_std=True)
    assert mean == pytest.approx(7.0, abs=1e-4)
    assert np.isnan(std).all()


def test_rank_targets_survive_a_long_tail(cells):
    """One architecture in ten diverged: values near 10 % must not drown the order of the others."""
    genotypes, y = cells
    broken = np.random.default_rng(5).random(len(y)) < 0.1
    y = np.where(broken, 10.0, y)
    train, good = np.arange(160), np.flatnonzero(~broken)[-90:]
    good = good[good >= 160]
    ranked, raw = (
        predictors.create("gp", CELLS, rank_targets=ranks).fit(genotypes[train], y[train]).predict(genotypes[good])
        for ranks in (True, False)
    )
    assert kendalltau(ranked, y[good]).statistic > kendalltau(raw, y[good]).statistic


def test_listing_imports_no_estimator():
    code = (
        "import sys, nasbench.predictors as p; p.list();"
        "print([m for m in ('sklearn', 'scipy', 'xgboost') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
