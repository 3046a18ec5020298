"""Hyper-parameters chosen by cross-validation on the training set, within a budget that is part of the fit.

Random search after the defaults, judged by Kendall's tau on held-out folds. The best configuration takes the place of
the defaults only where its mean gain over them, fold by fold, exceeds the gain's standard error: with few rows the
best of many configurations is mostly the luckiest.

Source: Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, JMLR 2012; Breiman et al.,
Classification and Regression Trees, 1984 (the one-standard-error rule); White et al., How Powerful are Performance
Predictors in NAS?, NeurIPS 2021 (cross-validated tuning inside a predictor's initialisation time).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y

from nasbench.errors import TaskError
from nasbench.predictors.cross_fit import Floats, Prediction, deal
from nasbench.predictors.tuning_spaces import TUNED, draw

FOLDS = 5
LEAST_ROWS = 20
"""With fewer a fold has no order to speak of; the defaults are kept untried."""


class TuningTrial(NamedTuple):
    """One configuration that was tried.

    Attributes:
        params: what differs from the defaults.
        score: mean Kendall tau over the folds.
        folds: of each fold.
        seconds: it took.
    """

    params: dict[str, Any]
    score: float
    folds: tuple[float, ...]
    seconds: float


class Tuned(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A regressor whose hyper-parameters are chosen in `fit`.

    With `trials` alone the same data and seed give the same bytes. A number of seconds ends the search too; what
    fits into them depends on the machine, so that such a predictor may not decide in a search
    (`check_repeatable`). The defaults are tried first and always.

    Args:
        regressor: a scikit-learn regressor whose `predict` takes `return_std`.
        name: of its table in `nasbench.predictors.tuning_spaces`.
        trials: configurations, the defaults among them; None: as many as the seconds allow.
        seconds: of wall-clock time; a configuration is not begun when the average one would not end in time.
        prefix: of the parameters' names, where the regressor wraps the one that has them (`regressor__`).
        random_state: seed of the folds and the configurations.

    Attributes:
        trials_: a `TuningTrial` each.
        chosen_: the hyper-parameters that differ from the defaults.
        tuning_seconds_: wall-clock time of the tuning, a part of the fit's.
        regressor_: fitted to all rows.
    """

    def __init__(
        self,
        regressor: Any,
        name: str,
        trials: int | None = None,
        seconds: float | None = None,
        prefix: str = "",
        random_state: int = 0,
    ) -> None:
        self.regressor = regressor
        self.name = name
        self.trials = trials
        self.seconds = seconds
        self.prefix = prefix
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Choose and fit to features `(n, d)` and targets `(n,)`."""
        features, targets = check_X_y(X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        self.n_features_in_ = features.shape[1]
        begin = time.perf_counter()
        self.trials_ = list(self._tried(features, targets)) if len(targets) >= LEAST_ROWS else []
        self.chosen_ = _chosen(self.trials_)
        self.tuning_seconds_ = time.perf_counter() - begin
        self.regressor_ = self._configured(self.chosen_).fit(features, targets)
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Prediction:
        """What the chosen regressor predicts."""
        check_is_fitted(self)
        prediction: Prediction = self.regressor_.predict(check_array(X, dtype=np.float64), return_std=return_std)
        return prediction

    def _configured(self, params: dict[str, Any]) -> Any:
        return clone(self.regressor).set_params(**{f"{self.prefix}{key}": value for key, value in params.items()})

    def _tried(self, features: Floats, targets: Floats) -> Iterator[TuningTrial]:
        begin = time.perf_counter()
        rng = np.random.default_rng(self.random_state)
        fold = deal(len(targets), FOLDS, self.random_state)
        params: dict[str, Any] = {}
        done = 0
        while self.trials is None or done < self.trials:
            spent = time.perf_counter() - begin
            if done and self.seconds is not None and spent + spent / done > self.seconds:
                return
            since = time.perf_counter()
            scores = tuple(self._score(params, features, targets, fold == out) for out in range(FOLDS))
            yield TuningTrial(params, float(np.mean(scores)), scores, time.perf_counter() - since)
            params = draw(TUNED[self.name], rng)
            done += 1

    def _score(self, params: dict[str, Any], features: Floats, targets: Floats, out: Any) -> float:
        """Kendall's tau on the rows that are left out; 0 where all predictions are equal."""
        from scipy.stats import kendalltau

        predicted = self._configured(params).fit(features[~out], targets[~out]).predict(features[out])
        if np.ptp(predicted) == 0 or np.ptp(targets[out]) == 0:
            return 0.0
        return float(kendalltau(predicted, targets[out]).statistic)


def _chosen(trials: list[TuningTrial]) -> dict[str, Any]:
    """The parameters of the best trial, if it beats the first one by more than the gain's standard error."""
    if not trials:
        return {}
    best = max(trials, key=lambda trial: trial.score)
    gain = np.subtract(best.folds, trials[0].folds)
    return best.params if gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)) else {}


def tuned(regressor: Any, name: str, trials: int | None, seconds: float | None, prefix: str, seed: Any) -> Tuned:
    """A `Tuned` of what `create` was given.

    Raises:
        TaskError: the budget is not positive, or the predictor has nothing to tune.
    """
    if name not in TUNED:
        raise TaskError(f"predictor {name!r} has no hyper-parameters to tune; those that do: {', '.join(TUNED)}")
    if trials is not None and (isinstance(trials, bool) or not isinstance(trials, int) or trials < 1):
        raise TaskError(f"tune_trials is a number of configurations, at least 1, got {trials!r}")
    if seconds is not None and not (isinstance(seconds, int | float) and seconds > 0):
        raise TaskError(f"tune is a number of seconds above 0, got {seconds!r}")
    return Tuned(regressor, name, trials, seconds, prefix, int(seed or 0))


def check_repeatable(predictor: Pipeline) -> None:
    """Refuse a predictor whose result depends on how fast the machine is; a search calls this before it begins.

    Raises:
        TaskError: its hyper-parameters are tuned for a number of seconds.
    """
    for key, value in predictor.get_params(deep=True).items():
        if isinstance(value, Tuned) and value.seconds is not None:
            raise TaskError(
                f"{key} is tuned for {value.seconds} seconds, and what fits into them differs from run to run; "
                f"in a search give tune_trials= instead of tune="
            )
