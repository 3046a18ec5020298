"""One run: a strategy drives the simulated clock until its budget ends."""

from __future__ import annotations

import hashlib
import json
import math
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict, fields, is_dataclass, replace
from functools import cached_property
from heapq import heappop, heappush
from itertools import chain
from operator import itemgetter
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import StrategyError, TaskError
from nasbench.evaluation import Evaluator, Outcome
from nasbench.knowledge import TableKnowledge, knowledge_digests
from nasbench.off_table import OffTableEvaluator
from nasbench.problem import Trial
from nasbench.run import TRACE_VERSION, Entry, Ledger, Run, trace_dtype
from nasbench.strategies import REGISTRY, create
from nasbench.strategies.base import Strategy
from nasbench.streams import generator
from nasbench.task import Task

RAW_CAP = 10
"""Raw asks may be this many times the `evaluations` budget before a run counts as stalled. Without that
budget, this many times the trials that moved the clock (and 100) may come in a row without moving it."""


def entry_of(strategy: Strategy, label: str | None = None, salt: str = "") -> Entry:
    """How a strategy is entered: its name, all its hyper-parameters and its version.

    Raises:
        StrategyError: the strategy is no dataclass, or a hyper-parameter is no JSON value.
    """
    if not isinstance(strategy, Strategy) or not is_dataclass(strategy):
        raise StrategyError(f"a strategy is a dataclass that derives from Strategy, got {strategy!r}")
    cls = type(strategy)
    target = f"{cls.__module__}:{cls.__qualname__}"
    name = next((n for n, (place, _) in REGISTRY.table.items() if place == target), target)
    init = {f.name for f in fields(strategy) if f.init}
    try:
        params = json.dumps({k: v for k, v in _init_values(strategy).items() if k in init}, sort_keys=True)
    except TypeError as error:
        raise StrategyError(f"the hyper-parameters of {target} must be JSON values: {error}") from None
    return Entry(label or name, name, params, cls.version, salt)


def _init_values(strategy: Strategy) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value

    return {f.name: plain(getattr(strategy, f.name)) for f in fields(strategy) if f.init}


def run_key(task: Task, entry: Entry, seed: int, uses: Sequence[str] = ()) -> str:
    """sha256 of all that determines a run: what it reads, the task, the strategy, the seed.

    Args:
        task: the task.
        entry: the strategy as entered.
        seed: of the run.
        uses: outside knowledge that the strategy declares to read.
    """
    bench = task.bench
    reads = set(task.metrics) | ({"train_seconds"} if task.has_times else set())
    protocols = bench.protocols if task.fidelity == "protocols" else [bench.protocol(task.protocol).name]
    digests = {
        f"{protocol}/{name}": bench.digest(name, protocol)
        for protocol in protocols
        for name in sorted(reads)
        if name in bench.metrics_of(protocol)
    }
    if task.charge == "unique-class" and bench.tabular:
        digests["classes"] = hashlib.sha256(bench.classes.tobytes()).hexdigest()
    if uses:
        digests.update({f"uses {name}": digest for name, digest in knowledge_digests(task, uses).items()})
    identity = {
        "columns": digests,
        "recipes": [task.recipe_epochs, *task.fidelities],
        "functional": [o.functional for o in task.objectives],
        "space": bench.space.sha256,
        "task": task.identity(),
        "strategy": [entry.name, json.loads(entry.params), entry.version, entry.salt],
        "trace_version": TRACE_VERSION,
        "seed": seed,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def search(
    task: Task,
    strategy: Strategy | str,
    seed: int = 0,
    *,
    entry: Entry | None = None,
    raise_errors: bool = True,
) -> Run:
    """Run one strategy on one task.

    The caller's strategy object is not touched: a fresh copy of it is started. Every run uses one
    BLAS/OpenMP thread, so that the same key gives the same bytes.

    Args:
        task: what to do, and the budget.
        strategy: an object, or a registry name.
        seed: of the run's three random streams.
        entry: how the strategy is entered; by default under its own name without a salt.
        raise_errors: False returns a failed run instead of raising what the strategy raised.

    Raises:
        StrategyError: the strategy broke the ask/tell contract.
        TaskError: the seed is no integer.
    """
    seed = check_seed(seed)
    if not isinstance(task, Task):
        raise TaskError(f"expected a Task, got {type(task).__name__}; make one with nasbench.Task")
    if isinstance(strategy, str):
        strategy = create(strategy)
    entry = entry or entry_of(strategy)
    one_thread(strategy.uses_blas)
    driver = _Driver(task, replace(strategy), seed)
    error = ""
    try:
        driver.start(generator("strategy", task.id, entry.name, entry.params, entry.version, entry.salt, seed))
        driver.drive()
    except (Exception, SystemExit):
        if raise_errors:
            raise
        driver.stop, error = "failed", traceback.format_exc()
    return driver.result(run_key(task, entry, seed, strategy.uses), entry, error)


def check_seed(seed: object) -> int:
    """A seed as a Python int.

    Raises:
        TaskError: it is no integer from 0.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise TaskError(f"a seed is an integer from 0, got {seed!r}")
    return int(seed)


_limited_modules = -1


def one_thread(uses_blas: bool) -> None:
    """Hold the process to one BLAS/OpenMP thread; again when more libraries have been loaded."""
    global _limited_modules
    if uses_blas:
        import scipy.linalg  # noqa: F401  its own BLAS must be there to be limited
    libraries = sum(name in sys.modules for name in ("scipy.linalg", "sklearn", "xgboost", "torch", "lightgbm"))
    if libraries == _limited_modules:
        return
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    _limited_modules = libraries


Event: TypeAlias = tuple[float, int, int, Trial, Outcome, float]
"""(finish, order of start, worker, trial, outcome, start): sorts as the clock runs."""


class _Driver:
    """The event loop of a run: W asynchronous workers on a simulated clock."""

    def __init__(self, task: Task, strategy: Strategy, seed: int) -> None:
        self.task, self.strategy, self.seed = task, strategy, seed
        self.stop = "budget"
        self.outcomes: list[Outcome] = []
        self.numbers: list[int] = []
        self.workers: list[int] = []
        self.starts: list[float] = []
        self.finishes: list[float] = []
        self.ask_seconds = self.tell_seconds = 0.0
        self.problem = task.problem(seed)
        if strategy.uses:
            self.problem.knowledge = TableKnowledge(task, seed, strategy.uses, self.problem.spend)

    @cached_property
    def evaluator(self) -> Evaluator | OffTableEvaluator:
        """What answers trials: the task's table, or a benchmark without one."""
        return (Evaluator if self.task.bench.tabular else OffTableEvaluator)(self.task, self.seed)

    def start(self, rng: np.random.Generator) -> None:
        begin = perf_counter()
        self.strategy.start(self.problem, rng)
        self.ask_seconds += perf_counter() - begin

    def drive(self) -> None:
        """Ask, evaluate and tell until the first budget is hit, nothing is left, or it stalls."""
        task = self.task
        running: list[Event] = []
        add_outcome, add_number, add_worker = self.outcomes.append, self.numbers.append, self.workers.append
        add_start, add_finish = self.starts.append, self.finishes.append
        evaluate = self.evaluator.evaluate
        ask, tell = self.strategy.ask, self.strategy.tell
        evaluations = sys.maxsize if task.evaluations is None else task.evaluations
        seconds = math.inf if task.seconds is None else task.seconds
        epochs = math.inf if task.epochs is None else task.epochs
        idle = list(range(task.workers - 1, -1, -1))
        clock, charged, raw, moved, still, trained, over = 0.0, 0, 0, 0, 0, 0.0, False
        counted, by_seconds, by_epochs = task.evaluations is not None, seconds < math.inf, epochs < math.inf
        cap, resumes = RAW_CAP * evaluations, task.fidelity == "curve" and task.resume
        problem, timed, paid, ready = self.problem, task.has_times, 0.0, 0.0
        ask_seconds = tell_seconds = 0.0
        while True:
            while idle and not over:
                room = len(idle)
                if charged + room > evaluations:
                    room = evaluations - charged
                    if room == 0:
                        over = True
                        break
                begin = perf_counter()
                trials = ask(room)
                ask_seconds += perf_counter() - begin
                if problem.spent > paid:  # the strategy was at work itself, and its trials begin when it is done
                    ready, paid = max(ready, clock) + (problem.spent - paid if timed else 0.0), problem.spent
                if not trials:
                    if not running:
                        self.stop, over = "exhausted", True
                    break
                if len(trials) > room:
                    raise StrategyError(f"ask({room}) returned {len(trials)} trials")
                for trial in trials:
                    outcome = evaluate(trial)
                    trained += outcome[3]
                    if trained > epochs:
                        over = True
                        break
                    begun = clock if clock > ready else ready
                    finish = begun + outcome[2].cost
                    if resumes or not outcome[4]:
                        finish += _waiting(outcome, running, begun)
                    event = (finish, raw, idle.pop(), trial, outcome, begun)
                    if running:
                        heappush(running, event)
                    else:
                        running.append(event)
                    raw += 1
                    charged += outcome[4]
                    if counted:
                        if raw < cap or charged == evaluations:
                            continue
                    elif (by_seconds and outcome[2].cost > 0.0) or (by_epochs and outcome[3] > 0.0):
                        moved, still = moved + 1, 0
                        continue
                    else:
                        still += 1
                        if still < RAW_CAP * (moved + 100):
                            continue
                    self.stop, over = "stalled", True
                    break
            if not running:
                break
            clock, _, worker, trial, outcome, start = heappop(running) if len(running) > 1 else running.pop()
            if clock > seconds:
                break
            idle.append(worker)
            add_outcome(outcome)
            add_number(trial.number)
            add_worker(worker)
            add_start(start)
            add_finish(clock)
            begin = perf_counter()
            tell(trial, outcome[2])
            tell_seconds += perf_counter() - begin
        self.ask_seconds += ask_seconds
        self.tell_seconds += tell_seconds
        if len(set(self.numbers)) < len(self.numbers):
            raise StrategyError("two trials have the same number; count them from 0")

    def result(self, key: str, entry: Entry, error: str) -> Run:
        task, outcomes = self.task, self.outcomes
        layout = trace_dtype(task.space.length, len(task.objectives), len(task.bounds))
        trace = np.zeros(len(outcomes), dtype=layout)
        numbers = classes = np.empty(0, dtype=np.int64)
        if outcomes:
            first, epochs, observations, _, _ = zip(*outcomes, strict=True)
            values, costs, _, constraints = zip(*observations, strict=True)
            if task.bounds:
                trace["constraint"] = constraints
            flat = np.fromiter(chain.from_iterable(values), float).reshape(trace["value"].shape)
            numbers = np.fromiter(first, np.int64)
            trace["value"] = flat
            trace["genotype"], trace["row"], classes = self.evaluator.locate(numbers)
            for name, values_of in (
                ("epoch", epochs),
                ("cost", costs),
                ("start", self.starts),
                ("finish", self.finishes),
            ):
                trace[name] = np.fromiter(values_of, float)
            trace["worker"] = self.workers
        trace.flags.writeable = False
        return Run(
            key=key,
            task=task,
            entry=entry,
            seed=self.seed,
            trace=trace,
            ledger=_ledger(task, trace, outcomes, numbers, classes)._replace(
                extra_seconds=self.problem.spent,
                source_observations=self.problem.knowledge.source_observations,
                uses=",".join(self.strategy.uses),
            ),
            stop=self.stop,
            error=error,
            fit_seconds=self.tell_seconds,
            suggest_seconds=self.ask_seconds,
        )


def _waiting(outcome: Outcome, running: list[Event], clock: float) -> float:
    """How long a trial waits for the end of a running one.

    An uncharged repeat (its answer is the very object of the first) is not known before the first has
    ended; a charged one that resumes a training of its row cannot go on before that has paused.
    """
    row, _, observation, _, charged = outcome
    ends = [
        finish
        for finish, _, _, _, other, _ in running
        if (other[0] == row if charged else other[2].values is observation.values)
    ]
    return max(max(ends, default=clock) - clock, 0.0)


def _ledger(
    task: Task,
    trace: NDArray[Any],
    outcomes: Sequence[Outcome],
    numbers: NDArray[np.int64],
    classes: NDArray[np.int64],
) -> Ledger:
    """What a run spent; `numbers` tell its architectures apart, `classes` their canonical classes, both `(n,)`."""
    unique = len(set(numbers.tolist()))
    value = trace["value"].reshape(len(trace), len(task.objectives))
    return Ledger(
        raw=len(trace),
        unique=unique,
        unique_classes=len(set(classes.tolist())),
        repeated=len(trace) - unique,
        failed=int(np.isnan(value).any(axis=1).sum()),
        charged=sum(map(itemgetter(4), outcomes)),
        seconds=float(trace["finish"].max(initial=0.0)),
        epochs=float(sum(map(itemgetter(3), outcomes))) if task.recipe_epochs is not None else math.nan,
        infeasible=sum(outcome[2].status == "infeasible" for outcome in outcomes) if task.bounds else 0,
    )
