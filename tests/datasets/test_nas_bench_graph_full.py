"""NAS-Bench-Graph in full: files in the layout of the official README, against a plain reading of them.

The final numbers are the real ones of the light tables, which the PyPI package carries: three seeds around the
published mean must give it back.
"""

from __future__ import annotations

import math
import pickle
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
from nasbench.datasets.importers import nas_bench_graph_full
from nasbench.datasets.install import install
from nasbench.datasets.paths import package_folder
from nasbench.datasets.readers.safe_pickle import numpy_scalar_globals, read_pickle
from nasbench.errors import ImportFileError, NotInTableError, TableError, UnsafeFileError
from nasbench.spaces.nas_bench_graph import NASBenchGraphSpace

SPACE = NASBenchGraphSpace()
KEYS = [SPACE.official_key(tuple(row)) for row in SPACE.genotypes(np.arange(0, 26_206, 2_000)).tolist()]
EPOCHS = 4
CURVES = ("train_accuracy", "val_accuracy", "test_accuracy", "train_loss", "val_loss", "test_loss")
ROLES = {"train": "train", "val": "valid", "test": "test"}
World = dict[str, dict[int, dict[str, Any]]]


def record(rng: np.random.Generator, epochs: int = EPOCHS) -> dict[str, Any]:
    return {
        "dur": rng.random((epochs, 7)).tolist(),
        "valid_perf": rng.random(), "perf": rng.random(), "latency": rng.random(), "para": np.float64(1.736711),
    }  # fmt: skip


@pytest.fixture
def world() -> World:
    rng = np.random.default_rng(0)
    names = ("cora0", "cora1", "cora2", "arxiv0", "arxiv1")
    return {f"{name}.bench": {key: record(rng) for key in KEYS} for name in names}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[World], Path]:
    def write(world: dict[str, Any]) -> Path:
        folder = tmp_path / "full"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for name, records in world.items():
            (folder / name).write_bytes(pickle.dumps(records))
        return folder

    return write


def same_as_plain_reading(dataset: str, seeds: list[dict[int, dict[str, Any]]]) -> None:
    bench = load(f"nas-bench-graph-full/{dataset}")
    assert len(bench) == len(seeds[0])
    for key in seeds[0]:
        genotype = SPACE.from_official_key(key)
        for repeat, seed in enumerate(seeds):
            dur = seed[key]["dur"]
            assert bench.query(genotype, "val_accuracy", repeat=repeat) == seed[key]["valid_perf"]
            assert bench.query(genotype, "test_accuracy", repeat=repeat) == seed[key]["perf"]
            assert bench.query(genotype, "latency_ms", repeat=repeat) == seed[key]["latency"] * 1e3
            for column, metric in enumerate(CURVES):
                curve = bench.curves(metric)[bench.row(genotype), repeat]
                assert curve.tolist() == np.float32([values[column] for values in dur]).tolist()
                if metric not in ("val_accuracy", "test_accuracy"):
                    assert bench.query(genotype, metric, repeat=repeat) == dur[-1][column]
        assert bench.query(genotype, "params") == 1_736_711


def test_files_in_the_official_layout(home: Path, world: World, write) -> None:
    data = formats.read("nas-bench-graph", write(world))
    assert list(data.datasets) == ["cora", "arxiv"]
    assert not data.complete
    assert [source["name"] for source in data.sources] == [
        "cora0.bench", "cora1.bench", "cora2.bench", "arxiv0.bench", "arxiv1.bench",
    ]  # fmt: skip
    install(data)
    same_as_plain_reading("cora", [world[f"cora{seed}.bench"] for seed in range(3)])
    same_as_plain_reading("arxiv", [world[f"arxiv{seed}.bench"] for seed in range(2)])


def test_what_the_columns_mean(home: Path, world: World, write) -> None:
    install(formats.read("nas-bench-graph", write(world)))
    bench = load("nas-bench-graph-full/cora")
    assert bench.objective == "val_accuracy"
    assert {name: (m.direction, m.split, m.repeats) for name, m in bench.metrics.items()} == {
        **{f"{split}_accuracy": ("maximize", role, 3) for split, role in ROLES.items()},
        **{f"{split}_loss": ("minimize", role, 3) for split, role in ROLES.items()},
        "latency_ms": ("minimize", "cost", 3),
        "params": ("minimize", "cost", 1),
    }
    assert bench.metrics["val_accuracy"].epochs == (1, 2, 3, 4)
    values = np.array([[world[f"cora{s}.bench"][k]["valid_perf"] for s in range(3)] for k in KEYS])
    assert bench.noise_floor == pytest.approx(math.sqrt(values.var(axis=1, ddof=1).mean() / 3))


def test_the_command_and_a_single_file(home: Path, world: World, write, compares) -> None:
    file = write(world) / "cora1.bench"
    out = CliRunner().invoke(app, ["import", "nas-bench-graph", str(file), "--name", "one"])
    assert f"one/cora: {len(KEYS)} architectures, primary metric val_accuracy" in out.output
    bench = load("one/cora")
    assert (bench.noise_floor, bench.metrics["val_accuracy"].repeats) == (None, 1)
    assert compares("one/cora")


def test_the_published_means(home: Path, write) -> None:
    """Three seeds around the real light tables: all 26,206 networks, in their rows."""
    light = package_folder("nas_bench_graph", "nas-bench-graph") / "light"
    tables = {name: read_pickle(light / f"{name}.bench", numpy_scalar_globals()) for name in ("cora", "proteins")}
    seeds = {
        f"{name}{seed}.bench": {
            key: {"dur": [[0.5] * 7], **found, "valid_perf": found["valid_perf"] * scale}
            for key, found in table.items()
        }
        for name, table in tables.items()
        for seed, scale in enumerate((0.9, 1.0))
    }
    install(formats.read("nas-bench-graph", write(seeds)))
    for name, table in tables.items():
        ours, theirs = load(f"nas-bench-graph-full/{name}"), load(f"nas-bench-graph/{name}")
        assert len(ours) == len(table) == {"cora": 26_206, "proteins": 2_021}[name]
        np.testing.assert_array_equal(ours.genotypes, theirs.genotypes)
        np.testing.assert_array_equal(ours.column("val_accuracy")[:, 1], theirs.column("val_accuracy")[:, 0])
        np.testing.assert_array_equal(ours.column("test_accuracy")[:, 0], theirs.column("test_accuracy")[:, 0])
        np.testing.assert_array_equal(ours.column("params"), theirs.column("params"))
    assert load("nas-bench-graph-full/cora").table.complete


def test_runs_that_stopped_and_architectures_of_one_seed_only(home: Path, world: World, write) -> None:
    world["cora1.bench"][KEYS[1]]["dur"] = world["cora1.bench"][KEYS[1]]["dur"][:2]
    del world["cora1.bench"][KEYS[2]]
    world["cora0.bench"][KEYS[3]]["dur"][-1][3] = math.inf
    extra = SPACE.official_key(tuple(SPACE.genotypes([7])[0].tolist()))
    world["arxiv0.bench"][extra] = record(np.random.default_rng(1))
    install(formats.read("nas-bench-graph", write(world)))
    cora, arxiv = load("nas-bench-graph-full/cora"), load("nas-bench-graph-full/arxiv")
    stopped, absent, diverged, other = map(SPACE.from_official_key, [KEYS[1], KEYS[2], KEYS[3], extra])
    assert math.isnan(cora.query(stopped, "val_loss", repeat=1, epoch=3))
    assert math.isnan(cora.query(stopped, "val_loss", repeat=1))
    assert cora.query(stopped, "val_accuracy", repeat=1) == world["cora1.bench"][KEYS[1]]["valid_perf"]
    assert cora.query(stopped, "val_loss", repeat=1, epoch=2) == np.float32(world["cora1.bench"][KEYS[1]]["dur"][1][4])
    assert math.isnan(cora.query(absent, "val_accuracy", repeat=1))
    assert cora.query(absent, "val_accuracy", repeat=2) == world["cora2.bench"][KEYS[2]]["valid_perf"]
    assert math.isnan(cora.query(diverged, "train_loss", repeat=0))
    assert len(arxiv) == len(cora) + 1
    with pytest.raises(NotInTableError):
        cora.query(other, "val_accuracy")


def test_records_of_curves_alone(home: Path, world: World, write) -> None:
    """The README names nothing but `dur`: the final values are then those of the last epoch."""
    for seed in range(3):
        world[f"cora{seed}.bench"] = {key: {"dur": found["dur"]} for key, found in world[f"cora{seed}.bench"].items()}
    install(formats.read("nas-bench-graph", write(world)))
    bench = load("nas-bench-graph-full/cora")
    assert sorted(bench.metrics) == sorted(CURVES)
    for key in KEYS:
        found = bench.query(SPACE.from_official_key(key), "val_accuracy", repeat=2)
        assert found == world["cora2.bench"][key]["dur"][-1][1]


# -- files that are not what they should be -------------------------------------------------------------


def first(world: World) -> dict[str, Any]:
    return world["cora0.bench"][KEYS[0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.clear(), "no file"),
        (lambda w: w.update({"cora0.bench": {}}), "cora0.bench holds no dictionary"),
        (lambda w: w.update({"cora0.bench": [1]}), "cora0.bench holds no dictionary"),
        (lambda w: w["cora0.bench"].update({99_999: first(w)}), "99999 is no key"),
        (lambda w: w["cora0.bench"].update({10**5000: first(w)}), "digits"),
        (lambda w: w["cora0.bench"].update({"0": first(w)}), "non-negative integer"),
        (lambda w: w["cora0.bench"].update({1_000: first(w)}), "not the representative"),
        (lambda w: w["cora0.bench"].update({KEYS[0]: [1]}), "lacks dur"),
        (lambda w: first(w).pop("dur"), "lacks dur"),
        (lambda w: first(w).update(dur=[]), "lacks dur"),
        (lambda w: first(w).update(dur=[[0.0] * 7] * 5000), "lacks dur, a list of up to 2,000"),
        (lambda w: first(w)["dur"][1].pop(), "no list of 7 numbers"),
        (lambda w: first(w)["dur"].append("1234567"), "no list of 7 numbers"),
        (lambda w: first(w)["dur"][1].__setitem__(2, "0.5"), "no list of 7 numbers"),
        (lambda w: first(w)["dur"][1].__setitem__(2, [0.5]), "no list of 7 numbers"),
        (lambda w: first(w)["dur"][1].__setitem__(4, 10**400), "no list of 7 numbers"),
        (lambda w: first(w)["dur"][1].__setitem__(2, 55.0), "no fraction"),
        (lambda w: first(w).update(valid_perf="1"), "valid_perf: expected a number"),
        (lambda w: w["cora0.bench"][KEYS[5]].pop("perf"), "lacks perf"),
    ],
)
def test_records_that_are_wrong(world: World, write, change: Callable[[World], object], message: str) -> None:
    change(world)
    folder = write(world)
    with pytest.raises(ImportFileError, match=message) as caught:
        formats.read("nas-bench-graph", folder)
    assert str(folder) in str(caught.value)


def test_structures_without_end_are_refused_at_once(world: World, write) -> None:
    endless: list[Any] = []
    endless.append(endless)
    for value in (endless, [endless] * 7, [[endless] * 7]):
        first(world)["dur"] = value
        with pytest.raises(ImportFileError):
            formats.read("nas-bench-graph", write(world))


def test_more_curves_than_memory_is_taken_for(world: World, write, monkeypatch: pytest.MonkeyPatch) -> None:
    one = len(KEYS) * EPOCHS * 6 * 4
    monkeypatch.setattr(nas_bench_graph_full, "MAX_CURVES", 5 * one)
    formats.read("nas-bench-graph", write(world))
    monkeypatch.setattr(nas_bench_graph_full, "MAX_CURVES", 5 * one - 1)
    with pytest.raises(UnsafeFileError, match="a dataset at a time"):
        formats.read("nas-bench-graph", write(world))


class Attack:
    def __reduce__(self):
        return (print, ("pwned",))


def test_nothing_is_executed(world: World, write, capsys: pytest.CaptureFixture[str]) -> None:
    for value in (Attack(), np.zeros(3)):
        first(world)["dur"] = value
        with pytest.raises(UnsafeFileError, match="refused"):
            formats.read("nas-bench-graph", write(world))
    assert "pwned" not in capsys.readouterr().out


def test_files_of_other_names_are_not_opened(world: World, write) -> None:
    folder = write({**world, "other0.bench": Attack(), "cora.bench": Attack(), "notes.txt": Attack()})
    assert list(formats.read("nas-bench-graph", folder).datasets) == ["cora", "arxiv"]
    for name in ("other0.bench", "cora.bench", "notes.txt"):
        with pytest.raises(ImportFileError, match="no file"):
            formats.read("nas-bench-graph", folder / name)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_refused_or_read(world: World, write, data: st.DataObject) -> None:
    path = write({"cora0.bench": world["cora0.bench"]}) / "cora0.bench"
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=5)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
    with suppress(TableError):
        assert SPACE.valid(formats.read("nas-bench-graph", path).genotypes).all()
