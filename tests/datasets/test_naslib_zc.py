"""TransNAS micro from NASLib's archive: against a plain reading of it, and an invented one where it is absent."""

from __future__ import annotations

import itertools
import json
import math
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nasbench.benchmark import load
from nasbench.cli import app
from nasbench.datasets import formats
from nasbench.datasets.install import install
from nasbench.errors import GenotypeError, ImportFileError, UnsafeFileError
from nasbench.spaces import from_definition
from nasbench.spaces.cell_graph import Cell, signatures
from nasbench.spaces.transnas import EDGES, TransNASMicroSpace

FILE = "automl/NASLib/*/naslib/data/zc_benchmarks/all_benchmarks_zen.zip"
METRIC = {"class_scene": "val_top1", "class_object": "val_top1", "jigsaw": "val_top1", "room_layout": "val_neg_loss",
          "segmentsemantic": "val_acc", "normal": "val_ssim", "autoencoder": "val_ssim"}  # fmt: skip
SPACE = TransNASMicroSpace()
World = dict[str, list[dict]]


@pytest.fixture(scope="module")
def world() -> World:
    rng = np.random.default_rng(0)
    made: World = {"zen/benchmark--transbench101_micro--jigsaw--0.json": [],
                   "zen/benchmark--transbench101_micro--room_layout--0.json": []}  # fmt: skip
    for entries, offset in zip(made.values(), (0, -2), strict=True):
        for n, arch in enumerate(itertools.product(range(4), repeat=6)):
            entries.append({"idx": str(n), "arch": str(arch), "zen": {"score": 1.0, "time": 2.0},
                            "val_accuracy": rng.random() + offset})  # fmt: skip
        rng.shuffle(entries)
    made["zen/benchmark--transbench101_micro--room_layout--0.json"][9]["val_accuracy"] = -1e8
    return made


@pytest.fixture
def write(tmp_path: Path):
    def write(world: World) -> Path:
        path = tmp_path / "all.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("zen/", "")
            for name, entries in world.items():
                archive.writestr(name, json.dumps(entries))
        return path

    return write


def plain(path: Path) -> dict[str, dict[str, float]]:
    """task -> official string -> value, by string work alone."""
    values: dict[str, dict[str, float]] = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".json"):
                task = values.setdefault(name.split("--")[2], {})
                for entry in json.loads(archive.read(name)):
                    a, b, c, d, e, f = re.findall(r"\d", entry["arch"])
                    task[f"64-41414-{a}_{b}{c}_{d}{e}{f}"] = entry["val_accuracy"]
    return values


def same_as_plain_reading(path: Path) -> None:
    for task, values in plain(path).items():
        bench = load(f"transnas-micro/{task}")
        assert len(bench) == len(values) == 4096
        assert bench.objective == METRIC[task]
        for text, value in values.items():
            found = bench.query(text)
            assert math.isnan(found) if value == -1e8 else found == value


def test_the_official_archive(home: Path, official_file) -> None:
    path = official_file(FILE)
    data = formats.read("naslib-zc", path)
    install(data)
    assert set(data.datasets) == set(METRIC)
    same_as_plain_reading(path)


def test_the_digits_are_the_official_ones(official_file) -> None:
    """Cells of one computational graph have nearly one value, but only if the digits are read rightly."""
    values = plain(official_file(FILE))
    archs = SPACE.all()
    starts = sorted(EDGES)
    naslib = np.array([1, 0, 3, 2])[archs][:, [starts.index(edge) for edge in EDGES]]
    for task in ("class_scene", "segmentsemantic", "jigsaw", "normal"):
        column = np.array([values[task][SPACE.format(tuple(arch))] for arch in archs.tolist()])
        within = [_within_classes(column, cells) for cells in (archs, naslib)]
        assert within[0] < 0.08
        assert within[1] > 0.4
    assert values["class_scene"]["64-41414-3_33_333"] > values["class_scene"]["64-41414-2_22_222"] + 20


def test_cells_without_a_path_have_no_zen_score(official_file) -> None:
    with zipfile.ZipFile(official_file(FILE)) as archive:
        entries = [e for n in archive.namelist() if "--normal--" in n for e in json.loads(archive.read(n))]
    unscored = {tuple(map(int, re.findall(r"\d", e["arch"]))) for e in entries if e["zen"]["score"] == -1e8}
    no_path = SPACE.all()[(SPACE.canonical(SPACE.all()) == 0).all(axis=1)]
    assert unscored == {tuple(cell) for cell in no_path.tolist()}
    assert len(unscored) == 169


def _within_classes(column: np.ndarray, cells: np.ndarray) -> float:
    _, which = np.unique(signatures(Cell(EDGES, zero=0, skip=1), cells), return_inverse=True)
    means = np.bincount(which, column) / np.bincount(which)
    return float((column - means[which]).var() / column.var())


def test_an_archive_in_the_official_layout(home: Path, world: World, write, compares) -> None:
    path = write(world)
    out = CliRunner().invoke(app, ["import", "naslib-zc", str(path)])
    assert "transnas-micro/jigsaw: 4,096 architectures, primary metric val_top1" in out.output
    same_as_plain_reading(path)
    assert {m.split for m in load("transnas-micro/jigsaw").metrics.values()} == {"valid"}
    assert compares("transnas-micro")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.clear(), "holds no benchmark"),
        (lambda w: w.update({"zen/other.json": []}), "other.json is no benchmark"),
        (lambda w: w.update({"benchmark--transbench101_micro--mine--0.json": []}), "mine--0.json is no benchmark"),
        (lambda w: w.update({"benchmark--transbench101_micro--normal--0.json": {}}), "holds no list"),
        (lambda w: w.update({"benchmark--transbench101_micro--normal--0.json": []}), "0 of the 4,096 cells for normal"),
        (lambda w: first(w).pop(), "4,095 of the 4,096 cells for jigsaw"),
        (lambda w: first(w).append(first(w)[0]), "listed twice"),
        (lambda w: first(w)[0].update(arch="(0, 0, 0, 0, 0, 4)"), "six digits"),
        (lambda w: first(w)[0].update(arch=[0] * 6), "six digits"),
        (lambda w: first(w)[0].update(val_accuracy="1"), "expected a number"),
        (lambda w: first(w)[0].update(val_accuracy=math.nan), "NaN"),
        (lambda w: first(w)[0].pop("zen"), "lacks zen"),
    ],
)
def test_archives_that_are_not_whole(world: World, write, change, message: str) -> None:
    broken = json.loads(json.dumps(world))
    change(broken)
    with pytest.raises(ImportFileError, match=message):
        formats.read("naslib-zc", write(broken))


def first(world: World) -> list[dict]:
    return next(iter(world.values()))


def test_a_large_member_and_a_truncated_archive(world: World, write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(world)
    monkeypatch.setattr("nasbench.datasets.importers.naslib_zc.MAX_MEMBER", 1000)
    with pytest.raises(UnsafeFileError, match="more than the 1,000 bytes"):
        formats.read("naslib-zc", path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ImportFileError, match="zip"):
        formats.read("naslib-zc", path)


# -- the space ------------------------------------------------------------------------------------------


def test_text_and_definition() -> None:
    assert SPACE.size == 4096
    assert SPACE.parse("64-41414-1_30_321") == SPACE.parse("1,3,0,3,2,1") == (1, 3, 0, 3, 2, 1)
    assert SPACE.format((1, 3, 0, 3, 2, 1)) == "64-41414-1_30_321"
    assert from_definition(SPACE.kind, SPACE.definition()) == SPACE
    for text in ("64-41414-1_30_32", "64-41414-1_30_324", "64-41414-1_30_3211", "conv", ""):
        with pytest.raises(GenotypeError):
            SPACE.parse(text)
    with pytest.raises(GenotypeError):
        TransNASMicroSpace.from_definition({"edges": []})


def test_canonical_cells() -> None:
    canonical = SPACE.canonical(SPACE.all())
    assert len(np.unique(canonical, axis=0)) == 1011
    np.testing.assert_array_equal(SPACE.canonical(canonical), canonical)
    nothing = [(0, 0, 0, 0, 0, 0), (3, 3, 3, 0, 0, 0), (0, 0, 3, 0, 3, 3)]
    assert SPACE.canonical(nothing).tolist() == [[0] * 6] * 3
    assert SPACE.canonical([(1, 0, 0, 0, 3, 0)]).tolist() == SPACE.canonical([(0, 0, 0, 3, 0, 0)]).tolist()
    assert SPACE.canonical([(0, 0, 0, 2, 0, 0)]).tolist() != SPACE.canonical([(0, 0, 0, 3, 0, 0)]).tolist()
