"""Tasks: what they refuse, what they are called, when two are the same, and what a strategy may see."""

from __future__ import annotations

import gc
import math
import pickle
import types
from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nasbench
from nasbench.analysis.task_truth import truth_of
from nasbench.benchmark import Benchmark
from nasbench.errors import NotInTableError, TaskError, UnknownNameError
from nasbench.spaces.table import TableSpace
from nasbench.store import Table
from nasbench.task import Task

CIFAR10 = "nasbench201/cifar10"


def task(**policies):
    return Task(CIFAR10, **{"evaluations": 20, **policies})


# -- what it refuses ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policies", "says"),
    [
        ({"evaluations": None}, "needs a budget"),
        ({"evaluations": 0}, "must be positive"),
        ({"evaluations": -3}, "must be positive"),
        ({"evaluations": 1.5}, "whole number"),
        ({"evaluations": True}, "whole number"),
        ({"evaluations": "150"}, "whole number"),
        ({"seconds": 0}, "must be positive"),
        ({"seconds": math.inf}, "must be positive"),
        ({"seconds": math.nan}, "must be positive"),
        ({"epochs": -1.0}, "must be positive"),
        ({"workers": 0}, "workers"),
        ({"workers": 1.0}, "workers"),
        ({"workers": True}, "workers"),
        ({"charge": "uniq"}, "charge must be one of"),
        ({"missing": "drop"}, "missing"),
        ({"fidelity": "epochs"}, "fidelity"),
        ({"fidelity": "curve"}, "no learning curve"),
        ({"fidelity": "protocols"}, "no protocol shorter"),
        ({"repeat": "best"}, "repeat"),
        ({"repeat": -1}, "repeat"),
        ({"repeat": True}, "repeat"),
        ({"repeat": 1.0}, "repeat"),
        ({"repeat": 3}, "no architecture"),
        ({"repeat": 2}, "7,456 of 15,625 architectures"),
        ({"objective": []}, "objective"),
        ({"objective": ["val_accuracy", "val_accuracy"]}, "objective"),
    ],
)
def test_a_task_that_cannot_be_run_is_a_task_error(policies, says):
    with pytest.raises(TaskError, match=says):
        task(**policies)


@pytest.mark.parametrize(
    ("policies", "nearest"),
    [
        ({"benchmark": "nasbench201/cifar1"}, "nasbench201/cifar10"),
        ({"objective": "val_acc"}, "val_accuracy"),
        ({"objective": ["val_accuracy", "paramz"]}, "params"),
        ({"protocol": "2000"}, None),
        ({"score_protocol": "12x"}, None),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(policies, nearest):
    with pytest.raises(UnknownNameError) as caught:
        Task(**{"benchmark": CIFAR10, "evaluations": 5, **policies})
    assert nearest is None or f"Did you mean {nearest!r}" in str(caught.value)


# -- repeat = a number ----------------------------------------------------------------------------


def test_an_excluding_task_searches_exactly_the_rows_that_have_the_repeat():
    t = task(repeat=2, missing="exclude")
    has = np.flatnonzero(~np.isnan(t.bench.column("val_accuracy")[:, 2]))
    assert isinstance(t.space, TableSpace)
    assert t.space.size == len(has) == 8169
    assert (t.space.genotypes(np.arange(len(has))) == t.bench.genotypes[has]).all()


@pytest.mark.parametrize("name", ["random-search", "regularized-evolution", "local-search", "reinforce"])
def test_every_strategy_stays_among_them(name):
    t = task(evaluations=120, repeat=2, missing="exclude")
    run = nasbench.search(t, name, seed=1)
    values = t.bench.column("val_accuracy")[run.trace["row"], 2]
    assert (run.trace["value"] == values).all()
    assert not np.isnan(values).any()
    assert len(run.trace) == 120


def test_asking_for_an_excluded_architecture_is_an_error(scripted):
    t = task(repeat=2, missing="exclude")
    lacking = int(np.flatnonzero(np.isnan(t.bench.column("val_accuracy")[:, 2]))[0])
    with pytest.raises(NotInTableError):
        nasbench.search(t, scripted([tuple(t.bench.genotypes[lacking].tolist())]))


# -- the firewall ---------------------------------------------------------------------------------


def reachable(root):
    """Every object that can be reached from `root` as data; code, modules and classes are not data."""
    seen, queue = {id(root): root}, deque([root])
    skipped = (types.ModuleType, type, types.FunctionType, types.BuiltinFunctionType, types.CodeType)
    while queue:
        holder = queue.popleft()
        base = [holder.base] if isinstance(holder, np.ndarray) else []  # the collector does not follow it
        for thing in gc.get_referents(holder) + base:
            module_globals = isinstance(thing, dict) and "__builtins__" in thing
            if id(thing) not in seen and not isinstance(thing, skipped) and not module_globals:
                seen[id(thing)] = thing
                queue.append(thing)
    return list(seen.values())


@pytest.mark.parametrize(
    ("name", "policies"),
    [
        (CIFAR10, {}),
        (CIFAR10, {"repeat": 2, "missing": "exclude"}),
        ("nas-bench-graph/proteins", {}),
        ("nas-bench-graph/cora", {}),
    ],
)
def test_no_value_of_the_table_is_reachable_from_the_problem(name, policies):
    t = Task(name, evaluations=50, **policies)
    problem = t.problem(0)
    problem.initial(10)
    next(problem.design())
    problem.space.neighbours(problem.initial(1)[0])
    things = reachable(problem)
    arrays = [a for a in things if isinstance(a, np.ndarray)]
    bench = t.bench
    columns = [bench.column(m) for m in bench.metrics] + [bench.mean(m) for m in bench.metrics]
    assert problem.space in things
    assert not [x for x in things if isinstance(x, Benchmark | Table | Task)]
    assert not [a for a in arrays if a.dtype.kind == "f" and a.size > 100]
    assert not [a for a in arrays for c in columns if np.shares_memory(a, c)]


def test_the_walk_would_find_a_leak():
    problem = task().problem(0)
    problem.leak = (lambda bench: lambda: bench)(task().bench).__closure__
    assert any(isinstance(x, Benchmark) for x in reachable(problem))


def test_a_test_column_is_refused_unless_allowed_and_then_said():
    graph = "nas-bench-graph/cora"
    with pytest.raises(TaskError, match="searched on test"):
        Task(graph, objective="test_accuracy", evaluations=5)
    with pytest.raises(TaskError, match="holds test data"):
        Task(graph, objective=["val_accuracy", "test_accuracy"], evaluations=5)
    allowed = Task(graph, objective="test_accuracy", evaluations=5, allow_test=True)
    assert "searched on test" in allowed.name
    assert allowed.searched_on_test
    assert not Task(graph, evaluations=5, allow_test=True).searched_on_test


def test_valid_plus_test_counts_as_test(make_table, make_column, make_protocol):
    name = make_table(
        make_protocol(
            final={
                "val_accuracy": make_column(np.zeros((64, 1))),
                "ori_accuracy": make_column(np.zeros((64, 1)), split="valid+test"),
            }
        )
    )
    with pytest.raises(TaskError, match="valid\\+test"):
        Task(name, objective="ori_accuracy", evaluations=5)


@pytest.mark.parametrize("family", ["nasbench201/cifar100", "nas-bench-graph/arxiv", "fcnet/naval_propulsion"])
def test_the_default_objective_is_never_a_test_column(family):
    t = Task(family, evaluations=5)
    assert not t.searched_on_test
    assert [o.name for o in t.objectives] == [t.bench.objective]


def test_what_a_problem_says():
    problem = Task(CIFAR10, evaluations=7, seconds=1e6, epochs=2000, workers=3).problem(0)
    assert (problem.evaluations, problem.seconds, problem.epochs, problem.workers) == (7, 1e6, 2000.0, 3)
    assert problem.fidelities == ()
    assert problem.objective.functional
    costs = Task(CIFAR10, objective=["val_accuracy", "params"], evaluations=7).problem(0)
    assert [(o.name, o.sign, o.functional) for o in costs.objectives] == [
        ("val_accuracy", 1, True),
        ("params", -1, False),
    ]


# -- identity -------------------------------------------------------------------------------------


def test_equal_tasks_have_one_identity_however_they_are_written():
    plain = Task(CIFAR10, evaluations=20, seconds=100.0)
    recipe = plain.bench.protocol().name
    others = [
        Task(nasbench.load(CIFAR10), evaluations=np.int64(20), seconds=100),
        Task(CIFAR10, ["val_accuracy"], 20, np.float64(100), workers=np.int64(1)),
        Task(CIFAR10, evaluations=20, seconds=100, protocol=recipe, score_protocol=recipe),
    ]
    for other in others:
        assert other == plain
        assert other.id == plain.id
        assert other.name == plain.name
        assert hash(other) == hash(plain)


def test_every_policy_changes_the_identity():
    variants = [
        task(),
        task(evaluations=21),
        task(seconds=1e6),
        task(epochs=1e6),
        task(objective="params"),
        task(objective=["val_accuracy", "params"]),
        task(objective=["params", "val_accuracy"]),
        task(repeat="mean"),
        task(repeat=0),
        task(charge="unique"),
        task(charge="unique-class"),
        task(workers=2),
        task(missing="exclude"),
        task(resume=False),
        task(allow_test=True),
        Task("nasbench201/cifar100", evaluations=20),
    ]
    assert len({t.id for t in variants}) == len(variants)
    assert len(set(variants)) == len(variants)


@given(
    evaluations=st.integers(1, 10**6),
    seconds=st.none() | st.floats(1e-3, 1e9),
    repeat=st.sampled_from(["random", "mean", 0, 1]),
    charge=st.sampled_from(["all", "unique", "unique-class"]),
    workers=st.integers(1, 64),
    objective=st.sampled_from([None, "val_accuracy", "params", ("val_accuracy", "train_seconds")]),
)
def test_pickling_and_the_identity_round_trip(evaluations, seconds, repeat, charge, workers, objective):
    t = Task(CIFAR10, objective, evaluations, seconds, repeat=repeat, charge=charge, workers=workers)
    for again in (pickle.loads(pickle.dumps(t)), Task.from_identity(t.identity()), t.replace()):
        assert again == t
        assert (again.id, again.name, again.objectives) == (t.id, t.name, t.objectives)


def test_names_say_all_that_is_not_the_default():
    assert task().name == CIFAR10
    assert task(repeat="mean").name == f"{CIFAR10} (idealised)"
    assert task(repeat=0, charge="unique", workers=4).name == f"{CIFAR10} (repeat 0, charge unique, 4 workers)"
    assert task(objective=["val_accuracy", "params"]).name == f"{CIFAR10} (val_accuracy+params)"


def test_a_single_run_table_is_noise_free_and_never_idealised():
    single = Task("nas-bench-graph/cora", evaluations=5, repeat="mean")
    assert not single.noise_known
    assert not single.idealised
    assert task(repeat="mean").idealised
    assert not task().idealised


@pytest.mark.parametrize("repeat", ["random", "mean", 0])
def test_architectures_without_a_value_can_be_left_out(make_table, make_column, make_protocol, repeat):
    """The space, the optimum and the closed form of random search are those of the rows that have one."""
    values = np.arange(64.0).reshape(64, 1)
    values[[63, 5]] = np.nan
    latency = np.ones((64, 1))
    latency[62] = np.nan
    final = {"val_accuracy": make_column(values)}
    name = make_table(make_protocol(final=final, cost={"latency_ms": make_column(latency, split="cost")}))
    whole = Task(name, evaluations=200, repeat=repeat if repeat != 0 else "random")
    assert whole.space.size == 64
    assert np.isnan(nasbench.search(whole, "random-search").trace["value"]).sum() == 2
    part = Task(name, evaluations=200, repeat=repeat, missing="exclude")
    run = nasbench.search(part, "random-search")
    assert part.space.size == len(run.trace) == run.ledger.unique == 62
    assert run.ledger.failed == 0
    assert truth_of(part).size == 62
    both = Task(name, objective=["val_accuracy", "latency_ms"], evaluations=200, repeat=repeat, missing="exclude")
    assert both.space.size == 61
    assert truth_of(both).optimum == 61.0
    assert run.key != nasbench.search(whole, "random-search").key
