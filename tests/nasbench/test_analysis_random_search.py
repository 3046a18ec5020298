"""The exact law of random search against enumeration, simulation and published figures."""

from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nasbench
from nasbench.analysis import random_search
from nasbench.analysis.random_search import RandomSearchLaw

NAN = np.nan
DATASETS = ("cifar10", "cifar100", "imagenet16-120")


def by_enumeration(shown, quantity, sign, n):
    """Mean, sd and sorted outcomes (with weights) over all ordered-tie-fair draws of n rows."""
    outcomes = []
    for rows in combinations(range(len(shown)), n):
        known = [r for r in rows if not np.isnan(shown[r])]
        if known:
            best = max(sign * shown[r] for r in known)
            leaders = [r for r in known if sign * shown[r] == best]
            outcomes += [(quantity[r], 1 / len(leaders)) for r in leaders]
    values, weights = map(np.array, zip(*outcomes, strict=True))
    mean = np.average(values, weights=weights)
    return mean, np.sqrt(np.average((values - mean) ** 2, weights=weights)), values, weights


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("n", [1, 2, 4, 7, 8])
def test_noise_free_equals_enumeration(sign, n):
    shown = np.array([3.0, 1.0, 3.0, NAN, 5.0, 2.0, 3.0, NAN])
    quantity = np.array([0.1, 7.0, 0.9, NAN, -2.0, 4.0, 0.4, NAN])
    law = RandomSearchLaw(shown, sign)
    mean, sd, values, weights = by_enumeration(shown, quantity, sign, n)
    moments = law.moments(quantity, n)
    assert moments.mean[0] == pytest.approx(mean, rel=1e-12)
    assert moments.sd[0] == pytest.approx(sd, rel=1e-9, abs=1e-12)
    assert moments.error[0] == 0
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / weights.sum()
    for level in (0.05, 0.33, 0.5, 0.9, 1.0):
        expected = values[order][np.searchsorted(reached, level * (1 - 1e-9))]
        assert law.quantiles(quantity, n, [level])[0] == expected


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.data())
def test_best_value_has_hypergeometric_distribution(values, data):
    n = data.draw(st.integers(1, len(values)))
    size = len(values)
    expected = sum(
        v * (comb(sum(w <= v for w in values), n) - comb(sum(w < v for w in values), n)) / comb(size, n)
        for v in set(values)
    )
    law = RandomSearchLaw(np.array(values, dtype=float))
    assert law.shown_moments(n).mean[0] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_noisy_formula_equals_independent_draws(sign):
    rng = np.random.default_rng(1)
    column = rng.integers(0, 9, (30, 3)).astype(float)
    column[rng.random((30, 3)) < 0.3] = NAN
    quantity = rng.normal(size=30)
    pairs = [(r, v, 1 / np.count_nonzero(~np.isnan(column[r]))) for r in range(30) for v in column[r] if v == v]
    total = first = won = 0.0
    # n = 2 <= N / 10: all ordered pairs of independent draws; the earlier of equals leads.
    failed = 30 - sum(w for _, _, w in pairs)
    for (r, v, w), (q, u, x) in product(pairs, pairs):
        leader, best = (r, v) if sign * v >= sign * u else (q, u)
        total += w * x * quantity[leader]
        first += w * x * best
        won += w * x
    for r, v, w in pairs:
        total += 2 * w * failed * quantity[r]
        first += 2 * w * failed * v
        won += 2 * w * failed
    law = RandomSearchLaw(column, sign)
    assert not law.exact
    assert law.moments(quantity, 2).mean[0] == pytest.approx(total / won, rel=1e-10)
    assert law.shown_moments(2).mean[0] == pytest.approx(first / won, rel=1e-10)


def test_simulation_beyond_a_tenth_equals_enumeration():
    column = np.array([[1.0, 6.0], [2.0, NAN], [3.0, 4.0], [NAN, NAN], [5.0, 0.0]])
    quantity = np.array([1.0, 2.0, 3.0, NAN, 5.0])
    law = RandomSearchLaw(column, key="five")
    runs = [[0, 1], [0], [0, 1], [0], [0, 1]]
    for n in (2, 3, 5):
        outcomes = []
        for choice in product(*runs):
            weight = np.prod([1 / len(r) for r in runs])
            shown = np.array([column[i, c] for i, c in enumerate(choice)])
            _, _, values, weights = by_enumeration(shown, quantity, 1, n)
            outcomes.append((weight, (values * weights).sum(), weights.sum(), (values**2 * weights).sum()))
        weight, total, won, square = np.array(outcomes).T
        mean = (weight @ total) / (weight @ won)
        sd = np.sqrt((weight @ square) / (weight @ won) - mean**2)
        moments = law.moments(quantity, n)
        assert 0 < moments.error[0] <= 1.1 * sd / np.sqrt(5000) + 1e-12
        assert abs(moments.mean[0] - mean) <= 4.5 * moments.error[0]


def test_simulation_of_a_large_table_equals_plain_permutations():
    rng = np.random.default_rng(3)
    skill = rng.normal(size=1500)
    column = skill[:, None] + rng.normal(0, 0.5, (1500, 2))
    law = RandomSearchLaw(column, key="large")
    n = 300
    plain = []
    for _ in range(3000):
        rows = rng.permutation(1500)[:n]
        plain.append(skill[rows[np.argmax(column[rows, rng.integers(0, 2, n)])]])
    moments = law.moments(skill, n)
    spread = np.hypot(moments.error[0], np.std(plain) / np.sqrt(3000))
    assert abs(moments.mean[0] - np.mean(plain)) < 4.5 * spread
    assert moments.sd[0] == pytest.approx(np.std(plain), rel=0.06)


def test_the_simulation_is_deterministic_and_independent_of_the_grid():
    column = np.random.default_rng(0).normal(size=(50, 3))
    one = RandomSearchLaw(column, key="a").moments(column[:, 0], [20, 40])
    other = RandomSearchLaw(column, key="a").moments(column[:, 0], [40])
    assert one.mean[1] == other.mean[0]
    assert RandomSearchLaw(column, key="b").moments(column[:, 0], [40]).mean[0] != other.mean[0]


def test_ends_of_the_curve():
    values = np.random.default_rng(5).normal(size=777)
    law = RandomSearchLaw(values)
    curve = law.shown_moments(np.arange(1, 779)).mean
    assert curve[0] == pytest.approx(values.mean())
    assert curve[-1] == curve[-2] == pytest.approx(values.max())
    assert (np.diff(curve) >= -1e-12).all()


def test_only_listed_rows_are_drawn():
    values = np.array([1.0, 2.0, 9.0])
    law = RandomSearchLaw(values, listed=np.array([True, True, False]))
    assert law.size == 2
    assert law.shown_moments(2).mean[0] == 2.0


def test_nothing_can_win_an_empty_column():
    moments = RandomSearchLaw(np.full((4, 2), NAN)).moments(np.zeros(4), [1, 4])
    assert np.isnan(moments.mean).all()


@pytest.mark.parametrize("n", [0, -1, 1.5])
def test_refuses_impossible_numbers_of_draws(n):
    with pytest.raises(ValueError, match="at least 1"):
        RandomSearchLaw(np.ones(3)).shown_moments(n)


@pytest.mark.parametrize(("dataset", "regret"), list(zip(DATASETS, (0.514, 1.910, 1.336), strict=True)))
def test_noisy_regret_at_150_on_nasbench201(dataset, regret):
    task = nasbench.Task(f"nasbench201/{dataset}", evaluations=150)
    assert random_search.expected_regret(task, 150).mean[0] == pytest.approx(regret, abs=0.0006)


PUBLISHED_N = (50, 100, 200, 300, 500)
PUBLISHED_BEST = {
    "cifar10": (90.799, 91.025, 91.178, 91.249, 91.327),
    "cifar100": (70.978, 71.436, 71.882, 72.130, 72.415),
    "imagenet16-120": (44.922, 45.349, 45.698, 45.874, 46.071),
}


@pytest.mark.parametrize("dataset", DATASETS)
def test_noise_free_best_so_far_on_nasbench201(dataset):
    task = nasbench.Task(f"nasbench201/{dataset}", evaluations=150, repeat="mean")
    best = random_search.law_of(task).shown_moments(PUBLISHED_N).mean
    assert best == pytest.approx(PUBLISHED_BEST[dataset], abs=0.0006)
