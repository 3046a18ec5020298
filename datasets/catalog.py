"""The published tables: what they hold, where their files are, what their licence asks, read from `catalog.toml`.

Three kinds of entries: an `addon` brings columns to a family that is there, a `table` is a family of its own, and an
`archive` is too large or sits where no program can fetch it, so that a person downloads it and imports it by hand.
The catalog is checked when it is read: an entry with a missing size or a malformed checksum is found by the
first command and not by the first download.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from nasbench.errors import TableError

HOST = "https://raw.githubusercontent.com"
MAX_FILE_BYTES = 1 << 31

TERMS = {
    "MIT": "any use; forbids to drop the copyright notice from copies",
    "Apache-2.0": "any use; forbids to drop the notices from copies, and to hide changes",
    "BSD-2-Clause": "any use; forbids to drop the copyright notice from copies",
    "BSD-3-Clause": "any use; forbids to drop the copyright notice from copies, and the authors' names in advertising",
    "CC-BY-4.0": "any use; forbids copies without credit to the authors",
    "CC-BY-NC-4.0": "forbids commercial use, and copies without credit to the authors",
    "none stated": "no permission is stated: forbids to pass copies on",
}
"""What each licence of the catalog allows and forbids, in a line."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_IMPORTER = re.compile(r"nasbench\.datasets\.importers\.[a-z0-9_]+:[a-z_]+")
_URL = re.compile(re.escape(HOST) + r"(/[A-Za-z0-9_][A-Za-z0-9._-]*){3,}")
_PAGE = re.compile(r"https://[A-Za-z0-9.-]+(/[A-Za-z0-9._~%?=&/-]*)?")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*){0,2}")


@dataclass(frozen=True)
class SourceFile:
    """One published file.

    Attributes:
        key: what the importer calls it; for a whole table its path in the official folder.
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
class _Entry:
    """What all entries say.

    Attributes:
        name: what a user says.
        title: what it holds, in a line.
        licence: of the data, a key of `TERMS`.
        citation: of the data.
    """

    name: str
    title: str
    licence: str
    citation: str


@dataclass(frozen=True)
class _Fetched(_Entry):
    """What entries say whose files are downloaded.

    Attributes:
        result_bytes: size of the table file that is made of them.
        files: what is downloaded.
    """

    result_bytes: int
    files: tuple[SourceFile, ...]

    @property
    def download_bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True)
class AddOn(_Fetched):
    """Columns for the architectures of a family; its name is `FAMILY-ADDON`.

    Attributes:
        family: the benchmark family whose rows it extends.
        importer: `module:function`, from the files and the base table to the columns to add.
        metrics: the columns that it adds.
        protocols: the training recipes that they belong to; () for columns that belong to none.
    """

    family: str
    importer: str
    metrics: tuple[str, ...]
    protocols: tuple[str, ...]

    @property
    def addon(self) -> str:
        """The name without the family's."""
        return self.name.removeprefix(f"{self.family}-")


@dataclass(frozen=True)
class WholeTable(_Fetched):
    """A family of its own.

    Attributes:
        format: the import format that reads its file, or the folder of its files.
        datasets: what it has.
    """

    format: str
    datasets: tuple[str, ...]


@dataclass(frozen=True)
class Archive(_Entry):
    """An official archive that a person downloads.

    Attributes:
        format: the import format that reads it.
        page: where it is offered.
        file: its name, and what is known of its size and checksum.
    """

    format: str
    page: str
    file: str


Entry: TypeAlias = AddOn | WholeTable


@dataclass(frozen=True)
class Catalog:
    """All entries by name, in the order of the file.

    Attributes:
        fetchable: what `nasbench fetch` gets.
        archives: what is imported by hand.
    """

    fetchable: Mapping[str, Entry]
    archives: Mapping[str, Archive]


@cache
def whole_catalog() -> Catalog:
    """The installed catalog.

    Raises:
        TableError: it is damaged.
    """
    return read_catalog(files("nasbench.datasets").joinpath("catalog.toml").read_text("utf-8"))


def catalog() -> Mapping[str, Entry]:
    """Every entry that can be fetched, by its name; raises as `whole_catalog`."""
    return whole_catalog().fetchable


def archives() -> Mapping[str, Archive]:
    """Every archive that is imported by hand, by its name; raises as `whole_catalog`."""
    return whole_catalog().archives


def addons_of(family: str) -> list[AddOn]:
    """The catalog's add-ons of a family."""
    return [entry for entry in catalog().values() if isinstance(entry, AddOn) and entry.family == family]


def fetch_hint(family: str, metric: str | None = None, protocol: str | None = None) -> str:
    """What to fetch to get a table, or a metric or protocol of a family; empty where the catalog has none.

    Args:
        family: a family, or the name of an add-on that somebody tried to load.
        metric: a column that the family lacks.
        protocol: a training recipe that the family lacks.
    """
    if metric is None and protocol is None:
        entry = catalog().get(family)
        if isinstance(entry, AddOn):
            return f"`nasbench fetch {family}` adds its columns to {entry.family}: load `{entry.family}/...`."
        if entry is not None:
            return f"`nasbench fetch {family}` gets it."
        archive = archives().get(family)
        return "" if archive is None else f"Download {archive.file} from {archive.page}, then {by_hand(archive)}."
    for addon in addons_of(family):
        if metric in addon.metrics or (metric is None and protocol in addon.protocols):
            return f"`nasbench fetch {addon.name}` adds it."
    return ""


def by_hand(archive: Archive) -> str:
    """The command that imports an archive."""
    return f"`nasbench import {archive.format} PATH`"


# -- the file -------------------------------------------------------------------------------------


def read_catalog(text: str) -> Catalog:
    """The entries of a catalog's text.

    Raises:
        TableError: no TOML, or an entry that misses something or holds something malformed; names it.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TableError(f"the catalog of tables is no TOML: {error}") from error
    if not content or not content.keys() <= _READERS.keys() or not all(isinstance(v, list) for v in content.values()):
        raise TableError(f"the catalog of tables must hold [[{']], [['.join(_READERS)}]] entries and nothing else")
    entries: dict[str, Any] = {}
    for kind, records in content.items():
        for number, record in enumerate(records, 1):
            entry = _READERS[kind](record, f"{kind} {number} of the catalog of tables")
            if entry.name in entries:
                raise TableError(f"the catalog of tables has {entry.name!r} twice")
            entries[entry.name] = entry
    return Catalog(
        {name: entry for name, entry in entries.items() if not isinstance(entry, Archive)},
        {name: entry for name, entry in entries.items() if isinstance(entry, Archive)},
    )


def _addon(record: Any, where: str) -> AddOn:
    where = _texts(record, where, ("family", "importer"), {"metrics", "protocols", "result_bytes", "file"})
    family = record["family"]
    _want(bool(_NAME.fullmatch(family)), where, "family", "a table name")
    _want(record["name"].startswith(f"{family}-"), where, "name", "FAMILY-ADDON")
    _want(
        bool(_IMPORTER.fullmatch(record["importer"])), where, "importer", "nasbench.datasets.importers.MODULE:FUNCTION"
    )
    _names(record, where, "metrics")
    _names(record, where, "protocols", empty=True)
    return AddOn(**_fields(record, where))


def _table(record: Any, where: str) -> WholeTable:
    where = _texts(record, where, ("format",), {"datasets", "result_bytes", "file"})
    _want(bool(_NAME.fullmatch(record["format"])), where, "format", "an import format")
    _names(record, where, "datasets")
    return WholeTable(**_fields(record, where))


def _archive(record: Any, where: str) -> Archive:
    where = _texts(record, where, ("format", "page", "file"), set())
    _want(bool(_NAME.fullmatch(record["format"])), where, "format", "an import format")
    _want(bool(_PAGE.fullmatch(record["page"])), where, "page", "an https address")
    return Archive(**record)


_READERS: dict[str, Callable[[Any, str], AddOn | WholeTable | Archive]] = {
    "addon": _addon,
    "table": _table,
    "archive": _archive,
}


def _texts(record: Any, where: str, own: tuple[str, ...], others: set[str]) -> str:
    """Check keys and texts of an entry; returns where it is, with its name."""
    texts = ("name", "title", "licence", "citation", *own)
    _keys(record, {*texts, *others}, where)
    where = f"{where} ({record['name']!r})"
    for key in texts:
        _want(isinstance(record[key], str) and record[key].strip() == record[key] != "", where, key, "a text")
    _want(bool(_NAME.fullmatch(record["name"])), where, "name", "a table name: a-z, 0-9, '.', '_', '-'")
    _want(record["licence"] in TERMS, where, "licence", f"one of {', '.join(TERMS)}")
    return where


def _fields(record: dict[str, Any], where: str) -> dict[str, Any]:
    """An entry's fields, with its files read and its lists as tuples."""
    _want(_size(record["result_bytes"]), where, "result_bytes", "a number of bytes")
    listed = record["file"]
    _want(isinstance(listed, list) and bool(listed), where, "file", "a list of files")
    sources = tuple(_file(one, f"{where}, file {number}") for number, one in enumerate(listed, 1))
    _want(len({one.key for one in sources}) == len(sources), where, "file", "different keys")
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in record.items() if key != "file"}
    return {**plain, "files": sources}


def _names(record: dict[str, Any], where: str, key: str, empty: bool = False) -> None:
    listed = record[key]
    holds = isinstance(listed, list) and (empty or listed) and all(isinstance(x, str) and x for x in listed)
    _want(holds, where, key, "names")


def _file(record: Any, where: str) -> SourceFile:
    _keys(record, {"key", "url", "bytes", "sha256"}, where)
    _want(isinstance(record["key"], str) and bool(_KEY.fullmatch(record["key"])), where, "key", "a path")
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
