"""What an unpickler would be made to allocate, read from a pickle's opcodes without running them.

Python's unpickler grows its memo to whatever index an opcode names: seven bytes can take tens of gigabytes. A
pickler numbers its memo without gaps, so that an index beyond the number of opcodes is never honest.
"""

from __future__ import annotations

import pickletools

from nasbench.errors import ImportFileError, UnsafeFileError

_MEMO = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})


def check_pickle_sizes(content: bytes, source: str) -> None:
    """Refuse a pickle whose memo indices or frames are larger than its contents.

    Args:
        content: the pickle, up to a few megabytes: each opcode is looked at.
        source: what it is, for errors.

    Raises:
        UnsafeFileError: an index or a frame that would take memory for nothing.
        ImportFileError: it is truncated, or no pickle.
    """
    number = 0
    try:
        for opcode, argument, _ in pickletools.genops(content):
            number += 1
            beyond = number if opcode.name in _MEMO else len(content) if opcode.name == "FRAME" else None
            if beyond is not None and int(argument or 0) > beyond:
                raise UnsafeFileError(f"{source} asks for memory that it does not fill ({opcode.name} {argument})")
    except UnsafeFileError:
        raise
    except Exception as error:
        raise ImportFileError(f"{source} cannot be read as a pickle: {error}") from error
