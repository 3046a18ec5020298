"""NATS-Bench's files, and NAS-Bench-201's, as tables: what the three formats share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nasbench.datasets.importers.nats_columns import Columns
from nasbench.datasets.importers.nats_files import Consumer, Record, read_folder, read_single, read_tar
from nasbench.datasets.importers.nats_layout import Family
from nasbench.datasets.importers.nats_records import runs
from nasbench.datasets.progress import report
from nasbench.errors import ImportFileError
from nasbench.schema import TableData

Reader = Callable[[Path, Family, Consumer], dict[str, str]]


def read_nats(path: Path, family: Family, name: str | None) -> TableData:
    """The table of a `-simple` folder, a tar archive of it, or the single compressed pickle.

    Raises:
        ImportFileError: it is none of these, or damaged.
        UnsafeFileError: it asks for more than it may.
    """
    return build(path, family, name, _reader(path))


def build(path: Path, family: Family, name: str | None, read: Reader) -> TableData:
    """The table of the records that `read` hands over. Raises as `read` does."""
    space, order = family.space(), family.order()
    columns, seen = Columns(family), set[int]()

    def take(record: Record) -> None:
        index, found, where = record
        if not 0 <= index < len(order) or index in seen:
            raise ImportFileError(f"{where}: architecture {index} is unknown, or there twice")
        seen.add(index)
        text = space.format(tuple(order[index].tolist()))
        columns.add(index, runs(family, found, index, text, where), where)
        report("architectures", len(seen), len(order))

    source = read(path, family, take)
    return columns.table(name, [source], str(path))


def _reader(path: Path) -> Reader:
    if path.is_dir():
        return read_folder
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
    except (OSError, ValueError) as error:
        raise ImportFileError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if head[:3] == b"BZh":
        return read_single
    if head[257:262] == b"ustar":
        return read_tar
    raise ImportFileError(
        f"{path} is neither a -simple folder of NATS-Bench, nor a tar archive of it, nor a .pickle.pbz2 file"
    )
