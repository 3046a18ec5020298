"""NAS-Bench-ASR: a small world in the official layout, against a plain reading; its numbers are from the README."""

from __future__ import annotations

import io
import json
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
from nasbench.datasets.install import install
from nasbench.errors import ImportFileError, NotInTableError, TableError, UnsafeFileError
from nasbench.spaces.nas_bench_asr import OPERATIONS, NASBenchASRSpace

SPACE = NASBenchASRSpace()
README = "36855332a5778e0df5114305bc3ce238"
VECTORS = [
    [(1, 0), (1, 0, 0), (1, 0, 0, 0)], [(0, 1), (2, 0, 1), (4, 1, 0, 1)], [(3, 0), (3, 1, 0), (0, 0, 0, 1)],
    [(2, 1), (1, 1, 1), (2, 1, 1, 1)], [(4, 0), (0, 0, 0), (3, 0, 1, 0)],
]  # fmt: skip
SKIPPED = [(5, 1), (1, 0, 1), (2, 0, 0, 0)]
"""Trained under a hash that is also that of `DROPPED`, which is another network: the skip around the zero is lost."""
DROPPED = [(5, 1), (1, 0, 0), (2, 0, 0, 0)]
TWIN = [(1, 1), (5, 0, 1), (2, 0, 0, 0)]
"""The network of `SKIPPED` under the same hash, written in another way."""
CELLS = len(VECTORS) + 2
SHAPE = {"shape": [[6, 2], [6, 2, 2], [6, 2, 2, 2]], "ops": list(OPERATIONS), "nodes": 3}
COLUMNS = {
    "training": ["model_hash", "val_per", "test_per", "arch_vec"],
    "benchmarking": ["model_hash", "latency"],
    "static": ["model_hash", "params", "flops"],
}
World = dict[str, list[Any]]


def flat(vector: Any) -> tuple[int, ...]:
    return tuple(gene for node in vector for gene in node)


def name_of(vector: Any) -> str:
    return SPACE.official_hash(flat(vector))


def header(kind: str, **more: Any) -> dict[str, Any]:
    return {"dataset_type": kind, "version": 2, "columns": COLUMNS[kind], "search_space": SHAPE, **more}


@pytest.fixture
def world() -> World:
    """File name -> [header, rows]."""
    rng = np.random.default_rng(0)
    trained = [*VECTORS, SKIPPED]
    made: World = {}
    for epochs, seeds in ((40, (1234, 1235, 1236)), (5, (1234,))):
        for seed in seeds:
            rows = [
                (name_of(v), [np.float32(x) for x in rng.random(epochs)], float(rng.random()), v) for v in trained
            ]  # fmt: skip
            made[f"nb-asr-e{epochs}-{seed}.pickle"] = [header("training", seed=seed, epochs=epochs), rows]
    for device in ("gtx-1080ti-fp32", "jetson-nano-fp32"):
        rows = [[name_of(v), rng.random()] for v in trained]
        made[f"nb-asr-bench-{device}.pickle"] = [header("benchmarking", device=device), rows]
    rows = [[name_of(v), 26_338_848 + n, 10**9 + n] for n, v in enumerate(trained)]
    made["nb-asr-info.pickle"] = [header("static"), rows]
    return made


@pytest.fixture
def write(tmp_path: Path) -> Callable[[World], Path]:
    def write(world: World) -> Path:
        folder = tmp_path / "nb-asr"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for name, parts in world.items():
            (folder / name).write_bytes(b"".join(pickle.dumps(part) for part in parts))
        return folder

    return write


def plain(folder: Path) -> dict[str, tuple[dict[str, Any], dict[str, list[Any]]]]:
    """File -> header and rows by hash, as the official README reads them."""
    found = {}
    for path in folder.iterdir():
        with path.open("rb") as file:
            head = pickle.load(file)
            found[path.name] = head, {key: rest for key, *rest in pickle.load(file)}
    return found


def test_a_folder_in_the_official_layout(home: Path, world: World, write) -> None:
    folder = write(world)
    install(formats.read("nas-bench-asr", folder))
    bench, found = load("nas-bench-asr/timit"), plain(folder)
    assert len(bench) == CELLS
    for vector in [*VECTORS, SKIPPED]:
        key, genotype = name_of(vector), flat(vector)
        for epochs, seeds in ((40, (1234, 1235, 1236)), (5, (1234,))):
            for repeat, seed in enumerate(seeds):
                per, test, _ = found[f"nb-asr-e{epochs}-{seed}.pickle"][1][key]
                given = {"repeat": repeat, "protocol": str(epochs)}
                assert bench.query(genotype, "val_per", **given) == min(per)
                assert bench.query(genotype, "test_per", **given) == test
                curve = bench.curves("val_per", str(epochs))[bench.row(genotype), repeat]
                assert curve.tolist() == [float(value) for value in per]
        for device in ("gtx-1080ti-fp32", "jetson-nano-fp32"):
            latency = found[f"nb-asr-bench-{device}.pickle"][1][key][0]
            assert bench.query(genotype, f"{device}_latency_ms") == latency * 1e3
        params, flops = found["nb-asr-info.pickle"][1][key]
        assert (bench.query(genotype, "params"), bench.query(genotype, "flops")) == (params, flops)
        assert bench.find(json.dumps(vector)) == genotype
        assert bench.genotypes[bench.row(genotype)].tolist() == list(genotype)
    assert bench.find(name_of(VECTORS[0])) == flat(VECTORS[0])


def test_what_the_columns_mean(home: Path, world: World, write) -> None:
    install(formats.read("nas-bench-asr", write(world)))
    bench = load("nas-bench-asr/timit")
    assert list(bench.protocols) == ["40", "5"]
    assert (bench.objective, bench.full_space.size) == ("val_per", 13_824)
    assert {n: (m.direction, m.unit, m.split, m.repeats) for n, m in bench.metrics.items()} == {
        "val_per": ("minimize", "fraction", "valid", 3),
        "test_per": ("minimize", "fraction", "test", 3),
        "params": ("minimize", "count", "cost", 1),
        "flops": ("minimize", "count", "cost", 1),
        "gtx-1080ti-fp32_latency_ms": ("minimize", "ms", "cost", 1),
        "jetson-nano-fp32_latency_ms": ("minimize", "ms", "cost", 1),
    }
    assert bench.metrics["val_per"].epochs == tuple(range(1, 41))
    rows = [world[f"nb-asr-e40-{seed}.pickle"][1] for seed in (1234, 1235, 1236)]
    best = np.array([[min(row[1]) for row in [*of_seed, of_seed[-1]]] for of_seed in rows])  # two cells have the last
    assert bench.noise_floor == pytest.approx(math.sqrt(best.var(axis=0, ddof=1).mean() / 3))
    assert bench.optimum()[1] == pytest.approx(best.mean(axis=0).min())


def test_the_architecture_of_the_readme(home: Path, write) -> None:
    """Its hash, error rates of one seed, parameters and latencies, as the README prints them."""
    per = [0.4846915, 0.3614266, 0.32323837, 0.31241283, 0.3053065]
    vector = [(1, 0), (1, 0, 0), (1, 0, 0, 0)]
    install(formats.read("nas-bench-asr", write({
        "nb-asr-e5-1234.pickle": [header("training", seed=1234, epochs=5), [[README, per, 0.3227997124195099, vector]]],
        "nb-asr-bench-gtx-1080ti-fp32.pickle": [
            header("benchmarking", device="gtx-1080ti-fp32"), [[README, 0.04320073127746582]],
        ],
        "nb-asr-info.pickle": [
            {**header("static"), "version": 1, "columns": ["model_hash", "params"]}, [[README, 26338848]],
        ],
    })))  # fmt: skip
    bench = load("nas-bench-asr/timit")
    genotype = SPACE.parse("[[1,0], [1,0,0], [1,0,0,0]]")
    assert len(bench) == 1
    assert bench.query(genotype, "val_per") == 0.3053065
    assert bench.query(genotype, "test_per") == 0.3227997124195099
    assert bench.query(genotype, "params") == 26_338_848
    assert bench.query(genotype, "gtx-1080ti-fp32_latency_ms") == pytest.approx(43.20073127746582, rel=1e-15)
    assert "flops" not in bench.metrics
    assert bench.noise_floor is None


def test_cells_that_share_a_hash_but_are_another_network_have_no_row(home: Path, world: World, write) -> None:
    """The two official vectors have one hash; the official API would give both the numbers of one of them."""
    assert name_of(SKIPPED) == name_of(DROPPED) == name_of(TWIN)
    install(formats.read("nas-bench-asr", write(world)))
    bench = load("nas-bench-asr/timit")
    assert bench.query(flat(SKIPPED), "val_per") == bench.query(flat(TWIN), "val_per")
    rows = [bench.row(flat(cell)) for cell in (SKIPPED, TWIN)]
    assert len(np.unique(bench.classes)) == CELLS - 1
    assert bench.classes[rows[0]] == bench.classes[rows[1]]
    with pytest.raises(NotInTableError):
        bench.query(flat(DROPPED), "val_per")


def test_every_cell_of_a_trained_network_has_its_row(home: Path, write) -> None:
    """One trained cell that is cut off from its input: all cells of its hash that have an empty graph, too."""
    nothing = [(5, 0), (5, 0, 0), (5, 0, 0, 0)]
    row = [name_of(nothing), [0.9, 0.8], 0.85, nothing]
    install(formats.read("nas-bench-asr", write({
        "nb-asr-e2-1.pickle": [header("training", seed=1, epochs=2), [row]]
    })))  # fmt: skip
    bench = load("nas-bench-asr/timit")
    every = SPACE.all()
    empty = (SPACE.canonical(every) == SPACE.canonical([flat(nothing)])).all(axis=1)
    listed = [cell for cell in map(tuple, every[empty].tolist()) if SPACE.official_hash(cell) == name_of(nothing)]
    assert list(map(tuple, bench.genotypes.tolist())) == listed
    assert len(listed) > 100
    assert len(np.unique(bench.classes)) == 1
    assert (bench.column("val_per") == 0.8).all()


def test_the_command_and_a_single_file(home: Path, world: World, write, compares) -> None:
    folder = write(world)
    out = CliRunner().invoke(app, ["import", "nas-bench-asr", str(folder / "nb-asr-e40-1235.pickle"), "--name", "asr"])
    assert "asr/timit: 7 architectures, primary metric val_per" in out.output
    assert compares("asr/timit")
    with pytest.raises(ImportFileError, match="no training file"):
        formats.read("nas-bench-asr", folder / "nb-asr-info.pickle")


def test_models_that_some_files_lack_or_only_they_have(home: Path, world: World, write) -> None:
    key, other = name_of(VECTORS[1]), name_of(VECTORS[2])
    for file, lacking in (("nb-asr-e40-1235.pickle", key), ("nb-asr-bench-jetson-nano-fp32.pickle", other)):
        world[file][1] = [row for row in world[file][1] if row[0] != lacking]
    world["nb-asr-info.pickle"][1].append(["f" * 32, 1, 2])
    world["nb-asr-e40-1236.pickle"][1][0][1][3] = np.float32("nan")
    install(formats.read("nas-bench-asr", write(world)))
    bench = load("nas-bench-asr/timit")
    assert len(bench) == CELLS
    assert math.isnan(bench.query(flat(VECTORS[1]), "val_per", repeat=1))
    assert bench.query(flat(VECTORS[1]), "val_per", repeat=0) > 0
    assert math.isnan(bench.query(flat(VECTORS[2]), "jetson-nano-fp32_latency_ms"))
    assert bench.query(flat(VECTORS[2]), "gtx-1080ti-fp32_latency_ms") > 0
    known = [value for value in world["nb-asr-e40-1236.pickle"][1][0][1] if value == value]
    assert bench.query(flat(VECTORS[0]), "val_per", repeat=2) == min(known)


# -- files that are not what they should be -------------------------------------------------------------

FILE = "nb-asr-e40-1235.pickle"


def change_row(place: int, value: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        row = list(world[FILE][1][0])
        row[place] = value
        world[FILE][1][0] = row

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.clear(), "holds no file"),
        (lambda w: [w.pop(name) for name in list(w) if name.startswith("nb-asr-e")], "no training file"),
        (lambda w: w.update({FILE: [[], []]}), "does not begin with a header"),
        (lambda w: w[FILE][0].pop("version"), "does not begin with a header"),
        (lambda w: w[FILE][0].update(dataset_type="env"), "does not begin with a header"),
        (lambda w: w[FILE][0].update(dataset_type=["training"]), "does not begin with a header"),
        (lambda w: w[FILE][0].update(columns="model_hash"), "no list of names"),
        (lambda w: w[FILE][0].update(columns=["model_hash", "test_per", "val_per", "arch_vec"]), "the columns of a"),
        (lambda w: w[FILE][0].update(columns=["model_hash", "val_per", "test_per"]), "the columns of a"),
        (lambda w: w[FILE][0].update(search_space={**SHAPE, "ops": ["conv5"]}), "another search space"),
        (lambda w: w[FILE][0].update(search_space={**SHAPE, "nodes": 4}), "another search space"),
        (lambda w: w[FILE][0].update(search_space={**SHAPE, "ops": 5}), "another search space"),
        (lambda w: w[FILE][0].update(search_space=None), "another search space"),
        (lambda w: w[FILE][0].update(epochs=0), "epochs of its header"),
        (lambda w: w[FILE][0].update(epochs=39), "list of 39 numbers"),
        (lambda w: w[FILE][0].update(seed="1235"), "seed of its header"),
        (lambda w: w[FILE][0].update(seed=1234), "has the epochs and seed of"),
        (lambda w: w.update({FILE: [w[FILE][0], {}]}), "no list of rows"),
        (lambda w: w.update({FILE: [w[FILE][0], []]}), "no list of rows"),
        (lambda w: w[FILE][1].append(w[FILE][1][0]), "listed twice"),
        (lambda w: w[FILE][1].append([1]), "a row is no list"),
        (change_row(0, 5), "a row is no list"),
        (change_row(0, "0" * 32), "is not the hash of"),
        (change_row(1, [0.5] * 39), "list of 40 numbers"),
        (change_row(1, [0.5] * 39 + ["1"]), "val_per: expected a number"),
        (change_row(1, [0.5] * 39 + [-1]), "val_per: expected a number"),
        (change_row(2, None), "test_per: expected a number"),
        (change_row(2, 10**400), "test_per: expected a number"),
        (change_row(3, [(1, 0), (1, 0), (1, 0, 0, 0)]), "like"),
        (change_row(3, [(9, 0), (1, 0, 0), (1, 0, 0, 0)]), "must be 0 to 5"),
        (change_row(3, [(10**5000,)]), "no vector"),
        (change_row(3, [(1.0, 0), (1, 0, 0), (1, 0, 0, 0)]), "no vector"),
        (change_row(3, "[[1,0],[1,0,0],[1,0,0,0]]"), "no vector"),
        (change_row(3, VECTORS[1]), "another architecture than in another file"),
        (lambda w: w["nb-asr-bench-gtx-1080ti-fp32.pickle"][0].update(device="../x"), "names no device"),
        (lambda w: w["nb-asr-bench-gtx-1080ti-fp32.pickle"][0].update(device="jetson-nano-fp32"), "another file has"),
        (lambda w: w["nb-asr-info.pickle"][1].append(["f" * 32, "1", 2]), "params: expected a number"),
    ],
)
def test_files_that_are_wrong(world: World, write, change: Callable[[World], object], message: str) -> None:
    change(world)
    folder = write(world)
    with pytest.raises(ImportFileError, match=message) as caught:
        formats.read("nas-bench-asr", folder)
    assert str(folder) in str(caught.value)


def test_structures_without_end_are_refused_at_once(world: World, write) -> None:
    endless: list[Any] = []
    endless.append(endless)
    for place in range(4):
        for value in (endless, [endless] * 40, [endless] * 3):
            change_row(place, value)(world)
            with pytest.raises(ImportFileError):
                formats.read("nas-bench-asr", write(world))


class Attack:
    def __reduce__(self):
        return (print, ("pwned",))


def test_nothing_is_executed(world: World, write, capsys: pytest.CaptureFixture[str]) -> None:
    for broken in ({FILE: [Attack(), world[FILE][1]]}, {FILE: [world[FILE][0], Attack()]}, {FILE: [np.float64(1), []]}):
        with pytest.raises(UnsafeFileError, match="refused"):
            formats.read("nas-bench-asr", write({**world, **broken}))
    folder = write({**world, "other.pickle": [Attack()], "nb-asr-e40-x.pickle": [Attack()]})
    assert len(formats.read("nas-bench-asr", folder).genotypes) == CELLS
    assert "pwned" not in capsys.readouterr().out


def test_a_header_without_rows(world: World, write) -> None:
    path = write(world) / FILE
    for content in (pickle.dumps(world[FILE][0]), b"", io.BytesIO(path.read_bytes()).read(50)):
        path.write_bytes(content)
        with pytest.raises(TableError, match="pickle"):
            formats.read("nas-bench-asr", path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_refused_or_read(world: World, write, data: st.DataObject) -> None:
    path = write({"nb-asr-e5-1234.pickle": world["nb-asr-e5-1234.pickle"]}) / "nb-asr-e5-1234.pickle"
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=5)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
    with suppress(TableError):
        assert SPACE.valid(formats.read("nas-bench-asr", path).genotypes).all()
