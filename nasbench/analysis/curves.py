"""Anytime curves: table regret along evaluations, simulated seconds or epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from nasbench.run import Run

if TYPE_CHECKING:
    import pandas as pd

RANDOM_SEARCH_EXACT = "random search (exact)"
"""Label of the closed-form reference among the strategies."""


def curves(
    runs: Sequence[Run], axis: Literal["evaluations", "seconds", "epochs"] = "evaluations", points: int = 200
) -> pd.DataFrame:
    """Mean table regret of the incumbent, never a running minimum, with seed-paired 95 % bands.

    A run that ended early keeps its last value to the budget. Rows start where every run of the
    strategy has an incumbent.

    Args:
        runs: of any number of tasks and strategies.
        axis: what is on the x axis: charged evaluations, simulated seconds or training epochs.
        points: largest number of x values a task.

    Columns:
        task, strategy: labels; on `evaluations` also the strategy `random search (exact)`.
        axis: the axis' name; x: position on it.
        mean, low, high: mean over seeds and its band (for the exact row: the band of the mean of
            as many seeds as the task has, from its exact standard deviation; NaN if unknown).
        median: over seeds.
        observed: mean observed value of the incumbent.
        seeds: runs behind the row (0 for the exact one).
        exact: True for the closed form.
    """
    raise NotImplementedError
