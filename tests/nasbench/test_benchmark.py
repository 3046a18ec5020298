"""A benchmark answers the same number by every road, and says what is wrong otherwise."""

from __future__ import annotations

import copy
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nasbench
from nasbench.benchmark import Benchmark, Metric, load
from nasbench.datasets.importers.csv_table import read_csv
from nasbench.datasets.install import install
from nasbench.errors import GenotypeError, NotInTableError, TableError, UnknownNameError
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.grid import GridSpace
from nasbench.store import Table
from nasbench.table_file import write_table
from nasbench.task import Task

WIDTHS, ACTS, EPOCHS, RUNS = (8, 16, 32), ("relu", "tanh"), (1, 4, 10), (0, 1)


def accuracy(width: int, act: str, epoch: int, run: int) -> float:
    return 50 + width + 5 * (act == "tanh") + epoch / 2 + run / 4


@pytest.fixture(scope="module", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A NASBENCH_HOME of the module's own, with two imported tables: `curves` and `part`."""
    folder = tmp_path_factory.mktemp("home")
    cache = Path(os.environ["NASBENCH_HOME"]).absolute() / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (folder / "cache").symlink_to(cache, target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASBENCH_HOME", str(folder))
        long = ["width,act,epoch,repeat,val_accuracy,test_accuracy,train_seconds,params"]
        for width in WIDTHS:
            for act in ACTS:
                for run in RUNS[: 1 if (width, act) == (16, "relu") else 2]:
                    for epoch in EPOCHS:
                        value = accuracy(width, act, epoch, run)
                        test = value - 1 if epoch == 10 else ""
                        cells = (width, act, epoch, run, value, test, epoch * width, width * 100)
                        long.append(",".join(map(str, cells)))
        source = folder / "long.csv"
        source.write_text("\n".join(long))
        metrics = ["val_accuracy:max:valid:%", "test_accuracy:max:test:%", "train_seconds:min:cost", "params:min:cost"]
        install(read_csv(source, "curves", ["width", "act"], metrics))
        wide = folder / "wide.csv"
        wide.write_text("width,act,val_loss\n8,relu,3\n16,tanh,1\n32,relu,2\n32,tanh,1\n")
        install(read_csv(wide, "part", ["width", "act"], ["val_loss:min:valid"]))
        yield folder


@pytest.fixture(scope="module")
def nb201() -> Benchmark:
    return load("nasbench201/cifar10")


# -- one number by every road --------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.integers(0, 15_624), min_size=1, max_size=8), data=st.data())
def test_all_roads_lead_to_one_number(nb201: Benchmark, rows: list[int], data: st.DataObject) -> None:
    metric = data.draw(st.sampled_from(list(nb201.metrics)))
    repeat = data.draw(st.sampled_from([None, 0, 1, 2]))
    batch = nb201.genotypes[rows]
    column = nb201.column(metric)[rows]
    shown = repeat if column.shape[1] > 1 else 0
    expected = np.nanmean(column, axis=1) if repeat is None else column[:, shown]
    tolerance = {"rtol": 1e-14 if repeat is None else 0}
    np.testing.assert_allclose(nb201.query(batch, metric, repeat=repeat), expected, **tolerance)
    np.testing.assert_allclose(nb201.query(batch.tolist(), metric, repeat=repeat), expected, **tolerance)
    for row, genotype, value in zip(rows, map(tuple, batch.tolist()), expected.tolist(), strict=True):
        assert nb201.row(genotype) == row
        answers = [
            nb201.query(genotype, metric, repeat=repeat),
            nb201.query(list(genotype), metric, repeat=repeat),
            nb201.query(np.array(genotype, dtype=np.uint8), metric, repeat=repeat),
            nb201.query(nb201.space.format(genotype), metric, repeat=repeat),
            nb201.query(",".join(map(str, genotype)), metric, repeat=repeat),
            nb201.query(nb201.table.source_ids[row].decode(), metric, repeat=repeat),
            nb201.query(genotype, metric, repeat=repeat, protocol="200"),
            nb201.query(genotype, metric, repeat=repeat, epoch=200),
            nb201.at(row, metric, repeat),
        ]
        assert all(type(answer) is float for answer in answers)
        np.testing.assert_allclose(answers, value, **tolerance)


def test_the_primary_metric_is_the_default(nb201: Benchmark) -> None:
    genotype = (4, 2, 1, 2, 1, 1)
    assert nb201.query(genotype) == nb201.query(genotype, "val_accuracy")
    assert nb201.objective == "val_accuracy"


def test_a_missing_training_run_is_nan(nb201: Benchmark) -> None:
    row = int(np.flatnonzero(np.isnan(nb201.column("val_accuracy")[:, 2]))[0])
    genotype = tuple(nb201.genotypes[row].tolist())
    assert np.isnan(nb201.query(genotype, repeat=2))
    assert np.isnan(nb201.query([genotype, genotype], repeat=2)).all()
    first, second = (nb201.query(genotype, repeat=repeat) for repeat in (0, 1))
    assert nb201.query(genotype) == pytest.approx((first + second) / 2, rel=1e-15)


def test_the_optimum_is_the_best_mean(nb201: Benchmark) -> None:
    best = max((np.mean([v for v in row if v == v]), -i) for i, row in enumerate(nb201.column("val_accuracy").tolist()))
    genotype, value = nb201.optimum()
    assert (value, nb201.row(genotype)) == (pytest.approx(best[0]), -best[1])
    smallest = nb201.optimum("params")
    assert smallest[1] == nb201.column("params").min()
    assert nb201.row(smallest[0]) == int(nb201.column("params").argmin())


def test_an_empty_batch(nb201: Benchmark) -> None:
    assert nb201.query(np.empty((0, 6), dtype=int), "val_accuracy").shape == (0,)


def test_arrays_are_read_only(nb201: Benchmark) -> None:
    for array in (nb201.genotypes, nb201.column("val_accuracy"), nb201.mean("val_accuracy"), nb201.classes):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_classes_share_a_canonical_form(nb201: Benchmark) -> None:
    canonical = nb201.space.canonical(nb201.genotypes)
    assert len(np.unique(nb201.classes)) == len(np.unique(canonical, axis=0)) == 5_260
    np.testing.assert_array_equal(nb201.genotypes[nb201.classes], canonical)


# -- loading -----------------------------------------------------------------------------------------


def test_load_is_cached_and_pickled_as_a_name(nb201: Benchmark) -> None:
    assert load("nasbench201/cifar10") is nb201
    assert nasbench.load("nasbench201/cifar10") is nb201
    assert pickle.loads(pickle.dumps(nb201)) is nb201
    assert copy.deepcopy(nb201) is nb201
    assert len(pickle.dumps(nb201)) < 200
    assert "15,625" in repr(nb201)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("nasbench201/cifar11", "nasbench201/cifar10"),
        ("nasbench201", "nasbench201/cifar10"),
        ("nasbench-201/cifar10", "nasbench201/cifar10"),
        ("curve", "curves/default"),
        ("nas-bench-graph/Cora", "nas-bench-graph/cora"),
    ],
)
def test_an_unknown_benchmark_lists_what_exists(name: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match=rf"unknown benchmark '{name}'\. Did you mean '{nearest}'") as caught:
        load(name)
    assert "fcnet/naval_propulsion" in str(caught.value)


@pytest.mark.parametrize("name", ["", "/", "/etc/passwd", "../../etc/passwd", "a\x00b", None, 3, "nasbench201/"])
def test_names_that_are_no_names(name: object) -> None:
    with pytest.raises(UnknownNameError):
        load(name)  # type: ignore[arg-type]


def test_a_table_of_another_version_of_its_space(tmp_path: Path) -> None:
    space = GridSpace.of({"a": [1, 2]})
    column = Column(np.ones((2, 1)), "maximize", "", "valid")
    data = TableData(
        "old", "", "", "", (), space.kind, space.definition(), "0" * 64, True, space.all(),
        np.array([b"0", b"1"]), np.arange(2), {"default": Dataset("m", {"p": Protocol("p", final={"m": column})})},
    )  # fmt: skip
    with pytest.raises(TableError, match=r"another version of its search space"):
        Benchmark(Table(_written(tmp_path / "old.h5", data)), "default")


def _written(path: Path, data: TableData) -> Path:
    write_table(path, data, "a test")
    return path


# -- what is wrong is said -----------------------------------------------------------------------------


def test_an_unknown_metric_names_the_nearest(nb201: Benchmark) -> None:
    genotype = (0,) * 6
    for ask in (
        lambda: nb201.query(genotype, "val_acuracy"),
        lambda: nb201.query([genotype], "val_acuracy"),
        lambda: nb201.at(0, "val_acuracy"),
        lambda: nb201.column("val_acuracy"),
        lambda: nb201.mean("val_acuracy"),
        lambda: nb201.optimum("val_acuracy"),
    ):
        with pytest.raises(
            UnknownNameError, match=r"metric of nasbench201/cifar10 'val_acuracy'\. Did you mean 'val_acc"
        ):
            ask()


@pytest.mark.parametrize("repeat", [3, -1, 1.5, "0"])
def test_an_unknown_training_run(nb201: Benchmark, repeat: object) -> None:
    genotype = (0,) * 6
    for ask in (
        lambda: nb201.query(genotype, repeat=repeat),
        lambda: nb201.query([genotype], repeat=repeat),
        lambda: load("curves").query((0, 0), repeat=repeat, epoch=4),
    ):
        with pytest.raises(UnknownNameError, match=r"training repeat of .*Known: 0, 1"):
            ask()


def test_a_fixed_cost_is_the_same_in_every_training_run(nb201: Benchmark) -> None:
    assert nb201.query((3,) * 6, "params", repeat=7) == nb201.query((3,) * 6, "params")


def test_unknown_protocols_and_epochs(nb201: Benchmark) -> None:
    genotype = (0,) * 6
    with pytest.raises(UnknownNameError, match=r"protocol of nasbench201/cifar10 '12'\. Did you mean|Known: 200"):
        nb201.query(genotype, protocol="12")
    with pytest.raises(UnknownNameError, match=r"protocol of .* 'x'"):
        nb201.metrics_of("x")
    with pytest.raises(UnknownNameError, match=r"epoch of .*val_accuracy 12.*Known: 200.*end of training"):
        nb201.query(genotype, epoch=12)
    with pytest.raises(UnknownNameError, match=r"learning curve of nasbench201/cifar10 'val_accuracy'.*Known: none"):
        nb201.curves("val_accuracy")
    with pytest.raises(UnknownNameError, match=r"epoch of curves/default val_accuracy 3.*Known: 1, 10, 4"):
        load("curves").query((0, 0), epoch=3)
    with pytest.raises(UnknownNameError, match=r"end of training only.*curves there: .*val_accuracy \(valid\)"):
        load("curves").query((0, 0), "test_accuracy", epoch=4)


@pytest.mark.parametrize(
    "architecture",
    [
        (0,) * 5, (0,) * 7, (5, 0, 0, 0, 0, 0), (-1, 0, 0, 0, 0, 0), (0.5, 0, 0, 0, 0, 0), (), "|nor_conv_7x7~0|", "",
        "15625", [(0,) * 6, (0,) * 5], np.zeros((2, 6)), np.full((1, 6), 9), "0,0,0,0,0,9",
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_architecture(nb201: Benchmark, architecture: object) -> None:
    with pytest.raises(GenotypeError):
        nb201.query(architecture)


@pytest.mark.parametrize("row", [-1, 15_625, 10**9])
def test_a_row_that_is_not_there(nb201: Benchmark, row: int) -> None:
    with pytest.raises(NotInTableError, match=r"rows 0 to 15,624, not"):
        nb201.at(row, "val_accuracy")


# -- curves --------------------------------------------------------------------------------------------


def test_learning_curves_of_an_imported_table() -> None:
    bench = load("curves")
    assert bench.metrics["val_accuracy"] == Metric("val_accuracy", "maximize", "%", "valid", 2, epochs=EPOCHS)
    assert bench.curves("val_accuracy").shape == (6, 2, 3)
    for width in WIDTHS:
        for act in ACTS:
            runs = [run for run in RUNS if (width, act, run) != (16, "relu", 1)]
            text = f"width={width},act={act}"
            genotype = bench.space.parse(text)
            for epoch in EPOCHS:
                values = [accuracy(width, act, epoch, run) for run in runs]
                assert bench.query(text, epoch=epoch) == pytest.approx(np.mean(values))
                assert bench.query([genotype], epoch=epoch).tolist() == pytest.approx([np.mean(values)])
                for run in RUNS:
                    answer = bench.query(genotype, repeat=run, epoch=epoch)
                    assert answer == accuracy(width, act, epoch, run) if run in runs else np.isnan(answer)
                assert bench.query(genotype, "train_seconds", epoch=epoch) == epoch * width
            assert bench.query(genotype) == bench.query(genotype, epoch=10)
            assert bench.query(genotype, "params", repeat=1) == width * 100
    assert bench.test_metric("val_accuracy") == "test_accuracy"
    assert bench.curves("val_accuracy") is bench.curves("val_accuracy")


def test_a_search_may_use_the_curves() -> None:
    task = Task("curves", epochs=100, fidelity="curve")
    assert task.fidelities == EPOCHS
    assert task.recipe_epochs == 10
    assert Task("curves", seconds=100).has_times


def test_digests_tell_columns_apart() -> None:
    bench = load("curves")
    digests = {name: bench.digest(name) for name in bench.metrics}
    assert len(set(digests.values())) == len(digests)
    assert all(len(digest) == 64 for digest in digests.values())


# -- partial tables --------------------------------------------------------------------------------------


def test_a_partial_table_says_what_it_does_not_list() -> None:
    bench = load("part")
    assert (len(bench), bench.space.size, bench.full_space.size) == (4, 4, 6)
    assert bench.query("width=32,act=relu") == 2.0
    assert bench.optimum() == ((1, 1), 1.0)
    assert bench.row((0, 1)) == -1
    assert bench.rows([(0, 0), (0, 1), (2, 1)]).tolist() == [0, -1, 3]
    for architecture in ((0, 1), "width=8,act=tanh", [(0, 0), (0, 1)], [0, 1]):
        with pytest.raises(NotInTableError, match=r"part/default lists 4 of 6 .* not width=8,act=tanh; search over"):
            bench.query(architecture)
    with pytest.raises(GenotypeError):
        bench.row((0, 2))
    with pytest.raises(GenotypeError):
        bench.query("width=64,act=relu")


def test_a_dataset_that_covers_a_part_of_its_family() -> None:
    cora, proteins = load("nas-bench-graph/cora"), load("nas-bench-graph/proteins")
    listed = {tuple(genotype) for genotype in proteins.genotypes.tolist()}
    assert len(listed) == 2_021
    for row in range(0, len(cora), 517):
        genotype = tuple(cora.genotypes[row].tolist())
        if genotype in listed:
            assert tuple(proteins.genotypes[proteins.row(genotype)].tolist()) == genotype
        else:
            assert proteins.row(genotype) == -1
            with pytest.raises(NotInTableError):
                proteins.query(genotype)
    assert proteins.column("val_accuracy").shape == (2_021, 1)
    assert len(np.unique(proteins.classes)) == 2_021
