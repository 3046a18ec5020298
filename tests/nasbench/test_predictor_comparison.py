"""`compare_predictors` and its command: resumes, survives being killed, shows exactly its own runs."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest

import nasbench
from nasbench import predictor_experiment
from nasbench.analysis.predictor_scores import QUALITY, Scores
from nasbench.errors import RecordsError, TaskError
from nasbench.prediction_split import TOP_DECILE, UNIFORM
from nasbench.prediction_task import PredictionTask
from nasbench.predictor_comparison import RUNS_FILE, compare_predictors, from_records
from nasbench.predictor_run import PredictorSpec

CIFAR10, CORA = "nasbench201/cifar10", "nas-bench-graph/cora"
QUICK = (PredictorSpec("gp"), PredictorSpec("random-forest", {"n_estimators": 20}))


def task(name=CIFAR10, **policies):
    return PredictionTask(name, held_out=40, **policies)


@pytest.fixture
def executed(monkeypatch):
    """Keys of the runs that were really done, in order."""
    keys = []
    execute = predictor_experiment.PlannedPrediction.execute
    monkeypatch.setattr(
        predictor_experiment.PlannedPrediction, "execute", lambda self: (keys.append(self.key), execute(self))[1]
    )
    return keys


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    """Two tasks, two predictors, two sizes, three trials."""
    return compare_predictors([task(), task(CORA)], QUICK, [6, 20], 3, out=tmp_path_factory.mktemp("study"))


def test_a_second_call_runs_nothing_and_a_larger_one_only_what_is_missing(tmp_path, executed):
    first = compare_predictors([task()], QUICK, [6], 2, out=tmp_path)
    assert len(executed) == len(first.runs) == 4
    second = compare_predictors([task()], QUICK, [6], 2, out=tmp_path)
    assert len(executed) == 4
    assert [(r.key, r.prediction_hash) for r in first.runs] == [(r.key, r.prediction_hash) for r in second.runs]
    larger = compare_predictors([task()], QUICK, [6, 9], [0, 1, 2], out=tmp_path)
    assert len(executed) == len(larger.runs) == len(set(executed)) == 12
    smaller = compare_predictors([task()], QUICK[:1], [9], [2], out=tmp_path)
    assert [(r.entry.label, r.size, r.trial) for r in smaller.runs] == [("gp", 9, 2)]
    assert len(from_records(tmp_path).runs) == 12


def test_processes_change_nothing(tmp_path, comparison):
    parallel = compare_predictors([task(), task(CORA)], QUICK, [6, 20], 1, out=tmp_path, jobs=2)
    assert [run.error for run in [*parallel.failed, *comparison.failed]] == []
    alone = {run.key: run.prediction_hash for run in comparison.runs}
    assert {run.key: run.prediction_hash for run in parallel.runs}.items() <= alone.items()
    assert len(parallel.runs) == 8


def test_a_kept_run_is_what_executing_its_key_gives(comparison):
    """Rows can be re-executed: every stored identity leads back to the same key and predictions."""
    from nasbench.predictor_records import PredictorRecords
    from nasbench.predictor_run import evaluate_predictor

    with PredictorRecords(comparison.out / RUNS_FILE, readonly=True) as records:
        run = records.runs()[-1]
    assert run.entry.name == "random-forest"
    again = evaluate_predictor(run.task, PredictorSpec.from_entry(run.entry), run.size, run.trial)
    assert (again.key, again.prediction_hash) == (run.key, run.prediction_hash)


KILLED = """
import sys
from nasbench.predictor_comparison import compare_predictors
from nasbench.prediction_task import PredictionTask
task = PredictionTask("nasbench201/cifar10", held_out=40)
compare_predictors([task], ["gp", "mlp-ensemble"], [6, 20], 40, out=sys.argv[1])
"""


def test_killed_in_the_middle_it_continues(tmp_path, executed):
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE)
    kept, deadline = 0, time.monotonic() + 60
    while kept < 5 and time.monotonic() < deadline:
        try:
            with sqlite3.connect(f"file:{tmp_path / RUNS_FILE}?mode=ro", uri=True) as db:
                kept = db.execute("SELECT count(*) FROM predictor_runs").fetchone()[0]
        except sqlite3.OperationalError:
            continue
        finally:
            if "db" in locals():
                db.close()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    kept = len(from_records(tmp_path).runs)
    assert kept >= 5
    planned = 2 * 2 * ((kept // 4) + 2)
    result = compare_predictors([task()], ["gp", "mlp-ensemble"], [6, 20], planned // 4, out=tmp_path)
    assert len(result.runs) == planned
    assert len(executed) == planned - kept
    whole = compare_predictors([task()], ["gp", "mlp-ensemble"], [6, 20], 2, out=tmp_path / "whole")
    hashes = {run.key: run.prediction_hash for run in result.runs}
    assert all(hashes[run.key] == run.prediction_hash for run in whole.runs)


def test_a_failed_predictor_stays_visible_and_is_tried_again(tmp_path, monkeypatch):
    from nasbench.predictors.kernel_regressors import GaussianProcess

    fit = GaussianProcess.fit

    def failing(self, X, y):
        raise RuntimeError("out of <luck>")

    monkeypatch.setattr(GaussianProcess, "fit", failing)
    broken = compare_predictors([task()], QUICK, [6], 2, out=tmp_path)
    assert [run.entry.label for run in broken.failed] == ["gp", "gp"]
    frame = broken.summary()
    row = frame[(frame["predictor"] == "gp") & (frame["kind"] == UNIFORM)].iloc[0]
    assert row["failed_trials"] == row["trials"] == 2
    assert np.isnan(row["kendall"])
    assert any("gp failed in 2 runs (RuntimeError: out of <luck>)" in said for said in broken.verdict())
    page = broken.report().read_text()
    assert "out of &lt;luck&gt;" in page
    assert "out of <luck>" not in page
    monkeypatch.setattr(GaussianProcess, "fit", fit)
    assert compare_predictors([task()], QUICK, [6], 2, out=tmp_path).failed == []


def test_frames_hold_every_run_once_a_kind(comparison):
    frame = comparison.to_frame()
    assert len(frame) == 2 * 2 * 3 * (3 + 2)  # cora has no twins
    assert not frame.duplicated(["task", "predictor", "size", "trial", "kind"]).any()
    assert set(frame[frame["task"] == CORA]["kind"]) == {UNIFORM, TOP_DECILE}
    run = next(r for r in comparison.runs if r.task.benchmark == CIFAR10 and r.size == 20 and r.trial == 1)
    held = run.of_kind(UNIFORM)
    truth = run.task.bench.mean("val_accuracy")[held["row"]]
    agree = sum(
        np.sign((held["mean"][i] - held["mean"][j]) * (truth[i] - truth[j])) for i in range(40) for j in range(i)
    )
    row = frame[(frame["task"] == CIFAR10) & (frame["predictor"] == run.entry.label) & (frame["size"] == 20)]
    row = row[(row["trial"] == 1) & (row["kind"] == UNIFORM)].iloc[0]
    ties = sum(truth[i] == truth[j] for i in range(40) for j in range(i))
    flat = sum(held["mean"][i] == held["mean"][j] for i in range(40) for j in range(i))
    assert row["kendall"] == pytest.approx(agree / np.sqrt((780 - ties) * (780 - flat)))
    assert row["mae"] == pytest.approx(np.abs(held["mean"] - truth).mean())
    assert frame[frame["kind"] == TOP_DECILE][["nll", "coverage_80"]].isna().all(axis=None)


def test_costs_are_simulated_training_and_measured_time(comparison):
    from nasbench.prediction_split import split

    frame = comparison.to_frame()
    seconds = nasbench.load(CIFAR10).mean("train_seconds")
    for row in frame[(frame["task"] == CIFAR10) & (frame["kind"] == UNIFORM)].itertuples():
        trained = seconds[split(task(), row.trial, row.size).train].sum()
        assert row.training_seconds == pytest.approx(trained)
        assert row.init_seconds == pytest.approx(trained + row.fit_seconds)
        assert 0 < row.query_seconds < 1
    assert frame[frame["task"] == CORA]["init_seconds"].isna().all()


def test_means_lie_in_their_intervals_which_are_paired(comparison):
    summary, frame = comparison.summary(), comparison.to_frame()
    assert (summary["trials"] == 3).all()
    for name in QUALITY:
        known = summary[summary[name].notna()]
        assert (known[f"{name}_low"] <= known[name] + 1e-12).all()
        assert (known[name] <= known[f"{name}_high"] + 1e-12).all()
    first = summary.iloc[0]
    keys = ["task", "predictor", "size", "kind"]
    values = frame[(frame[keys] == first[keys]).all(axis=1)]["kendall"]
    assert first["kendall"] == pytest.approx(values.mean())


def test_tests_compare_taus_of_the_same_trial(comparison):
    from scipy.stats import wilcoxon

    frame, tests = comparison.to_frame(), comparison.comparisons()
    assert set(tests["task"]) == {CIFAR10, CORA, "all tasks"}
    part = frame[(frame["task"] == CIFAR10) & (frame["size"] == 20) & (frame["kind"] == UNIFORM)]
    taus = part.pivot(index="trial", columns="predictor", values="kendall")
    row = tests[tests["task"] == CIFAR10].iloc[0]
    d = taus[row["better"]] - taus[row["worse"]]
    assert row["p"] == pytest.approx(wilcoxon(d, method="exact").pvalue)
    assert row["better_kendall"] == pytest.approx(taus[row["better"]].mean())
    assert row["difference"] == pytest.approx(d.mean())


def test_a_task_under_two_label_policies_has_two_labels(tmp_path):
    result = compare_predictors([task(), task(label="random")], QUICK[:1], [6], 1, out=tmp_path)
    assert set(result.scores.labels.values()) == {f"{CIFAR10} [label mean]", f"{CIFAR10} [label random]"}


def test_a_constant_predictor_scores_zero(tmp_path):
    """Two trees of depth 0 predict one value everywhere."""
    spec = PredictorSpec("xgboost", {"n_estimators": 0, "members": 2})
    frame = compare_predictors([task()], [spec], [6], 1, out=tmp_path).to_frame()
    assert (frame["kendall"] == 0).all()


def test_the_report_is_one_offline_page_and_the_same_each_time(comparison):
    page = comparison.report()
    names = {path.name for path in comparison.out.iterdir()}
    for chart in (
        "correlation",
        "correlation-class-disjoint",
        "pareto-query",
        "budgets",
        "calibration",
        "critical-difference",
    ):
        assert {f"{chart}.svg", f"{chart}.png"} <= names
    assert {"index.html", "summary.csv", "trials.csv", "provenance.json", RUNS_FILE} <= names
    text = page.read_text()
    outside = text.replace("http://www.w3.org/", "")
    assert 'src="http' not in outside
    assert "<link" not in outside
    assert "default-src 'none'" in text
    before = {name: (comparison.out / name).read_bytes() for name in names if not name.startswith("predictors")}
    comparison.report()
    assert before == {name: (comparison.out / name).read_bytes() for name in before}
    provenance = json.loads((comparison.out / "provenance.json").read_text())
    assert [run["key"] for run in provenance["runs"]] == [run.key for run in comparison.runs]
    assert set(provenance["tables"]) == {"nasbench201", "nas-bench-graph"}


def test_a_damaged_store_and_a_foreign_one_are_refused(tmp_path, comparison):
    copy = tmp_path / RUNS_FILE
    copy.write_bytes((comparison.out / RUNS_FILE).read_bytes())
    with sqlite3.connect(copy) as db:
        db.execute("UPDATE predictor_runs SET prediction_hash = 'x' WHERE rowid = 1")
    db.close()
    with pytest.raises(RecordsError, match="do not match their hash"):
        from_records(tmp_path)
    (tmp_path / "other").mkdir()
    nasbench.compare([nasbench.Task(CIFAR10, evaluations=3)], ["random-search"], 1, out=tmp_path / "other")
    (tmp_path / "other" / "runs.sqlite").rename(tmp_path / "other" / RUNS_FILE)
    with pytest.raises(RecordsError, match="no store of predictor runs"):
        compare_predictors([task()], QUICK, [6], 1, out=tmp_path / "other")
    with pytest.raises(RecordsError, match="nasbench predictors"):
        from_records(tmp_path / "nothing")


@pytest.mark.parametrize("trials", [0, True, [-1], [0.5]])
def test_unusable_trials_are_refused(tmp_path, trials):
    with pytest.raises(TaskError, match="trial"):
        compare_predictors([task()], QUICK, [6], trials, out=tmp_path)


def test_scores_of_nothing_make_no_report(tmp_path):
    from nasbench.report.predictor_site import write_report

    with pytest.raises(ValueError, match="at least one run"):
        write_report(Scores([]), tmp_path, {})


# -- the command ----------------------------------------------------------------------------------

SMALL = ("--tasks", CIFAR10, "--sizes", "5,20", "--trials", "2", "--held-out", "50", "--jobs", "1", "--out", "kept")


def test_the_command_prints_writes_and_resumes(nasbench, executed, tmp_path):
    words = (
        "predictors",
        *SMALL,
        "--predictors",
        "gp",
        "--predictor",
        "random-forest#b:n_estimators=10,encoder=one-hot",
    )
    code, out, err = nasbench(*words)
    assert (code, err) == (0, "")
    assert "n=5" in out
    assert "random-forest(n_estimators=10, encoder=one-hot) #b" in out
    assert "with 20 training architectures" in out
    assert (tmp_path / "kept" / "index.html").is_file()
    assert len(executed) == 8
    code, out, _ = nasbench(*words, "--json")
    facts = json.loads(out)
    assert len(executed) == 8
    assert facts["failed_runs"] == 0
    assert {row["predictor"] for row in facts["summary"]} == {
        "gp",
        "random-forest(n_estimators=10, encoder=one-hot) #b",
    }
    assert "nasbench predictors --tasks" in (tmp_path / "kept" / "index.html").read_text()
    code, out, _ = nasbench("report", "kept", "--out", "again", "--json")
    assert json.loads(out)["summary"] == facts["summary"]
    assert (tmp_path / "again" / "index.html").is_file()
    assert len(executed) == 8


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--sizes", "5,x"), "--sizes is a list of whole numbers"),
        (("--predictors", "gpp"), "Did you mean 'gp'"),
        (("--predictor", "gp:noise"), "is no key=value"),
        (("--predictor", "gp:rank_targets=1"), "rank_targets is true or false"),
        (("--predictor", "gp:encoder=wll"), "unknown encoder 'wll'"),
        (("--label", "best"), "label must be one of mean, random"),
        (("--metric", "accuracy"), "unknown metric"),
    ],
)
def test_unusable_words_are_explained_in_one_line(nasbench, words, message):
    code, _, err = nasbench("predictors", *SMALL, *words)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1


def test_the_defaults_of_the_command_are_those_of_the_function():
    import inspect
    from typing import get_type_hints

    from nasbench import predictor_comparison
    from nasbench.commands.predictors import predictors

    given = {name: p.default for name, p in inspect.signature(predictors).parameters.items()}
    assert given["sizes"] == ",".join(map(str, predictor_comparison.DEFAULT_SIZES))
    assert given["trials"] == predictor_comparison.DEFAULT_TRIALS
    assert str(given["out"]) == predictor_comparison.DEFAULT_OUT
    option = get_type_hints(predictors, include_extras=True)["predictors"].__metadata__[0]
    assert option.help.endswith(f"[default: {', '.join(predictor_comparison.DEFAULT_PREDICTORS)}]")


def test_charts_side_by_side_state_their_colours_alike(comparison):
    """On paper they share one scale, which would otherwise paint a predictor in another's colour."""
    from nasbench.report.predictor_data import collect
    from nasbench.report.predictor_gallery import figures

    def scales(spec):
        if isinstance(spec, dict):
            colour = spec.get("encoding", {}).get("color", {})
            scale = colour.get("scale") or {}
            if "domain" in scale:
                yield tuple(scale["domain"]), tuple(scale["range"])
            for value in spec.values():
                yield from scales(value)
        elif isinstance(spec, list):
            for value in spec:
                yield from scales(value)

    seen = 0
    for figure in figures(collect(comparison.scores)):
        stated = [pair for pair in scales(figure.paper) if "gp" in pair[0]]
        assert len(set(stated)) <= 1, figure.name
        seen += len(stated)
    assert seen > 10


def test_help_has_examples(nasbench):
    code, out, _ = nasbench("predictors", "--help")
    assert code == 0
    assert "--sizes white --trials 100" in out
