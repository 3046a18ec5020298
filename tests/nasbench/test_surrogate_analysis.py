"""What runs on a surrogate are scored against, and what a comparison on one says."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest

import nasbench
from nasbench.analysis.front_random_search import front_law_of
from nasbench.analysis.front_truth import front_truth_of
from nasbench.analysis.random_search import expected_regret, law_of
from nasbench.analysis.reference import REFERENCE_SIZE, SampledTruth, reference_genotypes, reference_of
from nasbench.analysis.regret import path_of
from nasbench.analysis.summary import finals
from nasbench.analysis.task_truth import caution, truth_of
from nasbench.benchmark import load
from nasbench.comparison import compare
from nasbench.parameter import Parameter
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.grid import GridSpace
from nasbench.surrogates.benchmark import install
from nasbench.surrogates.fit import fit_surrogate
from nasbench.table_file import write_table

SPACE = GridSpace([Parameter(f"p{i}", (1, 2, 3, 4), True) for i in range(5)])
VAST = GridSpace([Parameter(f"p{i}", tuple(range(8)), True) for i in range(22)])
TINY = {"members": 2, "n_estimators": 30, "max_depth": 2, "learning_rate": 0.3}


def fit(folder, name, space, repeats, test=False, direction="maximize"):
    rng = np.random.default_rng(0)
    genotypes = np.unique(space.sample(rng, 300), axis=0)
    sign = 1 if direction == "maximize" else -1
    mean = 50 + sign * genotypes @ np.linspace(3, 0.5, space.length)
    values = mean[:, None] + rng.standard_normal((len(genotypes), repeats))
    final = {"val_accuracy": Column(values, direction, "%", "valid")}
    if test:
        final["test_accuracy"] = Column(values[:, ::-1] - 2, direction, "%", "test")
    data = TableData(
        name=name, title="t", licence="l", citation="c", sources=(), space_kind=space.kind,
        space_definition=space.definition(), space_sha256=space.sha256, complete=False, genotypes=genotypes,
        source_ids=np.array([f"{i}".encode() for i in range(len(genotypes))]), canonical=np.arange(len(genotypes)),
        datasets={"default": Dataset("val_accuracy", {"p": Protocol("p", final=final)})},
    )  # fmt: skip
    (folder / "tables").mkdir(exist_ok=True)
    write_table(folder / "tables" / f"{name}.h5", data, "the tests")
    metrics = ["test_accuracy"] if test else None
    return fit_surrogate(load(f"{name}/default"), f"{name}-fit", params=TINY, metrics=metrics, allow_test=test)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("worlds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASBENCH_HOME", str(folder))
        return {
            "noisy": fit(folder, "noisy", SPACE, 3, test=True),
            "loss": fit(folder, "loss", SPACE, 1, direction="minimize"),
            "vast": fit(folder, "vast", VAST, 1),
        }


@pytest.fixture
def bench(home, fitted):
    """name -> the installed surrogate."""

    def get(name):
        install(fitted[name])
        return load(f"{name}-fit/default")

    return get


def test_a_small_space_is_taken_whole(bench):
    for name, sign in (("noisy", 1), ("loss", -1)):
        one = bench(name)
        truth = truth_of(nasbench.Task(one.name, evaluations=10))
        everything = one.query(SPACE.all())
        assert isinstance(truth, SampledTruth)
        assert truth.whole
        assert truth.size == SPACE.size
        assert truth.optimum == sign * (sign * everything).max()
        assert (truth.regrets >= 0).all()
        assert "over the whole space" in caution(nasbench.Task(one.name, evaluations=10))


def test_a_vast_space_is_sampled_alike_by_all(bench):
    one = bench("vast")
    sample = reference_genotypes(one.space)
    assert sample.shape == (REFERENCE_SIZE, 22)
    assert (sample == reference_genotypes(one.space)).all()
    assert abs(sample.mean() - 3.5) < 0.01
    truth = truth_of(nasbench.Task(one.name, evaluations=10))
    assert not truth.whole
    assert truth.optimum == max(one.query(sample).max(), one.model().best_value)
    # the climbs start at the table's best and beat all of the sample
    assert truth.optimum == one.query(one.model().best) > truth.mean.max()


def test_the_reference_is_kept_and_made_anew_where_it_is_damaged(bench, home, monkeypatch):
    one = bench("vast")
    values = reference_of(one, "val_accuracy", 2000)
    file = home / "cache" / "reference-samples" / f"{one.digest('val_accuracy')}-2000.f8"
    assert file.stat().st_size == 32 + 8 * 2000
    with monkeypatch.context() as patch:
        patch.setattr(type(one), "predict", lambda *_: pytest.fail("it was kept"))
        assert (reference_of(one, "val_accuracy", 2000) == values).all()
    good = file.read_bytes()
    for damaged in (good[:-1], good + b"x", good[:50] + bytes([good[50] ^ 1]) + good[51:]):
        file.write_bytes(damaged)
        assert (reference_of(one, "val_accuracy", 2000) == values).all()
        assert file.read_bytes() == good
    file.unlink()


def test_a_folder_that_cannot_be_written_only_costs_time(bench, monkeypatch, caplog):
    one = bench("noisy")
    monkeypatch.setattr("nasbench.analysis.reference.write_whole", lambda *_: (_ for _ in ()).throw(OSError("full")))
    assert (reference_of(one, "val_accuracy", 777) == one.query(reference_genotypes(one.space, 777))).all()
    assert "cannot be kept" in caplog.text


def test_runs_are_scored_by_what_is_predicted_of_their_incumbents(bench):
    one = bench("noisy")
    task = nasbench.Task(one.name, evaluations=40)
    run = nasbench.search(task, "regularized-evolution", seed=3)
    path, everything = path_of(run), one.query(SPACE.all())
    best, regrets = -np.inf, []
    for genotype, value in zip(run.trace["genotype"].tolist(), run.trace["value"].tolist(), strict=True):
        if value > best:
            best, mean = value, one.query(tuple(genotype))
            test = one.query(tuple(genotype), "test_accuracy")
        regrets.append(everything.max() - mean)
    assert path.table_regret == pytest.approx(regrets)
    assert np.isnan(path.held_out_regret).all()
    all_tests = one.query(SPACE.all(), "test_accuracy")
    assert path.test_regret[-1] == pytest.approx(all_tests.max() - test)
    draws = (SPACE.size + 1) / ((everything >= mean).sum() + 1)
    assert path.log_draws == pytest.approx(np.log(draws))
    assert finals([run])["log_draws"][0] == path.log_draws
    assert truth_of(task).test_floor == pytest.approx(all_tests.max() - all_tests[np.argmax(everything)])
    assert path.evaluations.tolist() == list(range(1, 41))


def test_better_than_the_best_known_is_a_regret_below_zero(bench, scripted, monkeypatch):
    one = bench("vast")
    monkeypatch.setattr("nasbench.analysis.reference.REFERENCE_SIZE", 500)
    task = nasbench.Task(one.name, evaluations=1)
    best = one.model().best
    run = nasbench.search(task, scripted([best]))
    assert path_of(run).table_regret[0] == 0
    assert path_of(run).log_draws == pytest.approx(np.log(REFERENCE_SIZE + 1))
    lowered = SampledTruth(**{**vars_of(truth_of(task)), "best_known": one.model().best_value - 1.5})
    monkeypatch.setattr("nasbench.analysis.regret.truth_of", lambda _: lowered)
    assert path_of(run).table_regret[0] == pytest.approx(-1.5)


def vars_of(truth):
    from dataclasses import fields

    return {field.name: getattr(truth, field.name) for field in fields(truth)}


@pytest.mark.parametrize("repeat", ["random", "mean"])
def test_random_search_has_the_law_that_is_said(bench, repeat):
    one = bench("noisy")
    task = nasbench.Task(one.name, evaluations=30, repeat=repeat)
    law = law_of(task)
    assert law.exact == (repeat == "mean")
    simulated = np.array(
        [path_of(nasbench.search(task, "random-search", seed=s)).final("table_regret") for s in range(60)]
    )
    exact = expected_regret(task, 30).mean[0]
    assert simulated.mean() == pytest.approx(exact, abs=4 * simulated.std() / np.sqrt(60))


def test_a_comparison_and_its_report_say_what_the_values_are(bench, tmp_path):
    one, other = bench("vast"), bench("noisy")
    tasks = [nasbench.Task(b.name, evaluations=25) for b in (one, other)]
    result = compare(tasks, ["random-search", "regularized-evolution"], 3, out=tmp_path / "out")
    assert not result.failed
    frame = result.summary()
    assert frame["regret_mean"].notna().all()
    assert frame["speedup"].notna().all()
    assert (frame["within_noise_floor"].isna() == (frame["task"] == one.name)).all()
    page = re.sub(r"<[^>]+>", " ", result.report().read_text())
    held = one.model().held_out
    for said in (
        "Surrogate of vast/default", "its values are predictions", f"held-out Kendall tau {held.tau:.2f}",
        "a reference sample of 100,000", "over the whole space", f"{8**22:,}",
    ):  # fmt: skip
        assert said in page
    provenance = json.loads((tmp_path / "out" / "provenance.json").read_text())
    about = provenance["tables"]["vast-fit/default"]
    assert about["surrogate"]["of"] == "vast/default"
    assert about["surrogate"]["of_sha256"] == one.manifest.base_sha256
    assert about["content_sha256"] == one.provenance()["content_sha256"]
    assert any("is a surrogate of vast/default" in sentence for sentence in result.verdict())
    again = nasbench.comparison.from_records(tmp_path / "out")
    assert {run.key: run.trace_hash for run in again.runs} == {run.key: run.trace_hash for run in result.runs}


PARALLEL = """
import json, sys, nasbench
task = nasbench.Task(sys.argv[1], evaluations=20, workers=2)
result = nasbench.compare([task], ["regularized-evolution"], 4, out=sys.argv[2], jobs=2)
print(json.dumps([run.trace_hash for run in result.runs]))
"""


def test_processes_and_their_number_change_nothing(bench, tmp_path):
    name = bench("noisy").name
    task = nasbench.Task(name, evaluations=20, workers=2)
    one = compare([task], ["regularized-evolution"], 4, out=tmp_path / "one")
    # an interpreter of its own: joblib's workers live on in this one, with the home of an earlier test
    code = [sys.executable, "-c", PARALLEL, name, str(tmp_path / "two")]
    two = subprocess.run(code, capture_output=True, text=True, check=True).stdout
    assert json.loads(two) == [run.trace_hash for run in one.runs]


def test_tables_are_not_spoken_of_as_surrogates():
    assert caution(nasbench.Task("nasbench201/cifar10", evaluations=5)) == ""


def test_several_objectives_are_scored_by_the_front_of_the_predictions(bench):
    one = bench("noisy")
    task = nasbench.Task(one.name, ["val_accuracy", "test_accuracy"], evaluations=25, allow_test=True)
    everything = np.column_stack([one.query(SPACE.all(), name) for name in ("val_accuracy", "test_accuracy")])
    best = [p for p in everything if not ((everything >= p).all(axis=1) & (everything > p).any(axis=1)).any()]
    known = front_truth_of(task)
    assert set(map(tuple, known.front)) == set(map(tuple, best))
    paths = [path_of(nasbench.search(task, "random-search", seed)) for seed in range(60)]
    run = paths[0].run
    front = np.column_stack([one.query(np.array(run.front), name) for name in ("val_accuracy", "test_accuracy")])
    assert paths[0].final("regret") == pytest.approx(known.regret(known.normalised(front)))
    simulated = front_law_of(task).regret(25)
    found = np.array([path.final("regret") for path in paths])
    assert abs(found.mean() - simulated.mean[0]) < 4 * np.hypot(simulated.sd[0] / np.sqrt(60), simulated.error[0])
    assert "Pareto front of the predictions over the whole space" in caution(task)
