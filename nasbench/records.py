"""Where runs are kept: one SQLite file, one commit a run, written by the driver only."""

from __future__ import annotations

import io
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import RecordsError
from nasbench.run import Entry, Ledger, Run
from nasbench.task import Task

SCHEMA_VERSION = 1

_SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE tasks (id TEXT PRIMARY KEY, name TEXT NOT NULL, identity TEXT NOT NULL)",
    """CREATE TABLE runs (
    key TEXT PRIMARY KEY,
    task_id TEXT NOT NULL REFERENCES tasks (id),
    label TEXT NOT NULL, strategy TEXT NOT NULL, params TEXT NOT NULL, version INTEGER NOT NULL,
    salt TEXT NOT NULL, seed INTEGER NOT NULL,
    stop TEXT NOT NULL, error TEXT NOT NULL, ledger TEXT NOT NULL,
    fit_seconds REAL NOT NULL, suggest_seconds REAL NOT NULL,
    trace_hash TEXT NOT NULL, trace BLOB NOT NULL
)""",
)

_INSERT = """
INSERT OR IGNORE INTO runs (key, task_id, label, strategy, params, version, salt, seed, stop, error, ledger,
                            fit_seconds, suggest_seconds, trace_hash, trace)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class Records:
    """The run store of one comparison.

    A finished run is committed at once and never written again; a failed one is replaced when it
    is run again. Opens in write-ahead mode, falling back to a rollback journal on file systems
    that cannot share memory.

    Args:
        path: the SQLite file; made where it does not exist.
        readonly: open an existing file without changing it.

    Raises:
        RecordsError: the file is missing (readonly), not one of ours, damaged or not writable.
    """

    def __init__(self, path: Path, readonly: bool = False) -> None:
        self.path = Path(path)
        if readonly and not self.path.is_file():
            raise RecordsError(f"there are no kept runs at {self.path}; `nasbench compare` writes them")
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
                for statement in _SCHEMA:
                    self._db.execute(statement)
                self._db.execute("INSERT INTO meta VALUES ('schema_version', ?)", (str(SCHEMA_VERSION),))
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
        if not {"meta", "tasks", "runs"} <= self._tables():
            raise RecordsError(f"{self.path} is a database, but no run store of nasbench; choose another --out")
        found = self._db.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
        if found is None or str(found[0]) != str(SCHEMA_VERSION):
            raise RecordsError(f"{self.path} was written by another version of nasbench; choose another --out")

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise RecordsError(
                f"cannot {doing} the run store {self.path}: {error}; give another --out folder, or delete the file"
            ) from error

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; everything that was added is already on disk."""
        self._db.close()

    def finished(self) -> set[str]:
        """Keys of the runs that are kept and did not fail."""
        with self._explained("read"):
            return {key for (key,) in self._db.execute("SELECT key FROM runs WHERE stop != 'failed'")}

    def add(self, run: Run) -> None:
        """Keep a run, in one commit; a key that is already kept stays as it is unless it had failed."""
        row = (
            run.key, run.task.id, run.entry.label, run.entry.name, run.entry.params, run.entry.version,
            run.entry.salt, run.seed, run.stop, run.error, json.dumps(run.ledger._asdict()),
            run.fit_seconds, run.suggest_seconds, run.trace_hash, _pack(run.trace),
        )  # fmt: skip
        with self._explained("write"), self._db:
            identity = json.dumps(run.task.identity(), sort_keys=True)
            self._db.execute("INSERT OR IGNORE INTO tasks VALUES (?, ?, ?)", (run.task.id, run.task.name, identity))
            self._db.execute("DELETE FROM runs WHERE key = ? AND stop = 'failed'", (run.key,))
            self._db.execute(_INSERT, row)

    def runs(self, keys: Iterable[str] | None = None) -> list[Run]:
        """Kept runs, those of the given keys in that order, or all by task, label and seed.

        Raises:
            RecordsError: a trace is damaged.
        """
        columns = (
            "r.key, t.identity, r.label, r.strategy, r.params, r.version, r.salt, r.seed, r.stop, r.error, r.ledger,"
            " r.fit_seconds, r.suggest_seconds, r.trace_hash, r.trace"
        )
        query = f"SELECT {columns} FROM runs r JOIN tasks t ON t.id = r.task_id"  # noqa: S608  literals only
        tasks: dict[str, Task] = {}
        with self._explained("read"):
            if keys is not None:
                rows = (self._db.execute(f"{query} WHERE r.key = ?", (key,)).fetchone() for key in keys)
                return [self._run(row, tasks) for row in rows if row is not None]
            found = [self._run(row, tasks) for row in self._db.execute(query)]
        return sorted(found, key=lambda run: (run.task.name, run.entry.label, run.entry.salt, run.seed))

    def _run(self, row: tuple[Any, ...], tasks: dict[str, Task]) -> Run:
        key, identity, label, name, params, version, salt, seed, stop, error, ledger, fit, suggest, digest, blob = row
        if identity not in tasks:
            tasks[identity] = Task.from_identity(json.loads(identity))
        try:
            spent = Ledger(**json.loads(ledger))
        except (ValueError, TypeError) as why:
            raise RecordsError(f"{self.path} holds a damaged run {key[:12]}: {why}; delete the file") from why
        run = Run(
            key=key,
            task=tasks[identity],
            entry=Entry(label, name, params, version, salt),
            seed=seed,
            trace=_unpack(blob, self.path),
            ledger=spent,
            stop=stop,
            error=error,
            fit_seconds=fit,
            suggest_seconds=suggest,
        )
        if run.trace_hash != digest:
            raise RecordsError(f"{self.path}: the trace of run {key[:12]} does not match its hash; delete the file")
        return run


def _pack(trace: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(trace), allow_pickle=False)
    return zlib.compress(buffer.getvalue(), 6)


def _unpack(blob: bytes, path: Path) -> NDArray[Any]:
    try:
        trace: NDArray[Any] = np.lib.format.read_array(io.BytesIO(zlib.decompress(blob)), allow_pickle=False)
    except (zlib.error, ValueError) as error:
        raise RecordsError(f"{path} holds a damaged trace: {error}; delete the file") from error
    trace.flags.writeable = False
    return trace
