"""HAT's latency files: against a plain reading of them, and small ones where they are absent."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nasbench.benchmark import load
from nasbench.cli import app
from nasbench.datasets import formats
from nasbench.datasets.importers.hat import FEATURES, LATENCIES
from nasbench.datasets.install import install
from nasbench.errors import ImportFileError, NotInTableError

FILE = "mit-han-lab/hardware-aware-transformers/*/latency_dataset/*_all.csv"
HEADER = (*FEATURES, *LATENCIES)


@pytest.fixture
def write(tmp_path: Path):
    def write(seed: int = 0, count: int = 40, name: str = "wmt14ende_cpu_toaster_all.csv") -> Path:
        rng = np.random.default_rng(seed)
        folder = tmp_path / "latency_dataset"
        folder.mkdir(exist_ok=True)
        with (folder / name).open("w", newline="") as stream:
            out = csv.writer(stream)
            out.writerow(HEADER)
            for n in range(count):
                layers = int(rng.integers(1, 7))
                features = [512, 6, 1024 + n / 3, 4 / 3, 640, layers, *(rng.integers(2, 9, 4) / layers).tolist()]
                out.writerow([*features, *rng.uniform(1, 99, 4).tolist()])
        return folder / name

    return write


def same_as_plain_reading(path: Path, family: str = "hat") -> None:
    bench = load(f"{family}/{path.name.removesuffix('_all.csv')}")
    with path.open(newline="") as stream:
        records = list(csv.DictReader(stream))
    assert len(bench) == len({tuple(r[k] for k in FEATURES) for r in records}) == len(records)
    for r in records:
        genotype = bench.full_space.parse(",".join(f"{k}={r[k]}" for k in FEATURES))
        encoder, decoder = float(r["latency_mean_encoder"]), float(r["latency_mean_decoder"])
        assert bench.query(genotype, "encoder_latency_ms") == encoder
        assert bench.query(genotype, "decoder_latency_ms") == decoder
        assert bench.query(genotype, "latency_ms") == encoder + decoder
        assert bench.query(genotype, "encoder_latency_std_ms") == float(r["latency_std_encoder"])
        assert bench.query(genotype, "decoder_latency_std_ms") == float(r["latency_std_decoder"])


def test_the_official_files(home: Path, official_file) -> None:
    folder = official_file(FILE).parent
    data = formats.read("hat", folder)
    install(data)
    files = sorted(folder.glob("*.csv"))
    assert len(data.genotypes) == 2000 * len(files)
    for file in files:
        same_as_plain_reading(file)


def test_files_in_the_official_layout(home: Path, write) -> None:
    one, two = write(), write(1, 30, "wmt14ende_gpu_kettle_all.csv")
    install(formats.read("hat", one.parent))
    for path in (one, two):
        same_as_plain_reading(path)
    bench = load("hat/wmt14ende_cpu_toaster")
    assert "table-only" in bench.table.attrs["title"]
    assert (bench.objective, bench.metrics["latency_ms"].direction, bench.noise_floor) == (
        "latency_ms",
        "minimize",
        None,
    )
    other = tuple(load("hat/wmt14ende_gpu_kettle").genotypes[0].tolist())
    with pytest.raises(NotInTableError):
        bench.query(other)


def test_one_file_and_equal_summaries(home: Path, write) -> None:
    """Two transformers with one summary cannot be told apart: both measurements are kept."""
    path = write(count=5)
    lines = path.read_text().splitlines()
    features = lines[1].split(",")[:10]
    path.write_text("\n".join([*lines, ",".join([*features, "1", "2", "3", "4"])]) + "\n")
    install(formats.read("hat", path, "mine"))
    bench = load("mine/wmt14ende_cpu_toaster")
    genotype = bench.full_space.parse(",".join(f"{k}={v}" for k, v in zip(FEATURES, features, strict=True)))
    assert bench.column("latency_ms")[bench.row(genotype)].tolist()[1] == 3.0
    assert np.isnan(bench.column("latency_ms")[:, 1]).sum() == 4


def test_the_command(home: Path, write, compares) -> None:
    assert CliRunner().invoke(app, ["import", "hat", str(write())]).exit_code == 0
    assert compares("hat")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("encoder_layer_num", "layers", 1), "not the columns"),
        (lambda t: t.splitlines()[0], "no records|record"),
        (lambda t: t + "1,2,3\n", "3 fields"),
        (lambda t: t + ",".join(["x"] * 14) + "\n", "every cell is a number"),
        (lambda t: t + ",".join(["nan"] * 14) + "\n", "record 41 has no usable"),
        (lambda t: t + ",".join(["-1"] * 14) + "\n", "record 41 has no usable"),
        (lambda t: t + ",".join(["1e999"] * 14) + "\n", "record 41 has no usable"),
    ],
)
def test_files_that_are_not_whole(write, change, message: str) -> None:
    path = write()
    path.write_text(change(path.read_text()))
    with pytest.raises(ImportFileError, match=message):
        formats.read("hat", path)


def test_file_names_that_name_no_dataset(write) -> None:
    with pytest.raises(ImportFileError, match="cannot name a dataset"):
        formats.read("hat", write(name="my file.csv"))
