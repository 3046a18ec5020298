"""The kernel density of genotypes: a distribution, by hand, and whatever the numbering of choices."""

import numpy as np
import pytest
from scipy.stats import chisquare, norm

from nasbench.parameter import Parameter
from nasbench.spaces.grid import GridSpace
from nasbench.strategies.multi_fidelity.kernel_density import KernelDensity

SPACE = GridSpace(
    [
        Parameter("operation", ("conv", "pool", "skip", "none")),
        Parameter("width", (8, 16, 32), ordered=True),
        Parameter("bias", ("no",)),
    ]
)
POINTS = np.array([[0, 2, 0], [0, 1, 0], [3, 2, 0], [0, 2, 0]])


def test_by_hand():
    density = KernelDensity(SPACE.parameters, POINTS, 1e-3)
    shrinkage = 1.06 * 4 ** (-1 / 7)
    # operation: frequencies 3/4 and 1/4, so one minus the squares is 3/8; width: ranks 1, .5, 1, 1
    assert density.bandwidths == pytest.approx(
        [shrinkage * np.sqrt(3 / 8), shrinkage * np.std([1, 0.5, 1, 1]), 1e-3], rel=1e-12
    )
    moved, width = density.bandwidths[:2]
    gaussian = {centre: norm.pdf([0, 0.5, 1], centre, width) for centre in (0.5, 1.0)}
    one, half = gaussian[1.0][0] / gaussian[1.0].sum(), gaussian[0.5][0] / gaussian[0.5].sum()
    own, other = 1 - moved, moved / 3
    expected = (own * one + own * half + other * one + own * one) / 4
    assert density.density(np.array([[0, 0, 0]])) == pytest.approx([expected], rel=1e-12)


@pytest.mark.parametrize("widened", [1.0, 3.0])
def test_it_sums_to_one_and_draws_follow_it(widened):
    density = KernelDensity(SPACE.parameters, POINTS, 1e-3)
    whole = density.density(SPACE.all(), widened)
    assert whole.sum() == pytest.approx(1, rel=1e-12)
    drawn = density.draw(np.random.default_rng(0), 20_000, widened)
    assert chisquare(np.bincount(SPACE.indices(drawn), minlength=SPACE.size), 20_000 * whole).pvalue > 1e-4


def test_unordered_choices_may_be_numbered_in_any_way():
    order = np.array([2, 0, 3, 1])

    def renumbered(genotypes):
        return np.column_stack([order[genotypes[:, 0]], genotypes[:, 1:]])

    plain = KernelDensity(SPACE.parameters, POINTS, 1e-3).density(SPACE.all())
    other = KernelDensity(SPACE.parameters, renumbered(POINTS), 1e-3).density(renumbered(SPACE.all()))
    assert other == pytest.approx(plain, rel=1e-12)


def test_a_wide_bandwidth_is_at_most_uniform():
    """Two points that differ: 1 - moved would be below the others' share."""
    density = KernelDensity(SPACE.parameters[:1], np.array([[0], [1], [2], [3]]), 10.0)
    assert density.density(np.arange(4)[:, None]) == pytest.approx([0.25] * 4)


def test_equal_points_keep_the_smallest_bandwidth():
    density = KernelDensity(SPACE.parameters, np.array([[1, 0, 0]] * 5), 0.03)
    assert density.bandwidths == [0.03] * 3
    assert density.density(np.array([[1, 0, 0], [2, 0, 0]])) == pytest.approx([0.97, 0.01])
