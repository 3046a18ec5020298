"""Kept studies: the same strategies, asked and told by hand."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

import nasbench
from nasbench.cli import main
from nasbench.errors import GenotypeError, NasbenchError, RecordsError, StrategyError, UnknownNameError
from nasbench.problem import Objective, Observation
from nasbench.spaces.grid import GridSpace
from nasbench.strategies import create
from nasbench.streams import generator
from nasbench.study import Study
from nasbench.study_definition import problem_of

SPACE = GridSpace.of({"width": [8, 16, 32, 64], "op": ["conv", "pool", "skip", "none"], "depth": [1, 2, 3]})


def value(genotype):
    return 80.0 + 3 * genotype[0] + 2 * (genotype[1] == 0) - 4 * (genotype[1] == 3) + genotype[2]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mine.sqlite"


def drive(study, n, workers=1):
    """Ask and tell n trials; the architectures that were asked."""
    asked = []
    while len(asked) < n:
        trials = study.ask(workers)
        asked += [trial.genotype for trial in trials]
        for trial in reversed(trials):
            study.tell(trial.number, {"val_accuracy": value(trial.genotype)}, cost=5.0)
    return asked


@pytest.mark.parametrize(
    "name", ["gp", "regularized-evolution", "local-search", "random-search", "bananas", "reinforce"]
)
def test_a_study_asks_what_the_strategy_asks_in_one_go(path, name):
    study = Study.create(path, SPACE, name, seed=3)
    about = study.definition
    strategy = create(name)
    strategy.start(problem_of(about), generator("study strategy", about.to_json()))
    expected = []
    for _ in range(12):
        (trial,) = strategy.ask()
        expected.append(trial.genotype)
        strategy.tell(trial, Observation((value(trial.genotype),), 5.0))
    assert drive(study, 6) + drive(Study(path), 6) == expected


def test_the_best_and_the_frame(path):
    study = Study.create(path, SPACE, "random-search")
    asked = drive(study, 10)
    (best,) = study.best
    assert best.values == (max(map(value, asked)),)
    frame = study.to_frame()
    assert frame["val_accuracy"].tolist() == list(map(value, asked))
    assert frame["architecture"].tolist() == [SPACE.format(g) for g in asked]
    assert set(frame["status"]) == {"ok"}
    assert frame["cost"].tolist() == [5.0] * 10


def test_trials_may_wait_and_be_told_in_any_order(path):
    study = Study.create(path, SPACE, "gp", workers=3)
    first = study.ask(3)
    study.tell(first[2].number, {"val_accuracy": 1.0})
    more = study.ask(2)
    assert [t.number for t in first + more] == [0, 1, 2, 3, 4]
    assert [t.status for t in study.trials()] == ["running", "running", "ok", "running", "running"]
    assert len({t.genotype for t in study.trials()}) == 5


def test_own_architectures_teach_the_strategy(path):
    best = (3, 0, 2)
    study = Study.create(path.with_name("own.sqlite"), SPACE, "regularized-evolution", seed=1)
    own = study.inject(best)
    study.tell(own.number, {"val_accuracy": value(best)})
    assert study.best[0].own
    assert study.best[0].genotype == best
    assert drive(study, 5)
    with pytest.raises(GenotypeError):
        study.inject((9, 9, 9))


def test_pinned_and_forbidden_choices_are_never_asked(path):
    study = Study.create(path, SPACE, "local-search", pin={"width": ["16", "32"]}, forbid=("none", "depth=2"))
    asked = drive(study, 12)
    assert {g[0] for g in asked} <= {1, 2}
    assert {g[1] for g in asked} <= {0, 1, 2}
    assert {g[2] for g in asked} <= {0, 2}
    with pytest.raises(GenotypeError, match="pins away or forbids"):
        study.inject((0, 0, 0))
    assert len(set(asked)) == 12
    assert study.ask() == []


def test_constraints_and_failures(path):
    study = Study.create(path, SPACE, "regularized-evolution", constraints=("params<=100",))
    a, b, c = study.ask(3)
    assert study.tell(a.number, {"val_accuracy": 99.0, "params": 101}).status == "infeasible"
    assert study.tell(b.number, {"val_accuracy": 90.0, "params": 100}).status == "ok"
    assert study.tell(c.number, failed=True).status == "failed"
    assert [t.number for t in study.best] == [b.number]
    assert study.ask()


def test_several_objectives_have_a_front(path):
    goals = [Objective("accuracy"), Objective("latency_ms", "minimize", functional=False)]
    study = Study.create(path, SPACE, "random-search", goals)
    for trial, told in zip(study.ask(4), [(90, 5), (91, 6), (89, 6), (90, 4)], strict=True):
        study.tell(trial.number, dict(zip(("accuracy", "latency_ms"), map(float, told), strict=True)))
    assert [t.values for t in study.best] == [(91.0, 6.0), (90.0, 4.0)]


@pytest.mark.parametrize(
    ("values", "changes", "error"),
    [
        ({}, {}, "val_accuracy is missing"),
        ({"val_acc": 3.0}, {}, "no metric val_acc"),
        ({"val_accuracy": float("nan")}, {}, "finite"),
        ({"val_accuracy": "93"}, {}, "finite"),
        ({"val_accuracy": 3.0}, {"cost": -1.0}, "cost"),
    ],
)
def test_what_cannot_be_told_is_refused_and_loses_nothing(path, values, changes, error):
    study = Study.create(path, SPACE, "random-search")
    (trial,) = study.ask()
    with pytest.raises(StrategyError, match=error):
        study.tell(trial.number, values, **changes)
    assert study.trials() == [trial]
    study.tell(trial.number, {"val_accuracy": 3.0})
    with pytest.raises(StrategyError, match="told already"):
        study.tell(trial.number, {"val_accuracy": 3.0})
    with pytest.raises(StrategyError, match="no trial 7; running: none"):
        study.tell(7, {"val_accuracy": 3.0})


def test_files_that_are_no_study_are_left_alone(path, tmp_path):
    with pytest.raises(RecordsError, match="no study at"):
        Study(path)
    Study.create(path, SPACE, "random-search")
    with pytest.raises(RecordsError, match="another study"):
        Study.create(path, SPACE, "random-search", seed=1)
    assert Study.create(path, SPACE, "random-search").definition == Study(path).definition
    foreign = tmp_path / "foreign.sqlite"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE meta (x)")
    with pytest.raises(RecordsError, match="no study of nasbench"):
        Study.create(foreign, SPACE, "random-search")
    text = tmp_path / "text.sqlite"
    text.write_text("no database at all, but long enough to be looked at as one" * 20)
    with pytest.raises(RecordsError):
        Study(text)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = '{\"space\": 1}' WHERE key = 'definition'")
    with pytest.raises(RecordsError, match="damaged"):
        Study(path)


def test_a_strategy_whose_traces_changed_is_noticed(path, monkeypatch):
    study = Study.create(path, SPACE, "regularized-evolution")
    drive(study, 3)
    cls = type(create("regularized-evolution"))
    with monkeypatch.context() as patch:
        patch.setattr(cls, "version", cls.version + 1)
        with pytest.raises(StrategyError, match="begun with version"):
            study.ask()
    with monkeypatch.context() as patch:
        patch.setattr(cls, "_next", lambda self: (0, 0, 0))
        with pytest.raises(StrategyError, match="now asks for"):
            study.ask()
    assert len(study.ask()) == 1


def test_strategies_that_read_tables_are_refused(path):
    with pytest.raises(StrategyError, match="params of a table"):
        Study.create(path, SPACE, "random-search-large")
    assert not path.exists()


def test_a_strategy_that_a_file_cannot_name_is_refused(path, scripted):
    with pytest.raises(UnknownNameError, match="strategy"):
        Study.create(path, SPACE, scripted([(0, 0, 0)] * 3))
    assert not path.exists()


def test_several_processes_share_a_file(path):
    Study.create(path, SPACE, "random-search")
    code = "import sys; from nasbench.study import Study; [Study(sys.argv[1]).ask() for _ in range(5)]"
    workers = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    trials = Study(path).trials()
    assert sorted(t.number for t in trials) == list(range(15))
    assert len({t.genotype for t in trials}) == 15


def test_the_thread_settings_of_the_caller_are_left_alone(path):
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    before = [pool["num_threads"] for pool in threadpool_info()]
    drive(Study.create(path, SPACE, "gp"), 11)
    assert [pool["num_threads"] for pool in threadpool_info()][: len(before)] == before


# -- the commands -----------------------------------------------------------------------------------


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["nasbench", *map(str, words)])
        with pytest.raises(SystemExit) as done:
            main()
        shown = capsys.readouterr()
        return done.value.code, shown.out, shown.err

    return run


def test_a_study_from_the_command_line(command, tmp_path):
    (tmp_path / "space.json").write_text('{"width": [16, 32, 64], "op": ["conv", "pool"]}')
    begin = ("ask", "s.sqlite", "--space", "space.json", "--strategy", "regularized-evolution:population=3,sample=2")
    code, out, _ = command(*begin, "--objective", "loss:minimize", "--constraint", "params<=50", "-n", 2)
    assert code == 0
    assert out.splitlines()[0].startswith("trial 0: width=")
    assert out.splitlines()[2] == "then:  nasbench tell s.sqlite 0 loss=VALUE params=VALUE"
    assert command("tell", "s.sqlite", 0, "loss=.5", "params=10", "--cost", 60)[1].startswith(
        "trial 0 is ok; best so far: 0.5"
    )
    assert "infeasible" in command("tell", "s.sqlite", 1, "loss=.4", "params=99")[1]
    code, out, _ = command("ask", "s.sqlite", "--inject", "width=64,op=pool", "--json")
    (own,) = json.loads(out)
    assert (own["own"], own["choices"]) == (True, {"width": 64, "op": "pool"})
    code, out, _ = command("tell", "s.sqlite", own["number"], "--failed", "--json")
    assert json.loads(out)["values"] == {}
    code, out, _ = command("ask", "s.sqlite", "--show")
    assert "1 ok, 1 infeasible, 1 failed" in out
    assert "params<=50" in out
    shown = json.loads(command("ask", "s.sqlite", "--show", "--json")[1])
    assert [trial["best"] for trial in shown] == [True, False, False]


def test_a_benchmark_s_space_with_its_objective(command):
    code, out, _ = command("ask", "b.sqlite", "--space", "nasbench201/cifar10", "--forbid", "none", "--json")
    assert code == 0
    assert "none" not in json.loads(out)[0]["architecture"]
    assert [o.name for o in Study("b.sqlite").definition.objectives] == ["val_accuracy"]
    assert Study("b.sqlite").space.size == 4**6


def test_when_nothing_is_left_it_says_so(command, tmp_path):
    (tmp_path / "space.json").write_text('{"a": [1, 2]}')
    assert (
        len(command("ask", "s.sqlite", "--space", "space.json", "--strategy", "random-search", "-n", 5)[1].splitlines())
        == 3
    )
    assert command("ask", "s.sqlite")[1] == "no trial: tell trial 0 first\n"
    command("tell", "s.sqlite", 0, "val_accuracy=1")
    command("tell", "s.sqlite", 1, "val_accuracy=1")
    assert command("ask", "s.sqlite")[1] == "no trial: nothing is left to try\n"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("ask", "none.sqlite"), "begin it with --space"),
        (("ask", "s.sqlite", "--space", "nowhere.json"), "is no space"),
        (("ask", "s.sqlite", "--space", "list.json"), "an object of lists"),
        (("ask", "s.sqlite", "--space", "nasbench201/cifar11"), "cifar10"),
        (("ask", "s.sqlite", "--space", "space.json", "--objective", "loss:least"), "minimize"),
        (("ask", "s.sqlite", "--space", "space.json", "--pin", "a"), "PARAMETER=CHOICE"),
        (("ask", "s.sqlite", "--space", "space.json", "--fidelities", "9,3"), "rising"),
        (("ask", "s.sqlite", "--space", "space.json", "--strategy", "gq"), "Did you mean 'gp'"),
        (("tell", "none.sqlite", 0, "a=1"), "no study at"),
    ],
)
def test_errors_are_one_line(command, tmp_path, words, error):
    (tmp_path / "space.json").write_text('{"a": [1, 2]}')
    (tmp_path / "list.json").write_text("[1, 2]")
    code, _, err = command(*words)
    assert code == 2
    assert error in err
    assert not (tmp_path / "s.sqlite").exists()


def test_values_are_read_as_written(command, tmp_path):
    (tmp_path / "space.json").write_text('{"a": [1, 2]}')
    command("ask", "s.sqlite", "--space", "space.json")
    assert "METRIC=VALUE" in command("tell", "s.sqlite", 0, "val_accuracy")[2]
    assert "METRIC=VALUE" in command("tell", "s.sqlite", 0, "val_accuracy=good")[2]
    assert command("tell", "s.sqlite", 0, "val_accuracy=1e-3")[0] == 0


def test_the_package_offers_it():
    assert nasbench.Study is Study
    assert issubclass(StrategyError, NasbenchError)
