"""The names of fitted surrogates on this machine, and the folders that they live in.

```
tables/surrogates/FAMILY/DATASET/manifest.json     all that defines the surrogate, as JSON
tables/surrogates/FAMILY/DATASET/SHA256.xgb.json   its parts, named by their checksums
```
"""

from __future__ import annotations

import re
from pathlib import Path

from nasbench.datasets.paths import data_dir
from nasbench.errors import TableError

MANIFEST = "manifest.json"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Identity = tuple[tuple[str, int, int], ...]
"""Path, size and time of a manifest; empty where there is none."""


def surrogates_root() -> Path:
    """Folder of all surrogates."""
    return data_dir() / "surrogates"


def surrogate_folder(family: str, dataset: str) -> Path:
    """Where the surrogate `family/dataset` is kept.

    Raises:
        TableError: a name that can be no folder.
    """
    for name in (family, dataset):
        if not _usable(name):
            raise TableError(f"{name!r} cannot name a surrogate: use up to 64 of A-Z, a-z, 0-9, '.', '_', '-'")
    return surrogates_root() / family / dataset


def surrogate_names() -> list[str]:
    """Every installed surrogate `family/dataset`, sorted."""
    return sorted("/".join(path.parts[-3:-1]) for path in surrogates_root().glob(f"*/*/{MANIFEST}"))


def surrogate_families() -> set[str]:
    """The families that have a surrogate."""
    return {name.partition("/")[0] for name in surrogate_names()}


def manifest_identity(family: str, dataset: str) -> Identity:
    """What changes when a surrogate is replaced; empty where there is none of this name."""
    if not (_usable(family) and _usable(dataset)):
        return ()
    path = surrogates_root() / family / dataset / MANIFEST
    try:
        stat = path.stat()
    except OSError:
        return ()
    return ((str(path), stat.st_size, stat.st_mtime_ns),)


def _usable(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and ".." not in name
