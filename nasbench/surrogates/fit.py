"""Fit a surrogate to a table: an ensemble a metric, its noise, and how it does on what it has not seen.

Source: Zela et al., Surrogate NAS Benchmarks: Going Beyond the Limited Search Spaces of Tabular NAS
Benchmarks, ICLR 2022 (ensembles by cross-validation, leaving out regions of the space, sparse tau).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.benchmark import Benchmark, Metric
from nasbench.errors import NoTableError, TableError, TaskError, UnknownNameError
from nasbench.noise import noise_floor
from nasbench.predictors.boosted_members import BoostingParams, FittedMembers, fit_members
from nasbench.schema import Protocol
from nasbench.space import Genotypes
from nasbench.surrogates.manifest import Manifest, MetricModel, Part
from nasbench.surrogates.predict import best_known, features_of, features_sha256, predicted
from nasbench.surrogates.quality import ENSEMBLE, Quality, quality, rounding_step
from nasbench.surrogates.regions import LEAST_HELD_OUT, regions_of
from nasbench.surrogates.scale import Floats, NoiseModel, TargetScale

SAVABLE = ("xgboost",)
"""Predictors that can be kept as data: XGBoost writes its own format; the others have only pickles."""

HELD_OUT = 0.2
"""Share of the rows that the first validation leaves out at random."""

RANDOM = "random fifth"

NEIGHBOURS = 10

Progress = Callable[[str, int, int], None]
"""Called with (what is being fitted, members done, members in all)."""


@dataclass(frozen=True)
class Surrogate:
    """A fitted surrogate: its manifest and the bytes of its models, in the manifest's order."""

    manifest: Manifest
    parts: tuple[bytes, ...]


def fit_surrogate(
    bench: Benchmark,
    name: str,
    *,
    predictor: str = "xgboost",
    params: Mapping[str, Any] | None = None,
    metrics: Sequence[str] | None = None,
    objective: str | None = None,
    protocol: str | None = None,
    seed: int = 0,
    allow_test: bool = False,
    progress: Progress | None = None,
) -> Surrogate:
    """Fit a surrogate of a table; the same arguments give the same bytes.

    Args:
        bench: a table.
        name: family that the surrogate is called by; its dataset keeps its name.
        predictor: one of `SAVABLE`.
        params: of the predictor, see `BoostingParams`.
        metrics: what it answers; the objective, and `train_seconds` where the table has it, by default.
        objective: its primary metric; the table's by default.
        protocol: training recipe; the table's first by default.
        seed: of all that is random.
        allow_test: whether a metric may be a test column (as in a task, it then stays one).
        progress: told as members are fitted.

    Raises:
        NoTableError: the benchmark is itself a surrogate.
        TaskError: a test column without `allow_test`, or a seed that is none.
        UnknownNameError: no such metric, protocol, predictor, or hyper-parameter.
        TableError: too few architectures with a value.
    """
    if not bench.tabular:
        raise NoTableError(f"{bench.name} is a surrogate itself; fit to the table that it was fitted to")
    if predictor not in SAVABLE:
        raise UnknownNameError("predictor that can be saved as data", predictor, SAVABLE)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**24:
        raise TaskError(f"a seed is an integer from 0 to 2^24 - 1, got {seed!r}")
    try:
        boosting = BoostingParams.of(dict(params or {}))
    except ValueError as error:
        raise TaskError(f"{predictor}: {error}") from None
    recipe = bench.protocol(protocol)
    primary = objective or bench.objective
    columns = _columns(bench, recipe, primary, metrics or (), allow_test)
    fitters = [_Fitter(bench, metric, recipe.name, boosting, seed) for metric in columns]
    plans = [fitter.plan(with_regions=metric.name == primary) for fitter, metric in zip(fitters, columns, strict=True)]
    total = boosting.members * sum(map(len, plans))
    done = 0

    def step(what: str) -> None:
        nonlocal done
        done += 1
        if progress:
            progress(what, done, total)

    fitted = [fitter.fit(plan, step) for fitter, plan in zip(fitters, plans, strict=True)]
    noisy = fitted[0][0].noise is not None
    floor = noise_floor(bench.column(primary, recipe.name), columns[0].sign) if noisy else None
    about = bench.provenance()
    manifest = Manifest(
        family=name,
        dataset=bench.dataset,
        title=f"surrogate of {bench.name}: {predictor} ensemble",
        base=bench.name,
        base_sha256=about["content_sha256"],
        base_rows=len(bench),
        licence=about["licence"],
        citation=about["citation"],
        sources=tuple({key: str(value) for key, value in source.items()} for source in about["sources"]),
        space_kind=bench.full_space.kind,
        space_definition=bench.full_space.definition(),
        space_sha256=bench.full_space.sha256,
        protocol=recipe.name,
        epochs=recipe.epochs,
        objective=primary,
        noise_floor=floor,
        predictor=predictor,
        params=asdict(boosting),
        library=f"xgboost {version('xgboost')}",
        seed=seed,
        metrics=tuple(model for model, _ in fitted),
    )
    return Surrogate(manifest, tuple(part for _, parts in fitted for part in parts))


def _columns(
    bench: Benchmark, recipe: Protocol, primary: str, metrics: Sequence[str], allow_test: bool
) -> list[Metric]:
    """What is fitted, the primary metric first.

    Raises:
        UnknownNameError: no such metric.
        TaskError: a test column without `allow_test`.
    """
    wanted = [primary, *metrics]
    if not metrics and "train_seconds" in recipe.cost:
        wanted.append("train_seconds")
    columns = [bench.metric(metric, recipe.name) for metric in dict.fromkeys(wanted)]
    for metric in columns:
        if metric.is_test and not allow_test:
            raise TaskError(
                f"{metric.name} of {bench.name} holds test data ({metric.split}); a surrogate of it is a test column "
                "too. Leave it out, or say allow_test=True (--allow-test)"
            )
    return columns


class _Fitter:
    """One metric of a table: its rows with a value, and the ensembles that are fitted to parts of them."""

    def __init__(self, bench: Benchmark, metric: Metric, protocol: str, params: BoostingParams, seed: int) -> None:
        self.bench, self.metric, self.params, self.seed = bench, metric, params, seed
        means = bench.mean(metric.name, protocol)
        known = np.flatnonzero(~np.isnan(means))
        if not len(known):
            raise TableError(f"no architecture of {bench.name} has a value of {metric.name}")
        self.values: Floats = means[known]
        self.runs: Floats = bench.column(metric.name, protocol)[known]
        self.genotypes: Genotypes = bench.genotypes[known]
        self.source_ids = bench.source_ids[known]
        self.functional = metric.functional
        self.features = features_of(bench.full_space, self.genotypes, self.functional)
        self.step = rounding_step(metric.unit, noise_floor(self.runs, metric.sign))

    def plan(self, with_regions: bool) -> list[tuple[str, NDArray[np.bool_]]]:
        """What is fitted: (name, rows held out); the last one holds out nothing and is what is served."""
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, 1]))
        held_out = np.zeros(len(self.values), dtype=bool)
        held_out[rng.permutation(len(self.values))[: round(HELD_OUT * len(self.values))]] = True
        plans = [(RANDOM, held_out)]
        if with_regions:
            utility = self.metric.sign * self.values
            plans += regions_of(self.bench.full_space, self.genotypes, self.source_ids, utility)
        return [*plans, ("", np.zeros(len(self.values), dtype=bool))]

    def fit(
        self, plan: Sequence[tuple[str, NDArray[np.bool_]]], step: Callable[[str], None]
    ) -> tuple[MetricModel, tuple[bytes, ...]]:
        """The model that is served, validated, and its parts."""
        validation: list[Quality] = []
        for region, held_out in plan[:-1]:
            validation += self._validate(region, held_out, partial(step, f"{self.metric.name}: {region} held out"))
        target, residual, fitted = self._ensemble(~plan[-1][1], partial(step, f"{self.metric.name}: to serve"))
        metric, parts = self.metric, fitted.members.parts()
        best, best_value = best_known(
            self.bench.full_space, target, fitted.members, self.genotypes, self.functional, metric.sign
        )
        model = MetricModel(
            name=metric.name,
            direction=metric.direction,
            unit=metric.unit,
            split=metric.split,
            scale=metric.scale,
            description=metric.description,
            target=target,
            residual=residual,
            noise=NoiseModel.fit(self.runs) if self.functional else None,
            rows=len(self.values),
            features=self.features.shape[1],
            features_sha256=features_sha256(self.bench.full_space, self.functional),
            best=best,
            best_value=best_value,
            validation=tuple(validation),
            parts=tuple(Part(hashlib.sha256(part).hexdigest(), len(part)) for part in parts),
        )
        return model, parts

    def _ensemble(self, rows: NDArray[np.bool_], step: Callable[[], None]) -> tuple[TargetScale, float, FittedMembers]:
        """Scale, residual deviation (in targets) and members fitted to some of the rows.

        The residual is what is left of the members' out-of-fold error beyond their spread.
        """
        values, features = self.values[rows], self.features[rows]
        target = TargetScale.of(values, positive=self.metric.split == "cost" or self.metric.scale == "log")
        targets = target.targets(values)
        fitted = fit_members(features, targets, self.params, self.seed, step)
        spread = fitted.members.predict(features).var(axis=0, ddof=1)
        missed = float(np.mean((fitted.out_of_fold - targets) ** 2) - spread.mean())
        return target, float(np.sqrt(max(missed, 1e-12))), fitted

    def _validate(self, region: str, held_out: NDArray[np.bool_], step: Callable[[], None]) -> list[Quality]:
        """The ensemble, and plain models beside it, fitted to the others and asked for the held-out rows."""
        target, residual, fitted = self._ensemble(~held_out, step)
        mean, deviation = predicted(target, residual, fitted.members, self.features[held_out])
        labels, seen = self.values[held_out], self.values[~held_out]
        rows = [quality(region, ENSEMBLE, labels, mean, deviation, self.step, target.log)]
        repeated = (~np.isnan(self.runs[held_out])).sum(axis=1) > 1
        noise = NoiseModel.fit(self.runs[~held_out]) if self.functional else None
        if noise is not None and repeated.sum() >= LEAST_HELD_OUT:
            extra = noise.at(mean)[repeated]
            rows.append(self._single_runs(region, held_out, repeated, mean[repeated], deviation[repeated], extra))
        if region == RANDOM:
            constant = np.full(len(labels), seen.mean())
            rows.append(quality(region, "constant", labels, constant, np.full(len(labels), seen.std()), self.step))
            rows += [
                quality(region, name, labels, target.values(plain), None, self.step)
                for name, plain in self._plain_models(target.targets(seen), held_out)
            ]
        return rows

    def _single_runs(
        self, region: str, held_out: NDArray[np.bool_], repeated: NDArray[np.bool_], mean: Floats, deviation: Floats,
        noise: Floats,
    ) -> Quality:  # fmt: skip
        """The same predictions against the first training of each held-out row that was trained repeatedly.

        The deviation is that of a mean of several trainings, whose own noise it already holds.
        """
        runs = self.runs[held_out][repeated]
        first = runs[np.arange(len(runs)), np.argmax(~np.isnan(runs), axis=1)]
        extra = noise**2 * (1.0 - 1.0 / (~np.isnan(runs)).sum(axis=1))
        return quality(region, f"{ENSEMBLE}, one training", first, mean, np.sqrt(deviation**2 + extra), self.step)

    def _plain_models(self, targets: Floats, held_out: NDArray[np.bool_]) -> list[tuple[str, Floats]]:
        """Standardised predictions of models that anyone would try first."""
        from sklearn.linear_model import Ridge
        from sklearn.neighbors import KNeighborsRegressor

        models = {
            f"{NEIGHBOURS} nearest neighbours": KNeighborsRegressor(min(NEIGHBOURS, len(targets)), weights="distance"),
            "ridge regression": Ridge(1.0),
        }
        features = self.features.astype(np.float64)
        return [
            (name, np.asarray(model.fit(features[~held_out], targets).predict(features[held_out])))
            for name, model in models.items()
        ]
