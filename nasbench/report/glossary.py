"""The words of a report, and where they come from."""

from __future__ import annotations

GLOSSARY: tuple[tuple[str, str, str], ...] = (
    (
        "table regret",
        "The best mean value in the table minus the mean value of the architecture that a search ends with, both "
        "over all training runs of an architecture. 0 is the best there is. It is never below 0, and along a noisy "
        "search it may rise again, because the search follows what it observed.",
        "Simple regret on a tabular benchmark; C. Ying et al., NAS-Bench-101, ICML 2019",
    ),
    (
        "hypervolume regret",
        "What tasks with several objectives are judged by: 1 minus the hypervolume of the Pareto set that a search "
        "ends with over that of the table's exact Pareto front. The set is chosen by observed values and scored by "
        "mean values. Each objective is scaled so that the exact front runs from 0 (its best) to 1 (its worst), and "
        "the reference point is 1.1 in each. 0 is the best there is.",
        "E. Zitzler and L. Thiele, Multiobjective Optimization Using Evolutionary Algorithms, PPSN 1998",
    ),
    (
        "IGD+",
        "How far, on average over the points of the exact front, the nearest point of the set falls short of it, on "
        "the same scale.",
        "H. Ishibuchi et al., Modified Distance Calculation in Generational Distance and Inverted Generational "
        "Distance, EMO 2015",
    ),
    (
        "50 % attainment surface",
        "The edge of the values that at least half of a strategy's runs reach or exceed in all objectives at once.",
        "V. Grunert da Fonseca et al., Inferential Performance Assessment of Stochastic Optimisers and the "
        "Attainment Function, EMO 2001",
    ),
    (
        "held-out regret",
        "The same, but from the training runs that the search was not shown: free of the luck that made the "
        "architecture look good.",
        "",
    ),
    (
        "test regret",
        "The best mean test value minus that of the final architecture. Its floor is the test regret of the "
        "best-validation architecture: no search on validation values can be expected below it.",
        "",
    ),
    (
        "noise floor",
        "The standard error, over training seeds, of the mean of the table's 100 best architectures. Differences "
        "below it are practical equivalence; it is shaded in the charts.",
        "",
    ),
    (
        "random search, exact or simulated",
        "The expectation over all seeds of search without replacement, in closed form from the table (simulated "
        "with 10,000 permutations where there is none): a reference without sampling error. With several objectives "
        "it is simulated with 1,000 permutations, and its standard error is shown.",
        "Hypergeometric order statistics",
    ),
    (
        "speed-up",
        "E(v) = (N + 1) / (k + 1) is the expected number of random draws until an architecture at least as good as "
        "v is drawn, k of N being as good. The score is the geometric mean of E over runs, divided by the same of "
        "random search at equal evaluations. 2 means: as good as twice the draws. With several objectives E is the "
        "expected number of draws until the set of what was drawn has as small a hypervolume regret.",
        "Negative hypergeometric distribution",
    ),
    (
        "P(better), probability of improvement",
        "How often one strategy ends better than another with the same seed; ties count one half.",
        "R. Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice, NeurIPS 2021",
    ),
    (
        "Holm p, told apart",
        "Paired Wilcoxon signed-rank tests over seeds on each task; over tasks, a sign-flip test stratified by task. "
        "All p-values of the report are adjusted together. Claims hold for these tasks; tasks like these need at "
        "least nine families.",
        "J. W. Pratt, JASA 1959; S. Holm, Scandinavian Journal of Statistics 1979",
    ),
    (
        "critical-difference diagram",
        "Average ranks on an axis; bars join neighbours that the printed tests do not tell apart.",
        "J. Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 2006",
    ),
    (
        "expected running time",
        "Evaluations of all runs until they reach the target (to their end where they miss it), over the number of "
        "runs that reach it. A target is the value that only a share of the table reaches.",
        "N. Hansen et al., COCO: Performance Assessment, 2016",
    ),
    (
        "95 % interval",
        "Percentile bootstrap over seeds; the same resampled seeds for all strategies.",
        "B. Efron, Annals of Statistics 1979",
    ),
    (
        "idealised, noise unknown, searched on test",
        "Idealised: the search saw the mean of several trainings and paid for one. Noise unknown: the table holds "
        "one training run an architecture. Searched on test: the objective was a test column.",
        "",
    ),
)
"""(term, meaning, source) in the order of the page."""
