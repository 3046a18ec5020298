"""The verdict procedure on strategies that are equal: how often it finds a difference.

Identical strategies under different salts are independent draws from one law; random search has it in
closed form, so whole comparisons are drawn from it directly, ties, zeros and skewed regrets included.
"""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binom

from nasbench.analysis.pairwise import family_of_tests
from nasbench.analysis.random_search import RandomSearchLaw

SEEDS, EVALUATIONS, LEVEL = 20, 150, 0.05


def table(number):
    """A table of 4,000 architectures: skewed, and on every third task so coarse that finals tie."""
    rng = np.random.default_rng([7, number])
    skill = 10 - rng.gamma(3.0, 2.0, 4000)
    column = skill[:, None] + rng.normal(0, 0.3, (4000, 1 + number % 3))
    return np.round(4 * column) / 4 if number % 3 == 2 else column


def final_regrets(number, rng, shape):
    """Final table regrets of independent random searches, by inverting the law's distribution."""
    column = table(number)
    mean = column.mean(axis=1)
    law = RandomSearchLaw(column, key=str(number))
    return law.quantiles(mean.max() - mean, EVALUATIONS, rng.random(shape).ravel()).reshape(shape)


def error_rate(tasks, strategies, repetitions, shared):
    """Share of comparisons that find any difference, per task or over tasks.

    Args:
        shared: share of seeds in which strategies end equal (they start from one design).
    """
    rng = np.random.default_rng([tasks, strategies, int(100 * shared)])
    shape = (repetitions, SEEDS, strategies)
    finals = [final_regrets(t, rng, shape) for t in range(tasks)]
    for final in finals:
        equal = rng.random((repetitions, SEEDS)) < shared
        final[equal] = final[equal][:, :1]
    pairs = list(combinations(range(strategies), 2))
    wrong = 0
    for repetition in range(repetitions):
        family = family_of_tests([final[repetition] for final in finals], pairs)
        adjusted = np.append(family.per_task_holm.ravel(), family.over_tasks_holm)
        wrong += bool(np.nanmin(adjusted) <= LEVEL)
    return wrong / repetitions


def bound(repetitions):
    """99 % binomial bound of a rate of 5 %: 6.2 % at 2,000 repetitions."""
    return binom.ppf(0.99, repetitions, LEVEL) / repetitions


def test_bound_is_the_published_one():
    assert bound(2000) == pytest.approx(0.062, abs=0.001)


@pytest.mark.parametrize(
    ("tasks", "strategies", "repetitions"), [(1, 2, 2000), (1, 5, 2000), (3, 2, 2000), (3, 5, 500)]
)
def test_equal_strategies_are_rarely_told_apart(tasks, strategies, repetitions):
    assert error_rate(tasks, strategies, repetitions, shared=0.0) <= bound(repetitions)


def test_seeds_that_end_equal_keep_the_level():
    assert error_rate(3, 2, 2000, shared=0.4) <= bound(2000)


def test_one_pair_on_one_task_is_not_conservative_either():
    # The exact test's own level with 20 pairs is just below 5 %: a rate near 0 would be a blind test.
    rate = error_rate(1, 2, 4000, shared=0.0)
    assert rate >= binom.ppf(0.005, 4000, 0.048) / 4000


def test_a_real_difference_is_found():
    rng = np.random.default_rng(0)
    finals = [final_regrets(t, rng, (SEEDS, 2)) for t in range(3)]
    for final in finals:
        final[:, 1] += 1.5 * final.std()
    family = family_of_tests(finals, [(0, 1)])
    assert family.over_tasks_holm[0] < 0.01
    assert (family.per_task_holm < LEVEL).all()


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [1, 3, 24])
@pytest.mark.parametrize("strategies", [2, 5])
def test_family_wise_error_at_full_size(tasks, strategies):
    assert error_rate(tasks, strategies, 2000, shared=0.0) <= 0.062
