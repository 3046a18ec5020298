"""TransNAS-Bench-101 micro: final validation values in NASLib's `all_benchmarks_zen.zip`.

Facts of the format: a zip of `benchmark--transbench101_micro--<task>--<n>.json`, lists of {idx, arch: six digits
as the text of a tuple, zen: {score, time}, val_accuracy}; together each of the 4,096 cells once for each of
seven tasks. `val_accuracy` is the task's own metric: top1 (%) for class_scene, class_object and jigsaw, pixel
accuracy (%) for segmentsemantic, structural similarity for normal and autoencoder, the negative loss for
room_layout; always larger is better. -1e8 stands for a number that is not there: NaN here. One number an
architecture (noise unknown), no times, no test values, no curves. Licence Apache-2.0 (NASLib); the numbers are
those of TransNAS-Bench-101 (MIT).

The digits are the *official* ones, in the order of the official string: 0 zero, 1 skip, 2 conv1x1, 3 conv3x3 on
the edges 0->1, 0->2, 1->2, 0->3, 1->3, 2->3. NASLib's own graphs number both in another way (0 identity, 1 zero,
2 3x3, 3 1x1; edges by their start), but it looks values up by `64-41414-{}_{}{}_{}{}{}` of the bare digits. The
file says the same: cells of one computational graph differ by 1-7 % of the variance of the values with the
official reading, by more than 40 % with NASLib's; and the 169 cells without a path from input to output are
exactly those whose zen score is -1e8. The zen scores (a zero-cost proxy) are not imported.

A file that is no zip is read as NASLib's other publication, `zc_<space>.json`: see `naslib_scores`.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.build import ids
from nasbench.datasets.importers.naslib_scores import MAX_BYTES, read_scores
from nasbench.datasets.importers.official import file_source, number, record, space_facts
from nasbench.datasets.readers.safe_files import parse_json, read_bytes, zip_members
from nasbench.errors import ImportFileError
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.transnas import TransNASMicroSpace

MISSING = -1e8
MAX_MEMBER = 1 << 20
MAX_MEMBERS = 1000
METRICS = {
    "class_scene": ("top1", "%"),
    "class_object": ("top1", "%"),
    "jigsaw": ("top1", "%"),
    "room_layout": ("neg_loss", "negative loss"),
    "segmentsemantic": ("acc", "%"),
    "normal": ("ssim", "index"),
    "autoencoder": ("ssim", "index"),
}
_MEMBER = re.compile(r"(?:.*/)?benchmark--transbench101_micro--([a-z_]+)--[0-9]+\.json")
_ARCH = re.compile(r"\(([0-3]), ([0-3]), ([0-3]), ([0-3]), ([0-3]), ([0-3])\)")


def read(path: Path, name: str | None = None) -> TableData:
    """NASLib's all_benchmarks_zen.zip (TransNAS-Bench-101 micro on seven tasks), or a zc_<space>.json of its proxies.

    Raises:
        ImportFileError: it is not the official archive or file, or a task is not whole.
        UnsafeFileError: members that are too many, too large, encrypted, or point outside; a file that is too large.
    """
    if read_bytes(path, MAX_BYTES)[:2] != b"PK":
        return read_scores(path, name)
    space = TransNASMicroSpace()
    tasks: dict[str, NDArray[np.float64]] = {}
    listed: dict[str, NDArray[np.bool_]] = {}
    for member, content in zip_members(path, ".json", MAX_MEMBER, MAX_MEMBERS):
        where = f"{path}: {member}"
        found = _MEMBER.fullmatch(member)
        if found is None or found[1] not in METRICS:
            raise ImportFileError(f"{where} is no benchmark--transbench101_micro--<task>--<n>.json")
        values = tasks.setdefault(found[1], np.full(space.size, np.nan))
        seen = listed.setdefault(found[1], np.zeros(space.size, dtype=bool))
        entries = parse_json(content, where)
        if not isinstance(entries, list):
            raise ImportFileError(f"{where} holds no list")
        for entry in entries:
            row, value = _entry(space, entry, where)
            if seen[row]:
                raise ImportFileError(f"{where}: {entry['arch']} is listed twice")
            seen[row], values[row] = True, value
    if not tasks:
        raise ImportFileError(f"{path} holds no benchmark--transbench101_micro--<task>--<n>.json")
    for task, seen in listed.items():
        if not seen.all():
            raise ImportFileError(f"{path} lists {int(seen.sum()):,} of the {space.size:,} cells for {task}")
    genotypes = space.all()
    return TableData(
        name=name or "transnas-micro",
        title=f"TransNAS-Bench-101 micro: 4,096 cells x {len(tasks)} vision tasks, final validation values",
        licence="Apache-2.0 (NASLib), with the values of TransNAS-Bench-101 (MIT)",
        citation=(
            "Y. Duan, X. Chen, H. Xu, Z. Chen, X. Liang, T. Zhang, Z. Li. TransNAS-Bench-101: Improving "
            "Transferability and Generalizability of Cross-Task Neural Architecture Search. CVPR 2021. "
            "https://arxiv.org/abs/2105.11871"
        ),
        sources=(file_source(path, "https://github.com/automl/NASLib", "Apache-2.0"),),
        complete=True,
        genotypes=genotypes,
        source_ids=ids([space.format(tuple(row)) for row in genotypes.tolist()]),
        canonical=space.indices(space.canonical(genotypes)),
        datasets={task: _dataset(task, tasks[task]) for task in METRICS if task in tasks},
        **space_facts(space),
    )


def _entry(space: TransNASMicroSpace, entry: Any, where: str) -> tuple[int, float]:
    """Row and value of one record."""
    fields = record(entry, ("idx", "arch", "zen", "val_accuracy"), where)
    found = _ARCH.fullmatch(fields["arch"]) if isinstance(fields["arch"], str) else None
    if found is None:
        raise ImportFileError(f"{where}: an arch is no tuple of six digits from 0 to 3")
    value = number(fields["val_accuracy"], f"{where}, {found[0]}", MISSING, 100)
    return space.index(tuple(map(int, found.groups()))), math.nan if value == MISSING else value


def _dataset(task: str, values: NDArray[np.float64]) -> Dataset:
    metric, unit = METRICS[task]
    about = f"official {metric} at the end of training (NASLib's val_accuracy)"
    final = {f"val_{metric}": Column(values[:, None].copy(), "maximize", unit, "valid", description=about)}
    return Dataset(f"val_{metric}", {"full": Protocol("full", None, {}, final=final)})
