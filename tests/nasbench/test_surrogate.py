"""Surrogate benchmarks: what is served, searched and kept, against the models' own files and a known world."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import xgboost
from scipy import stats

import nasbench
from nasbench.benchmark import load
from nasbench.datasets.formats import read
from nasbench.datasets.install import install as install_table
from nasbench.errors import GenotypeError, NoTableError, StrategyError, TableError, TaskError, UnknownNameError
from nasbench.parameter import Parameter
from nasbench.predictors.boosted_members import WALK_AFTER, BoostingParams
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.grid import GridSpace
from nasbench.streams import genotype_counter, noise_key, normal_drawer
from nasbench.surrogates.benchmark import install
from nasbench.surrogates.fit import fit_surrogate
from nasbench.table_file import write_table

SMALL = {"members": 4, "n_estimators": 80, "max_depth": 3, "learning_rate": 0.15}
SPACE = GridSpace([Parameter(f"p{i}", (1, 2, 3, 4), True) for i in range(5)] + [Parameter("op", ("a", "b", "c"))])
WORLD = GridSpace([Parameter(f"p{i}", tuple(range(8)), True) for i in range(24)])
"""8^24 = 2^72 architectures: no index, no list, no length."""


def true_mean(genotypes):
    """Validation accuracy of the known world, 50 to 95, with an interaction."""
    g = np.asarray(genotypes, dtype=float)
    return 60 + 4 * g[:, 0] + 3 * g[:, 1] + 2 * g[:, 2] * g[:, 3] / 3 - 3 * (g[:, -1] == 1)


def true_deviation(mean):
    """Its training noise: worse architectures are noisier."""
    return 0.2 + 0.04 * (95 - mean)


def write_world(folder, name="toy", space=SPACE, rows=700, repeats=3, seed=0, test=False, twice=None, failed=0):
    """A partial table of a known world in a home; returns its benchmark's name."""
    rng = np.random.default_rng(seed)
    genotypes = np.unique(space.sample(rng, 2 * rows), axis=0)
    genotypes = genotypes[rng.permutation(len(genotypes))[:rows]]
    mean = true_mean(genotypes)
    values = mean[:, None] + true_deviation(mean)[:, None] * rng.standard_normal((len(mean), repeats))
    values[:failed] = np.nan
    if twice is not None:
        values[twice:, 1:] = np.nan
    final = {"val_accuracy": Column(values, "maximize", "%", "valid")}
    if test:
        final["test_accuracy"] = Column(values - 1.0, "maximize", "%", "test")
    seconds = 100.0 * (1 + genotypes[:, 0]) * np.exp(0.1 * genotypes[:, 1])
    cost = {"train_seconds": Column(seconds, "minimize", "s", "cost")}
    data = TableData(
        name=name, title="a known world", licence="none", citation="nobody", sources=({"name": "made up"},),
        space_kind=space.kind, space_definition=space.definition(), space_sha256=space.sha256, complete=False,
        genotypes=genotypes, canonical=np.arange(len(genotypes)),
        source_ids=np.array([f"id{i}" for i in range(len(genotypes))], dtype=bytes),
        datasets={"default": Dataset("val_accuracy", {"full": Protocol("full", 20, final=final, cost=cost)})},
    )  # fmt: skip
    path = folder / "tables"
    path.mkdir(parents=True, exist_ok=True)
    write_table(path / f"{name}.h5", data, "the tests")
    return f"{name}/default"


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """name -> surrogate, each fitted once: of a small space with repeats, without, and of a vast one."""
    folder = tmp_path_factory.mktemp("worlds")
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASBENCH_HOME", str(folder))
        for name, options in {
            "noisy": {"repeats": 3, "test": True},
            "single": {"repeats": 1},
            "vast": {"repeats": 1, "space": WORLD},
        }.items():
            bench = load(write_world(folder, name, **options))
            metrics = ["train_seconds", "test_accuracy"] if options.get("test") else None
            made[name] = fit_surrogate(bench, f"{name}-surrogate", params=SMALL, metrics=metrics, allow_test=True)
    return made


@pytest.fixture
def bench(home, fitted):
    """The surrogate of the noisy world, installed in the test's home."""
    install(fitted["noisy"])
    return load("noisy-surrogate/default")


# -- what is served ---------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["val_accuracy", "train_seconds"])
def test_a_prediction_is_the_mean_of_the_members_own_predictions(bench, metric):
    manifest = json.loads(bench.path.read_text())
    model = next(m for m in manifest["metrics"] if m["name"] == metric)
    genotypes = SPACE.sample(np.random.default_rng(5), 200)
    hot = np.eye(3)[genotypes[:, -1]]
    features = np.concatenate([genotypes[:, :-1] / 3, hot], axis=1).astype(np.float32)
    standard = []
    for part in model["parts"]:
        content = (bench.path.parent / f"{part['sha256']}.xgb.json").read_bytes()
        assert hashlib.sha256(content).hexdigest() == part["sha256"]
        booster = xgboost.Booster()
        booster.load_model(bytearray(content))
        standard.append(booster.predict(xgboost.DMatrix(features)).astype(float))
    expected = model["target"]["centre"] + model["target"]["spread"] * np.mean(standard, axis=0)
    assert model["target"]["log"] == (metric == "train_seconds")
    if metric == "train_seconds":
        expected = np.exp(expected)
    assert (bench.query(genotypes, metric) == expected).all()
    deviation = model["target"]["spread"] * np.sqrt(np.var(standard, axis=0, ddof=1) + model["residual"] ** 2)
    deviation = deviation * expected if metric == "train_seconds" else deviation
    assert bench.predict(genotypes, metric)[1] == pytest.approx(deviation, rel=1e-12)


def test_one_by_one_and_in_a_batch_are_the_same_bits(bench):
    genotypes = SPACE.sample(np.random.default_rng(1), 3 * WALK_AFTER)
    batch = bench.query(genotypes)
    single = np.array([bench.query(tuple(g)) for g in genotypes.tolist()])
    assert (single == batch).all()
    text = bench.space.format(tuple(genotypes[0].tolist()))
    assert bench.query(text) == bench.query(genotypes[0]) == bench.query(tuple(genotypes[0])) == batch[0]
    assert bench.query(np.empty((0, 6), dtype=int)).shape == (0,)


def test_it_predicts_the_world_that_it_was_fitted_to(bench):
    unseen = SPACE.sample(np.random.default_rng(9), 2000)
    assert stats.kendalltau(bench.query(unseen), true_mean(unseen)).statistic > 0.8
    seconds = 100.0 * (1 + unseen[:, 0]) * np.exp(0.1 * unseen[:, 1])
    assert np.abs(bench.query(unseen, "train_seconds") / seconds - 1).max() < 0.2


def test_the_same_arguments_give_the_same_bytes(home, fitted):
    write_world(home, "noisy", test=True)
    arguments = {"params": SMALL, "metrics": ["train_seconds", "test_accuracy"], "allow_test": True}
    again = fit_surrogate(load("noisy/default"), "noisy-surrogate", **arguments)
    assert again.manifest.to_bytes() == fitted["noisy"].manifest.to_bytes()
    assert again.parts == fitted["noisy"].parts
    other = fit_surrogate(load("noisy/default"), "noisy-surrogate", seed=1, **arguments)
    assert not set(other.parts) & set(again.parts)
    first, second = install(again), install(again)
    assert first == second
    with pytest.raises(TableError, match="another surrogate"):
        install(other)
    before = load("noisy-surrogate/default")
    install(other, replace=True)
    assert load("noisy-surrogate/default").digest("val_accuracy") != before.digest("val_accuracy")
    assert len(list(first.parent.glob("*.xgb.json"))) == len(set(other.parts))


def test_what_needs_a_table_says_that_there_is_none(bench):
    for ask in (
        lambda: bench.genotypes, lambda: bench.classes, lambda: bench.table, lambda: bench.source_ids,
        lambda: bench.column("val_accuracy"), lambda: bench.mean("val_accuracy"), lambda: bench.curves("val_accuracy"),
        lambda: bench.optimum(), lambda: bench.at(0, "val_accuracy"), lambda: len(bench),
    ):  # fmt: skip
        with pytest.raises(NoTableError, match="noisy-surrogate/default is a surrogate over 3,072 architectures"):
            ask()
    assert bench.row((0, 0, 0, 0, 0, 0)) == -1
    assert bench.rows([(0, 0, 0, 0, 0, 0)] * 2).tolist() == [-1, -1]
    assert bench
    assert "3,072 architectures" in repr(bench)
    assert pickle.loads(pickle.dumps(bench)) is bench


def test_wrong_questions_are_typed_errors(bench):
    with pytest.raises(UnknownNameError, match=r"val_acuracy.*Did you mean 'val_accuracy'"):
        bench.query((0, 0, 0, 0, 0, 0), "val_acuracy")
    for wrong in ({"repeat": 0}, {"protocol": "short"}, {"epoch": 3}):
        with pytest.raises(UnknownNameError):
            bench.query((0, 0, 0, 0, 0, 0), **wrong)
    assert bench.query((0, 0, 0, 0, 0, 0), epoch=20) == bench.query((0, 0, 0, 0, 0, 0))
    for wrong in ((0, 0, 0, 0, 0, 3), (0, 0), ([], 0, 0, 0, 0, 0), (0.5, 0, 0, 0, 0, 0)):
        with pytest.raises(GenotypeError):
            bench.query(wrong)


def test_columns_keep_their_meaning(bench):
    metrics = bench.metrics
    assert [m for m in metrics if metrics[m].is_test] == ["test_accuracy"]
    assert metrics["train_seconds"].split == "cost"
    assert metrics["val_accuracy"].unit == "%"
    assert bench.test_metric("val_accuracy") == "test_accuracy"
    assert bench.protocol().epochs == 20
    with pytest.raises(TaskError, match="holds test data"):
        nasbench.Task(bench.name, objective="test_accuracy", evaluations=5)
    assert nasbench.Task(bench.name, objective="test_accuracy", evaluations=5, allow_test=True).searched_on_test


# -- noise and calibration ------------------------------------------------------------------------------


def test_the_learned_noise_is_that_of_the_world(bench):
    at = np.linspace(65, 80, 9)  # within the centres of the outermost bins
    learned = np.array([bench.noise_deviation("val_accuracy", mean) for mean in at])
    assert learned == pytest.approx(true_deviation(at), rel=0.25)
    assert learned[0] > 1.5 * learned[-1]


def test_held_out_intervals_hold_what_they_promise(fitted):
    model = fitted["noisy"].manifest.metrics[0]
    rows = {one.model: one for one in model.validation if one.region == "random fifth"}
    for name in ("ensemble", "ensemble, one training"):
        assert 0.9 <= rows[name].coverage_95 <= 0.99
        assert 0.6 <= rows[name].coverage_68 <= 0.82
        assert rows[name].nll < rows["constant"].nll
    assert rows["ensemble"].tau > max(rows["10 nearest neighbours"].tau, rows["constant"].tau)
    assert rows["constant"].tau == 0
    assert model.warnings() == []


def test_coverage_on_fresh_architectures_and_fresh_trainings(bench):
    rng = np.random.default_rng(3)
    unseen = SPACE.sample(rng, 3000)
    truth = true_mean(unseen)
    runs = truth + true_deviation(truth) * rng.standard_normal(len(truth))
    mean, deviation = bench.predict(unseen)
    noise = np.array([bench.noise_deviation("val_accuracy", m) for m in mean])
    total = np.sqrt(deviation**2 + noise**2 * (1 - 1 / 3))
    assert 0.9 < np.mean(np.abs(runs - mean) <= 1.96 * total) < 0.99


def test_a_single_run_table_says_that_noise_is_unknown(home, fitted):
    install(fitted["single"])
    bench = load("single-surrogate/default")
    task = nasbench.Task(bench.name, evaluations=20)
    assert bench.noise_floor is None
    assert not bench.noise_known("val_accuracy")
    assert not task.noise_known
    run = nasbench.search(task, "random-search", seed=0)
    assert (run.trace["value"] == bench.query(run.trace["genotype"])).all()


def test_every_strategy_of_a_seed_sees_the_same_noise(bench, scripted):
    task = nasbench.Task(bench.name, evaluations=60)
    genotypes = [tuple(g) for g in np.unique(SPACE.sample(np.random.default_rng(0), 60), axis=0).tolist()]
    shown = {}
    for seed in (0, 1):
        forth = nasbench.search(task, scripted(genotypes), seed=seed).trace
        back = nasbench.search(task, scripted(genotypes[::-1]), seed=seed).trace
        assert (forth["value"] == back["value"][::-1]).all()
        shown[seed] = forth["value"]
    assert (shown[0] != shown[1]).all()
    # independent of the engine's own loop: mean + deviation * the (seed, architecture)'s number
    draw = normal_drawer(noise_key(task.id, 0))
    mean = bench.query(np.array(genotypes))
    luck = np.array([draw(genotype_counter(g)) for g in genotypes])
    deviation = np.array([bench.noise_deviation("val_accuracy", m) for m in mean])
    assert shown[0] == pytest.approx(mean + luck * deviation, rel=1e-13)
    idealised = task.replace(repeat="mean")
    assert (nasbench.search(idealised, scripted(genotypes), seed=0).trace["value"] == mean).all()
    assert idealised.idealised


def test_the_noise_numbers_are_standard_normal_and_apart():
    draw = normal_drawer(12345)
    numbers = np.array([draw(genotype_counter((i % 7, i // 7, 3))) for i in range(4000)])
    assert stats.kstest(numbers, "norm").pvalue > 1e-3
    other = np.array([normal_drawer(12346)(genotype_counter((i % 7, i // 7, 3))) for i in range(4000)])
    assert abs(np.corrcoef(numbers, other)[0, 1]) < 0.06
    assert np.isfinite([draw(0), draw(2**64 - 1)]).all()
    assert genotype_counter((1, 2)) == genotype_counter(np.array([1, 2])) != genotype_counter((2, 1))


# -- tasks and runs -------------------------------------------------------------------------------------


def test_a_search_has_no_rows_and_the_same_key_gives_the_same_bytes(bench):
    task = nasbench.Task(bench.name, evaluations=80)
    runs = [nasbench.search(task, "regularized-evolution", seed=4) for _ in range(2)]
    assert runs[0].key == runs[1].key
    assert runs[0].trace_hash == runs[1].trace_hash
    trace = runs[0].trace
    assert (trace["row"] == -1).all()
    assert SPACE.valid(trace["genotype"]).all()
    assert runs[0].ledger.unique == len({tuple(g) for g in trace["genotype"].tolist()})
    assert runs[0].ledger.seconds == pytest.approx(bench.query(trace["genotype"], "train_seconds").sum())
    assert runs[0].ledger.epochs == 80 * 20
    code = (
        "import nasbench\n"
        f"run = nasbench.search(nasbench.Task({bench.name!r}, evaluations=80), 'regularized-evolution', seed=4)\n"
        "print(run.key, run.trace_hash)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ}
    ).stdout
    assert done.split() == [runs[0].key, runs[0].trace_hash]


def test_the_key_knows_the_models_but_not_where_they_are(bench, home, fitted):
    before = nasbench.search(nasbench.Task(bench.name, evaluations=5), "random-search").key
    write_world(home, "noisy", test=True)
    arguments = {"metrics": ["train_seconds", "test_accuracy"], "allow_test": True}
    other = fit_surrogate(load("noisy/default"), "noisy-surrogate", params=SMALL | {"n_estimators": 20}, **arguments)
    install(other, replace=True)
    assert nasbench.search(nasbench.Task(bench.name, evaluations=5), "random-search").key != before
    install(fitted["noisy"], replace=True)
    assert nasbench.search(nasbench.Task(bench.name, evaluations=5), "random-search").key == before


def test_policies_of_a_task(bench, scripted):
    with pytest.raises(TaskError, match="no numbered training runs"):
        nasbench.Task(bench.name, evaluations=5, repeat=0)
    with pytest.raises(TaskError, match="no learning curve"):
        nasbench.Task(bench.name, evaluations=5, fidelity="curve")
    with pytest.raises(StrategyError, match="epoch 3"):
        nasbench.search(nasbench.Task(bench.name, evaluations=5), scripted([(0,) * 6], epochs=[3]))
    with pytest.raises(GenotypeError):
        nasbench.search(nasbench.Task(bench.name, evaluations=5), scripted([(0, 0, 0, 0, 0, 9)]))
    twice = [(0,) * 6, (1,) * 6, (0,) * 6, (2,) * 6, (0,) * 6]
    free = nasbench.search(nasbench.Task(bench.name, evaluations=3, charge="unique"), scripted(twice))
    assert (free.ledger.raw, free.ledger.unique, free.ledger.charged) == (4, 3, 3)
    assert free.trace["value"][2] == free.trace["value"][0]
    assert free.trace["cost"][2] == 0
    paid = nasbench.search(nasbench.Task(bench.name, evaluations=5), scripted(twice))
    assert (paid.ledger.unique, paid.ledger.repeated, paid.ledger.charged) == (3, 2, 5)
    timed = nasbench.search(nasbench.Task(bench.name, seconds=2000.0, workers=2), "random-search")
    assert timed.ledger.seconds <= 2000
    several = nasbench.Task(bench.name, objective=["val_accuracy", "train_seconds"], evaluations=30)
    front = nasbench.search(several, "random-search").front
    assert 0 < len(front) <= 30


def test_classes_are_the_spaces_own(home, scripted):
    from nasbench.spaces.nasbench201 import NASBench201Space

    cells = NASBench201Space()
    rng = np.random.default_rng(0)
    genotypes = np.unique(cells.sample(rng, 200), axis=0)
    data = TableData(
        name="cells", title="t", licence="l", citation="c", sources=(), space_kind=cells.kind,
        space_definition=cells.definition(), space_sha256=cells.sha256, complete=False, genotypes=genotypes,
        source_ids=np.array([f"{i}".encode() for i in range(len(genotypes))]), canonical=np.arange(len(genotypes)),
        datasets={"default": Dataset("val_accuracy", {"p": Protocol(
            "p", final={"val_accuracy": Column(rng.random((len(genotypes), 1)), "maximize", "%", "valid")})})},
    )  # fmt: skip
    write_table(home / "tables" / "cells.h5", data, "the tests")
    surrogate = fit_surrogate(load("cells/default"), "cells-surrogate", params=SMALL | {"n_estimators": 5})
    assert any("too badly" in warning for warning in surrogate.manifest.metrics[0].warnings())
    install(surrogate)
    pool = cells.sample(rng, 300)
    classes = np.unique(cells.canonical(pool), axis=0, return_inverse=True)[1].ravel()
    twins = np.flatnonzero(np.bincount(classes)[classes] > 1)
    first = twins[0]
    second = next(i for i in np.flatnonzero(classes == classes[first]) if (pool[i] != pool[first]).any())
    pair = [tuple(pool[first].tolist()), tuple(pool[second].tolist())]
    task = nasbench.Task("cells-surrogate/default", evaluations=2, charge="unique-class")
    run = nasbench.search(task, scripted(pair))
    assert (run.ledger.raw, run.ledger.unique, run.ledger.unique_classes, run.ledger.charged) == (2, 2, 1, 1)
    assert run.trace["value"][0] == run.trace["value"][1]
    from nasbench.analysis.regret import path_of

    assert path_of(run).evaluations.tolist() == [1, 1]


def test_a_vast_space_is_searched_by_every_light_strategy(home, fitted):
    install(fitted["vast"])
    bench = load("vast-surrogate/default")
    assert bench.space.size == 2**72
    task = nasbench.Task(bench.name, evaluations=40)
    for strategy in ("random-search", "regularized-evolution", "local-search", "gp", "reinforce"):
        run = nasbench.search(task, strategy, seed=0)
        assert run.ledger.raw == 40
        assert run.trace["value"].max() == run.task.bench.query(run.best)


# -- fitting ----------------------------------------------------------------------------------------------


def test_what_cannot_be_fitted_is_said(home, fitted):
    write_world(home, "few", rows=40)
    with pytest.raises(TableError, match="too few"):
        fit_surrogate(load("few/default"), "few-surrogate")
    write_world(home, "noisy", test=True)
    bench = load("noisy/default")
    with pytest.raises(TaskError, match="holds test data"):
        fit_surrogate(bench, "x", metrics=["test_accuracy"])
    with pytest.raises(UnknownNameError, match="can be saved as data"):
        fit_surrogate(bench, "x", predictor="gp")
    with pytest.raises(UnknownNameError, match="max_deph"):
        fit_surrogate(bench, "x", params={"max_deph": 3})
    with pytest.raises(TaskError, match="members"):
        fit_surrogate(bench, "x", params={"members": 1})
    with pytest.raises(UnknownNameError, match="val_loss"):
        fit_surrogate(bench, "x", metrics=["val_loss"])
    for seed in (-1, 0.5, True):
        with pytest.raises(TaskError, match="seed"):
            fit_surrogate(bench, "x", seed=seed)
    install(fitted["noisy"])
    with pytest.raises(NoTableError, match="is a surrogate itself"):
        fit_surrogate(load("noisy-surrogate/default"), "x")


@pytest.mark.parametrize(
    ("name", "value"),
    [("members", 65), ("members", True), ("n_estimators", 0), ("max_depth", 3.0), ("learning_rate", 0),
     ("subsample", 2), ("min_child_weight", float("inf")), ("min_child_weight", "3")],
)  # fmt: skip
def test_hyper_parameters_are_checked(name, value):
    with pytest.raises(ValueError, match=name):
        BoostingParams.of({name: value})


def test_rows_without_a_value_are_left_out_and_counted(home):
    bench = load(write_world(home, "holes", rows=300, failed=60))
    surrogate = fit_surrogate(bench, "holes-surrogate", params=SMALL)
    assert {model.name: model.rows for model in surrogate.manifest.metrics} == {
        "val_accuracy": 240,
        "train_seconds": 300,
    }
    assert surrogate.manifest.base_rows == 300


def test_noise_of_a_handful_is_unknown(home):
    bench = load(write_world(home, "handful", rows=120, twice=5))
    manifest = fit_surrogate(bench, "handful-surrogate", params=SMALL | {"n_estimators": 5}).manifest
    assert manifest.metrics[0].noise is None
    assert manifest.noise_floor is None


def test_progress_reaches_its_end(home):
    told = []
    fit_surrogate(
        load(write_world(home, "toy", rows=120)),
        "toy-surrogate",
        params=SMALL | {"n_estimators": 2},
        progress=lambda what, done, total: told.append((done, total)),
    )
    assert [done for done, _ in told] == list(range(1, told[-1][1] + 1))


def test_the_best_known_is_found_by_climbing(bench, fitted):
    model = bench.model()
    everything = bench.query(SPACE.all())
    assert model.best_value == bench.query(model.best)
    assert model.best_value == pytest.approx(everything.max(), abs=0.5)
    around = bench.query(np.array(SPACE.neighbours(model.best)))
    assert around.max() <= model.best_value


def test_a_real_table(home, mirror):
    folder = next(iter(sorted(mirror.glob("dingmyu/NCP/*/data"))), None)
    if folder is None:
        pytest.skip("no NAS-Bench-MR in the published files")
    install_table(read("nas-bench-mr", folder))
    bench = load("nas-bench-mr/cls-10c")
    surrogate = fit_surrogate(bench, "mr", params={"members": 3, "n_estimators": 150, "learning_rate": 0.15})
    held_out = surrogate.manifest.metrics[0].held_out
    assert held_out.tau > 0.75
    assert held_out.r2 > 0.85
    assert 0.88 < held_out.coverage_95 < 0.99
    install(surrogate)
    served = load("mr/cls-10c")
    assert served.space.size == 2**80
    assert stats.kendalltau(served.query(bench.genotypes), bench.mean("val_top1")).statistic > 0.85
