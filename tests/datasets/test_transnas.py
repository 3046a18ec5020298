"""TransNAS-Bench-101's .pth: files that torch writes in the official layout, against a plain reading of them.

The real numbers are NASLib's archive of final values: written into the official layout they must come out the same.
"""

from __future__ import annotations

import copy
import json
import math
import re
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from nasbench.benchmark import load
from nasbench.cli import app
from nasbench.datasets import formats
from nasbench.datasets.install import install
from nasbench.errors import ImportFileError, NotInTableError, TableError, UnsafeFileError
from nasbench.spaces.transnas import TransNASMicroSpace
from nasbench.spaces.transnas_macro import TransNASMacroSpace

torch = pytest.importorskip("torch")

NASLIB = "automl/NASLib/*/naslib/data/zc_benchmarks/all_benchmarks_zen.zip"
PRIMARY = {"class_scene": "top1", "class_object": "top1", "room_layout": "neg_loss", "jigsaw": "top1",
           "segmentsemantic": "acc", "normal": "ssim", "autoencoder": "ssim"}  # fmt: skip
MEASURED = {"class_scene": ("top1", "top5", "loss"), "class_object": ("top1", "top5", "loss"),
            "jigsaw": ("top1", "top5", "loss"), "room_layout": ("loss", "neg_loss"),
            "segmentsemantic": ("loss", "acc", "mIoU"), "normal": ("l1_loss", "ssim"),
            "autoencoder": ("l1_loss", "ssim")}  # fmt: skip
INFO = ["inference_time", "encoder_params", "model_params", "model_FLOPs", "encoder_FLOPs"]
EPOCHS = 3
MICRO = ["64-41414-1_02_333", "64-41414-3_33_333", "64-41414-0_00_000", "64-41414-2_10_321", "64-41414-3_33_332"]
MACRO = ["64-1234-basic", "64-411111-basic", "64-44111-basic", "64-2311-basic", "64-4111-basic"]
World = dict[str, Any]


def run(rng: np.random.Generator, task: str, epochs: int = EPOCHS) -> dict[str, Any]:
    """One record, as the official API reads it."""
    metrics = {}
    for split in ("train", "valid", "test"):
        for name in MEASURED[task]:
            metrics[f"{split}_{name}"] = (rng.random(epochs) - (1 if name == "neg_loss" else 0)).tolist()
    if task in ("normal", "autoencoder"):
        metrics |= {name: rng.random(epochs).tolist() for name in ("train_g_loss", "train_d_loss")}
    metrics["time_elapsed"] = (60.0 * np.arange(1, epochs + 1) + rng.random(epochs)).tolist()
    info = [rng.random(), *rng.integers(1 << 20, 1 << 30, size=4).tolist()]
    return {"total_epochs": epochs, "model_info": dict(zip(INFO, info, strict=True)), "metrics": metrics}


@pytest.fixture
def world() -> World:
    rng = np.random.default_rng(0)
    return whole({
        "macro": {arch: {task: run(rng, task) for task in PRIMARY} for arch in MACRO},
        "micro": {arch: {task: run(rng, task) for task in PRIMARY} for arch in MICRO},
    })  # fmt: skip


def whole(data: dict[str, Any]) -> World:
    metrics = {task: list(found["metrics"]) for task, found in next(iter(next(iter(data.values())).values())).items()}
    return {"data": data, "metrics_dict": metrics, "info_names": INFO, "task_list": list(metrics)}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(value: object, zipped: bool = True) -> Path:
        path = tmp_path / "transnas-bench_v10141024.pth"
        torch.save(value, path, _use_new_zipfile_serialization=zipped)
        return path

    return write


def same_as_plain_reading(family: str, records: dict[str, Any]) -> None:
    for task, metric in PRIMARY.items():
        bench = load(f"{family}/{task}")
        assert bench.objective == f"val_{metric}"
        assert len(bench) == len(records)
        for arch, tasks in records.items():
            found = tasks[task]
            for name, values in found["metrics"].items():
                if name == "time_elapsed":
                    assert bench.query(arch, "train_seconds") == values[-1]
                    continue
                ours = name.replace("valid_", "val_")
                assert bench.query(arch, ours) == values[-1]
                for epoch, value in enumerate(values, 1):
                    assert bench.query(arch, ours, epoch=epoch) == np.float32(value)
            assert bench.query(arch, "latency_ms") == found["model_info"]["inference_time"] * 1e3
            for ours, official in (("params", "model_params"), ("flops", "model_FLOPs"),
                                   ("encoder_params",) * 2, ("encoder_flops", "encoder_FLOPs")):  # fmt: skip
                assert bench.query(arch, ours) == found["model_info"][official]


@pytest.mark.parametrize("zipped", [True, False])
def test_files_in_the_official_layout(home: Path, world: World, write, zipped: bool) -> None:
    path = write(world, zipped)
    for name, part in (("transnas", "micro"), ("transnas-macro", "macro")):
        data = formats.read(name, path)
        assert not data.complete
        install(data)
        same_as_plain_reading(f"transnas-{part}", world["data"][part])


def test_what_the_columns_mean(home: Path, world: World, write) -> None:
    install(formats.read("transnas", write(world)))
    metrics = load("transnas-micro/segmentsemantic").metrics
    assert {name: (m.direction, m.split, m.unit) for name, m in metrics.items() if m.epochs} == {
        f"{split}_{name}": (direction, role, unit)
        for split, role in (("train", "train"), ("val", "valid"), ("test", "test"))
        for name, direction, unit in (("loss", "minimize", "loss"), ("acc", "maximize", "%"), ("mIoU", "maximize", "%"))
    } | {"train_seconds": ("minimize", "cost", "s")}
    assert {m.repeats for m in metrics.values()} == {1}
    layout = load("transnas-micro/room_layout").metrics
    assert (layout["val_neg_loss"].direction, layout["val_loss"].direction) == ("maximize", "minimize")
    assert load("transnas-micro/normal").metrics["train_d_loss"].split == "train"
    bench = load("transnas-micro/jigsaw")
    assert (list(bench.protocols), bench.protocol().epochs, bench.noise_floor) == (["3"], 3, None)


def test_cells_of_one_graph_are_one_class(home: Path, world: World, write) -> None:
    """Both cells without a path to the output, and no other two."""
    cells = world["data"]["micro"]
    cells["64-41414-3_30_000"] = cells["64-41414-0_00_000"]
    install(formats.read("transnas", write(world)))
    classes = load("transnas-micro/jigsaw").classes
    assert len(classes) == 6
    assert len(np.unique(classes)) == 5


def test_the_commands(home: Path, world: World, write, compares) -> None:
    path = write(world)
    out = CliRunner().invoke(app, ["import", "transnas", str(path), "--name", "tn"])
    assert "tn/jigsaw: 5 architectures, primary metric val_top1" in out.output
    assert CliRunner().invoke(app, ["import", "transnas-macro", str(path)]).exit_code == 0
    assert compares("tn/normal,transnas-macro/room_layout")


def test_every_architecture_makes_a_complete_table(home: Path, write) -> None:
    rng = np.random.default_rng(1)
    space = TransNASMacroSpace()
    names = [space.format(tuple(row)) for row in space.all().tolist()]
    records = {name: {"jigsaw": run(rng, "jigsaw", 1)} for name in rng.permutation(names).tolist()}
    data = formats.read("transnas-macro", write(whole({"macro": records})))
    assert data.complete
    np.testing.assert_array_equal(data.genotypes, space.all())
    column = data.datasets["jigsaw"].protocols["1"].final["val_top1"].values[:, 0]
    assert column.tolist() == [records[name]["jigsaw"]["metrics"]["valid_top1"][-1] for name in names]


def test_the_published_final_values(write, official_file) -> None:
    """NASLib's values in the official layout: both importers give the same columns, in the same rows."""
    naslib = official_file(NASLIB)
    values: dict[str, dict[str, Any]] = {}
    with zipfile.ZipFile(naslib) as packed:
        for name in packed.namelist():
            if name.endswith(".json"):
                task = name.split("--")[2]
                for entry in json.loads(packed.read(name)):
                    a, b, c, d, e, f = re.findall(r"\d", entry["arch"])
                    values.setdefault(f"64-41414-{a}_{b}{c}_{d}{e}{f}", {})[task] = entry["val_accuracy"]
    assert len(values) == 4096
    record = {
        arch: {
            task: {
                "total_epochs": 2,
                "model_info": dict.fromkeys(INFO, 1e6),
                "metrics": {f"valid_{PRIMARY[task]}": [-5.0 if task == "room_layout" else 0.0, value]},
            }
            for task, value in found.items()
        }
        for arch, found in values.items()
    }
    ours, theirs = formats.read("transnas", write(whole({"micro": record}))), formats.read("naslib-zc", naslib)
    np.testing.assert_array_equal(ours.genotypes, theirs.genotypes)
    np.testing.assert_array_equal(ours.canonical, theirs.canonical)
    assert ours.complete
    assert list(ours.datasets) == [task for task in PRIMARY if task in theirs.datasets]
    for task, metric in PRIMARY.items():
        mine = ours.datasets[task].protocols["2"].final[f"val_{metric}"]
        other = theirs.datasets[task].protocols["full"].final[f"val_{metric}"]
        np.testing.assert_array_equal(mine.values, other.values)
        assert (mine.direction, mine.unit, mine.split) == (other.direction, other.unit, other.split)
        assert ours.datasets[task].objective == theirs.datasets[task].objective


# -- what the official code leaves open -----------------------------------------------------------------


def times(world: World, make: Callable[[int], list[Any]]) -> World:
    for number, tasks in enumerate(world["data"]["micro"].values()):
        for found in tasks.values():
            found["metrics"]["time_elapsed"] = make(number)
    return world


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda n: [10.0 + n, 20.5, 30.0], [10, 20.5, 30]),
        (lambda n: ["00:01:00", "00:02:01", "01:00:02"], [60, 121, 3602]),
        (lambda n: [30.0, 40.0 + n, 50.0], [30, 40, 50]),
        (lambda n: [10.0 + n, 9.0, 11.0], [10, 19, 30]),
        (lambda n: [10.0, 10.0, 10.0], [10, 20, 30]),
    ],
)
def test_times_of_a_clock_and_of_each_epoch(home: Path, world: World, write, make, expected: list[float]) -> None:
    install(formats.read("transnas", write(times(world, make))))
    bench = load("transnas-micro/jigsaw")
    assert [bench.query(MICRO[0], "train_seconds", epoch=e) for e in (1, 2, 3)] == expected
    assert bench.query(MICRO[0], "train_seconds") == expected[-1]


@pytest.mark.parametrize(
    "make",
    [
        lambda n: [10.0, 20.0, 5.0 if n == 2 else 30.0],
        lambda n: [-1.0, 1.0, 1.0],
        lambda n: [1.0, math.nan, 2.0],
        lambda n: [1.0, 2.0, 1e300],
        lambda n: ["1:2", "00:00:01", "00:00:02"],
        lambda n: ["00:00:01", 2, 3],
    ],
)
def test_times_that_run_backwards(world: World, write, make) -> None:
    with pytest.raises(ImportFileError, match="time_elapsed"):
        formats.read("transnas", write(times(world, make)))


def test_counts_in_millions_and_costs_that_were_not_measured(home: Path, world: World, write) -> None:
    for tasks in world["data"]["micro"].values():
        tasks["jigsaw"]["model_info"] |= {"model_params": 2.5, "model_FLOPs": "", "encoder_params": None}
        tasks["normal"]["model_info"] |= {"model_params": 20_000, "model_FLOPs": 150_000.5, "encoder_FLOPs": 6e6}
    install(formats.read("transnas", write(world)))
    bench = load("transnas-micro/jigsaw")
    assert bench.query(MICRO[0], "params") == 2_500_000
    normal = load("transnas-micro/normal")
    counts = {name: normal.query(MICRO[0], name) for name in ("params", "flops", "encoder_flops")}
    assert counts == {"params": 20_000, "flops": 150_000.5e6, "encoder_flops": 6e6}
    assert {"flops", "encoder_params"}.isdisjoint(bench.metrics)
    info = world["data"]["micro"][MICRO[1]]["jigsaw"]["model_info"]
    assert bench.query(MICRO[1], "encoder_flops") == info["encoder_FLOPs"]


def test_runs_that_stopped_and_tasks_that_are_missing(home: Path, world: World, write) -> None:
    cells = world["data"]["micro"]
    cells[MICRO[1]]["jigsaw"] = run(np.random.default_rng(5), "jigsaw", EPOCHS - 1)
    cells[MICRO[2]]["jigsaw"]["metrics"]["valid_top1"][-1] = math.nan
    cells[MICRO[3]]["jigsaw"]["metrics"]["valid_top1"][-1] = -1e8
    del cells[MICRO[0]]["jigsaw"]
    install(formats.read("transnas", write(world)))
    bench = load("transnas-micro/jigsaw")
    assert len(bench) == 4
    with pytest.raises(NotInTableError):
        bench.query(MICRO[0], "val_top1")
    stopped = cells[MICRO[1]]["jigsaw"]["metrics"]
    assert math.isnan(bench.query(MICRO[1], "val_top1"))
    assert bench.query(MICRO[1], "val_top1", epoch=2) == np.float32(stopped["valid_top1"][1])
    assert bench.query(MICRO[1], "train_seconds") == stopped["time_elapsed"][1]
    assert math.isnan(bench.query(MICRO[2], "val_top1"))
    assert math.isnan(bench.query(MICRO[3], "val_top1"))
    assert bench.query(MICRO[4], "val_top1") == cells[MICRO[4]]["jigsaw"]["metrics"]["valid_top1"][-1]
    assert len(load("transnas-micro/normal")) == 5


# -- files that are not what they should be -------------------------------------------------------------


def first(world: World) -> dict[str, Any]:
    return world["data"]["micro"][MICRO[0]]["jigsaw"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("data"), "no architectures of the micro"),
        (lambda w: w["data"].pop("micro"), "no architectures of the micro"),
        (lambda w: w["data"].update(micro={}), "no architectures of the micro"),
        (lambda w: w.update(data=[w["data"]]), "no architectures of the micro"),
        (lambda w: w["data"]["micro"].update({"64-41414-1_02_334": {}}), "zero|choices|0 to 3"),
        (lambda w: w["data"]["micro"].update({"64-1234-basic": {}}), "64-1234-basic"),
        (lambda w: w["data"]["micro"].update({"0,0,0,0,0,1": {}}), "official string"),
        (lambda w: w["data"]["micro"].update({5: {}}), "int"),
        (lambda w: w["data"]["micro"].update({MICRO[0]: {}}), "dictionary of the tasks"),
        (lambda w: w["data"]["micro"].update({MICRO[0]: {"other": {}}}), "dictionary of the tasks"),
        (lambda w: w["data"]["micro"].update({MICRO[0]: [1]}), "dictionary of the tasks"),
        (lambda w: first(w).pop("model_info"), "jigsaw: the object lacks model_info"),
        (lambda w: first(w).update(total_epochs="3"), "total_epochs"),
        (lambda w: first(w).update(total_epochs=10**9), "total_epochs"),
        (lambda w: first(w)["model_info"].pop("inference_time"), "lacks inference_time"),
        (lambda w: first(w)["model_info"].update(inference_time=-1), "inference_time: expected a number"),
        (lambda w: first(w)["model_info"].update(model_params="5"), "model_params: expected a number"),
        (lambda w: first(w)["metrics"].pop("test_top1"), "those of the task's other"),
        (lambda w: first(w).update(metrics={}), "those of the task's other"),
        (lambda w: first(w).update(metrics=[]), "no dictionary of lists"),
        (lambda w: first(w)["metrics"].update({10**5000: [1.0, 2.0, 3.0]}), "no dictionary of lists"),
        (lambda w: first(w)["metrics"].update(valid_top1=[1.0, 2.0]), "valid_top1 is no list of 3"),
        (lambda w: first(w)["metrics"].update(valid_top1=(1.0, 2.0, 3.0)), "valid_top1 is no list of 3"),
        (lambda w: first(w)["metrics"].update(valid_top1=[1.0, "2", 3.0]), "valid_top1 is no list of 3"),
        (lambda w: first(w)["metrics"].update(valid_top1=[1.0, 10**400, 3.0]), "valid_top1 is no list of 3"),
        (lambda w: first(w)["metrics"].update(valid_top1=[1.0, 100.5, 3.0]), "valid_top1 is not from 0 to 100"),
    ],
)
def test_records_that_are_wrong(world: World, write, change: Callable[[World], object], message: str) -> None:
    change(world)
    path = write(world)
    with pytest.raises(ImportFileError, match=message) as caught:
        formats.read("transnas", path)
    assert str(path) in str(caught.value)


def test_a_task_without_its_metric_and_with_an_unknown_one(world: World, write) -> None:
    for names, message in (({"valid_top1": "valid_top3"}, "'valid_top3' is no"), ({"valid_top1": None}, "lacks")):
        broken = copy.deepcopy(world)
        for tasks in broken["data"]["micro"].values():
            metrics = tasks["jigsaw"]["metrics"]
            tasks["jigsaw"]["metrics"] = {
                names.get(key, key): values for key, values in metrics.items() if names.get(key, key)
            }
        with pytest.raises(ImportFileError, match=message):
            formats.read("transnas", write(broken))


def test_structures_without_end_are_refused_at_once(world: World, write) -> None:
    endless: list[Any] = []
    endless.append(endless)
    for change in (
        lambda w: first(w)["metrics"].update(valid_top1=endless),
        lambda w: first(w)["model_info"].update(inference_time=endless),
        lambda w: first(w).update(total_epochs=endless),
        lambda w: w["data"]["micro"].update({MICRO[0]: endless}),
    ):
        broken = copy.deepcopy(world)
        change(broken)
        with pytest.raises(ImportFileError):
            formats.read("transnas", write(broken))


class Attack:
    def __reduce__(self):
        return (print, ("pwned",))


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_is_executed(world: World, write, zipped: bool, capsys: pytest.CaptureFixture[str]) -> None:
    for value in (Attack(), torch.zeros(2)):
        first(world)["metrics"]["valid_top1"] = value
        with pytest.raises(UnsafeFileError, match="refused"):
            formats.read("transnas", write(world, zipped))
    assert "pwned" not in capsys.readouterr().out


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_refused_or_read(world: World, write, data: st.DataObject) -> None:
    """A few bytes of the legacy stream changed (it has no checksum), or its end cut off."""
    path = write(world, zipped=False)
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=5)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
    with suppress(TableError):
        assert TransNASMicroSpace().valid(formats.read("transnas", path).genotypes).all()
