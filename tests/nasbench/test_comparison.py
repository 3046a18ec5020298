"""`compare`: it resumes, survives being stopped at any moment, and shows exactly its own runs."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

import nasbench
from nasbench import experiment
from nasbench.comparison import DEFAULT_STRATEGIES, RUNS_FILE, compare, from_records
from nasbench.errors import MissingExtraError, RecordsError, TaskError, UnknownNameError
from nasbench.strategies import REGISTRY, create

CIFAR10, CIFAR100 = "nasbench201/cifar10", "nasbench201/cifar100"
LIGHT = ("random-search", "regularized-evolution", "local-search")


def task(name=CIFAR10, evaluations=12, **policies):
    return nasbench.Task(name, evaluations=evaluations, **policies)


def rows(folder):
    db = sqlite3.connect(folder / RUNS_FILE)
    found = db.execute("SELECT rowid, key, stop, trace_hash FROM runs ORDER BY rowid").fetchall()
    db.close()
    return found


@pytest.fixture
def executed(monkeypatch):
    """Keys of the runs that were really done, in order."""
    keys = []
    execute = experiment.Planned.execute
    monkeypatch.setattr(experiment.Planned, "execute", lambda self: (keys.append(self.key), execute(self))[1])
    return keys


# -- resuming -------------------------------------------------------------------------------------


def test_a_second_call_runs_nothing_and_says_the_same(tmp_path, executed):
    first = compare([task()], LIGHT, 3, out=tmp_path)
    assert len(executed) == len(first.runs) == 9
    second = compare([task()], LIGHT, 3, out=tmp_path)
    assert len(executed) == 9
    assert [(r.key, r.trace_hash) for r in first.runs] == [(r.key, r.trace_hash) for r in second.runs]


def test_a_larger_call_does_only_what_is_missing_and_a_smaller_one_shows_only_its_own(tmp_path, executed):
    compare([task()], LIGHT[:2], 2, out=tmp_path)
    larger = compare([task(), task(CIFAR100)], LIGHT, 3, out=tmp_path)
    assert len(executed) == len(larger.runs) == 18
    assert len(set(executed)) == 18
    smaller = compare([task(CIFAR100)], LIGHT[:1], [2], out=tmp_path)
    assert [(r.task.benchmark, r.entry.label, r.seed) for r in smaller.runs] == [(CIFAR100, "random-search", 2)]
    assert len(executed) == 18
    assert len(from_records(tmp_path).runs) == 18


SLOW = ("brp-nas", "dngo", "optuna-gp")


def registered(objectives):
    """Names of the registered strategies for so many objectives whose optional parts are installed.

    Those that need fidelities or proxies are compared with themselves by `check_strategy`: no table that is
    always installed has any. So is what takes seconds a step.
    """
    found = []
    for name in REGISTRY.names():
        try:
            cls = REGISTRY.get(name)
        except ImportError:
            continue
        fits = cls.min_objectives == objectives and not cls.needs_fidelities and "proxies" not in cls.uses
        if fits and name not in SLOW:
            found.append(name)
    return found


@pytest.mark.parametrize("objective", ["val_accuracy", ("val_accuracy", "params")])
def test_all_strategies_give_the_same_traces_whatever_the_jobs(tmp_path, objective):
    """Every registered strategy, in one process, in two, and resumed."""
    several = not isinstance(objective, str)
    names, asked = registered(2 if several else 1), task(evaluations=15, objective=objective)
    assert several or set(DEFAULT_STRATEGIES) <= set(names)
    one = compare([asked], names, 2, out=tmp_path / "one")
    assert not one.failed
    two = compare([asked], names, 2, out=tmp_path / "two", jobs=2)
    compare([asked], names, [1], out=tmp_path / "half")
    half = compare([asked], names, 2, out=tmp_path / "half", jobs=2)
    hashes = [[run.trace_hash for run in result.runs] for result in (one, two, half)]
    assert hashes[0] == hashes[1] == hashes[2]


DRIVER = """
import sys
from nasbench.report import terminal
terminal.Progress.runs = lambda self, done, total: print(done, flush=True)
from nasbench.cli import main
main()
"""


def command(folder, seeds=80, jobs=2):
    words = ["compare", "--tasks", CIFAR10, "--strategies", ",".join(LIGHT), "--seeds", str(seeds)]
    words += ["--evaluations", "60", "--jobs", str(jobs), "--no-report", "--out", str(folder)]
    return [sys.executable, "-c", DRIVER, *words]


def heed_interrupts():
    """A job that was started in the background ignores Ctrl-C, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupted(folder, number, after=12):
    """Start `nasbench compare` in a process group, end the group by a signal after some runs."""
    process = subprocess.Popen(
        command(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=heed_interrupts,
    )  # fmt: skip
    for line in process.stdout:
        if int(line) >= after:
            break
    os.killpg(process.pid, number)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_comparison_continues_without_losing_or_repeating_a_run(tmp_path, number):
    code, errors = interrupted(tmp_path, number)
    kept = rows(tmp_path)
    assert 12 <= len(kept) < 240
    if number == signal.SIGINT:
        assert code == 130
        assert "finished runs are kept" in errors
    else:
        assert code == -signal.SIGKILL
    again = subprocess.run(command(tmp_path, jobs=1), capture_output=True, text=True, check=True).stdout.split("\n")
    after = rows(tmp_path)
    assert after[: len(kept)] == kept
    assert len(after) == len({key for _, key, _, _ in after}) == 240
    assert int(again[0]) == len(kept)
    sample = {key: digest for _, key, _, digest in after}
    run = nasbench.search(task(evaluations=60), "local-search", seed=7)
    assert sample[run.key] == run.trace_hash


TWO = """
import sys, nasbench
task = nasbench.Task("nasbench201/cifar10", evaluations=12)
result = nasbench.compare([task], ["random-search", "local-search"], 40, out=sys.argv[1])
print(len(result.runs), len({run.key for run in result.runs}))
"""


def test_two_processes_may_share_a_folder(tmp_path):
    processes = [
        subprocess.Popen([sys.executable, "-c", TWO, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.communicate(timeout=60)[0].split() for process in processes] == [["80", "80"]] * 2
    assert len(rows(tmp_path)) == 80


# -- failing --------------------------------------------------------------------------------------


def test_a_failing_strategy_is_shown_beside_the_others_and_retried(tmp_path, scripted, executed):
    fails = scripted([(0, 0, 0, 0, 0, 0)] * 20, fail_at=5)
    result = compare([task()], ["random-search", fails], 2, out=tmp_path)
    assert [(run.entry.label, run.seed) for run in result.failed] == [("Scripted", 0), ("Scripted", 1)]
    assert len(result.runs) == 4
    finals = result.to_frame()
    assert set(finals["strategy"]) == {"random-search", "Scripted"}
    assert len(result.summary()) == 2
    compare([task()], ["random-search", fails], 2, out=tmp_path)
    assert len(executed) == 4 + 2


def test_a_strategy_that_never_starts_does_not_break_the_summary(tmp_path):
    two = task(objective=["val_accuracy", "params"])
    result = compare([two], ["random-search", "regularized-evolution"], 3, out=tmp_path)
    assert len(result.failed) == 3
    assert set(result.summary()["strategy"]) == {"random-search", "regularized-evolution"}
    assert result.verdict()


@pytest.mark.parametrize(
    ("how", "error", "says"),
    [
        ({"backend": "slurm"}, TaskError, "loky, dask, ray"),
        ({"backend": "ray"}, MissingExtraError, "nasbench-arena\\[ray\\]"),
        ({"jobs": 0}, TaskError, "jobs"),
        ({"jobs": -1}, TaskError, "jobs"),
        ({"jobs": 1.0}, TaskError, "jobs"),
    ],
)
def test_processes_that_cannot_be_had(tmp_path, monkeypatch, how, error, says):
    monkeypatch.setattr(experiment, "find_spec", lambda name: None)
    with pytest.raises(error, match=says):
        compare([task()], ["random-search"], 1, out=tmp_path, **how)
    assert list(tmp_path.iterdir()) == []


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [0, -1, True, 1.5, "3", [], [0, 0], [-1]])
def test_bad_seeds_are_task_errors_and_make_no_run(tmp_path, seeds):
    with pytest.raises(TaskError, match="seed"):
        compare([task()], ["random-search"], seeds, out=tmp_path)
    assert not (tmp_path / RUNS_FILE).exists()


def test_bad_entries_make_no_run(tmp_path):
    for tasks, strategies, error in (
        ([task(), task()], ["random-search"], TaskError),
        ([task()], ["random-search", "random-search"], TaskError),
        ([], ["random-search"], TaskError),
        ([task()], [], TaskError),
        (["nasbench201/cifar11"], ["random-search"], UnknownNameError),
        ([task()], ["random"], UnknownNameError),
    ):
        with pytest.raises(error):
            compare(tasks, strategies, 1, out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_salts_enter_one_strategy_twice(tmp_path):
    twins = [create("regularized-evolution", population=5, sample=3)] * 2
    result = compare([task(evaluations=30)], twins, 1, salts=["a", "b"], out=tmp_path)
    assert [run.entry.label for run in result.runs] == ["regularized-evolution #a", "regularized-evolution #b"]
    assert result.runs[0].trace_hash != result.runs[1].trace_hash


def test_a_folder_of_another_programs_runs_is_refused(tmp_path):
    (tmp_path / RUNS_FILE).write_text("not a database")
    with pytest.raises(RecordsError, match="cannot open"):
        compare([task()], ["random-search"], 1, out=tmp_path)
    with pytest.raises(RecordsError, match="cannot open"):
        from_records(tmp_path)
    assert (tmp_path / RUNS_FILE).read_text() == "not a database"


def test_a_report_of_nothing_is_an_error(tmp_path):
    with pytest.raises(RecordsError, match="no run store at"):
        from_records(tmp_path)
    from nasbench.records import Records

    Records(tmp_path / RUNS_FILE).close()
    with pytest.raises(RecordsError, match="holds no runs yet"):
        from_records(tmp_path / RUNS_FILE)


# -- what it holds --------------------------------------------------------------------------------


def test_names_stand_for_the_default_budget(tmp_path):
    result = compare([CIFAR10], ["random-search"], [4], out=tmp_path)
    assert (result.runs[0].task.evaluations, result.runs[0].seed) == (150, 4)


def test_the_provenance_is_json_and_names_all_it_takes(tmp_path):
    result = compare([task()], LIGHT[:2], 2, out=tmp_path, command="nasbench compare")
    facts = json.loads(json.dumps(result.provenance(), allow_nan=False))
    assert facts["seeds"] == [0, 1]
    assert [entry["name"] for entry in facts["strategies"]] == list(LIGHT[:2])
    assert {run["trace_hash"] for run in facts["runs"]} == {run.trace_hash for run in result.runs}
    assert facts["tables"]["nasbench201"]["content_sha256"] == result.runs[0].task.bench.table.attrs["content_sha256"]
    again = nasbench.Task.from_identity({k: v for k, v in facts["tasks"][0].items() if k not in ("id", "name")})
    assert again.id == facts["tasks"][0]["id"]


def test_kept_runs_of_differently_named_comparisons_are_reported_together(tmp_path):
    compare([task()], [create("regularized-evolution", population=20)], 2, out=tmp_path)
    compare([task()], ["regularized-evolution"], 2, out=tmp_path)
    frame = from_records(tmp_path).summary()
    assert len(frame) == frame["strategy"].nunique() == 2
