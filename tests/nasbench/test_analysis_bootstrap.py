"""The seed-paired bootstrap."""

import numpy as np
import pytest

from nasbench.analysis.bootstrap import RESAMPLES, bounds, mean_interval, resampled_means, seed_weights


def test_weights_are_resampled_seeds():
    weights = seed_weights("task", range(7))
    assert weights.shape == (RESAMPLES, 7)
    assert np.allclose(weights.sum(axis=1), 1)
    assert np.allclose(weights * 7, np.rint(weights * 7))
    # Each seed's count is Binomial(7, 1/7): mean 1, variance 6/7.
    assert (weights * 7).mean(axis=0) == pytest.approx(1, abs=0.1)
    assert (weights * 7).var() == pytest.approx(6 / 7, rel=0.05)


def test_weights_depend_on_task_and_seeds_only():
    assert np.array_equal(seed_weights("a", [0, 1, 2]), seed_weights("a", [0, 1, 2]))
    assert not np.array_equal(seed_weights("a", [0, 1, 2]), seed_weights("b", [0, 1, 2]))


def test_interval_of_a_mean_matches_the_normal_theory():
    values = np.random.default_rng(0).normal(3, 2, 200)
    mean, low, high = mean_interval(values, seed_weights("t", range(200)))
    half = 1.96 * values.std() / np.sqrt(200)
    assert mean == pytest.approx(values.mean())
    assert [low, high] == pytest.approx([mean - half, mean + half], abs=0.06)


def test_pairing_cancels_what_seeds_share():
    rng = np.random.default_rng(1)
    seeds = rng.normal(0, 10, 20)
    values = np.column_stack([seeds, seeds + 1 + rng.normal(0, 0.1, 20)])
    means = resampled_means(values, seed_weights("t", range(20)))
    low, high = bounds(means[:, 1] - means[:, 0])
    assert 0.9 < low < 1 + np.diff(values).mean() - 1 < high < 1.1


def test_columns_are_intervals_of_their_own():
    values = np.random.default_rng(2).normal(size=(12, 3))
    weights = seed_weights("t", range(12))
    together = mean_interval(values, weights)
    for column in range(3):
        alone = mean_interval(values[:, column], weights)
        assert [part[column] for part in together] == pytest.approx([float(part) for part in alone])


def test_missing_seeds_are_left_out():
    values = np.array([1.0, np.nan, 3.0, np.nan])
    mean, low, high = mean_interval(values, seed_weights("t", range(4)))
    assert mean == 2
    assert (low, high) == (1, 3)


def test_nothing_known_gives_nan():
    assert np.isnan(mean_interval(np.full(3, np.nan), seed_weights("t", range(3)))).all()
    mixed = np.array([[1.0, np.nan], [2.0, np.nan]])
    interval = mean_interval(mixed, seed_weights("t", range(2)))
    assert interval.mean[0] == 1.5
    assert np.isnan([part[1] for part in interval]).all()
