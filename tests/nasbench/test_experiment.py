"""Many runs: the plan, its labels, resuming, and the same traces whatever the way there."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import pytest

import nasbench
from nasbench import experiment
from nasbench.errors import TaskError
from nasbench.experiment import entries, execute, plan, relabelled
from nasbench.records import Records
from nasbench.strategies import create
from nasbench.strategies.base import Strategy

CIFAR10, CIFAR100 = "nasbench201/cifar10", "nasbench201/cifar100"
NAMES = ("random-search", "regularized-evolution", "local-search", "reinforce")


def tasks(*names, evaluations=15):
    return [nasbench.Task(name, evaluations=evaluations) for name in names or (CIFAR10,)]


def planned(seeds=2, names=NAMES, tasks_=None, salts=None):
    return plan(tasks_ or tasks(CIFAR10, CIFAR100), entries([create(n) for n in names], salts), range(seeds))


# -- the plan -------------------------------------------------------------------------------------


def test_the_plan_holds_every_combination_seed_by_seed():
    made = planned(3)
    assert len(made) == 3 * 2 * 4 == len({p.key for p in made})
    assert [p.seed for p in made] == [seed for seed in range(3) for _ in range(8)]


@pytest.mark.parametrize("seeds", [[], [0, 0], [0, -1], [0, 1.5], ["0"], [True]])
def test_seeds_that_are_none_or_twice_are_task_errors(seeds):
    with pytest.raises(TaskError, match="seed"):
        plan(tasks(), entries([create("random-search")]), seeds)


def test_numpy_seeds_are_seeds():
    strategies = entries([create("random-search")])
    assert [p.key for p in plan(tasks(), strategies, np.arange(2))] == [
        p.key for p in plan(tasks(), strategies, [0, 1])
    ]


@pytest.mark.parametrize(
    ("tasks_", "names"),
    [([], NAMES), (None, []), (tasks() + tasks(), NAMES), (tasks() + tasks("nasbench201/cifar10"), NAMES)],
)
def test_nothing_to_run_or_a_task_twice_is_a_task_error(tasks_, names):
    with pytest.raises(TaskError, match=r"needs at least|entered twice"):
        plan(tasks() if tasks_ is None else tasks_, entries([create(n) for n in names]), [0])


def test_identical_strategies_need_different_salts():
    twins = [create("random-search"), create("random-search")]
    for salts in (None, ["a", "a"]):
        with pytest.raises(TaskError, match="entered twice"):
            plan(tasks(), entries(twins, salts), [0])
    made = plan(tasks(), entries(twins, ["a", "b"]), [0])
    assert [p.entry.label for p in made] == ["random-search #a", "random-search #b"]
    runs = [p.execute() for p in made]
    assert runs[0].trace_hash == runs[1].trace_hash  # random search draws from the design only
    evolved = [p.execute() for p in planned(1, ["regularized-evolution"] * 2, tasks(evaluations=80), ["a", "b"])]
    assert evolved[0].trace_hash != evolved[1].trace_hash
    assert (evolved[0].trace["row"][:50] == evolved[1].trace["row"][:50]).all()


# -- labels ---------------------------------------------------------------------------------------


@dataclass
class Needy(Strategy):
    """A strategy whose parameter has no default."""

    depth: int

    def ask(self, n=1):
        return []

    def tell(self, trial, observation):
        """Never called."""


def labels(*strategies, salts=None):
    return [entry.label for _, entry in entries(strategies, salts)]


def test_labels_say_what_differs_and_no_more():
    evolution = "regularized-evolution"
    assert labels(create(evolution, population=20)) == [evolution]
    assert labels(create(evolution), create(evolution, population=20), create(evolution, population=20, sample=5)) == [
        evolution,
        f"{evolution}(population=20)",
        f"{evolution}(population=20, sample=5)",
    ]
    assert labels(Needy(1), Needy(2)) == ["Needy(depth=1)", "Needy(depth=2)"]


def test_classes_of_one_name_in_two_modules_are_told_apart():
    other = type("Needy", (Needy,), {"__module__": "elsewhere", "__qualname__": "Needy"})
    assert len(set(labels(Needy(1), other(1)))) == 2


def test_the_label_is_that_of_the_comparison_not_of_the_first_one_that_ran_it(tmp_path):
    small, plain = create("regularized-evolution", population=20), create("regularized-evolution")
    with Records(tmp_path / "runs.sqlite") as records:
        alone = execute(plan(tasks(), entries([small]), [0]), records)
        both = execute(plan(tasks(), entries([plain, small]), [0]), records)
        kept = records.runs()
    assert [r.entry.label for r in alone] == ["regularized-evolution"]
    assert [r.entry.label for r in both] == ["regularized-evolution", "regularized-evolution(population=20)"]
    assert {r.entry.label for r in kept} == {"regularized-evolution"}
    assert {r.entry.label for r in relabelled(kept)} == {
        "regularized-evolution (population=20)",
        "regularized-evolution (population=50)",
    }


def test_relabelling_joins_what_is_one_strategy_and_parts_versions():
    run = nasbench.search(tasks()[0], "random-search")
    runs = [
        type(run)(**{**vars(run), "entry": run.entry._replace(label=label, version=version), "seed": seed})
        for seed, (label, version) in enumerate([("a", 1), ("b", 1), ("a", 2)])
    ]
    assert [r.entry.label for r in relabelled(runs)] == ["a (version=1)", "a (version=1)", "a (version=2)"]


# -- executing ------------------------------------------------------------------------------------


def hashes(runs):
    return [(run.key, run.trace_hash) for run in runs]


def test_jobs_and_interruptions_do_not_change_a_byte(tmp_path):
    made = planned(3)
    with Records(tmp_path / "one.sqlite") as records:
        one = execute(made, records, jobs=1)
    with Records(tmp_path / "two.sqlite") as records:
        two = execute(made, records, jobs=2)
    with Records(tmp_path / "halves.sqlite") as records:
        execute(made[::2], records)
        halves = execute(made, records)
    assert hashes(one) == hashes(two) == hashes(halves)
    assert [run.key for run in one] == [p.key for p in made]


def test_only_the_driver_writes(tmp_path, monkeypatch):
    """Two processes do the runs (this one is forbidden to), and every write happens here."""
    writers = []
    add = Records.add
    monkeypatch.setattr(Records, "add", lambda self, run: (writers.append(os.getpid()), add(self, run)))

    def forbidden(*args, **kwargs):
        raise AssertionError("the driver must not run")

    monkeypatch.setattr(experiment, "search", forbidden)
    made = planned(2)
    with Records(tmp_path / "runs.sqlite") as records:
        runs = execute(made, records, jobs=2)
    assert writers == [os.getpid()] * len(made)
    assert not [run for run in runs if run.failed]


def test_progress_counts_what_is_kept_and_each_run_as_it_ends(tmp_path):
    made, seen = planned(1), []
    with Records(tmp_path / "runs.sqlite") as records:
        execute(made[:3], records)
        execute(made, records, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 8) for done in range(3, 9)]


def test_a_failing_strategy_stays_visible_and_spoils_nothing(tmp_path, scripted, caplog):
    strategies = [create("random-search"), scripted([(0, 0, 0, 0, 0, 0)] * 20, fail_at=3)]
    made = plan(tasks(), entries(strategies), range(3))
    with Records(tmp_path / "runs.sqlite") as records:
        runs = execute(made, records)
        assert [run.failed for run in runs] == [False, True] * 3
        assert all("on purpose" in run.error for run in runs if run.failed)
        assert len(records.finished()) == 3
    assert "Scripted failed on nasbench201/cifar10, seed 0" in caplog.text


def test_a_failed_run_is_tried_again_and_a_finished_one_is_not(tmp_path, scripted, monkeypatch):
    made = plan(tasks(), entries([create("random-search"), scripted([(0,) * 6] * 20, fail_at=3)]), range(2))
    done = []
    search = experiment.search
    monkeypatch.setattr(
        experiment, "search", lambda t, s, seed, **k: (done.append(type(s).__name__), search(t, s, seed, **k))[1]
    )
    with Records(tmp_path / "runs.sqlite") as records:
        execute(made, records)
        execute(made, records)
    assert done == ["RandomSearch", "Scripted"] * 2 + ["Scripted"] * 2


def test_a_strategy_that_fails_before_its_first_trial_fails_its_run_only(tmp_path):
    two = [nasbench.Task(CIFAR10, ["val_accuracy", "params"], evaluations=5)]
    made = plan(two, entries([create("random-search"), create("regularized-evolution")]), [0])
    with Records(tmp_path / "runs.sqlite") as records:
        runs = execute(made, records)
    assert [(run.failed, len(run.trace)) for run in runs] == [(False, 5), (True, 0)]
