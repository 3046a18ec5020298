"""Read other people's pickles without running them: every global that is not listed is refused.

Memory is bounded too. An unpickler grows its memo to whatever index an opcode names, so that seven bytes can take
tens of gigabytes; where the system can limit a process, it may not take more than the file's size warrants, and
elsewhere every opcode is looked at first.
"""

from __future__ import annotations

import gc
import io
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from nasbench.datasets.readers.pickle_scan import check_pickle_sizes
from nasbench.errors import TableError, UnsafeFileError

MAX_BYTES = 1 << 30
BYTES_PER_BYTE = 64
"""Memory that a byte of a pickle may take: `N` makes a list's pointer, an empty dict of two bytes takes 64."""
SPARE_BYTES = 256 << 20

_STATM = Path("/proc/self/statm")
_ONE_AT_A_TIME = Lock()
"""The limit is the process's: two threads that set and restore it at once would leave it behind."""


class _AllowListUnpickler(pickle.Unpickler):
    def __init__(self, stream: io.BufferedIOBase, allowed: Mapping[tuple[str, str], Any], source: str) -> None:
        super().__init__(stream)
        self._allowed, self._source = allowed, source

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._allowed[(module, name)]
        except KeyError:
            raise UnsafeFileError(
                f"{self._source} asks for {module}.{name}, which this format never needs; the file was "
                "refused and nothing of it was run"
            ) from None

    def persistent_load(self, pid: object) -> Any:
        raise UnsafeFileError(f"{self._source} holds an outside reference ({pid!r}) and was refused")


def numpy_scalar_globals() -> dict[tuple[str, str], Any]:
    """The two globals that pickled numpy scalars need, under their old and new module names."""
    from numpy import dtype
    from numpy._core.multiarray import scalar

    return {
        ("numpy.core.multiarray", "scalar"): scalar,
        ("numpy._core.multiarray", "scalar"): scalar,
        ("numpy", "dtype"): dtype,
    }


def read_pickle(path: Path, allowed: Mapping[tuple[str, str], Any] | None = None, max_bytes: int = MAX_BYTES) -> Any:
    """The object in a pickle file, built from plain builtins and the allowed globals only.

    Args:
        path: the file.
        allowed: (module, name) -> object for each global that may occur; none by default.
        max_bytes: a larger file is refused unread.

    Raises:
        UnsafeFileError: the file asks for another global, or is too large.
        TableError: the file is missing, truncated or no pickle.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise UnsafeFileError(f"{path} has {size:,} bytes, more than the {max_bytes:,} that it may have")
        with path.open("rb") as stream:
            content = stream.read(max_bytes)
    except (OSError, ValueError) as error:
        raise TableError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return loads(content, allowed, str(path))


def loads(content: bytes, allowed: Mapping[tuple[str, str], Any] | None = None, source: str = "the pickle") -> Any:
    """The object in the bytes of a pickle, as `read_pickle`.

    Args:
        content: the pickle; what follows its end is not looked at.
        allowed: (module, name) -> object for each global that may occur; none by default.
        source: what it is, for errors.

    Raises:
        UnsafeFileError: it asks for another global, or for memory out of proportion to its size.
        TableError: it is truncated or no pickle.
    """
    return load(io.BytesIO(content), len(content), allowed, source)


def load(stream: io.BufferedIOBase, size: int, allowed: Mapping[tuple[str, str], Any] | None, source: str) -> Any:
    """The next object of a stream of pickles of `size` bytes in all, as `loads`; the stream stands behind it."""
    try:
        with _memory_limit(stream, size, source), _no_collections():
            return _AllowListUnpickler(stream, allowed or {}, source).load()
    except TableError:
        raise
    except MemoryError as error:
        raise UnsafeFileError(f"{source} asks for memory out of proportion to its {size:,} bytes; refused") from error
    except Exception as error:
        raise TableError(f"{source} cannot be read as a pickle of plain values: {error!r}") from error


@contextmanager
def _no_collections() -> Iterator[None]:
    """Pause the garbage collector: it would walk all that was unpickled so far again and again, and find nothing."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


@contextmanager
def _memory_limit(stream: io.BufferedIOBase, size: int, source: str) -> Iterator[None]:
    """Hold the process to what it has and what a pickle of this size may take; scan it where that cannot be."""
    if not _STATM.exists():
        position = stream.tell()
        check_pickle_sizes(stream.read(), source)
        stream.seek(position)
        yield
        return
    import resource

    with _ONE_AT_A_TIME:
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        used = int(_STATM.read_text().split()[0]) * resource.getpagesize()
        limit = used + SPARE_BYTES + BYTES_PER_BYTE * size
        stricter = soft != resource.RLIM_INFINITY and soft < limit
        resource.setrlimit(resource.RLIMIT_AS, (soft if stricter else limit, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
