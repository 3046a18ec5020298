"""A bound on a metric that an architecture has to keep: `latency_ms <= 5`, `val_accuracy >= 90`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import TaskError

_TEXT = re.compile(r"\s*([\w.-]+?)\s*(<=|>=|≤|≥)\s*(\S+)\s*")
_RELATIONS = {"≤": "<=", "≥": ">="}


@dataclass(frozen=True)
class Constraint:
    """What a metric may be.

    Args:
        name: the metric.
        relation: `<=` or `>=`.
        bound: in the metric's own unit.
    """

    name: str
    relation: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """The constraint of a text such as `params <= 1e6`.

        Raises:
            TaskError: it says no metric, relation and number.
        """
        match = _TEXT.fullmatch(text) if isinstance(text, str) else None
        try:
            bound = float(match[3].replace("_", "")) if match else math.nan
        except ValueError:
            bound = math.nan
        if match is None or not math.isfinite(bound):
            raise TaskError(f"a constraint is METRIC<=NUMBER or METRIC>=NUMBER, got {text!r}; e.g. 'params<=1e6'")
        return cls(match[1], _RELATIONS.get(match[2], match[2]), bound)

    def __str__(self) -> str:
        return f"{self.name}{self.relation}{self.bound:.12g}"

    def violation(self, value: float) -> float:
        """By how much a value breaks the bound, as a share of it; 0 where it keeps it, infinite for NaN."""
        over = value - self.bound if self.relation == "<=" else self.bound - value
        if over <= 0:
            return 0.0
        return over / (abs(self.bound) or 1.0) if over == over else math.inf

    def keeps(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which values keep the bound; NaN does not."""
        return np.asarray(values <= self.bound if self.relation == "<=" else values >= self.bound)
