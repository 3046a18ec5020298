"""NAS-Bench-Macro: against a plain reading of the official file, and a small world where it is absent."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nasbench.benchmark import load
from nasbench.cli import app
from nasbench.datasets import formats
from nasbench.datasets.install import install
from nasbench.errors import GenotypeError, ImportFileError, TaskError, UnsafeFileError
from nasbench.spaces import from_definition
from nasbench.spaces.nas_bench_macro import NASBenchMacroSpace
from nasbench.task import Task

FILE = "xiusu/NAS-Bench-Macro/*/data/nas-bench-macro_cifar10.json"
SPACE = NASBenchMacroSpace()


@pytest.fixture(scope="module")
def world() -> dict[str, dict]:
    """Every network in the official layout, with invented numbers."""
    rng = np.random.default_rng(0)
    made = {}
    for key in map("".join, itertools.product("012", repeat=8)):
        runs = (80 + 10 * rng.random(3)).tolist()
        made[key] = {"test_acc": runs, "mean_acc": sum(runs) / 3, "std": float(np.std(runs)),
                     "params": 1000 + int(key, 3), "flops": 2000 + int(key, 3)}  # fmt: skip
    return made


@pytest.fixture
def write(tmp_path: Path):
    def write(content: object) -> Path:
        path = tmp_path / "macro.json"
        path.write_text(json.dumps(content))
        return path

    return write


def same_as_plain_reading(records: dict[str, dict], family: str) -> None:
    bench = load(f"{family}/cifar10")
    assert len(bench) == len(records) == 6561
    for row, genotype in enumerate(bench.genotypes.tolist()):
        value = records["".join(map(str, genotype))]
        assert bench.column("test_accuracy")[row].tolist() == value["test_acc"]
        assert bench.column("params")[row, 0] == value["params"]
        assert bench.column("flops")[row, 0] == value["flops"]


def test_the_official_file(home: Path, official_file) -> None:
    path = official_file(FILE)
    install(formats.read("nas-bench-macro", path))
    records = json.loads(path.read_text())
    same_as_plain_reading(records, "nas-bench-macro")
    bench = load("nas-bench-macro/cifar10")
    assert bench.query("22212220") == pytest.approx(records["22212220"]["mean_acc"], abs=1e-5)
    assert bench.optimum()[1] == pytest.approx(93.1267, abs=5e-5)
    assert bench.mean("test_accuracy").mean() == pytest.approx(90.247, abs=5e-4)
    assert {m.split for m in bench.metrics.values()} == {"test", "cost"}


def test_published_numbers_agree_within_a_class(official_file) -> None:
    """The authors trained each class once and copied its numbers: independent of how we canonicalise."""
    records = json.loads(official_file(FILE).read_text())
    trained = {}
    for genotype, canonical in zip(SPACE.all().tolist(), SPACE.canonical(SPACE.all()).tolist(), strict=True):
        value = records["".join(map(str, genotype))]
        trained.setdefault(tuple(canonical), set()).add((*value["test_acc"], value["params"], value["flops"]))
    assert {len(v) for v in trained.values()} == {1}
    assert len(trained) == 3969


def test_a_file_in_the_official_layout(home: Path, world, write) -> None:
    install(formats.read("nas-bench-macro", write(world), "mine"))
    same_as_plain_reading(world, "mine")


def test_a_search_must_say_that_it_is_on_test(home: Path, world, write) -> None:
    install(formats.read("nas-bench-macro", write(world)))
    with pytest.raises(TaskError, match="allow_test"):
        Task("nas-bench-macro/cifar10", evaluations=10)
    assert Task("nas-bench-macro/cifar10", evaluations=10, allow_test=True).searched_on_test


def test_the_command(home: Path, world, write, compares) -> None:
    out = CliRunner().invoke(app, ["import", "nas-bench-macro", str(write(world))])
    assert out.exit_code == 0
    assert "nas-bench-macro/cifar10: 6,561 architectures" in out.output
    assert "--allow-test" in out.output
    with pytest.raises(TaskError, match="allow_test"):
        compares("nas-bench-macro")
    assert compares("nas-bench-macro", "--allow-test")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("00000000"), "6,561"),
        (lambda w: w.update({"33333333": w["00000000"]}), "6,561"),
        (lambda w: w["01201201"].pop("std"), "01201201.*lacks std"),
        (lambda w: w["01201201"].update(test_acc=[90.0, 90.0]), "01201201.*list of 3"),
        (lambda w: w["01201201"].update(test_acc=[90, 90, None]), "01201201.*number"),
        (lambda w: w["01201201"].update(test_acc=[90, 90, 1e9]), "01201201.*number"),
        (lambda w: w["01201201"].update(mean_acc=12.5), "01201201.*mean"),
        (lambda w: w["01201201"].update(params="12"), "01201201.*number"),
        (lambda w: w["01201201"].update(flops=True), "01201201.*number"),
    ],
)
def test_files_that_are_not_whole(world, write, change, message: str) -> None:
    broken = json.loads(json.dumps(world))
    change(broken)
    with pytest.raises(ImportFileError, match=message):
        formats.read("nas-bench-macro", write(broken))


def test_a_truncated_and_a_huge_file(world, write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(world)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ImportFileError, match="JSON"):
        formats.read("nas-bench-macro", path)
    monkeypatch.setattr("nasbench.datasets.importers.nas_bench_macro.MAX_BYTES", 1000)
    with pytest.raises(UnsafeFileError, match="1,000 bytes"):
        formats.read("nas-bench-macro", path)


# -- the space ------------------------------------------------------------------------------------------


def test_classes_by_brute_force() -> None:
    """Remove later identities by hand: as many distinct networks as classes, and the same partition."""

    def network(genotype: tuple[int, ...]) -> tuple:
        stages = (genotype[:2], genotype[2:5], genotype[5:])
        return tuple((stage[0], *(g for g in stage[1:] if g)) for stage in stages)

    canonical = [tuple(c) for c in SPACE.canonical(SPACE.all()).tolist()]
    networks = [network(tuple(g)) for g in SPACE.all().tolist()]
    assert len(set(networks)) == len(set(canonical)) == len(set(zip(networks, canonical, strict=True))) == 3969
    assert SPACE.canonical(canonical).tolist() == [list(c) for c in canonical]


def test_text_and_definition() -> None:
    assert SPACE.size == 6561
    assert SPACE.parse("22212220") == SPACE.parse("2,2,2,1,2,2,2,0") == (2, 2, 2, 1, 2, 2, 2, 0)
    assert SPACE.format((2, 2, 2, 1, 2, 2, 2, 0)) == "22212220"
    assert from_definition(SPACE.kind, SPACE.definition()) == SPACE
    for text in ("2221222", "22212223", "222122200", "conv", ""):
        with pytest.raises(GenotypeError):
            SPACE.parse(text)
    with pytest.raises(GenotypeError):
        NASBenchMacroSpace.from_definition({"blocks": []})
