"""Get a table of the catalog: download its files, check them, import them, put the result in place.

Downloads go through `pooch`. Each file has a known size and sha256; one that is longer, shorter or different
is thrown away while it is still a temporary file. `NASBENCH_MIRROR` names a folder, or the http(s) address of
a server, that has the same files under the same paths as https://raw.githubusercontent.com.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from nasbench.datasets.addons import Additions, addon_path
from nasbench.datasets.catalog import (
    HOST,
    AddOn,
    Entry,
    SourceFile,
    WholeTable,
    archives,
    catalog,
    fetch_hint,
)
from nasbench.datasets.families import imported_path, open_base
from nasbench.datasets.formats import read
from nasbench.datasets.paths import cache_dir
from nasbench.errors import TableError, UnknownNameError
from nasbench.schema import TableData
from nasbench.store import Table
from nasbench.table_file import write_table

IMPORT = 2
"""Raised whenever an importer of a fetched file changes what it writes: `fetch` then makes it anew."""

CREATED_BY = "nasbench fetch"
RETRIES = 2
TIMEOUT_SECONDS = 30
CHUNK = 1 << 16

Report = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes in all."""


def fetch(name: str, progress: Report | None = None) -> Path:
    """Download a table, or an add-on that joins its family; returns its table file.

    What is installed already, whole and from the same files, is left as it is, without a network; a damaged
    one is made anew. Files that were downloaded before are not downloaded again.

    Args:
        name: of the catalog, e.g. `nasbench201-test` or `nas-bench-macro`; `FAMILY/DATASET` gets the family.
        progress: called while bytes come in.

    Raises:
        UnknownNameError: the catalog has no such table.
        TableError: no connection, or a file that is not, byte for byte, the published one; nothing of
            it is kept. Also a folder that cannot be written, or another table of that name.
    """
    entry = entry_of(name)
    return _addon(entry, progress) if isinstance(entry, AddOn) else _family(entry, progress)


def entry_of(name: str) -> Entry:
    """The catalog's entry that a name means.

    Raises:
        UnknownNameError: the catalog has no such table; says so if it is one that is imported by hand.
    """
    known = catalog()
    family, _, dataset = name.partition("/")
    entry = known.get(family)
    if entry is not None and (not dataset or (isinstance(entry, WholeTable) and dataset in entry.datasets)):
        return entry
    hint = fetch_hint(family) if family in archives() else "`nasbench list --all` describes them."
    whole = [f"{e.name}/{dataset}" for e in known.values() if isinstance(e, WholeTable) for dataset in e.datasets]
    raise UnknownNameError("table to fetch", name, [*known, *whole], hint=hint)


def _addon(entry: AddOn, progress: Report | None) -> Path:
    path = addon_path(entry.family, entry.addon)
    base = open_base(entry.family)
    if _is_current(path, entry, base.attrs["space_sha256"]):
        return path
    files = download(entry, progress)
    module, _, function = entry.importer.partition(":")
    additions: Additions = getattr(import_module(module), function)(files, base)
    write_table(path, addon_data(entry, base, additions), _created_by())
    return path


def _family(entry: WholeTable, progress: Report | None) -> Path:
    path = imported_path(entry.name)
    if _is_current(path, entry):
        return path
    _check_free(path, entry.name)
    files = download(entry, progress)
    try:
        with tempfile.TemporaryDirectory(prefix="nasbench-") as folder:
            data = read(entry.format, _laid_out(files, Path(folder)), entry.name)
    except OSError as error:
        raise TableError(
            f"the files of {entry.name} cannot be unpacked in {tempfile.gettempdir()}: {error.strerror or error}; free "
            "some space, or set TMPDIR to a folder that can be written"
        ) from error
    if set(data.datasets) != set(entry.datasets):
        raise TableError(f"{entry.name} should have the datasets {', '.join(entry.datasets)}")
    write_table(path, replace(data, sources=_sources(entry)), _created_by())
    return path


def _laid_out(files: Mapping[str, Path], folder: Path) -> Path:
    """The one file, or a folder of several, under their official names: importers look at these."""
    for key, path in files.items():
        place = folder / key
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    return folder / next(iter(files)) if len(files) == 1 else folder


def _check_free(path: Path, name: str) -> None:
    """Refuse to replace a table that a user made under the same name."""
    try:
        created_by = Table(path).attrs["created_by"]
    except TableError:
        return
    if not created_by.startswith(CREATED_BY):
        raise TableError(
            f"{path} is a table of your own under the name {name!r}: remove it with `nasbench remove {name}`, then "
            "fetch again"
        )


def addon_data(entry: AddOn, base: Table, additions: Additions) -> TableData:
    """The add-on's table: the base's architectures in the base's order, and the new columns."""
    return TableData(
        name=entry.name,
        title=entry.title,
        licence=entry.licence,
        citation=entry.citation,
        sources=_sources(entry),
        space_kind=base.space_kind,
        space_definition=base.space_definition,
        space_sha256=base.attrs["space_sha256"],
        complete=base.complete,
        genotypes=base.genotypes,
        source_ids=base.source_ids,
        canonical=base.canonical,
        datasets=additions,
    )


def _sources(entry: Entry) -> tuple[dict[str, str], ...]:
    return tuple(
        {"name": file.name, "url": file.url, "sha256": file.sha256, "licence": entry.licence} for file in entry.files
    )


def download(entry: Entry, progress: Report | None = None) -> dict[str, Path]:
    """The entry's files by key, from the cache folder or from the network.

    Raises:
        TableError: as `fetch`.
    """
    folder = cache_dir() / "downloads"
    places: dict[str, Path] = {}
    done = 0
    for file in entry.files:

        def report(count: int, before: int = done) -> None:
            if progress is not None:
                progress(before + count, entry.download_bytes)

        places[file.key] = _download(file, folder, report)
        done += file.bytes
        report(file.bytes)
    return places


def address(file: SourceFile) -> str:
    """Where to get a file: its URL, or the same path under `NASBENCH_MIRROR`.

    Raises:
        TableError: the mirror is neither a folder nor an http(s) address.
    """
    mirror = os.environ.get("NASBENCH_MIRROR", "").strip()
    if not mirror:
        return file.url
    rest = file.url.removeprefix(HOST)
    if mirror.startswith(("http://", "https://")):
        return mirror.rstrip("/") + rest
    if "://" in mirror:
        raise TableError(f"NASBENCH_MIRROR is {mirror!r}; set it to a folder, or to an http:// or https:// address")
    return str(Path(mirror).expanduser().absolute() / rest.lstrip("/"))


def _is_current(path: Path, entry: Entry, space_sha256: str | None = None) -> bool:
    """Whether the installed file is whole and made of these files, for these rows."""
    try:
        table = Table(path)
    except TableError:
        return False
    return (
        space_sha256 in (None, table.attrs["space_sha256"])
        and table.attrs["created_by"] == _created_by()
        and [source["sha256"] for source in table.sources] == [file.sha256 for file in entry.files]
    )


def _created_by() -> str:
    return f"{CREATED_BY}, importers {IMPORT}"


# -- one file -------------------------------------------------------------------------------------


def _download(file: SourceFile, folder: Path, report: Callable[[int], None]) -> Path:
    import pooch
    import requests

    url = address(file)
    name = f"{file.sha256[:16]}-{file.url.rpartition('/')[2]}"
    cache = pooch.create(
        path=folder, base_url="", registry={name: f"sha256:{file.sha256}"}, urls={name: url}, retry_if_failed=RETRIES
    )
    try:
        with _quiet(pooch.get_logger()):
            return Path(cache.fetch(name, downloader=_Downloader(file, report)))
    except requests.exceptions.ChunkedEncodingError as error:
        raise _refused(file, url, "the transfer broke off") from error
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
        raise TableError(
            f"{url} cannot be reached. Nothing was kept. Check the connection (and HTTPS_PROXY behind a proxy), or "
            f"set NASBENCH_MIRROR to a folder or a server that has this file of {file.bytes:,} bytes as "
            f"{file.url.removeprefix(HOST).lstrip('/')}"
        ) from error
    except requests.exceptions.RequestException as error:
        raise _refused(file, url, str(error).rstrip(".")) from error
    except ValueError as error:
        raise _refused(file, url, f"its bytes are not those of the catalog (sha256 {file.sha256[:12]}...)") from error
    except OSError as error:
        raise TableError(
            f"{url} cannot be copied to {folder}: {error.strerror or error}; free some space, or set NASBENCH_HOME to "
            "a folder that can be written"
        ) from error


class _Downloader:
    """What pooch calls to fill its temporary file: from a server or from a mirror's folder."""

    def __init__(self, file: SourceFile, report: Callable[[int], None]) -> None:
        self._file, self._report = file, report

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        with Path(output_file).open("wb") as stream:
            limited = _Limited(stream, self._file, url, self._report)
            if url.startswith(("http://", "https://")):
                self._from_server(url, limited, pooch)
            else:
                self._from_folder(Path(url), limited)
        if limited.count < self._file.bytes:
            raise _Short

    def _from_server(self, url: str, limited: _Limited, cache: Any) -> None:
        import pooch
        import requests

        answers: list[Any] = []
        get = pooch.HTTPDownloader(
            chunk_size=CHUNK,
            timeout=TIMEOUT_SECONDS,
            headers={"Accept-Encoding": "identity"},
            hooks={"response": lambda answer, **_: answers.append(answer)},
        )
        try:
            get(url, limited, cache)
        except requests.exceptions.HTTPError as error:
            status = answers[-1].status_code
            if status >= 500 or status in (408, 429):
                raise  # pooch tries again
            raise _refused(self._file, url, f"the server answered {status}") from error
        except (requests.exceptions.InvalidSchema, requests.exceptions.TooManyRedirects) as error:
            raise _refused(self._file, url, f"it leads somewhere else ({error})") from error
        finally:
            for answer in answers:
                answer.close()

    def _from_folder(self, path: Path, limited: _Limited) -> None:
        try:
            with path.open("rb") as stream:
                while chunk := stream.read(CHUNK):
                    limited.write(chunk)
        except OSError as error:
            raise _refused(self._file, str(path), f"NASBENCH_MIRROR has no such file ({error.strerror})") from error


class _Short(ValueError):
    """Fewer bytes than published: a ValueError, so that pooch tries again."""


class _Limited:
    """A stream that takes no more bytes than the file may have, and says how many it took."""

    def __init__(self, stream: BinaryIO, file: SourceFile, url: str, report: Callable[[int], None]) -> None:
        self._stream, self._file, self._url, self._report = stream, file, url, report
        self.count = 0

    def write(self, chunk: bytes) -> int:
        """Write a piece.

        Raises:
            TableError: there would be more bytes than published.
        """
        self.count += len(chunk)
        if self.count > self._file.bytes:
            raise _refused(self._file, self._url, f"it is larger than the {self._file.bytes:,} bytes published")
        written = self._stream.write(chunk)
        self._report(self.count)
        return written

    def flush(self) -> None:
        """Nothing: the file is flushed when it is closed."""


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Without pooch's own lines about what it downloads."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _refused(file: SourceFile, url: str, why: str) -> TableError:
    return TableError(
        f"{url} was refused, and nothing of it was kept: {why}. Try again later; if it stays so, set NASBENCH_MIRROR "
        f"to another place that has {file.url.removeprefix(HOST).lstrip('/')}"
    )
