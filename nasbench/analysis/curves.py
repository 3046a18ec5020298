"""Anytime curves: regret along evaluations, simulated seconds or epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nasbench.analysis.bootstrap import mean_interval
from nasbench.analysis.groups import TaskRuns, group
from nasbench.analysis.path import Axis
from nasbench.analysis.random_reference import reference_label, reference_regret
from nasbench.analysis.random_search import law_of
from nasbench.analysis.truth import Floats
from nasbench.run import Run

if TYPE_CHECKING:
    import pandas as pd

NORMAL_95 = 1.959963984540054

COLUMNS = ("task", "strategy", "axis", "x", "mean", "low", "high", "median", "observed", "seeds", "exact")


def curves(runs: Sequence[Run], axis: Axis | Literal["search"] = "evaluations", points: int = 200) -> pd.DataFrame:
    """Mean table regret of the incumbent, or hypervolume regret of the observed Pareto set of several objectives.

    Never a running minimum; with seed-paired 95 % bands.

    A run that ended early keeps its last value to the budget. Rows start where every run of the
    strategy has an incumbent (runs that never find one are left out).

    Args:
        runs: of any number of tasks and strategies.
        axis: what is on the x axis: charged evaluations, simulated seconds or training epochs; `search` takes
            epochs for tasks whose trials may be trained to several lengths, and evaluations for others.
        points: largest number of x values a task.

    Columns:
        task, strategy: labels; on `evaluations` also the strategy `random search (exact)`, with several
            objectives `random search (simulated)`.
        axis: the axis' name; x: position on it.
        mean, low, high: mean over seeds and its band (of the reference: the normal 95 % band of
            the mean of as many seeds as the task has, from its exact or simulated standard deviation).
        median: over seeds (NaN in rows of the reference).
        observed: mean observed value of the incumbent (NaN with several objectives).
        seeds: runs behind the row (0 for the reference).
        exact: True for the reference.
    """
    import pandas as pd

    axes = {one.label: _axis_of(one, axis) for one in group(runs)}
    frames = [_curve(one, strategy, axes[one.label], points) for one in group(runs) for strategy in one.strategies]
    if axis in ("evaluations", "search"):
        frames += [_reference(one, points) for one in group(runs) if _has_reference(one)]
    frames = [frame for frame in frames if len(frame["x"])]
    joined: dict[str, Any] = {
        name: np.concatenate([frame[name] for frame in frames]) if frames else [] for name in COLUMNS
    }
    frame = pd.DataFrame(joined)
    labels = {one.label: place for place, one in enumerate(group(runs))}
    return frame.sort_values("task", key=lambda task: task.map(labels), kind="stable", ignore_index=True)


def _axis_of(one: TaskRuns, axis: Axis | Literal["search"]) -> Axis:
    if axis != "search":
        return axis
    return "evaluations" if one.task.fidelity is None else "epochs"


def grid_of(one: TaskRuns, axis: Axis, points: int) -> Floats:
    """Rising x values from the first trial of any run to the budget (or to the longest run)."""
    ends = [getattr(path, axis) for paths in one.paths.values() for path in paths.values()]
    ends = [end for end in ends if len(end) and not np.isnan(end[-1])]
    if not ends:
        return np.empty(0)
    budget = getattr(one.task, axis)
    last = float(budget if budget is not None else max(end[-1] for end in ends))
    if axis == "evaluations":
        whole = np.arange(1.0, last + 1)
        return whole if last <= points else np.unique(np.round(np.geomspace(1, last, points)))
    return np.geomspace(min(max(end[0], last * 1e-6) for end in ends), last, points)


def _curve(one: TaskRuns, strategy: str, axis: Axis, points: int) -> dict[str, Any]:
    grid = grid_of(one, axis, points)
    paths = one.paths[strategy]
    regret, observed = np.full((2, len(one.seeds), len(grid)), np.nan)
    for place, seed in enumerate(one.seeds):
        if seed in paths:
            regret[place] = paths[seed].at("regret", axis, grid)
            observed[place] = paths[seed].at("observed", axis, grid)
    found = ~np.isnan(regret).all(axis=1)
    started = ~np.isnan(regret[found]).any(axis=0) & found.any()
    regret, observed, x = regret[:, started], observed[found][:, started], grid[started]
    mean, low, high = mean_interval(regret, one.weights)
    return _columns(
        one.label,
        strategy,
        axis,
        x,
        mean,
        low,
        high,
        np.median(regret[found], axis=0) if found.any() else mean,
        observed.mean(axis=0) if found.any() else mean,
        int(found.sum()),
        False,
    )


def _has_reference(one: TaskRuns) -> bool:
    """Whether a number of evaluations means as many draws of random search."""
    return one.task.fidelity is None and one.task.charge != "unique-class"


def _reference(one: TaskRuns, points: int) -> dict[str, Any]:
    x = grid_of(one, "evaluations", points)
    draws = x.astype(np.int64)
    regret = reference_regret(one.task, draws)
    half = NORMAL_95 * regret.sd / np.sqrt(len(one.seeds))
    return _columns(
        one.label,
        reference_label(one.task),
        "evaluations",
        x,
        regret.mean,
        np.maximum(regret.mean - half, 0.0),
        regret.mean + half,
        np.full(len(x), np.nan),
        np.full(len(x), np.nan) if one.several else law_of(one.task).shown_moments(draws).mean,
        0,
        True,
    )


def _columns(task: str, strategy: str, axis: str, x: Floats, *values: Any) -> dict[str, Any]:
    *arrays, seeds, exact = values
    constant = {"task": task, "strategy": strategy, "axis": axis, "seeds": seeds, "exact": exact}
    columns: dict[str, Any] = {
        name: np.full(len(x), value, dtype=object if isinstance(value, str) else None)
        for name, value in constant.items()
    }
    return columns | {"x": x} | dict(zip(("mean", "low", "high", "median", "observed"), arrays, strict=True))
