"""Put an imported table in place under a name, and take it away again."""

from __future__ import annotations

import re
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nasbench.datasets.addons import installed_addons
from nasbench.datasets.families import FAMILIES, imported_families, imported_path
from nasbench.datasets.surrogate_names import surrogate_families
from nasbench.errors import TableError, UnknownNameError
from nasbench.schema import TableData
from nasbench.store import Table
from nasbench.table_file import write_table

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def check_name(name: str) -> str:
    """The name, if a table may have it.

    Raises:
        TableError: other characters than `a-z 0-9 . _ -`, more than 64 of them, `..`, or the name
            of a family that comes with an installed package.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or ".." in name:
        raise TableError(
            f"{name!r} cannot name a table: use up to 64 of a-z, 0-9, '.', '_', '-', a letter or digit first"
        )
    if name in FAMILIES:
        raise TableError(f"{name!r} is the name of a packaged benchmark; choose another")
    return name


def install(data: TableData, replace: bool = False) -> Path:
    """Write a table to where `load(data.name)` finds it; returns the file.

    Installing the same content under its name again does nothing.

    Args:
        data: the table.
        replace: whether other content under the same name may be overwritten.

    Raises:
        TableError: an unusable name, a name that other content has, or a folder that cannot be written.
    """
    path = imported_path(check_name(data.name))
    if data.name in surrogate_families():
        raise TableError(f"{data.name!r} is the name of a fitted surrogate; choose another, or remove the surrogate")
    if path.exists():
        if _digest(path) == _digest_of(data, path):
            return path
        if not replace:
            raise TableError(
                f"there already is another table {data.name!r} ({path}); choose another name, or say "
                "--replace (replace=True)"
            )
    write_table(path, data, _created_by())
    return path


def remove(name: str) -> Path:
    """Delete an imported table or a fetched add-on; returns where it was.

    Raises:
        TableError: the name of a packaged family, or a file that cannot be deleted.
        UnknownNameError: no imported table or add-on has this name.
    """
    if name in FAMILIES:
        raise TableError(f"{name!r} comes with an installed package; only imported tables can be removed")
    removable = {**installed_addons(), **{family: imported_path(family) for family in imported_families()}}
    if name not in removable:
        raise UnknownNameError("imported table", name, removable)
    path = removable[name]
    try:
        path.unlink()
        path.with_name(path.name + ".stamp").unlink(missing_ok=True)
    except OSError as error:
        raise TableError(f"{path} cannot be deleted: {error}") from error
    return path


def _digest(path: Path) -> str | None:
    """Content hash of a table file, None where it is damaged."""
    try:
        return Table(path).attrs["content_sha256"]
    except TableError:
        return None


def _digest_of(data: TableData, path: Path) -> str:
    """Content hash that the table would have."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            return write_table(Path(folder) / path.name, data, _created_by())
    except OSError as error:
        raise TableError(f"cannot write to {path.parent}: {error}") from error


def _created_by() -> str:
    try:
        return f"nasbench-arena {version('nasbench-arena')}"
    except PackageNotFoundError:
        return "nasbench-arena"
