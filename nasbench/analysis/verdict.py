"""Who beats whom: the tests as a frame, and the same in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nasbench.run import Run

if TYPE_CHECKING:
    import pandas as pd

OVER_TASKS = "all tasks"
"""The `task` of a comparison that pools the tasks."""


def comparisons(runs: Sequence[Run], control: str | None = None, alpha: float = 0.05) -> pd.DataFrame:
    """Every pairwise test, in one Holm family: per task, and over the tasks (claim (a)).

    Args:
        runs: of any number of tasks and strategies.
        control: compare with this strategy only; None for all pairs.
        alpha: family-wise level.

    Columns:
        task: task label, or `all tasks` for the stratified sign-flip test (two tasks or more).
        better, worse: the pair, ordered by mean table regret (by the statistic over tasks).
        better_regret, worse_regret: mean final table regret over the paired seeds (NaN over tasks).
        pairs, ties: paired seeds (blocks over tasks), and those with equal regret.
        difference: mean of worse - better in the objective's unit (in within-task root mean
            squares over tasks), >= 0.
        p, p_holm, significant: two-sided p, adjusted over the whole frame, and p_holm <= alpha.
        improvement: probability that `better` ends better within a seed, ties 1/2.
        detectable: smallest mean difference that the test sees with 80 % power at the first Holm
            step (NaN over tasks).
        test: `wilcoxon` or `sign-flip`.
    """
    raise NotImplementedError


def verdict(runs: Sequence[Run], alpha: float = 0.05) -> list[str]:
    """The verdict in words, one sentence an item, for each task, then over tasks.

    Says what was idealised, searched on test, or of unknown noise, and which runs failed.
    """
    raise NotImplementedError
