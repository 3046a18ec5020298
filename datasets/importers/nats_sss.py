"""NATS-Bench size (sss): 32,768 widths x CIFAR-10, CIFAR-100 and ImageNet16-120, after 90, 12 and 1 epochs.

Facts of the format: the official `NATS-sss-v1_0-50262-simple` folder, `NATS-sss-v1_0-50262-simple.tar`, or
`NATS-sss-v1_0-50262.pickle.pbz2`; `nats_files` says how they are made, `nats_records` what a record is,
`nats_layout` what its numbers mean. The schedules `90` (seed 777), `12` (777, 888, 999) and `01` (777) are protocols:
three recipes, not one recipe at three times. Every set was evaluated after every epoch. The official order is that
of the widths, the last one fastest. Licence MIT.
"""

from __future__ import annotations

from pathlib import Path

from nasbench.datasets.importers.nats_bench import read_nats
from nasbench.datasets.importers.nats_layout import SIZE
from nasbench.schema import TableData


def read(path: Path, name: str | None = None) -> TableData:
    """NATS-Bench size: a -simple folder (also a part of it), its tar archive, or the single .pickle.pbz2.

    Raises:
        ImportFileError: it is none of these, damaged, or about other architectures than it says.
        UnsafeFileError: it asks for any other global, or unpacks to more than it may.
    """
    return read_nats(path, SIZE, name)
