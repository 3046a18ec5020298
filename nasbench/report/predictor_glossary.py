"""The words of a report of predictors, and where they come from."""

from __future__ import annotations

GLOSSARY: tuple[tuple[str, str, str], ...] = (
    (
        "Kendall tau",
        "Tau-b between predictions and labels of held-out architectures: the share of pairs in the right order minus "
        "that in the wrong one, corrected for ties. A constant prediction scores 0.",
        "M. G. Kendall, Biometrika 1945; protocol: C. White et al., How Powerful are Performance Predictors in NAS?, "
        "NeurIPS 2021",
    ),
    (
        "sparse tau",
        "The same with predictions rounded to 0.1 points of a percentage, else to the table's noise floor: smaller "
        "differences are practical ties.",
        "K. Yu et al., Evaluating the Search Phase of NAS, ICLR 2020",
    ),
    (
        "uniform, class-disjoint, top decile",
        "Three kinds of held-out rows, none of which is trained on. Uniform: the field's protocol. Class-disjoint: no "
        "training row computes the same function, as many uniform rows have such a twin. Top decile: the best tenth "
        "of the table, chosen by training runs other than those it is judged on: where a search has to choose.",
        "",
    ),
    (
        "agreement of training runs",
        "Kendall tau of one training run with the mean of the others over the table (in the top decile: of two runs, "
        "chosen by a third). No predictor of single runs can be expected to rank much better; one of means may, a "
        "little.",
        "",
    ),
    (
        "labels",
        "Mean: the mean of an architecture's training runs, of which one is charged (idealised). Random: one of its "
        "runs, drawn for each trial, as if trained once. Training and held-out labels follow the same policy.",
        "",
    ),
    (
        "P@k, regret@k",
        "The share of the k best held-out rows that are among the predicted k best (ties broken at random), and what "
        "the best of the predicted k falls short of the best of all.",
        "",
    ),
    (
        "NLL, coverage, calibration error",
        "Predictions as normal distributions: minus the mean log density of the labels; the share of labels inside of "
        "central intervals; the mean distance of that share from the nominal one over 5 %, 10 %, ... 95 %. Standard "
        "deviations below a thousandth of the labels' spread are raised to it.",
        "V. Kuleshov et al., Accurate Uncertainties for Deep Learning Using Calibrated Regression, ICML 2018",
    ),
    (
        "initialisation and query time",
        "Initialisation: the simulated training of the training set and the measured fit. Query: measured for one "
        "batch of all held-out rows, an architecture, plus what an encoder charges for its features.",
        "C. White et al., NeurIPS 2021",
    ),
    (
        "told apart",
        "Paired Wilcoxon signed-rank tests of tau over trials on each task; over tasks, a sign-flip test stratified by "
        "task; all adjusted together. These claims hold for these tasks. On tasks like these: one number a task family "
        "and predictor, tested only from nine families on.",
        "J. W. Pratt, JASA 1959; S. Holm, Scandinavian Journal of Statistics 1979",
    ),
    (
        "critical-difference diagram",
        "Average ranks on an axis; bars join neighbours that the printed tests do not tell apart.",
        "J. Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 2006",
    ),
    (
        "95 % interval",
        "Percentile bootstrap over trials; the same resampled trials for all predictors.",
        "B. Efron, Annals of Statistics 1979",
    ),
)
"""(term, meaning, source) in the order of the page."""
