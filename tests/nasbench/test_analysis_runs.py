"""Scoring of runs that are made by hand on a table of six architectures."""

from types import SimpleNamespace

import numpy as np
import pytest

from nasbench.analysis.curves import curves
from nasbench.analysis.families import generalise
from nasbench.analysis.groups import group
from nasbench.analysis.path import charged
from nasbench.analysis.random_reference import RANDOM_SEARCH_EXACT
from nasbench.analysis.regret import path_of
from nasbench.analysis.summary import finals, summary
from nasbench.analysis.targets import ecdf, expected_running_time
from nasbench.analysis.task_truth import truth_of
from nasbench.analysis.verdict import verdict
from nasbench.problem import Objective
from nasbench.run import Entry, Ledger, Run, trace_dtype
from nasbench.spaces.grid import GridSpace

NAN = np.nan
# Means 2, 5, 4, 7 (best), nan, 6; test prefers row 5.
COLUMN = np.array([[1, 3], [5, NAN], [2, 6], [8, 6], [NAN, NAN], [3, 9.0]])
TEST = np.array([1, 2, 3, 8, NAN, 10.0])
CLASSES = np.array([0, 1, 1, 3, 4, 5])


class Bench:
    """Six architectures, two training runs."""

    name, family, objective, noise_floor = "toy/six", "toy", "val_accuracy", 1.5
    classes = CLASSES
    tabular = True

    def __init__(self, column=COLUMN, test=True):
        self._column, self._test = column, test

    def column(self, metric, protocol=None):
        return TEST[:, None] if metric.startswith("test") else self._column

    def mean(self, metric, protocol=None):
        values = self.column(metric)
        count = (~np.isnan(values)).sum(axis=1)
        return np.divide(np.nansum(values, axis=1), count, out=np.full(len(values), NAN), where=count > 0)

    def test_metric(self, objective, protocol=None):
        return "test_accuracy" if self._test else None

    def metrics_of(self, protocol):
        return {"val_accuracy": SimpleNamespace(unit="%")}


class Task:
    """All that the analysis reads of a task."""

    def __init__(self, bench=None, direction="maximize", shown=0, **policies):
        self.bench = bench or Bench()
        self.objectives = (Objective("val_accuracy", direction),)
        self.space = GridSpace.of({"x": range(6)})
        self.evaluations, self.seconds, self.epochs = 4, None, None
        self.repeat, self.charge, self.resume, self.fidelity = "random", "all", True, None
        self.protocol = self.score_protocol = None
        self.searched_on_test = False
        self.bounds, self.constraints = (), ()
        self.name, self._shown = "toy/six", shown
        self.id = repr((direction, shown, sorted(policies.items())))
        vars(self).update(policies)
        self.noise_known = self.bench.column("val_accuracy").shape[1] > 1
        self.idealised = self.repeat == "mean" and self.noise_known
        shown_run = self.bench.column("val_accuracy")[:, self.repeat if isinstance(self.repeat, int) else 0]
        self.listed = ~np.isnan(shown_run) if isinstance(self.repeat, int) else np.ones(len(shown_run), dtype=bool)

    def repeat_shown(self, seed, rows):
        return np.full(np.shape(rows), -1 if self.repeat == "mean" else self._shown)


def make(task, rows, values, label="walk", seed=0, epochs=NAN, stop="budget", error="", seconds=None):
    trace = np.zeros(len(rows), dtype=trace_dtype(1, 1))
    trace["row"] = rows
    trace["genotype"][:, 0] = rows
    trace["value"] = values
    trace["epoch"] = epochs
    trace["finish"] = np.arange(1, len(rows) + 1) * 10.0 if seconds is None else seconds
    unique = len(set(rows))
    failed = int(np.isnan(trace["value"]).sum())
    end = float(trace["finish"].max(initial=0))
    ledger = Ledger(len(rows), unique, unique, len(rows) - unique, failed, len(rows), end, NAN)
    return Run(f"{task.id}{label}{seed}", task, Entry(label, label, "{}", 1), seed, trace, ledger, stop, error)


def test_regrets_along_a_run():
    # Shown run 0: row 4 fails, 2 shows 2, 5 shows 3 (lucky it is not), 1 shows 5.
    path = path_of(make(Task(), [4, 2, 5, 1], [NAN, 2, 3, 5]))
    assert path.step.tolist() == [-1, 1, 2, 3]
    assert np.isnan(path.table_regret[0])
    # True regret rises at the end, from 1 to 2: there is no running minimum.
    assert path.table_regret[1:].tolist() == [3, 1, 2]
    assert path.observed[1:].tolist() == [2, 3, 5]
    assert path.held_out_regret[1:3].tolist() == [7 - 6, 7 - 9]
    assert np.isnan(path.held_out_regret[3])  # row 1 was trained once
    assert path.test_regret[1:].tolist() == [7, 0, 8]


def test_minimised_regret_is_not_negative():
    task = Task(direction="minimize", id="min")
    path = path_of(make(task, [3, 1, 0], [8, 5, 1]))
    assert path.table_regret.tolist() == [5, 3, 0]
    assert path.held_out_regret[[0, 2]].tolist() == [6 - 2, 3 - 2]
    assert (truth_of(task).test_regrets[[3, 1, 0]] == [7, 1, 0]).all()


def test_means_hold_nothing_out():
    path = path_of(make(Task(repeat="mean"), [2, 3], [4, 7]))
    assert np.isnan(path.held_out_regret).all()
    assert path.table_regret.tolist() == [3, 0]


def test_test_floor_is_of_the_best_validation_architecture():
    assert truth_of(Task()).test_floor == 2
    assert np.isnan(truth_of(Task(bench=Bench(test=False))).test_floor)


def test_expected_draws():
    # As good or better: 5, 3, 4, 1, all (no value), 2 of N = 6.
    assert truth_of(Task()).draws == pytest.approx([7 / 6, 7 / 4, 7 / 5, 7 / 2, 7 / 7, 7 / 3])


def test_an_asked_repeat_leaves_out_what_lacks_it():
    truth = truth_of(Task(repeat=1))
    assert truth.listed.tolist() == [True, False, True, True, False, True]
    assert truth.size == 4


@pytest.mark.parametrize(
    ("charge", "expected"), [("all", [1, 2, 3, 4, 5]), ("unique", [1, 2, 2, 3, 3]), ("unique-class", [1, 1, 1, 2, 2])]
)
def test_charged_evaluations(charge, expected):
    run = make(Task(charge=charge), [1, 2, 1, 3, 3], [5, 2, 5, 8, 8])
    assert charged(run).tolist() == expected


def test_another_epoch_of_an_architecture_is_charged():
    run = make(Task(charge="unique"), [1, 1, 1], [4, 5, 5], epochs=[3, 9, 9])
    assert charged(run).tolist() == [1, 2, 2]


def test_epochs_with_and_without_resuming():
    epochs = [1, 1, 4, 4, 2]
    resumed = make(Task(fidelity="curve"), [0, 1, 0, 1, 0], [1, 1, 1, 1, 1], epochs=epochs)
    assert path_of(resumed).epochs.tolist() == [1, 2, 5, 8, 8]
    anew = make(Task(fidelity="protocols"), [0, 1, 0, 1, 0], [1, 1, 1, 1, 1], epochs=epochs)
    assert path_of(anew).epochs.tolist() == [1, 2, 6, 10, 12]


def test_a_short_run_keeps_its_last_value():
    task = Task()
    long = make(task, [0, 2, 1, 3], [1, 2, 5, 8], seed=0)
    short = make(task, [2, 5], [2, 3], seed=1)
    frame = curves([long, short])
    walk = frame[frame.strategy == "walk"]
    assert walk.x.tolist() == [1, 2, 3, 4]
    assert walk["mean"].tolist() == [(5 + 3) / 2, (3 + 1) / 2, (2 + 1) / 2, (0 + 1) / 2]
    assert ((walk.low <= walk["mean"]) & (walk["mean"] <= walk.high)).all()
    exact = frame[frame.exact]
    assert set(exact.strategy) == {RANDOM_SEARCH_EXACT}
    # One draw: the mean regret of the five rows that show a value, weighted by their runs.
    assert exact["mean"].iloc[0] == pytest.approx(np.mean([5, 2, 3, 0, 1]))


def test_curves_start_where_every_run_has_an_incumbent():
    task = Task()
    runs = [make(task, [4, 3], [NAN, 8], seed=0), make(task, [1, 2], [5, 2], seed=1)]
    frame = curves(runs)
    assert frame[~frame.exact].x.tolist() == [2, 3, 4]


def test_curves_along_seconds_and_unknown_epochs():
    task = Task()
    runs = [make(task, [1, 3], [5, 8], seed=0, seconds=[5, 60]), make(task, [1, 3], [5, 8], seed=1)]
    frame = curves(runs, axis="seconds", points=50)
    assert not frame.exact.any()
    assert frame.x.iloc[0] >= 10
    assert frame.x.iloc[-1] == 60
    for row in frame.itertuples():
        assert row.mean == (2 * (row.x < 60) + 2 * (row.x < 20)) / 2
    assert curves(runs, axis="epochs").empty


def test_finals():
    task = Task()
    runs = [make(task, [4, 5, 1], [NAN, 3, 5]), make(task, [4], [NAN], seed=1, stop="failed", error="boom")]
    first, second = finals(runs).to_dict("records")
    assert first["architecture"] == "x=1"
    assert (first["observed"], first["table_regret"], first["test_regret"]) == (5, 2, 8)
    assert first["log_draws"] == pytest.approx(np.log(7 / 4))
    assert (first["trials"], first["failed_trials"], first["reached_optimum"]) == (3, 1, False)
    assert (second["architecture"], second["stop"], second["error"]) == ("", "failed", "boom")
    assert np.isnan(second["table_regret"])


def test_summary():
    task = Task(repeat="mean")
    means = {0: 2, 1: 5, 2: 4, 3: 7, 5: 6}
    runs = [make(task, [2, row], [4, means[row]], "walk", seed) for seed, row in enumerate([3, 3, 5, 1])]
    runs += [make(task, [2, row], [4, means[row]], "random-search", seed) for seed, row in enumerate([3, 1, 1, 1])]
    frame = summary(runs)
    assert frame.strategy.tolist() == ["walk", "random-search"]
    walk, control = frame.to_dict("records")
    assert walk["regret_mean"] == (0 + 0 + 1 + 2) / 4
    assert walk["regret_median"] == 0.5
    assert walk["reaches_optimum"] == 0.5
    assert walk["within_noise_floor"] is True
    assert control["within_noise_floor"] is True
    assert walk["improvement"] == (0.5 + 1 + 1 + 0.5) / 4
    assert np.isnan(control["improvement"])
    assert walk["p_holm"] == 0.5  # two nonzero differences, both signs alike in half of the flips
    assert np.isnan(control["p_holm"])
    assert (walk["noise"], walk["unit"], walk["seeds"], walk["failed_runs"]) == ("idealised", "%", 4, 0)
    # Four of six drawn, row 4 without a value: regret 0 unless row 3 is missed, and so on.
    assert walk["random_search_regret"] == pytest.approx(0 * 10 / 15 + 1 * 4 / 15 + 2 * 1 / 15)
    logs = np.log([7 / 2, 7 / 2, 7 / 3, 7 / 4])
    reference = np.log(7 / 2) * 10 / 15 + np.log(7 / 3) * 4 / 15 + np.log(7 / 4) / 15
    assert walk["speedup"] == pytest.approx(np.exp(logs.mean() - reference))
    assert walk["test_regret_floor"] == 2


def test_reaching_the_optimum_is_not_reported_under_noise():
    row = summary([make(Task(), [3], [8])]).iloc[0]
    assert np.isnan(row.reaches_optimum)
    assert row.noise == "sampled"


def test_single_run_tables_say_so():
    task = Task(bench=Bench(COLUMN[:, :1]))
    assert summary([make(task, [3], [8])]).iloc[0].noise == "noise unknown"
    assert any("noise unknown" in line for line in verdict([make(task, [3], [8])]))


def test_running_time_to_a_target():
    task = Task()
    # The target is the two best of six: rows 3 and 5, table regret 1.
    hit = make(task, [0, 5, 1], [1, 3, 5], seed=0)  # reached at 2, lost again at 3
    miss = make(task, [0, 2, 1, 1], [1, 2, 5, 5], seed=1)
    frame = expected_running_time([hit, miss], shares=[1 / 3]).iloc[0]
    assert frame.target_regret == 1
    assert (frame.reached, frame.still_there) == (0.5, 0)
    assert frame.evaluations == 2 + 4
    assert frame.seconds == 20 + 40
    assert frame.random_search == pytest.approx(7 / 3)
    never = expected_running_time([miss], shares=[1 / 3]).iloc[0]
    assert never.evaluations == float("inf")
    steps = ecdf([hit, miss], shares=[1 / 3])
    assert steps.reached.tolist() == [0, 0.5, 0.5, 0.5]


@pytest.mark.parametrize("share", [0, 1.5])
def test_refuses_impossible_targets(share):
    with pytest.raises(ValueError, match="share of the table"):
        expected_running_time([make(Task(), [3], [8])], shares=[share])


def test_one_label_is_one_strategy():
    task = Task()
    run = make(task, [3], [8])
    assert len(group([run, run])[0].paths["walk"]) == 1
    other = Run("another key", task, run.entry, 0, run.trace, run.ledger, "budget")
    with pytest.raises(ValueError, match="different labels"):
        group([run, other])


def test_tasks_of_one_name_are_told_apart():
    runs = [make(Task(evaluations=n), [3], [8]) for n in (4, 6)]
    assert [one.label for one in group(runs)] == ["toy/six [4 evaluations]", "toy/six [6 evaluations]"]
    runs = [make(Task(id=name, resume=name == "aa"), [3], [8]) for name in ("aa", "bb")]
    assert [one.label for one in group(runs)] == ["toy/six [aa]", "toy/six [bb]"]


def test_verdict_names_failures_and_idealised_tasks():
    task = Task(repeat="mean", searched_on_test=True)
    runs = [make(task, [3, 1], [7, 5], "walk", seed) for seed in range(3)]
    runs.append(make(task, [], [], "walk", 3, stop="failed", error="Traceback\nValueError: no luck\n"))
    text = "\n".join(verdict(runs))
    assert "is idealised" in text
    assert "searched on test" in text
    assert "walk failed in 1 of 4 runs on toy/six (ValueError: no luck)" in text
    assert "too few independent task families to generalise" in text


def test_a_run_without_any_value_counts_nowhere_but_is_seen():
    task = Task()
    runs = [make(task, [3], [8], "walk", 0), make(task, [4], [NAN], "walk", 1, stop="failed", error="x")]
    row = summary(runs).iloc[0]
    assert (row.seeds, row.failed_runs, row.regret_mean) == (2, 1, 0)
    assert verdict([runs[1]])
    assert curves([runs[1]]).exact.all()


def families(count, better_in):
    """Two strategies on `count` families; `walk` finds the best architecture in the first ones."""
    runs = []
    for number in range(count):
        bench = Bench()
        bench.family = f"family {number}"
        task = Task(bench=bench, name=f"task {number}", id=f"family {number}", repeat="mean")
        for seed in range(2):
            ends = [(3, 7), (0, 2)] if number < better_in else [(0, 2), (3, 7)]
            for label, (row, value) in zip(("walk", "crawl"), ends, strict=True):
                runs.append(make(task, [row], [value], label, seed))
    return runs


def test_generalising_needs_nine_families():
    assert generalise(group(families(8, 8))) is None
    assert "too few independent task families to generalise (8 families)" in verdict(families(8, 8))[-1]
    (test,) = generalise(group(families(9, 9)))
    assert (test.better, test.worse, test.families) == ("walk", "crawl", 9)
    # Row 3 takes 7/2 expected draws and row 0 takes 7/6: three times the speed-up on every family.
    assert test.ratio == pytest.approx(3)
    assert test.p == test.p_holm == pytest.approx(2 / 2**9)
    assert "walk beats crawl (3.00 times its speed-up" in verdict(families(9, 9))[-1]


def test_mixed_families_establish_nothing():
    (test,) = generalise(group(families(10, 6)))
    assert test.p > 0.3
    assert "no difference is established" in verdict(families(10, 6))[-1]
