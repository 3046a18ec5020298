"""Where everything of a table file is: read once through HDF5, then kept beside the file as `NAME.h5.stamp`.

The index holds what the small attributes say and, for each contiguous array, its type, shape and offset, so that
an open takes one small JSON file and a memory map. It stands for a file of exactly this size and time that carries
this content hash; any other file is hashed whole and indexed anew.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from nasbench.errors import TableError
from nasbench.schema import PER_PROTOCOL, SCHEMA_VERSION, SHARED
from nasbench.table_digest import content_sha256

if TYPE_CHECKING:
    import h5py

INDEX_VERSION = 1
SIGNATURE = b"\x89HDF\r\n\x1a\n"
ATTRIBUTES = ("name", "title", "licence", "citation", "created_by", "space_sha256", "content_sha256")

Index: TypeAlias = dict[str, Any]
"""JSON values: `attrs`, `sources`, `space`, `arch` and `datasets`, with arrays as [dtype, shape, offset]."""


def kept_index(path: Path) -> Index | None:
    """The index kept beside a file, if it stands for the file as it is now."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept: Index = json.loads(_stamp_path(path).read_bytes())
        digest = kept["attrs"]["content_sha256"]
        if kept["version"] == INDEX_VERSION and kept["file"] == _file_facts(path, kept["file"]["digest_at"]):
            with path.open("rb") as raw:
                if raw.read(len(SIGNATURE)) == SIGNATURE:
                    raw.seek(kept["file"]["digest_at"])
                    if raw.read(len(digest)) == digest.encode():
                        return kept
    return None


def verified_index(path: Path) -> Index:
    """The index of a file whose contents were hashed just now; it is kept for the next time.

    Raises:
        TableError: no table, another schema version, or contents that do not match their own hash.
        OSError, KeyError, ValueError, RuntimeError, TypeError: the file is damaged in another way.
    """
    if not path.is_file():
        raise TableError(f"there is no table file {path}")
    with path.open("rb") as raw:
        if raw.read(len(SIGNATURE)) != SIGNATURE:
            raise damaged(path, "it is no HDF5 file")
    import h5py

    with h5py.File(path, "r", locking=False) as file:
        version = file.attrs.get("schema_version")
        if version is None:
            raise damaged(path, "it is an HDF5 file, but no nasbench table")
        if int(version) != SCHEMA_VERSION:
            raise TableError(
                f"{path} has schema version {version}, this release reads {SCHEMA_VERSION}; import or fetch it again"
            )
        if content_sha256(file) != file.attrs["content_sha256"]:
            raise damaged(path, "its contents do not match its own checksum")
        index = _index(file)
    _keep(path, index)
    return index


def remember(path: Path) -> None:
    """Keep the index of a file that was written just now, whose contents need no second hash."""
    import h5py

    with h5py.File(path, "r", locking=False) as file:
        index = _index(file)
    _keep(path, index)


def damaged(path: Path, why: str) -> TableError:
    """The error for a file that cannot be used: why, and what to do."""
    return TableError(
        f"{path} cannot be used: {why}. Delete the file and load again (tables that come from installed "
        "packages are rebuilt), or import or fetch it anew."
    )


# -- the file beside the file ------------------------------------------------------------------------


def _stamp_path(path: Path) -> Path:
    return path.with_name(path.name + ".stamp")


def _file_facts(path: Path, digest_at: int) -> dict[str, int]:
    stat = path.stat()
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "digest_at": digest_at}


def _keep(path: Path, index: Index) -> None:
    """Write the index; a folder that refuses it only costs a hash at each open."""
    with contextlib.suppress(OSError, ValueError):
        with path.open("rb") as raw, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            digest_at = mapped.find(index["attrs"]["content_sha256"].encode())
        if digest_at < 0:
            return
        target = _stamp_path(path)
        temporary = target.with_name(f"{target.name}.{os.getpid()}")
        temporary.write_text(json.dumps({"version": INDEX_VERSION, "file": _file_facts(path, digest_at), **index}))
        os.replace(temporary, target)


# -- what HDF5 says -----------------------------------------------------------------------------------


def _index(file: h5py.File) -> Index:
    space = file["space"].attrs
    return {
        "attrs": {name: str(file.attrs[name]) for name in ATTRIBUTES},
        "sources": json.loads(file.attrs["sources"]),
        "space": {
            "kind": str(space["kind"]),
            "definition": json.loads(space["definition"]),
            "complete": bool(space["complete"]),
        },
        "arch": {name: _array(node) for name, node in file["arch"].items()},
        "datasets": {name: _dataset(group) for name, group in file["data"].items()},
    }


def _dataset(group: h5py.Group) -> dict[str, Any]:
    floor = float(group.attrs["noise_floor"])
    return {
        "objective": str(group.attrs["objective"]),
        "noise_floor": floor if floor == floor else None,
        "rows": _array(group["rows"]) if "rows" in group else None,
        "protocols": [_protocol(name, group[name]) for name in json.loads(group.attrs["protocols"])],
        **{kind: _columns(group, kind) for kind in SHARED},
    }


def _protocol(name: str, group: h5py.Group) -> dict[str, Any]:
    epochs = int(group.attrs["epochs"])
    return {
        "name": name,
        "epochs": None if epochs < 0 else epochs,
        "time_model": json.loads(group.attrs["time_model"]),
        **{kind: _columns(group, kind) for kind in PER_PROTOCOL},
    }


def _columns(group: h5py.Group, kind: str) -> dict[str, Any]:
    return {metric: _column(node, kind) for metric, node in group[kind].items()} if kind in group else {}


def _column(node: h5py.Dataset, kind: str) -> dict[str, Any]:
    attrs = dict(node.attrs)
    return {
        "array": None if kind == "curve" else _array(node),
        **{name: str(attrs[name]) for name in ("direction", "unit", "split", "scale", "description")},
        "epochs": attrs["epochs"].tolist() if "epochs" in attrs else [],
    }


def _array(node: h5py.Dataset) -> list[Any]:
    """Type, shape and offset of a contiguous array; an empty one has no offset."""
    offset = node.id.get_offset()
    if offset is None and node.size:
        raise TableError(f"dataset {node.name} is not contiguous")
    return [node.dtype.str, list(node.shape), offset]
