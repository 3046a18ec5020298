"""Rooted trees of four operations up to isomorphism, with identities moved to the root.

A tree is a list of parents: operation k (1 to 4) reads from `parents[k - 1]`, 0 being the raw
input; a node without children feeds the output. Two labelled trees are the same network if one
arises from the other by

- renumbering the nodes;
- contracting an identity (`skip`) that has children: they read from its source instead;
- contracting an identity that is an only child: its source feeds the output in its place;
- dropping an identity without children whose source is the raw input through identities only.

An identity leaf beside siblings stays: it joins its source to the output. Identities that went
are put back as a chain at the root, so that there are four operations again.

Source: the equivalences of Qin et al., NAS-Bench-Graph, NeurIPS 2022 (official `Arch`).
"""

from __future__ import annotations

from functools import cache
from itertools import permutations, product
from typing import NamedTuple

Parents = tuple[int, ...]

LINKS: tuple[Parents, ...] = (
    (0, 0, 0, 0),
    (0, 0, 0, 1),
    (0, 0, 1, 1),
    (0, 0, 1, 2),
    (0, 0, 1, 3),
    (0, 1, 1, 1),
    (0, 1, 1, 2),
    (0, 1, 2, 2),
    (0, 1, 2, 3),
)
"""One numbering of each of the nine rooted trees with four operations, in the official order."""

PARENT_LISTS: frozenset[Parents] = frozenset(product(range(1), range(2), range(3), range(4)))
"""All 24 numberings in which every node reads from the input or from an earlier node."""


class Relabelling(NamedTuple):
    """One way to write a tree with one of `LINKS`.

    Attributes:
        link: position in `LINKS`.
        order: for each of the four positions, which operation (0 to 3) of the original stands there.
    """

    link: int
    order: list[int]


@cache
def relabellings(parents: Parents, skips: int) -> tuple[Relabelling, ...]:
    """Every relabelling of a tree after its identities moved to the root.

    The representative of a network is the smallest operation list among them.

    Args:
        parents: one of `PARENT_LISTS`.
        skips: bit k is set where operation k (0 to 3) is an identity; not all four.
    """
    moved = _skips_to_root(dict(enumerate(parents, start=1)), {k + 1 for k in range(4) if skips >> k & 1})
    found = []
    for nodes in permutations((1, 2, 3, 4)):
        position = {0: 0, **{node: k for k, node in enumerate(nodes, start=1)}}
        renumbered = tuple(position[moved[node]] for node in nodes)
        if renumbered in LINKS:
            found.append(Relabelling(LINKS.index(renumbered), [node - 1 for node in nodes]))
    return tuple(found)


def _skips_to_root(parents: dict[int, int], skips: set[int]) -> dict[int, int]:
    """Parents of each node after the rules above; contracted nodes form a chain at the root."""
    parents, chain = dict(parents), []
    while (node := _contractible(parents, skips)) is not None:
        source = parents.pop(node)
        parents = {child: source if parent == node else parent for child, parent in parents.items()}
        chain.append(node)
    last = chain[-1] if chain else 0
    rest = {child: parent or last for child, parent in parents.items()}
    return rest | dict(zip(chain, [0, *chain], strict=False))


def _contractible(parents: dict[int, int], skips: set[int]) -> int | None:
    """The first identity that one of the rules removes, or None."""
    for node in sorted(skips & parents.keys()):
        source = parents[node]
        inner = node in parents.values()
        only_child = list(parents.values()).count(source) == 1
        if inner or only_child or source == 0:
            return node
    return None
