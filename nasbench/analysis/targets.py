"""How soon a run reaches a target: expected running time and its distribution.

A target is a mean value of the table; it is reached when the incumbent's *true* value first is as
good. With several objectives it is a hypervolume regret, reached when that of the *true* values of the
observed Pareto set first is as small. Under noise a run may lose it again, so the share still there at
the end is kept too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nasbench.analysis.curves import grid_of
from nasbench.analysis.front_random_search import FrontLaw, front_law_of
from nasbench.analysis.groups import group
from nasbench.analysis.path import Axis, Path
from nasbench.analysis.task_truth import truth_of
from nasbench.analysis.truth import VALUE_TOLERANCE, Floats, Truth
from nasbench.run import Run

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.task import Task

DEFAULT_SHARES = (0.01, 0.001, 0.0001)
"""Targets as a share of the table: the mean value that only this share of architectures reaches, or with
several objectives the regret that takes random search as many draws, one over the share."""


class Target(NamedTuple):
    """A target of one task.

    Attributes:
        share: share of the listed architectures asked for.
        regret: table regret of the worst of these, or hypervolume regret as hard to reach.
        draws: expected draws of noise-free random search until it is reached, exact or simulated.
    """

    share: float
    regret: float
    draws: float


def targets_of(truth: Truth, shares: Sequence[float]) -> list[Target]:
    """The targets of a table: for each share, the regret of its round(share N)-th best (at least 1)."""
    regrets = np.sort(truth.regrets[truth.listed & ~np.isnan(truth.regrets)])
    found = []
    for share in _checked(shares):
        place = min(max(round(share * truth.size), 1), len(regrets)) - 1
        as_good = int(np.count_nonzero(regrets <= regrets[place] + VALUE_TOLERANCE))
        found.append(Target(share, float(regrets[place]), (truth.size + 1) / (as_good + 1)))
    return found


def front_targets_of(law: FrontLaw, shares: Sequence[float]) -> list[Target]:
    """With several objectives: the regrets that take random search one over the share draws on average."""
    regrets = [law.target(1.0 / share) for share in _checked(shares)]
    draws = law.draws_until(regrets).tolist()
    return [Target(*target) for target in zip(shares, regrets, draws, strict=True)]


def _checked(shares: Sequence[float]) -> Sequence[float]:
    for share in shares:
        if not 0 < share <= 1:
            raise ValueError(f"a target is a share of the table, above 0 and up to 1; got {share!r}")
    return shares


def _targets(task: Task, shares: Sequence[float]) -> list[Target]:
    if len(task.objectives) > 1:
        return front_targets_of(front_law_of(task), shares)
    return targets_of(truth_of(task), shares)


def hit(path: Path, regret: float, axis: Axis = "evaluations") -> float:
    """Where a run's true regret is first as low as a target; inf where it never is."""
    reached = np.flatnonzero(path.regret <= regret + VALUE_TOLERANCE)
    return float(getattr(path, axis)[reached[0]]) if len(reached) else float("inf")


def running_time(hits: Floats, ends: Floats) -> float:
    """ERT: what all runs spent until the target (or to their ends) over the number that reach it.

    Args:
        hits: `(runs,)` where each run reached the target, inf where it did not.
        ends: `(runs,)` what each run spent in all.
    """
    successes = np.isfinite(hits)
    if not successes.any():
        return float("inf")
    return float(np.where(successes, hits, ends).sum() / successes.sum())


def expected_running_time(runs: Sequence[Run], shares: Sequence[float] = DEFAULT_SHARES) -> pd.DataFrame:
    """ERT a (task, strategy, target): first time that a run's *true* regret reaches it.

    Source: Hansen et al., COCO: performance assessment, 2016 (expected running time).

    Columns:
        task, strategy: labels.
        share: the target as a share of the table; target_regret: the same as regret.
        reached: share of runs that reached it; still_there: at the end of the run (true
            regret may rise along a noisy run).
        evaluations: ERT: charged evaluations of all runs until the target (to their end where they
            miss it) over the number of runs that reach it; inf where none does.
        seconds: the same in simulated seconds.
        random_search: expected evaluations of noise-free random search until it reaches it: exactly
            (N + 1) / (k + 1), or with several objectives simulated.
    """
    import pandas as pd

    rows = []
    for one in group(runs):
        targets = _targets(one.task, shares)
        for strategy, paths in one.paths.items():
            scored = list(paths.values())
            for target in targets:
                there = [path.final("regret") <= target.regret + VALUE_TOLERANCE for path in scored]
                hits = np.array([hit(path, target.regret) for path in scored])
                rows.append(
                    {
                        "task": one.label,
                        "strategy": strategy,
                        "share": target.share,
                        "target_regret": target.regret,
                        "reached": float(np.mean(np.isfinite(hits))),
                        "still_there": float(np.mean(there)),
                        "evaluations": running_time(hits, _ends(scored, "evaluations")),
                        "seconds": running_time(
                            np.array([hit(path, target.regret, "seconds") for path in scored]),
                            _ends(scored, "seconds"),
                        ),
                        "random_search": target.draws,
                    }
                )
    return pd.DataFrame(rows)


def ecdf(runs: Sequence[Run], shares: Sequence[float] = DEFAULT_SHARES, points: int = 200) -> pd.DataFrame:
    """Share of (run, target) pairs whose target has been reached, along charged evaluations.

    Columns:
        task, strategy: labels; x: charged evaluations; reached: share, rising in x.
    """
    import pandas as pd

    frames = []
    for one in group(runs):
        grid, targets = grid_of(one, "evaluations", points), _targets(one.task, shares)
        for strategy in one.strategies:
            hits = np.sort([hit(path, t.regret) for path in one.paths[strategy].values() for t in targets])
            reached = np.searchsorted(hits, grid, side="right") / len(hits)
            frames.append(pd.DataFrame({"task": one.label, "strategy": strategy, "x": grid, "reached": reached}))
    if not frames:
        return pd.DataFrame(columns=["task", "strategy", "x", "reached"])
    return pd.concat(frames, ignore_index=True)


def _ends(paths: Sequence[Path], axis: Axis) -> Floats:
    return np.array([path.final(axis) if len(path.step) else 0.0 for path in paths])
