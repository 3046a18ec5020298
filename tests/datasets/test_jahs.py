"""JAHS-Bench-201: frames in the official layout, pickled in the ways of several pandas versions, against pandas."""

from __future__ import annotations

import contextlib
import copyreg
import functools
import gzip
import io
import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.core.internals.blocks import Block, new_block
from pandas.core.internals.managers import BlockManager
from typer.testing import CliRunner

from nasbench.benchmark import load
from nasbench.cli import app
from nasbench.datasets import formats
from nasbench.datasets.install import install
from nasbench.errors import ImportFileError, TableError, UnsafeFileError

EPOCHS = 6
FEATURES = (*(f"Op{i}" for i in range(1, 7)), "N", "W", "Resolution", "Activation", "TrivialAugment", "Optimizer",
            "LearningRate", "WeightDecay")  # fmt: skip
OURS = {
    "valid-acc": "val_accuracy", "test-acc": "test_accuracy", "train-acc": "train_accuracy", "valid-loss": "val_loss",
    "runtime": "train_seconds", "latency": "latency", "FLOPS": "flops",
}  # fmt: skip


def frame(seed: int, count: int = 20, groups: bool = False) -> pd.DataFrame:
    """Trainings in the long format of the official code: numbers as floats, names as objects."""
    rng = np.random.default_rng(seed)
    features, labels = [], []
    for _ in range(count):
        config = {
            **{f"Op{i}": float(rng.integers(5)) for i in range(1, 7)}, "N": float(rng.choice([1, 3, 5])),
            "W": float(rng.choice([4, 8, 16])), "Resolution": float(rng.choice([0.25, 0.5, 1.0])),
            "Activation": str(rng.choice(["ReLU", "Hardswish", "Mish"])), "TrivialAugment": bool(rng.integers(2)),
            "Optimizer": "SGD", "LearningRate": float(10 ** rng.uniform(-3, 0)),
            "WeightDecay": float(10 ** rng.uniform(-5, -2)),
        }  # fmt: skip
        seconds = np.cumsum(rng.uniform(1, 9, EPOCHS))
        for epoch in range(1, EPOCHS + 1):
            features.append({**config, "epoch": epoch})
            labels.append(
                {**{f"{s}-acc": float(rng.uniform(10, 95)) for s in ("train", "valid", "test")}, "FLOPS": 15.5,
                 "valid-loss": float(rng.uniform(0, 3)), "train-duration": 1.0, "runtime": seconds[epoch - 1],
                 "latency": float(rng.uniform()), "size_MB": 0.087306}
            )  # fmt: skip
    parts = {"features": pd.DataFrame(features), "labels": pd.DataFrame(labels)}
    if groups:
        parts["groups"] = pd.Series(np.arange(len(features)) // EPOCHS, name="model_ID")
    made = pd.concat(parts, axis=1)
    for key in ("Activation", "Optimizer", "TrivialAugment"):
        made[("features", key)] = made[("features", key)].astype(object)
    # pandas 3 has texts of its own; the official files have objects
    made.columns = pd.MultiIndex.from_arrays([pd.Index(made.columns.get_level_values(i), dtype=object) for i in (0, 1)])
    return made


class OldPickler(pickle.Pickler):
    """Pickles a frame as pandas 1.0 to 1.2 did: the manager by its state, under the key `0.14.1`.

    Or as pandas 1.3 did: each block by a partial function of its values and places.
    """

    def __init__(self, out: io.BytesIO, partial: bool) -> None:
        super().__init__(out, 4)
        self.partial = partial

    def reducer_override(self, obj):
        if self.partial and isinstance(obj, Block):
            return functools.partial(new_block, ndim=obj.ndim), (obj.values, obj.mgr_locs.indexer)
        if not self.partial and isinstance(obj, BlockManager):
            blocks = [{"values": b.values, "mgr_locs": b.mgr_locs.indexer} for b in obj.blocks]
            state = (list(obj.axes), [], [], {"0.14.1": {"axes": list(obj.axes), "blocks": blocks}})
            return copyreg.__newobj__, (BlockManager,), state
        return NotImplemented


def pickled(made: pd.DataFrame, layout: str) -> bytes:
    if layout in ("1.2", "1.3"):
        out = io.BytesIO()
        OldPickler(out, layout == "1.3").dump(made)
        return out.getvalue()
    return pickle.dumps(made, protocol=int(layout))


@pytest.fixture
def write(tmp_path: Path):
    def write(frames: dict[str, pd.DataFrame], task: str = "cifar10", layout: str = "1.3") -> Path:
        for name, made in frames.items():
            path = tmp_path / "metric_data" / task / f"{name}.pkl.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(made if isinstance(made, bytes) else pickled(made, layout), 1))
        return tmp_path / "metric_data"

    return write


def world() -> dict[str, pd.DataFrame]:
    return {"train_set": frame(0, groups=True), "valid_set": frame(1, 12), "test_set": frame(2, 10)}


def same_as_plain_reading(frames: dict[str, pd.DataFrame], task: str, family: str = "jahs", prefix: str = "") -> None:
    bench = load(f"{family}/{task}")
    count = 0
    for name, made in frames.items():
        for number, (_, rows) in enumerate(made.groupby(np.arange(len(made)) // EPOCHS)):
            count += 1
            config, labels = rows["features"].iloc[0], rows["labels"]
            genotype = bench.full_space.parse(",".join(f"{key}={config[key]}" for key in FEATURES))
            assert bench.find(f"{prefix}{name}/{number}") == genotype
            assert genotype[:6] == tuple(int(config[f"Op{i}"]) for i in range(1, 7))
            row = bench.row(genotype)
            for official, ours in OURS.items():
                assert bench.column(ours)[row, 0] == labels[official].iloc[-1]
                if official not in ("latency", "FLOPS"):
                    np.testing.assert_array_equal(bench.curves(ours)[row, 0], labels[official].to_numpy(np.float32))
            assert bench.query(genotype, "params") == 87306
    assert len(bench) == count


@pytest.mark.parametrize("layout", ["4", "5", "1.2", "1.3"])
def test_a_task_in_the_official_layout(home: Path, write, layout: str) -> None:
    install(formats.read("jahs", write(world(), layout=layout)))
    same_as_plain_reading(world(), "cifar10")
    bench = load("jahs/cifar10")
    assert "table-only" in bench.table.attrs["title"]
    assert (bench.objective, bench.test_metric("val_accuracy"), bench.noise_floor) == (
        "val_accuracy",
        "test_accuracy",
        None,
    )
    assert (bench.protocol().epochs, bench.metrics["val_accuracy"].epochs) == (EPOCHS, tuple(range(1, EPOCHS + 1)))
    assert {n: m.split for n, m in bench.metrics.items() if m.split != "cost"} == {
        "val_accuracy": "valid", "test_accuracy": "test", "train_accuracy": "train", "val_loss": "valid",
    }  # fmt: skip
    assert [p.name for p in bench.full_space.parameters] == list(FEATURES)


def test_several_tasks_and_one_file_alone(home: Path, write) -> None:
    one, two = world(), {"test_set": frame(5)}
    write(one)
    folder = write(two, "fashion_mnist")
    (folder / "cifar10" / "raw.pkl.gz").write_bytes(b"not read")
    install(formats.read("jahs", folder))
    same_as_plain_reading(one, "cifar10", prefix="cifar10/")
    same_as_plain_reading(two, "fashion_mnist", prefix="fashion_mnist/")
    install(formats.read("jahs", folder / "cifar10" / "valid_set.pkl.gz", "small"))
    same_as_plain_reading({"valid_set": one["valid_set"]}, "cifar10", "small")
    install(formats.read("jahs", folder / "cifar10", "one-task"))
    same_as_plain_reading(one, "cifar10", "one-task")


def test_short_and_repeated_trainings(home: Path, write) -> None:
    made = frame(3)
    again = made.iloc[:EPOCHS].copy()
    again[("labels", "valid-acc")] += 1
    short = made.iloc[EPOCHS : 2 * EPOCHS - 2]
    diverged = made.iloc[2 * EPOCHS : 3 * EPOCHS].copy()
    diverged.loc[diverged.index[3:], ("labels", "valid-loss")] = np.inf
    whole = pd.concat([made.iloc[:EPOCHS], short, diverged, made.iloc[3 * EPOCHS :], again])
    install(formats.read("jahs", write({"train_set": whole})))
    bench = load("jahs/cifar10")
    assert len(bench) == 20
    first, second, third = (bench.row(bench.find(f"train_set/{n}")) for n in range(3))
    accuracy = made[("labels", "valid-acc")].to_numpy()
    assert bench.column("val_accuracy")[first].tolist() == [accuracy[EPOCHS - 1], accuracy[EPOCHS - 1] + 1]
    np.testing.assert_array_equal(bench.curves("val_accuracy")[first, 1], (accuracy[:EPOCHS] + 1).astype(np.float32))
    assert np.isnan(bench.column("val_accuracy")[second]).all()
    assert np.isnan(bench.curves("val_accuracy")[second, 0]).tolist() == [False] * 4 + [True] * 2
    assert np.isnan(bench.curves("val_loss")[third, 0]).tolist() == [False] * 3 + [True] * 3
    assert bench.noise_floor == pytest.approx(np.sqrt(0.5 / (20 / 19)))


def test_the_command(home: Path, write, compares) -> None:
    assert CliRunner().invoke(app, ["import", "jahs", str(write({"train_set": frame(0, 40)}))]).exit_code == 0
    assert compares("jahs/cifar10")


def _set(label: tuple[str, str], value):
    def change(made: pd.DataFrame) -> pd.DataFrame:
        made[label] = pd.Series([value] * len(made), dtype=object if isinstance(value, str | list) else None)
        made.columns = pd.MultiIndex.from_arrays(
            [pd.Index(made.columns.get_level_values(i), dtype=object) for i in (0, 1)]
        )
        return made

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns=[("features", "N")]), "has no column features/N"),
        (lambda f: f.drop(columns=[("labels", "runtime")]), "has no column labels/runtime"),
        (lambda f: f.iloc[:0], "has no rows|is no frame"),
        (lambda f: f["features"][["N", "W"]], "is no frame of this format"),
        (_set(("features", "Op1"), 5.0), "features/Op1: expected one of 0, 1, 2, 3, 4"),
        (_set(("features", "Op1"), [0]), "features/Op1: expected one of"),
        (_set(("features", "Activation"), "GELU"), "expected one of ReLU, Hardswish, Mish"),
        (_set(("features", "LearningRate"), "0.1"), "LearningRate: expected numbers"),
        (_set(("features", "LearningRate"), np.nan), "LearningRate: expected numbers from 0"),
        (_set(("features", "LearningRate"), -1e-9), "LearningRate: expected numbers from 0"),
        (_set(("features", "epoch"), 0), "epoch: expected numbers from 1"),
        (_set(("features", "epoch"), 1.5), "an epoch is no whole number"),
        (_set(("labels", "valid-acc"), 101.0), "valid-acc: expected numbers from 0 to 100"),
    ],
)
def test_frames_that_are_not_whole(write, change, message: str) -> None:
    with pytest.raises(ImportFileError, match=message):
        formats.read("jahs", write({"train_set": change(frame(0, 3))}))


class Run:
    """A pickle that would run a command."""

    def __reduce__(self):
        return os.system, ("exit 3",)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (pickle.dumps(Run()), UnsafeFileError, "asks for (posix|nt).system"),
        (pickle.dumps(np.array([Run()], dtype=object)), UnsafeFileError, "asks for (posix|nt).system"),
        (pickle.dumps(pd.Timestamp(0)), UnsafeFileError, "asks for pandas"),
        (pickle.dumps({"a": 1}), ImportFileError, "is no frame of this format"),
        (b"\x80\x04", ImportFileError, "cannot be read as a pickle"),
        (b"", ImportFileError, "cannot be read as a pickle"),
        (bytes(32 << 20), UnsafeFileError, "unpacks to more than it may"),
    ],
)
def test_hostile_pickles(write, content: bytes, error, message: str) -> None:
    folder = write({"train_set": content})
    with pytest.raises(error, match=message) as caught:
        formats.read("jahs", folder)
    assert str(folder / "cifar10" / "train_set.pkl.gz") in str(caught.value)


def test_a_table_that_would_be_mostly_empty(write, monkeypatch: pytest.MonkeyPatch) -> None:
    made = frame(0, 10)
    made[("features", "epoch")] = np.tile([1, 2, 3, 4, 5, 1000], 10)
    made.columns = pd.MultiIndex.from_arrays([pd.Index(made.columns.get_level_values(i), dtype=object) for i in (0, 1)])
    formats.read("jahs", write({"train_set": made}))
    monkeypatch.setattr("nasbench.datasets.importers.jahs.MAX_REPEATS", 1)
    with pytest.raises(UnsafeFileError, match="would fill a table"):
        formats.read("jahs", write({"train_set": pd.concat([made, made])}))


def test_a_negative_zero_is_a_zero(write) -> None:
    made = frame(0, 2)
    made[("features", "WeightDecay")] = [0.0] * EPOCHS + [-0.0] * EPOCHS
    made.columns = pd.MultiIndex.from_arrays([pd.Index(made.columns.get_level_values(i), dtype=object) for i in (0, 1)])
    assert len(formats.read("jahs", write({"train_set": made})).genotypes) == 2


def test_names_and_files(write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImportFileError, match="has no TASK"):
        formats.read("jahs", tmp_path)
    folder = write({"train_set": frame(0, 2)})
    monkeypatch.setattr("nasbench.datasets.importers.jahs.MAX_TASKS", 0)
    with pytest.raises(UnsafeFileError, match="more than the 0 tasks"):
        formats.read("jahs", folder)
    monkeypatch.undo()
    path = folder / "cifar10" / "train_set.pkl.gz"
    with pytest.raises(ImportFileError, match="keep the official names"):
        formats.read("jahs", path.rename(path.with_name("raw.pkl.gz")))
    (folder / "cifar10" / "valid_set.pkl.gz").write_bytes(b"plain")
    with pytest.raises(ImportFileError, match="cannot be read as a gzip"):
        formats.read("jahs", folder)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_damage_is_a_table_or_a_typed_error(tmp_path: Path, data) -> None:
    content = bytearray(pickled(frame(0, 2), data.draw(st.sampled_from(["4", "5", "1.2", "1.3"]))))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path / "fuzz" / "cifar10"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train_set.pkl.gz").write_bytes(gzip.compress(content[: data.draw(st.integers(1, len(content)))], 1))
    with contextlib.suppress(TableError):
        formats.read("jahs", folder)
