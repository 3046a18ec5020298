import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm, rankdata

from nasbench.predictors.rank_targets import RankTargets, ScoreScale

VALUES = arrays(np.float64, st.integers(1, 40), elements=st.integers(-1000, 1000).map(float))


class Recall:
    """Predicts its only feature; remembers its targets."""

    def __init__(self):
        self.targets = None

    def get_params(self, deep=True):
        return {}

    def fit(self, X, y):
        self.targets = y
        return self

    def predict(self, X, return_std=False):
        mean = np.asarray(X, dtype=float)[:, 0]
        return (mean, np.full(len(mean), 0.1)) if return_std else mean


@given(VALUES)
def test_scores_are_normal_quantiles_of_ranks_and_map_back_exactly(values):
    scale = ScoreScale(values)
    np.testing.assert_allclose(scale.scores, norm.ppf((rankdata(values) - 0.5) / len(values)), atol=1e-12)
    np.testing.assert_allclose(scale.value(scale.scores), values, atol=1e-9)


@given(VALUES)
def test_the_map_rises_strictly_also_beyond_the_training_range(values):
    scores = np.linspace(-6, 6, 200)
    steps = np.diff(ScoreScale(values).value(scores))
    assert (steps > 0).all()


@given(VALUES)
def test_scores_of_values_undo_the_map_and_rise_beyond_it(values):
    scale = ScoreScale(values)
    np.testing.assert_allclose(scale.score(values), scale.scores, atol=1e-9)
    between = np.linspace(values.min(), values.max(), 30)
    np.testing.assert_allclose(scale.value(scale.score(between)), between, atol=1e-6)
    outside = np.linspace(values.min() - 100, values.max() + 100, 200)
    assert (np.diff(scale.score(outside)) > 0).all()
    assert scale.score(np.array([1e67]))[0] < 200  # a logarithm, however far out


def test_a_linear_scale_goes_on_linearly():
    scores = norm.ppf((np.arange(50) + 0.5) / 50)
    scale = ScoreScale(90.0 + 2.0 * scores)
    np.testing.assert_allclose(scale.value(np.array([-5.0, 0.3, 5.0])), [80.0, 90.6, 100.0])
    np.testing.assert_allclose(scale.spread(np.array([-5.0, 0.0, 5.0]), np.array([1.0, 0.5, 0.2])), [2.0, 1.0, 0.4])


def test_the_regressor_learns_scores_and_predicts_values():
    y = np.array([10.0, 93.0, 90.0, 91.0, 92.0])
    model = RankTargets(Recall()).fit(np.zeros((5, 1)), y)
    np.testing.assert_allclose(model.regressor_.targets, norm.ppf([0.1, 0.9, 0.3, 0.5, 0.7]))
    mean, std = model.predict([[0.0], [norm.ppf(0.7)]], return_std=True)
    np.testing.assert_allclose(mean, [91.0, 92.0])
    np.testing.assert_array_equal(model.predict([[0.0]]), mean[:1])
    # between two training values one unit of score is 1 / .52 points wide; the tail is 5 deviations away
    assert std[0] == pytest.approx(0.1 / norm.ppf(0.7), rel=1e-3)


def test_the_spread_counts_the_tail_as_monte_carlo_does():
    values = np.concatenate([[10.0, 10.5, 50.0], np.linspace(80, 94, 60)])
    scale = ScoreScale(values)
    draws = np.random.default_rng(0).normal(size=400_000)
    for mean, deviation in ((-1.2, 0.5), (0.0, 0.5), (1.0, 0.2), (3.0, 0.4)):
        distances = scale.value(mean + deviation * draws) - scale.value(np.array([mean]))
        expected = np.sqrt(np.mean(distances**2))
        got = scale.spread(np.array([mean]), np.array([deviation]))
        assert got[0] == pytest.approx(expected, rel=0.05)
