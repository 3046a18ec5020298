"""The catalog of tables: complete, literal, and refused where an entry is malformed."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path

import pytest

from nasbench.datasets.catalog import HOST, catalog, entries_of, fetch_hint, read_catalog
from nasbench.datasets.families import FAMILIES
from nasbench.errors import TableError

ENTRY = """
[[table]]
name = "toy-more"
family = "toy"
title = "more"
importer = "nasbench.datasets.toy:build"
metrics = ["test_accuracy"]
protocols = ["200"]
result_bytes = 10
licence = "MIT"
citation = "somebody"
[[table.file]]
key = "a"
url = "https://raw.githubusercontent.com/owner/repo/0123/file.csv"
bytes = 10
sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
"""


def test_every_entry_extends_a_family_and_names_an_importer_that_exists():
    for name, entry in catalog().items():
        assert name == f"{entry.family}-{entry.addon}"
        assert entry.family in FAMILIES
        module, _, function = entry.importer.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
        assert entry.licence
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


def test_a_sound_entry_is_read():
    (entry,) = read_catalog(ENTRY).values()
    assert (entry.addon, entry.metrics, entry.files[0].name) == ("more", ("test_accuracy",), "owner/repo: file.csv")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[[table]]", "[table", "no TOML"),
        ("[[table]]", "[[tables]]", "must hold"),
        ('title = "more"', "", "'title' is missing"),
        ('title = "more"', 'title = "more"\ncolour = "red"', "unknown key 'colour'"),
        ('name = "toy-more"', 'name = "other-more"', "name must be FAMILY-ADDON"),
        ('name = "toy-more"', 'name = "toy-../more"', "name must be FAMILY-ADDON"),
        ('"nasbench.datasets.toy:build"', '"os:system"', "importer must be"),
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
        ("[[table.file]]", "[table.file]", "file must be"),
    ],
)
def test_a_malformed_entry_is_refused(old, new, says):
    with pytest.raises(TableError, match=says):
        read_catalog(ENTRY.replace(old, new))


def test_names_and_keys_are_unique():
    with pytest.raises(TableError, match="'toy-more' twice"):
        read_catalog(ENTRY + ENTRY)
    with pytest.raises(TableError, match="different keys"):
        read_catalog(ENTRY + ENTRY[ENTRY.index("[[table.file]]") :])


def test_what_is_missing_is_named_with_the_command_that_gets_it():
    assert "`nasbench fetch nasbench201-test`" in fetch_hint("nasbench201-test")
    assert fetch_hint("nasbench201", "test_accuracy") == "`nasbench fetch nasbench201-test` adds it."
    assert fetch_hint("nasbench201", "raspi4_latency_ms") == "`nasbench fetch nasbench201-hardware` adds it."
    assert fetch_hint("nasbench201", protocol="12") == "`nasbench fetch nasbench201-12epochs` adds it."
    assert fetch_hint("nasbench201", "nonsense") == fetch_hint("fcnet", "test_accuracy") == fetch_hint("none") == ""
    assert [entry.addon for entry in entries_of("nasbench201")] == ["test", "12epochs", "hardware"]
