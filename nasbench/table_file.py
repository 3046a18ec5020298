"""Write a table file so that a reader sees all of it or nothing.

The layout is version 1 of the schema in the documentation of `TableData`. A file is written to a temporary
name, flushed to the disk and renamed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasbench.errors import TableError
from nasbench.schema import PER_PROTOCOL, SCHEMA_VERSION, SHARED, Array, Column, Dataset, TableData
from nasbench.table_digest import content_sha256, genotype_hash
from nasbench.table_index import remember

if TYPE_CHECKING:
    import h5py

ALIGNMENT = 64


def write_table(path: Path, data: TableData, created_by: str) -> str:
    """Write a table so that a reader sees the whole file or none; returns its content hash.

    Two processes may write the same path at once: each renames a complete file into place.

    Raises:
        TableError: the folder cannot be written or the disk is full; nothing is left behind.
    """
    try:
        image, digest = _image(data, created_by)
        write_whole(path, image)
        remember(path)
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
    import h5py

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
    for kind in SHARED:
        _write_columns(group, kind, getattr(dataset, kind))
    for name, protocol in dataset.protocols.items():
        recipe = group.create_group(name)
        recipe.attrs["epochs"] = -1 if protocol.epochs is None else protocol.epochs
        recipe.attrs["time_model"] = json.dumps(dict(protocol.time_model), sort_keys=True)
        for kind in PER_PROTOCOL:
            _write_columns(recipe, kind, getattr(protocol, kind))


def _write_columns(group: h5py.Group, kind: str, columns: Mapping[str, Column]) -> None:
    for metric, column in columns.items():
        made = _create(group, f"{kind}/{metric}", column.values, chunked=kind == "curve")
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
