"""The registry of import formats, and what holds for every one of them: hostile files are refused, typed."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from nasbench.cli import app
from nasbench.datasets import formats
from nasbench.datasets.readers import safe_files
from nasbench.errors import ImportFileError, TableError, UnknownNameError, UnsafeFileError

NAMES = sorted(formats.REGISTRY.table)


def test_listing_imports_no_importer() -> None:
    code = (
        "import sys\nfrom nasbench.datasets import formats\nformats.list()\n"
        "print([t.partition(':')[0] for t, _ in formats.REGISTRY.table.values() if t.partition(':')[0] in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_the_table_is_the_modules_on_disk() -> None:
    """Every module of the folder with a function `read(path, name)` is registered, and the other way round."""
    folder = Path(formats.__file__).parent / "importers"
    signature = "def read(path: Path, name: str | None = None) -> TableData:"
    on_disk = {
        f"nasbench.datasets.importers.{p.stem}:read" for p in folder.glob("*.py") if signature in p.read_text("utf-8")
    }
    assert {target for target, _ in formats.REGISTRY.table.values()} == on_disk


@pytest.mark.parametrize("name", NAMES)
def test_each_says_what_it_reads(name: str) -> None:
    read = formats.REGISTRY.get(name)
    assert "Facts of the format" in sys.modules[read.__module__].__doc__
    assert read.__doc__.strip()


def test_an_unknown_format_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'nas-bench-macro'"):
        formats.read("nas-bench-macor", "x")


def test_the_command_lists_and_describes_them() -> None:
    rows = json.loads(CliRunner().invoke(app, ["list", "formats", "--json"]).stdout)
    assert [row["name"] for row in rows] == ["csv", *NAMES]
    shown = CliRunner().invoke(app, ["import", "--help"]).stdout
    assert all(name in shown for name in ["csv", *NAMES])
    for name in NAMES:
        assert "--replace" in CliRunner().invoke(app, ["import", name, "--help"], terminal_width=200).stdout


# -- hostile files ------------------------------------------------------------------------------------


def gz(content: bytes) -> bytes:
    return gzip.compress(content, 1)


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for member, content in members:
            member.size = len(content) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(content))
    return gz(out.getvalue())


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


PICKLE = b"cos\nsystem\n(S'touch pwned'\ntR."
STRANGE = [
    b"", b"{}", b"[]", b"[[]]", b'{"a": 1, "a": 2}', b"null", b"1e999", b"NaN", b"[" * 100_000, b'{"00000000": {}}',
    b"\x89HDF\r\n\x1a\n", PICKLE, b"\x80\x04}.", b"\x80\x04].", b"\x80\x04]}a.", b"PK\x03\x04",
    b"PK\x05\x06" + b"\0" * 18, gz(b""), gz(b"x")[:-4], gz(b"\0" * 10_240), gz(PICKLE),
    zipped({}), zipped({"a.json": b"{}", "b.json": b"[1]"}),
    zipped({"../a.json": b"{}"}), zipped({"/a.json": b"{}"}), zipped({"C:\\a.json": b"{}"}),
    tarred((member("../result_0.json"), b"{}")), tarred((member("/result_0.json"), b"{}")),
    tarred((member("result_0.json"), b"{}")), tarred((member("result_0.json", tarfile.SYMTYPE, "/etc/passwd"), b"")),
    tarred((member("result_0.json", tarfile.FIFOTYPE), b"")), b"a,b\n1,2\n", b"a\n" + b"\xff" * 9, b"\0" * 100,
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_foreign_files_are_refused(name: str, tmp_path: Path) -> None:
    for number, content in enumerate(STRANGE):
        path = tmp_path / f"f{number}"
        path.write_bytes(content)
        with pytest.raises(TableError) as caught:
            formats.read(name, path)
        assert str(path) in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f"f{n}" for n in range(len(STRANGE)))


@pytest.mark.parametrize("name", NAMES)
def test_missing_files_and_folders_are_refused(name: str, tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(TableError, match=str(path)):
            formats.read(name, path)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=300),
        st.sampled_from([b"\x80\x04", b"PK\x03\x04", b"\x1f\x8b\x08", b"{", b"["]).flatmap(
            lambda head: st.binary(max_size=200).map(lambda tail: head + tail)
        ),
        st.binary(max_size=2000).map(gz),
        st.binary(max_size=500).map(lambda content: zipped({"log_stats_model_0.json": content})),
        st.binary(max_size=500).map(lambda content: tarred((member("result_0.json"), content))),
    )
)
def test_random_bytes_are_refused(name: str, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "random"
    path.write_bytes(content)
    with pytest.raises(TableError):
        formats.read(name, path)


def test_archives_that_unpack_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_files, "MAX_UNPACKED", 50_000)
    big = b"\0" * 20_000
    for number, (read, content) in enumerate(
        [
            (safe_files.zip_members, zipped({f"{i}.json": big for i in range(9)})),
            (safe_files.tar_members, tarred(*[(member(f"{i}.json"), big) for i in range(9)])),
            (safe_files.tar_members, gz(b"\0" * 10_240 * 9)),
            (safe_files.tar_members, gz(_pax_bomb())),
        ]
    ):
        path = tmp_path / str(number)
        path.write_bytes(content)
        with pytest.raises(UnsafeFileError, match="unpacks to more than"):
            list(read(path, ".json"))


def _pax_bomb() -> bytes:
    """A header that claims a gigabyte of further headers, and zeros to fill it."""
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 30
    return header.tobuf() + b"\0" * 200_000


@pytest.mark.parametrize("read", [safe_files.zip_members, safe_files.tar_members])
def test_members_that_are_too_large_or_too_many(tmp_path: Path, read) -> None:
    archive = tmp_path / "archive"
    members = {f"{i}.json": b"\0" * 999 for i in range(5)}
    packed = read is safe_files.zip_members
    archive.write_bytes(zipped(members) if packed else tarred(*[(member(n), c) for n, c in members.items()]))
    assert dict(read(archive, ".json")) == members
    assert dict(read(archive, ".csv")) == {}
    with pytest.raises(UnsafeFileError, match="more than the 998 bytes"):
        list(read(archive, ".json", max_member=998))
    with pytest.raises(UnsafeFileError, match="more than the 4"):
        list(read(archive, ".json", max_members=4))
    whole = archive.read_bytes()
    for cut in (len(whole) // 2, len(whole) - 3):
        archive.write_bytes(whole[:cut])
        with pytest.raises(ImportFileError):
            list(read(archive, ".json"))


def test_a_zip_whose_directory_lies_about_sizes(tmp_path: Path) -> None:
    """The claimed size is small, what is packed is not: no more than claimed is ever unpacked."""
    whole = bytearray(zipped({"a.json": b"\0" * 5_000_000}))
    true = (5_000_000).to_bytes(4, "little")
    for _ in range(2):
        at = whole.index(true)
        whole[at : at + 4] = (10).to_bytes(4, "little")
    path = tmp_path / "lies.zip"
    path.write_bytes(bytes(whole))
    with pytest.raises(TableError):
        list(safe_files.zip_members(path, ".json"))
