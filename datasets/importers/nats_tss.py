"""NATS-Bench topology (tss): 15,625 cells x CIFAR-10, CIFAR-100 and ImageNet16-120, after 200 and 12 epochs.

Facts of the format: the official `NATS-tss-v1_0-3ffb9-simple` folder, `NATS-tss-v1_0-3ffb9-simple.tar`, or
`NATS-tss-v1_0-3ffb9.pickle.pbz2`; `nats_files` says how they are made, `nats_records` what a record is,
`nats_layout` what its numbers mean. The schedules `200` (up to three seeds of 777, 888, 999) and `12` (111 and, for
the validation of CIFAR-10, 777) are protocols: two recipes, not one recipe at two times. Under 200 epochs the only
validation *curve* is CIFAR-10's; CIFAR-100 and ImageNet16-120 were validated at the end only. The official order of
the cells is a shuffle of all of them. Licence MIT.
"""

from __future__ import annotations

from pathlib import Path

from nasbench.datasets.importers.nats_bench import read_nats
from nasbench.datasets.importers.nats_layout import TOPOLOGY
from nasbench.schema import TableData


def read(path: Path, name: str | None = None) -> TableData:
    """NATS-Bench topology: a -simple folder (also a part of it), its tar archive, or the single .pickle.pbz2.

    Raises:
        ImportFileError: it is none of these, damaged, or about other architectures than it says.
        UnsafeFileError: it asks for any other global, or unpacks to more than it may.
    """
    return read_nats(path, TOPOLOGY, name)
