"""Zero-cost proxies as scores that rise with the metric that they are to predict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from nasbench.benchmark import Benchmark
from nasbench.errors import TaskError
from nasbench.predictors.column_encoders import Columns, Floats
from nasbench.space import SearchSpace


class Proxies(Columns):
    """Scores of untrained networks, and their sizes; each rises where the target should get better.

    A proxy is read in its own direction; one on a logarithmic scale through arsinh, which is a logarithm where
    it is large and takes zeros too. Of parameters, FLOPs and latencies more is taken to be better: as
    proxies of accuracy they say how large a network is.

    Source: Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021; Krishnakumar et al.,
    NAS-Bench-Suite-Zero: Accelerating Research on Zero Cost Proxies, NeurIPS 2022.

    Args:
        space: where the genotypes live.
        benchmark: one with rows for them, or its name.
        proxies: names of proxy or cost columns.
        target: the metric that is to be predicted, for its direction; None takes the benchmark's objective.
        missing: `error` or `impute`, see `LookUp`.

    Raises:
        TaskError: when fitted, if there is no proxy, or one is a metric of trained networks or their training time.
    """

    def __init__(
        self,
        space: SearchSpace,
        benchmark: Benchmark | str,
        proxies: Sequence[str],
        target: str | None = None,
        missing: str = "error",
    ) -> None:
        super().__init__(space, benchmark, None, missing)
        self.proxies = proxies
        self.target = target

    def _names(self) -> list[str]:
        metrics = self._bench.metrics
        # a single name is an easy slip, and a sequence of letters
        wanted = [self.proxies] if isinstance(self.proxies, str) else list(self.proxies)
        names = [self._allowed(name, metrics) for name in wanted]
        trained = [n for n in names if metrics[n].split not in ("proxy", "cost") or n == "train_seconds"]
        if trained or not names:
            raise TaskError(f"{', '.join(trained) or 'nothing'} of {self._bench.name} is no zero-cost proxy")
        return names

    def _values(self, X: ArrayLike) -> Floats:
        bench = self._bench
        found = [bench.metrics[name] for name in self._names()]
        signs = np.array([metric.sign if metric.split == "proxy" else 1 for metric in found])
        values = super()._values(X)
        values = np.where([metric.scale == "log" for metric in found], np.arcsinh(values), values)
        return np.asarray(values * signs * bench.metric(self.target or bench.objective).sign)
