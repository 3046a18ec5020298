"""`check_strategy` both ways: what we ship passes, and each way of breaking a rule is named."""

import pickle
import random
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from time import process_time
from typing import ClassVar

import numpy as np
import pytest

import nasbench.strategies as registry
from nasbench.errors import StrategyError
from nasbench.parameter import Parameter
from nasbench.problem import Trial
from nasbench.spaces.constrained import ConstrainedSpace
from nasbench.spaces.grid import GridSpace
from nasbench.strategies.base import Strategy
from nasbench.strategies.baselines.random_search import RandomSearch
from nasbench.strategies.conformance import RULES, ConformanceError, check_strategy
from nasbench.strategies.evolutionary.regularized_evolution import RegularizedEvolution

NAMES = sorted(registry.REGISTRY.table)
LIGHT = ("local-search", "random-search", "regularized-evolution", "reinforce")


SLOW = {"brp-nas": (), "optuna-gp": pytest.mark.slow}
"""Many seconds, nearly all of them in a library: torch, or Optuna."""


@pytest.mark.parametrize("name", [pytest.param(name, marks=SLOW.get(name, ())) for name in NAMES])
def test_every_strategy_that_we_ship_conforms(name):
    begin = process_time()
    check_strategy(registry.create(name))
    # Of this process: a busy machine takes longer on the clock.
    assert process_time() - begin < (3 if name in LIGHT else 40 if name in SLOW else 12)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("local-search", {"acceptance": "steepest", "initial": 1}),
        ("local-search", {"initial": 500}),
        ("regularized-evolution", {"population": 3, "sample": 1}),
        ("reinforce", {"learning_rate": 5.0, "baseline": 0.0}),
    ],
)
def test_other_parameters_conform_too(name, params):
    check_strategy(registry.create(name, **params))


class Ring(ConstrainedSpace):
    """Isolated architectures: no two differ in one position only."""

    kind = "ring"

    def _members(self):
        return np.array([[i, i, i] for i in range(5)])


@pytest.mark.parametrize(
    "space",
    [
        Ring([Parameter(f"p{i}", tuple(range(5))) for i in range(3)]),
        GridSpace.of({f"p{i}": [1, 2, 3, 4] for i in range(30)}),
    ],
    ids=["isolated", "of 10^18"],
)
@pytest.mark.parametrize("name", LIGHT)
def test_on_a_space_of_ones_own(name, space):
    check_strategy(registry.create(name), space)


def test_the_package_offers_it():
    registry.check_strategy(RandomSearch())


# -- strategies that break one rule each -----------------------------------------------------------


@dataclass
class Base(RandomSearch):
    """A correct strategy, to be broken."""


BROKEN: list[tuple[str, str, Callable[[], object]]] = []


def breaks(rule, found="", **params):
    """Register a class that breaks `rule`; the message must contain `found`."""

    def register(cls):
        BROKEN.append((rule, found, lambda: cls(**params)))
        return cls

    return register


@breaks("dataclass", "NoStrategyAtAll")
class NoStrategyAtAll:
    def __repr__(self):
        return "NoStrategyAtAll()"


@breaks("dataclass", "patience is annotated but no field")
class Undecorated(Base):
    patience: int = 3


@breaks("parameters", "set")
@dataclass
class SetParameter(Base):
    operations: set = field(default_factory=lambda: {"conv"})


@breaks("parameters", "nan")
@dataclass
class NanParameter(Base):
    temperature: float = float("nan")


@breaks("parameters", "came back")
@dataclass
class ParameterRewritten(Base):
    rounds: int = 1

    def __post_init__(self):
        self.rounds += 1


@breaks("state", "'seen' is init=False but has compare=True")
@dataclass
class ComparedState(Base):
    seen: int = field(init=False, default=0)


@breaks("state", "_seen")
@dataclass
class UndeclaredState(Base):
    def start(self, problem, rng):
        super().start(problem, rng)
        self._seen = []


@breaks("attributes", "version is 0")
@dataclass
class VersionZero(Base):
    version: ClassVar[int] = 0


@breaks("attributes", "uses is ('test',)")
@dataclass
class UsesTest(Base):
    uses: ClassVar[tuple[str, ...]] = ("test",)


@breaks("attributes", "uses is 'params'")
@dataclass
class UsesText(Base):
    uses: ClassVar = "params"


@breaks("pickle", "lambda")
@dataclass
class Unpicklable(Base):
    _score: Callable = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self):
        self._score = lambda value: value


@breaks("error", "ask(4) raised ZeroDivisionError")
@dataclass
class RaisesInAsk(Base):
    def ask(self, n=1):
        return super().ask(n) if self._asked else [1 // (n - n)]


@breaks("error", "tell of trial")
@dataclass
class RefusesFailedTrials(Base):
    def tell(self, trial, observation):
        assert observation.status == "ok"


@breaks("error", "start raised ValueError")
@dataclass
class OnlyMaximises(Base):
    def start(self, problem, rng):
        super().start(problem, rng)
        if problem.objective.direction == "minimize":
            raise ValueError("maximise only")


@breaks("error", "raised AssertionError")
@dataclass
class OneAtATime(Base):
    _waiting: bool = field(init=False, repr=False, compare=False, default=False)

    def ask(self, n=1):
        assert not self._waiting
        self._waiting = True
        return super().ask(1)

    def tell(self, trial, observation):
        self._waiting = False


@breaks("error", "raised KeyError")
@dataclass
class KnowsTrialsByIdentity(Base):
    _mine: dict = field(init=False, repr=False, compare=False)

    def start(self, problem, rng):
        super().start(problem, rng)
        self._mine = {}

    def ask(self, n=1):
        trials = super().ask(n)
        self._mine.update({id(trial): trial for trial in trials})
        return trials

    def tell(self, trial, observation):
        del self._mine[id(trial)]


@breaks("error", "raised ValueError")
@dataclass
class NeedsTellsInOrder(Base):
    _next: int = field(init=False, repr=False, compare=False, default=0)

    def tell(self, trial, observation):
        if trial.number != self._next:
            raise ValueError("out of order")
        self._next += 1


@breaks("ask", "returned None")
@dataclass
class ReturnsNone(Base):
    def ask(self, n=1):
        return None


@breaks("ask", "returned (")
@dataclass
class ReturnsTuple(Base):
    def ask(self, n=1):
        return tuple(super().ask(n))


@breaks("ask", "returned [(")
@dataclass
class ReturnsGenotypes(Base):
    def ask(self, n=1):
        return [trial.genotype for trial in super().ask(n)]


@breaks("ask", "returned 5 trials")
@dataclass
class AlwaysFive(Base):
    def ask(self, n=1):
        return super().ask(5)


@breaks("ask", "was empty")
@dataclass
class NeverAsks(Base):
    def ask(self, n=1):
        return []


@breaks("number", "number 0")
@dataclass
class NumbersFromZeroEachTime(Base):
    def ask(self, n=1):
        return [Trial(i, trial.genotype) for i, trial in enumerate(super().ask(n))]


@breaks("number", "np.int64")
@dataclass
class NumpyNumber(Base):
    def ask(self, n=1):
        return [Trial(np.int64(t.number), t.genotype) for t in super().ask(n)]


@breaks("genotype", "list of int")
@dataclass
class ListGenotype(Base):
    def ask(self, n=1):
        return [Trial(t.number, list(t.genotype)) for t in super().ask(n)]


@breaks("genotype", "tuple of int64")
@dataclass
class NumpyGenotype(Base):
    def ask(self, n=1):
        return [Trial(t.number, tuple(np.array(t.genotype))) for t in super().ask(n)]


@breaks("genotype", "tuple of bool")
@dataclass
class BoolGenotype(Base):
    def ask(self, n=1):
        return [Trial(t.number, tuple(g > 0 for g in t.genotype)) for t in super().ask(n)]


@breaks("genotype", "not valid")
@dataclass
class IgnoresConstraints(Base):
    def ask(self, n=1):
        cardinalities = self.problem.space.cardinalities
        return [self._trial(tuple(self.rng.integers(0, cardinalities).tolist())) for _ in range(n)]


@breaks("genotype", "not valid")
@dataclass
class TooShort(Base):
    def ask(self, n=1):
        return [Trial(t.number, t.genotype[:-1]) for t in super().ask(n)]


@breaks("epoch", "epoch 3")
@dataclass
class AsksAnEpoch(Base):
    def ask(self, n=1):
        return [Trial(t.number, t.genotype, 3) for t in super().ask(n)]


@breaks("exhausted", "followed by")
@dataclass
class ComesBack(Base):
    _pauses: int = field(init=False, repr=False, compare=False, default=0)

    def ask(self, n=1):
        trials = super().ask(n)
        if not trials:
            self._pauses += 1
            if self._pauses % 2 == 0:
                return [Trial(1000 + self._pauses, self.problem.initial(1)[0])]
        return trials


@breaks("untouched", "start changed hyper-parameters")
@dataclass
class ChangesItsParameter(Base):
    rounds: int = 10

    def start(self, problem, rng):
        super().start(problem, rng)
        self.rounds = 5


@breaks("untouched", "its attributes were")
@dataclass
class SharesAList(Base):
    favourites: list = field(default_factory=list)

    def tell(self, trial, observation):
        self.favourites.append(trial.number)


@breaks("repeatable")
@dataclass
class SeedsItself(Base):
    def start(self, problem, rng):
        super().start(problem, rng)
        self.rng = np.random.default_rng()

    def ask(self, n=1):
        return [self._trial(tuple(g)) for g in self.problem.space.sample(self.rng, n).tolist()]


@breaks("repeatable")
@dataclass
class RemembersInTheClass(Base):
    runs: ClassVar = count(1)

    def start(self, problem, rng):
        super().start(problem, rng)
        order = problem.initial(96)
        self._trials = map(Trial, self._numbers, order if next(self.runs) % 2 else order[::-1])


@breaks("seeded")
@dataclass
class AlwaysTheSameOrder(Base):
    def start(self, problem, rng):
        super().start(problem, rng)
        self._trials = map(Trial, self._numbers, map(tuple, problem.space.all().tolist()))


@breaks("global-random", "changed the global state")
@dataclass
class DrawsFromRandom(Base):
    def ask(self, n=1):
        random.random()
        return super().ask(n)


@breaks("global-random", "changed the global state")
@dataclass
class DrawsFromNumpy(Base):
    def ask(self, n=1):
        np.random.rand()  # noqa: NPY002
        return super().ask(n)


@breaks("global-random", "trials changed with the global random state")
@dataclass
class PeeksAtTheGlobalState(Base):
    def start(self, problem, rng):
        super().start(problem, rng)
        order = problem.initial(96)
        random.Random(str(random.getstate())).shuffle(order)
        self._trials = map(Trial, self._numbers, order)


@breaks("direction")
@dataclass
class MaximisesAlways(RegularizedEvolution):
    def tell(self, trial, observation):
        self._genotypes.append(trial.genotype)
        self._utilities.append(observation.value)


@breaks("objectives", "start accepted 2")
@dataclass
class TakesAnyNumber(Base):
    max_objectives: ClassVar[int | None] = 1

    def start(self, problem, rng):
        self.problem, self.rng = problem, rng
        self._numbers = count()
        self._trials = map(Trial, self._numbers, problem.design())


@breaks("names", "zeta")
@dataclass
class SortsByName(Base):
    def start(self, problem, rng):
        super().start(problem, rng)
        names = [[str(choice) for choice in parameter.choices] for parameter in problem.space.parameters]
        known = sorted(problem.initial(96)[20:], key=lambda g: [n[gene] for n, gene in zip(names, g, strict=True)])
        self._trials = map(Trial, self._numbers, problem.initial(20) + known)


@breaks("adopt", "returned Trial")
@dataclass
class AdoptsAnother(Base):
    def adopt(self, genotype, epoch=None):
        return super().adopt(self.problem.initial(1)[0], epoch)


@breaks("error", "raised KeyError")
@dataclass
class KnowsOnlyItsOwn(Base):
    def tell(self, trial, observation):
        if trial.genotype not in self.problem.initial(trial.number + 8):
            raise KeyError(trial)


@breaks("error", "raised IndexError")
@dataclass
class ClaimsTwoObjectives(Base):
    max_objectives: ClassVar[int | None] = 2

    def tell(self, trial, observation):
        if len(self.problem.objectives) == 2:
            raise IndexError("one value expected")


@pytest.mark.parametrize(("rule", "found", "make"), BROKEN, ids=[f"{i}-{b[0]}" for i, b in enumerate(BROKEN)])
def test_a_broken_strategy_is_caught_by_the_right_rule(rule, found, make):
    strategy = make()
    with pytest.raises(ConformanceError) as caught:
        check_strategy(strategy)
    assert caught.value.rule == rule
    assert found in caught.value.found
    assert type(strategy).__name__ in str(caught.value)
    assert RULES[rule] in str(caught.value)


BY_HASH = (
    "few, rest = problem.initial(20), problem.initial(96)[20:];"
    "self._trials = map(Trial, self._numbers, sorted(few, key=lambda g: hash(str(g))) + rest)"
)
PREAMBLE = """
    from dataclasses import dataclass
    from itertools import count
    from nasbench.problem import Trial
    from nasbench.strategies.baselines.random_search import RandomSearch

    @dataclass
    class Mine(RandomSearch):
        def start(self, problem, rng):
            super().start(problem, rng)
            {body}
"""


@pytest.mark.parametrize(
    ("rule", "body"),
    [(None, "pass"), ("hash-seed", BY_HASH), ("information", "import nasbench.benchmark")],
)
def test_in_a_new_interpreter(rule, body, tmp_path, monkeypatch):
    name = f"third_party_{(rule or 'fine').replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(PREAMBLE).format(body=body))
    monkeypatch.syspath_prepend(tmp_path)
    strategy = __import__(name).Mine()
    if rule is None:
        check_strategy(strategy)
    else:
        with pytest.raises(ConformanceError) as caught:
            check_strategy(strategy)
        assert caught.value.rule == rule


def test_every_rule_is_broken_by_some_test():
    assert {rule for rule, _, _ in BROKEN} | {"hash-seed", "information"} == set(RULES)


def test_fidelities_are_offered_to_those_that_need_them():
    with pytest.raises(ConformanceError, match="epoch"):
        check_strategy(AsksAnEpoch())
    check_strategy(AsksAnEpoch(), fidelities=(1, 3, 9))


def test_the_global_generators_are_left_as_they_were():
    before = repr((random.getstate(), np.random.get_state()))  # noqa: NPY002
    check_strategy(RandomSearch())
    with pytest.raises(ConformanceError):
        check_strategy(DrawsFromNumpy())
    assert repr((random.getstate(), np.random.get_state())) == before  # noqa: NPY002


def test_the_error_is_typed_and_survives_pickling():
    error = ConformanceError("Mine", "genotype", "asked 3")
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(error, StrategyError)
    assert (str(again), again.rule, again.found) == (str(error), "genotype", "asked 3")


def test_a_strategy_with_state_of_an_earlier_run_is_not_disturbed():
    from nasbench.problem import Objective, Problem

    strategy = RandomSearch()
    problem = Problem(GridSpace.of({"a": [1, 2, 3]}), [Objective("m")], np.random.default_rng(0))
    strategy.start(problem, np.random.default_rng(0))
    (first,) = strategy.ask()
    assert isinstance(strategy, Strategy)
    with pytest.raises(ConformanceError, match="pickle"):
        check_strategy(strategy)
    assert strategy.ask(5) == [Trial(i, g) for i, g in enumerate(problem.initial(3)) if i]
    assert first.number == 0
