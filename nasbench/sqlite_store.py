"""One SQLite file that the driver alone writes: opened, checked, and with errors that say what to do."""

from __future__ import annotations

import io
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import RecordsError

Self = TypeVar("Self", bound="SqliteStore")


class SqliteStore:
    """A store whose additions are committed one by one.

    Opens in write-ahead mode, falling back to a rollback journal on file systems that cannot share
    memory. A subclass says which tables it has; they hold a `meta` table with its `schema_version`.

    Args:
        path: the SQLite file; made where it does not exist.
        readonly: open an existing file without changing it.

    Raises:
        RecordsError: the file is missing (readonly), not one of ours, damaged or not writable.
    """

    schema: ClassVar[Sequence[str]]
    """The statements that make its tables."""
    tables: ClassVar[frozenset[str]]
    """Names of its tables."""
    schema_version: ClassVar[int]
    what: ClassVar[str]
    """What it is called in errors."""
    written_by: ClassVar[str]
    """The command that writes it."""
    otherwise: ClassVar[str] = "choose another --out folder"
    """What to do where the file is another's."""

    def __init__(self, path: Path, readonly: bool = False) -> None:
        self.path = Path(path)
        if readonly and not self.path.is_file():
            raise RecordsError(f"there is no {self.what} at {self.path}; `{self.written_by}` writes one")
        with self._explained("open"):
            if readonly:
                self._db = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)
            else:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._db = sqlite3.connect(self.path, timeout=30.0)
            try:
                if not readonly:
                    self._prepare()
                self._check()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        """Make the tables of a new file; a file that holds something else is left as it is."""
        self._db.execute("BEGIN IMMEDIATE")
        with self._db:
            if not self._tables():
                for statement in self.schema:
                    self._db.execute(statement)
                self._db.execute("INSERT INTO meta VALUES ('schema_version', ?)", (str(self.schema_version),))
        self._check()
        if not self._write_ahead():
            self._db.execute("PRAGMA journal_mode=DELETE")
        self._db.execute("PRAGMA synchronous=NORMAL")

    def _write_ahead(self) -> bool:
        """Whether the file system can share memory, which a network disk refuses in either way."""
        try:
            return bool(self._db.execute("PRAGMA journal_mode=WAL").fetchone()[0].lower() == "wal")
        except sqlite3.OperationalError:
            return False

    def _tables(self) -> set[str]:
        return {name for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def _check(self) -> None:
        if not self.tables <= self._tables():
            raise RecordsError(f"{self.path} is a database, but no {self.what} of nasbench; {self.otherwise}")
        found = self._db.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
        if found is None or str(found[0]) != str(self.schema_version):
            raise RecordsError(f"{self.path} was written by another version of nasbench; {self.otherwise}")

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise RecordsError(
                f"cannot {doing} the {self.what} {self.path}: {error}; {self.otherwise}, or delete the file"
            ) from error

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; everything that was added is already on disk."""
        self._db.close()


def pack(array: NDArray[Any]) -> bytes:
    """An array as a compressed blob, with its dtype."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return zlib.compress(buffer.getvalue(), 6)


def unpack(blob: bytes, path: Path) -> NDArray[Any]:
    """The read-only array of a blob.

    Raises:
        RecordsError: the blob is damaged.
    """
    try:
        array: NDArray[Any] = np.lib.format.read_array(io.BytesIO(zlib.decompress(blob)), allow_pickle=False)
    except (zlib.error, ValueError) as error:
        raise RecordsError(f"{path} holds a damaged trace: {error}; delete the file") from error
    array.flags.writeable = False
    return array
