"""What a predictor may know of another task: a few evaluations, drawn by seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.errors import TaskError, UnknownNameError
from nasbench.space import Genotypes, SearchSpace
from nasbench.streams import generator

if TYPE_CHECKING:  # a strategy that creates a predictor must not load what opens tables
    from nasbench.benchmark import Benchmark

MOST_ROWS = 200
"""Evaluations of a source task that may be used; whole tables of sister tasks would give their optima away."""


class Source:
    """Observed evaluations of another task; immutable, and equal only to itself.

    Args:
        genotypes: `(n, G)`, n at least 2 and at most `MOST_ROWS`.
        values: `(n,)` finite; better in the same direction as in the task that they are for.

    Raises:
        TaskError: too many rows, too few, not as many values, or a value that is not finite.
    """

    def __init__(self, genotypes: ArrayLike, values: ArrayLike) -> None:
        rows, observed = np.array(genotypes), np.array(values, dtype=np.float64)
        if rows.ndim != 2 or observed.shape != (len(rows),):
            raise TaskError(f"a source is genotypes (n, G) and values (n,), got {rows.shape} and {observed.shape}")
        if not 2 <= len(rows) <= MOST_ROWS:
            raise TaskError(
                f"a source task gives 2 to {MOST_ROWS} observed evaluations, got {len(rows)}; draw them with "
                f"`nasbench.predictors.source_tasks.observed`"
            )
        if not np.isfinite(observed).all():
            raise TaskError("a value of a source is not finite; leave out evaluations that failed")
        rows.flags.writeable = observed.flags.writeable = False
        self.genotypes: Genotypes = rows
        self.values: NDArray[np.float64] = observed

    def __len__(self) -> int:
        return len(self.values)

    def __copy__(self) -> Source:
        return self

    def __deepcopy__(self, memo: object) -> Source:
        return self

    def __sklearn_clone__(self) -> Source:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (Source, (self.genotypes, self.values))

    def __repr__(self) -> str:
        return f"Source({len(self)} evaluations)"


Pairs: TypeAlias = tuple[ArrayLike, ArrayLike]
SourceLike: TypeAlias = Source | Pairs | Sequence[Source | Pairs]
"""A source, a pair (genotypes, values), or several of these."""


def sources_of(given: SourceLike, space: SearchSpace) -> tuple[Source, ...]:
    """What `create` was given, as sources of the space.

    Raises:
        TaskError: see `Source`; or there is none.
        GenotypeError: a genotype is not of the space.
    """
    pair = isinstance(given, tuple) and len(given) == 2 and not any(isinstance(p, Source | tuple) for p in given)
    listed: Sequence[Any] = [given] if isinstance(given, Source) or pair else list(given)
    made = tuple(one if isinstance(one, Source) else Source(*one) for one in listed)
    if not made:
        raise TaskError("source= names no source task; leave it out to learn from the task alone")
    for source in made:
        space.check(source.genotypes)
    return made


def observed(benchmark: Benchmark, metric: str | None = None, rows: int = MOST_ROWS, seed: int = 0) -> Source:
    """Evaluations of a source task, uniform without replacement: one training run each, as if trained once.

    An evaluation that the table has no value for has failed; it counts towards `rows` and teaches nothing. No other
    row of the table is read.

    Args:
        benchmark: of the source task.
        metric: the primary one by default.
        rows: how many to evaluate.
        seed: of the draw.

    Raises:
        TaskError: more than `MOST_ROWS`, more than the table has, or fewer than 2 of them have a value.
        UnknownNameError: no such metric.
    """
    name = benchmark.objective if metric is None else metric
    if name not in benchmark.metrics:
        raise UnknownNameError(f"metric of {benchmark.name}", name, benchmark.metrics)
    if benchmark.metrics[name].is_test:
        raise TaskError(f"{name} of {benchmark.name} is a test column; a predictor may not read it")
    most = min(MOST_ROWS, len(benchmark))
    if not 2 <= rows <= most:
        raise TaskError(f"2 to {most} evaluations of {benchmark.name} may be drawn, not {rows}")
    rng = generator("source", benchmark.name, name, seed)
    drawn = rng.choice(len(benchmark), size=rows, replace=False)
    values = np.array([_one_run(benchmark.column(name)[row], rng) for row in drawn.tolist()])
    known = ~np.isnan(values)
    return Source(benchmark.genotypes[drawn[known]], values[known])


def _one_run(runs: NDArray[np.float64], rng: np.random.Generator) -> float:
    """One of the training runs that exist; NaN where there is none."""
    choice, there = rng.random(), np.flatnonzero(~np.isnan(runs))
    return float(runs[there[int(choice * len(there))]]) if len(there) else float("nan")
