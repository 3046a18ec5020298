"""Read large zip archives as streams: the members one by one, each as much as the reader wants of it.

`nasbench.datasets.readers.safe_files.zip_members` bounds what a whole archive unpacks to; here the reader bounds what
it keeps of each member, so that an archive of gigabytes is read in little memory.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from nasbench.errors import ImportFileError, UnsafeFileError

_DAMAGE = (OSError, EOFError, ValueError, NotImplementedError, RuntimeError, zlib.error, zipfile.BadZipFile, KeyError,
           IndexError, OverflowError)  # fmt: skip


class MemberStream:
    """An open member of an archive; damage becomes an `ImportFileError` when it is met.

    Attributes:
        source: archive and member, for errors.
    """

    def __init__(self, stream: IO[bytes], source: str) -> None:
        self._stream, self.source = stream, source

    def read(self, size: int) -> bytes:
        """At most `size` bytes more; none at the end.

        Raises:
            ImportFileError: the archive is damaged here.
        """
        try:
            return self._stream.read(size)
        except _DAMAGE as error:
            raise ImportFileError(f"{self.source} cannot be unpacked: {error}") from error

    def whole(self, max_bytes: int) -> bytes:
        """All that is left.

        Raises:
            UnsafeFileError: more than `max_bytes`.
            ImportFileError: the archive is damaged here.
        """
        content = self.read(max_bytes + 1)
        if len(content) > max_bytes:
            raise UnsafeFileError(f"{self.source} has more than the {max_bytes:,} bytes that a member may have")
        return content


def zip_streams(path: Path, suffix: str, max_members: int) -> Iterator[tuple[str, MemberStream]]:
    """Name and open stream of each member whose name ends with `suffix`, in archive order.

    A stream is closed when the next one is asked for.

    Raises:
        UnsafeFileError: a member that points outside or is encrypted, or too many of them.
        ImportFileError: the archive is missing, truncated or no zip.
    """
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGE as error:
        raise ImportFileError(f"{path} cannot be read as a zip archive: {error}") from error
    with archive:
        members = archive.infolist()
        if len(members) > max_members:
            raise UnsafeFileError(f"{path} has {len(members):,} members, more than the {max_members:,} it may have")
        for member in members:
            name = member.filename
            parts = PurePosixPath(name)
            if parts.is_absolute() or ".." in parts.parts or any(mark in name for mark in "\\\0:"):
                raise UnsafeFileError(f"{path}: the member {name!r} points outside of the archive; it was refused")
            if member.is_dir() or not name.endswith(suffix):
                continue
            if member.flag_bits & 0x1:
                raise UnsafeFileError(f"{path}: {name} is encrypted")
            try:
                stream = archive.open(member)
            except _DAMAGE as error:
                raise ImportFileError(f"{path}: {name} cannot be unpacked: {error}") from error
            with stream:
                yield name, MemberStream(stream, f"{path}: {name}")
