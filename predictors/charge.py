"""What it costs to ask a predictor about architectures, apart from its own computing."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Training: TypeAlias = tuple[str, str, int | None]
"""Benchmark, protocol and repeat: encoders that look at one training share its cost."""


class Charge(NamedTuple):
    """What the numbers of an encoder cost to get, `(n,)` each; NaN where the table does not say.

    Attributes:
        epochs: of training.
        seconds: of training, and of zero-cost proxies.
    """

    epochs: NDArray[np.float64]
    seconds: NDArray[np.float64]

    @classmethod
    def nothing(cls, rows: int) -> Charge:
        """Of what the genotype alone tells."""
        return cls(np.zeros(rows), np.zeros(rows))

    def plus(self, other: Charge) -> Charge:
        """Of both."""
        return Charge(self.epochs + other.epochs, self.seconds + other.seconds)

    def at_least(self, other: Charge) -> Charge:
        """Of the longer of two looks at one training."""
        return Charge(np.maximum(self.epochs, other.epochs), np.maximum(self.seconds, other.seconds))
