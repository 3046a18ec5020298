"""What a fitted predictor says about positions and choices: Shapley values, partial dependence, permutation.

Source: Lundberg et al., From Local Explanations to Global Understanding with Explainable AI for Trees, Nature Machine
Intelligence 2020 (Tree SHAP); Friedman, Greedy Function Approximation, Annals of Statistics 2001 (partial dependence);
Breiman, Random Forests, 2001; Gregorutti et al., Correlation and Variable Importance in Random Forests, Statistics and
Computing 2017 (what permutation estimates).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.analysis.main_effects import Floats, effects_of_parts, is_product
from nasbench.errors import TaskError
from nasbench.predictors.boosted_regressors import XGBoostEnsemble
from nasbench.predictors.encoders import OneHot
from nasbench.space import Genotypes, SearchSpace

FOLDS = 5
SHUFFLES = 5


class Shapley(NamedTuple):
    """Exact Shapley values of a tree ensemble.

    Attributes:
        values: `(n, G)`: what each position adds to each prediction.
        bias: what the ensemble predicts before it knows anything; bias and values add up to the prediction.
    """

    values: Floats
    bias: float


class HeldOut(NamedTuple):
    """How the predictor does on architectures that it has not seen, by cross-validation.

    Attributes:
        r2: share of the labels' variance that it explains, at most 1.
        kendall_tau: of its ranking.
        permutation: `(G,)` half of the share that is lost when the position's choices are shuffled, which estimates
            the position's total share; None where shuffling would make architectures that do not exist.
    """

    r2: float
    kendall_tau: float
    permutation: Floats | None


def has_shapley(predictor: Any) -> bool:
    """Whether `shapley` can answer for a pipeline."""
    steps = predictor.named_steps
    return isinstance(steps["regress"], XGBoostEnsemble) and isinstance(steps["encode"], OneHot)


def shapley(predictor: Any, genotypes: Genotypes) -> Shapley:
    """Shapley values of each position, summed over its one-hot columns and averaged over the ensemble's members.

    Args:
        predictor: a fitted pipeline of `OneHot` and `XGBoostEnsemble`, without `rank_targets`.
        genotypes: `(n, G)`.

    Raises:
        TaskError: the predictor is another one.
    """
    encode, regress = predictor.named_steps["encode"], predictor.named_steps["regress"]
    if not has_shapley(predictor):
        raise TaskError(
            "exact Shapley values are those of XGBoost's trees on one-hot columns, without ranks as targets: "
            "create('xgboost', space, functional=False, encoder='one-hot', rank_targets=False)"
        )
    import xgboost

    features = xgboost.DMatrix(encode.transform(genotypes), nthread=1)
    parts = np.zeros((len(genotypes), encode.space.length))
    bias = 0.0
    for model in regress.models_:
        if isinstance(model, float):
            bias += model
            continue
        model.set_param({"nthread": 1})
        contributions = model.predict(features, pred_contribs=True).astype(np.float64)
        bias += float(contributions[0, -1])
        parts += np.stack([contributions[:, list(group)].sum(axis=1) for group in encode.groups()], axis=1)
    return Shapley(parts / len(regress.models_), bias / len(regress.models_))


def shapley_effects(space: SearchSpace, genotypes: Genotypes, values: Shapley) -> tuple[Floats, ...]:
    """The choices' main effects from Shapley values.

    A position's Shapley value is its main effect and a share of each interaction that it takes part in. Where
    positions are independent, interactions average to nothing over the architectures that have the choice.
    """
    return effects_of_parts(space, genotypes, values.values)


def partial_dependence(predictor: Any, space: SearchSpace, genotypes: Genotypes) -> tuple[Floats, ...]:
    """The choices' main effects by substitution.

    Args:
        predictor: fitted, with `predict`.
        space: where the genotypes live.
        genotypes: `(n, G)` to average over.

    Returns:
        For each position `(choices,)`: the mean prediction with the choice put into every architecture that stays
        valid with it, minus the mean over the choices as often as the genotypes have them; NaN where none stays valid.
    """
    effects = []
    for position, choices in enumerate(space.cardinalities):
        means = np.full(choices, np.nan)
        for choice in range(choices):
            changed = genotypes.copy()
            changed[:, position] = choice
            if not is_product(space):
                changed = changed[space.valid(changed)]
            if len(changed):
                means[choice] = float(np.mean(predictor.predict(changed)))
        effects.append(_centred(means, np.bincount(genotypes[:, position], minlength=choices)))
    return tuple(effects)


def _centred(means: Floats, counts: NDArray[np.int64]) -> Floats:
    known = ~np.isnan(means) & (counts > 0)
    return means - np.average(means[known], weights=counts[known]) if known.any() else means


def held_out(predictor: Any, space: SearchSpace, genotypes: Genotypes, values: Floats, seed: int) -> HeldOut:
    """Cross-validated quality and permutation importance.

    Args:
        predictor: not changed; copies of it are fitted.
        space: where the genotypes live.
        genotypes: `(n, G)`, n at least 2 a fold.
        values: `(n,)` labels.
        seed: of the folds and the shuffling.
    """
    from scipy.stats import kendalltau
    from sklearn.base import clone
    from sklearn.inspection import permutation_importance
    from sklearn.metrics import r2_score
    from sklearn.model_selection import KFold

    predicted = np.empty(len(values))
    lost = np.zeros(space.length)
    for fold, (seen, out) in enumerate(KFold(FOLDS, shuffle=True, random_state=seed).split(genotypes)):
        model = clone(predictor).fit(genotypes[seen], values[seen])
        predicted[out] = model.predict(genotypes[out])
        if is_product(space) and np.ptp(values[out]) > 0:
            found = permutation_importance(
                model, genotypes[out], values[out], scoring="r2", n_repeats=SHUFFLES, random_state=seed + fold, n_jobs=1
            )
            lost += found.importances_mean / FOLDS
    constant = np.ptp(predicted) == 0 or np.ptp(values) == 0
    return HeldOut(
        float(r2_score(values, predicted)) if np.ptp(values) > 0 else float("nan"),
        0.0 if constant else float(kendalltau(predicted, values).statistic),
        lost / 2.0 if is_product(space) else None,
    )
