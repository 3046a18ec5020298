"""Nothing that a pickle asks for is run, and whatever is no plain value is refused."""

from __future__ import annotations

import collections
import io
import os
import pickle
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nasbench.datasets.readers import safe_pickle
from nasbench.datasets.readers.safe_pickle import loads, numpy_scalar_globals, read_pickle
from nasbench.errors import TableError, UnsafeFileError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Attack:
    """Runs a function when it is unpickled."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


@pytest.fixture
def dump(tmp_path: Path):
    def dump(value: object, protocol: int = 4) -> Path:
        path = tmp_path / "file.pkl"
        path.write_bytes(pickle.dumps(value, protocol))
        return path

    return dump


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_values_come_back(dump, protocol: int) -> None:
    value = {"421211": {"val_acc": [9.5, float("inf")], "n": (1, None, True, b"x", {3}, "é", 1 << 80)}}
    assert read_pickle(dump(value, protocol), SETS if protocol < 4 else None) == value


SETS = {("builtins", "set"): set, ("__builtin__", "set"): set, ("_codecs", "encode"): lambda s, e: s.encode(e)}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_numpy_scalars_need_their_two_globals(dump, protocol: int) -> None:
    path = dump({"perf": np.float64(0.125), "count": np.int64(3)}, protocol)
    if protocol >= 3:
        assert read_pickle(path, numpy_scalar_globals()) == {"perf": 0.125, "count": 3}
    with pytest.raises(UnsafeFileError, match=r"numpy\._?core"):
        read_pickle(path)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pickle_that_runs_a_command_is_refused_and_runs_nothing(dump, tmp_path: Path, protocol: int) -> None:
    sentinel = tmp_path / "ran"
    path = dump({"data": [1.0, Attack(os.system, f"touch {sentinel}")]}, protocol)
    for allowed in (None, numpy_scalar_globals()):
        with pytest.raises(UnsafeFileError, match=r"asks for \w+\.system.*nothing of it was run"):
            read_pickle(path, allowed)
    assert not sentinel.exists()
    pickle.loads(path.read_bytes())
    assert sentinel.exists(), "the attack itself must work, else this test shows nothing"


@pytest.mark.parametrize(
    "value",
    [
        Attack(eval, "1"),
        Attack(exec, ""),
        Attack(getattr, 1, "real"),
        Attack(__import__, "os"),
        Attack(open, os.devnull),
        collections.OrderedDict(a=1),
        Fraction(1, 2),
        Path("x"),
        np.arange(3),
        np.dtype(object),
        len,
        int,
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_other_global_is_refused(dump, value: object) -> None:
    with pytest.raises(UnsafeFileError, match=r"file\.pkl asks for"):
        read_pickle(dump(value))


def test_an_allowed_name_of_another_module_is_refused(dump) -> None:
    """Both parts of a global count: `numpy.dtype` is allowed, `evil.dtype` is not."""
    path = dump(None)
    path.write_bytes(b"cevil\ndtype\n.")
    with pytest.raises(UnsafeFileError, match=r"evil\.dtype"):
        read_pickle(path, numpy_scalar_globals())
    path.write_bytes(b"\x80\x04\x8c\x05numpy\x8c\x0bdtype.names\x93.")
    with pytest.raises(UnsafeFileError, match=r"numpy\.dtype\.names"):
        read_pickle(path, numpy_scalar_globals())


def test_extension_codes_are_globals_too(dump, monkeypatch: pytest.MonkeyPatch) -> None:
    import copyreg

    copyreg.add_extension("os", "system", 240)
    try:
        path = dump(None)
        path.write_bytes(b"\x80\x02\x82\xf0.")
        with pytest.raises(TableError, match=r"os\.system"):
            read_pickle(path)
    finally:
        copyreg.remove_extension("os", "system", 240)


def test_outside_references_are_refused(tmp_path: Path) -> None:
    class Refers(pickle.Pickler):
        def persistent_id(self, value: object) -> object:
            return "elsewhere" if value == "me" else None

    stream = io.BytesIO()
    Refers(stream).dump({"a": "me"})
    path = tmp_path / "file.pkl"
    path.write_bytes(stream.getvalue())
    with pytest.raises(UnsafeFileError, match=r"outside reference \('elsewhere'\)"):
        read_pickle(path)


def test_a_file_that_is_too_large_is_refused_unread(dump) -> None:
    path = dump(Attack(os.system, "true"))
    size = path.stat().st_size
    with pytest.raises(UnsafeFileError, match=rf"has {size} bytes, more than the {size - 1} that"):
        read_pickle(path, max_bytes=size - 1)
    assert read_pickle(dump([1]), max_bytes=10**6) == [1]


def test_a_truncated_file(dump) -> None:
    path = dump({"a": [1.5] * 50, "b": "text"})
    raw = path.read_bytes()
    for length in range(len(raw)):
        path.write_bytes(raw[:length])
        with pytest.raises(TableError, match=r"file\.pkl cannot be read as a pickle"):
            read_pickle(path)


@pytest.mark.parametrize("content", [b"", b"width,acc\n1,2\n", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"\x80\xff."])
def test_a_file_of_something_else(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.pkl"
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"cannot be read as a pickle"):
        read_pickle(path)


def test_a_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.pkl", tmp_path):
        with pytest.raises(TableError, match=r"cannot be read"):
            read_pickle(path)


@given(st.binary(max_size=80))
@example(b"(" * 50)
@example(b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f")
@example(b"]" + b"\x88a" * 10)
@example(b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff.")
@settings(max_examples=400, deadline=None)
def test_random_bytes_give_plain_values_or_our_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.pkl"
    path.write_bytes(content)
    try:
        value = read_pickle(path)
    except TableError:
        return
    assert type(value).__module__ == "builtins"


# -- memory: no more than the size of the file warrants --------------------------------------------------

MEMO_BOMB = b"\x80\x03Nr\xff\xff\xff\x3f0]."
"""Ten bytes that make an unpickler's memo eight gigabytes large."""


@pytest.mark.parametrize("scanned", [False, True])
@pytest.mark.parametrize("bomb", [MEMO_BOMB, b"Np1073741823\n."])
def test_a_memo_bomb_is_refused(monkeypatch: pytest.MonkeyPatch, bomb: bytes, scanned: bool) -> None:
    if scanned:  # as on a system that cannot limit a process
        monkeypatch.setattr(safe_pickle, "_STATM", Path("/nowhere/at/all"))
    with pytest.raises(UnsafeFileError, match="memory"):
        loads(bomb, source="bomb.pkl")
    assert loads(pickle.dumps([1, 2])) == [1, 2]


def test_the_limit_of_the_process_is_put_back() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_AS)
    loads(pickle.dumps({"a": [0.5]}))
    with pytest.raises(TableError):
        loads(b"garbage")
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_plain_values_of_every_shape_fit_the_limit() -> None:
    for value in (
        [[] for _ in range(300_000)],
        [{} for _ in range(300_000)],
        list(range(10**6)),
        {0.5 * i: i for i in range(200_000)},
    ):
        assert loads(pickle.dumps(value, 4)) == value
