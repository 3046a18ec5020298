"""The minimal detectable effect against simulation."""

import numpy as np
import pytest
import scipy.stats

from nasbench.analysis.power import minimal_detectable_effect


@pytest.mark.parametrize(("pairs", "alpha"), [(20, 0.05), (20, 0.005), (10, 0.05), (60, 0.01)])
@pytest.mark.parametrize("test", ["t", "wilcoxon"])
def test_reaches_its_power(pairs, alpha, test):
    effect = minimal_detectable_effect(pairs, alpha, test=test)
    d = np.random.default_rng(pairs).normal(effect, 1, (8000, pairs))
    run = scipy.stats.ttest_1samp if test == "t" else scipy.stats.wilcoxon
    p = run(d, 0, axis=1).pvalue if test == "t" else run(d, axis=1).pvalue
    # The efficiency 3 / pi is asymptotic; exact small-sample levels are also coarse.
    assert np.mean(p <= alpha) == pytest.approx(0.8, abs=0.015 if test == "t" else 0.025)


def test_twenty_seeds():
    assert minimal_detectable_effect(20, 0.05) == pytest.approx(0.676, abs=0.001)
    assert minimal_detectable_effect(20, 0.005) == pytest.approx(0.933, abs=0.001)


def test_falls_with_seeds_and_rises_with_power():
    assert minimal_detectable_effect(30) < minimal_detectable_effect(20)
    assert minimal_detectable_effect(20, power=0.9) > minimal_detectable_effect(20)


@pytest.mark.parametrize(("pairs", "alpha"), [(1, 0.05), (5, 0.05), (8, 0.005)])
def test_too_few_pairs_never_see_anything(pairs, alpha):
    assert minimal_detectable_effect(pairs, alpha) == float("inf")


def test_six_pairs_are_the_fewest_that_can_reject_at_five_percent():
    assert np.isfinite(minimal_detectable_effect(6, 0.05))
