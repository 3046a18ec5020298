"""Joining add-ons: the base stays as it is, other tables are refused, searches are not changed by them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nasbench
from nasbench.datasets.addons import addon_path, installed_addons
from nasbench.datasets.families import installed_names
from nasbench.datasets.install import remove
from nasbench.errors import TableError, TaskError, UnknownNameError
from nasbench.parameter import Parameter
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.grid import GridSpace
from nasbench.store import Table
from nasbench.table_file import write_table

SPACE = GridSpace([Parameter(f"op{i}", ("a", "b", "c", "d")) for i in range(3)])
A = SPACE.size


def values(number, repeats=1):
    return np.random.default_rng(number).uniform(10, 90, (A, repeats))


def final(number, split="valid", repeats=1):
    return Column(values(number, repeats), "maximize", "%", split)


def table(name, *recipes, rows=None, dataset="default"):
    genotypes = SPACE.all() if rows is None else SPACE.all()[rows]
    return TableData(
        name=name,
        title=f"the table {name}",
        licence="MIT",
        citation="nobody",
        sources=({"name": f"file of {name}", "sha256": "0" * 64},),
        space_kind=SPACE.kind,
        space_definition=SPACE.definition(),
        space_sha256=SPACE.sha256,
        complete=rows is None,
        genotypes=genotypes,
        source_ids=np.array([f"id{i}".encode() for i in range(len(genotypes))]),
        canonical=np.arange(len(genotypes)),
        datasets={dataset: Dataset("val_accuracy", {recipe.name: recipe for recipe in recipes})},
    )


BASE = Protocol(
    "full",
    10,
    final={"val_accuracy": final(0, repeats=3)},
    cost={"train_seconds": Column(values(1)[:, 0], "minimize", "s", "cost")},
)
TEST = Protocol("full", 10, final={"test_accuracy": final(2, "test")})
CURVES = tuple(range(1, 11))


@pytest.fixture
def folder(home: Path) -> Path:
    (home / "tables").mkdir(parents=True)
    write_table(home / "tables" / "toy.h5", table("toy", BASE), "the tests")
    return home / "tables"


def add(name, *recipes, **how):
    write_table(addon_path("toy", name), table(f"toy-{name}", *recipes, **how), "the tests")


def test_columns_of_an_add_on_appear_and_go_with_it(folder):
    alone = nasbench.load("toy/default")
    assert alone is nasbench.load("toy")
    assert list(alone.metrics) == ["val_accuracy", "train_seconds"]
    content = (folder / "toy.h5").read_bytes()
    add("test", TEST)
    add("short", Protocol("short", 2, final={"val_accuracy": final(3)}))
    joined = nasbench.load("toy/default")
    assert joined is nasbench.load("toy/default")
    assert list(joined.metrics) == ["val_accuracy", "test_accuracy", "train_seconds"]
    assert list(joined.protocols) == ["full", "short"]
    np.testing.assert_array_equal(joined.column("test_accuracy"), values(2))
    np.testing.assert_array_equal(joined.column("val_accuracy", "short"), values(3))
    assert joined.query((1, 2, 3), "test_accuracy") == values(2)[SPACE.index((1, 2, 3)), 0]
    assert [addon.attrs["name"] for addon in joined.table.addons] == ["toy-short", "toy-test"]
    assert [source.get("addon") for source in joined.table.sources] == [None, "toy-short", "toy-test"]
    assert (folder / "toy.h5").read_bytes() == content
    assert installed_addons() == {"toy-short": folder / "toy+short.h5", "toy-test": folder / "toy+test.h5"}
    with pytest.raises(UnknownNameError, match="Did you mean 'toy-test'"):
        remove("toy-tets")
    assert remove("toy-test") == folder / "toy+test.h5"
    assert not list(folder.glob("toy+test*"))
    assert list(nasbench.load("toy/default").metrics) == ["val_accuracy", "train_seconds"]
    assert list(alone.metrics) == ["val_accuracy", "train_seconds"]


def test_an_add_on_changes_no_run_and_no_run_key(folder):
    def runs():
        tasks = [
            nasbench.Task("toy", evaluations=20),
            nasbench.Task("toy", evaluations=20, repeat="mean"),
            nasbench.Task("toy", objective=["val_accuracy", "train_seconds"], evaluations=20),
        ]
        return [nasbench.search(task, "random-search", seed=1) for task in tasks]

    before = runs()
    digests = {name: nasbench.load("toy").digest(name) for name in ("val_accuracy", "train_seconds")}
    positions = nasbench.Task("toy", evaluations=20).runs_of(None)
    wide = Protocol("full", 10, final={"test_accuracy": final(2, "test", repeats=5)})
    add("test", wide)
    add("hardware", Protocol("full", 10, cost={"phone_latency_ms": Column(values(4)[:, 0], "minimize", "ms", "cost")}))
    joined = nasbench.load("toy")
    assert "phone_latency_ms" in joined.metrics
    assert {name: joined.digest(name) for name in digests} == digests
    for old, new in zip(positions, nasbench.Task("toy", evaluations=20).runs_of(None), strict=True):
        np.testing.assert_array_equal(old, new)
    after = runs()
    assert [run.key for run in after] == [run.key for run in before]
    assert [run.trace_hash for run in after] == [run.trace_hash for run in before]


def test_runs_on_nasbench201_keep_their_keys(shared_home, fetched_home):
    task = nasbench.Task("nasbench201/cifar10", evaluations=50)
    joined = nasbench.search(task, "regularized-evolution", seed=0)
    bench = nasbench.load("nasbench201/cifar10")
    assert bench.table.addons
    with pytest.MonkeyPatch.context() as patch:
        alone = shared_home / "alone"
        alone.mkdir()
        (alone / "cache").symlink_to(shared_home / "cache", target_is_directory=True)
        patch.setenv("NASBENCH_HOME", str(alone))
        base = nasbench.load("nasbench201/cifar10")
        assert not base.table.addons
        run = nasbench.search(nasbench.Task("nasbench201/cifar10", evaluations=50), "regularized-evolution", seed=0)
        assert {name: base.digest(name) for name in base.metrics} == {name: bench.digest(name) for name in base.metrics}
    assert (run.key, run.trace_hash, run.best) == (joined.key, joined.trace_hash, joined.best)


def test_a_search_on_an_added_test_column_must_be_allowed(folder):
    add("test", TEST)
    with pytest.raises(TaskError, match="test"):
        nasbench.Task("toy", objective="test_accuracy", evaluations=5)
    task = nasbench.Task("toy", objective="test_accuracy", evaluations=5, allow_test=True)
    assert "test" in task.name
    assert nasbench.load("toy").objective == "val_accuracy"


def test_curves_come_from_the_file_that_has_them(folder):
    curves = np.random.default_rng(5).uniform(0, 100, (A, 1, 10)).astype(np.float32)
    column = Column(curves, "maximize", "%", "valid", epochs=CURVES)
    finals = Column(curves[:, :, -1].astype(float), "maximize", "%", "valid")
    add("curves", Protocol("slow", 10, final={"val_accuracy": finals}, curve={"val_accuracy": column}))
    bench = nasbench.load("toy")
    np.testing.assert_array_equal(bench.curves("val_accuracy", "slow"), curves)
    assert bench.query((0, 0, 0), "val_accuracy", protocol="slow", epoch=3) == float(curves[0, 0, 2])


def test_verify_reads_the_add_ons_too(folder):
    add("test", TEST)
    bench = nasbench.load("toy")
    bench.table.verify()
    path = folder / "toy+test.h5"
    content = bytearray(path.read_bytes())
    place = content.find(values(2)[:4].tobytes())
    assert place > 0
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"toy\+test\.h5"):
        bench.table.verify()
    with pytest.raises(TableError, match=r"toy\+test\.h5"):
        nasbench.load("toy")
    remove("toy-test")
    nasbench.load("toy").table.verify()


@pytest.mark.parametrize(
    ("recipe", "how", "says"),
    [
        (TEST, {"dataset": "other"}, "no dataset 'other'"),
        (TEST, {"rows": np.arange(A - 1)}, "other architectures"),
        (TEST, {"rows": np.arange(A)[::-1]}, "other architectures, or another order"),
        (replace(TEST, epochs=11), {}, "has 10 epochs, not 11"),
        (Protocol("full", 10, final={"val_accuracy": final(9)}), {}, "'val_accuracy' in protocol 'full' already"),
        (
            Protocol("full", 10, final={"train_seconds": final(9)}),
            {},
            "'train_seconds' in protocol 'full' already",
        ),
    ],
)
def test_an_add_on_that_does_not_fit_is_refused_by_name(folder, recipe, how, says):
    rows = how.get("rows")
    if rows is not None:
        column = Column(values(2)[: len(rows)], "maximize", "%", "test")
        recipe = Protocol("full", 10, final={"test_accuracy": column})
    add("odd", recipe, **how)
    with pytest.raises(TableError, match=says) as caught:
        nasbench.load("toy")
    assert "nasbench remove toy-odd" in str(caught.value)
    remove("toy-odd")
    nasbench.load("toy")


def test_two_add_ons_with_one_metric_are_refused(folder):
    add("a", TEST)
    add("b", TEST)
    with pytest.raises(TableError, match="'test_accuracy' in protocol 'full' already"):
        nasbench.load("toy")


def test_an_add_on_of_another_space_is_refused(folder):
    data = table("toy-odd", TEST)
    write_table(addon_path("toy", "odd"), replace(data, space_sha256="0" * 64), "the tests")
    with pytest.raises(TableError, match="other architectures"):
        nasbench.load("toy")


def test_an_add_on_is_no_benchmark_of_its_own(folder):
    add("test", TEST)
    assert [name for name in installed_names() if "toy" in name] == ["toy/default"]
    with pytest.raises(UnknownNameError):
        nasbench.load("toy+test/default")


def test_the_files_of_an_add_on_are_read_only_views(folder):
    add("test", TEST)
    column = nasbench.load("toy").column("test_accuracy")
    with pytest.raises(ValueError, match="read-only"):
        column[0] = 1
    assert Table(folder / "toy+test.h5").addons == ()
