"""REINFORCE: its gradient, its units, what it does where choices are constrained or fail."""

import numpy as np
import pytest
from scipy.stats import chisquare

from nasbench.errors import StrategyError
from nasbench.parameter import Parameter
from nasbench.problem import Objective, Observation, Problem
from nasbench.spaces.constrained import ConstrainedSpace
from nasbench.spaces.grid import GridSpace
from nasbench.strategies.reinforcement.reinforce import Reinforce

UNEVEN = GridSpace.of({"operation": ["a", "b", "c", "d"], "width": [8, 16], "bias": ["no"], "depth": [1, 2, 3]})


def started(strategy, seed=0, space=UNEVEN, direction="maximize"):
    problem = Problem(space, [Objective("m", direction)], np.random.default_rng([seed, 1]))
    strategy.start(problem, np.random.default_rng([seed, 2]))
    return strategy


def trace(strategy, value, n):
    asked = []
    for _ in range(n):
        (trial,) = strategy.ask()
        asked.append(trial.genotype)
        strategy.tell(trial, Observation((value(trial.genotype),)))
    return asked


def frequencies(strategy, position, choices, n=20_000):
    return np.bincount([trial.genotype[position] for trial in strategy.ask(n)], minlength=choices) / n


def test_it_starts_from_the_uniform_policy():
    counts = np.bincount(UNEVEN.indices([t.genotype for t in started(Reinforce()).ask(12_000)]), minlength=24)
    assert chisquare(counts).pvalue > 1e-4


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum()


def reference_logits(genotypes, rewards, learning_rate, decay, choices):
    """Textbook REINFORCE at one position: gradients by finite differences of log softmax.

    The moving averages are written as weighted sums over the history, not recursively.
    """
    logits, deviations = np.zeros(choices), []
    for t, (choice, reward) in enumerate(zip(genotypes, rewards, strict=True)):
        weights = decay ** np.arange(t - 1, -1, -1.0)
        mean = weights @ rewards[:t] / weights.sum() if t else reward
        deviations.append(reward - mean)
        weights = decay ** np.arange(t, -1, -1.0)
        sd = np.sqrt(weights @ np.square(deviations) / weights.sum())
        if sd > 0:
            step = 1e-6 * np.eye(choices)
            gradient = [
                (np.log(softmax(logits + e)[choice]) - np.log(softmax(logits - e)[choice])) / 2e-6 for e in step
            ]
            logits = logits + learning_rate * deviations[-1] / sd * np.array(gradient)
    return logits


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9])
def test_the_policy_follows_the_gradient_of_the_log_probability(decay):
    strategy = started(Reinforce(learning_rate=0.3, baseline=decay))
    rng = np.random.default_rng(5)
    rewards = rng.normal(size=25)
    trials = strategy.ask(25)
    for trial, reward in zip(trials, rewards.tolist(), strict=True):
        strategy.tell(trial, Observation((reward,)))
    for position, choices in enumerate(UNEVEN.cardinalities):
        told = [trial.genotype[position] for trial in trials]
        expected = softmax(reference_logits(told, rewards, 0.3, decay, choices))
        observed = frequencies(strategy, position, choices)
        assert observed == pytest.approx(expected, abs=4 * 0.5 / np.sqrt(20_000))


@pytest.mark.parametrize(("scale", "shift"), [(2.0**-10, 0.0), (2.0**20, 0.0), (1.0, 4096.0)])
def test_the_unit_of_the_objective_does_not_matter(scale, shift):
    """Powers of two, so that not even the last bit may differ."""
    value = {tuple(g): float(v) for v, g in enumerate(np.random.default_rng(3).permutation(UNEVEN.all()).tolist())}
    plain = trace(started(Reinforce()), lambda g: value[g], 150)
    other = trace(started(Reinforce()), lambda g: value[g] * scale + shift, 150)
    matching = sum(a == b for a, b in zip(plain, other, strict=True))
    assert matching == 150 if shift == 0 else matching >= 148


def test_minimising_is_maximising_the_negative():
    up = trace(started(Reinforce()), lambda g: float(sum(g)), 200)
    down = trace(started(Reinforce(), direction="minimize"), lambda g: -float(sum(g)), 200)
    assert up == down


def test_it_converges_where_choices_add_up():
    space = GridSpace.of({f"p{i}": ["a", "b", "c", "d"] for i in range(5)})
    found = []
    for seed in range(10):
        asked = trace(started(Reinforce(), seed, space), lambda g: float(sum(g)), 600)
        found.append(asked[-50:].count((3,) * 5))
    assert np.median(found) >= 45


def test_one_outlier_moves_the_policy_by_a_bounded_step():
    calm, hit = started(Reinforce(), seed=2), started(Reinforce(), seed=2)
    for strategy, last in ((calm, 50.0), (hit, -1e12)):
        trials = strategy.ask(31)
        for trial in trials[:30]:
            strategy.tell(trial, Observation((50.0 + trial.number % 3,)))
        strategy.tell(trials[30], Observation((last,)))
    change = np.abs(frequencies(calm, 0, 4) - frequencies(hit, 0, 4)).max()
    # A logit moves at most 0.1 / sqrt(1 - 0.9) = 0.32 away from where the calm one went.
    assert 0.01 < change < 0.32 / 4 + 4 * 0.5 / np.sqrt(20_000) + 0.05


def test_a_failed_trial_counts_as_the_worst_so_far():
    as_failed, as_worst = started(Reinforce()), started(Reinforce())
    for strategy, third in ((as_failed, float("nan")), (as_worst, 1.0)):
        trials = strategy.ask(3)
        for trial, value in zip(trials, (1.0, 5.0, third), strict=True):
            strategy.tell(trial, Observation((value,)))
    assert as_failed.ask(200) == as_worst.ask(200)


def test_failures_before_any_result_change_nothing():
    failing, idle = started(Reinforce()), started(Reinforce())
    for trial in failing.ask(20):
        failing.tell(trial, Observation((float("nan"),), status="failed"))
    idle.ask(20)
    assert failing.ask(100) == idle.ask(100)


def test_a_second_objective_is_paid_by_mnasnets_soft_constraint():
    """The trace is that of the product accuracy * latency ** -0.07 as a single objective."""
    objectives = [Objective("accuracy"), Objective("latency", "minimize")]
    problem = Problem(UNEVEN, objectives, np.random.default_rng([0, 1]))
    both, product = Reinforce(), started(Reinforce())
    both.start(problem, np.random.default_rng([0, 2]))
    asked = []
    for _ in range(100):
        (trial,) = both.ask()
        asked.append(trial.genotype)
        both.tell(trial, Observation((60.0 + trial.genotype[0], 2.0 + 5.0 * trial.genotype[1])))
    assert asked == trace(product, lambda g: (60.0 + g[0]) * (2.0 + 5.0 * g[1]) ** -0.07, 100)


def test_equal_rewards_change_nothing():
    strategy = started(Reinforce())
    trace(strategy, lambda _: 7.0, 300)
    assert frequencies(strategy, 0, 4) == pytest.approx([0.25] * 4, abs=0.015)


class Thirds(ConstrainedSpace):
    """Genotypes whose sum is a multiple of 3."""

    kind = "thirds"

    def _members(self):
        full = GridSpace(self.parameters).all()
        return full[full.sum(axis=1) % 3 == 0]


def test_a_constrained_space_gets_the_policy_without_its_invalid_part():
    space = Thirds([Parameter(f"p{i}", (0, 1, 2, 3)) for i in range(3)])
    strategy = started(Reinforce(), space=space)
    counts = np.bincount(space.indices([t.genotype for t in strategy.ask(6000)]), minlength=space.size)
    assert chisquare(counts).pvalue > 1e-4
    trace(strategy, lambda g: float(g[0]), 300)
    asked = [t.genotype for t in strategy.ask(500)]
    assert space.valid(asked).all()
    assert np.mean([g[0] == 3 for g in asked]) > 0.8


class Needle(ConstrainedSpace):
    """Two architectures of 4^8: the policy as good as never draws one."""

    kind = "needle"

    def _members(self):
        return np.array([[0] * 8, [3] * 8])


def test_where_the_policy_finds_no_valid_draw_the_space_is_sampled_uniformly():
    strategy = started(Reinforce(), space=Needle([Parameter(f"p{i}", (0, 1, 2, 3)) for i in range(8)]))
    counts = np.bincount([trial.genotype[0] == 3 for trial in strategy.ask(400)])
    assert chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize(
    "params",
    [
        {"learning_rate": 0},
        {"learning_rate": -0.1},
        {"baseline": 1.0},
        {"baseline": -0.1},
        {"baseline": "0.9"},
        {"baseline": float("nan")},
    ],
)
def test_unusable_parameters_are_refused(params):
    with pytest.raises(StrategyError):
        Reinforce(**params)
