"""Read a delimited text file (CSV, semicolons, tabs; plain or gzip) into named columns of cells."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from nasbench.errors import ImportFileError, UnknownNameError, UnsafeFileError

DELIMITERS = (",", ";", "\t")
GZIP_MAGIC = b"\x1f\x8b"
MAX_BYTES = 1 << 30


class Cells(NamedTuple):
    """The wanted columns of a file.

    Attributes:
        columns: name -> one stripped text a record.
        lines: the line of the file on which each record starts, from 1.
        sha256: of the file as it lies on the disk.
    """

    columns: dict[str, tuple[str, ...]]
    lines: list[int]
    sha256: str


class DelimitedFile:
    """A delimited text file whose header has been read.

    The delimiter is the one of comma, semicolon and tab under which the header names most of the
    `expected` columns (then: has most fields). A byte-order mark, CRLF, quoted fields and blank lines are
    understood.

    Args:
        path: the file.
        expected: column names that the caller is going to ask for.
        max_bytes: a file with more bytes of text is refused.

    Attributes:
        path: the file.
        header: the column names, stripped.

    Raises:
        ImportFileError: no such file, no text in UTF-8, empty, or a header with a name twice.
        UnsafeFileError: more bytes than allowed.
    """

    def __init__(self, path: Path, expected: Iterable[str] = (), max_bytes: int = MAX_BYTES) -> None:
        self.path = Path(path)
        self._text, self._sha256 = _read_text(self.path, max_bytes)
        wanted = set(expected)
        headers = {mark: self._header(mark) for mark in DELIMITERS}
        self._delimiter = max(
            DELIMITERS, key=lambda mark: (len(wanted.intersection(headers[mark])), len(headers[mark]))
        )
        self.header = headers[self._delimiter]
        for name in self.header:
            if not name:
                raise ImportFileError(f"{self.path}, line 1: a column has no name; name every column")
            if self.header.count(name) > 1:
                raise ImportFileError(f"{self.path}, line 1: the column {name!r} is there twice; rename one")

    def _header(self, delimiter: str) -> list[str]:
        try:
            first = next(
                (row for row in csv.reader(io.StringIO(self._text, newline=""), delimiter=delimiter) if row),
                None,
            )
        except csv.Error as error:
            raise ImportFileError(f"{self.path}, line 1: {error}") from error
        if first is None:
            raise ImportFileError(f"{self.path} is empty; its first line must name the columns")
        return [name.strip() for name in first]

    def read(self, names: Iterable[str]) -> Cells:
        """The cells of the named columns.

        Raises:
            UnknownNameError: the file has no such column.
            ImportFileError: a record with too few or too many fields, a quote that never closes,
                or no records at all; names the line.
        """
        wanted = list(dict.fromkeys(names))
        for name in wanted:
            if name not in self.header:
                raise UnknownNameError(f"column of {self.path}", name, self.header)
        places = [self.header.index(name) for name in wanted]
        pick = itemgetter(*places) if len(places) > 1 else lambda row: (row[places[0]],)
        width = len(self.header)
        records: list[tuple[str, ...]] = []
        lines: list[int] = []
        reader = csv.reader(io.StringIO(self._text, newline=""), delimiter=self._delimiter, strict=True)
        begin, header_seen = 1, False
        try:
            for row in reader:
                if row and header_seen:
                    if len(row) != width:
                        raise ImportFileError(
                            f"{self.path}, line {begin}: {len(row)} fields, but the header names {width} columns"
                        )
                    records.append(pick(row))
                    lines.append(begin)
                header_seen = header_seen or bool(row)
                begin = reader.line_num + 1
        except csv.Error as error:
            raise ImportFileError(f"{self.path}, line {begin}: {error}") from error
        if not records:
            raise ImportFileError(f"{self.path} has a header but no records")
        columns = dict(zip(wanted, zip(*records, strict=True), strict=True))
        return Cells({n: tuple(map(str.strip, c)) for n, c in columns.items()}, lines, self._sha256)


def _read_text(path: Path, max_bytes: int) -> tuple[str, str]:
    try:
        raw = path.read_bytes() if path.stat().st_size <= max_bytes else None
    except OSError as error:
        raise ImportFileError(f"{path} cannot be read: {error.strerror or error}") from error
    if raw is None:
        raise _too_large(path, max_bytes)
    digest = hashlib.sha256(raw).hexdigest()
    if raw.startswith(GZIP_MAGIC):
        raw = _unpack(path, raw, max_bytes)
    if b"\0" in raw:
        raise ImportFileError(f"{path} is no UTF-8 text; save it as CSV in UTF-8")
    try:
        return raw.decode("utf-8-sig"), digest
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ImportFileError(f"{path}, line {line}: no UTF-8 text; save it as CSV in UTF-8") from error


def _unpack(path: Path, raw: bytes, max_bytes: int) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as stream:
            text = stream.read(max_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ImportFileError(f"{path} is a damaged gzip file: {error}") from error
    if len(text) > max_bytes:
        raise _too_large(path, max_bytes)
    return text


def _too_large(path: Path, max_bytes: int) -> UnsafeFileError:
    return UnsafeFileError(f"{path} holds more than the {max_bytes:,} bytes that a text table may have")
