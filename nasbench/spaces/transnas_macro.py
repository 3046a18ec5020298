"""TransNAS-Bench-101 macro: four to six modules of residual blocks, each with its widening and its stride.

Source: Duan et al., TransNAS-Bench-101: Improving Transferability and Generalizability of Cross-Task Neural
Architecture Search, CVPR 2021.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from nasbench.errors import GenotypeError
from nasbench.parameter import Parameter
from nasbench.space import Genotype, Genotypes
from nasbench.spaces.constrained import ConstrainedSpace

MODULES = ("absent", "normal", "double", "downsample", "double+downsample")
"""A module is absent (at the end only), or has the official code 1 to 4: whether it doubles the channels (2, 4) and
halves the resolution (3, 4)."""

LENGTHS = (4, 5, 6)
DOUBLINGS = (1, 2, 3)
DOWNSAMPLINGS = (1, 2, 3, 4)

_TEXT = re.compile(r"64-([1-4]{4,6})-basic")


class TransNASMacroSpace(ConstrainedSpace):
    """3,256 networks; a genotype is the official digits of the modules, with 0 for those that are absent.

    A network has four to six modules, doubles its channels one to three times and halves its resolution one to four
    times. All are different networks.
    """

    kind = "transnas-macro"

    def __init__(self) -> None:
        super().__init__([Parameter(f"module {k}", MODULES) for k in range(1, LENGTHS[-1] + 1)])

    def definition(self) -> dict[str, Any]:
        """The modules and limits (a constant: there is one such space)."""
        return {
            "modules": list(MODULES), "lengths": list(LENGTHS), "doublings": list(DOUBLINGS),
            "downsamplings": list(DOWNSAMPLINGS),
        }  # fmt: skip

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> TransNASMacroSpace:
        """The space, if the definition is its own; else a `GenotypeError`."""
        space = cls()
        if dict(definition) != space.definition():
            raise GenotypeError("this is not the definition of the TransNAS-Bench-101 macro space")
        return space

    def _members(self) -> Genotypes:
        networks = [(*codes, *[0] * (LENGTHS[-1] - n)) for n in LENGTHS for codes in product((1, 2, 3, 4), repeat=n)]
        members = np.array(networks, dtype=np.int64)
        doublings = np.isin(members, (2, 4)).sum(axis=1)
        downsamplings = np.isin(members, (3, 4)).sum(axis=1)
        kept: Genotypes = members[np.isin(doublings, DOUBLINGS) & np.isin(downsamplings, DOWNSAMPLINGS)]
        return kept

    def _why_invalid(self, genotype: Genotype) -> str:
        return (
            f"{genotype} is no macro network of TransNAS-Bench-101: four to six modules first and then absent ones, "
            "1 to 3 that double the channels and 1 to 4 that halve the resolution"
        )

    def format(self, genotype: Genotype) -> str:
        """The official string, e.g. `64-1234-basic`."""
        self.check([genotype])
        return f"64-{''.join(str(code) for code in genotype if code)}-basic"

    def parse(self, text: str) -> Genotype:
        """The genotype of an official string, of integers `1,2,3,4,0,0`, or of `name=module` pairs.

        Raises:
            GenotypeError: the text is none of these.
        """
        found = _TEXT.fullmatch(text.strip()) if isinstance(text, str) else None
        if found is None:
            return super().parse(text)
        return self._tuple([int(digit) for digit in found[1].ljust(LENGTHS[-1], "0")])

    def _example(self) -> str:
        return "64-1234-basic"
