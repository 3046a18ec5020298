"""Every pairwise test of a comparison, in one Holm family: per task, and over the tasks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nasbench.analysis.groups import Blocks, group, strategies_of
from nasbench.analysis.paired import differences, holm, improvements, sign_flip, signed_rank_sum, wilcoxon
from nasbench.analysis.power import minimal_detectable_effect
from nasbench.analysis.truth import Floats
from nasbench.run import Run

if TYPE_CHECKING:
    import pandas as pd

OVER_TASKS = "all tasks"
"""The `task` of a comparison that pools the tasks."""

Pair = tuple[int, int]


class Family(NamedTuple):
    """p-values of all tests that a comparison prints.

    Attributes:
        per_task: `(tasks, pairs)` signed-rank p-values; NaN without paired seeds.
        over_tasks: `(pairs,)` stratified sign-flip p-values; NaN with fewer than two tasks.
        per_task_holm, over_tasks_holm: the same, adjusted together as one family.
        tests: number of tests in the family.
    """

    per_task: Floats
    over_tasks: Floats
    per_task_holm: Floats
    over_tasks_holm: Floats
    tests: int


def family_of_tests(finals: Sequence[Floats], pairs: Sequence[Pair]) -> Family:
    """All tests between strategies over paired seeds, adjusted as one family.

    Args:
        finals: for each task `(seeds, strategies)` final regrets, NaN where missing.
        pairs: columns to compare.
    """
    paired = [[differences(final[:, a], final[:, b]) for a, b in pairs] for final in finals]
    per_task = np.array([[wilcoxon(d) if len(d) else np.nan for d in row] for row in paired])
    per_task = per_task.reshape(len(finals), len(pairs))
    over_tasks = np.full(len(pairs), np.nan)
    for place in range(len(pairs)):
        shared = [row[place] for row in paired if len(row[place])]
        if len(shared) > 1:
            over_tasks[place] = sign_flip(shared).p
    adjusted = holm(np.concatenate([per_task.ravel(), over_tasks]))
    split = per_task.size
    return Family(
        per_task,
        over_tasks,
        adjusted[:split].reshape(per_task.shape),
        adjusted[split:],
        int(np.count_nonzero(~np.isnan(adjusted))),
    )


class Comparison(NamedTuple):
    """One pairwise test; the fields are the columns of `comparisons`."""

    task: str
    better: str
    worse: str
    better_regret: float
    worse_regret: float
    pairs: int
    ties: int
    difference: float
    p: float
    p_holm: float
    significant: bool
    improvement: float
    detectable: float
    test: str

    @property
    def over_tasks(self) -> bool:
        """Whether the test pools the tasks."""
        return self.task == OVER_TASKS


def comparisons(runs: Sequence[Run], control: str | None = None, alpha: float = 0.05) -> pd.DataFrame:
    """Every pairwise test, in one Holm family: per task, and over the tasks (claim (a)).

    Args:
        runs: of any number of tasks and strategies.
        control: compare with this strategy only; None for all pairs.
        alpha: family-wise level.

    Columns:
        task: task label, or `all tasks` for the stratified sign-flip test (two tasks or more).
        better, worse: the pair, in the direction of the test (its signed ranks, or the statistic
            over tasks), whether significant or not.
        better_regret, worse_regret: mean final regret over the paired seeds (NaN over tasks).
        pairs, ties: paired seeds (blocks over tasks), and those with equal regret.
        difference: mean of worse - better in the objective's unit (in within-task root mean
            squares over tasks).
        p, p_holm, significant: two-sided p, adjusted over the whole frame, and p_holm <= alpha.
        improvement: probability that `better` ends better within a seed, ties 1/2.
        detectable: smallest mean difference that the test sees with 80 % power at the first Holm
            step, from the sd of these differences (NaN over tasks).
        test: `wilcoxon` or `sign-flip`.
    """
    import pandas as pd

    return pd.DataFrame(compare_groups(group(runs), control, alpha), columns=Comparison._fields)


def compare_groups(groups: Sequence[Blocks], control: str | None = None, alpha: float = 0.05) -> list[Comparison]:
    """`comparisons` as a list: task by task, then over tasks; pairs without shared seeds left out."""
    labels = strategies_of(groups)
    pairs = list(combinations(range(len(labels)), 2))
    if control is not None:
        pairs = [pair for pair in pairs if control in (labels[pair[0]], labels[pair[1]])]
    finals = [one.finals(labels) for one in groups]
    family = family_of_tests(finals, pairs)
    found = []
    for t, one in enumerate(groups):
        for place, (a, b) in enumerate(pairs):
            p, p_holm = float(family.per_task[t, place]), float(family.per_task_holm[t, place])
            if not np.isnan(p):
                columns = finals[t][:, [a, b]]
                row = _on_task(one.label, (labels[a], labels[b]), columns, p, p_holm, alpha, family.tests)
                found.append(row)
    for place, (a, b) in enumerate(pairs):
        p, p_holm = float(family.over_tasks[place]), float(family.over_tasks_holm[place])
        if not np.isnan(p):
            found.append(_over_tasks((labels[a], labels[b]), [f[:, [a, b]] for f in finals], p, p_holm, alpha))
    return found


def _on_task(
    task: str, labels: tuple[str, str], columns: Floats, p: float, p_holm: float, alpha: float, tests: int
) -> Comparison:
    columns = columns[~np.isnan(columns).any(axis=1)]
    d = differences(columns[:, 0], columns[:, 1])
    forward = (signed_rank_sum(d) or float(d.mean())) >= 0
    first, second = (0, 1) if forward else (1, 0)
    spread = float(d.std(ddof=1)) if len(d) > 1 else float("nan")
    return Comparison(
        task=task,
        better=labels[first],
        worse=labels[second],
        better_regret=float(columns[:, first].mean()),
        worse_regret=float(columns[:, second].mean()),
        pairs=len(d),
        ties=int((d == 0).sum()),
        difference=float(d.mean()) if forward else -float(d.mean()),
        p=p,
        p_holm=p_holm,
        significant=p_holm <= alpha,
        improvement=float(improvements(columns[:, first], columns[:, second]).mean()),
        detectable=spread * _detectable(len(d), alpha / tests) if spread > 0 else float("nan"),
        test="wilcoxon",
    )


def _over_tasks(labels: tuple[str, str], finals: Sequence[Floats], p: float, p_holm: float, alpha: float) -> Comparison:
    tasks = [columns[~np.isnan(columns).any(axis=1)] for columns in finals]
    tasks = [columns for columns in tasks if len(columns)]
    paired = [differences(columns[:, 0], columns[:, 1]) for columns in tasks]
    statistic = sign_flip(paired).statistic
    forward = statistic >= 0
    first, second = (0, 1) if forward else (1, 0)
    better = [float(improvements(c[:, first], c[:, second]).mean()) for c in tasks]
    return Comparison(
        task=OVER_TASKS,
        better=labels[first],
        worse=labels[second],
        better_regret=float("nan"),
        worse_regret=float("nan"),
        pairs=sum(map(len, paired)),
        ties=sum(int((d == 0).sum()) for d in paired),
        difference=abs(statistic),
        p=p,
        p_holm=p_holm,
        significant=p_holm <= alpha,
        improvement=float(np.mean(better)),
        detectable=float("nan"),
        test="sign-flip",
    )


@lru_cache(maxsize=256)
def _detectable(pairs: int, alpha: float) -> float:
    return minimal_detectable_effect(pairs, alpha)
