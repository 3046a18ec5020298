"""Measures of predictions against brute force, closed forms and published agreements."""

from __future__ import annotations

import math
from itertools import combinations, product

import numpy as np
import pytest
from sklearn import metrics

import nasbench
from nasbench.analysis import predictor_quality as quality
from nasbench.analysis.noise_ceiling import repeat_ceiling, top_ceiling
from nasbench.analysis.predictor_tests import best_within, pareto_front


def brute_tau(x, y):
    """Tau-b by counting pairs."""
    agree = ties_x = ties_y = pairs = 0
    for i, j in combinations(range(len(x)), 2):
        a, b = np.sign(x[i] - x[j]), np.sign(y[i] - y[j])
        agree += a * b
        ties_x += a == 0
        ties_y += b == 0
        pairs += 1
    return agree / math.sqrt((pairs - ties_x) * (pairs - ties_y))


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("levels", [2, 5, 1000])
def test_kendall_is_tau_b_by_counting_pairs(rng, levels):
    x, y = rng.integers(0, levels, 40).astype(float), rng.integers(0, levels, 40).astype(float)
    assert quality.kendall(x, y) == pytest.approx(brute_tau(x, y), abs=1e-12)


def test_a_constant_prediction_scores_zero_and_a_constant_truth_has_no_score(rng):
    y = rng.normal(size=20)
    for measure in (quality.kendall, quality.spearman, quality.pearson):
        assert measure(np.full(20, 3.0), y) == 0.0
        assert math.isnan(measure(y, np.full(20, 3.0)))
    assert quality.sparse_kendall(np.full(20, 3.0), y, 0.1) == 0.0


def test_sparse_kendall_counts_predictions_of_one_step_as_ties(rng):
    predicted, truth = rng.normal(size=50), rng.normal(size=50)
    steps = [round(value / 0.5) for value in predicted]
    assert quality.sparse_kendall(predicted, truth, 0.5) == pytest.approx(brute_tau(steps, truth), abs=1e-12)
    assert math.isnan(quality.sparse_kendall(predicted, truth, None))


def test_spearman_pearson_and_errors_are_those_of_other_libraries(rng):
    stats = pytest.importorskip("scipy.stats")
    x, y = rng.integers(0, 9, 60).astype(float), rng.normal(size=60)
    assert quality.spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert quality.pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)
    assert quality.mean_absolute_error(x, y) == pytest.approx(metrics.mean_absolute_error(y, x))
    assert quality.r2(x, y) == pytest.approx(1 - ((y - x) ** 2).sum() / ((y - y.mean()) ** 2).sum())


@pytest.mark.parametrize("sign", [1, -1])
def test_precision_is_the_overlap_of_the_tops_averaged_over_the_ways_to_break_ties(sign):
    predicted = np.array([3.0, 2.0, 2.0, 2.0, 1.0, 0.0])
    truth = np.array([5.0, 4.0, 4.0, 1.0, 3.0, 2.0])
    k = 2

    def tops(values):
        scored = sign * values
        return [
            set(chosen)
            for chosen in combinations(range(6), k)
            if min(scored[list(chosen)]) >= max(np.delete(scored, list(chosen)))
        ]

    overlaps = [len(a & b) / k for a, b in product(tops(predicted), tops(truth))]
    assert quality.precision_at(predicted, truth, k, sign) == pytest.approx(np.mean(overlaps))


def test_precision_of_a_constant_prediction_is_chance_and_of_the_truth_is_one(rng):
    truth = rng.normal(size=200)
    assert quality.precision_at(np.zeros(200), truth, 10) == pytest.approx(10 / 200)
    assert quality.precision_at(truth, truth, 10) == 1.0
    assert math.isnan(quality.precision_at(truth[:10], truth[:10], 10))


def test_regret_of_the_predicted_top(rng):
    truth, predicted = rng.normal(size=30), rng.normal(size=30)
    best = sorted(range(30), key=lambda i: -predicted[i])[:5]
    assert quality.top_regret(predicted, truth, 5) == pytest.approx(truth.max() - max(truth[i] for i in best))
    lowest = sorted(range(30), key=lambda i: predicted[i])[:5]
    assert quality.top_regret(predicted, truth, 5, -1) == pytest.approx(min(truth[i] for i in lowest) - truth.min())


def test_likelihood_in_closed_form(rng):
    mean, std, truth = rng.normal(size=25), rng.uniform(0.5, 2, 25), rng.normal(size=25)
    terms = [
        0.5 * math.log(2 * math.pi * s * s) + (y - m) ** 2 / (2 * s * s)
        for m, s, y in zip(mean, std, truth, strict=True)
    ]
    assert quality.negative_log_likelihood(mean, std, truth) == pytest.approx(sum(terms) / 25)
    std[3] = 0.0
    floor = quality.SMALLEST_STD * truth.std()
    terms[3] = 0.5 * math.log(2 * math.pi * floor**2) + (truth[3] - mean[3]) ** 2 / (2 * floor**2)
    assert quality.negative_log_likelihood(mean, std, truth) == pytest.approx(sum(terms) / 25)
    assert math.isnan(quality.negative_log_likelihood(mean, np.full(25, np.nan), truth))


def test_coverage_of_honest_and_of_overconfident_deviations(rng):
    mean, std = rng.normal(size=40_000), rng.uniform(0.5, 2, 40_000)
    truth = rng.normal(mean, std)
    honest = quality.coverages(mean, std, truth)
    # Five binomial standard errors.
    assert np.abs(honest - quality.NOMINAL).max() < 5 * 0.5 / math.sqrt(40_000)
    assert quality.calibration_error(honest) < 0.01
    halved = quality.coverages(mean, std / 2, truth, np.array([0.95]))
    assert halved[0] == pytest.approx(math.erf(1.959964 / 2 / math.sqrt(2)), abs=0.013)
    assert np.isnan(quality.coverages(mean, np.full(40_000, np.nan), truth)).all()


def test_training_runs_agree_as_published():
    """Figures of the reference table; the top decile is averaged here over which run chooses."""
    for dataset, agreement, top in (
        ("cifar10", 0.924, 0.651),
        ("cifar100", 0.905, 0.445),
        ("imagenet16-120", 0.922, 0.487),
    ):
        values = nasbench.load(f"nasbench201/{dataset}").column("val_accuracy")
        assert repeat_ceiling(values) == pytest.approx(agreement, abs=0.0015)
        assert top_ceiling(values) == pytest.approx(top, abs=0.025)
    assert math.isnan(repeat_ceiling(np.ones((50, 1))))
    assert math.isnan(top_ceiling(np.ones((50, 2))))


def test_pareto_front_and_budgets_by_brute_force(rng):
    init, query, tau = rng.uniform(1, 9, 30), rng.uniform(1, 9, 30), rng.normal(size=30)
    tau[4] = np.nan
    dominated = {i for i in range(30) for j in range(30) if i != j and init[j] <= init[i] and tau[j] >= tau[i]} | {4}
    assert set(pareto_front(init, tau)) == set(range(30)) - dominated
    budgets = np.linspace(1, 9, 7), np.linspace(1, 9, 5)
    table = best_within(init, query, tau, budgets)
    for j, most_query in enumerate(budgets[1]):
        for i, most_init in enumerate(budgets[0]):
            fits = [p for p in range(30) if init[p] <= most_init and query[p] <= most_query and p != 4]
            assert table[j][i] == (max(fits, key=lambda p: tau[p]) if fits else -1)
