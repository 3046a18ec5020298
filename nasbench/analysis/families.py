"""Claim (b): does a difference hold on tasks *like* these? One number a task family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from nasbench.analysis.groups import TaskRuns, strategies_of
from nasbench.analysis.paired import holm, wilcoxon
from nasbench.analysis.speedup import log_ratios
from nasbench.analysis.truth import Floats

MINIMUM_FAMILIES = 9
TOO_FEW = "too few independent task families to generalise"


class FamilyTest(NamedTuple):
    """One pair over task families.

    Attributes:
        better, worse: the pair, by the mean of the families' numbers.
        families: number of families that both have a number for.
        difference: mean over families of better - worse, >= 0.
        p, p_holm: two-sided signed-rank test over families, and adjusted over all pairs.
    """

    better: str
    worse: str
    families: int
    difference: float
    p: float
    p_holm: float


class Generalisation(NamedTuple):
    """One pair of strategies over task families.

    Attributes:
        better, worse, families, p, p_holm: as in `FamilyTest`.
        ratio: geometric mean over families of the speed-up of `better` over that of `worse`.
    """

    better: str
    worse: str
    families: int
    ratio: float
    p: float
    p_holm: float


def compare_families(scores: Mapping[str, Mapping[str, float]]) -> list[FamilyTest]:
    """Signed-rank tests of every pair over the families that both have a number for.

    Args:
        scores: label -> family -> one number, larger is better. Pairs that share fewer than
            `MINIMUM_FAMILIES` families are left out.
    """
    found = []
    for first, second in combinations(scores, 2):
        shared = [family for family in scores[first] if family in scores[second]]
        if len(shared) < MINIMUM_FAMILIES:
            continue
        d: Floats = np.array([scores[first][family] - scores[second][family] for family in shared])
        better, worse = (first, second) if d.mean() >= 0 else (second, first)
        found.append(FamilyTest(better, worse, len(shared), float(abs(d.mean())), wilcoxon(d), 1.0))
    adjusted = holm([test.p for test in found])
    return [test._replace(p_holm=float(p)) for test, p in zip(found, adjusted, strict=True)]


def family_means(numbers: Iterable[tuple[str, float]]) -> dict[str, float]:
    """One number a family: the mean of its tasks' (family, number); left out where one of them is NaN.

    Sister tasks (the same architectures on other data) are not independent evidence.
    """
    tasks: dict[str, list[float]] = {}
    for family, number in numbers:
        tasks.setdefault(family, []).append(number)
    means = {family: float(np.mean(scores)) for family, scores in tasks.items()}
    return {family: mean for family, mean in means.items() if not np.isnan(mean)}


def too_few(families: int) -> str:
    """The sentence in place of claim (b)."""
    return f"On tasks like these: {TOO_FEW} ({families} famil{'y' if families == 1 else 'ies'})."


def generalise(groups: Sequence[TaskRuns]) -> list[Generalisation] | None:
    """Signed-rank tests over task families; None with fewer than `MINIMUM_FAMILIES` families.

    Neither sister tasks nor seeds are independent evidence: each family gives one number a pair, the
    mean over its tasks of the difference in mean log E.
    """
    if len({one.task.bench.family for one in groups}) < MINIMUM_FAMILIES:
        return None
    tests = compare_families({label: family_scores(groups, label) for label in strategies_of(groups)})
    return [
        Generalisation(test.better, test.worse, test.families, float(np.exp(test.difference)), test.p, test.p_holm)
        for test in tests
    ]


def family_scores(groups: Sequence[TaskRuns], strategy: str) -> dict[str, float]:
    """Mean log speed-up a family: over seeds within a task, then over the family's tasks.

    A family is left out where one of its tasks has no score for the strategy.
    """

    def of_task(one: TaskRuns) -> float:
        ratios = log_ratios(one, strategy)
        known = ratios[~np.isnan(ratios)]
        return float(known.mean()) if len(known) else float("nan")

    return family_means((one.task.bench.family, of_task(one)) for one in groups)
