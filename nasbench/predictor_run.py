"""One predictor on one trial: trained on so many architectures, asked for the held-out ones."""

from __future__ import annotations

import hashlib
import json
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import Parameter, signature
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import TaskError
from nasbench.prediction_split import KINDS, split
from nasbench.prediction_task import PredictionTask
from nasbench.run import Entry, hash_trace
from nasbench.runner import one_thread
from nasbench.space import Genotypes, SearchSpace
from nasbench.streams import generator

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

PREDICTION_VERSION = 1
"""Raised whenever the rules of a trial change what a run holds; part of every run key."""

PREDICTION = np.dtype([("kind", "u1"), ("row", "<i8"), ("mean", "<f8"), ("std", "<f8")])
"""One held-out row: place of its kind in `KINDS`, table row, prediction, standard deviation (NaN: unknown)."""


@runtime_checkable
class ChargedEncoder(Protocol):
    """An encoder whose features cost simulated time: proxies to compute, epochs to train."""

    def cost(self, X: Any) -> Any:
        """What the features of genotypes `(n, G)` take; `seconds` of it are `(n,)`, NaN where not published."""
        ...


@dataclass(frozen=True)
class PredictorSpec:
    """A predictor to compare: a registry name and all that it is created with.

    Args:
        name: one of `nasbench.predictors.list()`.
        params: of the regressor. A `random_state` that is not given is drawn anew for each trial.
        encoder: a name of `nasbench.predictors.encoders.list()`; None takes the predictor's own.
        rank_targets: see `nasbench.predictors.create`.
        salt: distinguishes identical predictors that are entered twice; "" otherwise.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    encoder: str | None = None
    rank_targets: bool = True
    salt: str = ""

    @property
    def regressor_class(self) -> Any:
        """The class behind the name.

        Raises:
            UnknownNameError, MissingExtraError: there is none, or it lacks an optional part.
        """
        from nasbench.predictors import REGISTRY

        return REGISTRY.get(self.name)

    @property
    def trains(self) -> bool:
        """Whether it learns from labels; a regressor class says `query_only = True` where it does not."""
        return not getattr(self.regressor_class, "query_only", False)

    def entry(self, label: str = "") -> Entry:
        """How it is entered: its name and all hyper-parameters, those at their default included; a
        `random_state` that is drawn anew for each trial is None.

        Raises:
            TaskError: a hyper-parameter is no JSON value.
        """
        settings = {**_defaults(self.regressor_class), **self.params}
        settings |= {"encoder": self.encoder, "rank_targets": self.rank_targets}
        try:
            params = json.dumps(settings, sort_keys=True)
        except TypeError as error:
            raise TaskError(f"the hyper-parameters of predictor {self.name!r} must be JSON values: {error}") from None
        return Entry(label, self.name, params, int(getattr(self.regressor_class, "version", 1)), self.salt)

    @classmethod
    def from_entry(cls, entry: Entry) -> PredictorSpec:
        """The predictor of a kept run, so that the run can be done again."""
        params = json.loads(entry.params)
        encoder, rank_targets = params.pop("encoder"), params.pop("rank_targets")
        defaults = _defaults(cls(entry.name).regressor_class)
        given = {key: value for key, value in params.items() if key not in defaults or defaults[key] != value}
        return cls(entry.name, given, encoder, rank_targets, entry.salt)

    def build(self, space: SearchSpace, functional: bool, seed: int) -> Pipeline:
        """The predictor for a space.

        Args:
            space: where the genotypes live.
            functional: whether the metric depends on the computed function only.
            seed: `random_state` of a regressor that takes one and was given none.

        Raises:
            UnknownNameError: no such predictor, hyper-parameter or encoder.
            GenotypeError: the encoder does not suit the space.
        """
        from nasbench.predictors import create

        params = dict(self.params)
        if "random_state" in signature(self.regressor_class).parameters and params.get("random_state") is None:
            params["random_state"] = seed
        return create(
            self.name, space, functional=functional, rank_targets=self.rank_targets, encoder=self.encoder, **params
        )


def _defaults(regressor_class: Any) -> dict[str, Any]:
    """Hyper-parameters of a regressor class that have a default, with it; no `random_state` is drawn."""
    parameters = signature(regressor_class).parameters.items()
    defaults = {name: given.default for name, given in parameters if given.default is not Parameter.empty}
    return {**defaults, "random_state": None} if "random_state" in defaults else defaults


@dataclass(frozen=True)
class PredictorRun:
    """One finished (or failed) trial of one predictor at one training size.

    Attributes:
        key: sha256 of all that determines the predictions.
        task, entry, size, trial: what was done; `size` is 0 for a predictor that needs no training.
        predictions: `(rows,)` of `PREDICTION`, kind by kind; empty where it failed.
        fit_seconds: measured.
        query_seconds: measured, an architecture, in one batch of all held-out rows.
        charged_seconds: simulated, an architecture: what the encoder charges for its features.
        error: the predictor's error, or "".
    """

    key: str
    task: PredictionTask
    entry: Entry
    size: int
    trial: int
    predictions: NDArray[Any]
    fit_seconds: float = 0.0
    query_seconds: float = 0.0
    charged_seconds: float = 0.0
    error: str = ""

    @property
    def failed(self) -> bool:
        """Whether the predictor raised an error."""
        return bool(self.error)

    @property
    def prediction_hash(self) -> str:
        """sha256 of the predictions: equal keys give equal hashes."""
        return hash_trace(self.predictions)

    def of_kind(self, kind: str) -> NDArray[Any]:
        """The predictions of one kind of held-out rows; none where the task has no such rows."""
        part: NDArray[Any] = self.predictions[self.predictions["kind"] == KINDS.index(kind)]
        return part


def predictor_key(task: PredictionTask, entry: Entry, size: int, trial: int) -> str:
    """sha256 of all that determines the predictions of a run; measured times take no part."""
    bench = task.bench
    identity = {
        "column": bench.digest(task.metric, task.protocol),
        "classes": hashlib.sha256(bench.classes.tobytes()).hexdigest() if task.functional else "",
        "space": bench.space.sha256,
        "task": task.identity(),
        "functional": task.functional,
        "sign": task.facts.sign,
        "predictor": [entry.name, json.loads(entry.params), entry.version, entry.salt],
        "prediction_version": PREDICTION_VERSION,
        "size": size,
        "trial": trial,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def evaluate_predictor(
    task: PredictionTask,
    spec: PredictorSpec | str,
    size: int,
    trial: int = 0,
    *,
    entry: Entry | None = None,
    raise_errors: bool = True,
) -> PredictorRun:
    """Train a predictor on the first `size` training rows of a trial and predict the held-out ones.

    Args:
        task: what to predict.
        spec: the predictor, or its registry name.
        size: training rows; 0 for a predictor that needs none.
        trial: which split, labels and `random_state`.
        entry: how the predictor is entered; under its own name by default.
        raise_errors: False returns a failed run instead of raising what the predictor raised.

    Raises:
        TaskError: the table has too few rows.
    """
    spec = PredictorSpec(spec) if isinstance(spec, str) else spec
    entry = entry or spec.entry(spec.name)
    key = predictor_key(task, entry, size, trial)
    rows = split(task, trial, size)
    pieces = [(KINDS.index(kind), held) for kind, held in rows.held_out.items()]
    predictions = np.zeros(sum(len(held) for _, held in pieces), dtype=PREDICTION)
    predictions["kind"] = np.concatenate([np.full(len(held), kind) for kind, held in pieces])
    predictions["row"] = np.concatenate([held for _, held in pieces])
    seed = generator("predictor", task.id, entry.name, entry.params, entry.version, entry.salt, trial)
    try:
        predictor = spec.build(task.bench.space, task.functional, int(seed.integers(1 << 30)))
        genotypes = task.bench.genotypes
        labels = task.labels(trial).shown[rows.train]
        times = _predict(predictor, genotypes[rows.train], labels, genotypes[predictions["row"]], predictions)
    except Exception:
        if raise_errors:
            raise
        return PredictorRun(key, task, entry, size, trial, predictions[:0], error=traceback.format_exc())
    predictions.flags.writeable = False
    return PredictorRun(key, task, entry, size, trial, predictions, *times)


def _predict(
    predictor: Pipeline, X: Genotypes, y: NDArray[np.float64], asked: Genotypes, predictions: NDArray[Any]
) -> tuple[float, float, float]:
    """Fill in the predictions; returns seconds to fit, and measured and simulated ones a query."""
    one_thread(uses_blas=True)
    with np.errstate(all="ignore"):  # what comes out is checked; flags on the way depend on the processor
        begin = perf_counter()
        predictor.fit(X, y)
        fitted = perf_counter()
        mean, std = predictor.predict(asked, return_std=True)
        done = perf_counter()
    if not np.isfinite(mean).all():
        raise ValueError(f"{int((~np.isfinite(mean)).sum())} of {len(mean)} predictions are not finite")
    predictions["mean"], predictions["std"] = mean, std
    encoder = predictor[0]
    charged = float(np.mean(encoder.cost(asked).seconds)) if isinstance(encoder, ChargedEncoder) else 0.0
    return fitted - begin, (done - fitted) / len(asked), charged
