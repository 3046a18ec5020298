"""`check_predictor`: does a predictor, also a third party's, keep the contract?

It is fitted to a few dozen architectures of a space. How well it predicts is not judged, only its manners.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score

from nasbench.errors import GenotypeError, NasbenchError
from nasbench.predictors import create
from nasbench.space import SearchSpace

RULES: dict[str, str] = {
    "error": "no method raises on valid input",
    "unfitted": "predict before fit raises scikit-learn's NotFittedError",
    "fit": "fit returns the predictor itself",
    "shape": "predict gives floats (n,), with return_std=True a pair of them",
    "finite": "predictions are finite, standard deviations positive and finite, or NaN everywhere",
    "mean": "the mean is the same with and without return_std",
    "batch": "an architecture's prediction does not depend on the others that are asked with it",
    "parameters": "get_params and set_params name the same parameters; clone keeps them and forgets the fit",
    "pickle": "a fitted predictor predicts the same after pickling",
    "repeatable": "the same data and random_state give the same bytes, in a second fit of the same object too",
    "order": "a predictor for which random_state does not count ignores the order of the training rows",
    "untouched": "neither the arrays that are passed nor numpy's global generator are changed",
    "model-selection": "cross_val_score and GridSearchCV work",
    "constant": "equal targets are predicted as they are",
    "two": "two training rows are enough",
    "genotypes": "rows that are no genotypes of the space raise GenotypeError in fit and predict",
}
"""rule -> what it asks for."""

_TRAINING, _NEW = 36, 24

Floats = NDArray[np.float64]


class ConformanceError(NasbenchError, AssertionError):
    """A predictor that broke the contract.

    Attributes:
        predictor: its name.
        rule: the key in `RULES`.
        found: what it did.
    """

    def __init__(self, predictor: str, rule: str, found: str) -> None:
        self.predictor, self.rule, self.found = predictor, rule, found
        super().__init__(f"{predictor} breaks the rule {rule!r} ({RULES[rule]}): {found}")

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.predictor, self.rule, self.found))


def check_predictor(predictor: Any, space: SearchSpace, **params: Any) -> None:
    """Assert that a predictor keeps the contract of `nasbench.predictors.create`; the rules are `RULES`.

    It is fitted about fifteen times. Call it from a test of your own:

        def test_contract():
            check_predictor(my_pipeline, space)

    Args:
        predictor: a registered name, or an estimator on genotypes, which is cloned before it is fitted.
        space: with at least sixty architectures.
        **params: of a registered predictor.

    Raises:
        ConformanceError: names the first rule that was broken, and how.
    """
    name = predictor if isinstance(predictor, str) else type(predictor).__name__
    made = create(predictor, space, **params) if isinstance(predictor, str) else predictor
    checker = _Checker(name, made, space)
    for check in (_check_prediction, _check_copies, _check_repetition, _check_model_selection, _check_corners):
        check(checker)
    _check_genotypes(checker)


class _Checker:
    """A predictor with some data to try it on."""

    def __init__(self, name: str, predictor: Any, space: SearchSpace) -> None:
        self.name, self.predictor, self.space = name, predictor, space
        rng = np.random.default_rng(0)
        drawn = np.unique(space.sample(rng, 4 * (_TRAINING + _NEW)), axis=0)
        if len(drawn) < _TRAINING + _NEW:
            raise ValueError(f"{space!r} is too small to check a predictor on: {_TRAINING + _NEW} are needed")
        drawn = drawn[rng.permutation(len(drawn))][: _TRAINING + _NEW]
        self.train, self.new = drawn[:_TRAINING], drawn[_TRAINING:]
        scaled = self.train / np.maximum(np.asarray(space.cardinalities) - 1, 1)
        self.y: Floats = 90.0 + scaled @ rng.normal(size=space.length) + 0.05 * rng.normal(size=_TRAINING)

    def fail(self, rule: str, found: str, cause: Exception | None = None) -> NoReturn:
        raise ConformanceError(self.name, rule, found) from cause

    def call(self, what: str, method: Callable[..., Any], *args: Any, rule: str = "error", **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except Exception as error:
            self.fail(rule, f"{what} raised {type(error).__name__}: {error}", error)

    def fresh(self, **changes: Any) -> Any:
        """An unfitted copy, with other parameters by their full names."""
        copy = self.call("clone", clone, self.predictor)
        return copy.set_params(**changes) if changes else copy

    def fitted(self, **changes: Any) -> Any:
        return self.call("fit", self.fresh(**changes).fit, self.train, self.y)

    def predicted(self, model: Any, X: Any = None) -> tuple[Floats, Floats]:
        """Mean and standard deviation, referred to the rules."""
        rows = self.new if X is None else X
        pair = self.call("predict(X, return_std=True)", model.predict, rows, return_std=True)
        if not isinstance(pair, tuple) or len(pair) != 2:
            self.fail("shape", f"predict(X, return_std=True) gave {type(pair).__name__}")
        for what, array in zip(("means", "deviations"), pair, strict=True):
            shape, kind = np.shape(array), np.asarray(array).dtype.kind
            if shape != (len(rows),) or kind != "f":
                self.fail("shape", f"{len(rows)} rows gave {what} of shape {shape} and kind {kind!r}")
        mean, deviation = pair
        if not np.isfinite(mean).all():
            self.fail("finite", f"{int((~np.isfinite(mean)).sum())} means are not finite")
        if not np.isnan(deviation).all() and not (np.isfinite(deviation) & (deviation > 0)).all():
            self.fail("finite", f"deviations are {deviation.min()} to {deviation.max()}")
        return mean, deviation

    def seed_parameter(self) -> str | None:
        """Full name of the regressor's seed, if it has one."""
        names = [name for name in self.predictor.get_params() if name.split("__")[-1] == "random_state"]
        return min(names, key=len) if names else None


def _check_prediction(checker: _Checker) -> None:
    try:
        checker.fresh().predict(checker.new)
    except NotFittedError:
        pass
    except Exception as error:
        checker.fail("unfitted", f"it raised {type(error).__name__}", error)
    else:
        checker.fail("unfitted", "it answered")
    fresh = checker.fresh()
    if checker.call("fit", fresh.fit, checker.train, checker.y) is not fresh:
        checker.fail("fit", "it returned another object")
    mean, deviation = checker.predicted(fresh)
    alone = checker.call("predict", fresh.predict, checker.new)
    if not np.allclose(alone, mean, rtol=1e-7, atol=0.0):
        checker.fail("mean", f"they differ by up to {np.abs(alone - mean).max():.2g}")
    for row in range(3):
        one, its = checker.predicted(fresh, checker.new[row : row + 1])
        same = np.allclose([one[0], its[0]], [mean[row], deviation[row]], rtol=1e-5, equal_nan=True)
        if not same:
            checker.fail("batch", f"row {row} alone gives {one[0]} +- {its[0]}, not {mean[row]} +- {deviation[row]}")


def _check_copies(checker: _Checker) -> None:
    parameters = checker.call("get_params", checker.predictor.get_params)
    checker.call("set_params", checker.fresh().set_params, rule="parameters", **_leaves(parameters))
    copied = checker.fresh().get_params()
    if set(copied) != set(parameters):
        checker.fail("parameters", f"clone has {sorted(set(copied) ^ set(parameters))} more or less")
    model = checker.fitted()
    before = checker.predicted(model)
    again = checker.call("pickling", lambda: pickle.loads(pickle.dumps(model)))  # noqa: S301 - our own bytes
    if not _equal(before, checker.predicted(again)):
        checker.fail("pickle", "it predicts something else")
    try:
        clone(model).predict(checker.new)
    except NotFittedError:
        return
    checker.fail("parameters", "the clone of a fitted predictor is fitted")


def _leaves(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters without parts of their own, which `set_params` may be given together."""
    return {name: value for name, value in parameters.items() if not hasattr(value, "get_params") and name != "steps"}


def _equal(one: tuple[Floats, Floats], two: tuple[Floats, Floats]) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, two, strict=True))


def _check_repetition(checker: _Checker) -> None:
    # the legacy generator is what a predictor must leave alone
    state = pickle.dumps(np.random.get_state())  # noqa: NPY002
    train, y, new = checker.train.copy(), checker.y.copy(), checker.new.copy()
    for array in (train, y, new):
        array.flags.writeable = False
    model = checker.fresh()
    checker.call("fit to read-only arrays", model.fit, train, y, rule="untouched")
    first = checker.predicted(model, new)
    if pickle.dumps(np.random.get_state()) != state:  # noqa: NPY002
        checker.fail("untouched", "numpy's global generator moved")
    checker.call("a second fit", model.fit, checker.train, checker.y)
    if not _equal(first, checker.predicted(model)):
        checker.fail("repeatable", "a second fit of the same object predicts something else")
    if not _equal(first, checker.predicted(checker.fitted())):
        checker.fail("repeatable", "a clone fitted to the same data predicts something else")
    seed = checker.seed_parameter()
    if seed is not None and not _equal(first, checker.predicted(checker.fitted(**{seed: 12345}))):
        return
    order = np.random.default_rng(1).permutation(len(train))
    shuffled = checker.call("fit", checker.fresh().fit, checker.train[order], checker.y[order])
    moved = float(np.abs(checker.predicted(shuffled)[0] - first[0]).max())
    if moved > 1e-3 * float(checker.y.std()):
        checker.fail("order", f"predictions moved by up to {moved:.2g}")


def _check_model_selection(checker: _Checker) -> None:
    folds = checker.call(
        "cross_val_score", cross_val_score, checker.fresh(), checker.train, checker.y, cv=2, rule="model-selection"
    )
    if not np.isfinite(folds).all():
        checker.fail("model-selection", f"cross_val_score gave {folds}")
    seed = checker.seed_parameter()
    search = GridSearchCV(checker.fresh(), {seed: [0, 1]} if seed else {}, cv=2, error_score="raise")
    checker.call("GridSearchCV", search.fit, checker.train, checker.y, rule="model-selection")
    checker.predicted(search.best_estimator_)


def _check_corners(checker: _Checker) -> None:
    constant = checker.call(
        "fit to equal targets", checker.fresh().fit, checker.train, np.full(_TRAINING, 7.5), rule="constant"
    )
    mean, _ = checker.predicted(constant)
    if not np.allclose(mean, 7.5, atol=1e-5):
        checker.fail("constant", f"targets of 7.5 are predicted as {mean.min()} to {mean.max()}")
    two = checker.call("fit to two rows", checker.fresh().fit, checker.train[:2], checker.y[:2], rule="two")
    checker.predicted(two)


def _check_genotypes(checker: _Checker) -> None:
    model = checker.fitted()
    outside, floats = checker.new.copy(), checker.new + 0.5
    outside[0, 0] = checker.space.cardinalities[0]
    wrong = {"a value out of range": outside, "fractions": floats, "rows that are too short": checker.new[:, :-1]}
    for what, rows in wrong.items():
        for method, call in (
            ("predict", model.predict),
            ("fit", checker.fresh().fit),
        ):
            try:
                call(*((rows,) if method == "predict" else (rows, checker.y[: len(rows)])))
            except GenotypeError:
                continue
            except Exception as error:
                checker.fail("genotypes", f"{method} on {what} raised {type(error).__name__}: {error}", error)
            checker.fail("genotypes", f"{method} took {what}")
