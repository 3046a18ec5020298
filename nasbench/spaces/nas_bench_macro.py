"""NAS-Bench-Macro: eight layers in three stages, each an identity or one of two inverted residuals.

Source: Su et al., Prioritized Architecture Sampling with Monto-Carlo Tree Search, CVPR 2021.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nasbench.errors import GenotypeError
from nasbench.parameter import Parameter
from nasbench.space import Genotype, Genotypes, SearchSpace

BLOCKS = ("identity", "mb3_k3", "mb6_k5")
"""Identity; inverted residual of expansion 3 and kernel 3; of expansion 6 and kernel 5."""

STAGES = (2, 3, 3)
"""Layers of each stage; the first layer of a stage changes resolution and width."""


class NASBenchMacroSpace(SearchSpace):
    """6,561 networks; a genotype read as digits is the key of the official table."""

    kind = "nas-bench-macro"

    def __init__(self) -> None:
        names = [f"stage {s} layer {layer}" for s, size in enumerate(STAGES, 1) for layer in range(1, size + 1)]
        super().__init__([Parameter(name, BLOCKS) for name in names])

    def definition(self) -> dict[str, Any]:
        """The blocks and stages (a constant: there is one such space)."""
        return {"blocks": list(BLOCKS), "stages": list(STAGES)}

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> NASBenchMacroSpace:
        """The space, if the definition is its own; else a `GenotypeError`."""
        space = cls()
        if dict(definition) != space.definition():
            raise GenotypeError("this is not the definition of the NAS-Bench-Macro space")
        return space

    def format(self, genotype: Genotype) -> str:
        """The official key: eight digits, `22212220`."""
        self.check([genotype])
        return "".join(map(str, genotype))

    def parse(self, text: str) -> Genotype:
        """The genotype of an official key, of integers `2,2,2,1,2,2,2,0`, or of `name=block` pairs.

        Raises:
            GenotypeError: the text is none of these.
        """
        if isinstance(text, str) and re.fullmatch(r"[0-9]+", text.strip()):
            return self._tuple([int(digit) for digit in text.strip()])
        return super().parse(text)

    def _example(self) -> str:
        return "22212220"

    def canonical(self, genotypes: ArrayLike) -> Genotypes:
        """The representative of each network, `(n, 8)`: 3,969 of them.

        An identity that is not the first layer of its stage does nothing, wherever it stands: the
        representative has such identities at the end of their stage.
        """
        batch = self.check(genotypes).astype(np.int64)
        begin = 0
        for size in STAGES:
            later = batch[:, begin + 1 : begin + size]
            order = np.argsort(later == 0, axis=1, kind="stable")
            batch[:, begin + 1 : begin + size] = np.take_along_axis(later, order, axis=1)
            begin += size
        return batch
