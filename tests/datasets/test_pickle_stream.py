"""Pickles larger than memory: the same values as Python's own unpickler, records handed over, nothing kept."""

from __future__ import annotations

import collections
import contextlib
import io
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench.datasets.readers import pickle_references, pickle_stream
from nasbench.datasets.readers.pickle_plain import plain_globals
from nasbench.datasets.readers.pickle_references import far_references
from nasbench.datasets.readers.pickle_stream import PickleStream
from nasbench.errors import TableError, UnsafeFileError

LIMIT = 1 << 30
NAME = "the pickle"


class Slow:
    """Gives a few bytes at a time, whatever is asked for."""

    def __init__(self, content: bytes, step: int) -> None:
        self.stream, self.step = io.BytesIO(content), step

    def read(self, size: int) -> bytes:
        return self.stream.read(min(size, self.step))


def both_passes(content: bytes, names=(), consume=lambda record: 0, step: int = 1 << 20):
    keep = far_references(Slow(content, step), NAME, LIMIT)
    return PickleStream(names, consume, plain_globals(), keep).load(Slow(content, step), NAME)


keys = st.integers(-(2**70), 2**70) | st.text(max_size=12) | st.tuples(st.text(max_size=5), st.integers(0, 999))
leaves = st.none() | st.booleans() | keys | st.floats() | st.binary(min_size=1, max_size=300)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(keys, inner, max_size=5), st.lists(inner, max_size=5).map(tuple),
        st.sets(keys, max_size=4), st.dictionaries(keys, inner, max_size=3).map(collections.OrderedDict),
        st.lists(inner, max_size=2).map(lambda several: several * 3),
    ),
    max_leaves=30,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(value=values, protocol=st.integers(2, 5), step=st.sampled_from([9_000, 1 << 20]))
def test_the_same_as_pickles_own(value: object, protocol: int, step: int) -> None:
    content = pickle.dumps(value, protocol)
    assert repr(both_passes(content, step=step)) == repr(_plain(pickle.loads(content)))


def _plain(value):
    """Ordered dictionaries are plain ones here."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    return value


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("number", [np.float64(0.1), np.float32(0.5), np.int64(-7), np.int32(9)])
def test_numpy_scalars_are_numbers(number: object, protocol: int) -> None:
    read = both_passes(pickle.dumps([number, number], protocol))
    assert read == [number, number]
    assert {type(value) for value in read} <= {float, int}


def test_texts_across_the_borders_of_chunks() -> None:
    value = ["x" * (n % 700) + str(n) for n in range(7000)]
    content = pickle.dumps(value, 4)
    assert len(content) > 2 * pickle_references.CHUNK
    for step in (8_193, 50_001, 1 << 20):
        assert both_passes(content, step=step) == value


# -- records ----------------------------------------------------------------------------------------


def a_file(count: int, shared: object = "a name", protocol: int = 4) -> bytes:
    """Records of fresh objects that also refer to one shared object."""
    records = {
        number: collections.OrderedDict(a={"number": number, "values": {f"k{number}@{i}": i / 7 for i in range(50)}},
                                        b=[shared, [float(number)] * 3])
        for number in range(count)
    }  # fmt: skip
    return pickle.dumps({"records": records, "rest": [1, 2]}, protocol)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("window", [64, 1 << 16])
def test_records_are_handed_over_whole(protocol: int, window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects of the first record are referred to from all others, however small the window is."""
    monkeypatch.setattr(pickle_references, "WINDOW", window)
    monkeypatch.setattr(pickle_stream, "WINDOW", window)
    content = a_file(60, protocol=protocol)
    expected, seen = pickle.loads(content)["records"], []

    def consume(record: dict) -> int:
        assert record == expected[record["a"]["number"]]
        seen.append(record["a"]["number"])
        return 1000 + seen[-1]

    keep = far_references(io.BytesIO(content), NAME, LIMIT)
    assert bool(keep) == (window == 64)
    assert len(keep) < 10
    read = PickleStream(["a"], consume, plain_globals(), keep).load(io.BytesIO(content), NAME)
    assert seen == list(range(60))
    assert read == {"records": {number: 1000 + number for number in range(60)}, "rest": [1, 2]}


def test_a_name_that_first_occurs_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records that were put together from several files share names that the first ones do not have."""
    monkeypatch.setattr(pickle_references, "WINDOW", 64)
    monkeypatch.setattr(pickle_stream, "WINDOW", 64)
    names = ["".join(["shared ", str(part)]) for part in range(3)]
    records = {n: {"a": n, "k": names[n // 20], "fresh": [str(n) + str(i) for i in range(30)]} for n in range(60)}
    seen = []
    both_passes(pickle.dumps(records, 4), ["a"], lambda record: seen.append(dict(record)) or record["a"])
    assert seen == list(records.values())


def test_memory_does_not_grow_with_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_references, "WINDOW", 1024)
    monkeypatch.setattr(pickle_stream, "WINDOW", 1024)
    peaks = []
    for count in (100, 1000):
        content = a_file(count)
        tracemalloc.start()
        both_passes(content, ["a"], lambda record: record["a"]["number"])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + (2 << 20)
    assert len(a_file(1000)) > 1 << 19


def test_a_record_that_is_referred_to_again_is_its_number() -> None:
    record, seen = {"a": 1}, []
    read = both_passes(
        pickle.dumps({1: record, 2: {"a": 2, "other": record}}, 4), ["a"], lambda r: seen.append(dict(r)) or 10 + r["a"]
    )
    assert read == {1: 11, 2: 12}
    assert seen == [{"a": 1}, {"a": 2, "other": 11}]


def test_containers_from_far_behind_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_references, "WINDOW", 64)
    monkeypatch.setattr(pickle_stream, "WINDOW", 64)
    with pytest.raises(UnsafeFileError, match="long gone"):
        both_passes(a_file(60, shared=["a list"]), ["a"])


# -- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "os.system"),
        (b"\x80\x02cos\nsystem\n.", "os.system"),
        (b"\x80\x02(ios\nsystem\n.", "opcode 0x69"),
        (b"\x80\x02P1\n.", "opcode 0x50"),
        (b"\x80\x02K\x01Q.", "outside reference"),
        (b"\x80\x02]r\xff\xff\xff\xff.", "gaps"),
        (b"\x80\x02]q\x05.", "gaps"),
        (b"\x80\x02h\x00.", "cannot be read"),
        (b"\x80\x02X\xff\xff\xff\xffx.", "text of"),
        (b"\x80\x02\x8a\xff" + b"\1" * 255 + b".", "integer of 255 bytes"),
        (b"\x80\x02\x8b\x04\0\0\0\1\1\1\1.", "opcode 0x8B"),
        (b"\x80\x02}K\x01b.", "state"),
        (b"\x80\x02cnumpy\ndtype\nK\x01b.", "state"),
        (b"\x80\x02K\x01)R.", "cannot be read"),
        (b"\x80\x02cnumpy\ndtype\nX\x01\x00\x00\x00O\x85R.", "no number"),
        (b"\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00f8\x85R(K\x03X\x01\x00\x00\x00>tb.", "little-endian"),
        (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00xX\x03\x00\x00\x00zip\x86R.", "latin1"),
        (b"\x80\x02}]K\x01s.", "a key"),
        (b"\x80\x02}))\x86K\x01s.", "a key"),
        (b"\x80\x02]K\x01K\x02s.", "no dictionary"),
        (b"\x80\x02}(K\x01u.", "no dictionary"),
        (b"\x80\x02}K\x01a.", "no list"),
        (b"\x80\x02K\x01K\x02.", "middle"),
        (b"\x80\x02(K\x01.", "middle"),
        (b"\x80\x02K\x01", "middle"),
        (b"\x80\x02\x86.", "cannot be read"),
        (b"", "middle"),
        (b"hello", "opcode 0x6C"),
        (b"\x80\x04" + b"\x8f" * 1_200_000 + b".", "more than records"),
        (b"\x80\x04" + b"(" * 1_200_000 + b".", "more than records"),
        (b"\x80\x04" + b"N" * 1_200_000 + b".", "more than records"),
        (b"\x80\x04](" + b"N" * 200_000 + b"e.", "131,072 items|more than records"),
        (b"\x80\x04]" + b"Na" * 6_000_000 + b".", "131,072 items|more than records"),
    ],
)  # fmt: skip
def test_refused(content: bytes, message: str) -> None:
    with pytest.raises(TableError, match=message) as caught:
        both_passes(content)
    assert str(caught.value).startswith(NAME)


def test_junk_between_records_is_bounded() -> None:
    """Each dictionary of junk is small; together they are more than may stand beside records."""
    junk = [{f"key {i}": [0.5] * 9 for i in range(400)} for _ in range(400)]
    with pytest.raises(UnsafeFileError, match="more than records"):
        both_passes(pickle.dumps(junk, 4), ["a"])


def test_a_record_has_a_largest_size() -> None:
    with pytest.raises(UnsafeFileError, match="a record of more than"):
        both_passes(pickle.dumps({1: {"a": [[0.5] * 1000 for _ in range(600)]}}, 4), ["a"])


def test_a_pickle_has_a_largest_size() -> None:
    with pytest.raises(UnsafeFileError, match="more than the 1,000 bytes"):
        far_references(io.BytesIO(pickle.dumps([0.5] * 500_000)), NAME, 1000)


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=400), head=st.sampled_from([b"", b"\x80\x02", b"\x80\x04", b"\x80\x04}("]))
def test_random_bytes_raise_typed_errors_only(content: bytes, head: bytes) -> None:
    with contextlib.suppress(TableError):
        both_passes(head + content)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_truncated_pickles_raise_typed_errors(data: st.DataObject) -> None:
    content = a_file(3, protocol=data.draw(st.sampled_from([2, 4])))
    cut = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(TableError):
        both_passes(content[:cut], ["a"])
