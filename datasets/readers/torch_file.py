"""What `torch.save` wrote, read without torch: the object alone, of plain values and allowed globals.

Facts of the two containers. Since torch 1.6 a zip archive, whose members lie in one folder: the pickled object is
`<folder>/data.pkl`, tensors are members of their own. Before, a stream of pickles: the number
0x1950A86A20F9469CFC6C, the protocol 1001, a dictionary about the system, the object, a list of storage keys, and then
the bytes of the storages. In both the object refers to a tensor by a persistent id. Tables of results have no
tensors: such a reference is refused, and storages are never read.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nasbench.datasets.readers.safe_files import read_bytes
from nasbench.datasets.readers.safe_pickle import load, loads
from nasbench.errors import ImportFileError, TableError, UnsafeFileError

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
MAX_BYTES = 1 << 30
MAX_MEMBERS = 1000

_OBJECT = re.compile(r"(?!\.)[\w.-]{1,100}/data\.pkl")


def read_torch(path: Path, allowed: Mapping[tuple[str, str], Any] | None = None, max_bytes: int = MAX_BYTES) -> Any:
    """The object in a file of `torch.save`, a zip archive or a legacy stream.

    Args:
        path: the file.
        allowed: (module, name) -> object for each global that may occur; none by default.
        max_bytes: a larger file is refused.

    Raises:
        UnsafeFileError: the file asks for another global or a tensor, or is larger than it may be.
        TableError: it is missing, truncated, or no file of `torch.save`.
    """
    content = read_bytes(path, max_bytes)
    source = str(path)
    if content[:2] == b"PK":
        return loads(_archived(content, source), allowed, source)
    return _streamed(content, allowed, source)


def _archived(content: bytes, source: str) -> bytes:
    """The pickled object in a zip archive; torch stores it as it is, so that it is no larger than the file."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            objects = [member for member in members if _OBJECT.fullmatch(member.filename)]
            if len(members) > MAX_MEMBERS or len(objects) != 1:
                raise ImportFileError(
                    f"{source} is no archive of torch.save without tensors: expected one <folder>/data.pkl"
                )
            if objects[0].compress_type != zipfile.ZIP_STORED or objects[0].flag_bits & 0x1:
                raise UnsafeFileError(f"{source}: its object is compressed or encrypted, which torch.save never does")
            return archive.read(objects[0])
    except TableError:
        raise
    except (OSError, EOFError, ValueError, RuntimeError, LookupError, zlib.error, zipfile.BadZipFile) as error:
        raise ImportFileError(f"{source} cannot be read as an archive of torch.save: {error}") from error


def _streamed(content: bytes, allowed: Mapping[tuple[str, str], Any] | None, source: str) -> Any:
    """The object in a legacy stream; what follows it is not looked at."""
    stream = io.BytesIO(content)
    magic = load(stream, len(content), None, source)
    if type(magic) is not int or magic != MAGIC or load(stream, len(content), None, source) != PROTOCOL:
        raise ImportFileError(f"{source} is no file of torch.save: expected its number and protocol first")
    if not isinstance(load(stream, len(content), None, source), dict):
        raise ImportFileError(f"{source} is no file of torch.save: expected a dictionary about the system")
    return load(stream, len(content), allowed, source)
