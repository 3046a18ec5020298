import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.base import clone
from sklearn.linear_model import Ridge

from nasbench import predictors
from nasbench.errors import MissingExtraError, TaskError, UnknownNameError
from nasbench.predictors.encoders import Mixed, OneHot
from nasbench.predictors.pipelines import build
from nasbench.predictors.union_encoder import Union
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nasbench201 import NASBench201Space

CELLS = NASBench201Space()
QUICK = {
    "arch2vec": {"epochs": 2, "width": 16},
    "bayesian-linear": {},
    "blend": {},
    "dngo": {"steps": 150},
    "extra-trees": {"n_estimators": 20},
    "gates": {"members": 3, "steps": 40},
    "gcn": {"members": 3, "steps": 40},
    "gin": {"members": 3, "steps": 40},
    "gp": {},
    "gp-ard": {},
    "gp-hamming": {},
    "gp-rbf": {},
    "gp-wl": {},
    "hist-gradient-boosting": {"members": 2, "max_iter": 20},
    "knn": {},
    "lightgbm": {"members": 2, "n_estimators": 60},
    "lstm": {"members": 3, "steps": 40},
    "mlp-ensemble": {"steps": 150},
    "ngboost": {"n_estimators": 40},
    "random-forest": {"n_estimators": 20},
    "ridge": {},
    "sparse-gp": {},
    "transformer": {"members": 3, "steps": 40},
    "vote": {"predictors": {"gp": 1, "extra-trees": 1}},
    "xgboost": {"members": 2, "n_estimators": 60},
}
TRIED = [pytest.param(name, marks=pytest.mark.slow) if name == "ngboost" else name for name in QUICK]
NETWORKS = ("arch2vec", "gates", "gcn", "gin", "lstm", "transformer")
NEED = {**dict.fromkeys(NETWORKS, "torch"), "lightgbm": "lightgbm", "ngboost": "ngboost"}
DETERMINISTIC = {"arch2vec", "bayesian-linear", "gp", "gp-ard", "gp-hamming", "gp-rbf", "gp-wl", "knn", "ridge"}
SUBSET_ONLY = {"sparse-gp"}
"""The seed chooses rows only where there are more than it fits hyper-parameters to."""


@pytest.fixture(autouse=True)
def _installed(request):
    """Skips a predictor whose optional library is not installed."""
    name = request.node.callspec.params.get("name") if hasattr(request.node, "callspec") else None
    if name in NEED:
        pytest.importorskip(NEED[name])


@pytest.fixture(scope="module")
def cells():
    """Genotypes, and a target that depends on the paths: deep convolutions are good."""
    genotypes = CELLS.genotypes(np.random.default_rng(0).permutation(CELLS.size)[:260])
    counts = CELLS.path_counts(genotypes)
    worth = np.array([name.count("nor_conv_3x3") - 0.5 * name.count("avg") for name in CELLS.path_names])
    return genotypes, 90.0 + np.tanh(counts @ worth / 3.0)


def test_every_listed_predictor_is_tried_below():
    assert set(predictors.list()) == set(QUICK) | predictors.LOOK_UP


@pytest.mark.parametrize("name", sorted(predictors.LOOK_UP))
def test_a_predictor_that_looks_numbers_up_asks_for_a_benchmark(name):
    with pytest.raises(TaskError, match="give benchmark="):
        predictors.create(name, CELLS)


@pytest.mark.parametrize("name", TRIED)
def test_a_predictor_ranks_unseen_cells_and_tells_its_spread(name, cells):
    genotypes, y = cells
    predictor = predictors.create(name, CELLS, random_state=1, **QUICK[name])
    predictor.fit(genotypes[:160], y[:160])
    mean, std = predictor.predict(genotypes[160:], return_std=True)
    assert mean.shape == std.shape == (100,)
    assert (std >= 0).all()
    assert std.max() > 0
    np.testing.assert_allclose(predictor.predict(genotypes[160:]), mean, rtol=1e-6)
    assert kendalltau(mean, y[160:]).statistic > (0.5 if name == "gp-hamming" else 0.6)


@pytest.mark.parametrize("name", [case for case in TRIED if case != "gp-hamming"])
def test_functional_twins_are_told_apart_only_where_the_target_asks_for_it(name):
    twins = [(0, 0, 3, 3, 0, 0), (0, 0, 2, 3, 0, 4)]  # both compute one 3x3 convolution
    rng = np.random.default_rng(2)
    genotypes = np.concatenate([twins, CELLS.sample(rng, 40)])
    y = (genotypes == 3).sum(axis=1) + 0.1 * (genotypes == 2).sum(axis=1)
    merged, apart = (
        predictors.create(name, CELLS, functional=functional, **QUICK[name]).fit(genotypes, y).predict(twins)
        for functional in (True, False)
    )
    assert merged[0] == pytest.approx(merged[1], rel=1e-9)
    assert apart[0] != apart[1]


@pytest.mark.parametrize("name", TRIED)
def test_the_random_state_counts_except_for_the_deterministic_ones(name, cells):
    genotypes, y = cells
    one, two = (
        predictors.create(name, CELLS, random_state=seed, **QUICK[name]).fit(genotypes[:60], y[:60]) for seed in (1, 2)
    )
    assert np.array_equal(one.predict(genotypes), two.predict(genotypes)) == (name in DETERMINISTIC | SUBSET_ONLY)


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


def test_an_encoder_may_be_a_name_several_or_made():
    genotypes = CELLS.sample(np.random.default_rng(6), 40)
    y = (genotypes == 3).sum(axis=1).astype(float)
    named = predictors.create("ridge", CELLS, encoder="one-hot").fit(genotypes, y)
    made = predictors.create("ridge", CELLS, encoder=OneHot(CELLS)).fit(genotypes, y)
    np.testing.assert_array_equal(named.predict(genotypes), made.predict(genotypes))
    both = predictors.create("gp", CELLS, encoder=["one-hot", "graph-statistics"]).fit(genotypes, y)
    assert both.named_steps["encode"].transform(genotypes).shape[1] == 30 + 25
    assert len(both.named_steps["regress"].regressor.groups) == 6 + 25
    with pytest.raises(UnknownNameError, match="one-hot"):
        predictors.create("ridge", CELLS, encoder="one_hot")


def test_parameters_of_an_encoder_by_name_go_through():
    assert predictors.create("gp-wl", CELLS, noise=0.2, iterations=1)["encode"].iterations == 1
    assert predictors.create("ridge", CELLS, encoder="path", power=0.0)["encode"].power == 0.0
    for wrong in ({"encoder": OneHot(CELLS), "power": 1}, {"power": 1}, {"encoder": ["path"], "power": 1}):
        with pytest.raises(UnknownNameError, match="power"):
            predictors.create("ridge", CELLS, **wrong)


def test_a_regressors_own_encoder_gives_way_where_it_cannot_be():
    grid = GridSpace.of({"a": [1, 2, 3, 4], "b": ["x", "y"]})
    for space, functional in ((grid, True), (CELLS, False)):
        encode = predictors.create("gp-ard", space, functional=functional).named_steps["encode"]
        assert isinstance(encode, Mixed)
    assert isinstance(predictors.create("gp-ard", CELLS).named_steps["encode"], Union)


def test_a_missing_library_is_named_when_the_predictor_is_made(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    monkeypatch.delitem(sys.modules, "nasbench.predictors.lightgbm_regressor", raising=False)
    with pytest.raises(MissingExtraError, match=r"nasbench-arena\[lightgbm\]"):
        predictors.create("lightgbm", CELLS)
