"""PROTOCOL section 1: three random streams, and what each may depend on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

import nasbench
from nasbench.strategies import create
from nasbench.strategies.base import Strategy
from nasbench.streams import MASK, generator, noise_key, uniform_indices, uniform_picker

CIFAR10 = "nasbench201/cifar10"


def task(name=CIFAR10, evaluations=60, **policies):
    return nasbench.Task(name, evaluations=evaluations, **policies)


def genotypes(run):
    return [tuple(g) for g in run.trace["genotype"].tolist()]


# -- design ---------------------------------------------------------------------------------------


def test_designs_are_nested_prefixes_of_what_random_search_asks():
    asked = genotypes(nasbench.search(task(evaluations=200), "random-search", seed=3))
    for k in (1, 7, 64, 65, 200):
        assert task(evaluations=200).problem(3).initial(k) == asked[:k]
    assert len(set(asked)) == 200


@pytest.mark.parametrize("name", ["regularized-evolution", "reinforce", "local-search", "gp"])
def test_every_strategy_of_a_seed_starts_from_the_same_design(name):
    """Strategies with a random start take the first k of it, whatever k is."""
    design = task().problem(5).initial(60)
    strategy = create(name)
    k = getattr(strategy, "population", None) or getattr(strategy, "initial", None) or 0
    start = genotypes(nasbench.search(task(), strategy, seed=5))[: min(k, 60)]
    assert start == design[: len(start)]


def test_nested_designs_of_one_strategy_with_other_sizes():
    small, large = (
        genotypes(nasbench.search(task(), create("regularized-evolution", population=k, sample=2), seed=1))
        for k in (10, 30)
    )
    assert small[:10] == large[:10]
    assert small[10:30] != large[10:30]


def test_designs_differ_across_seeds_tasks_budgets_and_policies():
    tasks = [
        task(),
        task("nasbench201/cifar100"),
        task("nasbench201/imagenet16-120"),
        task(evaluations=61),
        task(repeat="mean"),
        task(charge="unique"),
        task(workers=2),
        nasbench.Task(CIFAR10, seconds=1e6),
    ]
    designs = [tuple(t.problem(seed).initial(20)) for t in tasks for seed in (0, 1, 2)]
    assert len(set(designs)) == len(designs)


@pytest.mark.parametrize("name", ["random-search", "regularized-evolution", "local-search"])
def test_a_seed_never_gives_the_same_sequence_on_two_tasks(name):
    names = [f"nasbench201/{d}" for d in ("cifar10", "cifar100", "imagenet16-120")]
    runs = [tuple(genotypes(nasbench.search(task(n, 30), name, seed=0))) for n in names]
    assert len(set(runs)) == 3


def test_the_design_is_uniform_over_the_space():
    """First picks of many seeds fall evenly on 25 slices of the space."""
    first = [task(evaluations=1).problem(seed).initial(1)[0] for seed in range(1000)]
    slices = task().space.indices(first) * 25 // task().space.size
    assert chisquare(np.bincount(slices, minlength=25)).pvalue > 1e-4


# -- noise ----------------------------------------------------------------------------------------


def shown_runs(run):
    """Which training run each trial of a NAS-Bench-201 trace showed, read back from its value."""
    columns = run.task.bench.column("val_accuracy")[run.trace["row"]]
    matches = columns == run.trace["value"][:, None]
    return matches


def test_the_trace_shows_the_training_run_that_the_task_says():
    run = nasbench.search(task(evaluations=2000), "random-search", seed=11)
    said = run.task.repeat_shown(11, run.trace["row"])
    assert shown_runs(run)[np.arange(2000), said].all()


def test_all_strategies_of_a_seed_see_the_same_training_run():
    runs = [
        nasbench.search(task(evaluations=300), name, seed=2)
        for name in ("random-search", "regularized-evolution", "local-search", "reinforce")
    ]
    seen = {}
    shared = 0
    for run in runs:
        for row, value in zip(run.trace["row"].tolist(), run.trace["value"].tolist(), strict=True):
            shared += row in seen
            assert seen.setdefault(row, value) == value
    assert shared > 100


def test_the_shown_run_is_uniform_among_those_that_exist():
    t = task()
    rows = np.arange(len(t.bench))
    exists = ~np.isnan(t.bench.column("val_accuracy"))
    shown = np.stack([t.repeat_shown(seed, rows) for seed in range(12)])
    assert exists[rows, shown].all()
    for runs in (2, 3):
        picked = shown[:, exists.sum(axis=1) == runs]
        assert chisquare(np.bincount(picked.ravel(), minlength=runs)).pvalue > 1e-4
    # independent between seeds: equal picks of two seeds happen as often as chance
    three = shown[:, exists.all(axis=1)]
    same = (three[0] == three[1]).sum()
    assert chisquare([same, three.shape[1] - same], [three.shape[1] / 3, three.shape[1] * 2 / 3]).pvalue > 1e-4


def test_the_shown_run_depends_on_seed_and_task():
    rows = np.arange(500)
    base = task().repeat_shown(0, rows).tolist()
    assert task().repeat_shown(0, rows).tolist() == base
    assert task().repeat_shown(1, rows).tolist() != base
    assert task("nasbench201/cifar100").repeat_shown(0, rows).tolist() != base
    assert task(evaluations=61).repeat_shown(0, rows).tolist() != base


def test_one_index_for_all_metrics_of_a_row(make_table, make_column, make_protocol, scripted):
    """Value, second objective and training time of a trial are those of the same training run."""
    rng = np.random.default_rng(0)
    value, loss, seconds = rng.normal(size=(64, 3)), rng.normal(size=(64, 3)), rng.uniform(1, 2, size=(64, 3))
    value[:20, 2] = loss[:20, 2] = seconds[:20, 2] = np.nan
    name = make_table(
        make_protocol(
            final={"val_accuracy": make_column(value), "val_loss": make_column(loss, "minimize")},
            cost={"train_seconds": make_column(seconds, split="cost")},
        )
    )
    t = nasbench.Task(name, objective=["val_accuracy", "val_loss"], evaluations=64)
    run = nasbench.search(t, "random-search", seed=4)
    shown, row = t.repeat_shown(4, run.trace["row"]), run.trace["row"]
    assert (run.trace["value"][:, 0] == value[row, shown]).all()
    assert (run.trace["value"][:, 1] == loss[row, shown]).all()
    assert (run.trace["cost"] == seconds[row, shown]).all()
    assert set(shown.tolist()) == {0, 1, 2}


def test_a_run_that_one_objective_lacks_is_not_shown(make_table, make_column, make_protocol):
    """Accuracy lacks run 0 and loss lacks run 2 of half of the rows: these show run 1, and none fails."""
    rng = np.random.default_rng(0)
    value, loss = rng.normal(size=(64, 3)), rng.normal(size=(64, 3))
    value[:32, 0] = loss[:32, 2] = np.nan
    final = {"val_accuracy": make_column(value), "val_loss": make_column(loss, "minimize")}
    t = nasbench.Task(make_table(make_protocol(final=final)), ["val_accuracy", "val_loss"], evaluations=64)
    run = nasbench.search(t, "random-search", seed=0)
    assert run.ledger.failed == 0
    shown = t.repeat_shown(0, np.arange(64))
    assert set(shown[:32].tolist()) == {1}
    assert set(shown[32:].tolist()) == {0, 1, 2}


def test_an_objective_with_fewer_runs_than_others_shows_only_its_own(make_table, make_column, make_protocol):
    """Three test runs beside two validation runs: the search is shown the two, never a neighbour's."""
    value = np.arange(128.0).reshape(64, 2)
    test = np.full((64, 3), 7.0)
    name = make_table(
        make_protocol(final={"val_accuracy": make_column(value), "test_accuracy": make_column(test, split="test")})
    )
    run = nasbench.search(nasbench.Task(name, evaluations=64), "random-search", seed=0)
    assert (run.trace["value"] // 2 == run.trace["row"]).all()
    assert set((run.trace["value"] % 2).tolist()) == {0.0, 1.0}


@given(
    key=st.integers(0, MASK),
    rows=st.lists(st.integers(0, 2**40), min_size=1, max_size=20),
    count=st.integers(1, 1000),
)
def test_the_scalar_hash_equals_the_vectorised_one(key, rows, count):
    counts = np.full(len(rows), count)
    assert [uniform_picker(key)(row, count) for row in rows] == uniform_indices(key, np.array(rows), counts).tolist()


@pytest.mark.parametrize("count", [2, 3, 5, 7])
def test_the_hash_is_uniform(count):
    picks = uniform_indices(noise_key("a task", 0), np.arange(60_000), np.full(60_000, count))
    assert chisquare(np.bincount(picks, minlength=count)).pvalue > 1e-4
    pairs = np.bincount(picks[:-1] * count + picks[1:], minlength=count * count)
    assert chisquare(pairs).pvalue > 1e-4


# -- strategy -------------------------------------------------------------------------------------


def test_the_strategy_stream_depends_on_parameters_salt_and_seed_but_the_design_does_not():
    from nasbench.runner import entry_of

    def tail(strategy: Strategy, salt: str = "", seed: int = 0):
        run = nasbench.search(task(evaluations=80), strategy, seed, entry=entry_of(strategy, salt=salt))
        return genotypes(run)[:50], genotypes(run)[50:]

    plain = tail(create("regularized-evolution"))
    salted = tail(create("regularized-evolution"), salt="b")
    other = tail(create("regularized-evolution", sample=9))
    assert plain == tail(create("regularized-evolution"))
    assert plain[0] == salted[0] == other[0]
    assert len({tuple(t[1]) for t in (plain, salted, other)}) == 3


def test_generators_of_different_parts_differ_and_equal_parts_agree():
    draws = [generator(*parts).random() for parts in (("a", 1), ("a", 2), ("b", 1), ("a1",), ("a", "1"))]
    assert len(set(draws)) == 5
    assert generator("a", 1).random() == draws[0]
