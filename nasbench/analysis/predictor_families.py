"""Claim (b) for predictors: does one rank better on tasks *like* these? One number a task family."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nasbench.analysis.families import MINIMUM_FAMILIES, FamilyTest, compare_families, family_means
from nasbench.analysis.predictor_scores import Scores
from nasbench.analysis.predictor_tests import Disagreement, disagreements
from nasbench.prediction_split import UNIFORM


def generalise(scores: Scores, size: int | None = None, kind: str = UNIFORM) -> list[FamilyTest] | None:
    """Signed-rank tests of Kendall's tau over task families; None with fewer than `MINIMUM_FAMILIES`.

    Neither sister tasks (the same architectures with other labels) nor trials are independent evidence:
    each family gives one number a predictor, the mean over its tasks of the mean tau over trials.

    Args:
        scores: of all runs.
        size: training architectures; the largest common size by default.
        kind: of held-out rows. Class-disjoint rows exist on some tasks only: the others take no part.

    Returns:
        One test a pair; `difference` is in units of tau.
    """
    if families_of(scores) < MINIMUM_FAMILIES:
        return None
    tasks = disagreements(scores, size, kind)
    return compare_families({label: family_taus(scores, tasks, label) for label in scores.predictors})


def families_of(scores: Scores) -> int:
    """Number of task families."""
    return len({task.bench.family for task in scores.tasks.values()})


def family_taus(scores: Scores, tasks: Sequence[Disagreement], predictor: str) -> dict[str, float]:
    """Mean tau a family; a family is left out where the predictor has no value on one of its tasks."""
    family = {scores.labels[key]: task.bench.family for key, task in scores.tasks.items()}

    def of_task(one: Disagreement) -> float:
        losses = one.finals([predictor])
        known = losses[~np.isnan(losses)]
        return 1.0 - float(known.mean()) if len(known) else float("nan")

    return family_means((family[one.label], of_task(one)) for one in tasks)
