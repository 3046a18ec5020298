"""What a policy gradient is paid: MnasNet's reward and the moving baseline."""

import math

import numpy as np
import pytest

from nasbench.errors import StrategyError
from nasbench.problem import Objective, Observation, Problem
from nasbench.spaces.grid import GridSpace
from nasbench.strategies.reinforcement.baseline import MovingBaseline
from nasbench.strategies.reinforcement.rewards import Reward

SPACE = GridSpace.of({"operation": ["a", "b"], "width": [8, 16]})


def paid(reward, values, directions=("maximize", "minimize")):
    objectives = [Objective(f"o{i}", d) for i, d in enumerate(directions)]
    problem = Problem(SPACE, objectives, np.random.default_rng(0))
    reward.check_fits(problem)
    return reward(problem, Observation(values))


def test_the_exponent_is_the_one_that_the_paper_derives():
    """Tan et al. (2019), section 3: twice the latency and 5 % more accuracy should be paid alike."""
    slow, quick = paid(Reward(80.0), (75.0 * 1.05, 160.0)), paid(Reward(80.0), (75.0, 80.0))
    assert slow == pytest.approx(quick, rel=1e-3)
    assert quick == 75.0


def test_the_hard_constraint_pays_the_accuracy_up_to_the_target():
    hard = Reward(target=50.0, alpha=0.0, beta=-1.0)
    assert paid(hard, (70.0, 10.0)) == 70.0
    assert paid(hard, (70.0, 50.0)) == 70.0
    assert paid(hard, (70.0, 100.0)) == 35.0


def test_one_objective_is_paid_as_it_is():
    assert paid(Reward(), (0.25,), ["minimize"]) == -0.25
    assert paid(Reward(alpha=0.0, beta=-1.0), (0.25,), ["maximize"]) == 0.25


@pytest.mark.parametrize("first", ["maximize", "minimize"])
@pytest.mark.parametrize("second", ["maximize", "minimize"])
@pytest.mark.parametrize("value", [3.0, -3.0])
def test_the_better_second_value_is_paid_more_in_every_direction(first, second, value):
    rewards = [paid(Reward(5.0, -0.07, -0.5), (value, cost), (first, second)) for cost in (1.0, 4.9, 5.1, 20.0)]
    assert rewards == sorted(rewards, reverse=second == "minimize")
    assert len(set(rewards)) == 4


def test_without_a_target_the_soft_constraint_orders_as_with_any():
    values = [(60.0, 3.0), (70.0, 9.0), (71.0, 1.0)]
    plain = [paid(Reward(), v) for v in values]
    assert np.array([paid(Reward(7.0), v) for v in values]) / plain == pytest.approx(7.0**0.07)


@pytest.mark.parametrize("values", [(math.nan, 1.0), (1.0, math.nan), (1.0, 0.0), (1.0, -2.0)])
def test_what_cannot_be_paid_counts_as_failed(values):
    assert paid(Reward(), values) == -math.inf


@pytest.mark.parametrize("params", [{"target": 0}, {"target": -1.0}, {"alpha": 0.1}, {"beta": math.nan}, {"beta": "x"}])
def test_unusable_parameters_are_refused(params):
    with pytest.raises(StrategyError):
        Reward(**params)


def test_a_hard_constraint_needs_its_target():
    with pytest.raises(StrategyError, match="a target for o1 is needed"):
        paid(Reward(alpha=0.0, beta=-1.0), (1.0, 1.0))


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.95])
def test_advantages_are_those_of_weighted_sums_over_the_history(decay):
    rewards = np.random.default_rng(4).normal(size=40)
    baseline, deviations = MovingBaseline(decay), []
    for t, reward in enumerate(rewards):
        weights = decay ** np.arange(t - 1, -1, -1.0)
        deviations.append(reward - weights @ rewards[:t] / weights.sum() if t else 0.0)
        weights = decay ** np.arange(t, -1, -1.0)
        deviation = np.sqrt(weights @ np.square(deviations) / weights.sum())
        assert baseline.advantage(reward) == pytest.approx(deviations[-1] / deviation if t else 0.0)


def test_a_failure_is_worth_the_worst_reward_so_far():
    failing, worst = MovingBaseline(0.9), MovingBaseline(0.9)
    assert failing.advantage(-math.inf) == 0.0
    for told, same in ((3.0, 3.0), (1.0, 1.0), (2.0, 2.0), (-math.inf, 1.0), (5.0, 5.0)):
        assert failing.advantage(told) == worst.advantage(same)
