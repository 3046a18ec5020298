"""BOHB: Hyperband whose new architectures come from a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import StrategyError
from nasbench.problem import Problem
from nasbench.space import Genotype
from nasbench.strategies.hyperparameters import positive, whole
from nasbench.strategies.multi_fidelity.base import Job
from nasbench.strategies.multi_fidelity.brackets import BracketSearch
from nasbench.strategies.multi_fidelity.kernel_density import KernelDensity
from nasbench.strategies.multi_fidelity.ladder import Plan, hyperband_plans

_ATTEMPTS = 4


@dataclass
class BOHB(BracketSearch):
    """Hyperband that prefers architectures which look more like the good ones than like the bad ones.

    The results at the longest training that enough architectures have reached are split into the best `top_percent`
    and the rest, each described by a kernel density. A new architecture is, of `samples` draws from the density of
    the good with a wider bandwidth, the one with the largest ratio of good to bad; one in `1 / random_fraction`
    comes from the seed's design instead, and so does every one until there is a model. Failed trials are bad.

    The budget that fits is epochs or seconds. One of evaluations counts a short training like a full one, which is
    worse than random search (mean regret on NAS-Bench-NLP after 100: .174 against .129).

    Source: Falkner, Klein and Hutter, BOHB: Robust and Efficient Hyperparameter Optimization at Scale, ICML 2018.
    All defaults are the paper's. Different here: no architecture is proposed twice, since a table would give the same
    value again; where only some genotypes are valid, the draws are from the density restricted to those. And the
    bandwidths of unordered choices do not depend on how the choices are numbered (see `KernelDensity`), as those
    of the authors' code do.

    Args:
        eta: one architecture in `eta` climbs to the next rung, which is about `eta` times as long.
        min_epochs: of the first rung; None for about four rungs.
        min_points: how many results good and bad need each; None, and at least, the number of choices plus 1.
        top_percent: how many of the results are good.
        samples: draws of which the best is taken.
        random_fraction: share of the new architectures that come from the design.
        bandwidth_factor: widens the kernels of ordered choices for the draws.
        min_bandwidth: of a kernel.
    """

    min_points: int | None = None
    top_percent: float = 15
    samples: int = 64
    random_fraction: float = 1 / 3
    bandwidth_factor: float = 3
    min_bandwidth: float = 0.001

    version: ClassVar[int] = 1

    _plans: list[Plan] = field(init=False, repr=False, compare=False)
    _results: list[list[tuple[float, Genotype]]] = field(init=False, repr=False, compare=False)
    _needed: int = field(init=False, repr=False, compare=False)
    _model: tuple[KernelDensity, KernelDensity] | None = field(init=False, repr=False, compare=False)
    _stale: bool = field(init=False, repr=False, compare=False)
    _seen: set[Genotype] = field(init=False, repr=False, compare=False)
    _listed: NDArray[np.int64] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(1, samples=self.samples)
        if self.min_points is not None:
            whole(1, min_points=self.min_points)
        positive(bandwidth_factor=self.bandwidth_factor, min_bandwidth=self.min_bandwidth)
        for name, share, most in (
            ("top_percent", self.top_percent, 100),
            ("random_fraction", self.random_fraction, 1),
        ):
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= most:
                raise StrategyError(f"{name} must be from 0 to {most}, got {share!r}")

    def start(self, problem: Problem, rng: np.random.Generator) -> None:
        """Begin with the most exploring bracket and without a model."""
        super().start(problem, rng)
        space = problem.space
        self._plans = hyperband_plans(self._ladder)
        self._results = [[] for _ in self._rungs]
        self._needed = max(self.min_points or 0, space.length + 1)
        self._model, self._stale, self._seen = None, False, set()
        # few genotypes of such a product are valid: they are weighed one by one, where they can be listed
        sparse = space.enumerable and space.size < prod(space.cardinalities)
        self._listed = np.asarray(space.all(), dtype=np.int64) if sparse else None

    def _plan(self, number: int) -> Plan:
        return self._plans[number % len(self._plans)]

    def _done(self, job: Job, utility: float) -> None:
        self._results[job.rung].append((utility, job.genotype))
        self._stale = True
        super()._done(job, utility)

    def _observe(self, genotype: Genotype, epoch: int, utility: float) -> None:
        super()._observe(genotype, epoch, utility)
        if epoch in self._rungs:
            self._results[self._rungs.index(epoch)].append((utility, genotype))
            self._stale = True

    def _new(self) -> Genotype | None:
        genotype: Genotype | None = None
        if self._stale:
            self._model, self._stale = self._fitted(), False
        if self._model is not None and self.rng.random() >= self.random_fraction:
            genotype = self._promising(*self._model)
        if genotype is None:
            genotype = next((g for g in self._design if g not in self._seen), None)
        if genotype is not None:
            self._seen.add(genotype)
        return genotype

    def _fitted(self) -> tuple[KernelDensity, KernelDensity] | None:
        """Densities of the good and of the bad at the highest rung with enough of both; None where there is none."""
        for results in reversed(self._results):
            good = max(self._needed, int(self.top_percent * len(results) / 100))
            if len(results) - good >= self._needed:
                ranked = np.array([g for _, g in sorted(results, key=lambda result: -result[0])])
                parameters = self.problem.space.parameters
                split = (ranked[:good], ranked[good:])
                first, second = (KernelDensity(parameters, points, self.min_bandwidth) for points in split)
                return first, second
        return None

    def _promising(self, good: KernelDensity, bad: KernelDensity) -> Genotype | None:
        """Of new draws from the good, the one with the largest ratio; None where no new one is drawn."""
        drawn = self._drawn(good)
        if not len(drawn):
            return None
        ratio = np.maximum(good.density(drawn), 1e-32) / np.maximum(bad.density(drawn), 1e-32)
        return tuple(drawn[int(ratio.argmax())].tolist())

    def _drawn(self, good: KernelDensity) -> NDArray[np.int64]:
        """`(at most samples, G)` valid genotypes that are new, from the widened density of the good."""
        if self._listed is not None:
            self._listed = self._unseen(self._listed)
            weight = good.density(self._listed, self.bandwidth_factor)
            if not weight.sum() > 0:
                return self._listed[:0]
            return self._listed[self.rng.choice(len(weight), self.samples, p=weight / weight.sum())]
        space, kept = self.problem.space, []
        for _ in range(_ATTEMPTS):
            drawn = good.draw(self.rng, self.samples, self.bandwidth_factor)
            kept.append(self._unseen(drawn[space.valid(drawn)]))
            if sum(map(len, kept)) >= self.samples:
                break
        return np.concatenate(kept)[: self.samples]

    def _unseen(self, genotypes: NDArray[np.int64]) -> NDArray[np.int64]:
        return genotypes[[genotype not in self._seen for genotype in map(tuple, genotypes.tolist())]]
