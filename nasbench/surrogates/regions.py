"""Which parts of a table are left out at once, to see how a surrogate does where it has no data.

NAS-Bench-301 leaves out all architectures that one optimizer found. Where a table's source ids name such
groups (`bananas/results_12`), they are the regions here too. Elsewhere a region is one choice of the
parameter that the objective depends on most: all architectures with it are held out, and the model has
to say what it never saw. In both cases the best tenth is a region of its own: what a search heads for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.space import Genotypes, SearchSpace

BEST_TENTH = "best tenth"

LEAST_HELD_OUT = 20
"""A smaller region says nothing."""

MOST_REGIONS = 8
"""Of more groups or choices, the largest are used."""

LARGEST_SHARE = 0.8
"""A region that leaves less than a fifth to fit to is none."""


class Region(NamedTuple):
    """Rows that are held out together.

    Attributes:
        name: how the validation names it.
        held_out: `(n,)` bools.
    """

    name: str
    held_out: NDArray[np.bool_]


def regions_of(
    space: SearchSpace, genotypes: Genotypes, source_ids: NDArray[np.bytes_], utility: NDArray[np.float64]
) -> list[Region]:
    """The regions of a table.

    Args:
        space: where the genotypes live.
        genotypes: `(n, G)` rows with a value.
        source_ids: `(n,)` their official ids.
        utility: `(n,)` values, larger is better.
    """
    regions = _source_groups(source_ids) or _choices(space, genotypes, utility)
    best = np.zeros(len(utility), dtype=bool)
    best[np.argsort(-utility, kind="stable")[: max(1, len(utility) // 10)]] = True
    if best.sum() >= LEAST_HELD_OUT:
        regions.append(Region(BEST_TENTH, best))
    return regions


def _source_groups(source_ids: NDArray[np.bytes_]) -> list[Region]:
    """One region a group `GROUP/...` of the source ids; none where an id has no group."""
    split = [text.partition(b"/") for text in source_ids.tolist()]
    groups = np.array([group for group, _, _ in split])
    if not all(group and slash for group, slash, _ in split):
        return []
    return _largest([Region(f"source {name.decode('utf-8', 'replace')}", groups == name) for name in np.unique(groups)])


def _choices(space: SearchSpace, genotypes: Genotypes, utility: NDArray[np.float64]) -> list[Region]:
    """One region a choice of the parameter whose choices explain most of the utility's variance."""
    centred = utility - utility.mean()
    explained = []
    for column, choices in zip(genotypes.T, space.cardinalities, strict=True):
        counts = np.bincount(column, minlength=choices)
        sums = np.bincount(column, weights=centred, minlength=choices)
        explained.append(float((sums[counts > 0] ** 2 / counts[counts > 0]).sum()))
    position = int(np.argmax(explained))
    parameter = space.parameters[position]
    return _largest(
        [
            Region(f"{parameter.name} = {choice}", genotypes[:, position] == value)
            for value, choice in enumerate(parameter.choices)
        ]
    )


def _largest(regions: list[Region]) -> list[Region]:
    usable = [r for r in regions if LEAST_HELD_OUT <= r.held_out.sum() <= LARGEST_SHARE * len(r.held_out)]
    by_size = sorted(usable, key=lambda region: -int(region.held_out.sum()))[:MOST_REGIONS]
    kept = {region.name for region in by_size}
    return [region for region in usable if region.name in kept]
