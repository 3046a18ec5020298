"""Accel-NASBench: against a plain reading of the official archive, and a small one where it is absent."""

from __future__ import annotations

import io
import json
import math
import tarfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nasbench.benchmark import load
from nasbench.cli import app
from nasbench.datasets import formats
from nasbench.datasets.install import install
from nasbench.errors import ImportFileError, UnsafeFileError

FILE = "afzalxo/Accel-NASBench/*/anb_dataset/anb_dataset_jsons.tar.gz"
DEVICES = {
    "zcu102_latency_ms": ("latency_zcu102", "latency_mean"),
    "vck190_latency_ms": ("latency_vck190", "latency_mean"),
    **{f"{d}_throughput": (f"throughput_{d}", "throughput_mean")
       for d in ("a100", "3090", "tpuv2", "tpuv3", "zcu102", "vck190")},
    **{f"{d}_throughput_std": (f"throughput_{d}", "throughput_std") for d in ("a100", "3090", "tpuv2", "tpuv3")},
}  # fmt: skip


def world(count: int = 40) -> dict[int, dict]:
    """Files in the official layout: the last is a second training of the first; one has nulls."""
    rng = np.random.default_rng(0)
    made = {}
    for n in range(count):
        architecture = {}
        for block in range(7):
            layers = (1, 2, 3, 4) if block == 5 else (1, 2, 3)
            architecture |= {f"block{block}_e": int(rng.choice([1, 4, 6])), f"block{block}_k": int(rng.choice([3, 5])),
                             f"block{block}_l": int(rng.choice(layers)),
                             f"block{block}_se": bool(rng.random() < 0.3)}  # fmt: skip
        performance = {
            f"{kind}_{d}": {f"{kind}_mean": float(rng.uniform(1, 9)),
                            f"{kind}_std": None if d in ("zcu102", "vck190") else float(rng.uniform())}
            for kind, devices in (("latency", ("zcu102", "vck190")),
                                  ("throughput", ("zcu102", "vck190", "a100", "3090", "tpuv2", "tpuv3")))
            for d in devices
        }  # fmt: skip
        made[n] = {
            "architecture": architecture,
            "metrics": {"val_top1": float(rng.uniform(50, 65)), "val_top5": 80.0, "train_time": 1000.0 + n},
            "model_info": {
                "macs": round(float(rng.uniform(200, 600)), 6),
                "params": round(float(rng.uniform(2, 6)), 6),
            },
            "platform_perf": performance,
        }
    made[count - 1] |= {"architecture": made[0]["architecture"], "model_info": made[0]["model_info"]}
    made[3]["platform_perf"]["throughput_tpuv3"] = {"throughput_mean": None, "throughput_std": None}
    return made


@pytest.fixture
def write(tmp_path: Path):
    def write(results: dict) -> Path:
        path = tmp_path / "anb.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            folder = tarfile.TarInfo("./anb_dataset_jsons")
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
            for name, value in results.items():
                content = json.dumps(value).encode()
                info = tarfile.TarInfo(f"./anb_dataset_jsons/result_{name}.json")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return path

    return write


def same_as_plain_reading(results: dict[int, dict], family: str = "accel-nasbench") -> int:
    """Compares every number; returns how many architectures were trained more than once."""
    bench = load(f"{family}/imagenet")
    by_architecture: dict[str, list[int]] = {}
    for n in sorted(results):
        by_architecture.setdefault(json.dumps(results[n]["architecture"], sort_keys=True), []).append(n)
    assert len(bench) == len(by_architecture)
    for files in by_architecture.values():
        genotype = bench.full_space.parse(",".join(f"{k}={v}" for k, v in results[files[0]]["architecture"].items()))
        row = bench.row(genotype)
        assert bench.find(f"result_{files[0]}") == genotype
        for run, n in enumerate(files):
            value = results[n]
            official = {"val_top1": value["metrics"]["val_top1"], "val_top5": value["metrics"]["val_top5"],
                        "train_seconds": value["metrics"]["train_time"],
                        **{k: value["platform_perf"][a][b] for k, (a, b) in DEVICES.items()}}  # fmt: skip
            for metric, number in official.items():
                found = bench.column(metric)[row, run]
                assert math.isnan(found) if number is None else found == number
        assert np.isnan(bench.column("val_top1")[row, len(files) :]).all()
        assert bench.query(genotype, "macs") == round(results[files[0]]["model_info"]["macs"] * 1e6)
        assert bench.query(genotype, "params") == round(results[files[0]]["model_info"]["params"] * 1e6)
    return sum(len(files) > 1 for files in by_architecture.values())


def test_the_official_archive(home: Path, official_file) -> None:
    path = official_file(FILE)
    install(formats.read("accel-nasbench", path))
    with tarfile.open(path) as archive:
        results = {int(m.name.rpartition("_")[2].removesuffix(".json")): json.load(archive.extractfile(m))
                   for m in archive if m.isfile()}  # fmt: skip
    assert len(results) == 5138
    assert same_as_plain_reading(results) == 13
    bench = load("accel-nasbench/imagenet")
    assert len(bench) == 5125
    throughputs = [bench.column(k) for k in DEVICES if k.endswith("_throughput")]
    assert sum(int(np.isnan(t[:, 0]).sum()) for t in throughputs) == 88
    assert sum(int(np.isnan(bench.column(f"{d}_latency_ms")[:, 0]).sum()) for d in ("zcu102", "vck190")) == 4
    both = bench.column("val_top1")[~np.isnan(bench.column("val_top1")[:, 1])]
    assert bench.noise_floor == pytest.approx(np.sqrt((np.diff(both)[:, 0] ** 2 / 2).mean() / (5138 / 5125)))


def test_an_archive_in_the_official_layout(home: Path, write) -> None:
    install(formats.read("accel-nasbench", write(world())))
    assert same_as_plain_reading(world()) == 1
    bench = load("accel-nasbench/imagenet")
    assert (bench.objective, bench.full_space.size) == ("val_top1", 36**6 * 48)
    assert bench.metrics["a100_throughput"].direction == "maximize"
    assert "zcu102_throughput_std" not in bench.metrics


def test_the_order_of_the_members_does_not_matter(home: Path, write) -> None:
    install(formats.read("accel-nasbench", write(world())))
    digest = load("accel-nasbench/imagenet").digest("val_top1")
    install(formats.read("accel-nasbench", write(dict(reversed(world().items())))), replace=True)
    assert load("accel-nasbench/imagenet").digest("val_top1") == digest


def test_the_command(home: Path, write, compares) -> None:
    assert CliRunner().invoke(app, ["import", "accel-nasbench", str(write(world()))]).exit_code == 0
    assert compares("accel-nasbench")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.clear(), "no result_N.json"),
        (lambda w: w.update({"x": w[0]}), "result_x.json is no result_N.json"),
        (lambda w: w.update({"007": w[7]}), "there twice"),
        (lambda w: w[5].pop("metrics"), "result_5.json.*metrics"),
        (lambda w: w[5]["architecture"].update(block0_e=2), "result_5.json: block0_e must be one of"),
        (lambda w: w[5]["architecture"].update(block0_se=1), "block0_se must be one of"),
        (lambda w: w[5]["architecture"].update(block0_e=[4]), "block0_e must be one of"),
        (lambda w: w[5]["architecture"].update(block7_e=1), "block7_e"),
        (lambda w: w[5]["metrics"].update(val_top1=None), "val_top1: expected a number"),
        (lambda w: w[5]["metrics"].update(val_top1=-1), "val_top1: expected a number"),
        (lambda w: w[5]["metrics"].update(train_time=float("inf")), "Infinity"),
        (lambda w: w[5]["platform_perf"].pop("latency_zcu102"), "latency_zcu102"),
        (lambda w: w[39].update(model_info={"macs": 1.0, "params": 1.0}), "disagree about"),
    ],
)
def test_archives_that_are_not_whole(write, change, message: str) -> None:
    broken = json.loads(json.dumps(world()))
    broken = {int(k): v for k, v in broken.items()}
    change(broken)
    with pytest.raises(ImportFileError, match=message):
        formats.read("accel-nasbench", write(broken))


def test_a_truncated_archive_and_a_large_member(write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(world())
    whole = path.read_bytes()
    for cut in (100, len(whole) // 2, len(whole) - 4):
        path.write_bytes(whole[:cut])
        with pytest.raises(ImportFileError):
            formats.read("accel-nasbench", path)
    path.write_bytes(whole)
    monkeypatch.setattr("nasbench.datasets.importers.accel_nasbench.MAX_MEMBER", 500)
    with pytest.raises(UnsafeFileError, match="more than the 500 bytes"):
        formats.read("accel-nasbench", path)
