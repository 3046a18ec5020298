"""NAS-Bench-301's trainings: files in the official layout against a plain reading of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import shutil
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
from nasbench.errors import ImportFileError, TableError, UnsafeFileError
from nasbench.spaces.darts import DartsSpace

PREFIX = "NetworkSelectorDatasetInfo:darts:"
SPACE = DartsSpace()
EPOCHS = 7


def result(rng: np.random.Generator, genotype, **more) -> dict:
    """One training as Auto-PyTorch wrote it: the keys of a file of the official repository."""
    accuracy = float(rng.uniform(88, 95))
    config = {
        "ImageAugmentation:augment": "True", "NetworkSelectorDatasetInfo:network": "darts",
        "CreateImageDataLoader:batch_size": 96, f"{PREFIX}auxiliary": "True", f"{PREFIX}drop_path_prob": 0.2,
        f"{PREFIX}init_channels": 32, f"{PREFIX}layers": 8, "OptimizerSelector:sgd:learning_rate": 0.025,
        "SimpleLearningrateSchedulerSelector:cosine_annealing:T_max": EPOCHS,
        **SPACE.config(tuple(int(g) for g in genotype)), **more.pop("config", {}),
    }  # fmt: skip
    info = {
        "train_loss": 0.66, "train_accuracy": accuracy + 2, "val_accuracy": accuracy,
        "val_cross_entropy": float(rng.uniform(0.1, 1)), "epochs": EPOCHS - 1, "model_parameters": 1_000_000,
        "dataset_path": "datasets/CIFAR10.csv", "val_accuracy_final": accuracy + 1e-6,
    }  # fmt: skip
    return {
        "final_metric_score": -accuracy, "optimized_hyperparamater_config": config, "budget": EPOCHS, "info": [info],
        "test_accuracy": accuracy - 0.3, "runtime": int(rng.integers(3000, 9000)), **more,
    }  # fmt: skip


def world(curves: bool = False) -> dict[str, dict]:
    """48 files of three optimizers; three of one architecture, two of them by different optimizers."""
    rng = np.random.default_rng(0)
    made = {}
    sampled = SPACE.sample(rng, 45)
    for n, genotype in enumerate(sampled):
        made[f"{('rs', 'bananas', 'de')[n % 3]}/results_{n}{'_ti' if n == 3 else ''}"] = result(rng, genotype)
    made["de/results_900"] = result(rng, sampled[0])
    made["bananas/results_901"] = result(rng, sampled[0])
    if curves:
        for n, value in enumerate(made.values()):
            length = EPOCHS - n % 2
            tags = ("Train/val_accuracy", "Train/train_accuracy", "Train/lr")
            value["learning_curves"] = {tag: rng.uniform(10, 95, length).tolist() for tag in tags}
    return made


@pytest.fixture
def write(tmp_path: Path):
    def write(files: dict[str, dict], archive: bool = False, root: str = "nb_301_v13") -> Path:
        if archive:
            path = tmp_path / "nasbench301_data.zip"
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
                made.writestr(f"{root}/", "")
                made.writestr("__MACOSX/nb/rs/results_0.json", b"\x00\x05")
                for name, value in files.items():
                    made.writestr(f"{root}/{name}.json", json.dumps(value))
            return path
        shutil.rmtree(tmp_path / root, ignore_errors=True)
        for name, value in files.items():
            file = tmp_path / root / f"{name}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(value))
        return tmp_path / root

    return write


def same_as_plain_reading(files: dict[str, dict], family: str = "nas-bench-301") -> None:
    bench = load(f"{family}/cifar10")
    trained: dict[tuple, list[str]] = {}
    for name in sorted(files):
        config = {
            k: v for k, v in files[name]["optimized_hyperparamater_config"].items() if "edge" in k or "inputs" in k
        }
        trained.setdefault(tuple(sorted(config.items())), []).append(name)
    assert len(bench) == len(trained)
    for config, names in trained.items():
        genotype = bench.full_space.from_config(dict(config))
        assert bench.find(names[0]) == genotype
        row = bench.row(genotype)
        for run, name in enumerate(names):
            value = files[name]
            assert bench.column("val_accuracy")[row, run] == value["info"][0]["val_accuracy"]
            assert bench.column("test_accuracy")[row, run] == value["test_accuracy"]
            assert bench.column("train_accuracy")[row, run] == value["info"][0]["train_accuracy"]
            assert bench.column("val_cross_entropy")[row, run] == value["info"][0]["val_cross_entropy"]
            assert bench.column("train_seconds")[row, run] == value["runtime"]
            for tag, ours in (("Train/val_accuracy", "val_accuracy"), ("Train/train_accuracy", "train_accuracy")):
                if "learning_curves" in value:
                    curve = value["learning_curves"][tag]
                    expected = np.array([*curve, *[np.nan] * (EPOCHS - len(curve))], dtype=np.float32)
                    np.testing.assert_array_equal(bench.curves(ours)[row, run], expected)
        assert np.isnan(bench.column("val_accuracy")[row, len(names) :]).all()
        assert bench.query(genotype, "params") == 1_000_000


@pytest.mark.parametrize("archive", [False, True])
@pytest.mark.parametrize("curves", [False, True])
def test_files_in_the_official_layout(home: Path, write, archive: bool, curves: bool) -> None:
    files = world(curves)
    install(formats.read("nas-bench-301", write(files, archive)))
    same_as_plain_reading(files)
    bench = load("nas-bench-301/cifar10")
    assert bench.protocol().epochs == EPOCHS
    assert list(bench.protocols) == [str(EPOCHS)]
    assert (bench.objective, bench.test_metric("val_accuracy"), bench.full_space.size) == (
        "val_accuracy", "test_accuracy", SPACE.size,
    )  # fmt: skip
    assert bench.metrics["val_accuracy"].epochs == (tuple(range(1, EPOCHS + 1)) if curves else ())
    assert "vary" not in bench.metrics["val_accuracy"].description
    three = bench.column("val_accuracy")[bench.row(bench.find("bananas/results_901"))]
    assert bench.noise_floor == pytest.approx(np.std(three, ddof=1) / math.sqrt(47 / 45))


def test_the_order_of_the_files_does_not_matter(home: Path, write) -> None:
    install(formats.read("nas-bench-301", write(world(), archive=True)))
    digest = load("nas-bench-301/cifar10").digest("val_accuracy")
    install(formats.read("nas-bench-301", write(dict(reversed(world().items())), archive=True)), replace=True)
    assert load("nas-bench-301/cifar10").digest("val_accuracy") == digest


def test_one_optimizer_alone(home: Path, write) -> None:
    files = world()
    install(formats.read("nas-bench-301", write(files) / "rs", "mine"))
    same_as_plain_reading({name: value for name, value in files.items() if name.startswith("rs/")}, "mine")


def test_recipes_are_protocols_and_what_varies_is_said(home: Path, write) -> None:
    files = world()
    names = [name for name in files if name.startswith("de/")]
    for name in names:
        files[name]["optimized_hyperparamater_config"][f"{PREFIX}layers"] = 20
        files[name]["info"][0]["model_parameters"] = 3_000_000
    files["rs/results_0"]["optimized_hyperparamater_config"]["OptimizerSelector:sgd:learning_rate"] = 0.01
    install(formats.read("nas-bench-301", write(files)))
    bench = load("nas-bench-301/cifar10")
    assert list(bench.protocols) == [f"{EPOCHS}-8x32", f"{EPOCHS}-20x32"]
    assert bench.metrics["val_accuracy"].description.endswith("these vary: OptimizerSelector:sgd:learning_rate")
    assert "vary" not in bench.metrics_of(f"{EPOCHS}-20x32")["val_accuracy"].description
    counted = np.count_nonzero(~np.isnan(bench.column("val_accuracy", f"{EPOCHS}-20x32")))
    assert counted == len(names) == len(files) - np.count_nonzero(~np.isnan(bench.column("val_accuracy")))
    both = bench.find("bananas/results_901")
    assert [bench.query(both, "params", protocol=p) for p in bench.protocols] == [1_000_000, 3_000_000]


def test_a_diverged_training_is_a_failure(home: Path, write) -> None:
    files = world()
    files["rs/results_6"]["info"][0] |= {"val_accuracy": math.nan, "val_cross_entropy": math.inf}
    install(formats.read("nas-bench-301", write(files, archive=True)))
    bench = load("nas-bench-301/cifar10")
    assert math.isnan(bench.query("rs/results_6", "val_accuracy"))
    assert math.isnan(bench.query("rs/results_6", "val_cross_entropy"))
    assert bench.query("rs/results_6", "test_accuracy") == files["rs/results_6"]["test_accuracy"]


def test_results_of_one_name_in_several_folders_keep_their_path(home: Path, write) -> None:
    files = {f"run_{n}/results_fidelity_0/results_0": value for n, value in enumerate([*world().values()][:4])}
    data = formats.read("nas-bench-301", write(files))
    assert {name.decode() for name in data.source_ids.tolist()} == {f"nb_301_v13/{name}" for name in files}


def test_renumbered_cells_are_one_class(home: Path, write) -> None:
    """Nodes 2 and 3 of the normal cell read the same inputs: exchanged they are the same cell."""
    one = SPACE.parse(",".join(map(str, [3, 4, 0, 5, 6, *[0] * 17])))
    two = SPACE.parse(",".join(map(str, [5, 6, 0, 3, 4, *[0] * 17])))
    rng = np.random.default_rng(0)
    data = formats.read("nas-bench-301", write({"rs/results_1": result(rng, one), "rs/results_2": result(rng, two)}))
    assert len(data.genotypes) == 2
    assert data.canonical.tolist() == [0, 0] or data.canonical.tolist() == [1, 1]


def test_the_command(home: Path, write, compares) -> None:
    assert CliRunner().invoke(app, ["import", "nas-bench-301", str(write(world(), archive=True))]).exit_code == 0
    assert compares("nas-bench-301/cifar10")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.pop("info"), "expected an object with"),
        (lambda r: r.update(info=[]), "info no list of objects"),
        (lambda r: r.update(info=[[]]), "info no list of objects"),
        (lambda r: r.update(budget=0), "budget: expected a number from 1"),
        (lambda r: r.update(budget=1.5), "whole number"),
        (lambda r: r.update(budget=10**9), "budget: expected a number from 1"),
        (lambda r: r.update(runtime=None), "runtime: expected a number"),
        (lambda r: r.update(test_accuracy=101), "test_accuracy: expected a number from 0 to 100"),
        (lambda r: r["info"][0].pop("model_parameters"), "model_parameters: expected a number"),
        (lambda r: r["info"][0].pop("val_accuracy"), "info has no val_accuracy"),
        (lambda r: r["info"][0].update(val_accuracy=-1), "val_accuracy: expected a number"),
        (lambda r: r["info"][0].update(val_accuracy="95"), "val_accuracy: expected a number"),
        (lambda r: r["optimized_hyperparamater_config"].pop(f"{PREFIX}layers"), "layers: expected a number"),
        (lambda r: r["optimized_hyperparamater_config"].pop(f"{PREFIX}edge_normal_0"), "not those of its inputs"),
        (lambda r: r["optimized_hyperparamater_config"].update({f"{PREFIX}edge_normal_0": 1}), "unknown operation"),
        (lambda r: r.update(learning_curves=[]), "no Train/val_accuracy"),
        (lambda r: r.update(learning_curves={"Train/val_accuracy": []}), "no list of one number an epoch"),
        (lambda r: r.update(learning_curves={"Train/val_accuracy": [9.0] * 8}), "for up to 7 epochs"),
        (lambda r: r.update(learning_curves={"Train/val_accuracy": [101.0]}), "expected a number from 0 to 100"),
    ],
)  # fmt: skip
def test_files_that_are_not_whole(write, change, message: str) -> None:
    files = world()
    change(files["rs/results_0"])
    with pytest.raises(ImportFileError, match=message):
        formats.read("nas-bench-301", write(files))


def test_folders_and_names_that_are_no_results(tmp_path: Path, write, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImportFileError, match=r"has no results_N\.json"):
        formats.read("nas-bench-301", tmp_path)
    with pytest.raises(ImportFileError, match="cannot be read as a zip"):
        formats.read("nas-bench-301", tmp_path / "absent.zip")
    with pytest.raises(ImportFileError, match=r"is no OPTIMIZER/results_N\.json"):
        formats.read("nas-bench-301", write({"rs/results_x": {}}))
    monkeypatch.setattr("nasbench.datasets.importers.nas_bench_301.MAX_FILES", 10)
    with pytest.raises(UnsafeFileError, match="more than the 10"):
        formats.read("nas-bench-301", write(world()))


@pytest.mark.parametrize("limit", ["MAX_CELLS", "MAX_NUMBERS"])
def test_repeats_that_would_fill_the_memory(write, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(f"nasbench.datasets.importers.nas_bench_301.{limit}", 3 * 45 - 1)
    with pytest.raises(UnsafeFileError, match="too large a table"):
        formats.read("nas-bench-301", write(world(curves=True)))


def test_the_source_of_a_folder_is_the_digest_of_its_files(write) -> None:
    folder = write(world())
    lines = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.parent.name}/{f.name}" for f in folder.glob("*/*.json")]
    listed = "".join(f"{line}\n" for line in sorted(lines, key=lambda line: line.split()[1].removesuffix(".json")))
    (source,) = formats.read("nas-bench-301", folder).sources
    assert source["sha256"] == hashlib.sha256(listed.encode()).hexdigest()


def test_archives_that_are_unsafe_or_damaged(write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(world(), archive=True)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImportFileError, match="cannot be read as a zip"):
        formats.read("nas-bench-301", path)
    damaged = bytearray(whole)
    damaged[400] ^= 0xFF
    path.write_bytes(bytes(damaged))
    with pytest.raises(ImportFileError):
        formats.read("nas-bench-301", path)
    path.write_bytes(whole)
    monkeypatch.setattr("nasbench.datasets.importers.nas_bench_301.MAX_FILE", 500)
    with pytest.raises(UnsafeFileError, match="more than the 500 bytes"):
        formats.read("nas-bench-301", path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../rs/results_0.json", "{}")
    with pytest.raises(UnsafeFileError, match="points outside"):
        formats.read("nas-bench-301", path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_bytes_are_a_table_or_a_typed_error(tmp_path: Path, data) -> None:
    whole = json.dumps(next(iter(world().values()))).encode()
    cut = data.draw(st.integers(0, len(whole)))
    content = data.draw(
        st.one_of(st.binary(max_size=300), st.just(whole[:cut] + b"]" + whole[cut:]), st.just(b"[" * 99_999))
    )
    folder = tmp_path / "fuzz" / "rs"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results_0.json").write_bytes(content)
    archive = tmp_path / "fuzz.zip"
    archive.write_bytes(content)
    with contextlib.suppress(TableError):
        formats.read("nas-bench-301", folder.parent)
    with contextlib.suppress(TableError):
        formats.read("nas-bench-301", archive)
