"""Which predictor ranks better: paired tests over trials, average ranks, and what fits a pair of budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nasbench.analysis.pairwise import Comparison, compare_groups
from nasbench.analysis.predictor_quality import Floats
from nasbench.analysis.predictor_scores import Scores
from nasbench.analysis.ranking import rank_groups
from nasbench.prediction_split import UNIFORM

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Disagreement:
    """One task's losses for the tests: 1 - Kendall's tau, a (trial, predictor).

    Attributes:
        label: of the task.
        table: trials by predictors.
    """

    label: str
    table: pd.DataFrame

    @property
    def strategies(self) -> list[str]:
        """Labels of the predictors."""
        return [str(name) for name in self.table.columns]

    def finals(self, strategies: Sequence[str]) -> Floats:
        """`(trials, predictors)` losses; NaN where a predictor has none."""
        losses: Floats = self.table.reindex(columns=list(strategies)).to_numpy(dtype=float)
        return losses


def judged_size(scores: Scores) -> int:
    """The largest training size that every predictor that trains was run at on every task.

    0 where none of them trains; the largest that any was run at where they share none.
    """
    sizes: dict[tuple[str, str], set[int]] = {}
    for run in scores.runs:
        if run.size:
            sizes.setdefault((run.task.id, run.entry.label), set()).add(run.size)
    shared = set.intersection(*sizes.values()) if sizes else {0}
    return max(shared or set.union(*sizes.values()))


def disagreements(scores: Scores, size: int | None = None, kind: str = UNIFORM) -> list[Disagreement]:
    """The losses of each task at one training size (predictors that need none always take part).

    A predictor without any value on a task is left out there.
    """
    chosen = judged_size(scores) if size is None else size
    frame = scores.frame
    frame = frame[(frame["kind"] == kind) & frame["size"].isin([0, chosen]) & frame["kendall"].notna()]
    return [
        Disagreement(label, 1.0 - part.pivot(index="trial", columns="predictor", values="kendall")[names])
        for label, part in ((label, frame[frame["task"] == label]) for label in scores.labels.values())
        if len(part)
        for names in [[name for name in scores.predictors if (part["predictor"] == name).any()]]
    ]


def pairs(scores: Scores, size: int | None = None, kind: str = UNIFORM, alpha: float = 0.05) -> list[Comparison]:
    """Every pairwise test of Kendall's tau over paired trials, in one Holm family: per task, and over
    the tasks. `better_regret` and `worse_regret` are mean losses 1 - tau.
    """
    return compare_groups(disagreements(scores, size, kind), alpha=alpha)


def comparisons(scores: Scores, size: int | None = None, kind: str = UNIFORM, alpha: float = 0.05) -> pd.DataFrame:
    """`pairs` as a frame with the columns of `nasbench.analysis.comparisons`, and `better_kendall` and
    `worse_kendall` in place of regrets; `difference` and `detectable` are in units of tau.
    """
    import pandas as pd

    frame = pd.DataFrame(pairs(scores, size, kind, alpha), columns=Comparison._fields)
    frame["better_regret"], frame["worse_regret"] = 1 - frame["better_regret"], 1 - frame["worse_regret"]
    return frame.rename(columns={"better_regret": "better_kendall", "worse_regret": "worse_kendall"})


def ranking(scores: Scores, task: str | None = None, size: int | None = None, kind: str = UNIFORM) -> pd.DataFrame:
    """Average ranks and cliques of the tests at one size: columns of `nasbench.analysis.ranking`, whose
    `strategy` is the predictor's label.
    """
    return rank_groups(disagreements(scores, size, kind), task)


def pareto_front(cost: Floats, quality: Floats) -> list[int]:
    """Places of the points that no other is as cheap and better than, cheapest first; NaN takes no part."""
    known = np.flatnonzero(~np.isnan(cost) & ~np.isnan(quality))
    front: list[int] = []
    for place in known[np.lexsort((-quality[known], cost[known]))].tolist():
        if not front or quality[place] > quality[front[-1]]:
            front.append(place)
    return front


def best_within(init: Floats, query: Floats, quality: Floats, budgets: tuple[Floats, Floats]) -> list[list[int]]:
    """The best point under each pair of budgets; -1 where none fits.

    Args:
        init: `(points,)` cost of initialisation.
        query: `(points,)` cost of a query.
        quality: `(points,)`, larger is better; NaN takes no part.
        budgets: rising initialisation and query budgets.

    Returns:
        Places by query budget, then by initialisation budget.
    """
    scored = np.where(np.isnan(quality), -np.inf, quality)
    table = []
    for most_query in budgets[1]:
        row = []
        for most_init in budgets[0]:
            fits = np.flatnonzero((init <= most_init) & (query <= most_query) & np.isfinite(scored))
            row.append(int(fits[np.argmax(scored[fits])]) if len(fits) else -1)
        table.append(row)
    return table
