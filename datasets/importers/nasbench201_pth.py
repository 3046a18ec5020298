"""NAS-Bench-201 as its authors first published it: `NAS-Bench-201-v1_1-096897.pth` (or v1_0-e61699), 4.7 GB.

Facts of the format: what `torch.save` wrote, of {meta_archs, total_archs, arch2infos: {number: record},
evaluated_indexes}. Records are those of NATS-Bench topology (`nats_records`, `nats_layout`), with the schedules
called `full` (200 epochs) and `less` (12). v1_0 has `less` for the validation of CIFAR-10 only, so that its other
datasets have no protocol `12`; it may lack times and evaluations, which are NaN here. Weights are not in the
published files; where a file has some they are read as nothing. Licence MIT.

Since torch 1.6 such a file is a zip archive with the pickled object in `<folder>/data.pkl`; before, a stream of
pickles: a magic number, the protocol 1001, a dictionary about the system, the object, and then storages. The object is
read in little memory and without torch (`pickle_stream`). The six digits at the end of the name are those of the MD5.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

from nasbench.datasets.importers.nats_bench import build
from nasbench.datasets.importers.nats_files import Consumer, check_digest, read_records
from nasbench.datasets.importers.nats_layout import NASBENCH201, Family
from nasbench.datasets.importers.official import file_source
from nasbench.datasets.readers.pickle_plain import Known
from nasbench.datasets.readers.safe_pickle import load
from nasbench.errors import ImportFileError, TableError, UnsafeFileError
from nasbench.schema import TableData

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
MAX_HEAD = 1 << 16
MAX_MEMBERS = 100_000

_OBJECT = re.compile(r"(?!\.)[\w.-]{1,100}/data\.pkl")
Opened = Callable[[], AbstractContextManager[IO[bytes]]]

_STORAGES = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")


def read(path: Path, name: str | None = None) -> TableData:
    """NAS-Bench-201's .pth file with everything: validation and test, learning curves, both schedules.

    Raises:
        ImportFileError: it is no such file, damaged, or its MD5 is not the one in its name.
        UnsafeFileError: it asks for any other global, or for more than it may.
    """
    return build(path, NASBENCH201, name, _read_pth)


def _read_pth(path: Path, family: Family, consume: Consumer) -> dict[str, str]:
    try:
        with path.open("rb") as stream:
            head = stream.read(MAX_HEAD)
        check_digest(path)
    except (OSError, ValueError) as error:
        raise ImportFileError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    opened = _archived(path) if head[:2] == b"PK" else _streamed(path, head)
    read_records(opened, family, consume, str(path), _tensors())
    return file_source(path, family.url, "MIT")


def _nothing(*parts: object) -> None:
    """Stands for tensors and their storages."""


def _tensors() -> dict[tuple[str, str], Known]:
    names = [("torch", f"{kind}Storage") for kind in _STORAGES]
    return {name: Known(_nothing) for name in [*names, ("torch._utils", "_rebuild_tensor_v2")]}


def _archived(path: Path) -> Opened:
    """Opens the pickled object in a zip archive."""

    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
                objects = [member for member in members if _OBJECT.fullmatch(member.filename)]
                if len(members) > MAX_MEMBERS or len(objects) != 1:
                    raise ImportFileError(f"{path} is no archive of torch.save: expected one <folder>/data.pkl")
                with archive.open(objects[0]) as stream:
                    yield stream
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
            raise ImportFileError(f"{path} cannot be read as an archive of torch.save: {error}") from error

    return opened


def _streamed(path: Path, head: bytes) -> Opened:
    """Opens a legacy stream at its fourth pickle, the object."""
    first = io.BytesIO(head)
    try:
        magic, protocol, system = (load(first, len(head), None, str(path)) for _ in range(3))
    except UnsafeFileError:
        raise
    except TableError as error:
        raise ImportFileError(str(error)) from error
    if type(magic) is not int or magic != MAGIC or protocol != PROTOCOL or not isinstance(system, dict):
        raise ImportFileError(f"{path} is no file of torch.save: expected its number and protocol first")

    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        with path.open("rb") as stream:
            stream.seek(first.tell())
            yield stream

    return opened
