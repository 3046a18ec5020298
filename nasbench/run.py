"""What happened in one (task, strategy, seed): the trace, the ledger, and their digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.incumbent import front_steps, incumbent_steps, observations_of
from nasbench.space import Genotype

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.task import Task

TRACE_VERSION = 1
"""Raised whenever the engine's own rules change what a trace holds; part of every run key."""


class Ledger(NamedTuple):
    """What a run spent.

    Attributes:
        raw: trials that were evaluated and counted.
        unique: distinct architectures among them.
        unique_classes: distinct canonical classes among them.
        repeated: raw minus unique.
        failed: trials whose objective the table does not hold.
        infeasible: trials that broke a constraint.
        charged: evaluations charged under the task's policy.
        seconds: simulated wall-clock at the last counted trial's end.
        epochs: simulated training epochs, summed over workers (NaN where unknown).
        extra_seconds: simulated seconds spent outside of trainings (on proxies, on a supernet); part of `seconds`
            where the dataset has training times.
        source_observations: evaluations of other tasks that the strategy was shown.
        uses: outside knowledge that it declares to read, comma-separated.
    """

    raw: int
    unique: int
    unique_classes: int
    repeated: int
    failed: int
    charged: int
    seconds: float
    epochs: float
    infeasible: int = 0
    extra_seconds: float = 0.0
    source_observations: int = 0
    uses: str = ""


class Entry(NamedTuple):
    """A strategy as entered into a comparison.

    Attributes:
        label: how tables and charts name it.
        name: registry name or `module:Class` of the strategy.
        params: hyper-parameters, all of them, as JSON text.
        version: the strategy's `version`.
        salt: distinguishes identical strategies that are entered twice; "" otherwise.
    """

    label: str
    name: str
    params: str
    version: int
    salt: str = ""


def trace_dtype(length: int, objectives: int, constraints: int = 0) -> np.dtype[Any]:
    """The structured dtype of a trace: one record a counted trial, in order of completion."""
    constrained: list[Any] = [("constraint", "<f8", (constraints,))] if constraints else []
    return np.dtype(
        [
            ("genotype", "<i4", (length,)),
            ("row", "<i8"),
            ("epoch", "<f8"),
            ("value", "<f8", (objectives,)) if objectives > 1 else ("value", "<f8"),
            ("cost", "<f8"),
            ("start", "<f8"),
            ("finish", "<f8"),
            ("worker", "<i4"),
            *constrained,
        ]
    )


def hash_trace(trace: NDArray[Any]) -> str:
    """sha256 of a trace's layout and bytes."""
    digest = hashlib.sha256(repr(trace.dtype.descr).encode())
    digest.update(np.ascontiguousarray(trace).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Run:
    """One finished (or failed) run.

    Attributes:
        key: sha256 of all that determines the run.
        task: the task.
        entry: the strategy as entered.
        seed: the run's seed.
        trace: structured array, see `trace_dtype`; `row` is -1 where a genotype has no table row,
            `epoch` is NaN where the dataset declares none, `value` in the metric's own direction;
            `constraint`, the values of constrained metrics, only where the task has constraints.
        ledger: what was spent.
        stop: `budget`, `stalled`, `exhausted` or `failed`.
        error: the strategy's error where `stop` is `failed`, else "".
        fit_seconds, suggest_seconds: measured time in `tell` and in `ask`, apart from the trace.
    """

    key: str
    task: Task
    entry: Entry
    seed: int
    trace: NDArray[Any]
    ledger: Ledger
    stop: str
    error: str = ""
    fit_seconds: float = 0.0
    suggest_seconds: float = 0.0

    @property
    def trace_hash(self) -> str:
        """sha256 of the trace: equal keys give equal hashes."""
        return hash_trace(self.trace)

    @property
    def failed(self) -> bool:
        """Whether the strategy raised an error."""
        return self.stop == "failed"

    @property
    def best(self) -> Genotype:
        """The incumbent: best observed value at the highest epoch reached (ties: the earlier).

        Raises:
            ValueError: no trial of the run gave a value that keeps the constraints.
        """
        steps = incumbent_steps(self.trace, self.task.objectives[0].sign, self.task.bounds)
        if not len(steps) or steps[-1] < 0:
            kept = f" that keeps {' and '.join(self.task.constraints)}" if self.task.constraints else ""
            raise ValueError(f"no trial of this run gave a value{kept}, so there is no best architecture")
        return tuple(self.trace["genotype"][steps[-1]].tolist())

    @property
    def front(self) -> list[Genotype]:
        """The Pareto set of the observed values, each architecture once, in order of discovery.

        As for the incumbent, values of different fidelities are never compared: the set is that of
        the highest epoch at which the run has a value of every objective that keeps the constraints.
        """
        signs = [objective.sign for objective in self.task.objectives]
        steps = list(front_steps(*observations_of(self.trace, signs, self.task.bounds)))
        return [tuple(genotype) for genotype in self.trace["genotype"][steps[-1].members].tolist()] if steps else []

    def to_frame(self) -> pd.DataFrame:
        """The trace as a data frame, one row a trial, with the architecture as text."""
        import pandas as pd

        space = self.task.space
        columns: dict[str, Any] = {"architecture": [space.format(tuple(g)) for g in self.trace["genotype"].tolist()]}
        for name in ("row", "epoch", "cost", "start", "finish", "worker"):
            columns[name] = self.trace[name]
        value = self.trace["value"].reshape(len(self.trace), len(self.task.objectives))
        for position, objective in enumerate(self.task.objectives):
            columns[objective.name] = value[:, position]
        for position, bound in enumerate(self.task.bounds):
            columns.setdefault(bound.name, self.trace["constraint"][:, position])
        return pd.DataFrame(columns)
