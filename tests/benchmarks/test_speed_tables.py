"""The speed of tables: how long a fetched one takes to be made, and any one takes to be opened.

pytest tests/benchmarks --benchmark-only --benchmark-columns=min,median,rounds
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import h5py
import pytest

import nasbench
from nasbench.datasets.addons import addon_path
from nasbench.datasets.catalog import AddOn, catalog
from nasbench.datasets.families import imported_path, open_base, open_table
from nasbench.datasets.fetch import fetch

SLACK = float(os.environ.get("NASBENCH_SPEED_SLACK", "3"))


@pytest.fixture(scope="module")
def fetched(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with all that can be fetched."""
    home = tmp_path_factory.mktemp("home")
    cache = Path(os.environ["NASBENCH_HOME"]).absolute() / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (home / "cache").symlink_to(cache, target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASBENCH_HOME", str(home))
        patch.setenv("NASBENCH_MIRROR", str(mirror))
        for name in catalog():
            fetch(name)
        yield home


def within(benchmark, target_seconds):
    """The fastest round stays within the target."""
    if benchmark.stats is None:
        pytest.skip("timing is off beside other workers; run pytest tests/benchmarks by itself")
    assert benchmark.stats.stats.min <= target_seconds * SLACK


@pytest.mark.parametrize("family", ["nasbench201", *(e.name for e in catalog().values() if not isinstance(e, AddOn))])
def test_open_a_table(benchmark, fetched, family):
    """With all add-ons of the family joined, from the index that is kept beside each file."""
    benchmark.group = "open a table"
    benchmark(open_table, family)
    within(benchmark, 0.020)


def test_open_peer_every_column_through_hdf5(benchmark, fetched):
    """What it takes without the kept index: each column and its attributes asked of HDF5."""
    files = [
        open_base("nasbench201").path,
        *(addon_path(e.family, e.addon) for e in catalog().values() if isinstance(e, AddOn)),
    ]
    benchmark.group = "open a table"

    def read():
        found = []
        for path in files:
            with h5py.File(path, "r") as file:
                file.visititems(lambda name, node: found.append((name, dict(node.attrs), getattr(node, "shape", ()))))
        return found

    benchmark(read)


@pytest.mark.parametrize("name", ["nas-bench-macro", "nasbench201-hardware"])
def test_import_of_small_files(benchmark, fetched, name):
    """From the downloaded file to the finished table."""
    entry = catalog()[name]
    path = addon_path(entry.family, entry.addon) if isinstance(entry, AddOn) else imported_path(name)
    nasbench.load("nasbench201/cifar10")
    benchmark.group = "make a table of downloaded files"
    benchmark.pedantic(fetch, (name,), setup=path.unlink, rounds=3)
    within(benchmark, 1.0)
