"""Average ranks, the cliques of a critical-difference diagram, and Friedman-Nemenyi as an option."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from nasbench.analysis.groups import Blocks, group, strategies_of
from nasbench.analysis.pairwise import OVER_TASKS, compare_groups
from nasbench.analysis.truth import VALUE_TOLERANCE, Floats
from nasbench.run import Run

if TYPE_CHECKING:
    import pandas as pd

Group = TypeVar("Group", bound=Blocks)


def ranking(runs: Sequence[Run], task: str | None = None, alpha: float = 0.05) -> pd.DataFrame:
    """Average ranks of final regret, best first, with the cliques of the printed tests.

    Strategies that did not run on every ranked task are left out.

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
    return rank_groups(group(runs), task, alpha)


def rank_groups(groups: Sequence[Blocks], task: str | None = None, alpha: float = 0.05) -> pd.DataFrame:
    """`ranking` of runs that are already sorted, or of the losses of other competitors."""
    import pandas as pd

    ranked = _ranked_groups(groups, task)
    common = [label for label in strategies_of(ranked) if all(label in one.strategies for one in ranked)]
    ranks = average_ranks(ranked, common)
    order = sorted(common, key=lambda label: ranks[label])
    scope = ranked[0].label if len(ranked) == 1 else OVER_TASKS
    told_apart = {
        frozenset((test.better, test.worse))
        for test in compare_groups(groups, alpha=alpha)
        if test.task == scope and test.significant
    }
    members = cliques(order, told_apart)
    rows = [(label, ranks[label], tuple(i for i, clique in enumerate(members) if label in clique)) for label in order]
    return pd.DataFrame(rows, columns=["strategy", "average_rank", "cliques"])


def average_ranks(groups: Sequence[Blocks], strategies: Sequence[str]) -> dict[str, float]:
    """Mean rank of each strategy within (task, seed) blocks, averaged over seeds, then over tasks.

    Blocks in which a strategy has no value are left out; NaN where a task has no block.
    """
    means = [block_ranks(one.finals(strategies)).mean(axis=0) if _blocks(one, strategies) else None for one in groups]
    known = [mean for mean in means if mean is not None]
    average = np.mean(known, axis=0) if len(known) == len(means) and known else np.full(len(strategies), np.nan)
    return dict(zip(strategies, average.tolist(), strict=True))


def block_ranks(finals: Floats) -> Floats:
    """Ranks within each complete row of `(blocks, strategies)` regrets; 1 is lowest, ties share."""
    complete = finals[~np.isnan(finals).any(axis=1)]
    d = complete[:, :, None] - complete[:, None, :]
    tied = np.abs(d) <= VALUE_TOLERANCE
    # A strategy ties with itself, which adds the missing half.
    ranks: Floats = 0.5 + ((d > 0) & ~tied).sum(axis=2) + 0.5 * tied.sum(axis=2)
    return ranks


def cliques(order: Sequence[str], told_apart: Collection[frozenset[str]]) -> list[tuple[str, ...]]:
    """Maximal runs of neighbours in rank with no pair told apart, of two members or more.

    Args:
        order: strategies by rank.
        told_apart: pairs with a significant test.
    """
    found: list[tuple[str, ...]] = []
    reach = 0
    for begin in range(len(order)):
        end = begin + 1
        while end < len(order) and not any(frozenset((order[i], order[end])) in told_apart for i in range(begin, end)):
            end += 1
        if end - begin > 1 and end > reach:
            found.append(tuple(order[begin:end]))
            reach = end
    return found


def friedman_nemenyi(runs: Sequence[Run], task: str | None = None) -> pd.DataFrame:
    """Pairwise Nemenyi p-values after Friedman over (task, seed) blocks: an option, not the verdict.

    It depends on who else competes. Source: Demsar, JMLR 2006, through scikit-posthocs.

    Args:
        runs: of any number of tasks and strategies.
        task: a task label for that task alone.

    Returns:
        Square frame, strategies by strategies.
    """
    import pandas as pd
    from scikit_posthocs import posthoc_nemenyi_friedman

    ranked = _ranked_groups(group(runs), task)
    common = [label for label in strategies_of(ranked) if all(label in one.paths for one in ranked)]
    blocks = np.concatenate([one.finals(common) for one in ranked])
    blocks = blocks[~np.isnan(blocks).any(axis=1)]
    p = posthoc_nemenyi_friedman(blocks)
    return pd.DataFrame(p.to_numpy(), index=common, columns=common)


def _ranked_groups(groups: Sequence[Group], task: str | None) -> list[Group]:
    ranked = [one for one in groups if task is None or one.label == task]
    if not ranked:
        known = ", ".join(one.label for one in groups) or "none"
        raise ValueError(f"no runs of a task called {task!r}; there are: {known}")
    return ranked


def _blocks(one: Blocks, strategies: Sequence[str]) -> bool:
    return bool(len(strategies)) and bool((~np.isnan(one.finals(strategies))).all(axis=1).any())
