"""Read other people's pickles without running them: every global that is not listed is refused."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nasbench.errors import TableError, UnsafeFileError

MAX_BYTES = 1 << 30


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
            raise UnsafeFileError(f"{path} has {size:,} bytes, more than the {max_bytes:,} it may have")
        with path.open("rb") as stream:
            return _AllowListUnpickler(stream, allowed or {}, str(path)).load()
    except TableError:
        raise
    except Exception as error:
        raise TableError(f"{path} cannot be read as a pickle of plain values: {error!r}") from error
