"""Where runs are kept: one SQLite file, one commit a run, written by the driver only."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from nasbench.errors import RecordsError
from nasbench.run import Entry, Ledger, Run
from nasbench.sqlite_store import SqliteStore, pack, unpack
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


class Records(SqliteStore):
    """The run store of one comparison.

    A finished run is committed at once and never written again; a failed one is replaced when it
    is run again.
    """

    schema = _SCHEMA
    tables = frozenset({"meta", "tasks", "runs"})
    schema_version = SCHEMA_VERSION
    what = "run store"
    written_by = "nasbench compare"

    def finished(self) -> set[str]:
        """Keys of the runs that are kept and did not fail."""
        with self._explained("read"):
            return {key for (key,) in self._db.execute("SELECT key FROM runs WHERE stop != 'failed'")}

    def add(self, run: Run) -> None:
        """Keep a run, in one commit; a key that is already kept stays as it is unless it had failed."""
        row = (
            run.key, run.task.id, run.entry.label, run.entry.name, run.entry.params, run.entry.version,
            run.entry.salt, run.seed, run.stop, run.error, json.dumps(run.ledger._asdict()),
            run.fit_seconds, run.suggest_seconds, run.trace_hash, pack(run.trace),
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
            trace=unpack(blob, self.path),
            ledger=spent,
            stop=stop,
            error=error,
            fit_seconds=fit,
            suggest_seconds=suggest,
        )
        if run.trace_hash != digest:
            raise RecordsError(f"{self.path}: the trace of run {key[:12]} does not match its hash; delete the file")
        return run
