"""Learned performance predictors: scikit-learn pipelines from genotypes to a metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nasbench.registry import Registry

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from nasbench.predictors.encoders import EncoderLike
    from nasbench.predictors.source_tasks import SourceLike
    from nasbench.space import SearchSpace

REGISTRY = Registry(
    "predictor",
    {
        "arch2vec": ("nasbench.predictors.arch2vec:Arch2VecGP", "torch"),
        "bayesian-linear": ("nasbench.predictors.linear_regressors:BayesianLinear", None),
        "blend": ("nasbench.predictors.blend:Blend", None),
        "dngo": ("nasbench.predictors.adaptive_basis:DNGO", None),
        "early-stopping": ("nasbench.predictors.score_regressors:EarlyStopping", None),
        "extra-trees": ("nasbench.predictors.tree_regressors:ExtraTrees", None),
        "gates": ("nasbench.predictors.graph_regressors:Gates", "torch"),
        "gcn": ("nasbench.predictors.graph_regressors:GCN", "torch"),
        "gin": ("nasbench.predictors.graph_regressors:GIN", "torch"),
        "gp": ("nasbench.predictors.kernel_regressors:GaussianProcess", None),
        "gp-ard": ("nasbench.predictors.kernel_regressors:RelevanceGP", None),
        "gp-hamming": ("nasbench.predictors.kernel_regressors:HammingGP", None),
        "gp-rbf": ("nasbench.predictors.kernel_regressors:SquaredExponentialGP", None),
        "gp-wl": ("nasbench.predictors.kernel_regressors:WeisfeilerLehmanGP", None),
        "hist-gradient-boosting": ("nasbench.predictors.boosted_regressors:HistGradientBoosting", None),
        "knn": ("nasbench.predictors.linear_regressors:NearestNeighbours", None),
        "lce": ("nasbench.predictors.score_regressors:CurveExtrapolation", None),
        "lcsvr": ("nasbench.predictors.curve_svr:CurveSVR", None),
        "lightgbm": ("nasbench.predictors.lightgbm_regressor:LightGBMEnsemble", "lightgbm"),
        "lstm": ("nasbench.predictors.sequence_regressors:LSTM", "torch"),
        "mlp-ensemble": ("nasbench.predictors.neural_regressors:NeuralEnsemble", None),
        "ngboost": ("nasbench.predictors.ngboost_regressor:NGBoost", "ngboost"),
        "omni": ("nasbench.predictors.omni:Omni", None),
        "random-forest": ("nasbench.predictors.tree_regressors:RandomForest", None),
        "ridge": ("nasbench.predictors.linear_regressors:Ridge", None),
        "sotl": ("nasbench.predictors.score_regressors:SumOfTrainingLosses", None),
        "sotl-e": ("nasbench.predictors.score_regressors:SumOfRecentTrainingLosses", None),
        "sotl-ema": ("nasbench.predictors.score_regressors:SmoothedTrainingLosses", None),
        "sparse-gp": ("nasbench.predictors.sparse_gp:SparseGP", None),
        "transformer": ("nasbench.predictors.sequence_regressors:Transformer", "torch"),
        "vote": ("nasbench.predictors.vote:Vote", None),
        "xgboost": ("nasbench.predictors.boosted_regressors:XGBoostEnsemble", None),
        "zero-cost": ("nasbench.predictors.score_regressors:ZeroCost", None),
    },
    group="nasbench.predictors",
)

LOOK_UP = frozenset({"early-stopping", "lce", "lcsvr", "omni", "sotl", "sotl-e", "sotl-ema", "zero-cost"})
"""Predictors that look numbers up (proxies, starts of learning curves): `create` needs the `benchmark` to read."""


def list() -> Sequence[str]:
    """Names of all predictors; imports none of them."""
    return REGISTRY.names()


def create(
    name: str,
    space: SearchSpace,
    *,
    functional: bool = True,
    rank_targets: bool = True,
    encoder: EncoderLike | None = None,
    source: SourceLike | None = None,
    tune: float | None = None,
    tune_trials: int | None = None,
    **params: Any,
) -> Pipeline:
    """A predictor by name: a scikit-learn `Pipeline` of the steps `encode` and `regress`.

    `fit(X, y)` takes genotypes `(n, G)` and targets `(n,)`; `predict(X)` gives means `(n,)` and
    `predict(X, return_std=True)` means and standard deviations. It works with `sklearn.base.clone`
    and `cross_val_score`.

    Args:
        name: one of `list()`.
        space: where the genotypes live.
        functional: whether the target depends on the computed function only (accuracy, loss). Give
            False for parameters, FLOPs, latency, energy and training time: with True, architectures
            that compute the same function are one to the predictor on a cell space.
        rank_targets: fit normal scores of the targets' ranks and map predictions back to their unit;
            it ranks far better where a table has a long tail of bad architectures.
        encoder: a name of `nasbench.predictors.encoders.list()`, an `Encoder`, or several of them to put
            side by side; None takes what suits the regressor, the space and the target.
        source: observed evaluations of a source task as (genotypes, values), at most 200, or several such
            tasks, to learn from besides the training set; see `nasbench.predictors.transfer`.
        tune: seconds to choose hyper-parameters in, by cross-validation within `fit`; see
            `nasbench.predictors.tuning`. What is chosen depends on the machine: not for searches.
        tune_trials: the same as a number of configurations, which is repeatable; with both, the first that ends.
        **params: of the regressor; `random_state` is an int. Those that it does not have go to its encoder, or
            to the given one if that is one name. So predictors of `LOOK_UP` are told where to look:
            `create("sotl", space, benchmark="family/dataset", epoch=10)`. What that costs an architecture
            says `predictor["encode"].cost(X)`.

    Raises:
        UnknownNameError: no such predictor or encoder, or a parameter that neither has.
        MissingExtraError: its optional library is not installed.
        TaskError: it looks numbers up and is not told in which benchmark; a source that is not one; or a predictor
            or budget that does not allow what is asked.
    """
    from nasbench.predictors.pipelines import build

    return build(
        name,
        REGISTRY.get(name),
        space,
        params,
        functional=functional,
        rank_targets=rank_targets,
        encoder=encoder,
        source=source,
        tune=tune,
        tune_trials=tune_trials,
    )


def check_predictor(predictor: Any, space: SearchSpace, **params: Any) -> None:
    """Assert that a predictor keeps the contract; see `nasbench.predictors.conformance`.

    Args:
        predictor: a registered name, or an estimator on genotypes.
        space: with at least sixty architectures.
        **params: of a registered predictor.

    Raises:
        ConformanceError: it breaks one of `nasbench.predictors.conformance.RULES`.
    """
    from nasbench.predictors.conformance import check_predictor as check

    check(predictor, space, **params)


__all__ = ["LOOK_UP", "REGISTRY", "check_predictor", "create", "list"]
