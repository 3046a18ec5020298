"""Learning curves of 200 NAS-Bench-201 cells: against the file, the base and an official record."""

from __future__ import annotations

import bz2
import csv
import json
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nasbench
from nasbench.datasets.addons import addon_path
from nasbench.datasets.families import open_base
from nasbench.datasets.importers import nasbench201_curves
from nasbench.datasets.readers.safe_pickle import loads, numpy_scalar_globals
from nasbench.errors import ImportFileError, NasbenchError, TaskError, UnknownNameError
from nasbench.store import Table

FILE = "SamuelMintal/Masters_Thesis/5db5b991e4b0761e7c5a60c9f9e2ef18c175abb6/___my_code/_clean_all_merged.csv"
NATS = "D-X-Y/NATS-Bench/*/fake_torch_dir/NATS-tss-v1_0-3ffb9-simple/000000.pickle.pbz2"


@pytest.fixture(scope="module")
def published(mirror):
    return list(csv.DictReader((mirror / FILE).read_text("utf-8").splitlines()))


@pytest.fixture(scope="module")
def bench(fetched_home):
    return nasbench.load("nasbench201/cifar10")


@pytest.fixture(scope="module")
def base(shared_home):
    return open_base("nasbench201")


@pytest.mark.parametrize(
    ("metric", "column"), [("mean_val_accuracy", "val_accs"), ("mean_train_accuracy", "train_accs")]
)
def test_each_curve_is_the_files(bench, published, metric, column):
    rows = bench.rows([bench.space.parse(line["arch_str"]) for line in published])
    expected = np.array([json.loads(line[column]) for line in published])
    curves = bench.curves(metric)
    assert curves.shape == (15625, 1, 200)
    np.testing.assert_array_equal(curves[rows, 0], expected.astype(np.float32))
    np.testing.assert_array_equal(bench.mean(metric)[rows], expected[:, -1])
    others = np.setdiff1d(np.arange(15625), rows)
    assert len(others) == 15425
    assert np.isnan(curves[others]).all()
    assert np.isnan(bench.mean(metric)[others]).all()
    assert bench.metrics[metric].epochs == tuple(range(1, 201))


def test_the_curves_are_of_official_cells_0_to_199(published):
    assert sorted(int(line["arch_i"]) for line in published) == list(range(200))


def test_the_ends_are_the_mean_validation_accuracy_of_the_base_and_of_no_single_seed(bench):
    mean = bench.mean("mean_val_accuracy")
    listed = ~np.isnan(mean)
    np.testing.assert_allclose(mean[listed], bench.mean("val_accuracy")[listed], rtol=0, atol=1e-12)
    for seed in bench.column("val_accuracy")[listed].T:
        assert np.isclose(seed, mean[listed], atol=1e-6).mean() < 0.1


def test_the_curves_are_means_over_the_official_trainings(bench, official_file):
    path = official_file(NATS)
    allowed = {**numpy_scalar_globals(), ("collections", "OrderedDict"): OrderedDict}
    record = loads(bz2.decompress(path.read_bytes()), allowed)["200"]["all_results"]
    runs = [run for (dataset, _), run in record.items() if dataset == "cifar10-valid"]
    assert len(runs) == 3
    cell = tuple(bench.space.official_order()[0].tolist())
    for epoch in (1, 2, 100, 199, 200):
        valid = np.mean([run["eval_acc1es"][f"x-valid@{epoch - 1}"] for run in runs])
        train = np.mean([run["train_acc1es"][epoch - 1] for run in runs])
        assert bench.query(cell, "mean_val_accuracy", epoch=epoch) == pytest.approx(valid, rel=1e-7)
        assert bench.query(cell, "mean_train_accuracy", epoch=epoch) == pytest.approx(train, rel=1e-7)


def test_nobody_reads_a_mean_as_a_seed_and_the_base_is_as_it_was(bench):
    assert bench.metrics["val_accuracy"].epochs == ()
    assert (bench.metrics["mean_val_accuracy"].split, bench.metrics["mean_train_accuracy"].split) == ("valid", "train")
    with pytest.raises(UnknownNameError, match="repeat"):
        bench.query((0,) * 6, "mean_val_accuracy", repeat=1)
    with pytest.raises((UnknownNameError, TaskError)):
        bench.query((0,) * 6, "val_accuracy", epoch=50)
    with pytest.raises(UnknownNameError, match="201"):
        bench.query((0,) * 6, "mean_val_accuracy", epoch=201)
    table = Table(addon_path("nasbench201", "curves"))
    assert set(table.datasets["cifar10"].protocols["200"].final) == {"mean_val_accuracy", "mean_train_accuracy"}
    assert open_base("nasbench201").attrs["content_sha256"] == bench.table.attrs["content_sha256"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace("\n0,|avg", "\n1,|avg", 1), "does not belong to its string"),
        (lambda text: text.replace("\n0,|avg", "\n15625,|avg", 1), "does not belong to its string"),
        (lambda text: text.replace("|avg_pool_3x3~0|", "|max_pool_3x3~0|", 1), "max_pool"),
        (lambda text: text + text.splitlines()[1] + "\n", "lists a cell twice"),
        (lambda text: text.replace('"[', '"__import__(1)[', 1), "no JSON"),
        (lambda text: text.replace('"[', '"[1,', 1), "expected a list of 200"),
        (lambda text: text.replace('"[', '"[[', 1).replace(']"', ']]"', 1), "expected a list of 200"),
        (lambda text: text.replace('"[2', '"[-2', 1), "expected a number"),
        (lambda text: text.replace('"[2', '"[NaN, 2', 1), "no JSON number"),
    ],
)
def test_another_file_is_refused(mirror, base, tmp_path, change, says):
    path = tmp_path / "curves.csv"
    path.write_text(change((mirror / FILE).read_text("utf-8")), "utf-8")
    with pytest.raises(ImportFileError, match=says):
        nasbench201_curves.build({"curves": path}, base)


def test_ends_that_are_not_the_bases_are_refused(mirror, base, tmp_path, published):
    """What a curve of another dataset, split or seed would be."""
    text = (mirror / FILE).read_text("utf-8")
    values = published[5]["val_accs"]
    path = tmp_path / "curves.csv"
    path.write_text(text.replace(values, json.dumps([*json.loads(values)[:-1], 50.0])), "utf-8")
    with pytest.raises(ImportFileError, match="does not end at the mean"):
        nasbench201_curves.build({"curves": path}, base)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=200).map(lambda t: f"arch_i,arch_str,val_accs,train_accs\n{t}".encode()),
    )
)
def test_random_bytes_are_refused(tmp_path, base, content):
    path = tmp_path / "random.csv"
    path.write_bytes(content)
    with pytest.raises(NasbenchError):
        nasbench201_curves.build({"curves": path}, base)
