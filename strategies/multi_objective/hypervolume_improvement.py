"""Expected hypervolume improvement, exactly, for two and three independent normal objectives.

The region that a front leaves undominated is cut into boxes. The improvement of a point is the volume
that it dominates within them, and its expectation is, box by box, a product of one-dimensional expected
improvements.

Source: Emmerich, Single- and Multi-objective Evolutionary Optimization Assisted by Gaussian Random Field
Metamodels, 2005; Yang et al., Efficient Computation of Expected Hypervolume Improvement Using Box
Decomposition Algorithms, Journal of Global Optimization 2019.
"""

from __future__ import annotations

import moocore
import numpy as np
from numpy.typing import NDArray

from nasbench.predictors.posterior import expected_improvement

Floats = NDArray[np.float64]


def undominated_boxes(front: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Disjoint boxes that make up what is below the reference point and dominated by no point of the front.

    Args:
        front: `(n, 2)` or `(n, 3)` losses; those that others dominate, or beyond the reference, do not matter.
        reference: `(2,)` or `(3,)`.

    Returns:
        Lower corners (some coordinates are minus infinity) and upper corners, `(boxes, objectives)` each;
        at most `2 n + 1` boxes.
    """
    inside = front[(front < reference).all(axis=1)]
    points = inside[moocore.is_nondominated(inside)] if len(inside) else inside
    if len(reference) == 2:
        points = points[np.argsort(points[:, 0])]
        edges = np.concatenate([[-np.inf], points[:, 0], [reference[0]]])
        tops = np.concatenate([[reference[1]], points[:, 1]])
        lower = np.column_stack([edges[:-1], np.full(len(tops), -np.inf)])
        return lower, np.column_stack([edges[1:], tops])
    return _boxes_in_three_dimensions(points[np.argsort(points[:, 2], kind="stable")], reference)


def _boxes_in_three_dimensions(points: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Sweep along the third objective; strips side by side in the first end where a point lowers their top."""
    lower: list[tuple[float, float, float]] = []
    upper: list[tuple[float, float, float]] = []
    far_x, far_y, far_z = reference.tolist()
    # each strip: left, right, top and where it began; from left to right, tops falling
    strips = [(-np.inf, far_x, far_y, -np.inf)]

    def close(left: float, right: float, top: float, begin: float, end: float) -> None:
        if end > begin:
            lower.append((left, -np.inf, begin))
            upper.append((right, top, end))

    for x, y, z in points.tolist():
        kept: list[tuple[float, float, float, float]] = []
        cut: list[tuple[float, float, float, float]] = []
        for strip in strips:
            left, right, top, begin = strip
            if right <= x or top <= y:
                kept.append(strip)
                continue
            cut.append(strip)
            close(max(left, x), right, top, begin, z)
            if left < x:
                kept.append((left, x, top, begin))
        if cut:
            kept.append((max(x, cut[0][0]), cut[-1][1], y, z))
        strips = sorted(kept)
    for left, right, top, begin in strips:
        close(left, right, top, begin, far_z)
    return np.array(lower), np.array(upper)


def expected_hypervolume_improvement(mean: Floats, sd: Floats, front: Floats, reference: Floats) -> Floats:
    """Expected growth of the hypervolume of the front by one more point, `(m,)`.

    Args:
        mean: `(objectives, m)` of independent normal losses.
        sd: `(objectives, m)`, positive.
        front: `(n, objectives)` losses, two or three.
        reference: `(objectives,)`.
    """
    corners = undominated_boxes(front, reference)
    sides = [_expected_sides(m, s, *pair) for m, s, *pair in zip(mean, sd, *(c.T for c in corners), strict=True)]
    return np.asarray(np.einsum("bm,bm->m" if len(sides) == 2 else "bm,bm,bm->m", *sides))


def _expected_sides(mean: Floats, sd: Floats, lower: Floats, upper: Floats) -> Floats:
    """Expected length that a point dominates of each interval of one objective, `(boxes, m)`.

    That of (-inf, u] is E[max(u - loss, 0)]; many boxes share their ends.
    """
    ends, which = np.unique(np.concatenate([lower, upper]), return_inverse=True)
    nothing = np.zeros_like(mean)
    lengths = np.array([nothing if end == -np.inf else expected_improvement(-mean, sd, -end) for end in ends])
    low, high = np.split(which, 2)
    return np.asarray(lengths[high] - lengths[low])
