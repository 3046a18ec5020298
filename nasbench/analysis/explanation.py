"""Which operation at which position matters: a predictor's answer, beside the exact one where the table has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench.analysis import attribution
from nasbench.analysis.main_effects import (
    Floats,
    MainEffects,
    is_product,
    main_effects,
    shares,
    total_shares,
)
from nasbench.errors import TaskError, UnknownNameError
from nasbench.predictors.gaussian_process import rank_gaussian
from nasbench.space import Genotypes, SearchSpace
from nasbench.streams import generator

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

    from nasbench.benchmark import Benchmark, Metric

BACKGROUND = 1_000
"""Architectures that a predictor's effects are averaged over."""

LEAST_LABELS = 20

METHODS = ("shapley", "dependence", "sample")
"""Estimates of the choices' effects: by Shapley values, by partial dependence, by plain means of the labels."""


@dataclass(frozen=True)
class Exact:
    """What the whole table says.

    Attributes:
        main: its main effects.
        totals: `(G,)` total shares; None where positions are not independent or values are missing.
        rows: architectures with a value.
    """

    main: MainEffects
    totals: Floats | None
    rows: int


@dataclass(frozen=True)
class Explanation:
    """What the positions and choices of architectures do to a metric.

    Attributes:
        benchmark: its name.
        metric: what is explained.
        ranks: whether effects are those on normal scores of the ranks instead of the metric's values.
        predictor: name of the predictor.
        labels: architectures that it learned from.
        seed: of the draw.
        space: of the genotypes.
        effects: method -> for each position `(choices,)`; see `METHODS`.
        importances: name -> `(G,)`: `shapley` is the mean absolute Shapley value in the effects' unit, `dependence`
            the share of the labels' variance, `permutation` the estimated total share.
        quality: of the predictor on held-out labels.
        exact: of the whole table; None where there is no table.
    """

    benchmark: str
    metric: Metric
    ranks: bool
    predictor: str
    labels: int
    seed: int
    space: SearchSpace
    effects: dict[str, tuple[Floats, ...]]
    importances: dict[str, Floats]
    quality: attribution.HeldOut
    exact: Exact | None

    @property
    def unit(self) -> str:
        """Of the effects."""
        return "normal score" if self.ranks else self.metric.unit

    @property
    def independent(self) -> bool:
        """Whether each position is free of the others, so that its effect is its own."""
        return is_product(self.space)

    def choices(self) -> pd.DataFrame:
        """One row a choice of a position: `position`, `choice`, `exact` (NaN where not known) and each method."""
        import pandas as pd

        positions = self.space.parameters
        frame = {
            "position": [p.name for p in positions for _ in p.choices],
            "choice": [str(choice) for p in positions for choice in p.choices],
            "exact": self._column(None if self.exact is None else self.exact.main.effects),
            **{method: self._column(self.effects.get(method)) for method in METHODS},
        }
        return pd.DataFrame(frame)

    def positions(self) -> pd.DataFrame:
        """One row a position: exact shares (NaN where not known) and each importance."""
        import pandas as pd

        unknown = np.full(self.space.length, np.nan)
        main = unknown if self.exact is None else self.exact.main.shares
        total = unknown if self.exact is None or self.exact.totals is None else self.exact.totals
        names = ("dependence", "permutation", "shapley")
        return pd.DataFrame(
            {
                "position": [p.name for p in self.space.parameters],
                "exact_main": main,
                "exact_total": total,
                **{name: self.importances.get(name, unknown) for name in names},
            }
        )

    def agreement(self) -> dict[str, float]:
        """Spearman correlation of each method's effects with the exact ones, over all choices; {} without a table."""
        from scipy.stats import spearmanr

        if self.exact is None:
            return {}
        exact = self._column(self.exact.main.effects)
        found = {}
        for method, effects in self.effects.items():
            column = self._column(effects)
            known = ~np.isnan(exact) & ~np.isnan(column)
            varies = np.ptp(exact[known]) > 0 and np.ptp(column[known]) > 0
            found[method] = float(spearmanr(exact[known], column[known]).statistic) if varies else float("nan")
        return found

    def _column(self, effects: tuple[Floats, ...] | None) -> Floats:
        return np.full(sum(self.space.cardinalities), np.nan) if effects is None else np.concatenate(effects)


def explain(
    benchmark: Benchmark | str,
    metric: str | None = None,
    predictor: str = "xgboost",
    n: int = 1000,
    seed: int = 0,
    *,
    ranks: bool = False,
    allow_test: bool = False,
    **params: Any,
) -> Explanation:
    """Explain a metric by a predictor that is fitted to n architectures drawn uniformly, mean over their repeats.

    XGBoost is fitted to one-hot columns, so that its Shapley values belong to positions; any other predictor to its
    own features, and only substitution and shuffling ask it. The same arguments give the same numbers.

    Args:
        benchmark: or its name.
        metric: the primary one by default.
        predictor: one of `nasbench.predictors.list()`.
        n: labels; with fewer architectures that have one, all of them.
        seed: of everything that is drawn.
        ranks: explain normal scores of the values' ranks. A table with a long tail of bad architectures is
            otherwise explained by what makes them bad.
        allow_test: explain a test column.
        **params: of the predictor.

    Raises:
        TaskError: too few labels, or a test column without `allow_test`.
        UnknownNameError: no such benchmark, metric, predictor or parameter.
    """
    from nasbench.benchmark import load

    bench = load(benchmark) if isinstance(benchmark, str) else benchmark
    name = bench.objective if metric is None else metric
    if name not in bench.metrics:
        raise UnknownNameError(f"metric of {bench.name}", name, bench.metrics)
    described = bench.metrics[name]
    if described.is_test and not allow_test:
        raise TaskError(f"{name} of {bench.name} is a test column; explaining it needs allow_test (--allow-test)")
    rng = generator("explain", bench.name, name, seed)
    genotypes, values = _labels(bench, name, n, rng)
    if ranks:
        values = rank_gaussian(values)
    made = _predictor(predictor, bench.space, described.functional, seed, params)
    quality = attribution.held_out(made, bench.space, genotypes, values, seed)
    made.fit(genotypes, values)
    effects, importances = _asked(made, bench.space, float(values.var()), rng)
    if quality.permutation is not None:
        importances["permutation"] = quality.permutation
    effects["sample"] = main_effects(bench.space, genotypes, values).effects
    return Explanation(
        bench.name, described, ranks, predictor, len(values), seed, bench.space, effects, importances, quality,
        exact_effects(bench, name, ranks) if bench.tabular else None,
    )  # fmt: skip


def exact_effects(bench: Benchmark, metric: str, ranks: bool = False) -> Exact:
    """Main effects and total shares of a whole table, without any predictor.

    Args:
        bench: with a table.
        metric: a column.
        ranks: of normal scores of the ranks.
    """
    column = bench.mean(metric)
    known = ~np.isnan(column)
    values = rank_gaussian(column[known]) if ranks else column[known]
    genotypes = bench.genotypes[known]
    whole = is_product(bench.space) and len(values) == bench.space.size
    totals = total_shares(bench.space, genotypes, values) if whole else None
    return Exact(main_effects(bench.space, genotypes, values), totals, len(values))


def _labels(bench: Benchmark, metric: str, n: int, rng: np.random.Generator) -> tuple[Genotypes, Floats]:
    """Architectures drawn uniformly among those with a value, without replacement, and their mean values."""
    if bench.tabular:
        column = bench.mean(metric)
        rows = np.flatnonzero(~np.isnan(column))
        drawn = rng.choice(rows, size=min(n, len(rows)), replace=False) if n > 0 else rows[:0]
        genotypes, values = bench.genotypes[drawn].astype(np.int64), column[drawn]
    else:
        genotypes = np.unique(bench.space.sample(rng, max(n, 0)), axis=0)
        values = bench.query(genotypes, metric)
    if len(values) < LEAST_LABELS:
        raise TaskError(f"an explanation needs at least {LEAST_LABELS} labelled architectures, got {len(values)}")
    return genotypes, values


def _predictor(name: str, space: SearchSpace, functional: bool, seed: int, params: dict[str, Any]) -> Pipeline:
    from nasbench.predictors import create

    positions = {"functional": False, "encoder": "one-hot"} if name == "xgboost" else {"functional": functional}
    return create(name, space, rank_targets=False, **{"random_state": seed, **positions, **params})


def _asked(
    predictor: Pipeline, space: SearchSpace, variance: float, rng: np.random.Generator
) -> tuple[dict[str, tuple[Floats, ...]], dict[str, Floats]]:
    """Effects and importances that the fitted predictor gives, on a uniform background."""
    background = space.all() if space.size <= BACKGROUND else space.sample(rng, BACKGROUND)
    effects, importances = {}, {}
    if attribution.has_shapley(predictor):
        found = attribution.shapley(predictor, background)
        effects["shapley"] = attribution.shapley_effects(space, background, found)
        importances["shapley"] = np.abs(found.values - found.values.mean(axis=0)).mean(axis=0)
    dependence = attribution.partial_dependence(predictor, space, background)
    effects["dependence"] = dependence
    counts = tuple(np.bincount(background[:, i], minlength=c) for i, c in enumerate(space.cardinalities))
    # of the labels' variance: that of predictions is smaller by what the predictor does not know
    importances["dependence"] = shares(dependence, counts, variance)
    return effects, importances
