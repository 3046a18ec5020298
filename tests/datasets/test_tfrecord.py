"""The TFRecord reader against records framed by hand, and against every way to damage them."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nasbench.datasets.readers import tfrecord
from nasbench.datasets.readers.tfrecord import masked_crc32c, tfrecords
from nasbench.errors import ImportFileError, TableError, UnsafeFileError

quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def crc32c(content: bytes) -> int:
    """CRC-32C bit by bit: polynomial 0x1EDC6F41, reflected."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    return crc ^ 0xFFFFFFFF


def mask(crc: int) -> bytes:
    return struct.pack("<I", ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32)


def framed(payload: bytes) -> bytes:
    length = struct.pack("<Q", len(payload))
    return length + mask(crc32c(length)) + payload + mask(crc32c(payload))


@pytest.fixture
def write(tmp_path: Path):
    def write(content: bytes) -> Path:
        path = tmp_path / "some.tfrecord"
        path.write_bytes(content)
        return path

    return write


PAYLOADS = [b"", b"one", b"\0" * 300, bytes(range(256)), b"one"]
CONTENT = b"".join(map(framed, PAYLOADS))


def test_checksums_of_the_standards() -> None:
    """The check value of the CRC catalogue, and the vectors of RFC 3720, B.4."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    for content in (b"123456789", bytes(32), b"\xff" * 32, b""):
        assert struct.pack("<I", masked_crc32c(content)) == mask(crc32c(content))


def test_payloads_come_back_in_order(write) -> None:
    assert list(tfrecords(write(CONTENT))) == PAYLOADS
    assert list(tfrecords(write(b""))) == []


@quick
@given(payloads=st.lists(st.binary(max_size=60), max_size=30), block=st.integers(1, 50))
def test_blocks_do_not_show(write, payloads: list[bytes], block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tfrecord, "_BLOCK", block)
        assert list(tfrecords(write(b"".join(map(framed, payloads))), max_record=60)) == payloads


def test_a_file_cut_off_anywhere(write) -> None:
    """A cut between records cannot be told; any other names the record that is not whole."""
    ends = [sum(len(framed(p)) for p in PAYLOADS[:n]) for n in range(len(PAYLOADS) + 1)]
    for size in range(len(CONTENT)):
        path = write(CONTENT[:size])
        if size in ends:
            assert list(tfrecords(path)) == PAYLOADS[: ends.index(size)]
        else:
            whole = sum(end <= size for end in ends) - 1
            with pytest.raises(ImportFileError, match=f"record {whole + 1}: .*cut off"):
                list(tfrecords(path))


@quick
@given(at=st.integers(0, len(CONTENT) - 1), flip=st.integers(1, 255))
def test_any_changed_byte_is_noticed(write, at: int, flip: int) -> None:
    changed = bytearray(CONTENT)
    changed[at] ^= flip
    with pytest.raises(ImportFileError, match="checksum"):
        list(tfrecords(write(bytes(changed))))


def test_records_before_the_damage_are_given_first(write) -> None:
    stream = tfrecords(write(framed(b"one") + framed(b"two")[:-1] + b"?"))
    assert next(stream) == b"one"
    with pytest.raises(ImportFileError, match="record 2: its checksum"):
        next(stream)


def test_lengths_are_bounded_before_they_are_believed(write) -> None:
    for length in (61, 2**32, 2**63, 2**64 - 1):
        field = struct.pack("<Q", length)
        with pytest.raises(UnsafeFileError, match=f"record 1: .*{length:,} bytes"):
            list(tfrecords(write(field + mask(crc32c(field)) + b"x" * 100), max_record=60))
    assert list(tfrecords(write(framed(b"x" * 60)), max_record=60)) == [b"x" * 60]
    with pytest.raises(UnsafeFileError):
        list(tfrecords(write(framed(b"one") + framed(b"x" * 61)), max_record=60))


def test_a_long_file_is_never_in_memory(write) -> None:
    path = write(framed(b"x" * 20_000) * 1000)
    tracemalloc.start()
    assert sum(map(len, tfrecords(path))) == 20_000_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 << 20


@quick
@given(content=st.binary(min_size=1, max_size=200))
def test_any_bytes_are_refused(write, content: bytes) -> None:
    with pytest.raises(TableError):
        list(tfrecords(write(content)))


def test_what_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path, tmp_path / "a\0b"):
        with pytest.raises(ImportFileError, match="cannot be read"):
            list(tfrecords(path))
