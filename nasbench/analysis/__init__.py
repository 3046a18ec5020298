"""From runs to numbers: regret, the exact law of random search, scores, tests, verdicts.

Everything is a pure function of `Run`s or arrays; nothing is read, written or drawn here. Regret
and scores are computed now, at analysis; a stored run holds only what happened.

Layout, one idea a module:
    truth: what a run is scored against (means over training runs, optimum, test floor).
    front_truth: the same with several objectives (the exact Pareto front, hypervolume, IGD+).
    groups: runs sorted into tasks, strategies and seeds.
    path: what a run has found and spent after each trial.
    regret: a run's incumbent, scored along evaluations, seconds or epochs.
    front_regret: the same of the observed Pareto set.
    fronts: final Pareto sets, and the attainment surfaces of charts.
    random_search: the exact law of random search without replacement.
    front_random_search: its simulation with several objectives.
    random_reference: the one or the other, as a task needs it.
    bootstrap: seed-paired percentile intervals.
    speedup: speed-up over random search.
    paired: paired tests over seeds, Holm, probability of improvement.
    power: the smallest difference that a paired test can see.
    pairwise: every pairwise test of a comparison, in one Holm family.
    ranking: average ranks, cliques, Friedman-Nemenyi.
    families: claim (b), one number a task family.
    targets: expected running time to a target, and its distribution.
    curves: anytime curves as a frame.
    summary: one row a run, a (task, strategy), or a strategy.
    verdict: which strategy beats which, in words.
"""

from nasbench.analysis.curves import curves
from nasbench.analysis.fronts import fronts
from nasbench.analysis.pairwise import comparisons
from nasbench.analysis.ranking import ranking
from nasbench.analysis.summary import finals, overall, summary
from nasbench.analysis.targets import ecdf, expected_running_time
from nasbench.analysis.verdict import verdict

__all__ = [
    "comparisons",
    "curves",
    "ecdf",
    "expected_running_time",
    "finals",
    "fronts",
    "overall",
    "ranking",
    "summary",
    "verdict",
]
