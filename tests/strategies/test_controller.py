"""The recurrent controller: its probabilities, its masks, its randomness."""

import numpy as np
import pytest
from scipy.stats import chisquare

from nasbench.parameter import Parameter
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.table import TableSpace

torch = pytest.importorskip("torch")

from nasbench.strategies.reinforcement.controller import Controller, Shape  # noqa: E402  after the skip
from nasbench.strategies.reinforcement.prefixes import Spelling  # noqa: E402

UNEVEN = GridSpace([Parameter(f"p{i}", tuple(range(c))) for i, c in enumerate((3, 4, 1, 2))])
PARTIAL = TableSpace(UNEVEN, UNEVEN.all()[[0, 1, 5, 6, 7, 12, 20, 23]])
PEAKED = Shape(12, 2, 1.5)
"""Weights so large that the policy is far from uniform."""


def allowed_along(space, genotypes):
    spelling, masks = Spelling(space, len(genotypes)), []
    for column in genotypes.T:
        masks.append(np.array(spelling.allowed()))
        spelling.write(column)
    return np.stack(masks, axis=1)


def likelihood(controller, space):
    everything = space.all()
    with torch.no_grad():
        chance, _ = controller(torch.from_numpy(everything), torch.from_numpy(allowed_along(space, everything)))
    return chance.sum(dim=1).exp().numpy()


@pytest.mark.parametrize("space", [UNEVEN, PARTIAL], ids=["product", "table"])
class TestPolicy:
    def test_is_a_distribution_over_the_valid_genotypes(self, space):
        policy = likelihood(Controller(space, PEAKED, 3), space)
        assert policy.sum() == pytest.approx(1.0, abs=1e-5)
        assert policy.max() > 3 * policy.min() > 0

    def test_is_what_is_drawn_from(self, space):
        controller = Controller(space, PEAKED, 3)
        draws = controller.draw(20_000, np.random.default_rng(5))
        counts = np.bincount(space.indices(draws.genotypes), minlength=space.size)
        expected = likelihood(controller, space) * 20_000
        rare = expected < 5
        observed, wanted = (np.append(c[~rare], c[rare].sum() + 1.0) for c in (counts, expected.astype(float)))
        assert chisquare(observed, wanted * (observed.sum() / wanted.sum())).pvalue > 1e-4

    def test_gives_draws_the_probabilities_of_the_forward_pass(self, space):
        controller = Controller(space, PEAKED, 3)
        draws = controller.draw(64, np.random.default_rng(5))
        assert np.array_equal(draws.allowed, allowed_along(space, draws.genotypes))
        with torch.no_grad():
            chance, _ = controller(torch.from_numpy(draws.genotypes), torch.from_numpy(draws.allowed))
        assert chance.numpy() == pytest.approx(draws.log_probability, abs=1e-5)


def test_without_weights_it_is_uniform_and_its_entropy_that_of_free_choices():
    controller = Controller(UNEVEN, Shape(4, 1, 0.0), 0)
    everything = UNEVEN.all()
    chance, entropy = controller(torch.from_numpy(everything), torch.from_numpy(allowed_along(UNEVEN, everything)))
    assert chance.detach().numpy() == pytest.approx(-np.log([[3.0, 4.0, 1.0, 2.0]] * 24))
    assert entropy.detach().numpy() == pytest.approx(np.log([[3.0, 4.0, 1.0, 2.0]] * 24))


def test_a_choice_depends_on_those_before_it_and_on_none_after():
    controller = Controller(UNEVEN, PEAKED, 3)
    first, other = np.array([[0, 1, 0, 0], [0, 1, 0, 1]]), np.array([[2, 1, 0, 0], [2, 3, 0, 1]])
    with torch.no_grad():
        (a, _), (b, _) = (
            controller(torch.from_numpy(g), torch.from_numpy(allowed_along(UNEVEN, g))) for g in (first, other)
        )
    assert torch.allclose(a[0, :3], a[1, :3])
    assert abs(float(a[0, 1] - b[0, 1])) > 0.05


def test_the_gradient_stays_finite_where_choices_are_forbidden():
    controller = Controller(PARTIAL, PEAKED, 3)
    draws = controller.draw(16, np.random.default_rng(0))
    chance, entropy = controller(torch.from_numpy(draws.genotypes), torch.from_numpy(draws.allowed))
    (chance.sum() + entropy.sum()).backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in controller.parameters())


def test_its_seed_is_its_only_randomness():
    before = torch.get_rng_state()
    weights = [Controller(UNEVEN, PEAKED, seed).state_dict() for seed in (1, 1, 2)]
    Controller(UNEVEN, PEAKED, 1).draw(5, np.random.default_rng(0))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])
    assert not any(torch.equal(weights[0][k], weights[2][k]) for k in weights[0])
    assert all(float(v.abs().max()) <= 1.5 for v in weights[0].values())
