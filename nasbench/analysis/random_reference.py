"""Random search as the reference of a task: its exact law, or with several objectives its simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from nasbench.analysis.front_random_search import front_law_of
from nasbench.analysis.random_search import Moments, expected_regret, law_of
from nasbench.analysis.task_truth import truth_of

if TYPE_CHECKING:
    from nasbench.task import Task

RANDOM_SEARCH_EXACT = "random search (exact)"
"""Label of the closed-form reference among the strategies."""

RANDOM_SEARCH_SIMULATED = "random search (simulated)"
"""Label of the reference where there is no closed form."""

REFERENCES = (RANDOM_SEARCH_EXACT, RANDOM_SEARCH_SIMULATED)


def reference_label(task: Task) -> str:
    """How charts and tables call the reference of a task."""
    return RANDOM_SEARCH_EXACT if len(task.objectives) == 1 else RANDOM_SEARCH_SIMULATED


def reference_regret(task: Task, n: ArrayLike) -> Moments:
    """What random search is judged by after n evaluations: its table regret, or its hypervolume regret."""
    return expected_regret(task, n) if len(task.objectives) == 1 else front_law_of(task).regret(n)


def reference_log_draws(task: Task, n: ArrayLike) -> Moments:
    """Log E of what random search has found after n evaluations, see `nasbench.analysis.speedup`."""
    if len(task.objectives) == 1:
        return law_of(task).moments(truth_of(task).log_draws, n)
    return front_law_of(task).log_draws(n)
