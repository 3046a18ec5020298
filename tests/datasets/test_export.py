"""What is exported can be read back bit for bit, by us and by others."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nasbench.benchmark import Benchmark, load
from nasbench.datasets.export import export_csv, export_parquet
from nasbench.datasets.importers.csv_table import read_csv
from nasbench.datasets.install import install
from nasbench.errors import MissingExtraError, TableError, UnknownNameError
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.grid import GridSpace
from nasbench.table_file import write_table

NB201 = ["val_accuracy:max:valid:%", "train_seconds:min:cost", "latency_ms:min:cost", "params:min:cost"]


@pytest.mark.parametrize("long", [False, True])
def test_nasbench201_there_and_back(shared_home: Path, tmp_path: Path, long: bool) -> None:
    bench = load("nasbench201/cifar10")
    path = export_csv(bench, tmp_path / "out.csv", long=long)
    names = [parameter.name for parameter in bench.full_space.parameters]
    data = read_csv(path, f"back-{long}".lower(), names, NB201, id_column="source_id")
    install(data)
    back = load(data.name)
    assert data.complete
    assert len(back) == 15_625
    # both spaces have the same choices in another order: join on the official id
    rows = [back.table.row_of_source[text.decode()] for text in bench.table.source_ids.tolist()]
    for name in bench.metrics:
        np.testing.assert_array_equal(back.column(name)[rows], bench.column(name), err_msg=name)
    assert back.noise_floor == bench.noise_floor
    assert back.metrics.keys() == bench.metrics.keys()
    assert all(back.metrics[m].unit == bench.metrics[m].unit for m in bench.metrics)


def test_the_wide_file_says_what_is_in_it(shared_home: Path, tmp_path: Path) -> None:
    bench = load("nasbench201/cifar10")
    with export_csv(bench, tmp_path / "deep" / "out.csv").open(newline="") as stream:
        records = list(csv.DictReader(stream))
    assert len(records) == 15_625
    best = max(
        records, key=lambda r: np.mean([float(r[f"val_accuracy.{k}"]) for k in range(3) if r[f"val_accuracy.{k}"]])
    )
    assert bench.space.parse(best["architecture"]) == bench.optimum()[0]
    assert best["source_id"] == "6111"
    edges = [best[f"edge {e}"] for e in ("0->1", "0->2", "1->2", "0->3", "1->3", "2->3")]
    assert edges == re.findall(r"(\w+)~", best["architecture"])
    two = next(r for r in records if not r["val_accuracy.2"])
    assert np.isnan(bench.query(two["architecture"], repeat=2))


def test_a_partial_dataset_exports_the_rows_that_it_covers(shared_home: Path, tmp_path: Path) -> None:
    bench = load("nas-bench-graph/proteins")
    frame = pd.read_csv(export_csv(bench, tmp_path / "out.csv"))
    assert len(frame) == 2_021
    assert not frame.isna().any().any()
    np.testing.assert_array_equal(frame["test_accuracy"], bench.column("test_accuracy")[:, 0])


@pytest.fixture
def curves(home: Path) -> Benchmark:
    """A table with curves, a protocol of its own, missing runs and choices of every type."""
    space = GridSpace.of({"lr": [0.001, 0.1], "width": [8, 16], "act": ["relu", 'ta"nh']})
    rng = np.random.default_rng(0)
    final = rng.random((8, 2))
    final[3, 1] = np.nan
    curve = rng.random((8, 2, 3)).astype(np.float32)
    curve[3, 1] = np.nan
    curve[5, 0, 1] = np.nan
    curve[:, :, 2] = final
    recipe = Protocol(
        "9",
        9,
        final={"val_accuracy": Column(final, "maximize", "", "valid")},
        curve={"val_accuracy": Column(curve, "maximize", "", "valid", epochs=(1, 4, 9))},
        cost={
            "params": Column(np.arange(8.0), "minimize", "count", "cost"),
            "train_seconds": Column(1 + rng.random((8, 2)), "minimize", "s", "cost"),
        },
    )
    short = Protocol("3", 3, final={"val_loss": Column(rng.random((8, 1)), "minimize", "", "valid")})
    data = TableData(
        "curves", "", "MIT", "Me", ({"name": "test"},), space.kind, space.definition(), space.sha256, True,
        space.all(), np.array([b"%d" % i for i in range(8)]), np.arange(8),
        {"d": Dataset("val_accuracy", {"9": recipe, "3": short})},
    )  # fmt: skip
    write_table(home / "tables" / "curves.h5", data, "a test")
    return load("curves/d")


def test_curves_there_and_back(curves: Benchmark, tmp_path: Path) -> None:
    path = export_csv(curves, tmp_path / "out.csv", long=True)
    metrics = ["val_accuracy:max:valid", "params:min:cost", "train_seconds:min:cost"]
    data = read_csv(path, "back", ["lr", "width", "act"], metrics, id_column="source_id")
    install(data)
    back = load("back")
    assert back.full_space == curves.full_space
    for name in curves.metrics:
        np.testing.assert_array_equal(back.column(name), curves.column(name))
    assert back.metrics["val_accuracy"].epochs == (1, 4, 9)
    np.testing.assert_array_equal(back.curves("val_accuracy"), curves.curves("val_accuracy"))


def test_another_protocol(curves: Benchmark, tmp_path: Path) -> None:
    frame = pd.read_csv(export_csv(curves, tmp_path / "out.csv", protocol="3"))
    np.testing.assert_array_equal(frame["val_loss"], curves.column("val_loss", "3")[:, 0])
    assert frame["width"].tolist() == [8, 8, 16, 16] * 2
    assert frame["act"].tolist() == ["relu", 'ta"nh'] * 4
    with pytest.raises(UnknownNameError, match=r"protocol of curves/d '12'"):
        export_csv(curves, tmp_path / "no.csv", protocol="12")
    assert not (tmp_path / "no.csv").exists()


def test_parquet_holds_the_same_numbers_and_the_provenance(curves: Benchmark, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for long in (False, True):
        wide = parquet.read_table(export_parquet(curves, tmp_path / "out.parquet", long=long))
        frame = pd.read_csv(export_csv(curves, tmp_path / "out.csv", long=long), dtype={"source_id": str})
        assert wide.column_names == list(frame.columns)
        for name in wide.column_names:
            values = wide.column(name).to_pandas()
            assert values.isna().tolist() == frame[name].isna().tolist()
            assert values.dropna().tolist() == frame[name].dropna().tolist()
    about = json.loads(wide.schema.metadata[b"nasbench"])
    assert (about["benchmark"], about["licence"]) == ("curves/d", "MIT")
    assert about["content_sha256"] == curves.table.attrs["content_sha256"]


def test_parquet_without_pyarrow(curves: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"nasbench-arena\[parquet\]"):
        export_parquet(curves, tmp_path / "out.parquet")


def test_a_full_disk_keeps_the_old_file(curves: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out" / "out.csv"
    export_csv(curves, path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for export in (export_csv, export_parquet):
        with pytest.raises(TableError, match=r"cannot write .*No space left"):
            export(curves, path)
    assert [p.name for p in path.parent.iterdir()] == ["out.csv"]
    assert path.read_bytes() == before


def test_a_column_of_the_users_own_comes_first(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("architecture,a\n1,2\n2,3\n")
    install(read_csv(path, "mine", ["architecture"], ["a:max:valid"]))
    frame = pd.read_csv(export_csv(load("mine"), tmp_path / "out.csv"))
    assert frame["architecture"].tolist() == [1, 2]


def test_a_choice_and_a_metric_of_one_name(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("w,x\n1,2\n2,3\n")
    install(read_csv(path, "mine", ["w"], ["w.0=x:max:valid"]))
    frame = pd.read_csv(export_csv(load("mine"), tmp_path / "out.csv"))
    assert list(frame.columns) == ["architecture", "source_id", "w", "w.0"]
    install(read_csv(path, "mine", ["w"], ["w=x:max:valid"]), replace=True)
    with pytest.raises(TableError, match=r"two columns 'w'"):
        export_csv(load("mine"), tmp_path / "out.csv")
