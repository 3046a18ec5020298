"""NATS-Bench size: the widths of the five blocks of a network whose cell is fixed.

Source: Dong, Liu, Musial and Gabrys, NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology
and Size, TPAMI 2021.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nasbench.errors import GenotypeError
from nasbench.parameter import Parameter, choice_of
from nasbench.space import Genotype, SearchSpace

WIDTHS = tuple(range(8, 65, 8))
"""Channels that a block may have."""

BLOCKS = 5
"""The stem and first stage, two reductions, two further stages: each has a width of its own."""


class NATSSizeSpace(SearchSpace):
    """32,768 networks; position i of a genotype is the place of block i's width in `WIDTHS`.

    The official number of an architecture is its rank: the order is lexicographic, the last block
    fastest. Widths are ordered choices. Two networks of different widths are different functions, so
    that every architecture is its own canonical form.
    """

    kind = "nats-size"

    def __init__(self) -> None:
        super().__init__([Parameter(f"width {block}", WIDTHS, True) for block in range(1, BLOCKS + 1)])

    def definition(self) -> dict[str, Any]:
        """The widths and the number of blocks (a constant: there is one such space)."""
        return {"widths": list(WIDTHS), "blocks": BLOCKS}

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> NATSSizeSpace:
        """The space, if the definition is its own; else a `GenotypeError`."""
        space = cls()
        if dict(definition) != space.definition():
            raise GenotypeError("this is not the definition of the NATS-Bench size space")
        return space

    def format(self, genotype: Genotype) -> str:
        """The official string: five widths, `8:8:16:64:32`."""
        self.check([genotype])
        return ":".join(str(WIDTHS[g]) for g in genotype)

    def parse(self, text: str) -> Genotype:
        """The genotype of an official string, or of positions `0,0,1,7,3`.

        Raises:
            GenotypeError: the text is neither; a width that is no choice names the nearest.
        """
        if not isinstance(text, str) or ":" not in text:
            return super().parse(text)
        widths = text.strip().split(":")
        if len(widths) != BLOCKS or not all(re.fullmatch(r"[0-9]{1,4}", width) for width in widths):
            raise GenotypeError(f"{text!r} is no NATS-Bench size string; expected {BLOCKS} widths, e.g. '8:8:16:64:32'")
        return tuple(choice_of(p, width) for p, width in zip(self.parameters, widths, strict=True))
