"""Exact expected hypervolume improvement against sampling and against moocore's hypervolume."""

import moocore
import numpy as np
import pytest

from nasbench.predictors.posterior import expected_improvement
from nasbench.strategies.multi_objective.hypervolume_improvement import (
    expected_hypervolume_improvement,
    undominated_boxes,
)


def some_front(objectives, size, seed, ties=False):
    points = np.random.default_rng(seed).random((size, objectives))
    return np.round(points, 1) if ties else points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize("objectives", [2, 3])
@pytest.mark.parametrize(("size", "ties"), [(0, False), (1, False), (4, True), (25, True), (40, False)])
def test_the_boxes_are_what_the_front_leaves(objectives, size, ties):
    """Within [-1, reference]^d their volumes add up to all but the front's hypervolume, and none overlap."""
    front, reference = some_front(objectives, size, size, ties), np.full(objectives, 1.1)
    lower, upper = undominated_boxes(front, reference)
    assert len(lower) <= 2 * size + 1
    volume = np.prod(upper - np.maximum(lower, -1.0), axis=1).sum()
    covered = moocore.hypervolume(front, ref=reference) if size else 0.0
    assert volume == pytest.approx(2.1**objectives - covered)
    points = np.random.default_rng(9).uniform(-1.0, 1.1, size=(2000, objectives))
    holders = ((points[:, None] > lower) & (points[:, None] < upper)).all(axis=2).sum(axis=1)
    dominated = (front[None] <= points[:, None]).all(axis=2).any(axis=1) if size else np.zeros(2000, dtype=bool)
    assert holders.tolist() == (~dominated).astype(int).tolist()


@pytest.mark.parametrize("objectives", [2, 3])
def test_the_expectation_is_the_mean_of_sampled_improvements(objectives):
    rng = np.random.default_rng(1)
    front, reference = some_front(objectives, 12, 2), np.full(objectives, 1.1)
    mean, sd = rng.random((objectives, 4)), rng.uniform(0.02, 0.4, size=(objectives, 4))
    exact = expected_hypervolume_improvement(mean, sd, front, reference)
    before, draws = moocore.hypervolume(front, ref=reference), rng.normal(size=(3000, objectives))
    for i in range(4):
        gains = [
            moocore.hypervolume(np.vstack([front, point]), ref=reference) - before
            for point in mean[:, i] + draws * sd[:, i]
        ]
        assert abs(exact[i] - np.mean(gains)) < 4 * np.std(gains) / np.sqrt(len(gains))


def test_without_doubt_it_is_the_improvement_itself():
    front, reference = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]]), np.array([4.0, 4.0])
    mean = np.array([[1.5, 0.0, 5.0, 2.0], [1.5, 0.0, 0.0, 2.0]])
    found = expected_hypervolume_improvement(mean, np.full((2, 4), 1e-9), front, reference)
    # (1.5, 1.5) adds .5 x 1.5 left of the middle point and 1 x .5 below it; (0, 0) all of 16 but the 6 there were
    assert found == pytest.approx([1.25, 10.0, 0.0, 0.0], abs=1e-6)


def test_an_empty_front_leaves_the_product_of_expected_improvements():
    mean, sd = np.array([[0.3], [0.7]]), np.array([[0.2], [0.5]])
    product = np.prod([expected_improvement(-m, s, -1.0)[0] for m, s in zip(mean, sd, strict=True)])
    found = expected_hypervolume_improvement(mean, sd, np.empty((0, 2)), np.ones(2))
    assert found[0] == pytest.approx(product)
