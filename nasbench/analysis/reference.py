"""What runs on a benchmark without a table are scored against: a reference sample of its space.

A space that is too large to list has no known optimum and no exact count of architectures as good as
one. A fixed uniform sample stands in for it. The best known value is the best prediction of the sample
and of climbs from the best architectures of the table behind the surrogate. The number of random draws
until one as good is counted in the sample, which bounds it from below where a run beats all of it. A
small enough space is taken whole, and then both are exact.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from nasbench.analysis.truth import Floats, Truth
from nasbench.datasets.paths import cache_dir
from nasbench.errors import TaskError
from nasbench.streams import generator
from nasbench.table_file import write_whole

if TYPE_CHECKING:
    from nasbench.space import Genotype, Genotypes, SearchSpace
    from nasbench.surrogates.benchmark import SurrogateBenchmark
    from nasbench.task import Task

log = logging.getLogger(__name__)

REFERENCE_SIZE = 100_000
"""Architectures of a reference sample: it resolves speed-ups over random search up to 100,000 draws."""

NOISE_DRAWS = 4
"""Trainings of each that stand for training noise in the law of random search."""

_FOLDER = "reference-samples"


@dataclass(frozen=True, eq=False)
class SampledTruth(Truth):
    """A truth whose rows are those of a reference sample.

    Attributes:
        best_known: best prediction of the sample, and of climbs from the table behind the surrogate.
        best_known_test: the same of the test column; NaN without one.
        test_of_best: predicted test value of the architecture with the best known value; NaN likewise.
        whole: whether the sample is the whole space.
    """

    best_known: float = float("nan")
    best_known_test: float = float("nan")
    test_of_best: float = float("nan")
    whole: bool = False

    @property
    def optimum(self) -> float:
        """Best known value, in the metric's direction; a run may find a better one."""
        return self.best_known

    @property
    def best_test(self) -> float:
        """Best known test utility."""
        return self.sign * self.best_known_test

    @property
    def test_floor(self) -> float:
        """Test regret of the architecture with the best known value."""
        return self.sign * (self.best_known_test - self.test_of_best)


def reference_genotypes(space: SearchSpace, size: int = REFERENCE_SIZE) -> Genotypes:
    """The reference sample `(n, G)` of a space: all of it up to `size`, else `size` uniform draws.

    The same for every surrogate of the space.
    """
    if space.size <= size:
        return space.all()
    return space.sample(generator("reference sample", space.sha256, size), size)


def reference_of(bench: SurrogateBenchmark, metric: str, size: int = REFERENCE_SIZE) -> Floats:
    """Predicted means `(n,)` of the reference sample; kept on disk, since they take a while.

    A kept file that is damaged, or cannot be written, is computed anew.
    """
    path = cache_dir() / _FOLDER / f"{bench.digest(metric)}-{size}.f8"
    kept = _read(path, min(size, bench.space.size))
    if kept is not None:
        return kept
    values = bench.predict(reference_genotypes(bench.space, size), metric)[0]
    body = values.astype("<f8").tobytes()
    try:
        write_whole(path, hashlib.sha256(body).digest() + body)
    except OSError as error:
        log.warning("the reference sample of %s cannot be kept: %s", bench.name, error)
    return values


def _read(path: Path, count: int) -> Floats | None:
    """The kept values, where there are as many as expected and their checksum is right."""
    try:
        if path.stat().st_size != 32 + 8 * count:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    body = content[32:]
    if hashlib.sha256(body).digest() != content[:32]:
        return None
    return np.frombuffer(body, dtype="<f8").astype(np.float64)


def sampled_truth(task: Task) -> SampledTruth:
    """The truth behind a task on a benchmark without a table: its first objective's reference sample.

    An architecture of the sample whose predictions break a constraint has no value in it.

    Raises:
        TaskError: none of the sample keeps the constraints.
    """
    bench, objective = cast("SurrogateBenchmark", task.bench), task.objectives[0]
    kept = feasible_sample(task)
    mean = np.where(kept, reference_of(bench, objective.name), np.nan)
    test_name = bench.test_metric(objective.name, task.protocol)
    test = None if test_name is None else np.where(kept, reference_of(bench, test_name), np.nan)
    best, best_value = _best_known(task, objective.name, mean, objective.sign)
    return SampledTruth(
        sign=objective.sign,
        shown=shown_sample(task, objective.name, mean),
        column=mean[:, None],
        mean=mean,
        listed=np.ones(len(mean), dtype=bool),
        test=test,
        best_known=best_value,
        best_known_test=np.nan if test is None else _best_known(task, test_name, test, objective.sign)[1],
        test_of_best=np.nan if test is None else bench.query(best, test_name),
        whole=len(mean) == bench.space.size,
    )


def feasible_sample(task: Task) -> NDArray[np.bool_]:
    """Which architectures of the reference sample keep a task's constraints by their predictions, `(n,)`.

    Raises:
        TaskError: none of them does.
    """
    bench = cast("SurrogateBenchmark", task.bench)
    kept = np.ones(len(reference_of(bench, task.objectives[0].name)), dtype=bool)
    for bound in task.bounds:
        kept &= bound.keeps(reference_of(bench, bound.name))
    if not kept.any():
        raise TaskError(f"no architecture of {bench.name}'s reference sample keeps {' and '.join(task.constraints)}")
    return kept


def _best_known(task: Task, metric: str | None, sample: Floats, sign: int) -> tuple[Genotype, float]:
    """The architecture with the best prediction of the sample and of the climbs, and that prediction."""
    bench = cast("SurrogateBenchmark", task.bench)
    model, row = bench.model(metric), int(np.nanargmax(sign * sample))
    feasible = all(bound.violation(bench.query(model.best, bound.name)) == 0 for bound in task.bounds)
    if not feasible or sign * sample[row] > sign * model.best_value:
        return tuple(reference_genotypes(bench.space)[row].tolist()), float(sample[row])
    return model.best, model.best_value


def best_known_genotypes(task: Task) -> Genotypes:
    """The architectures with the best known value of each of a task's objectives, `(objectives, G)`."""
    bench, kept = cast("SurrogateBenchmark", task.bench), feasible_sample(task)
    samples = [np.where(kept, reference_of(bench, objective.name), np.nan) for objective in task.objectives]
    return np.array([_best_known(task, o.name, s, o.sign)[0] for o, s in zip(task.objectives, samples, strict=True)])


def shown_sample(task: Task, name: str, mean: Floats) -> Floats:
    """What a search is shown of a metric of each architecture of the sample, `(n, draws)`; one draw without noise.

    A lucky training is lucky in each metric, as in a run.
    """
    bench, first = cast("SurrogateBenchmark", task.bench), task.objectives[0]
    noise = bench.model(name).noise
    if task.repeat == "mean" or noise is None:
        return mean[:, None]
    rng = generator("reference noise", bench.digest(first.name))
    draws: NDArray[np.float64] = rng.standard_normal((len(mean), NOISE_DRAWS))
    same = 1 if bench.metric(name, task.protocol).sign == bench.metric(first.name, task.protocol).sign else -1
    return np.asarray(mean[:, None] + same * noise.at(mean)[:, None] * draws)
