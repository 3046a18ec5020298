"""Constraints: what breaks one is charged and told, and never leads; regret is among those that keep them."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nasbench
from nasbench.analysis.random_search import expected_regret
from nasbench.analysis.regret import path_of
from nasbench.analysis.task_truth import truth_of
from nasbench.constraint import Constraint
from nasbench.errors import TaskError, UnknownNameError
from nasbench.problem import Observation

CIFAR10 = "nasbench201/cifar10"
BOUNDS = ("params<=300000", "latency_ms<=15")


def task(**changes):
    return nasbench.Task(CIFAR10, **{"evaluations": 60, "constraints": BOUNDS, **changes})


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("params<=1e6", "params<=1000000"),
        (" latency_ms  <= 5.5 ", "latency_ms<=5.5"),
        ("val_accuracy>=90", "val_accuracy>=90"),
        ("edge-gpu_energy_mj≤1_000", "edge-gpu_energy_mj<=1000"),
    ],
)
def test_texts_have_one_normal_form(text, normal):
    assert str(Constraint.parse(text)) == normal
    assert Constraint.parse(normal) == Constraint.parse(text)


@pytest.mark.parametrize("text", ["params<1e6", "params", "<=5", "params<=", "params<=nan", "params<=inf", "a b<=1", 5])
def test_what_is_no_constraint_is_refused(text):
    with pytest.raises(TaskError, match="METRIC<=NUMBER"):
        Constraint.parse(text)


def test_a_violation_is_a_share_of_the_bound():
    below, above = Constraint.parse("params<=200"), Constraint.parse("val_accuracy>=80")
    assert [below.violation(v) for v in (100.0, 200.0, 300.0)] == [0.0, 0.0, 0.5]
    assert [above.violation(v) for v in (90.0, 80.0, 60.0)] == [0.0, 0.0, 0.25]
    assert below.violation(math.nan) == above.violation(math.nan) == math.inf
    assert Constraint.parse("energy<=0").violation(2.0) == 2.0
    assert below.keeps(np.array([100, 201, np.nan])).tolist() == [True, False, False]


def test_the_problem_adds_violations_and_ranks_the_infeasible_last():
    problem = task().problem(0)
    kept = Observation((90.0,), constraints=(3e5, 15.0))
    broken = Observation((95.0,), status="infeasible", constraints=(6e5, 30.0))
    assert problem.utility(kept) == 90.0
    assert problem.violation(kept) == 0
    assert problem.utility(broken) == -np.inf
    assert problem.violation(broken) == pytest.approx(2.0)
    assert problem.violation(Observation((math.nan,), status="failed")) == math.inf


def test_tasks_without_constraints_keep_their_identity():
    plain = nasbench.Task(CIFAR10, evaluations=60)
    assert "constraints" not in plain.identity()
    assert nasbench.Task.from_identity(task().identity()) == task()
    assert task().id != plain.id
    assert task(constraints=["params<=3e5", "latency_ms <= 15.0"]).id == task().id
    assert task().name == "nasbench201/cifar10 (params<=300000, latency_ms<=15)"


@pytest.mark.parametrize(
    ("bounds", "error"),
    [
        ("params<=1", "no architecture of nasbench201/cifar10 keeps params<=1"),
        ("test_accuracy>=90", "test"),
        ("parms<=1e6", "params"),
    ],
)
def test_impossible_constraints_are_refused(bounds, error):
    with pytest.raises((TaskError, UnknownNameError), match=error):
        task(constraints=bounds)


@pytest.mark.parametrize("repeat", ["random", "mean"])
@pytest.mark.parametrize("name", ["random-search", "regularized-evolution"])
def test_what_breaks_a_constraint_is_charged_and_never_leads(name, repeat):
    made = task(repeat=repeat)
    run, bench = nasbench.search(made, name, 3), made.bench
    rows = run.trace["row"]
    params, latency = bench.column("params")[rows, 0], bench.column("latency_ms")[rows, 0]
    np.testing.assert_array_equal(run.trace["constraint"], np.column_stack([params, latency]))
    broken = (params > 3e5) | (latency > 15)
    assert 0 < broken.sum() < len(run.trace) == run.ledger.charged == 60
    assert run.ledger.infeasible == broken.sum()
    assert run.ledger.failed == 0
    best = bench.row(run.best)
    assert best in rows[~broken]
    assert run.trace["value"][rows == best].max() == run.trace["value"][~broken].max()
    path = path_of(run)
    feasible = bench.mean("val_accuracy")[
        (bench.column("params")[:, 0] <= 3e5) & (bench.column("latency_ms")[:, 0] <= 15)
    ]
    assert truth_of(made).optimum == feasible.max()
    assert path.final("table_regret") == pytest.approx(feasible.max() - bench.mean("val_accuracy")[best])


@pytest.mark.parametrize("repeat", ["random", "mean"])
def test_random_search_has_its_closed_form_among_the_feasible(repeat):
    made = task(repeat=repeat, evaluations=100)
    found = np.array(
        [path_of(nasbench.search(made, "random-search", seed)).final("table_regret") for seed in range(150)]
    )
    assert abs(found.mean() - expected_regret(made, 100).mean[0]) < 4 * found.std() / np.sqrt(len(found))


def test_a_noisy_constraint_is_shown_as_the_training_run_has_it_and_scored_by_the_mean():
    """Who only seems to keep a bound leads, and scores as the worst architecture that does keep it."""
    made = nasbench.Task(CIFAR10, objective="params", evaluations=400, constraints="val_accuracy>=90.9")
    bench, truth = made.bench, truth_of(made)
    mean = bench.mean("val_accuracy")
    assert truth.optimum == bench.column("params")[mean >= 90.9, 0].min()
    worst = bench.column("params")[mean >= 90.9, 0].max()
    lucky = (mean < 90.9) & (np.nan_to_num(bench.column("val_accuracy")) >= 90.9).any(axis=1)
    assert lucky.sum() > 10
    assert set(truth.mean[lucky]) == {worst}
    assert np.isnan(truth.mean[(mean < 90.9) & ~lucky]).all()
    run = nasbench.search(made, "random-search", 1)
    shown = made.repeat_shown(1, run.trace["row"])
    np.testing.assert_array_equal(run.trace["constraint"][:, 0], bench.column("val_accuracy")[run.trace["row"], shown])


def test_a_front_holds_only_what_keeps_the_constraints():
    made = task(objective=["val_accuracy", "latency_ms"])
    run = nasbench.search(made, "random-search", 0)
    front = made.bench.query(np.array(run.front), "params"), made.bench.query(np.array(run.front), "latency_ms")
    assert len(run.front) > 1
    assert max(front[0]) <= 3e5
    assert max(front[1]) <= 15
