"""Imported tables are put in place under a name, once, and taken away."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from nasbench.benchmark import load
from nasbench.datasets.families import imported_families, installed_names
from nasbench.datasets.importers.csv_table import read_csv
from nasbench.datasets.install import check_name, install, remove
from nasbench.errors import TableError, UnknownNameError
from nasbench.schema import TableData
from nasbench.store import Table


@pytest.fixture
def table(tmp_path: Path):
    def table(best: float = 3.0, name: str = "mine") -> TableData:
        path = tmp_path / "mine.csv"
        path.write_text(f"w,a\n1,2\n2,{best}\n")
        return read_csv(path, name, ["w"], ["a:max:valid"])

    return table


def files(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "tables").iterdir())


def test_an_installed_table_loads_by_its_name(home: Path, table) -> None:
    path = install(table())
    assert path == home / "tables" / "mine.h5"
    assert imported_families() == ["mine"]
    assert "mine/default" in installed_names()
    assert load("mine").name == "mine/default"
    assert load("mine") is load("mine/default")
    assert load("mine").optimum() == ((1,), 3.0)


def test_installing_the_same_again_does_nothing(home: Path, table) -> None:
    path = install(table())
    before = path.stat()
    assert install(table()) == path
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert files(home) == ["mine.h5", "mine.h5.stamp"]


def test_other_content_needs_replace(home: Path, table) -> None:
    path = install(table())
    before = path.read_bytes()
    with pytest.raises(TableError, match=r"already is another table 'mine'.*--replace"):
        install(table(best=9))
    assert path.read_bytes() == before
    assert load("mine").optimum()[1] == 3.0
    install(table(best=9), replace=True)
    assert load("mine").optimum()[1] == 9.0
    assert files(home) == ["mine.h5", "mine.h5.stamp"]


def test_a_damaged_table_can_be_replaced(home: Path, table) -> None:
    path = install(table())
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(TableError, match="--replace"):
        install(table())
    Table(install(table(), replace=True)).verify()


@pytest.mark.parametrize("name", ["nasbench201", "fcnet", "../mine", "mine+more", "Mine", "", "a/b"])
def test_names_that_are_refused(home: Path, table, name: str) -> None:
    from dataclasses import replace

    with pytest.raises(TableError):
        install(replace(table(), name=name))
    assert not home.exists()


def test_good_names() -> None:
    for name in ("a", "0", "my-table_v1.2", "nasbench201-mine", "a" * 64):
        assert check_name(name) == name


def test_a_folder_that_refuses(home: Path, table, monkeypatch: pytest.MonkeyPatch) -> None:
    install(table())

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        with pytest.raises(TableError, match="Read-only file system"):
            install(table(best=9), replace=True)
    assert load("mine").optimum()[1] == 3.0
    assert files(home) == ["mine.h5", "mine.h5.stamp"]


def test_remove(home: Path, table) -> None:
    path = install(table())
    load("mine")
    assert remove("mine") == path
    assert files(home) == []
    with pytest.raises(UnknownNameError, match=r"benchmark 'mine'"):
        load("mine")
    with pytest.raises(UnknownNameError, match=r"imported table 'mine'"):
        remove("mine")


def test_remove_names_the_nearest_and_keeps_packages(home: Path, table) -> None:
    install(table())
    with pytest.raises(UnknownNameError, match=r"'mime'\. Did you mean 'mine'"):
        remove("mime")
    with pytest.raises(TableError, match=r"comes with an installed package"):
        remove("nasbench201")
    with pytest.raises(UnknownNameError):
        remove("../tables/mine")
    assert imported_families() == ["mine"]


def test_a_damaged_table_does_not_hide_the_others(home: Path, table, caplog: pytest.LogCaptureFixture) -> None:
    install(table())
    (home / "tables" / "broken.h5").write_bytes(b"nothing")
    assert "mine/default" in installed_names()
    assert "broken.h5" in caplog.text


def test_names_with_dots_keep_them(home: Path, table) -> None:
    install(table(name="my.table.v1"))
    assert load("my.table.v1").name == "my.table.v1/default"
    assert imported_families() == ["my.table.v1"]


def test_another_home_is_another_set_of_tables(tmp_path: Path, table, monkeypatch: pytest.MonkeyPatch) -> None:
    for best in (3, 7):
        monkeypatch.setenv("NASBENCH_HOME", str(tmp_path / f"home{best}"))
        install(table(best=best))
        assert load("mine").optimum()[1] == best
