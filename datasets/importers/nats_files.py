"""Where the records of NATS-Bench lie: a `-simple` folder, a tar archive of it, or one large pickle.

Facts of the files: a record is a bzip2-compressed pickle `000284.pickle.pbz2`, named by the official number of its
architecture; beside the records lies `meta.pickle.pbz2`, {meta_archs: the official strings in order, total_archs,
arch2infos: None, evaluated_indexes: empty}. The tar archive is not compressed. The single file is one pickle
{meta_archs, total_archs, arch2infos: {number: record}, evaluated_indexes}; its name carries the last five digits of
its MD5. Pickles hold plain builtins, ordered dictionaries and numpy's float64 scalars.
"""

from __future__ import annotations

import bz2
import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from nasbench.datasets.importers.nats_layout import Family
from nasbench.datasets.importers.official import file_source
from nasbench.datasets.readers.pickle_plain import Known, plain_globals
from nasbench.datasets.readers.pickle_references import Source, failed, far_references
from nasbench.datasets.readers.pickle_stream import PickleStream
from nasbench.datasets.readers.safe_files import read_bytes, stored_tar_members
from nasbench.datasets.readers.safe_pickle import loads
from nasbench.errors import ImportFileError, TableError, UnsafeFileError

MAX_PACKED = 4 << 20
MAX_UNPACKED = 16 << 20
"""Bytes of a record or of the meta file, packed and unpacked; the published ones have up to 0.1 and 1.4 million."""

MAX_BYTES_EACH = 1 << 19
"""Bytes of the single pickle an architecture; the published ones have 0.3 million."""

META = "meta.pickle.pbz2"
SUFFIX = ".pickle.pbz2"
META_KEYS = {"meta_archs", "total_archs", "arch2infos", "evaluated_indexes"}

_RECORD = re.compile(r"([0-9]{6})\.pickle\.pbz2")
_DIGEST = re.compile(r"(?:NATS-[st]ss|NAS-Bench-201)-v[0-9_]+-([0-9a-f]{5,6})(?:\.pickle\.pbz2|\.pth)")


class Record(NamedTuple):
    """One architecture of the files.

    Attributes:
        number: the official one, as file or record say.
        found: the record, as it was unpickled; not to be kept.
        where: what it is, for errors.
    """

    number: int
    found: Any
    where: str


Consumer = Callable[[Record], None]


# -- one file a record ------------------------------------------------------------------------------


def read_folder(path: Path, family: Family, consume: Consumer) -> dict[str, str]:
    """Hand over every record of a `-simple` folder; returns its provenance record.

    The sha256 of a folder is that of the listing `sha256sum` would print of the files that were read.

    Raises:
        ImportFileError: no records, or a file that is damaged or not what its name says.
        UnsafeFileError: a file that asks for more than it may.
    """
    try:
        names = sorted(entry.name for entry in path.iterdir() if entry.name.endswith(SUFFIX))
    except OSError as error:
        raise ImportFileError(f"{path} cannot be read: {error.strerror}") from error
    listing = hashlib.sha256()
    for name in names:
        content = read_bytes(path / name, MAX_PACKED)
        listing.update(f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode())
        _one_file(family, name, content, f"{path / name}", consume)
    return {"name": path.resolve().name, "url": family.url, "sha256": listing.hexdigest(), "licence": "MIT"}


def read_tar(path: Path, family: Family, consume: Consumer) -> dict[str, str]:
    """Hand over every record of a tar archive of the folder; returns its provenance record. Raises as `read_folder`."""
    for member, content in stored_tar_members(path, SUFFIX, MAX_PACKED):
        _one_file(family, PurePosixPath(member).name, content, f"{path}: {member}", consume)
    return file_source(path, family.url, "MIT")


def _one_file(family: Family, name: str, content: bytes, where: str, consume: Consumer) -> None:
    if name == META:
        check_meta(family, _unpickled(content, where), where)
        return
    found = _RECORD.fullmatch(name)
    if found is None:
        raise ImportFileError(f"{where} is no record; the official names are like 000284{SUFFIX}")
    consume(Record(int(found[1]), _unpickled(content, where), where))


def _unpickled(content: bytes, where: str) -> Any:
    decompressor = bz2.BZ2Decompressor()
    try:
        raw = decompressor.decompress(content, MAX_UNPACKED + 1)
    except (OSError, ValueError) as error:
        raise ImportFileError(f"{where} cannot be unpacked: {error}") from error
    if len(raw) > MAX_UNPACKED:
        raise UnsafeFileError(f"{where} unpacks to more than the {MAX_UNPACKED:,} bytes it may have")
    if not decompressor.eof or decompressor.unused_data:
        raise ImportFileError(f"{where} is cut off, or something follows it")
    try:
        return loads(raw, plain_globals(), where)
    except UnsafeFileError as error:
        raise failed(where, error) from error
    except TableError as error:
        raise ImportFileError(str(error)) from error


# -- all records in one pickle ----------------------------------------------------------------------


def read_single(path: Path, family: Family, consume: Consumer) -> dict[str, str]:
    """Hand over every record of the single bzip2-compressed pickle; returns its provenance record.

    The file is unpacked twice, in little memory.

    Raises:
        ImportFileError: it is damaged, its MD5 is not the one in its name, or it is no such file.
        UnsafeFileError: it asks for more than it may.
    """
    check_digest(path)
    read_records(lambda: bz2.BZ2File(path), family, consume, str(path))
    return file_source(path, family.url, "MIT")


def read_records(
    opened: Callable[[], AbstractContextManager[Source]],
    family: Family,
    consume: Consumer,
    where: str,
    tensors: Mapping[tuple[str, str], Known] | None = None,
) -> None:
    """Hand over every record of one large pickle.

    Args:
        opened: opens the pickle at its start; called twice.
        family: whose records they are.
        consume: gets each record once.
        where: what the pickle is, for errors.
        tensors: globals of tensors, read as None, where there may be some; none are allowed by default.

    Raises:
        ImportFileError: it is damaged or holds something else.
        UnsafeFileError: it asks for more than it may.
    """
    handed: set[int] = set()
    allowed = {**plain_globals(), **(tensors or {})}

    def take(found: dict[Any, Any]) -> int:
        index = official_index(found, where)
        if index in handed:
            raise ImportFileError(f"{where}: architecture {index} is there twice")
        handed.add(index)
        consume(Record(index, found, f"{where}, architecture {index}"))
        return index

    try:
        with opened() as stream:
            keep = far_references(stream, where, family.space().size * MAX_BYTES_EACH)
        with opened() as stream:
            reader = PickleStream(family.schedules.values(), take, allowed, keep, persistent=bool(tensors))
            meta = reader.load(stream, where)
    except TableError:
        raise
    except (OSError, EOFError, ValueError) as error:
        raise ImportFileError(f"{where} cannot be read: {error}") from error
    check_meta(family, meta, where)
    numbers = meta["arch2infos"]
    if not isinstance(numbers, dict) or any(key != number for key, number in numbers.items()):
        raise ImportFileError(f"{where}: arch2infos lists a record under another number than its own")
    if set(numbers) != handed or _as_set(meta["evaluated_indexes"]) != handed:
        raise ImportFileError(f"{where}: arch2infos and evaluated_indexes do not list the same architectures")


def official_index(found: Mapping[Any, Any], where: str) -> int:
    """The number that a record of the single file says of itself."""
    first = next(iter(found.values()), None)
    index = first.get("arch_index") if isinstance(first, dict) else None
    if type(index) is not int:
        raise ImportFileError(f"{where}: a record has no arch_index")
    return index


def _as_set(found: Any) -> set[Any]:
    return set(found) if isinstance(found, set | list) and all(type(item) is int for item in found) else set()


# -- checks -----------------------------------------------------------------------------------------


def check_meta(family: Family, found: Any, where: str) -> None:
    """Whether the official strings stand in the order that the numbers of this family mean.

    Raises:
        ImportFileError: they do not, or it is no meta file.
    """
    if not isinstance(found, dict) or not META_KEYS >= found.keys() >= META_KEYS - {"total_archs"}:
        raise ImportFileError(f"{where}: expected an object of {', '.join(sorted(META_KEYS))}")
    names = found["meta_archs"]
    whole = isinstance(names, list) and all(isinstance(name, str) for name in names)
    joined = "\n".join(names) if whole else ""
    if hashlib.sha256(joined.encode("utf-8", "replace")).hexdigest() != family.order_sha256:
        raise ImportFileError(f"{where}: meta_archs is not the official order of {family.title}")
    if found.get("total_archs", len(names)) != len(names):
        raise ImportFileError(f"{where}: total_archs is not the number of meta_archs")


def check_digest(path: Path) -> None:
    """Whether a single file has the MD5 whose last digits its official name carries.

    Raises:
        ImportFileError: it has another.
    """
    named = _DIGEST.fullmatch(path.name)
    if named is None:
        return
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if not digest.endswith(named[1]):
        raise ImportFileError(f"{path}: its MD5 ends with {digest[-6:]}, its name says {named[1]}; download it again")
