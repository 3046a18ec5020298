"""Spaces that show their architectures as graphs, and where to find one behind a partial table."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from numpy.typing import ArrayLike

from nasbench.errors import GenotypeError
from nasbench.space import SearchSpace
from nasbench.spaces.graph_view import CellGraphs


@runtime_checkable
class GraphSpace(Protocol):
    """A space whose architectures are directed acyclic graphs of operations."""

    def graphs(self, genotypes: ArrayLike, functional: bool = True) -> CellGraphs:
        """The graphs of the genotypes `(n, G)`.

        Args:
            genotypes: `(n, G)`.
            functional: whether architectures that compute the same function are to have isomorphic
                graphs; False shows each as it is written.
        """
        ...


def graph_space(space: SearchSpace) -> GraphSpace | None:
    """Where to ask for graphs: the space itself, the base of a partial table, or None."""
    for candidate in (space, getattr(space, "base", None)):
        if isinstance(candidate, GraphSpace):
            return candidate
    return None


def graphs(space: SearchSpace, genotypes: ArrayLike, functional: bool = True) -> CellGraphs:
    """The graphs of genotypes `(n, G)` of a graph space or of a partial table of one.

    Raises:
        GenotypeError: the space has no graph view.
    """
    cells = graph_space(space)
    if cells is None:
        raise GenotypeError(f"{space!r} has no graph view; use an encoding of its choices such as one-hot")
    return cells.graphs(genotypes, functional)
