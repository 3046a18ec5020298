"""OMNI: the architecture, a zero-cost proxy and the start of its learning curve, in one predictor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.benchmark import Benchmark
from nasbench.predictors.boosted_regressors import XGBoostEnsemble
from nasbench.predictors.charge import Charge
from nasbench.predictors.curve_scores import RecentLossSum
from nasbench.predictors.encoders import Encoder, Mixed
from nasbench.predictors.proxy_encoder import Proxies
from nasbench.predictors.union_encoder import Union
from nasbench.space import SearchSpace


class OmniFeatures(Encoder):
    """One-hot choices, zero-cost proxies and SoTL-E side by side.

    Source: White et al., How Powerful are Performance Predictors in NAS?, NeurIPS 2021, with one proxy, the
    Jacobian covariance.

    Args:
        space: where the genotypes live.
        benchmark: one with rows for them, or its name.
        proxies: names of proxy or cost columns.
        metric: of the training curve; None takes `train_loss`.
        epoch: the last of the curve to look at.
        repeat: one training run; None takes the mean over those that there are.
        protocol: training recipe; the benchmark's first by default.
        missing: `error` or `impute`, see `nasbench.predictors.column_encoders.LookUp`.
    """

    def __init__(
        self,
        space: SearchSpace,
        benchmark: Benchmark | str,
        proxies: Sequence[str] = ("jacov",),
        metric: str | None = None,
        epoch: int = 12,
        repeat: int | None = None,
        protocol: str | None = None,
        missing: str = "error",
    ) -> None:
        super().__init__(space)
        self.benchmark = benchmark
        self.proxies = proxies
        self.metric = metric
        self.epoch = epoch
        self.repeat = repeat
        self.protocol = protocol
        self.missing = missing

    def _parts(self) -> Union:
        curve = RecentLossSum(
            self.space,
            self.benchmark,
            self.metric,
            self.epoch,
            repeat=self.repeat,
            protocol=self.protocol,
            missing=self.missing,
        )
        proxies = Proxies(self.space, self.benchmark, self.proxies, missing=self.missing)
        return Union(self.space, [Mixed(self.space), proxies, curve])

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Fit the parts to the genotypes `(n, G)`."""
        super().fit(X)
        self.parts_ = self._parts().fit(X)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "parts_")

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """`(n, choices + proxies + 1)`, and more where numbers may be missing."""
        self._check_fitted()
        return self.parts_.transform(X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """The names of the parts in turn."""
        return self._parts().get_feature_names_out(input_features)

    def cost(self, X: ArrayLike) -> Charge:
        """The proxies' seconds, and the training up to the epoch."""
        return self._parts().cost(X)


class Omni(XGBoostEnsemble):
    """XGBoost on `OmniFeatures`: better than each part alone once there are some tens of targets.

    Kendall tau on held-out cells of NAS-Bench-201 from 80 cells and a twentieth / tenth / fifth / half of the
    training: .79 / .82 / .85 / .87, where SoTL-E alone has .67 / .77 / .82 / .87, one-hot columns .64 and the
    Jacobian covariance .61. From 20 cells it is behind SoTL-E at a tenth and more. The paper has NGBoost in
    place of XGBoost, `create("ngboost", space, encoder="omni", benchmark=...)`, which ranks no better here.

    Source: White et al., How Powerful are Performance Predictors in NAS?, NeurIPS 2021.
    """

    encoding: ClassVar[str] = "omni"
