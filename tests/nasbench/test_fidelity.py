"""PROTOCOL section 5, fidelity: learning curves with and without resuming, protocols, scoring."""

from __future__ import annotations

import numpy as np
import pytest

import nasbench
from nasbench.errors import StrategyError, TaskError

EPOCHS = (4, 12, 36)


@pytest.fixture
def curves(make_table, make_column, make_protocol):
    """64 architectures, two training runs, validation accuracy at 4, 12 and 36 of 36 epochs."""
    rng = np.random.default_rng(0)
    curve = rng.uniform(0, 90, size=(64, 2, 3)).astype(np.float32)
    final = curve[:, :, -1].astype(np.float64)
    seconds = rng.uniform(36, 72, size=(64, 2))
    return make_table(
        make_protocol(
            epochs=36,
            final={"val_accuracy": make_column(final)},
            curve={"val_accuracy": make_column(curve, epochs=EPOCHS)},
            cost={"train_seconds": make_column(seconds, split="cost")},
        )
    )


@pytest.fixture
def recipes(make_table, make_column, make_protocol):
    """Two schedules: 200 epochs with three training runs, 12 epochs with two others."""
    rng = np.random.default_rng(1)

    def recipe(name, epochs, runs, offset):
        return make_protocol(
            name,
            epochs=epochs,
            final={"val_accuracy": make_column(offset + rng.uniform(size=(64, runs)))},
            cost={"train_seconds": make_column(np.full((64, runs), float(epochs)), split="cost")},
        )

    return make_table(recipe("200", 200, 3, 90.0), recipe("12", 12, 2, 50.0), recipe("50", 50, 1, 70.0), name="recipes")


def asked(scripted, bench, script):
    """A strategy that asks (row, epoch) pairs."""
    genotypes = [tuple(bench.genotypes[row].tolist()) for row, _ in script]
    return scripted(genotypes, epochs=[epoch for _, epoch in script])


SCRIPT = [(3, 4), (3, 12), (5, 36), (3, 36), (3, 12), (5, None), (7, 12), (7, None)]


def curve_run(name, scripted, resume, repeat="random", workers=1):
    t = nasbench.Task(name, evaluations=50, fidelity="curve", resume=resume, repeat=repeat, workers=workers)
    return nasbench.search(t, asked(scripted, t.bench, SCRIPT), seed=2)


@pytest.mark.parametrize("repeat", ["random", "mean", 1])
def test_a_trial_shows_its_epoch_of_the_run_that_the_row_shows(curves, scripted, repeat):
    run = curve_run(curves, scripted, True, repeat)
    bench, rows = run.task.bench, [row for row, _ in SCRIPT]
    at = [EPOCHS.index(epoch or 36) for _, epoch in SCRIPT]
    curve = bench.curves("val_accuracy")[rows, :, at].astype(float)
    shown = run.task.repeat_shown(2, rows)
    expected = curve.mean(axis=1) if repeat == "mean" else curve[np.arange(len(rows)), shown]
    assert run.trace["value"] == pytest.approx(expected, rel=1e-12)
    assert run.trace["epoch"].tolist() == [epoch or 36 for _, epoch in SCRIPT]


def test_resuming_pays_the_difference_only(curves, scripted):
    run = curve_run(curves, scripted, True)
    column, shown = run.task.bench.column("train_seconds"), run.task.repeat_shown(2, np.arange(64))
    newly = [4, 8, 36, 24, 0, 0, 12, 24]
    expected = [column[row, shown[row]] * new / 36 for (row, _), new in zip(SCRIPT, newly, strict=True)]
    assert run.trace["cost"] == pytest.approx(expected)
    assert run.ledger.epochs == sum(newly)
    assert run.ledger.charged == len(SCRIPT)


def test_without_resuming_each_trial_pays_in_full(curves, scripted):
    run = curve_run(curves, scripted, False)
    column, shown = run.task.bench.column("train_seconds"), run.task.repeat_shown(2, np.arange(64))
    expected = [column[row, shown[row]] * (epoch or 36) / 36 for row, epoch in SCRIPT]
    assert run.trace["cost"] == pytest.approx(expected)
    assert run.ledger.epochs == sum(epoch or 36 for _, epoch in SCRIPT)


@pytest.mark.parametrize("recorded", [True, False])
def test_recorded_times_are_charged_where_the_table_has_them(
    make_table, make_column, make_protocol, scripted, recorded
):
    """10, 25 and 80 seconds after 4, 12 and 36 epochs; without such a curve, 80 / 36 seconds an epoch."""
    flat = {"val_accuracy": make_column(np.zeros((64, 1, 3)), epochs=EPOCHS)}
    times = {"train_seconds": make_column(np.tile([10.0, 25.0, 80.0], (64, 1, 1)), split="cost", epochs=EPOCHS)}
    name = make_table(
        make_protocol(
            epochs=36,
            final={"val_accuracy": make_column(np.zeros((64, 1)))},
            cost={"train_seconds": make_column(np.full(64, 80.0), split="cost")},
            curve={**flat, **times} if recorded else flat,
        )
    )
    t = nasbench.Task(name, evaluations=9, fidelity="curve")
    run = nasbench.search(t, asked(scripted, t.bench, [(3, 4), (3, 12), (3, None), (4, 12)]))
    until = [10.0, 25.0, 80.0, 25.0] if recorded else [80 * epoch / 36 for epoch in (4, 12, 36, 12)]
    assert run.trace["cost"] == pytest.approx([until[0], until[1] - until[0], until[2] - until[1], until[3]])


def test_climbing_step_by_step_costs_what_one_training_costs(curves, scripted):
    t = nasbench.Task(curves, evaluations=50, fidelity="curve")
    steps = nasbench.search(t, asked(scripted, t.bench, [(9, 4), (9, 12), (9, 36)]), seed=0)
    whole = nasbench.search(t, asked(scripted, t.bench, [(9, None)]), seed=0)
    assert steps.trace["cost"].sum() == pytest.approx(whole.trace["cost"].sum(), rel=1e-12)
    assert steps.trace["value"][-1] == whole.trace["value"][-1]


def test_the_full_epoch_by_number_is_the_full_training(curves, scripted):
    """Under `unique` it is not charged again when it is asked for in the other way."""
    t = nasbench.Task(curves, evaluations=50, fidelity="curve", charge="unique")
    run = nasbench.search(t, asked(scripted, t.bench, [(9, 36), (9, None), (9, 4)]), seed=0)
    assert run.trace["cost"][1] == 0
    assert run.ledger.charged == 2
    assert run.trace["value"][0] == run.trace["value"][1]


def test_budgets_of_epochs_and_seconds_count_what_is_newly_trained(curves, scripted):
    bench = nasbench.load(curves)
    script = [(row, epoch) for row in range(20) for epoch in EPOCHS]
    t = nasbench.Task(bench, epochs=100, fidelity="curve")
    run = nasbench.search(t, asked(scripted, bench, script))
    assert (run.ledger.epochs, len(run.trace)) == (84.0, 8)  # 36 + 36 + 4 + 8; the next would pass 100
    t = nasbench.Task(bench, epochs=100, fidelity="curve", resume=False)
    run = nasbench.search(t, asked(scripted, bench, script))
    assert (run.ledger.epochs, len(run.trace)) == (68.0, 5)


def test_asking_for_nothing_new_stalls_instead_of_hanging(curves, scripted):
    bench = nasbench.load(curves)
    strategy = asked(scripted, bench, [(3, 4)])
    for budget in ({"seconds": 1e6}, {"epochs": 1000}):
        t = nasbench.Task(curves, fidelity="curve", **budget)
        run = nasbench.search(t, type(strategy)(strategy.genotypes, strategy.epochs, forever=True))
        assert (run.stop, run.ledger.epochs) == ("stalled", 4.0)


@pytest.mark.parametrize("epoch", [5, 0, -4, 37, "4", 4.5])
def test_an_epoch_that_is_not_offered_is_a_strategy_error(curves, scripted, epoch):
    t = nasbench.Task(curves, evaluations=5, fidelity="curve")
    with pytest.raises(StrategyError, match="the task offers 4, 12, 36"):
        nasbench.search(t, asked(scripted, t.bench, [(1, epoch)]))


def test_without_fidelity_only_the_full_training_is_offered(curves, scripted):
    t = nasbench.Task(curves, evaluations=5)
    assert t.problem(0).fidelities == ()
    with pytest.raises(StrategyError, match="only the full training"):
        nasbench.search(t, asked(scripted, t.bench, [(1, 12)]))


# -- incumbents -----------------------------------------------------------------------------------


def test_values_are_never_compared_across_fidelities(curves, scripted):
    """The best early value belongs to an architecture that a later, higher epoch displaces."""
    t = nasbench.Task(curves, evaluations=50, fidelity="curve", repeat=0)
    curve = t.bench.curves("val_accuracy")[:, 0]
    high = int(np.argmax(curve[:, 0]))
    low, second = np.argsort(curve[:, 2])[:2].tolist()
    run = nasbench.search(t, asked(scripted, t.bench, [(high, 4), (low, 36), (second, 36), (high, 12)]))
    assert run.trace["value"][0] > run.trace["value"][1:3].max()
    assert run.best == tuple(t.bench.genotypes[second].tolist())


def test_the_front_never_compares_across_fidelities_either(make_table, make_column, make_protocol, scripted):
    accuracy = np.zeros((64, 1, 2), dtype=np.float32)
    accuracy[5, 0] = (99, 10)
    accuracy[6, 0] = (20, 30)
    loss = np.ones((64, 1, 2), dtype=np.float32)
    name = make_table(
        make_protocol(
            epochs=2,
            final={"val_accuracy": make_column(accuracy[..., 1]), "val_loss": make_column(loss[..., 1], "minimize")},
            curve={
                "val_accuracy": make_column(accuracy, epochs=(1, 2)),
                "val_loss": make_column(loss, "minimize", epochs=(1, 2)),
            },
        )
    )
    t = nasbench.Task(name, ["val_accuracy", "val_loss"], evaluations=9, fidelity="curve")
    run = nasbench.search(t, asked(scripted, t.bench, [(5, 1), (6, 2), (5, 2)]))
    assert run.front == [tuple(t.bench.genotypes[6].tolist())]
    early = nasbench.search(t, asked(scripted, t.bench, [(5, 1), (6, 1)]))
    assert early.front == [tuple(t.bench.genotypes[5].tolist())]


# -- protocols ------------------------------------------------------------------------------------


def test_each_protocol_is_paid_in_full_and_shows_its_own_training_runs(recipes, scripted):
    t = nasbench.Task(recipes, evaluations=300, fidelity="protocols")
    script = [(row, epoch) for row in range(64) for epoch in (12, 50, 200, None)]
    run = nasbench.search(t, asked(scripted, t.bench, script), seed=0)
    assert t.fidelities == (12, 50, 200)
    assert run.trace["epoch"].tolist() == [epoch or 200 for _, epoch in script]
    assert run.trace["cost"].tolist() == [float(epoch or 200) for _, epoch in script]
    assert run.ledger.epochs == sum(epoch or 200 for _, epoch in script)
    seen = {12: set(), 50: set(), 200: set()}
    for (row, epoch), value in zip(script, run.trace["value"].tolist(), strict=True):
        own = t.bench.column("val_accuracy", str(epoch or 200))[row].tolist()
        seen[epoch or 200].add(own.index(value))
    assert seen == {12: {0, 1}, 50: {0}, 200: {0, 1, 2}}


def test_without_times_of_a_shorter_protocol_the_clock_counts_epochs(make_table, make_column, make_protocol, scripted):
    rng = np.random.default_rng(1)
    values = {"val_accuracy": make_column(rng.uniform(size=(64, 1)))}
    times = {"train_seconds": make_column(np.full((64, 1), 900.0), split="cost")}
    long = make_protocol(name="200", epochs=200, final=values, cost=times)
    name = make_table(long, make_protocol(name="12", epochs=12, final=values), name="untimed")
    task = nasbench.Task(name, epochs=500, fidelity="protocols")
    assert (task.fidelities, task.has_times) == ((12, 200), False)
    run = nasbench.search(task, asked(scripted, task.bench, [(3, 12), (4, 12), (3, None), (5, 12), (5, None)]), seed=0)
    assert run.trace["cost"].tolist() == [12.0, 12.0, 200.0, 12.0, 200.0]
    assert (run.ledger.epochs, run.ledger.seconds) == (436.0, 436.0)
    with pytest.raises(TaskError, match="no protocol shorter"):
        nasbench.Task(name, seconds=5000.0, fidelity="protocols")
    assert nasbench.Task(name, seconds=5000.0).has_times


def test_the_ladder_ends_at_the_protocol_of_the_task(recipes, scripted):
    t = nasbench.Task(recipes, evaluations=9, fidelity="protocols", protocol="50")
    assert t.fidelities == (12, 50)
    run = nasbench.search(t, asked(scripted, t.bench, [(1, None), (1, 12)]))
    assert run.trace["epoch"].tolist() == [50.0, 12.0]
    with pytest.raises(StrategyError, match="asked for epoch 200"):
        nasbench.search(t, asked(scripted, t.bench, [(1, 200)]))
    with pytest.raises(TaskError, match="no protocol shorter than 12"):
        nasbench.Task(recipes, evaluations=9, fidelity="protocols", protocol="12")


def test_search_on_twelve_epochs_report_on_two_hundred(recipes):
    t = nasbench.Task(recipes, evaluations=20, protocol="12", score_protocol="200")
    run = nasbench.search(t, "random-search", seed=0)
    assert t.recipe_epochs == 12
    assert run.trace["epoch"].tolist() == [12.0] * 20
    assert run.trace["cost"].tolist() == [12.0] * 20
    assert (run.trace["value"] < 60).all()
    assert (t.truth() == t.bench.mean("val_accuracy", "200")).all()
    assert t.name == f"{recipes} (protocol 12, scored on 200)"
    assert (nasbench.Task(recipes, evaluations=20).truth() == t.truth()).all()


def test_random_search_asks_for_the_full_training_under_every_fidelity(curves, recipes):
    for name, fidelity, full in ((curves, "curve", 36.0), (recipes, "protocols", 200.0)):
        run = nasbench.search(nasbench.Task(name, evaluations=10, fidelity=fidelity), "random-search")
        assert set(run.trace["epoch"].tolist()) == {full}


def test_a_table_that_does_not_say_its_epochs_offers_no_fidelity(make_table, make_column, make_protocol):
    curve = np.zeros((64, 1, 2))
    name = make_table(
        make_protocol(
            final={"val_accuracy": make_column(curve[..., -1])},
            curve={"val_accuracy": make_column(curve, epochs=(1, 2))},
        )
    )
    with pytest.raises(TaskError, match="does not say its epochs"):
        nasbench.Task(name, evaluations=5, fidelity="curve")


def test_two_workers_on_curves_pay_the_same_in_all(curves, scripted):
    one, two = (curve_run(curves, scripted, True, repeat="mean", workers=w) for w in (1, 2))
    assert one.trace["cost"].sum() == pytest.approx(two.trace["cost"].sum())
    assert two.ledger.seconds < one.ledger.seconds


def test_a_training_is_resumed_after_it_has_paused(curves, scripted):
    """Two workers, 4 and 12 epochs of one architecture asked together: the second cannot run ahead."""
    t = nasbench.Task(curves, evaluations=50, fidelity="curve", repeat="mean", workers=2)
    run = nasbench.search(t, asked(scripted, t.bench, [(3, 4), (3, 12)]))
    first, second = run.trace["cost"].tolist()
    assert run.trace["start"].tolist() == [0.0, 0.0]
    assert run.trace["finish"].tolist() == [first, first + second]
    again = nasbench.search(t.replace(resume=False), asked(scripted, t.bench, [(3, 4), (3, 12)]))
    assert again.trace["finish"].tolist() == again.trace["cost"].tolist()
