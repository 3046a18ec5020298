"""PROTOCOL section 5, the clock: event-driven workers, budgets of seconds and epochs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nasbench
from nasbench.errors import TaskError
from nasbench.strategies import create

CIFAR10 = "nasbench201/cifar10"


def simulate(costs, workers, seconds=np.inf):
    """Start, finish and worker of jobs given out in order, by scanning every worker at every step.

    The free worker that was freed last takes the next job (at the start: the lowest number). Jobs
    that end at the same time end in the order in which they began.
    """
    free = list(range(workers - 1, -1, -1))
    busy = {}  # worker -> (finish, job)
    jobs = list(enumerate(costs))
    now, out = 0.0, []
    while jobs or busy:
        while jobs and free:
            job, cost = jobs.pop(0)
            busy[free.pop()] = (now + cost, job, now)
        worker = min(busy, key=lambda w: busy[w][:2])
        now, job, start = busy.pop(worker)
        if now > seconds:
            break
        out.append((job, start, now, worker))
        free.append(worker)
    return out


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("seconds", [None, 3e4])
def test_random_search_on_w_workers_equals_a_brute_force_simulation(workers, seconds):
    n = 150
    t = nasbench.Task(CIFAR10, evaluations=n, seconds=seconds, workers=workers)
    run = nasbench.search(t, "random-search", seed=8)
    design = t.problem(8).initial(n)
    rows = t.space.indices(design)
    column = t.bench.column("train_seconds")
    costs = column[rows, t.repeat_shown(8, rows) if column.shape[1] > 1 else 0].tolist()
    expected = simulate(costs, workers, np.inf if seconds is None else seconds)
    assert run.trace["row"].tolist() == [int(rows[job]) for job, *_ in expected]
    assert run.trace["start"].tolist() == [start for _, start, _, _ in expected]
    assert run.trace["finish"].tolist() == [finish for _, _, finish, _ in expected]
    assert run.trace["worker"].tolist() == [worker for *_, worker in expected]
    assert seconds is None or 10 < len(expected) < n


@given(
    costs=st.lists(st.sampled_from([1.0, 2.0, 3.0, 0.5]), min_size=1, max_size=25),
    workers=st.integers(1, 5),
    budget=st.sampled_from([2.0, 5.5, 1e9]),
)
def test_the_simulation_itself_never_overlaps_and_never_idles(costs, workers, budget):
    """What the brute force stands for: one job a worker at a time, and no idle worker while jobs wait."""
    out = simulate(costs, workers, budget)
    for worker in range(workers):
        spans = [(start, finish) for _, start, finish, w in out if w == worker]
        assert all(a[1] <= b[0] for a, b in pairwise(spans))
        if budget == 1e9:
            assert all(a[1] == b[0] for a, b in pairwise(spans))
    assert [finish for _, _, finish, _ in out] == sorted(finish for _, _, finish, _ in out)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("name", ["regularized-evolution", "reinforce", "local-search", "gp"])
def test_every_strategy_keeps_its_workers_busy_and_never_twice(name, workers):
    run = nasbench.search(nasbench.Task(CIFAR10, evaluations=70, workers=workers), name, seed=0)
    trace = run.trace
    assert len(trace) == 70
    assert (np.diff(trace["finish"]) >= 0).all()
    assert trace["finish"] - trace["start"] == pytest.approx(trace["cost"])
    for worker in range(workers):
        mine = trace[trace["worker"] == worker]
        assert (mine["start"][1:] >= mine["finish"][:-1]).all()
    if workers == 1:
        assert trace["finish"] == pytest.approx(np.cumsum(trace["cost"]))


def test_a_strategy_is_told_in_order_of_completion_before_it_is_asked_again(scripted):
    """Two workers, a short trial started second: its outcome is known first."""
    t = nasbench.Task(CIFAR10, evaluations=40, workers=2)
    design = t.problem(0).initial(40)
    run = nasbench.search(t, scripted(design), seed=0)
    told = [trial.number for trial, _ in scripted.log]
    assert told != sorted(told)
    assert [tuple(g) for g in run.trace["genotype"].tolist()] == [design[number] for number in told]
    assert run.trace_hash == nasbench.search(t, "random-search", seed=0).trace_hash


def test_nothing_past_a_budget_of_seconds_counts():
    whole = nasbench.search(nasbench.Task(CIFAR10, evaluations=100), "random-search", seed=0)
    cost = whole.trace["cost"]
    t = nasbench.Task(CIFAR10, seconds=float(np.cumsum(cost)[49]))
    run = nasbench.search(t, "random-search", seed=0)
    finish = run.trace["finish"]
    assert run.stop == "budget"
    assert finish.max() <= t.seconds
    following = t.problem(0).initial(len(finish) + 1)[-1]
    row = t.bench.row(following)
    column = t.bench.column("train_seconds")
    price = column[row, t.repeat_shown(0, row) if column.shape[1] > 1 else 0]
    assert finish.max() + price > t.seconds
    assert run.ledger.seconds == finish.max()


def test_a_trial_that_ends_exactly_at_the_budget_counts(make_table, make_column, make_protocol):
    name = make_table(
        make_protocol(
            final={"val_accuracy": make_column(np.zeros((64, 1)))},
            cost={"train_seconds": make_column(np.full(64, 2.0), split="cost")},
        )
    )
    counts = {}
    for seconds in (7.9, 8.0, 8.1):
        for workers in (1, 3):
            run = nasbench.search(nasbench.Task(name, seconds=seconds, workers=workers), "random-search")
            counts[seconds, workers] = len(run.trace)
    assert counts == {(7.9, 1): 3, (8.0, 1): 4, (8.1, 1): 4, (7.9, 3): 9, (8.0, 3): 12, (8.1, 3): 12}


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(("epochs", "counted"), [(200, 1), (1999, 9), (2000, 10), (2001, 10)])
def test_a_budget_of_epochs_sums_over_the_workers(workers, epochs, counted):
    t = nasbench.Task(CIFAR10, epochs=epochs, workers=workers)
    run = nasbench.search(t, "random-search", seed=0)
    assert t.recipe_epochs == 200
    assert (len(run.trace), run.ledger.epochs, run.stop) == (counted, 200.0 * counted, "budget")


@pytest.mark.parametrize(
    ("budgets", "counted"),
    [
        ({"evaluations": 5, "epochs": 2000}, 5),
        ({"evaluations": 50, "epochs": 2000}, 10),
        ({"evaluations": 50, "epochs": 2000, "seconds": 1.0}, 0),
        ({"evaluations": 3, "seconds": 1e9}, 3),
    ],
)
def test_the_first_budget_that_is_hit_ends_the_run(budgets, counted):
    run = nasbench.search(nasbench.Task(CIFAR10, **budgets), "random-search")
    assert (len(run.trace), run.stop) == (counted, "budget")


def test_without_times_the_clock_runs_by_epochs(make_table, make_column, make_protocol):
    name = make_table(make_protocol(epochs=12, final={"val_accuracy": make_column(np.zeros((64, 1)))}))
    run = nasbench.search(nasbench.Task(name, evaluations=7, workers=2), "random-search")
    assert run.trace["cost"].tolist() == [12.0] * 7
    assert run.trace["finish"].tolist() == [12.0, 12.0, 24.0, 24.0, 36.0, 36.0, 48.0]
    with pytest.raises(TaskError, match="no training times"):
        nasbench.Task(name, seconds=100)


def test_without_times_and_epochs_each_trial_takes_one(make_table, make_column, make_protocol):
    name = make_table(make_protocol(final={"val_accuracy": make_column(np.zeros((64, 1)))}))
    run = nasbench.search(nasbench.Task(name, evaluations=5), "random-search")
    assert run.trace["finish"].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert np.isnan(run.trace["epoch"]).all()
    assert np.isnan(run.ledger.epochs)
    for budget, says in (({"seconds": 9}, "no training times"), ({"epochs": 9}, "does not say its epochs")):
        with pytest.raises(TaskError, match=says):
            nasbench.Task(name, **budget)


def test_a_partial_budget_of_a_population_is_no_hang():
    """More workers than trials, and a population larger than the budget."""
    t = nasbench.Task(CIFAR10, evaluations=5, workers=16)
    run = nasbench.search(t, create("regularized-evolution", population=50), seed=0)
    assert len(run.trace) == 5
    assert (run.trace["start"] == 0).all()
    assert sorted(run.trace["worker"].tolist()) == [0, 1, 2, 3, 4]
