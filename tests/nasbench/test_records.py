"""The run store: round trips, one row a run, and files that cannot be used."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import nasbench
from nasbench.errors import RecordsError
from nasbench.records import Records

CIFAR10 = "nasbench201/cifar10"


def run(name="random-search", seed=0, **policies):
    return nasbench.search(nasbench.Task(CIFAR10, **{"evaluations": 10, **policies}), name, seed)


def failed(run_):
    return type(run_)(**{**vars(run_), "stop": "failed", "error": "Boom"})


def rows(path):
    with sqlite3.connect(path) as db:
        found = db.execute("SELECT rowid, key, stop, trace_hash FROM runs ORDER BY rowid").fetchall()
    db.close()
    return found


@pytest.mark.parametrize(
    "made",
    [
        lambda: run(),
        lambda: run("local-search", 3, charge="unique-class", workers=2),
        lambda: run(objective=["val_accuracy", "params"]),
        lambda: run(repeat="mean", seconds=1e5),
        lambda: failed(run()),
    ],
)
def test_what_is_kept_comes_back_as_it_was(tmp_path, made):
    before = made()
    with Records(tmp_path / "runs.sqlite") as records:
        records.add(before)
    with Records(tmp_path / "runs.sqlite", readonly=True) as records:
        (after,) = records.runs()
    assert after.trace.tobytes() == before.trace.tobytes()
    assert after.trace.dtype == before.trace.dtype
    for name in ("key", "task", "entry", "seed", "ledger", "stop", "error", "fit_seconds", "trace_hash"):
        assert getattr(after, name) == getattr(before, name), name
    assert not after.trace.flags.writeable


def test_a_run_without_epochs_comes_back_with_its_nan(tmp_path, make_table, make_column, make_protocol):
    name = make_table(make_protocol(final={"val_accuracy": make_column(np.zeros((64, 1)))}))
    before = nasbench.search(nasbench.Task(name, evaluations=3), "random-search")
    with Records(tmp_path / "runs.sqlite") as records:
        records.add(before)
        (after,) = records.runs()
    assert np.isnan(after.ledger.epochs)
    assert after.trace_hash == before.trace_hash


def test_a_finished_run_is_never_written_again(tmp_path):
    path = tmp_path / "runs.sqlite"
    first = run()
    with Records(path) as records:
        records.add(first)
        before = rows(path)
        records.add(first)
        records.add(failed(first))
        assert rows(path) == before
        assert records.finished() == {first.key}


def test_a_failed_run_is_replaced_by_a_later_one(tmp_path):
    path = tmp_path / "runs.sqlite"
    with Records(path) as records:
        records.add(failed(run()))
        assert records.finished() == set()
        records.add(run())
        assert [row[2] for row in rows(path)] == ["budget"]


def test_only_the_asked_runs_are_read_in_the_asked_order(tmp_path):
    """Also beside runs whose benchmark this machine no longer has."""
    path = tmp_path / "runs.sqlite"
    kept = [run(seed=seed) for seed in range(4)]
    with Records(path) as records:
        for one in kept:
            records.add(one)
        wanted = [kept[2].key, "00", kept[0].key]  # the second sorts before every key and is none
        assert [r.seed for r in records.runs(wanted)] == [2, 0]
    with sqlite3.connect(path) as db:
        db.execute(
            "INSERT INTO tasks VALUES ('x', 'gone/default', '{\"benchmark\": \"gone/default\", \"objectives\": []}')"
        )
        db.execute("UPDATE runs SET task_id = 'x' WHERE seed = 3")
    db.close()
    with Records(path, readonly=True) as records:
        assert [r.seed for r in records.runs([kept[1].key])] == [1]


def test_all_runs_are_sorted_by_task_label_and_seed(tmp_path):
    with Records(tmp_path / "runs.sqlite") as records:
        for name, seed in (("random-search", 2), ("local-search", 1), ("random-search", 0)):
            records.add(run(name, seed))
        assert [(r.entry.label, r.seed) for r in records.runs()] == [
            ("local-search", 1),
            ("random-search", 0),
            ("random-search", 2),
        ]


# -- files that cannot be used --------------------------------------------------------------------


def foreign(path, statement="CREATE TABLE songs (title TEXT)"):
    with sqlite3.connect(path) as db:
        db.execute(statement)
    db.close()


@pytest.mark.parametrize("statement", ["CREATE TABLE songs (title TEXT)", "CREATE TABLE meta (a TEXT, b TEXT, c TEXT)"])
@pytest.mark.parametrize("readonly", [False, True])
def test_another_programs_database_is_refused_and_left_as_it_is(tmp_path, statement, readonly):
    path = tmp_path / "runs.sqlite"
    foreign(path, statement)
    before = path.read_bytes()
    with pytest.raises(RecordsError, match="no run store of nasbench"):
        Records(path, readonly=readonly)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def damage_text(path):
    path.write_text("these are not the runs you are looking for" * 100)


def damage_truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_version(path):
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = '99'")
    db.close()


@pytest.mark.parametrize("damage", [damage_text, damage_truncate, damage_version])
def test_a_damaged_store_is_a_records_error_that_names_the_file(tmp_path, damage):
    path = tmp_path / "runs.sqlite"
    with Records(path) as records:
        for seed in range(30):
            records.add(run(seed=seed))
    damage(path)
    for readonly in (False, True):
        with pytest.raises(RecordsError, match=r"runs\.sqlite"), Records(path, readonly=readonly) as records:
            records.runs()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE runs SET trace = x'00'", "damaged trace"),
        ("UPDATE runs SET trace = (SELECT trace FROM runs WHERE seed = 1)", "does not match its hash"),
        ("UPDATE runs SET ledger = '{'", "damaged run"),
        ("UPDATE runs SET ledger = '{\"raw\": 3}'", "damaged run"),
    ],
)
def test_an_altered_run_is_found(tmp_path, change, says):
    path = tmp_path / "runs.sqlite"
    with Records(path) as records:
        records.add(run())
        records.add(run(seed=1))
    with sqlite3.connect(path) as db:
        db.execute(change)
    db.close()
    with Records(path, readonly=True) as records, pytest.raises(RecordsError, match=says):
        records.runs()


def test_a_pickled_trace_is_not_loaded(tmp_path):
    """An object array in the blob would need pickle; it is refused, not executed."""
    import io
    import zlib

    path = tmp_path / "runs.sqlite"
    with Records(path) as records:
        records.add(run())
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE runs SET trace = ?", (zlib.compress(buffer.getvalue()),))
    db.close()
    with Records(path, readonly=True) as records, pytest.raises(RecordsError, match="damaged trace"):
        records.runs()


def test_missing_and_unusable_places(tmp_path):
    with pytest.raises(RecordsError, match="no run store at"):
        Records(tmp_path / "nothing" / "runs.sqlite", readonly=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordsError, match="cannot open"):
        Records(tmp_path / "file" / "runs.sqlite")
    (tmp_path / "folder").mkdir()
    with pytest.raises(RecordsError, match="cannot open"):
        Records(tmp_path / "folder")


def test_an_empty_file_becomes_a_store(tmp_path):
    (tmp_path / "runs.sqlite").touch()
    with Records(tmp_path / "runs.sqlite") as records:
        assert records.runs() == []


# -- journal --------------------------------------------------------------------------------------


def journal_mode(path):
    db = sqlite3.connect(path)
    mode = db.execute("PRAGMA journal_mode").fetchone()[0]
    db.close()
    return mode


def test_writes_ahead_where_the_disk_can(tmp_path):
    Records(tmp_path / "runs.sqlite").close()
    assert journal_mode(tmp_path / "runs.sqlite") == "wal"


def test_falls_back_to_a_rollback_journal_where_memory_cannot_be_shared(tmp_path, monkeypatch):
    """SQLite's own dot-file locking, made for network disks, has no shared memory and so no WAL."""
    path = tmp_path / "runs.sqlite"
    connect = sqlite3.connect

    def without_shared_memory(place, **options):
        return connect(f"file:{place}?vfs=unix-dotfile", uri=True, **options)

    monkeypatch.setattr("nasbench.sqlite_store.sqlite3.connect", without_shared_memory)
    with Records(path) as records:
        records.add(run())
    monkeypatch.undo()
    assert journal_mode(path) == "delete"
    with Records(path, readonly=True) as records:
        assert len(records.runs()) == 1


def test_falls_back_where_writing_ahead_is_refused_with_an_error(tmp_path, monkeypatch):
    """Some network disks answer the request with an I/O error instead of another mode."""

    class Refusing(sqlite3.Connection):
        def execute(self, statement, *arguments):
            if statement == "PRAGMA journal_mode=WAL":
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(statement, *arguments)

    connect = sqlite3.connect
    refusing = lambda place, **options: connect(place, factory=Refusing, **options)  # noqa: E731
    monkeypatch.setattr("nasbench.sqlite_store.sqlite3.connect", refusing)
    with Records(tmp_path / "runs.sqlite") as records:
        records.add(run())
    monkeypatch.undo()
    assert journal_mode(tmp_path / "runs.sqlite") == "delete"


OPEN = """
import sys
from nasbench.records import Records
for _ in range(40):
    Records(sys.argv[1] + f"/{_}.sqlite").close()
print("done")
"""


def test_several_processes_may_make_one_store_at_once(tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(OPEN), str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    assert [process.communicate()[0] for process in processes] == ["done\n"] * 3
    for path in sorted(tmp_path.glob("*.sqlite")):
        Records(path, readonly=True).close()
