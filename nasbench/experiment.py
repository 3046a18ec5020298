"""Many runs: plan them, skip what is kept, run the rest side by side, keep each as it ends."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import MISSING, Field, dataclass, fields, replace
from importlib.util import find_spec
from typing import Any, Protocol, TypeVar

from nasbench.errors import MissingExtraError, TaskError
from nasbench.records import Records
from nasbench.run import Entry, Run
from nasbench.runner import check_seed, entry_of, run_key, search
from nasbench.strategies.base import Strategy
from nasbench.task import Task

log = logging.getLogger(__name__)

BACKENDS: dict[str, str | None] = {"loky": None, "dask": "distributed", "ray": "ray"}
"""joblib's backends that keep one BLAS thread a process, and the package that each needs."""

Progress = Callable[[int, int], None]
"""Called with (runs finished, runs in all)."""

Result = TypeVar("Result")
Kept = TypeVar("Kept", covariant=True)


class Executable(Protocol[Kept]):
    """Something planned."""

    def execute(self) -> Kept:
        """Do it; an error of what is compared becomes part of the result."""
        ...


SMALL = 8
"""Runs of light strategies that travel to a worker together, so that sending does not dominate."""


@dataclass(frozen=True)
class Planned:
    """One run to be done: its key and all that `search` needs."""

    key: str
    task: Task
    strategy: Strategy
    entry: Entry
    seed: int

    def execute(self) -> Run:
        """Do the run; a strategy's error becomes a failed run."""
        return search(self.task, self.strategy, self.seed, entry=self.entry, raise_errors=False)


def plan(tasks: Sequence[Task], strategies: Sequence[tuple[Strategy, Entry]], seeds: Iterable[int]) -> list[Planned]:
    """Every (task, strategy, seed), seed by seed, so that an interrupted plan stays balanced.

    Raises:
        TaskError: nothing to run, a seed that is none, or two entries that are the same.
    """
    numbers = [check_seed(seed) for seed in seeds]
    if not tasks or not strategies or not numbers:
        raise TaskError("a comparison needs at least one task, one strategy and one seed")
    planned = [
        Planned(run_key(task, entry, seed, strategy.uses), task, strategy, entry, seed)
        for seed in numbers
        for task in tasks
        for strategy, entry in strategies
    ]
    if len({p.key for p in planned}) < len(planned):
        raise TaskError(
            "a task, a strategy or a seed is entered twice; runs would be identical. Remove one, or give "
            "identical strategies different salts"
        )
    return planned


def entries(strategies: Sequence[Strategy], salts: Sequence[str] | None = None) -> list[tuple[Strategy, Entry]]:
    """Strategies with their entries; labels are made unique by the parameters that differ."""
    raw = [
        entry_of(strategy, salt=salt)
        for strategy, salt in zip(strategies, salts or [""] * len(strategies), strict=True)
    ]
    variants = {entry.name: {other.params for other in raw if other.name == entry.name} for entry in raw}
    label: dict[Entry, str] = {}
    for strategy, entry in zip(strategies, raw, strict=True):
        text = _label(strategy, entry) if len(variants[entry.name]) > 1 else entry.name.rpartition(":")[2]
        label[entry._replace(label="")] = f"{text} #{entry.salt}" if entry.salt else text
    label = told_apart(label)
    return [
        (strategy, entry._replace(label=label[entry._replace(label="")]))
        for strategy, entry in zip(strategies, raw, strict=True)
    ]


def relabelled(runs: Sequence[Run]) -> list[Run]:
    """Runs of several comparisons with one label a strategy, and another for each other strategy.

    A label is unique in the comparison that gave it; kept runs of several may share or split one.
    """
    label: dict[Entry, str] = {}
    for run in runs:
        label.setdefault(run.entry._replace(label=""), run.entry.label)
    label = told_apart(label)
    return [replace(run, entry=run.entry._replace(label=label[run.entry._replace(label="")])) for run in runs]


def told_apart(label: dict[Entry, str]) -> dict[Entry, str]:
    """Labels of entries (whose own label is blank), with what differs added where several share one."""
    groups: dict[str, list[Entry]] = {}
    for entry, text in label.items():
        groups.setdefault(text, []).append(entry)
    return {
        entry: text if len(groups[text]) == 1 else f"{text} {_difference(entry, groups[text])}"
        for entry, text in label.items()
    }


def _difference(entry: Entry, group: Sequence[Entry]) -> str:
    """What tells an entry from the others of a group: parameters, version, salt, else its module."""
    params = [json.loads(other.params) for other in group]
    own = json.loads(entry.params)
    facts = {key: own[key] for key in own if any(other.get(key) != own[key] for other in params)}
    if any(other.version != entry.version for other in group):
        facts["version"] = entry.version
    if any(other.salt != entry.salt for other in group):
        facts["salt"] = entry.salt
    if any(other.name != entry.name for other in group):
        facts["of"] = entry.name
    return f"({', '.join(f'{key}={value}' for key, value in facts.items())})"


def _label(strategy: Strategy, entry: Entry) -> str:
    differs = {f.name: getattr(strategy, f.name) for f in fields(strategy) if f.init and _chosen(strategy, f)}
    name = entry.name.rpartition(":")[2]
    return f"{name}({', '.join(f'{k}={v}' for k, v in differs.items())})" if differs else name


def _chosen(strategy: Strategy, parameter: Field[Any]) -> bool:
    """Whether a hyper-parameter is not at its default."""
    value = getattr(strategy, parameter.name)
    if parameter.default_factory is not MISSING:
        return bool(value != parameter.default_factory())
    return bool(value != parameter.default)


def execute(
    planned: Sequence[Planned],
    records: Records,
    jobs: int = 1,
    backend: str = "loky",
    progress: Progress | None = None,
) -> list[Run]:
    """Run what is not kept yet and keep each run as it ends; returns all of the plan, in its order.

    Interrupted at any moment, it loses at most the runs in flight.

    Args:
        planned: from `plan`.
        records: the run store.
        jobs: processes; 1 stays in this one.
        backend: joblib's backend where jobs > 1: `loky`, `dask` or `ray`.
        progress: told after each run.
    """
    kept = records.finished()
    todo = [p for p in planned if p.key not in kept]
    for run in counted(_results(todo, jobs, backend), len(planned) - len(todo), len(planned), progress):
        records.add(run)
        if run.failed:
            log.warning("%s failed on %s, seed %d", run.entry.label, run.task.name, run.seed)
    entered = {p.key: p for p in planned}
    return [
        replace(run, task=entered[run.key].task, entry=entered[run.key].entry)  # the label of this comparison
        for run in records.runs(entered)
    ]


def counted(results: Iterable[Result], done: int, total: int, progress: Progress | None) -> Iterator[Result]:
    """The results, one after another; `progress` is told at the start, and when each has been dealt with."""
    if progress:
        progress(done, total)
    for count, result in enumerate(results, done + 1):
        yield result
        if progress:
            progress(count, total)


def check_jobs(jobs: object, backend: str) -> None:
    """Whether runs can be done in so many processes of a backend.

    Raises:
        TaskError: no positive whole number, or no such backend.
        MissingExtraError: the backend's package is not installed.
    """
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise TaskError(f"jobs must be a positive whole number of processes, got {jobs!r}")
    if backend not in BACKENDS:
        raise TaskError(f"backend must be one of {', '.join(BACKENDS)}; got {backend!r}")
    package = BACKENDS[backend]
    if package is not None and find_spec(package) is None:
        raise MissingExtraError(f"the backend {backend!r}", backend)


def side_by_side(batches: Sequence[Sequence[Executable[Result]]], jobs: int, backend: str) -> Iterator[Result]:
    """Execute batches in so many processes; results come as their batches end.

    Args:
        batches: what travels to a worker together, costly ones first.
        jobs: processes; 1 stays in this one.
        backend: joblib's, where jobs > 1.
    """
    if jobs <= 1 or sum(map(len, batches)) <= 1:
        for batch in batches:
            for planned in batch:
                yield planned.execute()
        return
    from joblib import Parallel, delayed

    work = delayed(_execute_undisturbed if backend == "loky" else _execute_batch)
    parallel: Any = Parallel(n_jobs=jobs, backend=backend, return_as="generator_unordered", pre_dispatch="2*n_jobs")
    for results in parallel(work(batch) for batch in batches):
        yield from results


def _results(todo: Sequence[Planned], jobs: int, backend: str) -> Iterator[Run]:
    """In the plan's order in this process, else by cost."""
    return side_by_side([todo] if jobs <= 1 else list(_batches(todo)), jobs, backend)


def _batches(todo: Sequence[Planned]) -> Iterator[list[Planned]]:
    """Model-based strategies (`uses_blas`) alone, light ones several at a time, costly ones first."""
    heavy = [p for p in todo if p.strategy.uses_blas]
    light = [p for p in todo if not p.strategy.uses_blas]
    yield from ([p] for p in heavy)
    yield from (light[i : i + SMALL] for i in range(0, len(light), SMALL))


def _execute_batch(batch: Sequence[Executable[Result]]) -> list[Result]:
    return [planned.execute() for planned in batch]


def _execute_undisturbed(batch: Sequence[Executable[Result]]) -> list[Result]:
    """In a process of our own: Ctrl-C reaches all of a terminal, but the driver alone answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return _execute_batch(batch)
