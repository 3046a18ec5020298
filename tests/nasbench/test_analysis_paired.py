"""Paired tests against enumeration and SciPy."""

from itertools import product

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench.analysis.paired import (
    differences,
    holm,
    improvements,
    sign_flip,
    signed_rank_sum,
    wilcoxon,
)


def pratt_by_enumeration(d):
    ranks = scipy.stats.rankdata(np.abs(d))
    observed = abs((ranks * np.sign(d)).sum())
    moving = ranks[d != 0]
    sums = [abs(np.dot(moving, signs)) for signs in product((-1, 1), repeat=len(moving))]
    return np.mean(np.array(sums) >= observed - 1e-9)


@settings(deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=10))
def test_signed_rank_is_exact_with_ties_and_zeros(values):
    d = np.array(values, dtype=float)
    assert wilcoxon(d) == pytest.approx(pratt_by_enumeration(d), rel=1e-12)
    assert wilcoxon(-d) == wilcoxon(d)


@pytest.mark.parametrize("n", [5, 20, 60])
def test_signed_rank_agrees_with_scipy_without_ties(n):
    d = np.random.default_rng(n).normal(0.3, 1, n)
    assert wilcoxon(d) == pytest.approx(scipy.stats.wilcoxon(d, method="exact").pvalue, rel=1e-9)


def test_many_pairs_take_the_normal_approximation():
    d = np.random.default_rng(0).normal(0.1, 1, 500)
    expected = scipy.stats.wilcoxon(d, zero_method="pratt", method="asymptotic").pvalue
    assert wilcoxon(d) == pytest.approx(expected)


def test_exact_and_approximate_agree_where_they_meet():
    d = np.round(np.random.default_rng(2).normal(0.12, 1, 200), 1)
    approximate = scipy.stats.wilcoxon(d, zero_method="pratt", method="asymptotic").pvalue
    assert wilcoxon(d) == pytest.approx(approximate, rel=0.02)


@pytest.mark.parametrize("d", [np.zeros(20), np.empty(0)])
def test_no_difference_is_no_evidence(d):
    assert wilcoxon(d) == 1.0
    assert sign_flip([d]).p == 1.0
    assert signed_rank_sum(d) == 0.0


def test_rounding_noise_is_a_tie():
    assert differences([0.3, 1.0, np.nan], [0.1 + 0.2, 2.0, 1.0]).tolist() == [0.0, 1.0]
    # 0.1 + 0.2 and 0.3 must share a rank, or the result would depend on the last bit.
    assert wilcoxon(np.array([0.1 + 0.2, -0.3, 0.5])) == pytest.approx(pratt_by_enumeration(np.array([0.3, -0.3, 0.5])))


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_by_its_definition(p):
    adjusted = holm(p)
    for level in (0.01, 0.05, 0.3):
        # Reject in rising order while p_(i) <= level / (m - i), the textbook procedure.
        rejected = set()
        for step, place in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
            if p[place] * (len(p) - step) > level:
                break
            rejected.add(place)
        assert {i for i in range(len(p)) if adjusted[i] <= level} == rejected


def test_holm_leaves_missing_tests_out():
    adjusted = holm([0.01, np.nan, 0.04])
    assert adjusted[[0, 2]].tolist() == [0.02, 0.04]
    assert np.isnan(adjusted[1])


def flip_by_enumeration(tasks):
    scaled = [d / np.sqrt(np.mean(d**2)) / len(d) / len(tasks) for d in tasks]
    weights = np.concatenate(scaled)
    statistic = weights.sum()
    sums = np.array(list(product((-1, 1), repeat=len(weights)))) @ weights
    return statistic, np.mean(np.abs(sums) >= abs(statistic) - 1e-12)


def test_sign_flip_enumerates_small_families():
    rng = np.random.default_rng(0)
    tasks = [rng.normal(0.5, 1, 5), rng.normal(3, 9, 6)]
    statistic, p = flip_by_enumeration(tasks)
    outcome = sign_flip(tasks)
    assert outcome.statistic == pytest.approx(statistic)
    assert outcome.p == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize("shift", [0.1, 0.4, 1.1])
def test_sign_flip_samples_large_families(shift):
    rng = np.random.default_rng(7)
    tasks = [rng.normal(shift, 1, 8), 100 * rng.normal(shift, 1, 9)]
    _, p = flip_by_enumeration(tasks)
    sampled = sign_flip(tasks).p
    # 10,000 flips, or 200,000 where the p-value is small.
    error = np.sqrt(p / (10_000 if p > 2e-3 else 200_000))
    assert abs(sampled - p) < 4.5 * error + 1e-5
    assert sign_flip(tasks).p == sampled


def test_sign_flip_weighs_tasks_equally_whatever_their_scale():
    d = np.random.default_rng(1).normal(0.3, 1, 20)
    e = np.random.default_rng(2).normal(0.3, 1, 20)
    assert sign_flip([d, 1000 * e]) == pytest.approx(sign_flip([d, e]))


def test_improvement_counts_ties_half():
    outcome = improvements([1.0, 2.0, 3.0, np.nan], [2.0, 2.0, 1.0, 1.0])
    assert outcome[:3].tolist() == [1.0, 0.5, 0.0]
    assert np.isnan(outcome[3])
