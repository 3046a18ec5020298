"""How soon a run reaches a target: expected running time and its distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nasbench.run import Run

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_SHARES = (0.01, 0.001, 0.0001)
"""Targets as a share of the table: the mean value that only this share of architectures reaches."""


def expected_running_time(runs: Sequence[Run], shares: Sequence[float] = DEFAULT_SHARES) -> pd.DataFrame:
    """ERT a (task, strategy, target): first time that the incumbent's *true* value reaches it.

    Columns:
        task, strategy: labels.
        share: the target as a share of the table; target_regret: the same as table regret.
        reached: share of runs whose incumbent reached it; still_there: at the end of the run (true
            regret may rise along a noisy run).
        evaluations: ERT: charged evaluations of all runs until the target (to their end where they
            miss it) over the number of runs that reach it; inf where none does.
        seconds: the same in simulated seconds.
        random_search: exact expected evaluations of noise-free random search until one as good is
            drawn, (N + 1) / (k + 1).
    """
    raise NotImplementedError


def ecdf(runs: Sequence[Run], shares: Sequence[float] = DEFAULT_SHARES, points: int = 200) -> pd.DataFrame:
    """Share of (run, target) pairs whose target has been reached, along charged evaluations.

    Columns:
        task, strategy: labels; x: charged evaluations; reached: share, rising in x.
    """
    raise NotImplementedError
