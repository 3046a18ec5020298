"""How fitted surrogates get to their place, are read, and are taken away again.

Parts are written first and the manifest last, in one step: a reader sees the old surrogate or the new
one. Nothing here knows what is inside of either.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from nasbench.datasets.families import imported_families
from nasbench.datasets.install import check_name
from nasbench.datasets.readers.safe_files import read_bytes
from nasbench.datasets.surrogate_names import (
    MANIFEST,
    surrogate_families,
    surrogate_folder,
    surrogate_names,
    surrogates_root,
)
from nasbench.errors import TableError, UnknownNameError
from nasbench.table_file import write_whole

MAX_MANIFEST = 16 << 20
MAX_PART = 64 << 20

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SUFFIX = ".xgb.json"


def check_family(family: str) -> str:
    """The name, if a surrogate's family may have it.

    Raises:
        TableError: an unusable name, or the name of a table.
    """
    if check_name(family) in imported_families():
        raise TableError(f"{family!r} is the name of a table; choose another for the surrogate")
    return family


def install_surrogate(
    family: str, dataset: str, manifest: bytes, parts: Sequence[bytes], replace: bool = False
) -> Path:
    """Write a surrogate to where `load` finds it; returns its manifest.

    Installing the same content under its name again does nothing.

    Args:
        family: its name before the slash.
        dataset: its name after it.
        manifest: the whole manifest; it names the parts by checksum.
        parts: the models' bytes.
        replace: whether another surrogate of the same name may be overwritten.

    Raises:
        TableError: an unusable name, one that another surrogate has, or a folder that cannot be written.
    """
    folder = surrogate_folder(check_family(family), dataset)
    path = folder / MANIFEST
    if path.exists() and not replace and path.read_bytes() != manifest:
        raise TableError(
            f"there already is another surrogate {family}/{dataset} ({path}); choose another name, or say "
            "--replace (replace=True)"
        )
    stale = list(folder.glob(f"*{_SUFFIX}"))  # not what another process may be writing from now on
    named = {hashlib.sha256(part).hexdigest(): part for part in parts}
    try:
        for digest, part in named.items():
            target = folder / f"{digest}{_SUFFIX}"
            if not target.is_file() or target.read_bytes() != part:
                write_whole(target, part)
        if not path.exists() or path.read_bytes() != manifest:
            write_whole(path, manifest)
        for old in stale:
            if old.name.removesuffix(_SUFFIX) not in named:
                old.unlink(missing_ok=True)
    except OSError as error:
        raise TableError(f"cannot write the surrogate {folder}: {error}") from error
    return path


def read_manifest(path: Path) -> bytes:
    """The bytes of a manifest.

    Raises:
        TableError: it cannot be read, or is larger than one may be.
    """
    return read_bytes(path, MAX_MANIFEST)


def read_part(folder: Path, digest: str, size: int) -> bytes:
    """The bytes of a part, once they are those that the manifest names.

    Raises:
        TableError: it is missing, or not what was fitted.
    """
    if not _SHA256.fullmatch(digest) or not 0 < size <= MAX_PART:
        raise TableError(f"{folder / MANIFEST} names a part that can be none; fit the surrogate again")
    path = folder / f"{digest}{_SUFFIX}"
    content = read_bytes(path, size)
    if len(content) != size or hashlib.sha256(content).hexdigest() != digest:
        raise TableError(f"{path} is not what was fitted (its checksum differs); fit the surrogate again")
    return content


def remove_surrogate(name: str) -> Path:
    """Delete one surrogate `family/dataset`, or all of a family; returns where it was.

    Raises:
        UnknownNameError: there is none of this name.
        TableError: it cannot be deleted.
    """
    known = surrogate_names()
    if name not in known and name not in surrogate_families():
        raise UnknownNameError("surrogate", name, known)
    folder = surrogates_root() / name
    try:
        for manifest in sorted(folder.rglob(MANIFEST)):
            manifest.unlink()  # from here on it does not exist, whatever happens to its parts
        shutil.rmtree(folder)
        if folder.parent != surrogates_root() and not os.listdir(folder.parent):
            folder.parent.rmdir()
    except OSError as error:
        raise TableError(f"{folder} cannot be deleted: {error}") from error
    return folder
