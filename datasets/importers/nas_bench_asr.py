"""NAS-Bench-ASR: the official pickles `nb-asr-e{epochs}-{seed}.pickle` and their companions, in one folder.

Facts of the format: every file is two pickles, a header {dataset_type, version, columns, search_space, ...} and a
list of rows in the order of the columns. Training files (`training`, with seed and epochs) have [model_hash,
val_per: one number an epoch, test_per, arch_vec]; `nb-asr-bench-{device}.pickle` (`benchmarking`) has [model_hash,
latency in s]; `nb-asr-info.pickle` (`static`) has [model_hash, params] and from version 2 flops. Published are 8,242
models on TIMIT, trained for 40 epochs from the seeds 1234, 1235 and 1236, and for 5 and 10 epochs from one. Error
rates of phonemes are fractions, lower is better. As in the official API the final validation error is that of the
best epoch, and the test error (a single number) is the one of that epoch. There are no training times. Licence
Apache-2.0.

The tables are keyed by the official hash, and `arch_vec` is the cell that was trained. For a cell without `zero` the
hash is its own. The 5,824 cells with a `zero` share 242 hashes, of which every one stands for several different
networks (`nasbench.spaces.nas_bench_asr`): the official API answers for all of them with the numbers of the one
that was trained. Here a cell has a row only where it is the network that was trained under its hash, so that the
table is always partial.
"""

from __future__ import annotations

import io
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.build import ids
from nasbench.datasets.importers.official import file_source, space_facts
from nasbench.datasets.readers.safe_files import read_bytes
from nasbench.datasets.readers.safe_pickle import load, numpy_scalar_globals
from nasbench.errors import GenotypeError, ImportFileError
from nasbench.noise import noise_floor
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.space import Genotype, Genotypes
from nasbench.spaces.nas_bench_asr import NODES, OPERATIONS, NASBenchASRSpace

DATASET = "timit"
COLUMNS = {
    "training": ("model_hash", "val_per", "test_per", "arch_vec"),
    "benchmarking": ("model_hash", "latency"),
    "static": ("model_hash", "params"),
}
PUBLISHED_OPERATIONS = (OPERATIONS, [*OPERATIONS])
HEADER = ("dataset_type", "version", "columns", "search_space")
MAX_BYTES = 256 << 20
MAX_EPOCHS = 1000

_FILE = re.compile(r"nb-asr-(?:e[0-9]{1,3}-[0-9]{1,9}|bench-[a-zA-Z0-9-]{1,64}|info)\.pickle")


class _File(NamedTuple):
    """One file: its path, header, and rows by hash, without the hash."""

    path: Path
    header: Mapping[str, Any]
    columns: tuple[str, ...]
    rows: dict[str, Sequence[Any]]


def read(path: Path, name: str | None = None) -> TableData:
    """NAS-Bench-ASR's folder of pickles (phoneme error rates on TIMIT), or one training file alone.

    Raises:
        ImportFileError: no training file, or a file or row that is not what it should be.
        UnsafeFileError: a file asks for any global but numpy's scalars, or is larger than it may be.
    """
    files = [_read(file) for file in _files(path)]
    trainings = [file for file in files if file.header["dataset_type"] == "training"]
    if not trainings:
        raise ImportFileError(f"{path} holds no training file nb-asr-e{{epochs}}-{{seed}}.pickle")
    space = NASBenchASRSpace()
    trained = _trained(space, trainings)
    genotypes, hashes = _rows(space, trained)
    place: dict[str, list[int]] = defaultdict(list)
    for row, key in enumerate(hashes):
        place[key].append(row)
    static = [file for file in files if file.header["dataset_type"] == "static"]
    protocols = _protocols(trainings, place, len(hashes), _costs(static, place, len(hashes)))
    device = _latencies([file for file in files if file.header["dataset_type"] == "benchmarking"], place, len(hashes))
    _, first, which = np.unique(space.indices(space.canonical(genotypes)), return_index=True, return_inverse=True)
    floor = noise_floor(next(iter(protocols.values())).final["val_per"].values, sign=-1)
    return TableData(
        name=name or "nas-bench-asr",
        title=f"NAS-Bench-ASR: {len(trained):,} trained speech recognisers on TIMIT, {len(hashes):,} cells",
        licence="Apache-2.0",
        citation=(
            "A. Mehrotra, A. G. C. P. Ramos, S. Bhattacharya, L. Dudziak, R. Vipperla, T. Chau, M. S. Abdelfattah, "
            "S. Ishtiaq, N. D. Lane. NAS-Bench-ASR: Reproducible Neural Architecture Search for Speech Recognition. "
            "ICLR 2021. https://openreview.net/forum?id=CU0APx9LMaL"
        ),
        sources=tuple(file_source(file.path, "https://github.com/SamsungLabs/nb-asr", "Apache-2.0") for file in files),
        complete=False,
        genotypes=genotypes,
        source_ids=ids(hashes),
        canonical=np.asarray(first[which], dtype=np.int64),
        datasets={DATASET: Dataset("val_per", protocols, floor, device=device)},
        **space_facts(space),
    )


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if _FILE.fullmatch(file.name))
    if not found:
        raise ImportFileError(f"{path} holds no file nb-asr-*.pickle")
    return found


# -- one file -----------------------------------------------------------------------------------


def _read(path: Path) -> _File:
    source = str(path)
    content = read_bytes(path, MAX_BYTES)
    stream = io.BytesIO(content)
    header = load(stream, len(content), None, source)
    kind = header.get("dataset_type") if isinstance(header, dict) and header.keys() >= {*HEADER} else None
    if not isinstance(kind, str) or kind not in COLUMNS:
        raise ImportFileError(f"{source} does not begin with a header of NAS-Bench-ASR: {', '.join(HEADER)}")
    wanted = COLUMNS[kind]
    columns = header["columns"]
    if type(columns) not in (list, tuple) or not all(isinstance(column, str) for column in columns):
        raise ImportFileError(f"{source}: its columns are no list of names")
    if tuple(columns[:2]) != wanted[:2] or not {*wanted} <= {*columns} or len({*columns}) != len(columns):
        raise ImportFileError(f"{source}: the columns of a {kind} file are {', '.join(wanted)}")
    space = header["search_space"]
    if not isinstance(space, dict) or space.get("nodes") != NODES or space.get("ops") not in PUBLISHED_OPERATIONS:
        raise ImportFileError(f"{source} is of another search space than the published one")
    rows = load(stream, len(content), numpy_scalar_globals(), source)
    if type(rows) is not list or not rows:
        raise ImportFileError(f"{source} holds no list of rows")
    by_hash: dict[str, Sequence[Any]] = {}
    for row in rows:
        if type(row) not in (list, tuple) or len(row) != len(columns) or not isinstance(row[0], str):
            raise ImportFileError(f"{source}: a row is no list of {', '.join(columns)}")
        if row[0] in by_hash:
            raise ImportFileError(f"{source}: {row[0][:40]} is listed twice")
        by_hash[row[0]] = row
    return _File(path, header, tuple(columns), by_hash)


def _whole(file: _File, key: str, low: int, high: int) -> int:
    value = file.header.get(key)
    if type(value) is not int or not low <= value <= high:
        raise ImportFileError(f"{file.path}: {key} of its header is no integer from {low} to {high}")
    return value


def _number(value: Any, where: str, low: float, high: float) -> float:
    """NaN, or a number from `low` to `high`, plain or of numpy (many are published in single precision)."""
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        found = math.inf if type(value) is int and value > high else float(value)
        if low <= found <= high or math.isnan(found):
            return found
    raise ImportFileError(f"{where}: expected a number from {low:g} to {high:g}")


# -- architectures ------------------------------------------------------------------------------


def _trained(space: NASBenchASRSpace, files: Sequence[_File]) -> dict[str, Genotype]:
    """The cell that was trained under each hash, which all files must agree about."""
    trained: dict[str, Genotype] = {}
    for file in files:
        at = file.columns.index("arch_vec")
        for key, row in file.rows.items():
            try:
                genotype = space.from_vector(_vector(row[at]))
            except GenotypeError as error:
                raise ImportFileError(f"{file.path}, {key[:40]}: {error}") from error
            if trained.setdefault(key, genotype) != genotype:
                raise ImportFileError(f"{file.path}: {key[:40]} is another architecture than in another file")
            if space.official_hash(genotype) != key:
                raise ImportFileError(f"{file.path}: {key[:40]} is not the hash of {space.format(genotype)}")
    return trained


def _vector(value: Any) -> list[list[int]]:
    """The vector, if it is short nested sequences of plain integers; else a `GenotypeError`."""
    kinds = (list, tuple)
    if type(value) in kinds and len(value) <= NODES and all(type(n) in kinds and len(n) <= NODES + 1 for n in value):
        nodes = [[*node] for node in value]
        if all(type(gene) is int and 0 <= gene < 100 for node in nodes for gene in node):
            return nodes
    raise GenotypeError("arch_vec is no vector of NAS-Bench-ASR")


def _rows(space: NASBenchASRSpace, trained: Mapping[str, Genotype]) -> tuple[Genotypes, list[str]]:
    """The cells that are a trained network under their own hash, in rank order, `(A, 9)`; and those hashes."""
    every = space.all()
    network = space.indices(space.canonical(every))
    hashes = [space.official_hash(tuple(cell)) for cell in every.tolist()]
    of = {key: int(network[space.index(cell)]) for key, cell in trained.items()}
    kept = [rank for rank, key in enumerate(hashes) if of.get(key, -1) == network[rank]]
    return every[kept], [hashes[rank] for rank in kept]


# -- columns ------------------------------------------------------------------------------------


def _protocols(
    files: Sequence[_File], place: Mapping[str, list[int]], size: int, cost: Mapping[str, Column]
) -> dict[str, Protocol]:
    """One recipe a number of epochs, the longest first, whose repeats are the seeds in rising order."""
    seeds: dict[int, dict[int, _File]] = defaultdict(dict)
    for file in files:
        epochs, seed = _whole(file, "epochs", 1, MAX_EPOCHS), _whole(file, "seed", 0, 2**31)
        if seed in seeds[epochs]:
            raise ImportFileError(f"{file.path} has the epochs and seed of {seeds[epochs][seed].path}")
        seeds[epochs][seed] = file
    return {str(epochs): _protocol(epochs, seeds[epochs], place, size, cost) for epochs in sorted(seeds, reverse=True)}


def _protocol(
    epochs: int, files: Mapping[int, _File], place: Mapping[str, list[int]], size: int, cost: Mapping[str, Column]
) -> Protocol:
    curves = np.full((size, len(files), epochs), np.nan)
    test = np.full((size, len(files)), np.nan)
    for repeat, seed in enumerate(sorted(files)):
        file = files[seed]
        at, tested = file.columns.index("val_per"), file.columns.index("test_per")
        for key, row in file.rows.items():
            where = f"{file.path}, {key}"
            series = row[at]
            if type(series) not in (list, tuple) or len(series) != epochs:
                raise ImportFileError(f"{where}: val_per is no list of {epochs} numbers, one an epoch")
            curves[place[key], repeat] = [_number(value, f"{where}, val_per", 0, 100) for value in series]
            test[place[key], repeat] = _number(row[tested], f"{where}, test_per", 0, 100)
    seeded = f"phoneme error rate, seeds {', '.join(map(str, sorted(files)))}"
    lowest = np.fmin.reduce(curves, axis=2)
    about = f"official val_per at its best epoch, {seeded}"
    final = {"val_per": Column(lowest, "minimize", "fraction", "valid", description=about)}
    about = f"official test_per at the best validation epoch, {seeded}"
    final["test_per"] = Column(test, "minimize", "fraction", "test", description=about)
    shown = tuple(range(1, epochs + 1))
    about = f"official val_per at each epoch, {seeded}"
    curve = {"val_per": Column(curves, "minimize", "fraction", "valid", description=about, epochs=shown)}
    return Protocol(str(epochs), epochs, {}, final, curve, dict(cost))


def _costs(files: Sequence[_File], place: Mapping[str, list[int]], size: int) -> dict[str, Column]:
    """Parameters and, from version 2 of the file, operations."""
    return {
        name: Column(_values(file, name, place, size), "minimize", "count", "cost", description=f"official {name}")
        for file in files
        for name in ("params", "flops")
        if name in file.columns
    }


def _latencies(files: Sequence[_File], place: Mapping[str, list[int]], size: int) -> dict[str, Column]:
    """`<device>_latency_ms` of each device."""
    found: dict[str, Column] = {}
    for file in files:
        device = file.header.get("device")
        if not isinstance(device, str) or not re.fullmatch("[a-zA-Z0-9-]{1,64}", device):
            raise ImportFileError(f"{file.path}: its header names no device")
        if f"{device}_latency_ms" in found:
            raise ImportFileError(f"{file.path}: another file has the device {device}, too")
        values = _values(file, "latency", place, size) * 1e3
        column = Column(values, "minimize", "ms", "cost", description=f"{device}; published in seconds")
        found[f"{device}_latency_ms"] = column
    return found


def _values(file: _File, name: str, place: Mapping[str, list[int]], size: int) -> NDArray[np.float64]:
    """`(A,)` of a column; NaN where a trained model is not listed. Models that were not trained are left out."""
    values, at = np.full(size, np.nan), file.columns.index(name)
    for key, row in file.rows.items():
        values[place.get(key, [])] = _number(row[at], f"{file.path}, {key[:40]}, {name}", 0, 1e15)
    return values
