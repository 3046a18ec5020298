"""What a strategy may know beyond what it is told, where it declared so in `uses`.

Parameters and FLOPs are free. Zero-cost proxies cost the seconds that the table says they take, once an
architecture of a run. Other tasks are shown as a few evaluations each, never as tables: replaying a whole
sister table would find the optimum at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.benchmark import Benchmark, load
from nasbench.datasets.families import installed_names
from nasbench.errors import StrategyError
from nasbench.predictors.source_tasks import MOST_ROWS, observed
from nasbench.problem import Knowledge, SourceTask
from nasbench.task import Task

Floats = NDArray[np.float64]

SECONDS = "_seconds"
"""What the name of a column of a proxy's seconds adds to the proxy's."""


class TableKnowledge(Knowledge):
    """A task's table as far as a strategy may read it.

    Args:
        task: the task.
        seed: of the run, which draws the evaluations of other tasks.
        uses: what the strategy declares to read.
        spend: takes the simulated seconds that something cost.
    """

    def __init__(self, task: Task, seed: int, uses: Sequence[str], spend: Callable[[float], None]) -> None:
        self._task, self._seed, self._uses, self._spend = task, seed, uses, spend
        self._paid: set[tuple[int, ...]] = set()
        self._shown: dict[str, int] = {}

    @property
    def source_observations(self) -> int:
        """Evaluations of other tasks that were shown."""
        return sum(self._shown.values())

    def params(self, genotypes: ArrayLike) -> Floats:
        """Numbers of parameters `(n,)`."""
        return self._cost("params", genotypes)

    def flops(self, genotypes: ArrayLike) -> Floats:
        """Numbers of floating-point operations `(n,)`."""
        return self._cost("flops", genotypes)

    def proxies(self, genotypes: ArrayLike) -> Floats:
        """Zero-cost proxies `(n, P)` in the order of `proxy_names`; NaN where the table has none."""
        self._declared("proxies")
        names = self.proxy_names
        if not names:
            raise StrategyError(f"{self._task.benchmark} has no zero-cost proxies; see `nasbench list --all`")
        batch = np.asarray(genotypes, dtype=np.int64)
        self._charge(batch, names)
        return np.column_stack([self._values(name, batch) for name in names])

    @property
    def proxy_names(self) -> tuple[str, ...]:
        """Names of the proxies."""
        return proxy_names(self._task)

    def sources(self, observations: int = MOST_ROWS) -> list[SourceTask]:
        """Evaluations of the other datasets of the family, one training run each, as if trained once.

        Args:
            observations: of each task, uniform without replacement; at most 200.

        Raises:
            StrategyError: there is no such dataset, or more observations are asked for than may be.
        """
        self._declared("sources")
        if not 2 <= observations <= MOST_ROWS:
            raise StrategyError(f"2 to {MOST_ROWS} observations of a source task may be read, not {observations}")
        found = []
        for bench in sister_benchmarks(self._task):
            source = observed(bench, self._objective, min(observations, len(bench)), self._seed)
            known = self._task.space.valid(source.genotypes)
            sign = self._task.objectives[0].sign
            self._shown[bench.name] = max(self._shown.get(bench.name, 0), min(observations, len(bench)))
            if known.any():
                found.append(SourceTask(bench.name, source.genotypes[known], sign * source.values[known]))
        if not found:
            raise StrategyError(f"{self._task.benchmark} has no sister dataset that holds {self._objective}")
        return found

    @property
    def _objective(self) -> str:
        return self._task.objectives[0].name

    def _declared(self, what: str) -> None:
        if what not in self._uses:
            raise StrategyError(f"a strategy that reads {what} declares it in `uses`, which is {tuple(self._uses)}")

    def _cost(self, name: str, genotypes: ArrayLike) -> Floats:
        self._declared(name)
        if name not in self._task.bench.metrics_of(self._task.protocol):
            raise StrategyError(f"{self._task.benchmark} does not hold {name}")
        return self._values(name, np.asarray(genotypes, dtype=np.int64))

    def _values(self, name: str, batch: NDArray[np.int64]) -> Floats:
        bench = self._task.bench
        if not bench.tabular:
            return np.asarray(bench.query(batch, name))
        return np.asarray(bench.mean(name, self._task.protocol)[bench.rows(batch)])

    def _charge(self, batch: NDArray[np.int64], names: Sequence[str]) -> None:
        """Spend the seconds of proxies of architectures that were not charged yet."""
        metrics = self._task.bench.metrics_of(self._task.protocol)
        priced = [name + SECONDS for name in names if name + SECONDS in metrics]
        fresh = [row for row in dict.fromkeys(map(tuple, batch.tolist())) if row not in self._paid]
        if fresh and priced:
            self._spend(float(sum(np.nansum(self._values(name, np.array(fresh))) for name in priced)))
        self._paid.update(fresh)


def proxy_names(task: Task) -> tuple[str, ...]:
    """The zero-cost proxies that a task's dataset holds."""
    metrics = task.bench.metrics_of(task.protocol)
    return tuple(name for name, metric in metrics.items() if metric.split == "proxy" and not name.endswith(SECONDS))


def sister_benchmarks(task: Task) -> list[Benchmark]:
    """The other datasets of a task's family that hold its first objective, in the order of their names."""
    bench, objective = task.bench, task.objectives[0]
    found = []
    for name in sorted(installed_names()):
        if name.startswith(f"{bench.family}/") and name != bench.name:
            sister = load(name)
            metric = sister.metrics.get(objective.name)
            if metric is not None and metric.direction == objective.direction and sister.tabular and not metric.is_test:
                found.append(sister)
    return found


def knowledge_digests(task: Task, uses: Sequence[str]) -> dict[str, str]:
    """Digests of all columns that a strategy may read because it declared so: a part of its run keys."""
    protocol = task.bench.protocol(task.protocol).name
    metrics = task.bench.metrics_of(task.protocol)
    names: set[str] = {"params", "flops"} & set(uses) & metrics.keys()
    if "proxies" in uses:
        names |= {name for name, metric in metrics.items() if metric.split == "proxy"}
    digests = {name: task.bench.digest(name, protocol) for name in sorted(names)}
    if "sources" in uses:
        for sister in sister_benchmarks(task):
            digests[sister.name] = f"{sister.digest(task.objectives[0].name)} {_genotypes_digest(sister)}"
    return digests


@lru_cache(maxsize=64)
def _genotypes_digest(bench: Benchmark) -> str:
    """sha256 of a table's genotypes; kept, since every run key of a comparison asks for it."""
    return hashlib.sha256(np.ascontiguousarray(bench.genotypes).tobytes()).hexdigest()
