"""`check_strategy`: does a strategy, also a third party's, keep the ask/tell contract?

The strategy is driven on tiny problems in memory, without tables and without the runner. Its
results are not judged, only its manners.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn

import numpy as np

from nasbench.errors import StrategyError
from nasbench.problem import Problem, Trial
from nasbench.space import SearchSpace
from nasbench.strategies.base import Strategy
from nasbench.strategies.landscapes import GRID, RENAMED, SPARSE, TINY, Landscape

RULES: dict[str, str] = {
    "dataclass": "a strategy is a dataclass that derives from Strategy",
    "parameters": "the init fields are JSON values that rebuild an equal strategy",
    "state": "state is declared field(init=False, repr=False, compare=False)",
    "attributes": "version is a positive int; uses names params, flops, proxies or sources",
    "pickle": "a strategy that was not started survives pickling",
    "error": "no method raises on a problem that the strategy accepted",
    "ask": "ask(n) returns a list of at most n trials, and at least one at the start",
    "number": "trial numbers are ints, unique within a run",
    "genotype": "a genotype is a tuple of Python ints and valid in the problem's space",
    "epoch": "a trial's epoch is None or one of the problem's fidelities",
    "exhausted": "after an empty ask with no trial in flight, every ask is empty",
    "untouched": "a run of dataclasses.replace(strategy) leaves the strategy itself unchanged",
    "repeatable": "the same problem, generator and results give the same trials",
    "seeded": "other generators give other trials",
    "global-random": "the global states of random and numpy.random are neither read nor changed",
    "hash-seed": "trials do not depend on PYTHONHASHSEED (the order of a set of strings)",
    "information": "a strategy that declares no uses loads no table: it knows what it is told",
    "direction": "minimising the negated values gives the same trials as maximising the values",
    "names": "other names of the parameters and of their unordered choices give the same trials",
    "adopt": "an architecture that somebody else proposes is adopted, told and never fatal",
    "objectives": "fewer objectives than min_objectives or more than max_objectives are refused with a StrategyError",
}
"""rule -> what it asks for. `hash-seed` and `information` are checked in a new interpreter, and only
where that can import the strategy's class."""

FIDELITIES = (1, 3, 9, 27)
"""What trials may ask for where a strategy needs several lengths of training."""

Trace = list[tuple[tuple[int, ...], int | None]]


class ConformanceError(StrategyError):
    """A strategy that broke the contract.

    Attributes:
        rule: the key in `RULES`.
        found: what it did.
    """

    def __init__(self, strategy: str, rule: str, found: str) -> None:
        self.strategy, self.rule, self.found = strategy, rule, found
        super().__init__(f"{strategy} breaks the rule {rule!r} ({RULES[rule]}): {found}")

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.strategy, self.rule, self.found))


def check_strategy(strategy: Strategy, space: SearchSpace | None = None, *, fidelities: Sequence[int] = ()) -> None:
    """Assert that a strategy keeps the ask/tell contract; the rules are `RULES`.

    It is driven about 300 evaluations in all: one at a time, in batches and with four workers whose
    trials finish out of order; on grids of categorical and ordered choices and on a constrained
    space; maximising and minimising; with failed trials, with nothing but failed trials; until
    a space of twelve architectures is exhausted; under a constraint; with trials that somebody else
    proposes in between. Call it from a test of your own:

        def test_contract():
            check_strategy(MyStrategy(patience=3))

    Args:
        strategy: not started; its hyper-parameters are the ones that are checked.
        space: a space of your own to drive it on as well.
        fidelities: epochs that trials may ask for; by default 1, 3, 9 and 27 for a strategy that needs
            them, and none for others.

    Raises:
        ConformanceError: names the first rule that was broken, and how.
    """
    _check_declaration(strategy)
    with _one_thread(strategy), _global_random(0):
        before = _snapshot(strategy)
        driver = _Driver(strategy, tuple(fidelities))
        _check_manners(driver, space)
        _check_objectives(driver)
        trace = _check_determinism(driver)
        if _snapshot(strategy) != before:
            driver.fail("untouched", f"its attributes were {before}, now they are {_snapshot(strategy)}")
        _check_new_interpreter(driver, trace)


# -- driving --------------------------------------------------------------------------------------


class _Driver:
    """Runs fresh copies of a strategy and referees every ask."""

    def __init__(self, strategy: Strategy, fidelities: tuple[int, ...]) -> None:
        self.strategy = strategy
        needs = getattr(strategy, "needs_fidelities", False)  # of an object that is no strategy: said later
        self.fidelities = fidelities or (FIDELITIES if needs else ())

    def fail(self, rule: str, found: str, cause: Exception | None = None) -> NoReturn:
        raise ConformanceError(type(self.strategy).__name__, rule, found) from cause

    def call(self, what: str, method: Callable[..., Any], *args: Any) -> Any:
        try:
            return method(*args)
        except Exception as error:
            self.fail("error", f"{what} raised {type(error).__name__}: {error}", error)

    def run(
        self,
        landscape: Landscape,
        evaluations: int,
        *,
        seed: int = 0,
        workers: int = 1,
        batch: int = 1,
        adopt: int = 0,
    ) -> Trace:
        """The trials of one run in the order they were asked.

        Args:
            landscape: what is searched.
            evaluations: stop after so many trials.
            seed: of the design, of the strategy's generator and of the order of completion.
            workers: trials in flight; with more than one they finish in random order.
            batch: how many trials one ask wants where one worker evaluates them in turn.
            adopt: every so many trials one that the strategy did not propose comes in between; 0 for none.
        """
        least = self.strategy.min_objectives
        if landscape.objectives < least:
            landscape = dataclasses.replace(landscape, objectives=least)
        problem = landscape.problem(seed, workers, self.fidelities, evaluations)
        started = dataclasses.replace(self.strategy)
        self.call("start", started.start, problem, np.random.default_rng([seed, 2]))
        self._check_state(started)
        order = np.random.default_rng([seed, 3])
        trace: Trace = []
        numbers: set[int] = set()
        flying: list[Trial] = []
        while len(trace) < evaluations or flying:
            room = min(workers - len(flying) if workers > 1 else batch, evaluations - len(trace))
            asked: list[Trial] = []
            if room > 0 and (workers > 1 or not flying):
                asked = self.call(f"ask({room})", started.ask, room)
                self._referee(asked, room, problem, numbers)
                trace.extend((trial.genotype, trial.epoch) for trial in asked)
                flying.extend(asked)
            if adopt and len(trace) % adopt < len(asked):
                drawn = tuple(landscape.space.sample(order)[0].tolist())
                flying.append(self.call(f"adopt({drawn})", started.adopt, drawn))
                self._referee(flying[-1:], 1, problem, numbers)
                if flying[-1].genotype != drawn:
                    self.fail("adopt", f"adopt({drawn}) returned {flying[-1]}")
            if not flying:
                break
            done = flying.pop(int(order.random() * len(flying)) if workers > 1 else 0)
            # A copy: a kept study replays trials that are equal to those asked, not the same objects.
            self.call(f"tell of trial {done.number}", started.tell, Trial(*done), landscape.observe(done))
        if not trace:
            self.fail("ask", f"its first ask on {landscape.space!r} was empty")
        if len(trace) < evaluations and (late := self.call("ask(1)", started.ask, 1)):
            self.fail("exhausted", f"an empty ask was followed by {late}")
        return trace

    def _check_state(self, started: Strategy) -> None:
        undeclared = sorted(vars(started).keys() - {f.name for f in dataclasses.fields(started)})
        if undeclared:
            self.fail("state", f"start set {', '.join(undeclared)}, which no field declares")
        if _params(started) != _params(self.strategy):
            self.fail("untouched", f"start changed hyper-parameters: {self.strategy} became {started}")

    def _referee(self, asked: Any, room: int, problem: Problem, numbers: set[int]) -> None:
        if not isinstance(asked, list) or not all(isinstance(trial, Trial) for trial in asked):
            self.fail("ask", f"ask({room}) returned {asked!r}")
        if len(asked) > room:
            self.fail("ask", f"ask({room}) returned {len(asked)} trials")
        for trial in asked:
            if type(trial.number) is not int or trial.number in numbers:
                self.fail("number", f"{trial} has number {trial.number!r}, after {len(numbers)} other trials")
            numbers.add(trial.number)
            genotype = trial.genotype
            if type(genotype) is not tuple or not all(type(gene) is int for gene in genotype):
                self.fail("genotype", f"asked {genotype!r} of types {_types(genotype)}")
            if len(genotype) != problem.space.length or not problem.space.valid([genotype])[0]:
                self.fail("genotype", f"asked {genotype}, which is not valid in {problem.space!r}")
            if trial.epoch is not None and trial.epoch not in problem.fidelities:
                self.fail("epoch", f"asked epoch {trial.epoch!r}; the problem offers {problem.fidelities}")


def _types(genotype: Any) -> str:
    genes = {type(gene).__name__ for gene in genotype} if isinstance(genotype, Sequence) else ()
    return f"{type(genotype).__name__} of {', '.join(sorted(genes))}" if genes else type(genotype).__name__


# -- the checks -----------------------------------------------------------------------------------


def _check_declaration(strategy: Strategy) -> None:
    cls = type(strategy)
    fail = _Driver(strategy, ()).fail
    if not isinstance(strategy, Strategy) or not dataclasses.is_dataclass(strategy):
        fail("dataclass", f"got {strategy!r}")
    names = {f.name for f in dataclasses.fields(strategy)}
    lost = [n for n, t in vars(cls).get("__annotations__", {}).items() if "ClassVar" not in str(t)]
    if lost := [name for name in lost if name not in names]:
        fail(
            "dataclass",
            f"{', '.join(lost)} is annotated but no field; is the class decorated with @dataclass?",
        )
    for f in dataclasses.fields(strategy):
        if not f.init and (f.compare or f.repr):
            fail("state", f"field {f.name!r} is init=False but has compare={f.compare}, repr={f.repr}")
    version: object = cls.version
    if type(version) is not int or version < 1:
        fail("attributes", f"version is {version!r}")
    unknown = set(cls.uses) - {"params", "flops", "proxies", "sources"}
    if unknown or isinstance(cls.uses, str):
        fail("attributes", f"uses is {cls.uses!r}")
    try:
        rebuilt = cls(**json.loads(json.dumps(_params(strategy), allow_nan=False)))
    except (TypeError, ValueError) as error:
        fail("parameters", f"{_params(strategy)}: {error}", error)
    if json.dumps(_params(rebuilt)) != json.dumps(_params(strategy)):
        fail("parameters", f"{_params(strategy)} came back from JSON as {_params(rebuilt)}")
    try:
        copy = pickle.loads(pickle.dumps(strategy))  # noqa: S301 (made in the same line)
    except Exception as error:  # pickling runs the class's own code, which may raise anything
        fail("pickle", f"{type(error).__name__}: {error}", error)
    if _params(copy) != _params(strategy):
        fail("pickle", f"{strategy} came back as {copy}")


def _params(strategy: Strategy) -> dict[str, Any]:
    return {f.name: getattr(strategy, f.name) for f in dataclasses.fields(strategy) if f.init}


def _snapshot(strategy: Strategy) -> dict[str, str]:
    return {name: repr(value) for name, value in vars(strategy).items()}


_LENGTH = 60
"""Evaluations of the runs that are compared: past the random start of every strategy we ship."""


def _check_manners(driver: _Driver, space: SearchSpace | None) -> None:
    driver.run(Landscape(SPARSE, failing=0.25), 40, workers=4)
    driver.run(Landscape(GRID, "minimize", failing=1.0), 24, batch=7)
    driver.run(Landscape(TINY), 36)
    driver.run(Landscape(GRID, bounded=True), 24, workers=2)
    driver.run(Landscape(GRID), 24, workers=2, adopt=4)
    driver.run(Landscape(GRID), 24, adopt=3)
    if space is not None:
        driver.run(Landscape(space), 40, workers=3)


def _check_objectives(driver: _Driver) -> None:
    least, most = driver.strategy.min_objectives, driver.strategy.max_objectives
    if most is None or most > 1:
        driver.run(Landscape(GRID, objectives=2), 24)
    if most is None or most > 2:
        driver.run(Landscape(GRID, objectives=3), 24)
    for refused in ([] if most is None else [most + 1]) + ([least - 1] if least > 1 else []):
        problem = Landscape(GRID, objectives=refused).problem(0, 1, driver.fidelities, 10)
        try:
            dataclasses.replace(driver.strategy).start(problem, np.random.default_rng(0))
        except StrategyError:
            continue
        driver.fail("objectives", f"it declares {least} to {most}, but start accepted {refused}")


def _check_determinism(driver: _Driver) -> Trace:
    """One comparison proves five rules; only where it fails are they told apart.

    Returns:
        The trials of the plain run, to be compared with another interpreter's.
    """
    up, down, renamed = Landscape(GRID), Landscape(GRID, "minimize"), Landscape(RENAMED, "minimize")
    with _global_random(1) as unchanged:
        first = driver.run(up, _LENGTH)
        if not unchanged():
            driver.fail("global-random", "a run changed the global state of random or numpy.random")
    with _global_random(2):
        if driver.run(renamed, _LENGTH) != first:
            with _global_random(1):
                if any(driver.run(up, _LENGTH) != first for _ in range(2)):
                    driver.fail("repeatable", "two runs with everything equal gave different trials")
            with _global_random(2):
                if driver.run(up, _LENGTH) != first:
                    driver.fail("global-random", "trials changed with the global random state")
            if driver.run(down, _LENGTH) != first:
                driver.fail("direction", "the trials differ where the same values are negated and minimised")
            before, after = ([p.name for p in space.parameters] for space in (GRID, RENAMED))
            driver.fail("names", f"the trials differ where {before} and their choices are called {after}")
    if driver.run(up, 12, seed=1, batch=4)[:12] == first[:12]:
        driver.fail("seeded", "another design and another generator gave the same 12 trials")
    return first


@contextmanager
def _one_thread(strategy: Strategy) -> Iterator[None]:
    """One BLAS thread, as in every run: otherwise the last bit may depend on the machine's load."""
    from threadpoolctl import threadpool_limits

    if strategy.uses_blas:
        import_module("scipy.linalg")  # brings its own BLAS, which must be there to be limited
    with threadpool_limits(1):
        yield


@contextmanager
def _global_random(seed: int) -> Iterator[Callable[[], bool]]:
    """Set the global generators for a while; yields a function that says whether nobody touched them."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 (what must not be used is watched)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    mine = _fingerprint()
    try:
        yield lambda: _fingerprint() == mine
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def _fingerprint() -> tuple[object, ...]:
    _, keys, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), np.asarray(keys).tobytes(), *rest


# -- a second interpreter -------------------------------------------------------------------------


def _check_new_interpreter(driver: _Driver, trace: Trace) -> None:
    cls = type(driver.strategy)
    request = json.dumps(
        {
            "module": cls.__module__,
            "name": cls.__qualname__,
            "params": _params(driver.strategy),
            "fidelities": driver.fidelities,
        }
    )
    if cls.__module__ == "__main__" or "<locals>" in cls.__qualname__:
        return
    hash_seed = "1" if os.environ.get("PYTHONHASHSEED") == "2" else "2"
    answer = subprocess.run(
        [sys.executable, "-c", "from nasbench.strategies import conformance; conformance._answer()"],
        input=request,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        driver.fail("error", f"in a new interpreter: {answer.stderr.strip()[-500:]}")
    reply = json.loads(answer.stdout.splitlines()[-1])
    if not reply["importable"]:
        return
    if reply["trace"] != repr(trace):
        driver.fail("hash-seed", f"trials changed in a new interpreter with PYTHONHASHSEED={hash_seed}")
    if reply["tables"] and not cls.uses:
        driver.fail("information", "it imported nasbench.benchmark, which opens tables")


def _answer() -> None:
    """The other side: replay the run that standard input asks for, and say what happened."""
    request = json.load(sys.stdin)
    reply: dict[str, Any] = {"importable": True}
    try:
        cls: Any = import_module(request["module"])
        for part in request["name"].split("."):
            cls = getattr(cls, part)
    except (ImportError, AttributeError):
        reply["importable"] = False
    else:
        driver = _Driver(cls(**request["params"]), tuple(request["fidelities"]))
        with _one_thread(driver.strategy):
            reply["trace"] = repr(driver.run(Landscape(GRID), _LENGTH))
        reply["tables"] = "nasbench.benchmark" in sys.modules
    sys.stdout.write("\n" + json.dumps(reply) + "\n")
