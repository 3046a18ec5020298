"""Runs sorted into tasks, strategies and seeds, each scored once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from nasbench.analysis.bootstrap import seed_weights
from nasbench.analysis.path import Path
from nasbench.analysis.regret import path_of
from nasbench.analysis.truth import Floats
from nasbench.run import Run

if TYPE_CHECKING:
    from nasbench.task import Task


class Blocks(Protocol):
    """What paired tests and ranks need of a task: one loss a (seed, competitor), lower is better."""

    @property
    def label(self) -> str:
        """Of the task, unique among the groups."""
        ...

    @property
    def strategies(self) -> list[str]:
        """Labels of the competitors."""
        ...

    def finals(self, strategies: Sequence[str]) -> Floats:
        """`(seeds, strategies)` losses, NaN where missing."""
        ...


@dataclass(frozen=True, eq=False)
class TaskRuns:
    """All runs of one task.

    Attributes:
        task: the task.
        label: its name, unique among the groups.
        paths: strategy label -> seed -> scored run; strategies in order of appearance, seeds rising.
    """

    task: Task
    label: str
    paths: dict[str, dict[int, Path]]

    @property
    def strategies(self) -> list[str]:
        """Labels in order of appearance."""
        return list(self.paths)

    @cached_property
    def seeds(self) -> list[int]:
        """Every seed that any strategy ran, rising."""
        return sorted({seed for paths in self.paths.values() for seed in paths})

    @cached_property
    def weights(self) -> Floats:
        """`(resamples, seeds)` bootstrap weights: the same resampled seeds for every strategy."""
        return seed_weights(self.task.id, self.seeds)

    @property
    def several(self) -> bool:
        """Whether the task has several objectives."""
        return len(self.task.objectives) > 1

    def final(self, strategy: str, field: str = "regret") -> Floats:
        """`(seeds,)` final values of a `Path` field, NaN where a seed is missing or has none."""
        paths = self.paths.get(strategy, {})
        return np.array([paths[s].final(field) if s in paths else np.nan for s in self.seeds])

    def finals(self, strategies: Sequence[str], field: str = "regret") -> Floats:
        """`(seeds, strategies)` final values of a `Path` field."""
        return np.column_stack([self.final(strategy, field) for strategy in strategies])


def group(runs: Sequence[Run]) -> list[TaskRuns]:
    """Sort runs by task, in order of appearance.

    Raises:
        ValueError: two different runs claim the same task, strategy label and seed.
    """
    tasks: dict[str, Task] = {}
    sorted_runs: dict[str, dict[str, dict[int, Run]]] = {}
    for run in runs:
        tasks.setdefault(run.task.id, run.task)
        seeds = sorted_runs.setdefault(run.task.id, {}).setdefault(run.entry.label, {})
        if run.seed in seeds and seeds[run.seed].key != run.key:
            raise ValueError(
                f"two different runs are called {run.entry.label!r} with seed {run.seed} on {run.task.name}; "
                "give the strategies different labels"
            )
        seeds[run.seed] = run
    labels = _labels(tasks)
    return [
        TaskRuns(
            task=task,
            label=labels[key],
            paths={
                label: {seed: path_of(seeds[seed]) for seed in sorted(seeds)}
                for label, seeds in sorted_runs[key].items()
            },
        )
        for key, task in tasks.items()
    ]


def _labels(tasks: dict[str, Task]) -> dict[str, str]:
    """A label a task id: its name, where that is not unique with its budget, else with its id."""

    def budget(task: Task) -> str:
        parts = ((task.evaluations, "evaluations"), (task.seconds, "s"), (task.epochs, "epochs"))
        return ", ".join(f"{amount:g} {unit}" for amount, unit in parts if amount is not None)

    def short_id(task: Task) -> str:
        return task.id[:8]

    labels = {key: task.name for key, task in tasks.items()}
    for more in (budget, short_id):
        taken = list(labels.values())
        labels = {
            key: label if taken.count(label) == 1 else f"{tasks[key].name} [{more(tasks[key])}]"
            for key, label in labels.items()
        }
    return labels


def strategies_of(groups: Sequence[Blocks]) -> list[str]:
    """All strategy labels of the groups, in order of appearance."""
    return list(dict.fromkeys(label for one in groups for label in one.strategies))
