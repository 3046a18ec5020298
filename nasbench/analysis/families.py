"""Claim (b): does a difference hold on tasks *like* these? One number a task family."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from nasbench.analysis.groups import TaskRuns, strategies_of
from nasbench.analysis.paired import holm, wilcoxon
from nasbench.analysis.speedup import log_ratios
from nasbench.analysis.truth import Floats

MINIMUM_FAMILIES = 9
TOO_FEW = "too few independent task families to generalise"


class Generalisation(NamedTuple):
    """One pair over task families.

    Attributes:
        better, worse: the pair, by the mean of the families' numbers.
        families: number of families that both ran on.
        ratio: geometric mean over families of the speed-up of `better` over that of `worse`.
        p, p_holm: two-sided signed-rank test over families, and adjusted over all pairs.
    """

    better: str
    worse: str
    families: int
    ratio: float
    p: float
    p_holm: float


def generalise(groups: Sequence[TaskRuns]) -> list[Generalisation] | None:
    """Signed-rank tests over task families; None with fewer than `MINIMUM_FAMILIES` families.

    Sister tasks (the same architectures on other data) and seeds are not independent evidence: each
    family gives one number a pair, the mean over its tasks of the difference in mean log E.
    """
    if len({one.task.bench.family for one in groups}) < MINIMUM_FAMILIES:
        return None
    labels = strategies_of(groups)
    scores = {label: family_scores(groups, label) for label in labels}
    found = []
    for first, second in combinations(labels, 2):
        shared = [family for family in scores[first] if family in scores[second]]
        if len(shared) < MINIMUM_FAMILIES:
            continue
        d: Floats = np.array([scores[first][family] - scores[second][family] for family in shared])
        better, worse = (first, second) if d.mean() >= 0 else (second, first)
        found.append(Generalisation(better, worse, len(shared), float(np.exp(abs(d.mean()))), wilcoxon(d), 1.0))
    adjusted = holm([test.p for test in found])
    return [test._replace(p_holm=float(p)) for test, p in zip(found, adjusted, strict=True)]


def family_scores(groups: Sequence[TaskRuns], strategy: str) -> dict[str, float]:
    """Mean log speed-up a family: over seeds within a task, then over the family's tasks.

    A family is left out where one of its tasks has no score for the strategy.
    """
    tasks: dict[str, list[float]] = {}
    for one in groups:
        ratios = log_ratios(one, strategy)
        known = ratios[~np.isnan(ratios)]
        mean = float(known.mean()) if len(known) else float("nan")
        tasks.setdefault(one.task.bench.family, []).append(mean)
    means = {family: float(np.mean(scores)) for family, scores in tasks.items()}
    return {family: mean for family, mean in means.items() if not np.isnan(mean)}
