"""The robustness dataset of NAS-Bench-201 (Jung et al., ICLR 2023) in its official JSON files.

Facts of the format: a folder with `meta.json`, {ids: {id: {nb201-string, isomorph}}, epsilons: {attack: [radius]}},
and `<dataset>/<key>_accuracy.json` for the datasets cifar10, cifar100 and ImageNet16-120, each {dataset: {key:
{accuracy: {id: value}}}}. A key is `clean` (value: one accuracy), an attack (a list, one accuracy for each of its
`epsilons`, L-infinity radii in units of 1/255), or one of 15 common corruptions (a list, one for each of five
severities; none for ImageNet16-120). Accuracies are fractions with three decimals, on test images; there is no
validation data. Confidences and confusion matrices (`_confidence`, `_cm`) are not read.

`isomorph` is the id of the one cell that was evaluated of each class of the official `to_unique_str`: 6,466 of
15,625 cells. Only those are rows of the table, with the numbers measured on them; the other cells are not listed,
and no number is copied to them. Any part of the files may be there: what is not is NaN or no column.
Code: https://github.com/steffen-jung/robustness-dataset
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.build import ids
from nasbench.datasets.importers.nasbench201_robustness import NAMES, metric_name
from nasbench.datasets.importers.official import file_source, number, space_facts
from nasbench.datasets.readers.safe_files import parse_json, read_bytes
from nasbench.errors import GenotypeError, ImportFileError
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.nasbench201 import NASBench201Space

DATASETS = {"cifar10": "cifar10", "cifar100": "cifar100", "ImageNet16-120": "imagenet16-120"}
CORRUPTIONS = (
    "brightness", "contrast", "defocus_blur", "elastic_transform", "fog", "frost", "gaussian_noise", "glass_blur",
    "impulse_noise", "jpeg_compression", "motion_blur", "pixelate", "shot_noise", "snow", "zoom_blur",
)  # fmt: skip
SEVERITIES = 5
CLEAN, CLEAN_METRIC = "clean", "test_accuracy"
KEYS = (CLEAN, *NAMES, *CORRUPTIONS)
MAX_BYTES = 16 << 20

_ID = re.compile(r"[0-9]{1,9}")


def read(path: Path, name: str | None = None) -> TableData:
    """The robustness dataset's folder: clean, adversarial and corruption accuracy of 6,466 NAS-Bench-201 cells.

    Raises:
        ImportFileError: no such folder, or files that are not the official ones.
        UnsafeFileError: a file is larger than it may be.
    """
    space = NASBench201Space()
    where = path / "meta.json"
    if not where.is_file():
        raise ImportFileError(f"{path} is no folder with a meta.json and the folders {', '.join(DATASETS)}")
    meta = parse_json(read_bytes(where, MAX_BYTES), str(where))
    evaluated = _evaluated(space, _field(meta, "ids", str(where)), str(where))
    radii = {key: _radii(_field(meta, "epsilons", str(where)).get(key), f"{where}, {key}") for key in NAMES}
    files = {
        folder: [(key, file) for key in KEYS if (file := path / folder / f"{key}_accuracy.json").is_file()]
        for folder in DATASETS
    }
    found = {folder: _accuracies(folder, listed, evaluated, radii) for folder, listed in files.items() if listed}
    if not found:
        raise ImportFileError(f"{path} has no <dataset>/<key>_accuracy.json; its datasets are {', '.join(DATASETS)}")
    table = np.unique([evaluated[key] for columns in found.values() for values in columns.values() for key in values])
    genotypes = space.genotypes(table)
    names = {row: key for key, row in evaluated.items()}
    _, first, which = np.unique(space.indices(space.canonical(genotypes)), return_index=True, return_inverse=True)
    return TableData(
        name=name or "robustness",
        title=f"Robustness of {len(table):,} NAS-Bench-201 cells: clean, attacked and corrupted test images",
        licence="not stated with the data",
        citation=(
            "S. Jung, J. Lukasik, M. Keuper. Neural Architecture Design and Robustness: A Dataset. ICLR 2023. "
            "https://arxiv.org/abs/2306.06712"
        ),
        sources=tuple(
            file_source(file, "http://robustness.vision", "not stated")
            for file in (where, *(file for listed in files.values() for _, file in listed))
        ),
        complete=len(table) == space.size,
        genotypes=genotypes,
        source_ids=ids([names[row] for row in table.tolist()]),
        canonical=first[which],
        datasets={DATASETS[folder]: _dataset(columns, evaluated, table) for folder, columns in found.items()},
        **space_facts(space),
    )


def _field(value: Any, key: str, where: str) -> Mapping[str, Any]:
    """An object in an object."""
    inner = value.get(key) if isinstance(value, dict) else None
    if not isinstance(inner, dict):
        raise ImportFileError(f"{where}: expected an object with the object {key!r}")
    return inner


def _evaluated(space: NASBench201Space, cells: Mapping[str, Any], where: str) -> dict[str, int]:
    """Rank in the space of each cell that was evaluated, by its official id."""
    ranks: dict[str, int] = {}
    for key, cell in cells.items():
        same = cell.get("isomorph") if isinstance(cell, dict) else None
        if not _ID.fullmatch(key) or not isinstance(same, str) or same not in cells:
            raise ImportFileError(f"{where}: cell {key[:40]!r} has no number, or no isomorph among the ids")
        try:
            rank = space.index(space.parse(cell.get("nb201-string")))
        except GenotypeError as error:
            raise ImportFileError(f"{where}: cell {key}: {error}") from error
        if same == key:
            ranks[key] = rank
    if len(set(ranks.values())) != len(ranks):
        raise ImportFileError(f"{where} lists one cell under two ids")
    return ranks


def _radii(value: Any, where: str) -> list[float]:
    if not isinstance(value, list):
        raise ImportFileError(f"{where}: expected a list of epsilons")
    radii = [number(one, where, 0, 255) for one in value]
    if sorted(set(radii)) != radii:
        raise ImportFileError(f"{where}: the epsilons do not rise")
    return radii


Accuracies = dict[str, dict[str, float]]
"""Metric -> official id -> accuracy."""


def _accuracies(
    folder: str, files: list[tuple[str, Path]], evaluated: Mapping[str, int], radii: Mapping[str, list[float]]
) -> Accuracies:
    columns: Accuracies = {}
    for key, path in files:
        content = parse_json(read_bytes(path, MAX_BYTES), str(path))
        by_id = _field(_field(_field(content, folder, str(path)), key, str(path)), "accuracy", str(path))
        metrics = _metrics(key, radii)
        columns.update({metric: {} for metric in metrics})
        for cell, value in by_id.items():
            if cell not in evaluated:
                raise ImportFileError(f"{path}: {cell[:40]!r} is no cell that meta.json says was evaluated")
            values = [value] if key == CLEAN else value
            if not isinstance(values, list) or len(values) != len(metrics):
                raise ImportFileError(f"{path}, cell {cell}: expected {len(metrics)} accuracies")
            for metric, one in zip(metrics, values, strict=True):
                columns[metric][cell] = number(one, f"{path}, cell {cell}", 0, 1)
    if not any(columns.values()):
        raise ImportFileError(f"{files[0][1].parent} has files, but no accuracy in them")
    return columns


def _metrics(key: str, radii: Mapping[str, list[float]]) -> list[str]:
    """Our names of what a file holds, in the order of its lists."""
    if key == CLEAN:
        return [CLEAN_METRIC]
    if key in CORRUPTIONS:
        return [f"robust_{key}_severity{level}_accuracy" for level in range(1, SEVERITIES + 1)]
    return [metric_name(key, radius) for radius in radii[key]]


def _dataset(columns: Accuracies, evaluated: Mapping[str, int], table: NDArray[np.int64]) -> Dataset:
    final, robust = {}, {}
    covered = np.zeros(len(table), dtype=bool)
    for metric, by_id in columns.items():
        listed = np.searchsorted(table, [evaluated[key] for key in by_id])
        values = np.full(len(table), np.nan)
        values[listed] = list(by_id.values())
        covered[listed] = True
        if metric == CLEAN_METRIC:
            final[metric] = Column(values[:, None], "maximize", "fraction", "test", description="one training")
        else:
            robust[metric] = Column(
                values, "maximize", "fraction", "test", description="one training, perturbed test images"
            )
    rows = None if covered.all() else np.flatnonzero(covered)
    recipe = Protocol("200", epochs=200, final=final)
    return Dataset(next(iter({**final, **robust})), {"200": recipe}, None, rows, robust=robust)
