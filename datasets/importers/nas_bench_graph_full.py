"""NAS-Bench-Graph in full: `{dataset}{0,1,2}.bench` from figshare, every epoch of three training seeds.

Facts of the format: a file is the pickle of one dataset and seed, {official key: {dur: one list an epoch of
[train, validation, test performance, train, validation, test loss, best performance], ...}}. A record may also have
what the light tables of the PyPI package have: valid_perf and perf (validation and test, fractions), latency (s) and
para (million parameters). With them the final validation and test performance are those published numbers, without
them those of the last epoch. Which performance the seventh number is the best of is not published: it is left out.
Losses that are no finite numbers (of single precision) are NaN; a shorter list is a run that stopped, its curve ends.
Performance is accuracy, on proteins ROC-AUC. 26,206 architectures on eight datasets, 2,021 of them on proteins.
There are no training times. Licence Apache-2.0 (repository), CC BY 4.0 (figshare).

A path may be one file, or a folder with the files of one or several datasets: each dataset there becomes one of the
table, each of its seeds a repeat. Curves of one dataset take up to 1 GB, those of all nine more than most memories:
larger imports than `MAX_CURVES` are refused, a dataset can be imported by itself under a name of its own.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.build import counts, ids
from nasbench.datasets.importers.nas_bench_graph import DATASETS
from nasbench.datasets.importers.official import file_source, number, space_facts
from nasbench.datasets.readers.safe_pickle import numpy_scalar_globals, read_pickle
from nasbench.errors import ImportFileError, UnsafeFileError
from nasbench.noise import noise_floor
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.nas_bench_graph import NASBenchGraphSpace

Floats = NDArray[np.float64]

CURVES = ("train_accuracy", "val_accuracy", "test_accuracy", "train_loss", "val_loss", "test_loss")
"""Our names of the first six numbers of an epoch."""

ROLES = {"train": "train", "val": "valid", "test": "test"}
PUBLISHED = {"valid_perf": "val_accuracy", "perf": "test_accuracy"}
"""Final values that a record may state, and what they are."""

COSTS = ("latency", "para")
NUMBERS = len(CURVES) + 1
MAX_EPOCHS = 2000
MAX_BYTES = 2 << 30
MAX_CURVES = 2 << 30
LARGEST = float(np.finfo(np.float32).max)

_FILE = re.compile(r"([a-z]+)([0-9])\.bench")


class _Seed(NamedTuple):
    """One file: rows `(n,)` of the space, curves `(n, E, 6)`, final values `(n, 6)`, published numbers `(n,)`."""

    rows: NDArray[np.int64]
    curves: NDArray[np.float32]
    last: Floats
    published: Mapping[str, Floats]


def read(path: Path, name: str | None = None) -> TableData:
    """NAS-Bench-Graph's full .bench files (curves of three seeds), one file or a folder of them.

    Raises:
        ImportFileError: a file is not named or not made as published.
        UnsafeFileError: a file asks for any global but numpy's scalars, or there is more than memory is taken for.
    """
    files = _files(path)
    space = NASBenchGraphSpace()
    seeds: dict[str, list[_Seed]] = {}
    taken = 0
    for dataset, of_dataset in files.items():
        seeds[dataset] = []
        for file in of_dataset:
            seeds[dataset].append(_read(file, space))
            taken += seeds[dataset][-1].curves.nbytes
            if taken > MAX_CURVES:
                raise UnsafeFileError(
                    f"{path}: the curves take more than {MAX_CURVES:,} bytes; import a dataset at a time, from a "
                    "folder of its own and under a name of its own"
                )
    rows = np.unique(np.concatenate([seed.rows for of_dataset in seeds.values() for seed in of_dataset]))
    genotypes = space.genotypes(rows)
    return TableData(
        name=name or "nas-bench-graph-full",
        title=f"NAS-Bench-Graph, every epoch: {len(rows):,} graph neural networks x {len(files)} datasets",
        licence="Apache-2.0",
        citation=(
            "Y. Qin, Z. Zhang, X. Wang, Z. Zhang, W. Zhu. NAS-Bench-Graph: Benchmarking Graph Neural "
            "Architecture Search. NeurIPS Datasets and Benchmarks 2022. https://arxiv.org/abs/2206.09166"
        ),
        sources=tuple(
            file_source(file, "https://figshare.com/articles/dataset/NAS-bench-Graph/20070371", "CC BY 4.0")
            for of_dataset in files.values()
            for file in of_dataset
        ),
        complete=len(rows) == space.size,
        genotypes=genotypes,
        source_ids=ids([str(space.official_key(tuple(row))) for row in genotypes.tolist()]),
        canonical=np.arange(len(rows)),
        datasets={dataset: _dataset(dataset, seeds.pop(dataset), rows) for dataset in files},
        **space_facts(space),
    )


def _files(path: Path) -> dict[str, list[Path]]:
    """The files of each dataset in the order of seeds, datasets in the official order."""
    found = sorted(path.iterdir()) if path.is_dir() else [path]
    files: dict[str, list[Path]] = {}
    for file in found:
        named = _FILE.fullmatch(file.name)
        if named is not None and named[1] in DATASETS:
            files.setdefault(named[1], []).append(file)
    if not files:
        raise ImportFileError(f"{path} is, or has, no file {{dataset}}{{seed}}.bench, e.g. cora0.bench")
    return {dataset: files[dataset] for dataset in DATASETS if dataset in files}


# -- one file -----------------------------------------------------------------------------------


def _read(path: Path, space: NASBenchGraphSpace) -> _Seed:
    found = read_pickle(path, numpy_scalar_globals(), MAX_BYTES)
    if not isinstance(found, dict) or not found:
        raise ImportFileError(f"{path} holds no dictionary of architectures")
    rows = _rows(path, space, found)
    records = [*found.values()]
    series = [_dur(record, path) for record in records]
    epochs = max(map(len, series))
    curves = np.full((len(rows), epochs, len(CURVES)), np.nan, dtype=np.float32)
    last = np.full((len(rows), len(CURVES)), np.nan)
    known = [key for key in (*PUBLISHED, *COSTS) if key in records[0]]
    published = {key: np.full(len(rows), np.nan) for key in known}
    for place, (key, record) in enumerate(found.items()):
        values = _numbers(series[place], f"{path}, {key}")
        curves[place, : len(values)] = values
        if len(values) == epochs:
            last[place] = values[-1]
        for field in known:
            if field not in record:
                raise ImportFileError(f"{path}, {key} lacks {field}, which other records have")
            published[field][place] = number(record[field], f"{path}, {key}, {field}", 0, 1e6)
    for column, metric in enumerate(CURVES):
        if metric.endswith("accuracy") and ((curves[:, :, column] < 0) | (curves[:, :, column] > 1)).any():
            raise ImportFileError(f"{path}: a performance of dur is no fraction")
    return _Seed(rows, curves, last, published)


def _rows(path: Path, space: NASBenchGraphSpace, keys: Mapping[Any, Any]) -> NDArray[np.int64]:
    try:
        genotypes = [space.from_official_key(key) for key in keys]
    except ValueError as error:  # a GenotypeError; or a key of too many digits to be shown in one
        raise ImportFileError(f"{path}: {error}") from error
    return space.indices(genotypes)


def _dur(record: Any, path: Path) -> Sequence[Any]:
    dur = record.get("dur") if isinstance(record, dict) else None
    if isinstance(dur, list | tuple) and 0 < len(dur) <= MAX_EPOCHS:
        return dur
    raise ImportFileError(f"{path}: a record lacks dur, a list of up to {MAX_EPOCHS:,} epochs")


def _numbers(dur: Sequence[Any], where: str) -> Floats:
    """The numbers of each epoch that have a column, `(E, 6)`; NaN for those that single precision cannot hold."""
    if all(type(epoch) in (list, tuple) and len(epoch) == NUMBERS for epoch in dur):
        try:
            # an array refuses texts and lists, which numpy would take for numbers or dimensions
            flat = np.array(array("d", chain.from_iterable(dur))).reshape(len(dur), NUMBERS)[:, : len(CURVES)]
            return np.where(np.abs(flat) <= LARGEST, flat, np.nan)
        except (TypeError, OverflowError):
            pass
    raise ImportFileError(f"{where}: an epoch of dur is no list of {NUMBERS} numbers")


# -- one dataset --------------------------------------------------------------------------------


def _dataset(dataset: str, seeds: Sequence[_Seed], rows: NDArray[np.int64]) -> Dataset:
    places = [np.searchsorted(rows, seed.rows) for seed in seeds]
    epochs = max(seed.curves.shape[1] for seed in seeds)
    shown = tuple(range(1, epochs + 1))
    what = "ROC-AUC" if dataset == "proteins" else "accuracy"
    final, curve = {}, {}
    for column, metric in enumerate(CURVES):
        split, _, kind = metric.partition("_")
        direction, unit = ("maximize", "fraction") if kind == "accuracy" else ("minimize", "loss")
        about = f"official dur[...][{column}] ({what if kind == 'accuracy' else 'loss'}), a repeat for each seed"
        values = np.full((len(rows), len(seeds), epochs), np.nan, dtype=np.float32)
        ends = np.full((len(rows), len(seeds)), np.nan)
        for repeat, (place, seed) in enumerate(zip(places, seeds, strict=True)):
            values[place, repeat, : seed.curves.shape[1]] = seed.curves[:, :, column]
            if seed.curves.shape[1] == epochs:
                ends[place, repeat] = seed.last[:, column]
        curve[metric] = Column(values, direction, unit, ROLES[split], description=about, epochs=shown)
        final[metric] = Column(ends, direction, unit, ROLES[split], description=f"{about}, at the last epoch")
    for field, metric in PUBLISHED.items():
        if all(field in seed.published for seed in seeds):
            stated = _spread(field, seeds, places, len(rows))
            split = metric.partition("_")[0]
            about = f"official {field} ({what}), a repeat for each seed"
            final[metric] = Column(stated, "maximize", "fraction", ROLES[split], description=about)
    covered = np.unique(np.concatenate(places))
    recipe = Protocol(str(epochs), epochs, {}, final, curve, _costs(seeds, places, len(rows)))
    floor = noise_floor(final["val_accuracy"].values)
    return Dataset("val_accuracy", {recipe.name: recipe}, floor, None if len(covered) == len(rows) else covered)


def _spread(field: str, seeds: Sequence[_Seed], places: Sequence[NDArray[np.int64]], size: int) -> Floats:
    """`(A, R)` of a number that the records state."""
    values = np.full((size, len(seeds)), np.nan)
    for repeat, (place, seed) in enumerate(zip(places, seeds, strict=True)):
        values[place, repeat] = seed.published[field]
    return values


def _costs(seeds: Sequence[_Seed], places: Sequence[NDArray[np.int64]], size: int) -> dict[str, Column]:
    cost = {}
    if all("latency" in seed.published for seed in seeds):
        latency = _spread("latency", seeds, places, size) * 1e3
        cost["latency_ms"] = Column(latency, "minimize", "ms", "cost", description="published in seconds")
    if all("para" in seed.published for seed in seeds):
        params = _spread("para", seeds, places, size)
        same = (params == params[:, :1]) | np.isnan(params)
        values = params[:, 0].copy() if same.all() else params
        cost["params"] = Column(counts(values), "minimize", "count", "cost", description="published in millions")
    return cost
