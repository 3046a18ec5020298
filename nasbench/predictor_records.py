"""Where the runs of a predictor comparison are kept: one SQLite file, one commit a run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from nasbench.errors import RecordsError
from nasbench.prediction_task import PredictionTask
from nasbench.predictor_run import PREDICTION, PredictorRun
from nasbench.run import Entry
from nasbench.sqlite_store import SqliteStore, pack, unpack

_SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE prediction_tasks (id TEXT PRIMARY KEY, name TEXT NOT NULL, identity TEXT NOT NULL)",
    """CREATE TABLE predictor_runs (
    key TEXT PRIMARY KEY,
    task_id TEXT NOT NULL REFERENCES prediction_tasks (id),
    label TEXT NOT NULL, predictor TEXT NOT NULL, params TEXT NOT NULL, version INTEGER NOT NULL,
    salt TEXT NOT NULL, size INTEGER NOT NULL, trial INTEGER NOT NULL, error TEXT NOT NULL,
    fit_seconds REAL NOT NULL, query_seconds REAL NOT NULL, charged_seconds REAL NOT NULL,
    prediction_hash TEXT NOT NULL, predictions BLOB NOT NULL
)""",
)

_COLUMNS = (
    "r.key, t.identity, r.label, r.predictor, r.params, r.version, r.salt, r.size, r.trial, r.error,"
    " r.fit_seconds, r.query_seconds, r.charged_seconds, r.prediction_hash, r.predictions"
)


class PredictorRecords(SqliteStore):
    """The run store of one predictor comparison.

    A finished run is committed at once and never written again; a failed one is replaced when it
    is run again.
    """

    schema = _SCHEMA
    tables = frozenset({"meta", "prediction_tasks", "predictor_runs"})
    schema_version = 1
    what = "store of predictor runs"
    written_by = "nasbench predictors"

    def finished(self) -> set[str]:
        """Keys of the runs that are kept and did not fail."""
        with self._explained("read"):
            return {key for (key,) in self._db.execute("SELECT key FROM predictor_runs WHERE error = ''")}

    def add(self, run: PredictorRun) -> None:
        """Keep a run, in one commit; a key that is already kept stays as it is unless it had failed."""
        row = (
            run.key, run.task.id, run.entry.label, run.entry.name, run.entry.params, run.entry.version,
            run.entry.salt, run.size, run.trial, run.error, run.fit_seconds, run.query_seconds,
            run.charged_seconds, run.prediction_hash, pack(run.predictions),
        )  # fmt: skip
        marks = ", ".join("?" * len(row))
        with self._explained("write"), self._db:
            identity = json.dumps(run.task.identity(), sort_keys=True)
            self._db.execute(
                "INSERT OR IGNORE INTO prediction_tasks VALUES (?, ?, ?)", (run.task.id, run.task.name, identity)
            )
            self._db.execute("DELETE FROM predictor_runs WHERE key = ? AND error != ''", (run.key,))
            self._db.execute(f"INSERT OR IGNORE INTO predictor_runs VALUES ({marks})", row)  # noqa: S608  marks only

    def runs(self, keys: Iterable[str] | None = None) -> list[PredictorRun]:
        """Kept runs, those of the given keys in that order, or all by task, label, size and trial.

        Raises:
            RecordsError: the predictions of a run are damaged.
        """
        query = f"SELECT {_COLUMNS} FROM predictor_runs r JOIN prediction_tasks t ON t.id = r.task_id"  # noqa: S608
        tasks: dict[str, PredictionTask] = {}
        with self._explained("read"):
            if keys is not None:
                rows = (self._db.execute(f"{query} WHERE r.key = ?", (key,)).fetchone() for key in keys)
                return [self._run(row, tasks) for row in rows if row is not None]
            found = [self._run(row, tasks) for row in self._db.execute(query)]
        return sorted(found, key=lambda run: (run.task.name, run.entry.label, run.entry.salt, run.size, run.trial))

    def _run(self, row: tuple[Any, ...], tasks: dict[str, PredictionTask]) -> PredictorRun:
        key, identity, label, name, params, version, salt, size, trial, error, fit, query, charged, digest, blob = row
        if identity not in tasks:
            tasks[identity] = PredictionTask.from_identity(json.loads(identity))
        run = PredictorRun(
            key=key,
            task=tasks[identity],
            entry=Entry(label, name, params, version, salt),
            size=size,
            trial=trial,
            predictions=unpack(blob, self.path),
            fit_seconds=fit,
            query_seconds=query,
            charged_seconds=charged,
            error=error,
        )
        if run.predictions.dtype != PREDICTION or run.prediction_hash != digest:
            raise RecordsError(
                f"{self.path}: the predictions of run {key[:12]} do not match their hash; delete the file"
            )
        return run
