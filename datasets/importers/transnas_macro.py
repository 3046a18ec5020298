"""TransNAS-Bench-101 macro: the 3,256 skeletons of the official `.pth` file, with the curves of every metric.

Facts of the format: `nasbench.datasets.importers.transnas_file`. A network is named `64-1234-basic`: one digit a module
(1 normal, 2 doubles the channels, 3 halves the resolution, 4 both) of two residual blocks. Licence MIT.
"""

from __future__ import annotations

from pathlib import Path

from nasbench.datasets.importers.transnas_file import table
from nasbench.schema import TableData
from nasbench.spaces.transnas_macro import TransNASMacroSpace


def read(path: Path, name: str | None = None) -> TableData:
    """TransNAS-Bench-101's .pth file, macro (skeleton) search space: curves, costs and test values of seven tasks.

    Raises:
        ImportFileError: it is not the official file, or a record is not what it should be.
        UnsafeFileError: it asks for another global or a tensor, or is larger than it may be.
    """
    return table(path, "macro", TransNASMacroSpace(), name or "transnas-macro", "TransNAS-Bench-101 macro")
