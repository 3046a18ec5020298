"""Files of `torch.save`: what torch itself wrote is read, everything else is refused."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nasbench.datasets.readers.pickle_plain import plain_globals
from nasbench.datasets.readers.torch_file import MAGIC, PROTOCOL, read_torch
from nasbench.errors import TableError, UnsafeFileError

torch = pytest.importorskip("torch")

CONTENT = {"data": OrderedDict(a=[0.5, float("inf"), -1], b={"c": (1, "x", None)}), "mean": np.float64(0.25)}
SYSTEM = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


def saved(value: object, path: Path, zipped: bool, protocol: int = 2) -> Path:
    torch.save(value, path, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_saved_is_read(tmp_path: Path, zipped: bool, protocol: int) -> None:
    found = read_torch(saved(CONTENT, tmp_path / "x.pth", zipped, protocol), plain_globals())
    assert found == CONTENT
    assert type(found["data"]) is dict, "nothing but plain values"
    assert type(found["mean"]) is float


@pytest.mark.parametrize("zipped", [True, False])
def test_tensors_and_unlisted_globals_are_refused(tmp_path: Path, zipped: bool) -> None:
    for value in ({"weights": torch.zeros(3)}, torch.nn.Linear(2, 2), Path("x"), Attack()):
        with pytest.raises(UnsafeFileError, match="refused"):
            read_torch(saved(value, tmp_path / "x.pth", zipped), plain_globals())
    with pytest.raises(UnsafeFileError, match=r"collections\.OrderedDict"):
        read_torch(saved(OrderedDict(), tmp_path / "x.pth", zipped))


class Attack:
    def __reduce__(self):
        return (print, ("pwned",))


class Encoded:
    """What protocol 2 makes of bytes, with another codec."""

    def __init__(self, codec: str) -> None:
        self.codec = codec

    def __reduce__(self):
        import codecs

        return (codecs.encode, ("a", self.codec))


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_but_latin1_is_decoded(tmp_path: Path, zipped: bool) -> None:
    assert read_torch(saved(Encoded("latin1"), tmp_path / "x.pth", zipped), plain_globals()) == b"a"
    for codec in ("zlib", "utf-7", "rot13"):
        with pytest.raises(UnsafeFileError, match="latin1"):
            read_torch(saved(Encoded(codec), tmp_path / "x.pth", zipped), plain_globals())


OUTSIDE = b"\x80\x02K\x07Q."
"""A pickle of the persistent id 7."""


@pytest.mark.parametrize("zipped", [True, False])
def test_outside_references_are_refused(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(archive(OUTSIDE) if zipped else stream(OUTSIDE))
    with pytest.raises(UnsafeFileError, match="outside reference"):
        read_torch(path, plain_globals())


def archive(content: bytes, name: str = "archive/data.pkl", method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        made.writestr(name, content)
        made.writestr("archive/version", b"3\n")
    return out.getvalue()


def stream(content: bytes, magic: object = MAGIC, protocol: object = PROTOCOL, system: object = SYSTEM) -> bytes:
    return b"".join(pickle.dumps(part, 2) for part in (magic, protocol, system)) + content


PLAIN = pickle.dumps({"a": 1}, 2)


def test_containers_made_by_hand(tmp_path: Path) -> None:
    """The expectations of the refusals below, without their fault."""
    path = tmp_path / "x.pth"
    for content in (archive(PLAIN), archive(PLAIN, "transnas-bench_v1/data.pkl"), stream(PLAIN)):
        path.write_bytes(content)
        assert read_torch(path) == {"a": 1}


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (archive(PLAIN, "../data.pkl"), TableError, "expected one"),
        (archive(PLAIN, "/data.pkl"), TableError, "expected one"),
        (archive(PLAIN, "a/b/data.pkl"), TableError, "expected one"),
        (archive(PLAIN, "data.pkl"), TableError, "expected one"),
        (archive(PLAIN, "archive/constants.pkl"), TableError, "expected one"),
        (archive(pickle.dumps([0] * 100_000), method=zipfile.ZIP_DEFLATED), UnsafeFileError, "compressed"),
        (archive(PLAIN)[:-30], TableError, "archive"),
        (archive(b""), TableError, "pickle"),
        (stream(PLAIN, magic=1), TableError, "its number"),
        (stream(PLAIN, magic="x"), TableError, "its number"),
        (stream(PLAIN, protocol=1000), TableError, "its number"),
        (stream(PLAIN, system=[]), TableError, "about the system"),
        (stream(PLAIN[:-1]), TableError, "pickle"),
        (stream(b""), TableError, "pickle"),
        (PLAIN, TableError, "its number"),
        (b"", TableError, "pickle"),
        (b"PK", TableError, "archive"),
        (stream(b"\x80\x02]r\xff\xff\xff\x7f."), UnsafeFileError, "memory"),
        (archive(b"\x80\x02]r\xff\xff\xff\x7f."), UnsafeFileError, "memory"),
    ],
)
def test_other_containers_are_refused(tmp_path: Path, content: bytes, error: type, message: str) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(content)
    with pytest.raises(error, match=message) as caught:
        read_torch(path, plain_globals())
    assert str(path) in str(caught.value)


def test_two_objects_and_a_large_file(tmp_path: Path) -> None:
    path = saved(CONTENT, tmp_path / "x.pth", True)
    with pytest.raises(UnsafeFileError, match="more than the 100 bytes"):
        read_torch(path, plain_globals(), max_bytes=100)
    with zipfile.ZipFile(path, "a") as made:
        made.writestr("other/data.pkl", PLAIN)
    with pytest.raises(TableError, match="expected one"):
        read_torch(path, plain_globals())
    with pytest.raises(TableError, match="absent"):
        read_torch(tmp_path / "absent.pth")


@pytest.mark.parametrize("zipped", [True, False])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_raise_nothing_else(tmp_path: Path, zipped: bool, data: st.DataObject) -> None:
    """Bytes of a real file cut off and changed: it is read, or refused with a typed error."""
    path = tmp_path / "damaged.pth"
    whole = bytearray(saved(CONTENT, path, zipped).read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=4)):
        whole[place] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with suppress(TableError):
        read_torch(path, plain_globals())
