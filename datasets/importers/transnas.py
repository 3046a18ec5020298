"""TransNAS-Bench-101 micro: the 4,096 cells of the official `.pth` file, with the curves of every metric.

Facts of the format: `nasbench.datasets.importers.transnas_file`. A cell is named `64-41414-a_bc_def`, digits
0 zero, 1 skip, 2 conv1x1, 3 conv3x3 on the edges 0->1, 0->2, 1->2, 0->3, 1->3, 2->3. The final validation values
are also in the much smaller archive that the format `naslib-zc` reads. Licence MIT.
"""

from __future__ import annotations

from pathlib import Path

from nasbench.datasets.importers.transnas_file import table
from nasbench.schema import TableData
from nasbench.spaces.transnas import TransNASMicroSpace


def read(path: Path, name: str | None = None) -> TableData:
    """TransNAS-Bench-101's .pth file, micro (cell) search space: curves, costs and test values of seven tasks.

    Raises:
        ImportFileError: it is not the official file, or a record is not what it should be.
        UnsafeFileError: it asks for another global or a tensor, or is larger than it may be.
    """
    return table(path, "micro", TransNASMicroSpace(), name or "transnas-micro", "TransNAS-Bench-101 micro")
