"""Read other people's files within limits: bytes, JSON, and archives member by member.

Nothing is written to the disk and nothing is executed. Every size is bounded before memory is taken: what
an archive claims is checked, and what it unpacks to is counted.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, NoReturn

from nasbench.errors import ImportFileError, TableError, UnsafeFileError

MAX_FILE = 64 << 20
MAX_MEMBER = 1 << 20
MAX_MEMBERS = 100_000
MAX_UNPACKED = 256 << 20


def read_bytes(path: Path, max_bytes: int = MAX_FILE) -> bytes:
    """The content of a file.

    Raises:
        UnsafeFileError: it is larger than it may be.
        ImportFileError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(max_bytes + 1)
    except (OSError, ValueError) as error:
        raise ImportFileError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > max_bytes:
        raise UnsafeFileError(f"{path} has more than the {max_bytes:,} bytes that this format may have")
    return content


def parse_json(content: bytes, source: str, nan: bool = False) -> Any:
    """The value of a JSON text in UTF-8.

    Args:
        content: the text.
        source: what it is, for errors.
        nan: whether NaN and infinities may occur; they are refused by default.

    Raises:
        ImportFileError: no UTF-8, no JSON, nested too deeply, or an object that has a key twice.
    """

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON number")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            raise ValueError("an object has one key twice")
        return made

    try:
        text = content.decode("utf-8")
        return json.loads(text, object_pairs_hook=unique, parse_constant=float if nan else refuse)
    except (ValueError, RecursionError) as error:
        raise ImportFileError(f"{source} is no JSON of this format: {error}") from error


def zip_members(
    path: Path, suffix: str, max_member: int = MAX_MEMBER, max_members: int = MAX_MEMBERS
) -> Iterator[tuple[str, bytes]]:
    """Name and content of each member of a zip archive whose name ends with `suffix`, in archive order.

    Raises:
        UnsafeFileError: a member that points outside, is encrypted or too large, or too many of them.
        ImportFileError: the archive is missing, truncated or no zip.
    """
    try:
        with path.open("rb") as raw:
            if raw.read(4)[:2] != b"PK":
                raise ImportFileError(f"{path} is no zip archive")
            with zipfile.ZipFile(raw) as archive:
                yield from _zip_contents(path, archive, suffix, max_member, max_members)
    except TableError:
        raise
    except _DAMAGE as error:
        raise ImportFileError(f"{path} cannot be read as a zip archive: {error}") from error


_DAMAGE = (OSError, EOFError, ValueError, NotImplementedError, RuntimeError, zlib.error, zipfile.BadZipFile,
           tarfile.TarError, KeyError, IndexError, OverflowError)  # fmt: skip


def _zip_contents(
    path: Path, archive: zipfile.ZipFile, suffix: str, max_member: int, max_members: int
) -> Iterator[tuple[str, bytes]]:
    members = archive.infolist()
    if len(members) > max_members:
        raise UnsafeFileError(f"{path} has {len(members):,} members, more than the {max_members:,} it may have")
    total = 0
    for member in members:
        _check_member(path, member.filename)
        if member.is_dir() or not member.filename.endswith(suffix):
            continue
        if member.flag_bits & 0x1:
            raise UnsafeFileError(f"{path}: {member.filename} is encrypted")
        if member.file_size > max_member:
            raise _too_large(path, member.filename, max_member)
        with archive.open(member) as stream:
            content = stream.read(max_member + 1)
        if len(content) > max_member:
            raise _too_large(path, member.filename, max_member)
        total += len(content)
        if total > MAX_UNPACKED:
            raise UnsafeFileError(f"{path} unpacks to more than the {MAX_UNPACKED:,} bytes it may have")
        yield member.filename, content


def tar_members(
    path: Path, suffix: str, max_member: int = MAX_MEMBER, max_members: int = MAX_MEMBERS
) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file in a gzipped tar archive whose name ends with `suffix`, as they come.

    The archive is read as a stream: never more than one member is in memory.

    Raises:
        UnsafeFileError: a member that points outside, a link or device, too large, or too many of them.
        ImportFileError: the archive is missing, truncated or no gzipped tar.
    """
    try:
        with path.open("rb") as raw:
            if raw.read(2) != b"\x1f\x8b":
                raise ImportFileError(f"{path} is no gzipped tar archive")
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) as unpacked:
                limited = _Counted(unpacked, path)
                with tarfile.open(fileobj=limited, mode="r|") as archive:
                    yield from _tar_contents(path, archive, suffix, max_member, max_members)
                while limited.read(1 << 16):
                    """The rest is padding, but gzip's checksum stands behind it."""
    except TableError:
        raise
    except _DAMAGE as error:
        raise ImportFileError(f"{path} cannot be read as a gzipped tar archive: {error}") from error


def stored_tar_members(
    path: Path, suffix: str, max_member: int = MAX_MEMBER, max_members: int = MAX_MEMBERS
) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file in an uncompressed tar archive whose name ends with `suffix`, as they come.

    The archive may be larger than memory: never more than one member is in it.

    Raises:
        UnsafeFileError: a member that points outside, a link or device, too large, or too many of them.
        ImportFileError: the archive is missing, truncated or no tar.
    """
    try:
        with path.open("rb") as raw:
            size = raw.seek(0, io.SEEK_END)
            raw.seek(max(0, size - 1024))
            if size % 512 or any(raw.read(1024)):
                raise ImportFileError(f"{path} is no tar archive, or it is cut off: it has no end")
            raw.seek(0)
            with tarfile.open(fileobj=_Modest(raw, path, max_member), mode="r:") as archive:
                yield from _tar_contents(path, archive, suffix, max_member, max_members)
    except TableError:
        raise
    except _DAMAGE as error:
        raise ImportFileError(f"{path} cannot be read as a tar archive: {error}") from error


class _Modest(io.RawIOBase):
    """A file that refuses to give more at a time than a member may have: a header may claim any size."""

    def __init__(self, stream: IO[bytes], path: Path, limit: int) -> None:
        self._stream, self._path, self._limit = stream, path, max(limit, 1 << 16)

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self._limit + 512:
            raise UnsafeFileError(f"{self._path}: a header asks for more than the {self._limit:,} bytes it may have")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _tar_contents(
    path: Path, archive: tarfile.TarFile, suffix: str, max_member: int, max_members: int
) -> Iterator[tuple[str, bytes]]:
    for number, member in enumerate(archive):
        if number >= max_members:
            raise UnsafeFileError(f"{path} has more than the {max_members:,} members it may have")
        archive.members = []  # type: ignore[attr-defined]  # a stream keeps each header otherwise
        _check_member(path, member.name)
        if member.isdir():
            continue
        if not member.isreg() or member.issparse():
            raise UnsafeFileError(f"{path}: {member.name} is a link or device, which this format never has")
        if not member.name.endswith(suffix):
            continue
        if member.size > max_member:
            raise _too_large(path, member.name, max_member)
        stream = archive.extractfile(member)
        content = b"" if stream is None else stream.read(max_member + 1)
        if len(content) != member.size:
            raise ImportFileError(f"{path}: {member.name} is cut off")
        yield member.name, content


class _Counted(io.RawIOBase):
    """A stream that refuses to give more than an archive may unpack to."""

    def __init__(self, stream: io.BufferedIOBase, path: Path) -> None:
        self._stream, self._path, self._left = stream, path, MAX_UNPACKED

    def read(self, size: int = -1) -> bytes:
        content = self._stream.read(self._left + 1 if size < 0 else min(size, self._left + 1))
        self._left -= len(content)
        if self._left < 0:
            raise UnsafeFileError(f"{self._path} unpacks to more than the {MAX_UNPACKED:,} bytes it may have")
        return content


def _check_member(path: Path, name: str) -> None:
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\\" in name or "\0" in name or ":" in name:
        raise UnsafeFileError(f"{path}: the member {name!r} points outside of the archive; it was refused")


def _too_large(path: Path, member: str, limit: int) -> UnsafeFileError:
    return UnsafeFileError(f"{path}: {member} has more than the {limit:,} bytes that a member may have")
