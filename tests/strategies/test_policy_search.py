"""lstm-controller and ppo: what they climb, their batches, workers, constraints, and real tables."""

from math import lgamma

import numpy as np
import pytest

from nasbench import strategies
from nasbench.benchmark import load
from nasbench.errors import StrategyError
from nasbench.parameter import Parameter
from nasbench.problem import Objective, Observation, Problem
from nasbench.space import SearchSpace
from nasbench.spaces.grid import GridSpace

torch = pytest.importorskip("torch")

from nasbench.strategies.reinforcement.lstm_controller import LSTMController  # noqa: E402  after the skip
from nasbench.strategies.reinforcement.ppo import PPO  # noqa: E402


class Uphill(SearchSpace):
    """Of 6^20 genotypes those whose first genes do not fall: too many to list, 7/12 of all."""

    kind = "uphill"
    size = 21 * 6**18

    def _valid(self, batch):
        return batch[:, 0] <= batch[:, 1]

    def sample(self, rng, n=1):
        drawn = super().sample(rng, n)
        drawn[:, :2].sort(axis=1)
        return drawn


SPACE = GridSpace.of({f"p{i}": ["a", "b", "c", "d"] for i in range(4)})
NAMES = ("lstm-controller", "ppo")


def started(strategy, seed=0, space=SPACE, objectives=1):
    directions = ("maximize", "minimize")[:objectives]
    problem = Problem(space, [Objective(f"o{i}", d) for i, d in enumerate(directions)], np.random.default_rng(seed))
    strategy.start(problem, np.random.default_rng([seed, 2]))
    return strategy


def run(strategy, value, n):
    asked = []
    for _ in range(n):
        (trial,) = strategy.ask()
        asked.append(trial.genotype)
        found = value(trial.genotype)
        strategy.tell(trial, Observation(found if isinstance(found, tuple) else (found,)))
    return asked


def log_policy(strategy, space=SPACE):
    """Log-probability of every genotype of an unconstrained space under the present policy."""
    everything = torch.from_numpy(space.all())
    with torch.no_grad():
        chance, _ = strategy._controller(everything, torch.ones(len(everything), space.length, 4, dtype=torch.bool))
    return chance.sum(dim=1).numpy()


@pytest.mark.parametrize("name", NAMES)
class TestParameters:
    @pytest.mark.parametrize(
        "params",
        [
            {"learning_rate": 0},
            {"units": 1.5},
            {"layers": 0},
            {"batch": -1},
            {"baseline": 1.0},
            {"entropy": -0.1},
            {"entropy": "much"},
            {"target": -1},
            {"beta": 1},
        ],
    )
    def test_that_are_unusable_are_refused(self, name, params):
        with pytest.raises(StrategyError):
            strategies.create(name, **params)


def test_unusable_parameters_of_ppo_are_refused():
    for params in ({"epochs": 0}, {"epochs": 2.5}, {"clip": 0}):
        with pytest.raises(StrategyError):
            PPO(**params)


def test_the_step_is_along_the_gradient_of_the_expected_reward():
    """REINFORCE is unbiased: over many trials it climbs what exact enumeration says, by finite differences."""
    strategy = started(LSTMController(units=3, layers=1, batch=4000, baseline=0.999, entropy=0.0))
    before = log_policy(strategy)
    reward = np.random.default_rng(8).normal(size=SPACE.size)
    weights = strategy._controller.bias
    exact = np.zeros(weights.shape)
    for place in np.ndindex(*weights.shape):
        expected = []
        for step in (0.01, -0.01):
            with torch.no_grad():
                weights[place] += step
                expected.append(float(np.exp(log_policy(strategy)) @ reward))
                weights[place] -= step
        exact[place] = (expected[0] - expected[1]) / 0.02
    assert log_policy(strategy) == pytest.approx(before, abs=1e-4)
    run(strategy, lambda g: float(reward[SPACE.index(g)]), 4000)
    found = -weights.grad.numpy()
    assert np.corrcoef(exact.ravel(), found.ravel())[0, 1] > 0.9


def test_one_epoch_of_ppo_is_a_step_of_reinforce():
    """With the policy that drew the batch, the ratios are 1, and so is the surrogate's gradient the policy's."""
    shared = {"units": 8, "layers": 1, "learning_rate": 1e-3, "batch": 50, "baseline": 0.9, "entropy": 0.1}
    gradients = []
    for strategy in (LSTMController(**shared), PPO(**shared, epochs=1)):
        strategy.scale = 0.1
        run(started(strategy), lambda g: float(sum(g)), 50)
        gradients.append(torch.cat([p.grad.flatten() for p in strategy._controller.parameters()]))
    assert torch.allclose(gradients[0], gradients[1], atol=1e-5)
    assert float(gradients[0].abs().max()) > 1e-3


@pytest.mark.parametrize(("clip", "least", "most"), [(0.1, 1.1, 1.35), (0.2, 1.2, 1.7), (1e6, 3.0, 4.2)])
def test_clipping_limits_how_far_a_batch_moves_each_choice(clip, least, most):
    """Without it the best choice takes all, from 1/4 to 1; with it Adam's momentum overshoots the clip by half."""
    strategy = started(PPO(clip=clip, epochs=60, learning_rate=0.002, batch=20, entropy=0.0))
    before = np.exp(log_policy(strategy)).reshape(4, -1).sum(axis=1)
    run(strategy, lambda g: float(g[0]), 20)
    after = np.exp(log_policy(strategy)).reshape(4, -1).sum(axis=1)
    assert least < (after / before).max() < most


@pytest.mark.parametrize("name", NAMES)
class TestLearning:
    def test_finds_the_best_where_choices_add_up(self, name):
        late = run(started(strategies.create(name)), lambda g: float(sum(g)), 400)[-50:]
        assert late.count((3,) * 4) > 15

    def test_finds_what_only_a_policy_with_memory_can_say(self, name):
        """Equal first and last choices are worth all: each choice alone is worth nothing."""
        late = run(started(strategies.create(name, entropy=0.02)), lambda g: float(g[0] == g[3]), 600)[-100:]
        assert np.mean([g[0] == g[3] for g in late]) > 0.6

    def test_the_unit_does_not_matter(self, name):
        plain = run(started(strategies.create(name)), lambda g: float(g[0] * g[1]), 60)
        assert run(started(strategies.create(name)), lambda g: 2.0**-10 * g[0] * g[1], 60) == plain

    def test_the_policy_changes_when_a_batch_is_told_and_not_before(self, name):
        strategy = started(strategies.create(name, batch=5))
        before = log_policy(strategy)
        run(strategy, lambda g: float(g[0]), 4)
        assert np.array_equal(log_policy(strategy), before)
        run(strategy, lambda g: float(g[0]), 1)
        assert not np.array_equal(log_policy(strategy), before)

    def test_nothing_is_asked_from_an_old_policy(self, name):
        strategy = started(strategies.create(name, batch=4))
        trials = strategy.ask(6)
        for trial in trials[:4]:
            strategy.tell(trial, Observation((float(trial.number),)))
        assert not strategy._queue
        (late,) = strategy.ask()
        for trial in (late, *trials[4:]):
            strategy.tell(trial, Observation((1.0,)))
        assert late.number == 6

    def test_pays_a_second_objective(self, name):
        """Accuracy does not care for width, latency is proportional to it: what remains is the narrowest."""
        params = {"target": 1.0, "alpha": 0, "beta": -1}
        strategy = started(strategies.create(name, **params), objectives=2)
        late = run(strategy, lambda g: (50.0, 1.0 + g[0] + g[1]), 400)[-60:]
        assert np.mean([g[0] + g[1] for g in late]) < 1.0

    def test_rejects_what_is_invalid_in_a_space_too_large_to_list(self, name):
        space = Uphill([Parameter(f"p{i}", tuple(range(6))) for i in range(20)])
        strategy = started(strategies.create(name), space=space)
        asked = run(strategy, lambda g: float(g[0]), 160)
        assert space.valid(asked).all()
        assert np.mean([g[0] for g in asked[-40:]]) > np.mean([g[0] for g in asked[:40]]) + 1

    def test_draws_uniformly_where_the_policy_finds_nothing_valid(self, name):
        class Barred(Uphill):
            def _valid(self, batch):
                return np.isin(batch[:, :19], [0, 5]).all(axis=1)

            def sample(self, rng, n=1):
                return 5 * rng.integers(0, 2, (n, 20))

        space = Barred([Parameter(f"p{i}", tuple(range(6))) for i in range(20)])
        strategy = started(strategies.create(name, batch=4), space=space)
        asked = run(strategy, lambda g: float(g[0]), 12)
        assert space.valid(asked).all()
        assert len(set(asked)) == 12


def random_search_regret(value, n):
    """Exact expectation: the order statistics of n draws without replacement."""

    def log_comb(total, part):
        return lgamma(total + 1) - lgamma(part + 1) - lgamma(total - part + 1)

    value, size = np.sort(value), len(value)
    whole = log_comb(size, n)
    weight = [np.exp(log_comb(below, n - 1) - whole) if below >= n - 1 else 0.0 for below in range(size)]
    return float(value[-1] - np.dot(weight, value))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dataset", ["nasbench201/cifar100", "fcnet/protein_structure"])
def test_is_ahead_of_random_search_at_300(name, dataset):
    """Over 40 seeds the mean is .10 to .24 of random search's; the bound is on the mean of 3."""
    bench = load(dataset)
    value = bench.metric(bench.objective).sign * bench.mean(bench.objective)
    regrets = []
    for seed in range(3):
        asked = run(started(strategies.create(name), seed, bench.space), lambda g: value.item(bench.row(g)), 300)
        regrets.append(value.max() - max(value[bench.row(g)] for g in asked))
    assert np.mean(regrets) < 0.8 * random_search_regret(value, 300)
