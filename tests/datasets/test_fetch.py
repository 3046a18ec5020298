"""Downloads: the published bytes or nothing, from a server, a mirror's folder, or the cache."""

from __future__ import annotations

import errno
import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import nasbench
from nasbench.datasets.addons import addon_path
from nasbench.datasets.catalog import HOST, WholeTable, catalog
from nasbench.datasets.families import imported_path, installed_names
from nasbench.datasets.fetch import RETRIES, address, download, fetch
from nasbench.errors import TableError, UnknownNameError
from nasbench.store import Table

NAME = "nasbench201-12epochs"
ENTRY = catalog()[NAME]
(FILE,) = ENTRY.files
SUFFIX = FILE.url.rpartition("/")[2]
CIFAR10 = "nasbench201/cifar10"


@pytest.fixture
def cached(home: Path, shared_cache: Path) -> Path:
    """The test's empty home, with the session's converted packages."""
    home.mkdir()
    (home / "cache").mkdir()
    for path in shared_cache.glob("nasbench201-*"):
        shutil.copy2(path, home / "cache")
    return home


@pytest.fixture(scope="module")
def shared_cache(shared_home: Path) -> Path:
    """The converted base table."""
    nasbench.load(CIFAR10)
    return shared_home / "cache"


def kept(home: Path) -> list[str]:
    """Every file of downloads and of tables."""
    return sorted(p.name for folder in ("cache/downloads", "tables") for p in (home / folder).glob("*") if p.is_file())


def raw(handler, content: bytes, length: int | None = None) -> bool:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)
    return True


def published(mirror: Path) -> bytes:
    return (mirror / FILE.url.removeprefix(HOST).lstrip("/")).read_bytes()


def refused(home: Path, says: str) -> str:
    """`fetch` fails, says so, and leaves nothing behind."""
    with pytest.raises(TableError, match=says) as caught:
        fetch(NAME)
    assert kept(home) == []
    assert list(nasbench.load(CIFAR10).protocols) == ["200"]
    return str(caught.value)


def test_a_table_is_fetched_once_from_a_server_and_joined(server, cached):
    heard = []
    path = fetch(NAME, lambda done, total: heard.append((done, total)))
    assert path == addon_path("nasbench201", "12epochs") == cached / "tables" / "nasbench201+12epochs.h5"
    assert server.requested == [FILE.url.removeprefix(HOST)]
    assert heard == sorted(heard)
    assert heard[-1] == (FILE.bytes, FILE.bytes) == (ENTRY.download_bytes, ENTRY.download_bytes)
    assert len(heard) > 10
    (downloaded,) = (cached / "cache" / "downloads").iterdir()
    assert hashlib.sha256(downloaded.read_bytes()).hexdigest() == FILE.sha256
    table = Table(path)
    assert (table.sources[0]["url"], table.sources[0]["sha256"]) == (FILE.url, FILE.sha256)
    assert (table.attrs["licence"], table.attrs["name"]) == ("MIT", NAME)
    assert path.stat().st_size == ENTRY.result_bytes
    before = path.stat().st_mtime_ns
    assert fetch(NAME) == path
    assert path.stat().st_mtime_ns == before
    assert len(server.requested) == 1
    assert list(nasbench.load(CIFAR10).protocols) == ["200", "12"]


def test_a_damaged_table_is_made_anew_and_a_damaged_download_replaced(server, cached):
    path = fetch(NAME)
    digest = Table(path).attrs["content_sha256"]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert fetch(NAME) == path
    assert Table(path).attrs["content_sha256"] == digest
    assert len(server.requested) == 1
    path.unlink()
    (downloaded,) = (cached / "cache" / "downloads").iterdir()
    downloaded.write_bytes(b"other")
    fetch(NAME)
    assert len(server.requested) == 2
    assert Table(path).attrs["content_sha256"] == digest


def test_a_wrong_byte_is_refused(server, cached, mirror):
    content = bytearray(published(mirror))
    content[1000] ^= 1
    server.faults[SUFFIX] = lambda handler: raw(handler, bytes(content))
    refused(cached, "its bytes are not those of the catalog")
    assert len(server.requested) == 1 + RETRIES


def test_a_short_read_is_refused(server, cached, mirror):
    content = published(mirror)[:-1]
    server.faults[SUFFIX] = lambda handler: raw(handler, content, FILE.bytes)
    refused(cached, "broke off|cannot be reached")
    server.faults[SUFFIX] = lambda handler: raw(handler, content)
    refused(cached, "its bytes are not those")


def test_a_larger_file_is_stopped_at_once(server, cached, mirror):
    sent = []

    def endless(handler) -> bool:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(2000):
                handler.wfile.write(b"\0" * (1 << 16))
                sent.append(1 << 16)
        except OSError:
            pass
        return True

    server.faults[SUFFIX] = endless
    refused(cached, f"larger than the {FILE.bytes:,} bytes published")
    assert len(server.requested) == 1
    assert sum(sent) < 30 * FILE.bytes


def test_a_missing_file_is_refused_without_a_second_try(server, cached):
    def missing(handler) -> bool:
        handler.send_error(404)
        return True

    server.faults[SUFFIX] = missing
    refused(cached, "the server answered 404")
    assert len(server.requested) == 1


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/x"])
def test_a_redirect_to_another_kind_of_address_is_refused(server, cached, target):
    def redirect(handler) -> bool:
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return True

    server.faults[SUFFIX] = redirect
    refused(cached, "leads somewhere else")
    assert len(server.requested) == 1


def test_a_redirect_to_the_same_bytes_is_followed(server, cached):
    def redirect(handler) -> bool:
        if handler.path.endswith("?again=" + SUFFIX):
            return False
        handler.send_response(302)
        handler.send_header("Location", f"{handler.path}?again={SUFFIX}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return True

    server.faults[SUFFIX] = redirect
    assert fetch(NAME).is_file()


def test_an_interrupted_download_leaves_nothing(server, cached):
    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(NAME, stop)
    assert kept(cached) == []
    assert fetch(NAME).is_file()


def test_two_at_once_both_succeed(server, cached):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(fetch, [NAME, NAME])
    assert first == second
    assert Table(first).attrs["name"] == NAME
    assert len(kept(cached)) == 3


def test_a_server_that_fails_for_a_while_is_asked_again(server, cached):
    def once(handler) -> bool:
        if len(server.requested) > RETRIES:
            return False
        handler.send_error(503)
        return True

    server.faults[SUFFIX] = once
    fetch(NAME)
    assert len(server.requested) == 1 + RETRIES
    assert kept(cached)[0].endswith(SUFFIX)
    server.faults[SUFFIX] = lambda handler: handler.send_error(503) is None
    shutil.rmtree(cached / "cache" / "downloads")
    shutil.rmtree(cached / "tables")
    refused(cached, "503")


def test_no_connection_says_what_to_do(server, cached, monkeypatch):
    server.shutdown()
    server.server_close()
    says = refused(cached, "cannot be reached")
    for part in ("NASBENCH_MIRROR", FILE.url.removeprefix(HOST).lstrip("/"), f"{FILE.bytes:,}", "proxy"):
        assert part in says


def test_a_folder_as_mirror(cached, mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("NASBENCH_MIRROR", str(tmp_path / "copy"))
    refused(cached, "has no such file")
    place = tmp_path / "copy" / FILE.url.removeprefix(HOST).lstrip("/")
    place.parent.mkdir(parents=True)
    place.write_bytes(published(mirror)[:-1])
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    refused(cached, "its bytes are not those")
    place.write_bytes(published(mirror) + b"x")
    refused(cached, "larger than")
    place.write_bytes(published(mirror))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NASBENCH_MIRROR", "copy")
    assert fetch(NAME).is_file()
    assert len(kept(cached)) == 3


@pytest.mark.parametrize(
    ("mirror_address", "expected"),
    [
        ("", FILE.url),
        ("https://mirror.example/github/", "https://mirror.example/github" + FILE.url.removeprefix(HOST)),
        ("/data", "/data" + FILE.url.removeprefix(HOST)),
    ],
)
def test_where_a_file_is_taken_from(monkeypatch, mirror_address, expected):
    monkeypatch.setenv("NASBENCH_MIRROR", mirror_address)
    assert address(FILE) == expected


def test_a_mirror_of_another_kind_is_refused(monkeypatch):
    monkeypatch.setenv("NASBENCH_MIRROR", "file:///data")
    with pytest.raises(TableError, match="NASBENCH_MIRROR is 'file:///data'"):
        address(FILE)


def test_a_folder_that_cannot_be_written_is_a_typed_error(server, cached):
    (cached / "cache" / "downloads").write_text("in the way")
    with pytest.raises(TableError, match="NASBENCH_HOME"):
        download(ENTRY)


def test_an_unknown_table_lists_what_there_is(cached):
    with pytest.raises(UnknownNameError, match=r"Did you mean 'nasbench201-test'.*nasbench list --all"):
        fetch("nasbench201-tests")
    with pytest.raises(UnknownNameError, match="nasbench fetch nasbench201-test"):
        nasbench.load("nasbench201-test/cifar10")
    with pytest.raises(UnknownNameError, match="nasbench fetch nasbench201-test"):
        nasbench.load("nasbench201-test")
    bench = nasbench.load(CIFAR10)
    with pytest.raises(UnknownNameError, match="nasbench fetch nasbench201-test"):
        bench.query((0,) * 6, "test_accuracy")
    with pytest.raises(UnknownNameError, match="nasbench fetch nasbench201-12epochs"):
        bench.query((0,) * 6, "val_accuracy", protocol="12")


# -- families of their own ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", [entry.name for entry in catalog().values() if isinstance(entry, WholeTable)])
def test_a_family_is_fetched_over_http_listed_and_answers(server, home, name):
    entry = catalog()[name]
    path = fetch(f"{name}/{entry.datasets[0]}")
    assert path.stat().st_size == entry.result_bytes
    assert sorted(server.requested) == sorted(file.url.removeprefix(HOST) for file in entry.files)
    assert {f"{name}/{dataset}" for dataset in entry.datasets} <= set(installed_names())
    table = Table(path)
    assert set(table.datasets) == set(entry.datasets)
    assert [(s["url"], s["sha256"]) for s in table.sources] == [(f.url, f.sha256) for f in entry.files]
    assert table.attrs["licence"].startswith(entry.licence)
    for dataset in entry.datasets:
        bench = nasbench.load(f"{name}/{dataset}")
        genotype, value = bench.optimum()
        assert bench.query(genotype) == value
    before = path.stat().st_mtime_ns
    assert fetch(name) == path
    assert path.stat().st_mtime_ns == before
    assert len(server.requested) == len(entry.files)


def test_a_table_of_the_users_own_is_not_replaced(server, home, make_table, make_protocol, make_column):
    make_table(make_protocol(final={"val_accuracy": make_column(np.arange(64.0)[:, None])}), name="hat")
    path = imported_path("hat")
    content = path.read_bytes()
    with pytest.raises(TableError, match="`nasbench remove hat`"):
        fetch("hat")
    assert path.read_bytes() == content
    assert server.requested == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nats-tss", "Download NATS-tss.*then `nasbench import nats-tss PATH`"),
        ("nas-bench-mr/cls-11c", "Did you mean 'nas-bench-mr/cls-10c'"),
        ("nasbench201-test/cifar10", "Did you mean 'nasbench201-test'"),
        ("", "list --all"),
    ],
)
def test_a_name_that_cannot_be_fetched(home, name, says):
    with pytest.raises(UnknownNameError, match=says):
        fetch(name)


def test_a_full_disk_is_said_and_leaves_no_table(server, home, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("nasbench.datasets.fetch.shutil.copyfile", full)
    with pytest.raises(TableError, match=r"hat cannot be unpacked.*No space left.*TMPDIR"):
        fetch("hat")
    assert not imported_path("hat").exists()
