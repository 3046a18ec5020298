"""A task: a benchmark, what to optimise, a budget, and the policies that make runs comparable."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.benchmark import Benchmark, load
from nasbench.constraint import Constraint
from nasbench.errors import TaskError
from nasbench.problem import Direction, Objective, Problem
from nasbench.space import Genotype, SearchSpace
from nasbench.spaces.table import TableSpace
from nasbench.streams import generator, noise_key, uniform_indices

CHARGES = ("all", "unique", "unique-class")


@dataclass
class Memory:
    """What runs of one task have read from its table, so that it is not read again.

    Attributes:
        bench: the benchmark that all of it comes from.
        space: where the task's strategies search.
        runs: by protocol, see `Task.runs_of`.
        rows: of the architectures that were asked for.
        outcomes: by epoch, then by row and training run (`nasbench.evaluation`).
    """

    bench: Benchmark
    space: SearchSpace | None = None
    runs: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = field(default_factory=dict)
    rows: dict[Genotype, int] = field(default_factory=dict)
    outcomes: dict[int | None, dict[int, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """What every strategy of a comparison has to do.

    Args:
        benchmark: `family/dataset`.
        objective: a metric, or several; None takes the dataset's primary one.
        evaluations, seconds, epochs: budgets; the first one hit ends the run. `seconds` is
            simulated wall-clock, `epochs` sums over workers. At least one is needed.
        repeat: `random` (each architecture shows one of its training runs), `mean` (idealised:
            shows the mean of all, charges one), or the number of a training run.
        missing: `exclude` searches only architectures that have the asked repeat, or any value of each objective;
            `error` refuses a repeat that some lack, and lets a trial without a value fail.
        charge: `all` trials, distinct rows (`unique`), or distinct canonical classes
            (`unique-class`: a member returns the first asked member's observation).
        protocol: training recipe that the search sees; the dataset's first by default.
        score_protocol: recipe that regret is computed on; the same by default.
        fidelity: None (full training only), `curve` (epochs along one schedule) or `protocols`
            (each level trained anew).
        resume: whether a `curve` trial pays only what it adds to the same run's earlier epochs.
        workers: simulated asynchronous workers.
        allow_test: search on a test column knowingly; every report then says so.
        constraints: bounds such as `params<=1e6` or `latency_ms<=5`. A trial that breaks one is
            evaluated and charged, is told with `status="infeasible"`, and never leads. Regret is
            then against the best architecture that keeps them.

    Raises:
        TaskError: the task cannot be run as asked.
    """

    benchmark: str
    objective: str | Sequence[str] | None = None
    evaluations: int | None = None
    seconds: float | None = None
    epochs: float | None = None
    repeat: str | int = "random"
    missing: str = "error"
    charge: str = "all"
    protocol: str | None = None
    score_protocol: str | None = None
    fidelity: str | None = None
    resume: bool = True
    workers: int = 1
    allow_test: bool = False
    constraints: Sequence[str] = ()
    objectives: tuple[Objective, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.benchmark, Benchmark):
            self._set(benchmark=self.benchmark.name)
        self._set(benchmark=self.bench.name)
        self._check_budget()
        self._check_policies()
        names = self._objective_names()
        self._set(objective=names[0] if len(names) == 1 else tuple(names))
        self._set(objectives=tuple(self._objective(n) for n in names))
        self._check_constraints()
        self._check_repeat()
        self._check_times()

    def _set(self, **values: Any) -> None:
        """Write a field in its one normal form, so that equal tasks have equal ids."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    # -- checks ---------------------------------------------------------------------------------

    def _check_budget(self) -> None:
        budgets = {"evaluations": self.evaluations, "seconds": self.seconds, "epochs": self.epochs}
        if all(value is None for value in budgets.values()):
            raise TaskError("a task needs a budget: evaluations, seconds or epochs")
        for name, value in budgets.items():
            if value is None:
                continue
            whole = name == "evaluations"
            kind = (int, np.integer) if whole else (int, float, np.integer, np.floating)
            if isinstance(value, bool) or not isinstance(value, kind):
                raise TaskError(f"{name} must be a {'whole ' if whole else ''}number, got {value!r}")
            if not (value > 0 and math.isfinite(value)):
                raise TaskError(f"{name} must be positive, got {value!r}")
            self._set(**{name: int(value) if whole else float(value)})

    def _check_policies(self) -> None:
        if isinstance(self.workers, bool) or not isinstance(self.workers, int | np.integer) or self.workers < 1:
            raise TaskError(f"workers must be a positive integer, got {self.workers!r}")
        self._set(workers=int(self.workers))
        if self.charge not in CHARGES:
            raise TaskError(f"charge must be one of {', '.join(CHARGES)}; got {self.charge!r}")
        if self.missing not in ("error", "exclude"):
            raise TaskError(f"missing must be error or exclude, got {self.missing!r}")
        if self.fidelity not in (None, "curve", "protocols"):
            raise TaskError(f"fidelity must be curve or protocols, got {self.fidelity!r}")
        if self.bench.protocol(self.protocol).name == self.bench.protocol().name:
            self._set(protocol=None)
        scored = self.bench.protocol(self.score_protocol or self.protocol).name
        self._set(score_protocol=None if scored == self.bench.protocol(self.protocol).name else scored)

    def _objective_names(self) -> list[str]:
        if self.objective is None:
            return [self.bench.objective]
        names = [self.objective] if isinstance(self.objective, str) else list(self.objective)
        if not names or len(set(names)) != len(names):
            raise TaskError(f"objective must be one metric or several different ones, got {self.objective!r}")
        return names

    def _objective(self, name: str) -> Objective:
        metric = self.bench.metric(name, self.protocol)
        if metric.is_test and not self.allow_test:
            raise TaskError(
                f"{name} of {self.benchmark} holds test data ({metric.split}); a search must not see it. "
                "Choose a validation metric, or say allow_test=True (--allow-test) and have every report "
                "say 'searched on test'"
            )
        direction: Direction = "maximize" if metric.sign > 0 else "minimize"
        return Objective(name, direction, functional=metric.functional)

    def _check_constraints(self) -> None:
        given = [self.constraints] if isinstance(self.constraints, str) else list(self.constraints)
        bounds = [Constraint.parse(text) for text in given]
        self._set(constraints=tuple(map(str, bounds)))
        for bound in bounds:
            self._objective(bound.name)  # the same metrics, and the same ban on test columns
            if self.fidelity == "curve" and self.bench.metric(bound.name, self.protocol).functional:
                raise TaskError(
                    f"{bound.name} changes along a training, so with fidelity='curve' its final value must not be "
                    "known early; constrain a cost (params, flops, latency, energy), or leave out fidelity"
                )
        if bounds and self.bench.tabular and not self.feasible.any():
            raise TaskError(f"no architecture of {self.benchmark} keeps {' and '.join(self.constraints)}")

    def _check_repeat(self) -> None:
        if isinstance(self.repeat, str):
            if self.repeat not in ("random", "mean"):
                raise TaskError(f"repeat must be random, mean or a number, got {self.repeat!r}")
            return
        if isinstance(self.repeat, bool) or not isinstance(self.repeat, int | np.integer) or self.repeat < 0:
            raise TaskError(f"repeat must be random, mean or a number from 0, got {self.repeat!r}")
        self._set(repeat=int(self.repeat))
        if not self.bench.tabular:
            raise TaskError(f"{self.benchmark} has no numbered training runs; use repeat='random' or 'mean'")
        lacking = int(self._lacking().sum())
        if lacking == len(self.bench):
            raise TaskError(f"no architecture of {self.benchmark} has a training run {self.repeat}")
        if lacking and self.missing != "exclude":
            raise TaskError(
                f"{lacking:,} of {len(self.bench):,} architectures of {self.benchmark} lack training run "
                f"{self.repeat}, and they are not a random part; use repeat='random', or missing='exclude' "
                "to search only where it exists"
            )

    def _check_times(self) -> None:
        if self.seconds is not None and not self.has_times:
            raise TaskError(
                f"{self.benchmark} has no training times, so a budget of seconds means nothing; use evaluations"
            )
        if self.seconds is not None and self.bench.tabular:
            untimed = int(np.isnan(self.bench.column("train_seconds", self.protocol)).all(axis=1).sum())
            if untimed:
                raise TaskError(
                    f"{untimed:,} of {len(self.bench):,} architectures of {self.benchmark} have no training time, so a "
                    "budget of seconds would train them for nothing; use evaluations"
                )
        if (self.epochs is not None or self.fidelity) and self.recipe_epochs is None:
            raise TaskError(f"{self.benchmark} does not say its epochs; use evaluations, and leave out fidelity")
        if self.fidelity == "curve" and not self.fidelities:
            raise TaskError(f"{self.benchmark} has no learning curve of {self.objective}; leave out fidelity")
        if self.fidelity == "protocols" and len(self.fidelities) < 2:
            raise TaskError(
                f"{self.benchmark} has no protocol shorter than {self.bench.protocol(self.protocol).name} that holds "
                f"{self.objective}; choose a longer one as protocol, or leave out fidelity"
            )

    # -- what it stands for ---------------------------------------------------------------------

    @property
    def bench(self) -> Benchmark:
        """The loaded benchmark."""
        return load(self.benchmark)

    def _lacking(self) -> NDArray[np.bool_]:
        """Which rows lack what the task shows: the asked training run, or every run, of a metric; `(A,)`."""
        lacking = np.zeros(len(self.bench), dtype=bool)
        metrics = self.bench.metrics_of(self.protocol)
        for name in self.metrics:
            values = self.bench.column(name, self.protocol)
            single = values.shape[1] == 1 and not metrics[name].functional
            if single and self.missing != "exclude":
                continue  # a trial that meets the gap fails
            if isinstance(self.repeat, str) or single:
                lacking |= np.isnan(values).all(axis=1)
            else:
                lacking |= np.isnan(values[:, self.repeat]) if self.repeat < values.shape[1] else True
        return lacking

    @cached_property
    def bounds(self) -> tuple[Constraint, ...]:
        """The constraints, parsed."""
        return tuple(map(Constraint.parse, self.constraints))

    @property
    def metrics(self) -> tuple[str, ...]:
        """What a trial is told: the objectives, then the constrained metrics."""
        return (*(o.name for o in self.objectives), *(bound.name for bound in self.bounds))

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """Which rows keep the constraints by their means under the scoring protocol, `(A,)`."""
        scored = self.score_protocol or self.protocol
        keeps = np.ones(len(self.bench), dtype=bool)
        for bound in self.bounds:
            keeps &= bound.keeps(self.bench.mean(bound.name, scored))
        return keeps

    @property
    def listed(self) -> NDArray[np.bool_]:
        """Which rows strategies search, `(A,)`: all of them, or under `missing="exclude"` those that have values."""
        return ~self._lacking() if self.missing == "exclude" else np.ones(len(self.bench), dtype=bool)

    @property
    def space(self) -> SearchSpace:
        """Where strategies search."""
        memory = self.memory
        if memory.space is None:
            memory.space = self.bench.space
            if self.missing == "exclude" and self.bench.tabular and not (listed := self.listed).all():
                memory.space = TableSpace(self.bench.full_space, self.bench.genotypes[listed])
        return memory.space

    @property
    def recipe_epochs(self) -> int | None:
        """Epochs of full training under the task's protocol."""
        return self.bench.protocol(self.protocol).epochs

    @property
    def has_times(self) -> bool:
        """Whether the protocol declares training seconds, and all shorter ones that trials may ask for too."""
        levels = [self.bench.protocol(self.protocol).name]
        if self.fidelity == "protocols":
            levels += [name for epochs, name in self.ladder if epochs <= (self.recipe_epochs or 0)]
        return all("train_seconds" in self.bench.protocol(name).cost for name in levels)

    @property
    def fidelities(self) -> tuple[int, ...]:
        """Epochs that a trial may ask for, rising; the full training of the task's protocol is the last."""
        if self.fidelity == "curve":
            recipe = self.bench.protocol(self.protocol)
            shared = [set(recipe.curve[o.name].epochs) for o in self.objectives if o.name in recipe.curve]
            return tuple(sorted(set.intersection(*shared))) if len(shared) == len(self.objectives) else ()
        if self.fidelity == "protocols":
            full = self.recipe_epochs or 0
            return tuple(sorted({e for e, _ in self.ladder if e <= full}))
        return ()

    @property
    def ladder(self) -> list[tuple[int, str]]:
        """(epochs, name) of each protocol that holds all that the task reads, the task's own first.

        Seconds are needed where the budget is one of seconds; elsewhere the clock counts epochs if any lacks them.
        """
        reads = set(self.metrics) | ({"train_seconds"} if self.seconds is not None else set())
        own = self.bench.protocol(self.protocol).name
        names = [own, *(name for name in self.bench.protocols if name != own)]
        recipes = [(self.bench.protocols[name].epochs, name) for name in names]
        return [(e, name) for e, name in recipes if e is not None and reads <= self.bench.metrics_of(name).keys()]

    @property
    def idealised(self) -> bool:
        """Whether the task shows means of several trainings and charges one."""
        return self.repeat == "mean" and self.noise_known

    @property
    def noise_known(self) -> bool:
        """Whether the table has several training runs of an objective."""
        return any(self.bench.noise_known(objective.name, self.protocol) for objective in self.objectives)

    @property
    def searched_on_test(self) -> bool:
        """Whether an objective or a constrained metric is a test column."""
        metrics = self.bench.metrics_of(self.protocol)
        return any(metrics[name].is_test for name in self.metrics)

    @property
    def memory(self) -> Memory:
        """What runs of this task have read so far in this process; empty again when its table is replaced."""
        memory: Memory | None = self.__dict__.get("_memory")
        if memory is None or memory.bench is not self.bench:
            memory = Memory(self.bench)
            self._set(_memory=memory)
        return memory

    def truth(self) -> NDArray[np.float64]:
        """Mean of the first objective under the scoring protocol, `(A,)`: what regret is computed on."""
        return self.bench.mean(self.objectives[0].name, self.score_protocol or self.protocol)

    # -- identity -------------------------------------------------------------------------------

    def identity(self) -> dict[str, Any]:
        """All that defines the task, as JSON values."""
        return {
            "benchmark": self.benchmark,
            "objectives": [[o.name, o.direction] for o in self.objectives],
            "evaluations": self.evaluations,
            "seconds": self.seconds,
            "epochs": self.epochs,
            "repeat": self.repeat,
            "missing": self.missing,
            "charge": self.charge,
            "protocol": self.bench.protocol(self.protocol).name,
            "score_protocol": self.bench.protocol(self.score_protocol or self.protocol).name,
            "fidelity": self.fidelity,
            "resume": self.resume,
            "workers": self.workers,
            "allow_test": self.allow_test,
            **({"constraints": list(self.constraints)} if self.constraints else {}),
        }

    @classmethod
    def from_identity(cls, identity: dict[str, Any]) -> Task:
        """The inverse of `identity`."""
        fields = dict(identity)
        names = [name for name, _ in fields.pop("objectives")]
        return cls(objective=names[0] if len(names) == 1 else names, **fields)

    @cached_property
    def id(self) -> str:
        """sha256 of `identity`: part of every random stream and run key."""
        return hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()

    @property
    def name(self) -> str:
        """What tables and charts call the task: the benchmark and all that is not the default."""
        extras = []
        if [o.name for o in self.objectives] != [self.bench.objective]:
            extras.append("+".join(o.name for o in self.objectives))
        if self.repeat != "random":
            extras.append("idealised" if self.idealised else f"repeat {self.repeat}")
        if self.charge != "all":
            extras.append(f"charge {self.charge}")
        if self.protocol is not None:
            extras.append(f"protocol {self.protocol}")
        if self.score_protocol is not None:
            extras.append(f"scored on {self.score_protocol}")
        if self.fidelity:
            extras.append(self.fidelity)
        if self.workers > 1:
            extras.append(f"{self.workers} workers")
        extras.extend(self.constraints)
        if self.searched_on_test:
            extras.append("searched on test")
        return f"{self.benchmark} ({', '.join(extras)})" if extras else self.benchmark

    def replace(self, **changes: Any) -> Task:
        """A copy with other policies or budgets."""
        return replace(self, **changes)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Task.from_identity, (self.identity(),))

    # -- streams --------------------------------------------------------------------------------

    def problem(self, seed: int) -> Problem:
        """What a strategy may see of this task in the run of a seed."""
        return Problem(
            self.space,
            self.objectives,
            generator("design", self.id, seed),
            evaluations=self.evaluations,
            seconds=self.seconds,
            epochs=self.epochs,
            fidelities=self.fidelities,
            workers=self.workers,
            constraints=self.bounds,
        )

    def runs_of(self, protocol: str | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The training runs that a row may show under a protocol: those that every metric has.

        Returns:
            Their counts `(A,)` and, left-aligned, their numbers `(A, R)`. A metric of which only a
            mean was published goes with any run.
        """
        name = self.bench.protocol(protocol).name
        runs = self.memory.runs
        if name not in runs:
            columns = [self.bench.column(metric, name) for metric in self.metrics]
            several = [column for column in columns if column.shape[1] > 1] or columns[:1]
            width = min(column.shape[1] for column in several)
            exists = np.logical_and.reduce([~np.isnan(column[:, :width]) for column in several])
            runs[name] = (exists.sum(axis=1), np.argsort(~exists, axis=1, kind="stable"))
        return runs[name]

    def repeat_shown(self, seed: int, rows: ArrayLike) -> NDArray[np.int64]:
        """Number of the training run that each row shows in the run of a seed; -1 for the mean, or no table.

        The same for every strategy of the seed, and for all metrics of a row.
        """
        rows = np.asarray(rows, dtype=np.int64)
        if self.repeat == "mean" or not self.bench.tabular:
            return np.full(rows.shape, -1, dtype=np.int64)
        if isinstance(self.repeat, int):
            return np.full(rows.shape, self.repeat, dtype=np.int64)
        counts, positions = self.runs_of(self.protocol)
        pick = uniform_indices(noise_key(self.id, seed), rows, np.maximum(counts[rows], 1))
        shown: NDArray[np.int64] = positions[rows, pick]
        return shown
