"""Several encoders side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.predictors.charge import Charge, Training
from nasbench.predictors.encoders import Encoder
from nasbench.predictors.features import Groups
from nasbench.space import SearchSpace


class Union(Encoder):
    """The columns of each encoder in turn.

    Args:
        space: where the genotypes live.
        encoders: of that space.
    """

    def __init__(self, space: SearchSpace, encoders: Sequence[Encoder]) -> None:
        super().__init__(space)
        self.encoders = encoders

    def fit(self, X: ArrayLike, y: Any = None) -> Union:
        """Fit each encoder to the genotypes `(n, G)`."""
        super().fit(X)
        for encoder in self.encoders:
            encoder.fit(X, y)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """`(n, sum of their columns)`."""
        return np.concatenate([encoder.transform(X) for encoder in self.encoders], axis=1)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Their names in turn."""
        return np.concatenate([encoder.get_feature_names_out(input_features) for encoder in self.encoders])

    def cost(self, X: ArrayLike) -> Charge:
        """Their costs together; several looks at one training cost what the longest does."""
        total = Charge.nothing(len(self.space.check(X)))
        trainings: dict[Training, Charge] = {}
        for encoder in self.encoders:
            training, charge = encoder.training(), encoder.cost(X)
            if training is None:
                total = total.plus(charge)
            else:
                trainings[training] = charge.at_least(trainings.get(training, charge))
        for charge in trainings.values():
            total = total.plus(charge)
        return total

    def groups(self) -> Groups | None:
        """Their groups in turn; None where a part does not say how many columns it has."""
        moved: list[tuple[int, ...]] = []
        for encoder in self.encoders:
            groups = encoder.groups()
            if groups is None:
                return None
            offset = sum(map(len, moved))
            moved += [tuple(offset + column for column in group) for group in groups]
        return tuple(moved)
