"""The Pareto sets that runs end with, and what charts show of them: exact front, median run, attainment.

Source: Grunert da Fonseca et al., Inferential Performance Assessment of Stochastic Optimisers and the Attainment
Function, EMO 2001 (attainment surfaces).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench.analysis.front_truth import front_truth_of, true_values
from nasbench.analysis.groups import TaskRuns, group
from nasbench.analysis.path import Path
from nasbench.analysis.truth import Floats
from nasbench.run import Run

if TYPE_CHECKING:
    import pandas as pd

EXACT_FRONT = "exact Pareto front"
"""Label of the table's own front among the strategies."""

EXACT, ATTAINED, MEDIAN = "exact", "attained", "median"
"""Kinds of points: of the table's front, of the 50 % attainment surface, of a median run's set."""

MOST_ATTAINED = 3
"""Up to this many objectives attainment surfaces can be computed."""


def fronts(runs: Sequence[Run]) -> pd.DataFrame:
    """One row an architecture of a run's final observed Pareto set; runs with one objective have none.

    Columns:
        task, strategy, seed: labels and seed.
        architecture: as text.
        NAME: true mean of each objective of the task (NaN for those of other tasks).
        observed_NAME: what the search saw of it.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for one in _several(runs):
        names = [objective.name for objective in one.task.objectives]
        for strategy, paths in one.paths.items():
            for seed, path in paths.items():
                trace = path.run.trace[path.front]
                for genotype, true, seen in zip(trace["genotype"].tolist(), _true(path), trace["value"], strict=True):
                    rows.append(
                        {
                            "task": one.label,
                            "strategy": strategy,
                            "seed": seed,
                            "architecture": one.task.space.format(tuple(genotype)),
                            **dict(zip(names, true.tolist(), strict=True)),
                            **{f"observed_{name}": value for name, value in zip(names, seen.tolist(), strict=True)},
                        }
                    )
    return pd.DataFrame(rows, columns=None if rows else ["task", "strategy", "seed", "architecture"])


def surfaces(runs: Sequence[Run]) -> pd.DataFrame:
    """The points of Pareto charts, all of them true means.

    Columns:
        task, strategy: labels; the table's front is the strategy `exact Pareto front`.
        kind: `exact`; `median` for the final observed set of the run with the (lower) median
            hypervolume regret; `attained` for the corners of the surface that half of the strategy's
            runs dominate or reach, with two or three objectives.
        seed: of the median run, else -1.
        NAME: each objective of the task (NaN for those of other tasks).
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for one in _several(runs):
        names = [objective.name for objective in one.task.objectives]

        def add(strategy: str, kind: str, seed: int, points: Floats, task: str = one.label) -> None:
            labels = {"task": task, "strategy": strategy, "kind": kind, "seed": seed}
            rows.extend(labels | dict(zip(names, point, strict=True)) for point in points.tolist())  # noqa: B023

        add(EXACT_FRONT, EXACT, -1, front_truth_of(one.task).front)
        for strategy, paths in one.paths.items():
            ended = {seed: path for seed, path in paths.items() if len(path.front)}
            if not ended:
                continue
            add(strategy, ATTAINED, -1, attained(one, [_true(path) for path in ended.values()]))
            regrets = sorted((path.final("regret"), seed) for seed, path in ended.items())
            seed = regrets[(len(regrets) - 1) // 2][1]
            add(strategy, MEDIAN, seed, _true(ended[seed]))
    return pd.DataFrame(rows, columns=None if rows else ["task", "strategy", "kind", "seed"])


def attained(one: TaskRuns, sets: Sequence[Floats]) -> Floats:
    """Corners `(k, d)` of the surface that half of the sets `(n, d)` dominate or reach; none above three objectives."""
    signs = front_truth_of(one.task).signs
    if len(signs) > MOST_ATTAINED:
        return np.empty((0, len(signs)))
    from moocore import eaf

    known = [points[~np.isnan(points).any(axis=1)] for points in sets]
    known = [points for points in known if len(points)]
    if not known:
        return np.empty((0, len(signs)))
    which = np.repeat(np.arange(len(known)), [len(points) for points in known])
    corners: Floats = eaf(-signs * np.concatenate(known), which, percentiles=[50])[:, :-1]
    return -signs * corners


def _several(runs: Sequence[Run]) -> list[TaskRuns]:
    return [one for one in group(runs) if one.several]


def _true(path: Path) -> Floats:
    """`(k, d)` true means of a run's final observed Pareto set."""
    task, trace = path.run.task, path.run.trace[path.front]
    if not task.bench.tabular:
        return true_values(task, trace["genotype"])
    means: Floats = front_truth_of(task).means[trace["row"]]
    return means
