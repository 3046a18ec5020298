"""PROTOCOL sections 2 and 4: what a trial shows, what it is charged, what the ledger says."""

from __future__ import annotations

import numpy as np
import pytest

import nasbench
from nasbench.errors import TaskError
from nasbench.problem import Trial
from nasbench.strategies import create

CIFAR10 = "nasbench201/cifar10"


def task(**policies):
    return nasbench.Task(CIFAR10, **{"evaluations": 20, **policies})


def rows_to_genotypes(bench, rows):
    return [tuple(g) for g in bench.genotypes[list(rows)].tolist()]


# -- repeats --------------------------------------------------------------------------------------


def test_mean_shows_the_mean_and_charges_one_mean_training():
    t = task(evaluations=300, repeat="mean")
    run = nasbench.search(t, "random-search", seed=0)
    row = run.trace["row"]
    for name, field in (("val_accuracy", "value"), ("train_seconds", "cost")):
        column = t.bench.column(name)[row]
        assert run.trace[field] == pytest.approx(np.nanmean(column, axis=1), rel=1e-14)
    assert run.ledger.charged == 300
    assert t.idealised
    assert "idealised" in t.name


def test_a_numbered_repeat_shows_that_run_and_its_training_time():
    t = task(evaluations=300, repeat=1)
    run = nasbench.search(t, "random-search", seed=0)
    assert (run.trace["value"] == t.bench.column("val_accuracy")[run.trace["row"], 1]).all()
    seconds = t.bench.column("train_seconds")[run.trace["row"]]
    assert (run.trace["cost"] == seconds[:, min(1, seconds.shape[1] - 1)]).all()


@pytest.mark.parametrize("repeat", ["random", "mean", 0])
def test_a_single_run_table_shows_its_only_value(repeat):
    t = nasbench.Task("nas-bench-graph/cora", evaluations=50, repeat=repeat)
    run = nasbench.search(t, "random-search", seed=0)
    assert (run.trace["value"] == t.bench.column("val_accuracy")[run.trace["row"], 0]).all()
    assert not t.idealised


def test_several_objectives_come_in_their_own_units_and_directions():
    t = task(objective=["val_accuracy", "params", "train_seconds"], evaluations=200)
    run = nasbench.search(t, "random-search", seed=6)
    row = run.trace["row"]
    shown = t.repeat_shown(6, row)
    assert run.trace["value"].shape == (200, 3)
    for position, name in enumerate(("val_accuracy", "params", "train_seconds")):
        column = t.bench.column(name)
        expected = column[row, shown if column.shape[1] > 1 else 0]
        assert (run.trace["value"][:, position] == expected).all()


# -- charging -------------------------------------------------------------------------------------


@pytest.fixture
def classy(make_table, make_column, make_protocol):
    """64 architectures of 16 functional classes (rows 4k to 4k + 3), with seconds."""
    rng = np.random.default_rng(1)
    return make_table(
        make_protocol(
            final={"val_accuracy": make_column(rng.normal(size=(64, 1)))},
            cost={"train_seconds": make_column(rng.uniform(1, 9, size=64), split="cost")},
        ),
        canonical=np.arange(64) // 4 * 4,
    )


def replay(name, scripted, rows, charge, **policies):
    t = nasbench.Task(name, **{"evaluations": 1000, "charge": charge, **policies})
    return nasbench.search(t, scripted(rows_to_genotypes(t.bench, rows)), seed=0)


ROWS = [5, 6, 5, 9, 4, 6, 5, 33, 9]


def test_charge_all_pays_for_every_trial(classy, scripted):
    run = replay(classy, scripted, ROWS, "all")
    bench = run.task.bench
    assert (run.trace["value"] == bench.column("val_accuracy")[ROWS, 0]).all()
    assert (run.trace["cost"] == bench.column("train_seconds")[ROWS, 0]).all()
    assert run.ledger.charged == len(ROWS)


def test_charge_unique_pays_once_for_a_row(classy, scripted):
    run = replay(classy, scripted, ROWS, "unique")
    bench = run.task.bench
    fresh = np.array([ROWS.index(row) == i for i, row in enumerate(ROWS)])
    assert (run.trace["value"] == bench.column("val_accuracy")[ROWS, 0]).all()
    assert (run.trace["cost"] == np.where(fresh, bench.column("train_seconds")[ROWS, 0], 0.0)).all()
    assert run.ledger.charged == fresh.sum() == 5


def test_charge_unique_class_answers_a_member_with_the_first_asked_one(classy, scripted):
    """Rows 5, 6 and 4 are one class: all show row 5, the first that was asked, for free."""
    run = replay(classy, scripted, ROWS, "unique-class")
    value, seconds = (run.task.bench.column(m)[:, 0] for m in ("val_accuracy", "train_seconds"))
    answered_by = [5, 5, 5, 9, 5, 5, 5, 33, 9]
    fresh = np.array([True, False, False, True, False, False, False, True, False])
    assert run.trace["row"].tolist() == ROWS
    assert (run.trace["value"] == value[answered_by]).all()
    assert (run.trace["cost"] == np.where(fresh, seconds[ROWS], 0.0)).all()
    assert run.ledger.charged == 3
    assert run.best == tuple(run.task.bench.genotypes[ROWS[int(np.argmax(run.trace["value"]))]].tolist())


def test_unique_class_gives_no_free_repeat_on_the_real_table(scripted):
    """Two cells of one class have different training runs; asking both shows only the first's."""
    t = task(charge="unique-class", evaluations=50)
    classes = t.bench.classes
    sizes = np.bincount(classes, minlength=len(classes))
    members = np.flatnonzero(classes == np.argmax(sizes))[:30]
    run = nasbench.search(t, scripted(rows_to_genotypes(t.bench, members)), seed=0)
    assert len(np.unique(t.bench.column("val_accuracy")[members])) > 30
    assert len(set(run.trace["value"].tolist())) == 1
    assert (run.ledger.raw, run.ledger.charged, run.ledger.unique, run.ledger.unique_classes) == (30, 1, 30, 1)


@pytest.mark.parametrize("charge", ["unique", "unique-class"])
def test_a_budget_of_distinct_ones_is_used_up_exactly(charge):
    t = nasbench.Task("nasbench201/imagenet16-120", evaluations=60, charge=charge)
    run = nasbench.search(t, create("regularized-evolution", population=10, sample=5), seed=0)
    distinct = run.ledger.unique if charge == "unique" else run.ledger.unique_classes
    assert run.stop == "budget"
    assert run.ledger.charged == distinct == 60
    assert run.ledger.raw > 60


def test_raw_asks_are_capped_at_ten_times_the_budget(classy, scripted):
    run = replay(classy, scripted, [3, 7], "unique", evaluations=8)
    assert (run.stop, run.ledger.raw) == ("exhausted", 2)
    t = nasbench.Task(classy, evaluations=8, charge="unique")
    run = nasbench.search(t, scripted(rows_to_genotypes(t.bench, [3, 7]), forever=True))
    assert (run.stop, run.ledger.raw, run.ledger.charged) == ("stalled", 80, 2)


@pytest.mark.parametrize("workers", [1, 3])
def test_the_cap_also_holds_where_a_new_one_comes_late(classy, scripted, workers):
    """79 repeats, then new ones: the 80th raw ask is the last, though the budget is not used up."""
    t = nasbench.Task(classy, evaluations=8, charge="unique", workers=workers)
    rows = [3] * 79 + [10, 11, 12, 13, 14, 15, 16, 17]
    run = nasbench.search(t, scripted(rows_to_genotypes(t.bench, rows)))
    assert (run.stop, run.ledger.raw, run.ledger.charged) == ("stalled", 80, 2)


def test_a_repeat_is_not_known_before_the_first_of_it_has_ended(classy, scripted):
    """Two workers, the same architecture twice: the free answer waits for the training."""
    t = nasbench.Task(classy, evaluations=8, charge="unique", workers=2)
    run = nasbench.search(t, scripted(rows_to_genotypes(t.bench, [3, 3, 3])))
    seconds = t.bench.column("train_seconds")[3, 0]
    assert run.trace["finish"].tolist() == [seconds] * 3
    assert run.trace["start"].tolist() == [0.0, 0.0, seconds]
    assert run.trace["cost"].tolist() == [seconds, 0.0, 0.0]


@pytest.mark.parametrize("budget", [{"seconds": 1e9}, {"epochs": 10**9}])
def test_a_strategy_that_only_repeats_itself_stalls_under_any_budget(classy, scripted, budget):
    name = classy if "seconds" in budget else CIFAR10
    t = nasbench.Task(name, charge="unique", **budget)
    run = nasbench.search(t, scripted(rows_to_genotypes(t.bench, [3]), forever=True))
    assert run.stop == "stalled"
    assert run.ledger.charged == 1
    assert run.ledger.raw == 1 + 10 * 101


# -- the ledger -----------------------------------------------------------------------------------


@pytest.mark.parametrize("charge", ["all", "unique", "unique-class"])
@pytest.mark.parametrize("name", ["random-search", "regularized-evolution", "local-search", "reinforce"])
def test_the_ledger_is_a_count_of_the_trace(name, charge):
    run = nasbench.search(task(evaluations=120, charge=charge), name, seed=3)
    ledger, rows = run.ledger, run.trace["row"]
    assert ledger.raw == len(rows) == ledger.unique + ledger.repeated
    assert ledger.unique == len(set(rows.tolist()))
    assert ledger.unique_classes == len(set(run.task.bench.classes[rows].tolist()))
    assert ledger.unique_classes <= ledger.unique
    assert ledger.charged == {
        "all": ledger.raw, "unique": ledger.unique, "unique-class": ledger.unique_classes
    }[charge]  # fmt: skip
    assert ledger.failed == 0
    assert ledger.seconds == run.trace["finish"].max()
    assert ledger.seconds == pytest.approx(run.trace["cost"].sum())
    assert ledger.epochs == ledger.charged * run.task.recipe_epochs


def test_the_classes_of_the_ledger_are_those_of_the_exact_canonical_form():
    run = nasbench.search(task(evaluations=500), "random-search", seed=0)
    canonical = run.task.space.canonical(run.trace["genotype"])
    assert run.ledger.unique_classes == len({tuple(g) for g in canonical.tolist()})


# -- failed trials --------------------------------------------------------------------------------


@pytest.fixture
def holed(make_table, make_column, make_protocol):
    """A table in which every third architecture has no value, and every fifth no training time."""
    value = np.arange(64.0)[:, None].copy()
    value[::3] = np.nan
    seconds = np.full(64, 2.0)
    seconds[::5] = np.nan
    return make_table(
        make_protocol(
            final={"val_accuracy": make_column(value)}, cost={"train_seconds": make_column(seconds, split="cost")}
        )
    )


def test_a_trial_without_a_value_is_failed_told_charged_and_counted(holed, scripted):
    t = nasbench.Task(holed, evaluations=6)
    rows = [3, 1, 4, 4, 6, 7, 8]
    run = nasbench.search(t, scripted(rows_to_genotypes(t.bench, rows)))
    told = [(observation.status, observation.value) for _, observation in scripted.log]
    assert [status for status, _ in told] == ["failed", "ok", "ok", "ok", "failed", "ok"]
    assert all((status == "failed") == np.isnan(value) for status, value in told)
    assert (run.ledger.failed, run.ledger.charged, run.stop) == (2, 6, "budget")
    assert run.trace["cost"].tolist() == [2.0] * 6
    assert run.best == tuple(t.bench.genotypes[7].tolist())


def test_one_missing_objective_of_several_fails_the_trial(make_table, make_column, make_protocol, scripted):
    value, loss = np.ones((64, 1)), np.ones((64, 1))
    loss[9] = np.nan
    name = make_table(
        make_protocol(final={"val_accuracy": make_column(value), "val_loss": make_column(loss, "minimize")})
    )
    t = nasbench.Task(name, ["val_accuracy", "val_loss"], evaluations=2)
    run = nasbench.search(t, scripted(rows_to_genotypes(t.bench, [9, 10])))
    assert [observation.status for _, observation in scripted.log] == ["failed", "ok"]
    assert run.ledger.failed == 1
    assert run.front == rows_to_genotypes(t.bench, [10])


def test_a_run_of_failures_only_has_no_best(holed, scripted):
    t = nasbench.Task(holed, evaluations=2)
    run = nasbench.search(t, scripted(rows_to_genotypes(t.bench, [3, 6])))
    assert run.ledger.failed == 2
    assert run.front == []
    with pytest.raises(ValueError, match="no best"):
        _ = run.best


def test_an_unknown_training_time_moves_the_clock_by_nothing(holed, scripted):
    t = nasbench.Task(holed, evaluations=4)
    run = nasbench.search(t, scripted(rows_to_genotypes(t.bench, [1, 5, 2, 4])))
    assert run.trace["cost"].tolist() == [2.0, 0.0, 2.0, 2.0]
    assert run.ledger.seconds == 6.0
    with pytest.raises(TaskError, match="13 of 64 architectures"):
        nasbench.Task(holed, seconds=5.0)


@pytest.mark.parametrize("name", ["random-search", "regularized-evolution", "local-search", "reinforce", "gp"])
def test_every_strategy_survives_failed_trials(holed, name):
    run = nasbench.search(nasbench.Task(holed, evaluations=60), name, seed=0)
    assert run.ledger.failed > 0
    assert run.task.bench.column("val_accuracy")[run.task.bench.row(run.best), 0] == np.nanmax(run.trace["value"])


# -- partial tables -------------------------------------------------------------------------------


def test_a_partial_table_is_searched_within_its_rows(make_table, make_column, make_protocol):
    rng = np.random.default_rng(0)
    rows = rng.permutation(64)[:23]
    genotypes = np.stack([rows // 16, rows // 4 % 4, rows % 4], axis=1)
    name = make_table(make_protocol(final={"val_accuracy": make_column(rng.normal(size=(23, 2)))}), rows=genotypes)
    t = nasbench.Task(name, evaluations=100)
    run = nasbench.search(t, "random-search", seed=0)
    assert (run.stop, run.ledger.raw) == ("exhausted", 23)
    assert sorted(run.trace["row"].tolist()) == list(range(23))
    assert (run.trace["genotype"] == genotypes[run.trace["row"]]).all()
    shown = t.repeat_shown(0, run.trace["row"])
    assert (run.trace["value"] == t.bench.column("val_accuracy")[run.trace["row"], shown]).all()


def test_a_trial_is_a_plain_tuple():
    """Millions are made; a trial must stay cheap."""
    assert isinstance(Trial(0, (1, 2)), tuple)


def test_a_replaced_table_is_read_anew(make_table, make_column, make_protocol):
    """What a task remembers of its table is forgotten when another table takes the name."""
    old, new = np.arange(64.0).reshape(64, 1), np.arange(200.0, 328.0).reshape(64, 2)
    name = make_table(make_protocol(final={"val_accuracy": make_column(old)}))
    task = nasbench.Task(name, evaluations=64)
    first = nasbench.search(task, "random-search", seed=0)
    assert make_table(make_protocol(final={"val_accuracy": make_column(new)})) == name
    second = nasbench.search(task, "random-search", seed=0)
    assert (first.trace["value"] == old[first.trace["row"], 0]).all()
    shown = task.repeat_shown(0, second.trace["row"])
    assert set(shown.tolist()) == {0, 1}
    assert (second.trace["value"] == new[second.trace["row"], shown]).all()
    assert first.key != second.key
