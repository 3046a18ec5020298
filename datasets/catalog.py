"""The tables that can be fetched: what they hold and where their files are, read from `catalog.toml`.

A file of the catalog is checked when it is read, so that an entry with a missing size or a malformed
checksum is found by the first command and not by the first download.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from nasbench.errors import TableError

HOST = "https://raw.githubusercontent.com"
MAX_FILE_BYTES = 1 << 31

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_IMPORTER = re.compile(r"nasbench\.datasets\.[a-z0-9_]+:[a-z_]+")
_URL = re.compile(re.escape(HOST) + r"(/[A-Za-z0-9_][A-Za-z0-9._-]*){3,}")
_TEXTS = ("name", "family", "title", "importer", "licence", "citation")
_LISTS = ("metrics", "protocols")


@dataclass(frozen=True)
class SourceFile:
    """One published file.

    Attributes:
        key: what the importer calls it.
        url: where it is published, at a fixed commit.
        bytes: its exact size.
        sha256: of its bytes, hexadecimal.
    """

    key: str
    url: str
    bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """`owner/repository: file`, for provenance."""
        parts = self.url.removeprefix(HOST).split("/")
        return f"{parts[1]}/{parts[2]}: {'/'.join(parts[4:])}"


@dataclass(frozen=True)
class Entry:
    """One add-on that `nasbench fetch` can get.

    Attributes:
        name: `FAMILY-ADDON`, what a user says.
        family: the benchmark family whose rows it extends.
        title: what it adds, in a line.
        importer: `module:function`, from the files and the base table to protocols a dataset.
        metrics: the columns that it adds.
        protocols: the training recipes that they belong to.
        result_bytes: size of the table file that is made of it.
        licence, citation: of the data.
        files: what is downloaded.
    """

    name: str
    family: str
    title: str
    importer: str
    metrics: tuple[str, ...]
    protocols: tuple[str, ...]
    result_bytes: int
    licence: str
    citation: str
    files: tuple[SourceFile, ...]

    @property
    def addon(self) -> str:
        """The name without the family's."""
        return self.name.removeprefix(f"{self.family}-")

    @property
    def download_bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)


@cache
def catalog() -> Mapping[str, Entry]:
    """Every entry by its name, in the order of the file.

    Raises:
        TableError: the installed catalog is damaged.
    """
    return read_catalog(files("nasbench.datasets").joinpath("catalog.toml").read_text("utf-8"))


def read_catalog(text: str) -> dict[str, Entry]:
    """The entries of a catalog's text.

    Raises:
        TableError: no TOML, or an entry that misses something or holds something malformed; names it.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TableError(f"the catalog of tables is no TOML: {error}") from error
    entries: dict[str, Entry] = {}
    if set(content) != {"table"} or not isinstance(content["table"], list):
        raise TableError("the catalog of tables must hold [[table]] entries and nothing else")
    for number, record in enumerate(content["table"], 1):
        entry = _entry(record, f"entry {number} of the catalog of tables")
        if entry.name in entries:
            raise TableError(f"the catalog of tables has {entry.name!r} twice")
        entries[entry.name] = entry
    return entries


def entries_of(family: str) -> list[Entry]:
    """The catalog's add-ons of a family."""
    return [entry for entry in catalog().values() if entry.family == family]


def fetch_hint(family: str, metric: str | None = None, protocol: str | None = None) -> str:
    """What to fetch to get a table, or a metric or protocol of a family; empty where the catalog has none.

    Args:
        family: a family, or the name of an add-on that somebody tried to load.
        metric: a column that the family lacks.
        protocol: a training recipe that the family lacks.
    """
    if metric is None and protocol is None:
        entry = catalog().get(family)
        if entry is None:
            return ""
        return f"`nasbench fetch {family}` adds its columns to {entry.family}: load `{entry.family}/...`."
    for entry in entries_of(family):
        if metric in entry.metrics or (metric is None and protocol in entry.protocols):
            return f"`nasbench fetch {entry.name}` adds it."
    return ""


def _entry(record: Any, where: str) -> Entry:
    _keys(record, {*_TEXTS, *_LISTS, "result_bytes", "file"}, where)
    where = f"{where} ({record['name']!r})"
    for key in _TEXTS:
        _want(isinstance(record[key], str) and record[key].strip() == record[key] != "", where, key, "a text")
    for key in _LISTS:
        listed = record[key]
        _want(
            isinstance(listed, list) and listed and all(isinstance(x, str) and x for x in listed), where, key, "names"
        )
    family = record["family"]
    _want(bool(_NAME.fullmatch(family)), where, "family", "a table name")
    _want(
        bool(_NAME.fullmatch(record["name"])) and record["name"].startswith(f"{family}-"), where, "name", "FAMILY-ADDON"
    )
    _want(bool(_IMPORTER.fullmatch(record["importer"])), where, "importer", "nasbench.datasets.MODULE:FUNCTION")
    _want(_size(record["result_bytes"]), where, "result_bytes", "a number of bytes")
    listed = record["file"]
    _want(isinstance(listed, list) and bool(listed), where, "file", "[[table.file]] entries")
    sources = tuple(_file(one, f"{where}, file {number}") for number, one in enumerate(listed, 1))
    _want(len({one.key for one in sources}) == len(sources), where, "file", "different keys")
    return Entry(
        **{key: record[key] for key in _TEXTS},
        metrics=tuple(record["metrics"]),
        protocols=tuple(record["protocols"]),
        result_bytes=record["result_bytes"],
        files=sources,
    )


def _file(record: Any, where: str) -> SourceFile:
    _keys(record, {"key", "url", "bytes", "sha256"}, where)
    _want(isinstance(record["key"], str) and record["key"] != "", where, "key", "a text")
    _want(isinstance(record["url"], str) and bool(_URL.fullmatch(record["url"])), where, "url", f"a file under {HOST}")
    _want(_size(record["bytes"]), where, "bytes", f"a size of 1 to {MAX_FILE_BYTES:,}")
    _want(
        isinstance(record["sha256"], str) and bool(_SHA256.fullmatch(record["sha256"])),
        where, "sha256", "64 hexadecimal digits",
    )  # fmt: skip
    return SourceFile(**record)


def _keys(record: Any, expected: set[str], where: str) -> None:
    if not isinstance(record, dict):
        raise TableError(f"{where}: expected a table of keys, got {record!r}")
    if missing := sorted(expected - set(record)):
        raise TableError(f"{where}: {missing[0]!r} is missing")
    if unknown := sorted(set(record) - expected):
        raise TableError(f"{where}: unknown key {unknown[0]!r}")


def _size(value: Any) -> bool:
    return type(value) is int and 0 < value <= MAX_FILE_BYTES


def _want(holds: Any, where: str, key: str, expected: str) -> None:
    if not holds:
        raise TableError(f"{where}: {key} must be {expected}")
