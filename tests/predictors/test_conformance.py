"""Every registered predictor keeps the contract, and the checker catches those that do not."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.pipeline import Pipeline

from nasbench import predictors
from nasbench.errors import GenotypeError, MissingExtraError
from nasbench.predictors import check_predictor
from nasbench.predictors.conformance import RULES, ConformanceError
from nasbench.predictors.encoders import OneHot
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nas_bench_graph import NASBenchGraphSpace
from nasbench.spaces.nasbench201 import NASBench201Space

CELLS = NASBench201Space()
GRID = GridSpace.of({"a": [1, 2, 3, 4], "b": ["x", "y", "z"], "c": [1, 2, 3, 4, 5, 6], "d": ["p", "q"]})
NETWORK = {"steps": 12, "members": 3, "layers": 2, "width": 8, "hidden": 8}
QUICK = {
    "arch2vec": {"epochs": 1, "width": 8, "latent": 4},
    "dngo": {"steps": 20, "width": 8},
    "extra-trees": {"n_estimators": 12},
    "gates": NETWORK,
    "gcn": NETWORK,
    "gin": NETWORK,
    "hist-gradient-boosting": {"max_iter": 5, "members": 2},
    "lightgbm": {"n_estimators": 8},
    "lstm": NETWORK,
    "mlp-ensemble": {"steps": 20},
    "ngboost": {"n_estimators": 4},
    "random-forest": {"n_estimators": 12},
    "transformer": NETWORK,
    "vote": {"predictors": {"gp": 1, "ridge": 2}},
    "xgboost": {"n_estimators": 5},
}
GRAPHS_ONLY = {"arch2vec", "gates", "gcn", "gin", "gp-wl"}

CASES = [
    pytest.param(name, space, marks=pytest.mark.slow if (name, space) == ("ngboost", CELLS) else ())
    for name in sorted(set(predictors.list()) - predictors.LOOK_UP)
    for space in (CELLS, GRID)
]


@pytest.mark.parametrize(("name", "space"), CASES, ids=lambda v: v if isinstance(v, str) else v.kind)
def test_every_registered_predictor_conforms(name, space):
    try:
        predictors.REGISTRY.get(name)
    except MissingExtraError as error:
        pytest.skip(str(error))
    if name in GRAPHS_ONLY and space is GRID:
        with pytest.raises(ConformanceError, match="no graph view") as caught:
            check_predictor(name, space, **QUICK.get(name, {}))
        assert isinstance(caught.value.__cause__, GenotypeError)
    else:
        check_predictor(name, space, **QUICK.get(name, {}))


@pytest.mark.parametrize("encoder", ["wl", "adjacency", "graph-statistics", ["truncated-path", "one-hot"]], ids=str)
def test_other_encoders_and_spaces_conform_too(encoder):
    check_predictor("ridge", NASBenchGraphSpace(), encoder=encoder)


class Plain(RegressorMixin, BaseEstimator):
    """A least-squares line that keeps the contract; subclasses break it."""

    def __init__(self, random_state=0):
        self.random_state = random_state

    def fit(self, X, y):
        self.centre_ = float(np.mean(y))
        self.coef_ = np.linalg.lstsq(X, np.asarray(y) - self.centre_, rcond=None)[0]
        return self

    def predict(self, X, return_std=False):
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        mean = self.centre_ + X @ self.coef_
        return (mean, np.ones(len(mean))) if return_std else mean


class NegativeSpread(Plain):
    def predict(self, X, return_std=False):
        mean = super().predict(X)
        return (mean, -np.ones(len(mean))) if return_std else mean


class BatchNormalised(Plain):
    def predict(self, X, return_std=False):
        mean = super().predict(X)
        mean = mean - mean.mean()
        return (mean, np.ones(len(mean))) if return_std else mean


class Global(Plain):
    def fit(self, X, y):
        np.random.rand()  # noqa: NPY002
        return super().fit(X, y)


class Unseeded(Plain):
    def fit(self, X, y):
        super().fit(X, y)
        self.centre_ += np.random.default_rng().normal()
        return self


class Ordered(Plain):
    def fit(self, X, y):
        super().fit(X, y)
        self.centre_ = float(y[0])
        return self


class Writes(Plain):
    def fit(self, X, y):
        y -= 0.0
        return super().fit(X, y)


class Remembers(Plain):
    def fit(self, X, y):
        super().fit(X, y)
        self.centre_ += getattr(self, "offset_", 0.0)
        self.offset_ = 1.0
        return self


class ThreeRows(Plain):
    def fit(self, X, y):
        if len(y) < 3:
            raise ValueError("too few")
        return super().fit(X, y)


class Anything(BaseEstimator):
    """An encoder that takes whatever it is given."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.asarray(X, dtype=float)


def pipeline(regressor, encoder=None):
    return Pipeline([("encode", encoder or OneHot(GRID)), ("regress", regressor)])


def test_a_third_partys_predictor_can_conform():
    check_predictor(pipeline(Plain()), GRID)


@pytest.mark.parametrize(
    ("regressor", "rule"),
    [
        (NegativeSpread(), "finite"),
        (BatchNormalised(), "batch"),
        (Global(), "untouched"),
        (Unseeded(), "repeatable"),
        (Ordered(), "order"),
        (Writes(), "untouched"),
        (Remembers(), "repeatable"),
        (ThreeRows(), "two"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_broken_rule_is_named(regressor, rule):
    assert rule in RULES
    with pytest.raises(ConformanceError) as caught:
        check_predictor(pipeline(regressor), GRID)
    assert caught.value.rule == rule


def test_an_encoder_that_takes_anything_is_caught():
    with pytest.raises(ConformanceError) as caught:
        check_predictor(pipeline(Plain(), Anything()), GRID)
    assert caught.value.rule == "genotypes"


def test_a_small_space_is_refused():
    with pytest.raises(ValueError, match="too small"):
        check_predictor("ridge", GridSpace.of({"a": [1, 2]}))
