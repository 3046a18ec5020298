"""Average ranks and the cliques of a critical-difference diagram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nasbench.run import Run

if TYPE_CHECKING:
    import pandas as pd


def ranking(runs: Sequence[Run], task: str | None = None, alpha: float = 0.05) -> pd.DataFrame:
    """Average ranks of final table regret, best first, with the cliques of the printed tests.

    Args:
        runs: of any number of tasks and strategies.
        task: a task label for that task alone; None ranks over all tasks, each weighing the same.
        alpha: family-wise level of the tests behind the cliques (`comparisons`).

    Columns:
        strategy, average_rank: 1 is best; ranks within a (task, seed) block, ties share.
        cliques: tuple of clique numbers (0, 1, ...) that the strategy belongs to; members of one
            clique are neighbours in rank no pair of which is told apart. Cliques of a single
            strategy are left out.
    """
    raise NotImplementedError
