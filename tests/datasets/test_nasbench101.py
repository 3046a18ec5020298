"""NAS-Bench-101's importer: files in the official layout, written here byte by byte and read here again."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import google_crc32c
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
from nasbench.noise import noise_floor
from nasbench.spaces.nasbench101 import NASBench101Space
from nasbench.task import Task

SPACE = NASBench101Space()
OPERATIONS = ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"]
INCEPTION = ("0111010000000100000010000100000000100000010000000", "input,conv1x1-bn-relu,conv3x3-bn-relu,"
             "conv3x3-bn-relu,conv3x3-bn-relu,maxpool3x3,output")  # fmt: skip
BUDGETS = (4, 12, 36, 108)
quick = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Run(NamedTuple):
    """One training run, in plain numbers."""

    cell: tuple[str, str]
    epochs: int
    points: tuple[tuple[float, ...], ...]
    parameters: int
    total: float = 1000.0


# -- a writer of the official layout, and a reader of it that shares nothing with the importer ------------------


def framed(payload: bytes) -> bytes:
    def checksum(content: bytes) -> bytes:
        crc = google_crc32c.value(content)
        return struct.pack("<I", ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32)

    length = struct.pack("<Q", len(payload))
    return length + checksum(length) + payload + checksum(payload)


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number % 128 + 128]) + varint(number // 128)


def evaluation(numbers: Sequence[float], path: str | None = None) -> bytes:
    tagged = zip((0x09, 0x11, 0x19, 0x21, 0x29), numbers, strict=False)
    body = b"".join(bytes([tag]) + struct.pack("<d", value) for tag, value in tagged)
    return body if path is None else body + b"\x32" + varint(len(path)) + path.encode()


def metrics(run: Run, path: str | None = None) -> bytes:
    points = (evaluation(numbers, path) for numbers in run.points)
    fields = b"".join(b"\x0a" + varint(len(point)) + point for point in points)
    return fields + b"\x10" + varint(run.parameters) + b"\x19" + struct.pack("<d", run.total)


def module_hash(cell: tuple[str, str]) -> str:
    """The published procedure, on the text of a pruned cell."""
    operations = cell[1].split(",")
    n = len(operations)
    edge = [[cell[0][n * i + j] == "1" for j in range(n)] for i in range(n)]
    labels = [-1, *map(OPERATIONS.index, operations[1:-1]), -2]
    md5 = [hashlib.md5(str((sum(edge[v]), sum(r[v] for r in edge), labels[v])).encode()).hexdigest() for v in range(n)]
    for _ in range(n):
        fed = ["".join(sorted(md5[w] for w in range(n) if edge[w][v])) for v in range(n)]
        feeds = ["".join(sorted(md5[w] for w in range(n) if edge[v][w])) for v in range(n)]
        md5 = [hashlib.md5(f"{fed[v]}|{feeds[v]}|{md5[v]}".encode()).hexdigest() for v in range(n)]
    return hashlib.md5(str(sorted(md5)).encode()).hexdigest()


def payload(run: Run, message: bytes | None = None, **changed: Any) -> bytes:
    content = {
        "hash": module_hash(run.cell), "epochs": run.epochs, "adjacency": run.cell[0], "operations": run.cell[1],
        "metrics": base64.b64encode(metrics(run) if message is None else message).decode(),
    }  # fmt: skip
    return json.dumps([*{**content, **changed}.values()]).encode()


def cell_of(genotype: Sequence[int]) -> tuple[str, str]:
    matrix, operations = SPACE.matrix(tuple(genotype))
    return "".join(map(str, matrix.ravel().tolist())), ",".join(operations)


def invented(cell: tuple[str, str], epochs: int, seed: int, parameters: int) -> Run:
    rng = np.random.default_rng([seed, epochs])
    points = ((0.0, 1.0), (epochs / 2, 600.0), (float(epochs), 1200.0))
    return Run(cell, epochs, tuple((e, t + rng.random(), *rng.random(3).tolist()) for e, t in points), parameters)


@pytest.fixture(scope="module")
def world() -> list[Run]:
    """Forty cells, three runs at each of the four budgets, the runs of a cell apart from each other."""
    drawn = SPACE.sample(np.random.default_rng(3), 39)
    cells = [INCEPTION, *dict.fromkeys(cell_of(g) for g in drawn.tolist())]
    runs = [
        invented(cell, epochs, 100 * number + repeat, 127 + 131 * number**3)
        for repeat in range(3)
        for epochs in BUDGETS
        for number, cell in enumerate(cells)
    ]
    assert len(runs) == 480
    return [runs[i] for i in np.random.default_rng(0).permutation(480).tolist()]


@pytest.fixture
def write(tmp_path: Path):
    def write(records: Sequence[Run | bytes]) -> Path:
        path = tmp_path / "nasbench.tfrecord"
        path.write_bytes(b"".join(framed(r if isinstance(r, bytes) else payload(r)) for r in records))
        return path

    return write


def same_as_plain_reading(runs: Sequence[Run], name: str) -> None:
    bench = load(f"{name}/cifar10")
    groups: dict[tuple[str, int], list[Run]] = {}
    for run in runs:
        groups.setdefault((module_hash(run.cell), run.epochs), []).append(run)
    assert len(bench) == len({run.cell for run in runs})
    budgets = sorted({run.epochs for run in runs}, reverse=True)
    assert [*bench.protocols] == [str(epochs) for epochs in budgets]
    seen = 0
    for row, source in enumerate(bench.table.source_ids.tolist()):
        assert SPACE.official_hash(tuple(bench.genotypes[row].tolist())) == source.decode()
        for epochs in budgets:
            mine = groups.get((source.decode(), epochs), [])
            seen += len(mine)
            for metric, place in (
                ("train_seconds", 1),
                ("train_accuracy", 2),
                ("val_accuracy", 3),
                ("test_accuracy", 4),
            ):
                column = bench.column(metric, str(epochs))[row]
                assert column[: len(mine)].tolist() == [run.points[2][place] for run in mine]
                assert np.isnan(column[len(mine) :]).all()
                curve = bench.curves(metric, str(epochs))[row]
                expected = [[np.float32(run.points[k][place]) for k in (1, 2)] for run in mine]
                assert curve[: len(mine)].tolist() == expected
                assert np.isnan(curve[len(mine) :]).all()
            for run in mine:
                assert bench.column("params")[row, 0] == run.parameters
    assert seen == len(runs)


# -- whole and partial files --------------------------------------------------------------------------


def test_a_file_in_the_official_layout(home: Path, world, write) -> None:
    data = formats.read("nasbench101", write(world))
    assert not data.complete
    install(data)
    same_as_plain_reading(world, "nasbench101")
    bench = load("nasbench101/cifar10")
    assert bench.objective == "val_accuracy"
    assert bench.noise_floor == noise_floor(bench.column("val_accuracy"))
    assert {m.name: (m.split, m.unit, m.direction, m.repeats, m.epochs) for m in bench.metrics.values()} == {
        "val_accuracy": ("valid", "fraction", "maximize", 3, (54, 108)),
        "test_accuracy": ("test", "fraction", "maximize", 3, (54, 108)),
        "train_accuracy": ("train", "fraction", "maximize", 3, (54, 108)),
        "train_seconds": ("cost", "s", "minimize", 3, (54, 108)),
        "params": ("cost", "count", "minimize", 1, ()),
    }
    ranks = SPACE.indices(bench.genotypes)
    assert (np.diff(ranks) > 0).all()


def test_the_cell_of_the_official_readme(home: Path, world, write) -> None:
    install(formats.read("nasbench101", write(world), "mine"))
    bench, name = load("mine/cifar10"), "28cfc7874f6d200472e1a9dcd8650aa0"
    assert module_hash(INCEPTION) == name
    runs = [run for run in world if run.cell == INCEPTION and run.epochs == 12]
    assert bench.query(name, repeat=2, protocol="12") == runs[2].points[2][3]
    assert bench.query(name, "test_accuracy", protocol="12") == pytest.approx(sum(r.points[2][4] for r in runs) / 3)
    assert bench.query(name, "train_seconds", protocol="12", epoch=6, repeat=0) == np.float32(runs[0].points[1][1])
    # the same cell with 3x3 pooling first and a vertex that nothing reads
    other = SPACE.parse("maxpool3x3~0|conv3x3-bn-relu~0|conv1x1-bn-relu~0|conv3x3-bn-relu~0|conv3x3-bn-relu~2|"
                        "maxpool3x3~0|output~1+3+4+5")  # fmt: skip
    assert bench.query(other, protocol="12") == bench.query(name, protocol="12")
    with pytest.raises(NotInTableError):
        bench.query(SPACE.parse("output~0"))


def test_one_budget_only(home: Path, world, write) -> None:
    """As `nasbench_only108.tfrecord` is."""
    runs = [run for run in world if run.epochs == 108]
    install(formats.read("nasbench101", write(runs), "only108"))
    same_as_plain_reading(runs, "only108")
    assert [*load("only108/cifar10").protocols] == ["108"]


@pytest.mark.parametrize("count", [1, 3, 100])
def test_a_part_of_a_file(home: Path, world, write, count: int) -> None:
    install(formats.read("nasbench101", write(world[:count]), "part"))
    same_as_plain_reading(world[:count], "part")


def test_chunks_do_not_show(home: Path, world, write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(world)
    install(formats.read("nasbench101", path, "mine"))
    before = load("mine/cifar10").table.attrs["content_sha256"]
    monkeypatch.setattr("nasbench.datasets.importers.nasbench101._CHUNK", 7)
    install(formats.read("nasbench101", path, "mine"))  # would raise if the content were another
    assert load("mine/cifar10").table.attrs["content_sha256"] == before


def test_arrays_grow_with_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    from nasbench.datasets.importers.nasbench101 import _room

    values = np.empty((0, 2))
    for row in range(5000):
        values = _room(values, row, np.nan)
        values[row] = row
    assert len(values) < 10_500
    np.testing.assert_array_equal(values[:5000, 1], np.arange(5000))
    assert np.isnan(values[5000:]).all()
    assert len(_room(values, 423_623, 0.0)) == 423_624


def test_messages_in_other_layouts_say_the_same(home: Path, world, write) -> None:
    """Checkpoint paths, fields in another order, line breaks in base64: all read field by field."""
    runs = [run for run in world if run.epochs == 4][:40]
    records = []
    for number, run in enumerate(runs):
        message = metrics(run, path=["", "/model.ckpt-625"][number % 2] if number % 4 < 2 else None)
        if number % 4 == 2:
            message = message[141:] + message[:141]
        if number % 4 == 3:  # without the fields that nothing depends on
            points = (evaluation(numbers)[9:] for numbers in run.points)
            message = b"".join(b"\x0a\x24" + point for point in points) + b"\x10" + varint(run.parameters)
        text = base64.encodebytes(message).decode() if number % 3 else base64.b64encode(message).decode()
        records.append(payload(run, metrics=text))
    install(formats.read("nasbench101", write(records), "mine"))
    same_as_plain_reading(runs, "mine")


def test_an_isomorph_of_a_cell_is_a_repeat_of_it(home: Path, write) -> None:
    first = ("01100001000110000", "")
    chain = "0110000100010000"
    cells = [(chain, "input,conv3x3-bn-relu,maxpool3x3,output"), (chain, "input,maxpool3x3,conv3x3-bn-relu,output")]
    assert module_hash(cells[0]) == module_hash(cells[1]) != first
    runs = [invented(cell, 4, seed, 1000) for seed, cell in enumerate(cells)]
    install(formats.read("nasbench101", write(runs), "mine"))
    assert load("mine/cifar10").column("val_accuracy").tolist() == [[run.points[2][3] for run in runs]]


# -- use ----------------------------------------------------------------------------------------------


def test_the_command_and_a_comparison(home: Path, world, write, compares) -> None:
    out = CliRunner().invoke(app, ["import", "nasbench101", str(write(world)), "--name", "mine"])
    assert out.exit_code == 0
    assert "mine/cifar10: 40 architectures" in out.output
    assert compares("mine")
    assert compares("mine", "--protocol", "12", "--charge", "unique")


def test_protocols_are_fidelities_and_halfway_points_are(home: Path, world, write) -> None:
    install(formats.read("nasbench101", write(world)))
    assert Task("nasbench101/cifar10", epochs=1000, fidelity="protocols").fidelities == (4, 12, 36, 108)
    assert Task("nasbench101/cifar10", epochs=1000, fidelity="curve").fidelities == (54, 108)
    assert Task("nasbench101/cifar10", seconds=1e5).has_times


# -- files that are not what they should be -------------------------------------------------------------


CELL = INCEPTION
GOOD = invented(CELL, 4, 0, 1000)
LOWER = "0100001001010000"
CUT = "0100000000010000"
DENSE = "0111100111000110000100000"


def point(k: int, place: int, value: float) -> Run:
    points = [list(numbers) for numbers in GOOD.points]
    points[k][place] = value
    return GOOD._replace(points=tuple(map(tuple, points)))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"", "it is no"),
        (b"\xff\xfe", "it is no"),
        (b"{}", "it is no"),
        (b"[1, 2, 3, 4]", "it is no"),
        (b"[" * 60_000, "it is no"),
        (payload(GOOD, hash=[1]), "it is no"),
        (payload(GOOD, hash=None), "module hash 28cfc"),
        (payload(GOOD, epochs=5), "epochs are none of"),
        (payload(GOOD, epochs=4.0), "epochs are none of"),
        (payload(GOOD, epochs=True), "epochs are none of"),
        (payload(GOOD, epochs=[4]), "epochs are none of"),
        (payload(GOOD, adjacency=7), "it is no"),
        (payload(GOOD, adjacency="01"), "7 x 7 digits"),
        (payload(GOOD, adjacency=CELL[0].replace("1", "2")), "7 x 7 digits"),
        (payload(GOOD, adjacency="0b" + CELL[0][2:]), "7 x 7 digits"),
        (payload(GOOD, operations="input,output"), "2 x 2 digits"),
        (payload(GOOD, operations="input"), "1 x 1 digits"),
        (payload(GOOD, operations=",".join(["input"] * 8), adjacency="0" * 64), "8 x 8 digits"),
        (payload(GOOD, operations=CELL[1].replace("conv1x1", "conv5x5")), "unknown operation"),
        (payload(GOOD, operations=CELL[1].replace("output", "input")), "end with 'output'"),
        (payload(GOOD, adjacency=LOWER, operations="input,maxpool3x3,maxpool3x3,output"), "upper triangular"),
        (payload(GOOD, adjacency=CUT, operations="input,maxpool3x3,maxpool3x3,output"), "no path"),
        (payload(GOOD, adjacency=DENSE, operations="input,maxpool3x3,maxpool3x3,maxpool3x3,output"), "10 edges"),
        (payload(GOOD, hash="0" * 32), "module hash 28cfc7874f6d200472e1a9dcd8650aa0, not '0000"),
        (payload(GOOD, operations=CELL[1].replace("conv1x1", "conv3x3")), "module hash"),
        (payload(GOOD, metrics=7), "it is no"),
        (payload(GOOD, metrics="%%%"), "it is no"),
        (payload(GOOD, metrics="AAA"), "it is no"),
        (payload(GOOD, b""), "not 3 evaluations"),
        (payload(GOOD, metrics(GOOD)[:-1]), "cut off"),
        (payload(GOOD, metrics(GOOD)[47:]), "not 3 evaluations"),
        (payload(GOOD, metrics(GOOD)[:141]), "not 3 evaluations"),
        (payload(GOOD, metrics(GOOD) + b"\x10\x01"), "repeated field 2"),
        (payload(GOOD, metrics(GOOD) + b"\x20\x01"), "unknown or repeated field 4"),
        (
            payload(GOOD, metrics(GOOD)[:142] + b"\xff\xff\xff\xff\xff" + metrics(GOOD)[-9:]),
            "unknown or repeated field 0",
        ),
        (payload(GOOD, metrics(GOOD._replace(points=[p[:4] for p in GOOD.points]))), "an accuracy"),
        (payload(GOOD, metrics(GOOD).replace(b"\x29", b"\x21", 1)), "repeated field 4"),
        (payload(GOOD._replace(parameters=0)), "parameters"),
        (payload(GOOD._replace(parameters=2**31)), "not 3 evaluations"),
        (payload(point(1, 0, 4.0)), "halfway"),
        (payload(point(2, 0, 3.0)), "halfway"),
        (payload(GOOD._replace(epochs=12)), "halfway"),
        (payload(point(2, 1, -1.0)), "training time"),
        (payload(point(1, 1, math.inf)), "training time"),
        (payload(point(2, 2, -1e8)), "an accuracy"),
        (payload(point(1, 3, 94.2)), "an accuracy"),
        (payload(point(2, 4, math.nan)), "an accuracy"),
    ],
)
def test_records_that_are_wrong(world, write, record: bytes, message: str) -> None:
    with pytest.raises(ImportFileError, match=rf"record 6: .*({message})"):
        formats.read("nasbench101", write([*world[:5], record]))


def test_records_that_disagree(write, monkeypatch: pytest.MonkeyPatch) -> None:
    other = GOOD._replace(parameters=1001)
    for chunk in (1, 4096):
        monkeypatch.setattr("nasbench.datasets.importers.nasbench101._CHUNK", chunk)
        with pytest.raises(ImportFileError, match="count of parameters"):
            formats.read("nasbench101", write([GOOD, GOOD, other]))
        with pytest.raises(ImportFileError, match=r"record 4: .*more than 3 runs"):
            formats.read("nasbench101", write([GOOD] * 4))


def test_files_that_are_none(home: Path, world, write) -> None:
    path = write(world[:20])
    content = path.read_bytes()
    for bad in (b"", content[:-1], content[:5], b"\x1f\x8b" + content, content[:2000] + b"?" + content[2001:]):
        path.write_bytes(bad)
        with pytest.raises(ImportFileError):
            formats.read("nasbench101", path)
    path.write_bytes(framed(b"[" + b" " * (1 << 16) + b"]"))
    with pytest.raises(UnsafeFileError, match="record 1"):
        formats.read("nasbench101", path)
    with pytest.raises(ImportFileError, match="cannot be read"):
        formats.read("nasbench101", path.with_name("absent"))
    assert not home.exists()


@quick
@given(cut=st.integers(0, 8000), insert=st.binary(max_size=40))
def test_any_damage_is_refused_or_leaves_whole_records(world, write, cut: int, insert: bytes) -> None:
    path = write(world[:20])
    content = path.read_bytes()
    path.write_bytes(content[:cut] + insert)
    try:
        data = formats.read("nasbench101", path)
    except TableError:
        return
    assert len(data.genotypes) <= 20
    assert path.read_bytes() in [b"".join(map(framed, map(payload, world[:n]))) for n in range(1, 21)]


@quick
@given(message=st.binary(max_size=170))
def test_any_message_is_read_or_refused(write, message: bytes) -> None:
    for content in (message, metrics(GOOD)[: len(message)] + message, message + metrics(GOOD)[len(message) :]):
        try:
            formats.read("nasbench101", write([payload(GOOD, content)]))
        except ImportFileError:
            continue
        assert len(content) >= 3 * 45


@quick
@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=8))
def test_any_json_is_refused(write, value) -> None:
    with pytest.raises(ImportFileError, match="record 1"):
        formats.read("nasbench101", write([json.dumps(value).encode()]))
