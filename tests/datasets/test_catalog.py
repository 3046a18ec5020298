"""The catalog of tables: complete, literal, and refused where an entry is malformed."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path

import pytest

from nasbench.datasets import formats
from nasbench.datasets.catalog import HOST, AddOn, addons_of, archives, catalog, fetch_hint, read_catalog
from nasbench.datasets.families import FAMILIES
from nasbench.errors import TableError

ENTRY = """
[[addon]]
name = "toy-more"
family = "toy"
title = "more"
importer = "nasbench.datasets.importers.toy:build"
metrics = ["test_accuracy"]
protocols = ["200"]
result_bytes = 10
licence = "MIT"
citation = "somebody"
[[addon.file]]
key = "a"
url = "https://raw.githubusercontent.com/owner/repo/0123/file.csv"
bytes = 10
sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
"""


TABLE = """
[[table]]
name = "toy"
title = "a table"
format = "csv-of-toys"
datasets = ["one"]
result_bytes = 10
licence = "MIT"
citation = "somebody"
[[table.file]]
key = "one/file.csv"
url = "https://raw.githubusercontent.com/owner/repo/0123/one/file.csv"
bytes = 10
sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
"""
ARCHIVE = """
[[archive]]
name = "toys"
title = "all toys"
format = "toys"
page = "https://example.org/toys"
file = "toys.tar (1 TB)"
licence = "none stated"
citation = "somebody"
"""


def test_every_entry_names_an_importer_that_exists():
    for name, entry in catalog().items():
        if isinstance(entry, AddOn):
            assert name == f"{entry.family}-{entry.addon}"
            assert entry.family in FAMILIES
            module, _, function = entry.importer.partition(":")
            assert callable(getattr(importlib.import_module(module), function))
        else:
            assert entry.format in formats.list()
            assert name not in FAMILIES
        assert "http" in entry.citation
        assert entry.download_bytes == sum(file.bytes for file in entry.files) > 0
        assert all(len(file.url.split("/")[5]) == 40 for file in entry.files), "a commit, never a branch"


def test_sizes_and_checksums_are_those_of_the_list_of_sources(mirror: Path):
    listed = list(csv.reader((mirror.parent / "SOURCES.tsv").read_text("utf-8").splitlines(), delimiter="\t"))[1:]
    known = {f"{HOST}/{path}": (int(size), sha256, licence) for path, size, sha256, licence in listed}
    for entry in catalog().values():
        for file in entry.files:
            size, sha256, licence = known[file.url]
            assert (file.bytes, file.sha256) == (size, sha256)
            assert licence.startswith(entry.licence)


def test_every_archive_has_a_format_that_reads_it():
    for archive in archives().values():
        assert archive.format in formats.list()
        assert archive.name not in catalog()
        assert "http" in archive.citation
        assert "`nasbench import" in fetch_hint(archive.name)


def test_sound_entries_are_read():
    whole = read_catalog(TABLE + ARCHIVE)
    (table,), (archive,) = whole.fetchable.values(), whole.archives.values()
    assert (table.format, table.datasets, table.download_bytes, table.files[0].key) == (
        "csv-of-toys", ("one",), 10, "one/file.csv",
    )  # fmt: skip
    assert (archive.page, archive.licence) == ("https://example.org/toys", "none stated")
    (entry,) = read_catalog(ENTRY).fetchable.values()
    assert (entry.addon, entry.metrics, entry.files[0].name) == ("more", ("test_accuracy",), "owner/repo: file.csv")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[[addon]]", "[addon", "no TOML"),
        ("[[addon]]", "[[addons]]", "must hold"),
        ('title = "more"', "", "'title' is missing"),
        ('title = "more"', 'title = "more"\ncolour = "red"', "unknown key 'colour'"),
        ('name = "toy-more"', 'name = "other-more"', "name must be FAMILY-ADDON"),
        ('name = "toy-more"', 'name = "toy-../more"', "name must be a table name"),
        ('"nasbench.datasets.importers.toy:build"', '"os:system"', "importer must be"),
        ('["test_accuracy"]', "[]", "metrics must be"),
        ('["test_accuracy"]', "[3]", "metrics must be"),
        ("result_bytes = 10", "result_bytes = true", "result_bytes must be"),
        ('licence = "MIT"', 'licence = ""', "licence must be"),
        ("\nbytes = 10", "\nbytes = 0", "bytes must be"),
        ("\nbytes = 10", "\nbytes = 9999999999", "bytes must be"),
        ("\nbytes = 10", '\nbytes = "10"', "bytes must be"),
        ("aaaaaaaa", "AAAAAAAA", "sha256 must be"),
        ("aaaaaaaa", "", "sha256 must be"),
        ("https://raw", "http://raw", "url must be"),
        ("0123/file.csv", "../../etc/passwd", "url must be"),
        ("/owner/repo/0123/file.csv", ".evil.org/a/b/c", "url must be"),
        ("[[addon.file]]", "[addon.file]", "file must be"),
    ],
)
def test_a_malformed_entry_is_refused(old, new, says):
    with pytest.raises(TableError, match=says):
        read_catalog(ENTRY.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('key = "one/file.csv"', 'key = "../file.csv"', "key must be a path"),
        ('key = "one/file.csv"', 'key = "/etc/passwd"', "key must be a path"),
        ('["one"]', "[]", "datasets must be"),
        ('"csv-of-toys"', '"csv of toys"', "format must be"),
        ('page = "https://example.org/toys"', 'page = "javascript:alert(1)"', "page must be"),
        ('"none stated"', '"WTFPL"', "licence must be"),
        ('file = "toys.tar (1 TB)"', "", "'file' is missing"),
        ('name = "toys"', 'name = "toy"', "'toy' twice"),
    ],
)
def test_a_malformed_table_or_archive_is_refused(old, new, says):
    assert old in TABLE + ARCHIVE
    with pytest.raises(TableError, match=says):
        read_catalog((TABLE + ARCHIVE).replace(old, new))


def test_names_and_keys_are_unique():
    with pytest.raises(TableError, match="'toy-more' twice"):
        read_catalog(ENTRY + ENTRY)
    with pytest.raises(TableError, match="different keys"):
        read_catalog(ENTRY + ENTRY[ENTRY.index("[[addon.file]]") :])


def test_what_is_missing_is_named_with_the_command_that_gets_it():
    assert "`nasbench fetch nasbench201-test`" in fetch_hint("nasbench201-test")
    assert fetch_hint("nasbench201", "test_accuracy") == "`nasbench fetch nasbench201-test` adds it."
    assert fetch_hint("nasbench201", "raspi4_latency_ms") == "`nasbench fetch nasbench201-hardware` adds it."
    assert fetch_hint("nasbench201", protocol="12") == "`nasbench fetch nasbench201-12epochs` adds it."
    assert fetch_hint("nasbench201", "nonsense") == fetch_hint("fcnet", "test_accuracy") == fetch_hint("none") == ""
    assert [entry.addon for entry in addons_of("nasbench201")][:3] == ["test", "12epochs", "hardware"]
