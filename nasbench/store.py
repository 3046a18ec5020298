"""The HDF5 table of one benchmark family: write it once, then read it without copying.

The layout is version 1 of the schema in the documentation of `TableData`. A file is written to a
temporary name, flushed to the disk and renamed, so that a reader sees all of it or nothing. It is
opened by reading the offsets of its contiguous datasets and mapping the file: a column is a
read-only array over the page cache. Nothing in a table is ever executed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from nasbench.errors import TableError
from nasbench.schema import SCHEMA_VERSION, Array, Column, Dataset, Protocol, TableData

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNHASHED = frozenset({"content_sha256", "created_by"})
ALIGNMENT = 64


# -- writing ------------------------------------------------------------------------------------


def write_table(path: Path, data: TableData, created_by: str) -> str:
    """Write a table so that a reader sees the whole file or none; returns its content hash.

    Two processes may write the same path at once: each renames a complete file into place.

    Raises:
        TableError: the folder cannot be written or the disk is full; nothing is left behind.
    """
    try:
        image, digest = _image(data, created_by)
        write_whole(path, image)
        _write_stamp(path, digest)
    except (OSError, RuntimeError) as error:
        raise TableError(
            f"cannot write the table {path}: {error}; free some space, or set NASBENCH_HOME to a folder "
            "that can be written"
        ) from error
    return digest


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, flush it to the disk and rename it into place.

    Raises:
        OSError: the folder cannot be written or the disk is full; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    _sync_folder(path.parent)


def _image(data: TableData, created_by: str) -> tuple[bytes, str]:
    """The bytes of the file and its content hash.

    Made in memory: HDF5 that meets a full disk in the middle of a file can take the process down. The
    name is of no file; it differs so that two threads may make a table at once.
    """
    with h5py.File(
        f"table-{secrets.token_hex(8)}.h5", "w", driver="core", backing_store=False, libver="v110",
        alignment_threshold=1, alignment_interval=ALIGNMENT,
    ) as file:  # fmt: skip
        digest = _fill(file, data, created_by)
        file.flush()
        return file.id.get_file_image(), digest


def _fill(file: h5py.File, data: TableData, created_by: str) -> str:
    file.attrs.update(
        {
            "schema_version": SCHEMA_VERSION,
            "name": data.name,
            "title": data.title,
            "created_by": created_by,
            "sources": json.dumps([dict(s) for s in data.sources], sort_keys=True),
            "licence": data.licence,
            "citation": data.citation,
            "space_sha256": data.space_sha256,
        }
    )
    space = file.create_group("space")
    space.attrs["kind"] = data.space_kind
    space.attrs["definition"] = json.dumps(dict(data.space_definition), sort_keys=True)
    space.attrs["complete"] = data.complete
    arch = file.create_group("arch")
    _create(arch, "genotype", _narrow(data.genotypes))
    _create(arch, "source_id", data.source_ids)
    _create(arch, "canonical", data.canonical.astype("<i4"))
    if not data.complete:
        key = genotype_hash(data.genotypes)
        order = np.argsort(key, kind="stable")
        _create(arch, "key", key[order].astype("<u8"))
        _create(arch, "order", order.astype("<u8"))
    root = file.create_group("data")
    for name, dataset in data.datasets.items():
        _write_dataset(root.create_group(name), dataset)
    digest = content_sha256(file)
    file.attrs["content_sha256"] = digest
    return digest


def _write_dataset(group: h5py.Group, dataset: Dataset) -> None:
    group.attrs["objective"] = dataset.objective
    group.attrs["noise_floor"] = np.nan if dataset.noise_floor is None else dataset.noise_floor
    group.attrs["protocols"] = json.dumps(list(dataset.protocols))
    if dataset.rows is not None:
        _create(group, "rows", np.asarray(dataset.rows).astype("<i4"))
    for name, protocol in dataset.protocols.items():
        recipe = group.create_group(name)
        recipe.attrs["epochs"] = -1 if protocol.epochs is None else protocol.epochs
        recipe.attrs["time_model"] = json.dumps(dict(protocol.time_model), sort_keys=True)
        for kind in ("final", "curve", "cost"):
            for metric, column in getattr(protocol, kind).items():
                made = _create(recipe, f"{kind}/{metric}", column.values, chunked=kind == "curve")
                for attribute in ("direction", "unit", "split", "scale", "description"):
                    made.attrs[attribute] = getattr(column, attribute)
                if column.epochs:
                    made.attrs["epochs"] = np.asarray(column.epochs, dtype="<i4")


def _create(group: h5py.Group, name: str, values: Array, chunked: bool = False) -> h5py.Dataset:
    if chunked:
        rows, _, epochs = values.shape
        return group.create_dataset(
            name,
            data=values.astype("<f4"),
            chunks=(min(256, rows), 1, epochs),
            shuffle=True,
            compression="gzip",
            track_times=False,
        )
    if values.dtype.kind == "f":
        values = values.astype("<f8")
    return group.create_dataset(name, data=np.ascontiguousarray(values), track_times=False)


def _narrow(genotypes: Array) -> Array:
    largest = int(genotypes.max(initial=0))
    return genotypes.astype("<u1" if largest < 256 else "<u2" if largest < 65536 else "<i4")


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the system can open a folder."""
    with contextlib.suppress(PermissionError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# -- digests ------------------------------------------------------------------------------------


def content_sha256(file: h5py.File) -> str:
    """sha256 over the sorted (path, dtype, shape, attributes, bytes) of an open table."""
    digest = hashlib.sha256()

    def attributes(node: h5py.HLObject) -> Iterator[tuple[str, object]]:
        for name in sorted(node.attrs):
            if name not in UNHASHED:
                value = node.attrs[name]
                yield name, value.tolist() if hasattr(value, "tolist") else value

    names: list[str] = []
    file.visit(names.append)
    digest.update(repr(list(attributes(file))).encode())
    for name in sorted(names):
        node = file[name]
        digest.update(repr((name, list(attributes(node)))).encode())
        if isinstance(node, h5py.Dataset):
            digest.update(repr((node.dtype.str, node.shape)).encode())
            digest.update(np.ascontiguousarray(node[()]).tobytes())
    return digest.hexdigest()


def genotype_hash(genotypes: Array) -> NDArray[np.uint64]:
    """A 64-bit multiplicative hash of each genotype, `(n,)`; equal genotypes, equal hashes."""
    value = np.full(len(genotypes), 0xCBF29CE484222325, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for column in np.asarray(genotypes).T:
            value = (value ^ column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
            value ^= value >> np.uint64(29)
    return value


def _stamp_path(path: Path) -> Path:
    return path.with_name(path.name + ".stamp")


def _stamp(path: Path, digest: str) -> dict[str, Any]:
    stat = path.stat()
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "content_sha256": digest}


def _write_stamp(path: Path, digest: str) -> None:
    """Remember what a verified file looked like; a folder that refuses only costs a re-check."""
    with contextlib.suppress(OSError):
        target = _stamp_path(path)
        temporary = target.with_name(f"{target.name}.{os.getpid()}")
        temporary.write_text(json.dumps(_stamp(path, digest)))
        os.replace(temporary, target)


def _stamp_holds(path: Path, digest: str) -> bool:
    try:
        return bool(json.loads(_stamp_path(path).read_text()) == _stamp(path, digest))
    except (OSError, ValueError):
        return False


# -- reading ------------------------------------------------------------------------------------


class Table:
    """An open table: read-only views of the mapped file.

    Attributes:
        path: the file.
        genotypes: `(A, G)`; source_ids: `(A,)` bytes; canonical: `(A,)`.
        datasets: name -> `Dataset`, whose columns' values are views (curves are read on demand,
            through `curve`).
        attrs: name, title, licence, citation, created_by, space_sha256, content_sha256.
        sources: provenance records.
        addons: tables whose columns were joined to these; added: (dataset, protocol, metric) of each.
    """

    addons: tuple[Table, ...] = ()
    added: frozenset[tuple[str, str, str]] = frozenset()

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        try:
            self._read()
        except TableError:
            raise
        except (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
            raise _damaged(self.path, str(error)) from error

    def _read(self) -> None:
        if not self.path.is_file():
            raise TableError(f"there is no table file {self.path}")
        with self.path.open("rb") as raw:
            if raw.read(8) != SIGNATURE:
                raise _damaged(self.path, "it is no HDF5 file")
        with h5py.File(self.path, "r", locking=False) as file:
            version = file.attrs.get("schema_version")
            if version is None:
                raise _damaged(self.path, "it is an HDF5 file, but no nasbench table")
            if int(version) != SCHEMA_VERSION:
                raise TableError(
                    f"{self.path} has schema version {version}, this release reads {SCHEMA_VERSION}; "
                    "import or fetch it again"
                )
            digest = str(file.attrs["content_sha256"])
            if not _stamp_holds(self.path, digest):
                if content_sha256(file) != digest:
                    raise _damaged(self.path, "its contents do not match its own checksum")
                _write_stamp(self.path, digest)
            self.attrs = {
                key: str(file.attrs[key])
                for key in (
                    "name", "title", "licence", "citation", "created_by", "space_sha256", "content_sha256",
                )
            }  # fmt: skip
            self.sources: list[dict[str, str]] = json.loads(file.attrs["sources"])
            self.space_kind = str(file["space"].attrs["kind"])
            self.space_definition: dict[str, Any] = json.loads(file["space"].attrs["definition"])
            self.complete = bool(file["space"].attrs["complete"])
            mapped = np.memmap(self.path, dtype=np.uint8, mode="r")
            view = _viewer(np.asarray(mapped))
            arch = file["arch"]
            self.genotypes = view(arch["genotype"])
            self.source_ids = view(arch["source_id"])
            self.canonical = view(arch["canonical"])
            self._key = None if self.complete else view(arch["key"])
            self._order = None if self.complete else view(arch["order"])
            self.datasets = {name: _read_dataset(group, view) for name, group in file["data"].items()}

    def __len__(self) -> int:
        return len(self.genotypes)

    def verify(self) -> None:
        """Hash the whole file against its own checksum.

        Raises:
            TableError: the contents changed.
        """
        with h5py.File(self.path, "r", locking=False) as file:
            if content_sha256(file) != file.attrs["content_sha256"]:
                raise _damaged(self.path, "its contents do not match its own checksum")

    def find(self, genotypes: Array) -> NDArray[np.int64]:
        """Rows `(n,)` of an incomplete table's genotypes `(n, G)`; -1 where it lists none."""
        if self._key is None or self._order is None:
            raise TableError(f"{self.path} is complete; its rows are the space's ranks")
        genotypes = np.asarray(genotypes)
        keys = genotype_hash(genotypes)
        rows = np.full(len(keys), -1, dtype=np.int64)
        place = np.searchsorted(self._key, keys)
        open_ = np.arange(len(keys))
        while open_.size:
            inside = place[open_] < len(self._key)
            open_ = open_[inside]
            open_ = open_[self._key[place[open_]] == keys[open_]]
            found = self._order[place[open_]].astype(np.int64)
            same = (self.genotypes[found] == genotypes[open_]).all(axis=1)
            rows[open_[same]] = found[same]
            open_ = open_[~same]
            place[open_] += 1
        return rows

    def curve(self, dataset: str, protocol: str, metric: str) -> NDArray[np.float32]:
        """The stored learning curves `(A, R, E)` of a metric, read into memory."""
        with h5py.File(self.path, "r", locking=False) as file:
            values: NDArray[np.float32] = file[f"data/{dataset}/{protocol}/curve/{metric}"][()]
        return values

    @cached_property
    def row_of_source(self) -> dict[str, int]:
        """Official id -> row."""
        return {name.decode(): row for row, name in enumerate(self.source_ids.tolist())}


def _viewer(mapped: NDArray[np.uint8]) -> Callable[[h5py.Dataset], Array]:
    def view(dataset: h5py.Dataset) -> Array:
        offset, count = dataset.id.get_offset(), dataset.size
        if offset is None:
            if count == 0:
                return np.empty(dataset.shape, dtype=dataset.dtype)
            raise TableError(f"dataset {dataset.name} is not contiguous")
        if offset + count * dataset.dtype.itemsize > len(mapped):
            raise TableError(f"dataset {dataset.name} runs past the end of the file")
        return np.frombuffer(mapped, dtype=dataset.dtype, count=count, offset=offset).reshape(dataset.shape)

    return view


def _read_dataset(group: h5py.Group, view: Callable[[h5py.Dataset], Array]) -> Dataset:
    protocols = {}
    for name in json.loads(group.attrs["protocols"]):
        recipe = group[name]
        epochs = int(recipe.attrs["epochs"])
        columns = {
            kind: {metric: _read_column(node, kind, view) for metric, node in recipe[kind].items()}
            for kind in ("final", "curve", "cost")
            if kind in recipe
        }
        protocols[name] = Protocol(
            name=name,
            epochs=None if epochs < 0 else epochs,
            time_model=json.loads(recipe.attrs["time_model"]),
            **columns,
        )
    floor = float(group.attrs["noise_floor"])
    return Dataset(
        objective=str(group.attrs["objective"]),
        protocols=protocols,
        noise_floor=None if np.isnan(floor) else floor,
        rows=view(group["rows"]) if "rows" in group else None,
    )


def _read_column(node: h5py.Dataset, kind: str, view: Callable[[h5py.Dataset], Array]) -> Column:
    attrs = dict(node.attrs)
    return Column(
        values=np.empty(0) if kind == "curve" else view(node),
        direction=str(attrs["direction"]),
        unit=str(attrs["unit"]),
        split=str(attrs["split"]),
        scale=str(attrs["scale"]),
        description=str(attrs["description"]),
        epochs=tuple(attrs["epochs"].tolist()) if "epochs" in attrs else (),
    )


def _damaged(path: Path, why: str) -> TableError:
    return TableError(
        f"{path} cannot be used: {why}. Delete the file and load again (tables that come from installed "
        "packages are rebuilt), or import or fetch it anew."
    )
