"""A run's observed Pareto set, scored after each trial: hypervolume regret, IGD+ and size.

The set is chosen by what was observed and scored by true means, so that true regret may rise along a
run; nothing here takes a running minimum. Scores are computed where the set changes only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.analysis.front_random_search import front_law_of
from nasbench.analysis.front_truth import front_truth_of, true_values
from nasbench.analysis.path import Path, charged, epochs_paid
from nasbench.analysis.task_truth import per_task
from nasbench.analysis.truth import Floats
from nasbench.incumbent import front_steps, observations_of
from nasbench.run import Run

if TYPE_CHECKING:
    from nasbench.task import Task


class Scores(NamedTuple):
    """The observed Pareto set after each trial, arrays `(n,)` as in `Path`, and its `members` at the end."""

    step: NDArray[np.int64]
    regret: Floats
    igd_plus: Floats
    size: Floats
    members: NDArray[np.int64]
    log_draws: float


def front_path(run: Run) -> Path:
    """Score a run's observed Pareto set against its task's table after each trial."""
    kept = _kept(run.task)
    found = kept.get(run.trace_hash)
    if found is None:
        found = kept[run.trace_hash] = _scores(run)
    unknown = np.full(len(run.trace), np.nan)
    return Path(
        run=run,
        step=found.step,
        row=np.full(len(run.trace), -1, dtype=np.int64),
        mean=unknown,
        observed=unknown,
        regret=found.regret,
        held_out_regret=unknown,
        test_regret=unknown,
        igd_plus=found.igd_plus,
        front_size=found.size,
        evaluations=charged(run),
        seconds=run.trace["finish"].astype(np.float64),
        epochs=np.cumsum(epochs_paid(run)),
        log_draws=found.log_draws,
        front=found.members,
    )


@per_task
def _kept(task: Task) -> dict[str, Scores]:
    """Scores of the task's runs by trace: a report asks for each of them many times."""
    return {}


def _scores(run: Run) -> Scores:
    task, trace = run.task, run.trace
    truth = front_truth_of(task)
    step = np.full(len(trace), -1, dtype=np.int64)
    scores = np.full((3, len(trace)), np.nan)
    points = true_points(run)
    members, signs = step[:0], [objective.sign for objective in task.objectives]
    for position, members in front_steps(*observations_of(trace, signs, task.bounds)):
        found = points[members]
        step[position:] = position
        scores[:, position:] = np.array([[truth.regret(found)], [truth.igd_plus(found)], [len(members)]])
    draws = front_law_of(task).draws_until(scores[0, -1])[0] if len(members) else np.nan
    regret, igd_plus, size = scores
    return Scores(step, regret, igd_plus, size, members, float(np.log(draws)))


def true_points(run: Run) -> Floats:
    """`(n, d)` true means of a run's trials in normalised space."""
    truth = front_truth_of(run.task)
    if run.task.bench.tabular:
        points: Floats = truth.points[run.trace["row"]]
        return points
    return truth.normalised(true_values(run.task, run.trace["genotype"]))
