"""LCBench: files in the official layout against a plain reading, and the stream of records they are read by."""

from __future__ import annotations

import contextlib
import io
import json
import math
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from nasbench.benchmark import load
from nasbench.cli import app
from nasbench.datasets import formats
from nasbench.datasets.install import install
from nasbench.datasets.readers.json_stream import nested_records
from nasbench.errors import ImportFileError, TableError, UnsafeFileError
from nasbench.runner import search
from nasbench.task import Task

HYPERPARAMETERS = ("batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout")
TAGS = {
    "Train/val_accuracy": "val_accuracy", "Train/test_result": "test_accuracy",
    "Train/train_accuracy": "train_accuracy", "Train/loss": "train_loss", "time": "train_seconds",
    **{f"Train/{s}_{m}": f"{s}_{m}" for s in ("train", "val", "test") for m in ("balanced_accuracy", "cross_entropy")},
}  # fmt: skip


def record(rng: np.random.Generator, config: dict) -> dict:
    """One run as Auto-PyTorch logged it; the gradient statistics are the heavy version's."""
    log = {"time": np.cumsum(rng.uniform(0.5, 2, 52)).tolist(), "epoch": list(range(52))}
    for tag in TAGS:
        if tag != "time":
            high = 100 if tag.endswith(("_accuracy", "result")) and "balanced" not in tag else 1
            log[tag] = rng.uniform(0, high, 52).tolist()
    log["Train/gradient_max"] = rng.uniform(0, 1, 52).tolist()
    results = {"model_parameters": int(rng.integers(100, 9999)), "OpenML_task_id": 167168, "instances": 846}
    for split in ("train", "val", "test"):
        results |= {f"final_{split}_accuracy": float(rng.uniform(0, 100)),
                    f"final_{split}_balanced_accuracy": float(rng.uniform()),
                    f"final_{split}_cross_entropy": float(rng.uniform())}  # fmt: skip
    constants = {"imputation_strategy": "mean", "loss": "cross_entropy_weighted", "network": "shapedmlpnet"}
    return {"config": {**constants, **config}, "log": log, "results": results}


def world(count: int = 40) -> dict[str, dict[str, dict]]:
    """Two datasets of the same configurations; one run diverges, one stops early."""
    rng = np.random.default_rng(0)
    configs = [
        {"batch_size": int(rng.integers(16, 512)), "max_dropout": float(rng.uniform()),
         "max_units": int(rng.integers(64, 1024)), "num_layers": n % 5 + 1,
         "learning_rate": float(rng.uniform(1e-4, 0.1)),
         "momentum": float(rng.uniform(0.1, 0.99)), "weight_decay": float(rng.uniform(1e-5, 0.1))}
        for n in range(count)
    ]  # fmt: skip
    made = {name: {str(n): record(rng, c) for n, c in enumerate(configs)} for name in ("Fashion-MNIST", "vehicle")}
    if count < 6:
        return made
    made["vehicle"]["3"]["log"]["Train/val_cross_entropy"][20:] = [math.nan] * 30 + [math.inf] * 2
    made["vehicle"]["3"]["results"]["final_val_cross_entropy"] = math.inf
    for tag, values in made["vehicle"]["5"]["log"].items():
        made["vehicle"]["5"]["log"][tag] = values[:11]
    return made


@pytest.fixture
def write(tmp_path: Path):
    def write(data, name: str = "data_2k_lw.json") -> Path:
        path = tmp_path / name
        text = data if isinstance(data, str) else json.dumps(data)
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("data_2k_lw.json", text)
                archive.writestr("__MACOSX/._data_2k_lw.json", "\0")
        else:
            path.write_text(text)
        return path

    return write


def same_as_plain_reading(data: dict, family: str = "lcbench") -> None:
    for dataset, runs in data.items():
        bench = load(f"{family}/{dataset.lower()}")
        assert len(bench) == len(runs)
        for config_id, value in runs.items():
            genotype = bench.full_space.parse(",".join(f"{k}={value['config'][k]}" for k in HYPERPARAMETERS))
            assert bench.find(config_id) == genotype
            row = bench.row(genotype)
            for tag, ours in TAGS.items():
                numbers = [x if math.isfinite(x) else math.nan for x in value["log"][tag][1:51]]
                rest = numbers[-1] if tag == "time" else math.nan
                numbers += [rest] * (50 - len(numbers))
                np.testing.assert_array_equal(bench.curves(ours)[row, 0], np.array(numbers, dtype=np.float32))
                np.testing.assert_array_equal(bench.column(ours)[row, 0], numbers[-1])
            for key, number in value["results"].items():
                if key.startswith("final_"):
                    shown = bench.column(key)[row, 0]
                    assert shown == number or (math.isnan(shown) and math.isinf(number))
            assert bench.query(genotype, "params") == value["results"]["model_parameters"]


@pytest.mark.parametrize("name", ["data_2k_lw.json", "data_2k_lw.zip"])
def test_a_file_in_the_official_layout(home: Path, write, name: str) -> None:
    install(formats.read("lcbench", write(world(), name)))
    same_as_plain_reading(world())
    bench = load("lcbench/fashion-mnist")
    assert "table-only" in bench.table.attrs["title"]
    assert (bench.objective, bench.test_metric("val_accuracy"), bench.noise_floor) == (
        "val_accuracy",
        "test_accuracy",
        None,
    )
    assert (bench.protocol().epochs, bench.metrics["val_accuracy"].epochs) == (50, tuple(range(1, 51)))
    assert {m.split for n, m in bench.metrics.items() if "test" in n} == {"test"}
    assert {m.split for n, m in bench.metrics.items() if "val" in n} == {"valid"}
    assert [p.name for p in bench.full_space.parameters] == list(HYPERPARAMETERS)
    assert bench.full_space.parameters[4].choices == (1, 2, 3, 4, 5)
    assert all(p.ordered for p in bench.full_space.parameters)


def test_some_datasets_and_configurations(home: Path, write) -> None:
    data = world()
    data["vehicle"] = {k: v for k, v in data["vehicle"].items() if int(k) % 3 == 0}
    install(formats.read("lcbench", write(data), "mine"))
    same_as_plain_reading(data, "mine")
    assert (len(load("mine/vehicle")), len(load("mine/fashion-mnist"))) == (14, 40)


def test_ids_that_mean_two_configurations_say_their_dataset(home: Path, write) -> None:
    data = world()
    runs = data["vehicle"]
    runs["0"], runs["1"] = runs["1"], runs["0"]
    install(formats.read("lcbench", write(data)))
    bench = load("lcbench/vehicle")
    config = runs["1"]["config"]
    assert bench.find("Fashion-MNIST/0".lower()) == bench.full_space.parse(
        ",".join(f"{k}={config[k]}" for k in HYPERPARAMETERS)
    )


def test_the_order_of_the_records_does_not_matter(home: Path, write) -> None:
    install(formats.read("lcbench", write(world())))
    digest = load("lcbench/vehicle").digest("val_accuracy")
    again = {name: dict(reversed(runs.items())) for name, runs in reversed(world().items())}
    install(formats.read("lcbench", write(again)), replace=True)
    assert load("lcbench/vehicle").digest("val_accuracy") == digest


def test_a_mean_may_be_a_rounding_error_too_large(home: Path, write) -> None:
    data = world()
    data["vehicle"]["7"]["log"]["Train/val_balanced_accuracy"][50] = 1.0000001192092896
    install(formats.read("lcbench", write(data)))
    same_as_plain_reading(data)


def test_one_layer_may_be_written_as_true(write) -> None:
    data = world()
    for runs in data.values():
        for run in runs.values():
            run["config"]["num_layers"] = run["config"]["num_layers"] == 1 or run["config"]["num_layers"]
    assert (
        formats.read("lcbench", write(data)).space_sha256
        == formats.read("lcbench", write(world(), "two.json")).space_sha256
    )


def test_a_search_along_the_curves(home: Path, write) -> None:
    install(formats.read("lcbench", write(world())))
    task = Task("lcbench/fashion-mnist", epochs=200, fidelity="curve")
    assert task.fidelities == tuple(range(1, 51))
    run = search(task, "random-search", seed=0)
    assert run.ledger.unique == 4


def test_the_command(home: Path, write, compares) -> None:
    assert CliRunner().invoke(app, ["import", "lcbench", str(write(world(), "data_2k_lw.zip"))]).exit_code == 0
    assert compares("lcbench/fashion-mnist,lcbench/vehicle")


def _first(data: dict) -> dict:
    return data["Fashion-MNIST"]["0"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.clear(), "holds no datasets"),
        (lambda d: d.update({"../x": {"0": _first(d)}}), "the name of a dataset and the number"),
        (lambda d: d["vehicle"].update(x=_first(d)), "the name of a dataset and the number"),
        (lambda d: d["vehicle"].update({"0": []}), "vehicle, 0: expected an object"),
        (lambda d: d.update(Vehicle=d["vehicle"]), "Vehicle, 0: this and vehicle differ in case only"),
        (lambda d: d.update(car=[]), "expected '{', found '\\['"),
        (lambda d: _first(d).pop("log"), "expected an object of config, log and results"),
        (lambda d: _first(d)["config"].pop("momentum"), "momentum: expected a number"),
        (lambda d: _first(d)["config"].update(momentum=True), "momentum: expected a number"),
        (lambda d: _first(d)["config"].update(loss="other"), "more than the seven hyper-parameters"),
        (lambda d: _first(d)["log"].update(epoch=list(range(1, 53))), "does not count from 0"),
        (lambda d: _first(d)["log"].update(epoch=list(range(60))), "does not count from 0"),
        (lambda d: _first(d)["log"].update(epoch=[0]), "does not count from 0"),
        (lambda d: _first(d)["log"].update(time=[1.0]), "time: expected a list of 52 numbers"),
        (lambda d: _first(d)["log"].update(time=["1"] * 52), "time: expected a list of 52 numbers"),
        (lambda d: _first(d)["log"].update(time=[10**400] * 52), "number is too large"),
        (lambda d: _first(d)["log"].update({"Train/test_result": [101.0] * 52}), "expected numbers from 0 to 100"),
        (lambda d: _first(d)["log"].update({"Train/val_balanced_accuracy": [99.0] * 52}), "from 0 to 1"),
        (lambda d: _first(d)["log"].pop("Train/val_cross_entropy"), "expected a list of 52"),
        (lambda d: _first(d)["results"].pop("model_parameters"), "model_parameters: expected a number"),
        (lambda d: _first(d)["results"].update(final_val_accuracy="x"), "final_val_accuracy: expected a number"),
    ],
)  # fmt: skip
def test_files_that_are_not_whole(write, change, message: str) -> None:
    data = world(4)
    change(data)
    with pytest.raises(ImportFileError, match=message):
        formats.read("lcbench", write(data))


def test_archives_and_limits(write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImportFileError, match="cannot be read"):
        formats.read("lcbench", tmp_path / "absent.json")
    path = write(world(4), "data_2k_lw.zip")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImportFileError, match="cannot be read as a zip"):
        formats.read("lcbench", path)
    damaged = bytearray(whole)
    damaged[500:540] = bytes(40)
    path.write_bytes(bytes(damaged))
    with pytest.raises(ImportFileError):
        formats.read("lcbench", path)
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a.json", "b.json"):
            archive.writestr(name, json.dumps(world(2)))
    with pytest.raises(ImportFileError, match="several JSON files"):
        formats.read("lcbench", path)
    monkeypatch.setattr("nasbench.datasets.importers.lcbench.MAX_RECORDS", 3)
    with pytest.raises(UnsafeFileError, match="more than the 3 records"):
        formats.read("lcbench", write(world(4)))
    monkeypatch.undo()
    monkeypatch.setattr("nasbench.datasets.importers.lcbench.MAX_CELLS", 7)
    with pytest.raises(UnsafeFileError, match="too large a table"):
        formats.read("lcbench", write(world(4)))
    monkeypatch.setattr("nasbench.datasets.importers.lcbench.MAX_RECORD", 500)
    with pytest.raises(UnsafeFileError, match="more than the 500 characters"):
        formats.read("lcbench", write(world(4)))


# -- the stream -------------------------------------------------------------------------------------


class Dripping(io.BytesIO):
    """Gives a few bytes at a time, so that every value is cut somewhere."""

    def __init__(self, content: bytes, step: int) -> None:
        super().__init__(content)
        self.step = step

    def read(self, size=-1, /) -> bytes:
        return super().read(self.step)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
nested = st.dictionaries(
    st.text(max_size=6), st.dictionaries(st.text(max_size=6), st.dictionaries(st.text(max_size=4), values)), max_size=4
)


@settings(max_examples=25, deadline=None)
@given(nested, st.integers(1, 40), st.sampled_from([None, 2]), st.booleans())
def test_the_stream_gives_what_json_gives(data, step: int, indent, ascii_only: bool) -> None:
    content = json.dumps(data, indent=indent, ensure_ascii=ascii_only).encode()
    found: dict = {}
    for outer, inner, value in nested_records(Dripping(content, step), "text", 10_000):
        found.setdefault(outer, {})[inner] = value
    assert found == {outer: inner for outer, inner in data.items() if inner}


@settings(max_examples=30, deadline=None)
@given(nested, st.integers(1, 40), st.data())
def test_a_damaged_text_is_read_as_json_or_refused(data, step: int, draw) -> None:
    content = bytearray(json.dumps(data).encode())
    place = draw.draw(st.integers(0, len(content) - 1))
    content[place : place + draw.draw(st.integers(0, 2))] = draw.draw(st.binary(max_size=2))
    try:
        found = list(nested_records(Dripping(bytes(content), step), "text", 10_000))
    except ImportFileError:
        return
    plain = json.loads(content)
    assert found == [(o, i, v) for o, records in plain.items() for i, v in records.items()]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"a": {"b": ' + '{"c":' * 100_000, ImportFileError),
        ('{"a": {"b": {"c": "' + "x" * 50_000, UnsafeFileError),
        ('{"a": {"' + "x" * 50_000, UnsafeFileError),
        ('{"a": {"b": {"c": 1, "c": 2}}}', ImportFileError),
        ('{"a": {"b": {}, "b": {}}}', ImportFileError),
        ('{"a": {}, "a": {}}', ImportFileError),
        ('{"a": {"b": {}},}', ImportFileError),
        ('{"a": {"b": {}}} {}', ImportFileError),
        ('{"a": {"b": 12}}', ImportFileError),
        ('{"a": {"b": {"c": ' + "9" * 5000 + "}}}", ImportFileError),
        ('{"a"', ImportFileError),
        ("", ImportFileError),
    ],
)
def test_hostile_texts(text: str, error: type[TableError]) -> None:
    with pytest.raises(error):
        list(nested_records(io.BytesIO(text.encode()), "text", 10_000))


def test_a_long_text_takes_little_memory() -> None:
    """Fourteen megabytes of records: a few chunks are in memory at a time."""
    piece = json.dumps({"log": [0.123456789] * 1800})

    class Endless:
        def __init__(self) -> None:
            self.left, self.buffer = 600, b'{"a": {'

        def read(self, size: int, /) -> bytes:
            while self.left and len(self.buffer) < size:
                self.left -= 1
                self.buffer += f'"{self.left}": {piece}{", " if self.left else "}}"}'.encode()
            content, self.buffer = self.buffer[:size], self.buffer[size:]
            return content

    tracemalloc.start()
    try:
        assert sum(1 for _ in nested_records(Endless(), "text", 1 << 20)) == 600
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_bytes_are_a_table_or_a_typed_error(tmp_path: Path, data) -> None:
    whole = json.dumps(world(1)).encode()
    cut = data.draw(st.integers(0, len(whole)))
    path = tmp_path / "fuzz.json"
    path.write_bytes(data.draw(st.one_of(st.binary(max_size=200), st.just(whole[:cut]), st.just(b"PK" + whole[:cut]))))
    with contextlib.suppress(TableError):
        formats.read("lcbench", path)
