"""How an encoder and a regressor become a predictor."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.pipeline import Pipeline

from nasbench.errors import UnknownNameError
from nasbench.predictors.encoders import Encoder, EncoderLike, create_encoder, default_encoder, encoder_parameters
from nasbench.predictors.graphs import graph_space
from nasbench.predictors.rank_targets import RankTargets
from nasbench.predictors.source_tasks import SourceLike
from nasbench.predictors.transfer import transferring
from nasbench.predictors.tuning import tuned
from nasbench.space import SearchSpace


class MeanOnly(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Any scikit-learn regressor behind the predictors' `predict`; its standard deviations are NaN.

    Args:
        regressor: whose `predict` has no `return_std`.
    """

    def __init__(self, regressor: Any) -> None:
        self.regressor = regressor

    def fit(self, X: ArrayLike, y: ArrayLike) -> MeanOnly:
        """Fit a clone of the regressor."""
        self.regressor_ = clone(self.regressor).fit(X, y)
        return self

    def predict(
        self,
        X: ArrayLike,
        return_std: bool = False,
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The regressor's prediction `(n,)`, and NaN for the unknown spread if wanted."""
        mean = np.asarray(self.regressor_.predict(X), dtype=np.float64)
        return (mean, np.full(len(mean), np.nan)) if return_std else mean


def build(
    name: str,
    regressor_class: Any,
    space: SearchSpace,
    params: Mapping[str, Any],
    *,
    functional: bool = True,
    rank_targets: bool = True,
    encoder: EncoderLike | None = None,
    source: SourceLike | None = None,
    tune: float | None = None,
    tune_trials: int | None = None,
) -> Pipeline:
    """The pipeline of an encoder and the regressor, which other tasks and tuning are wrapped around.

    Without an encoder it is what the regressor class names as its `encoding`, where the space and the
    target allow that, else the space's default. Parameters that the regressor does not have go to an
    encoder that is one by name. A regressor that takes `groups` is given the encoder's columns that belong
    together. One whose `scores` is true maps a score to the target's unit, ranks and all, by itself.

    Args:
        name: how errors name the predictor.
        regressor_class: a scikit-learn regressor class.
        space: where the genotypes live.
        params: of the regressor, and of its encoder.
        functional: see `nasbench.predictors.encoders.default_encoder`.
        rank_targets: see `nasbench.predictors.rank_targets`.
        encoder: see `nasbench.predictors.encoders.create_encoder`.
        source: see `nasbench.predictors.source_tasks.sources_of`.
        tune: see `nasbench.predictors.tuning`.
        tune_trials: see there.

    Raises:
        UnknownNameError: no such encoder, or a parameter that neither has.
        TaskError: the encoder reads a benchmark and none is given; a source or a tuning budget that cannot be.
    """
    known = signature(regressor_class).parameters
    wanted = getattr(regressor_class, "encoding", None) if encoder is None else encoder
    read = encoder_parameters(wanted) if isinstance(wanted, str) else ()
    for given in params:
        if given not in known and given not in read:
            raise UnknownNameError(f"parameter of predictor {name!r}:", given, [*known, *read])
    given_params = {given: value for given, value in params.items() if given in known}
    rest = {given: value for given, value in params.items() if given not in known}
    if encoder is None:
        encode = _own_encoder(regressor_class, space, functional, rest)
    else:
        encode = create_encoder(encoder, space, functional=functional, **rest)
    if "groups" in known:
        given_params.setdefault("groups", encode.groups())
    if "space" in known:
        given_params |= {"space": space, "functional": functional}
    if "n_jobs" in known:
        given_params.setdefault("n_jobs", 1)
    regressor = regressor_class(**given_params)
    if "return_std" not in signature(regressor.predict).parameters:
        regressor = MeanOnly(regressor)
    prefix = ""
    if source is not None:
        regressor, prefix = transferring(regressor, name, encode, source, space, rank_targets), "regressor__"
    if tune is not None or tune_trials is not None:
        regressor = tuned(regressor, name, tune_trials, tune, prefix, params.get("random_state"))
    if rank_targets and not getattr(regressor_class, "scores", False):
        regressor = RankTargets(regressor)
    return Pipeline([("encode", encode), ("regress", regressor)])


def _own_encoder(regressor_class: Any, space: SearchSpace, functional: bool, params: Mapping[str, Any]) -> Encoder:
    """What a regressor class names as its `encoding`.

    Several names are an addition to the space's default, for functional targets on spaces with a graph.
    """
    wanted = getattr(regressor_class, "encoding", None)
    if isinstance(wanted, str):
        return create_encoder(wanted, space, functional=functional, **params)
    default = default_encoder(space, functional)
    if wanted is None or not functional or graph_space(space) is None:
        return default
    return create_encoder([default, *wanted], space)
