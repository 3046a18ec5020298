"""Where tables live on this machine."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from nasbench.errors import TableError


def data_dir() -> Path:
    """Folder of imported and fetched tables (`NASBENCH_HOME/tables` where that is set)."""
    home = os.environ.get("NASBENCH_HOME")
    return Path(home) / "tables" if home else Path(platformdirs.user_data_dir("nasbench")) / "tables"


def cache_dir() -> Path:
    """Folder of tables converted from installed packages (`NASBENCH_HOME/cache` where set)."""
    home = os.environ.get("NASBENCH_HOME")
    return Path(home) / "cache" if home else Path(platformdirs.user_cache_dir("nasbench"))


def package_folder(module: str, distribution: str) -> Path:
    """Folder of an installed data package, found without importing any of its code.

    Raises:
        TableError: the package is not installed.
    """
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise TableError(f"this benchmark reads the package {distribution}: pip install {distribution}")
    return Path(next(iter(spec.submodule_search_locations)))
