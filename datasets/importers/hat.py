"""HAT (Hardware-Aware Transformers): the CSV files of `latency_dataset/` of the official repository.

Facts of the format: `<task>_<device>_all.csv`, a header and 2,000 transformers: ten summary features (sizes,
and averages over the layers), then the latency of encoder and decoder in ms, mean and standard deviation of the
measurement. A transformer cannot be told from its averages, so that this is a *table-only* space: the listed
rows, on the grid of the feature values that occur; nothing off the table has a meaning. Latency is all there
is: nothing is learned, there are no training times and no curves. No transformer is in two files, so each file
is a dataset of its own (`wmt14ende_cpu_raspberrypi`). Should two records of a file have equal features they are
kept side by side, as repeats. Licence MIT.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.build import ids
from nasbench.datasets.importers.official import file_source, repeats, space_facts, spread
from nasbench.datasets.readers.delimited import DelimitedFile
from nasbench.errors import ImportFileError
from nasbench.parameter import Parameter
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.grid import GridSpace

FEATURES = (
    "encoder_embed_dim", "encoder_layer_num", "encoder_ffn_embed_dim_avg", "encoder_self_attention_heads_avg",
    "decoder_embed_dim", "decoder_layer_num", "decoder_ffn_embed_dim_avg", "decoder_self_attention_heads_avg",
    "decoder_ende_attention_heads_avg", "decoder_arbitrary_ende_attn_avg",
)  # fmt: skip
LATENCIES = ("latency_mean_encoder", "latency_mean_decoder", "latency_std_encoder", "latency_std_decoder")
MAX_BYTES = 16 << 20
MAX_RECORDS = 50_000


def read(path: Path, name: str | None = None) -> TableData:
    """HAT's latency CSV of one task and device, or the folder of them: latencies only, a table-only space.

    Raises:
        ImportFileError: a file is not what it should be.
        UnsafeFileError: a file is larger than it may be.
    """
    files = _files(path)
    numbers = {dataset: _numbers(file) for dataset, file in files.items()}
    features = np.concatenate([values[:, : len(FEATURES)] for values in numbers.values()])
    listed, order = np.unique(features, axis=0, return_inverse=True)
    space = GridSpace([Parameter(key, _choices(column), True) for key, column in zip(FEATURES, listed.T, strict=True)])
    genotypes = np.stack([np.unique(column, return_inverse=True)[1] for column in listed.T], axis=1)
    datasets, begin, rows = {}, 0, order.reshape(-1)
    for dataset, values in numbers.items():
        datasets[dataset] = _dataset(values, rows[begin : begin + len(values)], len(listed))
        begin += len(values)
    return TableData(
        name=name or "hat",
        title=f"HAT: measured latency of {len(listed):,} transformers (table-only space of ten summary features)",
        licence="MIT",
        citation=(
            "H. Wang, Z. Wu, Z. Liu, H. Cai, L. Zhu, C. Gan, S. Han. HAT: Hardware-Aware Transformers for Efficient "
            "Natural Language Processing. ACL 2020. https://arxiv.org/abs/2005.14187"
        ),
        sources=tuple(
            file_source(f, "https://github.com/mit-han-lab/hardware-aware-transformers", "MIT") for f in files.values()
        ),
        complete=False,
        genotypes=genotypes,
        source_ids=ids([",".join(repr(_plain(value)) for value in row) for row in listed.tolist()]),
        canonical=np.arange(len(listed)),
        datasets=datasets,
        **space_facts(space),
    )


def _files(path: Path) -> dict[str, Path]:
    found = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    if not found:
        raise ImportFileError(f"{path} has no CSV file; give one of HAT's latency files, or the folder of them")
    files = {}
    for file in found:
        dataset = file.name.lower().removesuffix(".csv").removesuffix("_all")
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,63}", dataset) or dataset in files:
            raise ImportFileError(f"{file}: {dataset!r} cannot name a dataset; keep the official file names")
        files[dataset] = file
    return files


def _numbers(path: Path) -> NDArray[np.float64]:
    """`(n, 14)`: features and latencies of each record, all finite and none below zero."""
    file = DelimitedFile(path, [*FEATURES, *LATENCIES], MAX_BYTES)
    if tuple(file.header) != (*FEATURES, *LATENCIES):
        raise ImportFileError(f"{path}, line 1: these are not the columns of HAT's latency files")
    cells = file.read(file.header)
    try:
        numbers = np.array([[float(cell) for cell in cells.columns[key]] for key in file.header]).T
    except ValueError as error:
        raise ImportFileError(f"{path}: {error}; every cell is a number") from error
    bad = np.flatnonzero(~(np.isfinite(numbers) & (numbers >= 0)).all(axis=1))
    if bad.size or len(numbers) > MAX_RECORDS:
        raise ImportFileError(f"{path}: record {int(bad[0]) + 1 if bad.size else MAX_RECORDS} has no usable numbers")
    return np.asarray(numbers + 0.0)


def _choices(column: NDArray[np.float64]) -> tuple[int | float, ...]:
    return tuple(_plain(value) for value in np.unique(column).tolist())


def _plain(value: float) -> int | float:
    return int(value) if value.is_integer() and value < 1e9 else value


def _dataset(values: NDArray[np.float64], rows: NDArray[np.int64], count: int) -> Dataset:
    """A task and device: its rows of the table, and latencies of them."""
    _, runs = repeats(rows.tolist())
    columns = dict(zip(LATENCIES, values[:, len(FEATURES) :].T, strict=True))
    total = columns["latency_mean_encoder"] + columns["latency_mean_decoder"]

    def column(numbers: NDArray[np.float64], about: str) -> Column:
        grid = np.full((count, int(runs.max()) + 1), np.nan)
        part = spread(numbers.tolist(), rows, runs)
        grid[: len(part)] = part
        return Column(grid, "minimize", "ms", "cost", description=about)

    cost = {"latency_ms": column(total, "sum of the published means of encoder and decoder")}
    for part in ("encoder", "decoder"):
        cost[f"{part}_latency_ms"] = column(columns[f"latency_mean_{part}"], f"official latency_mean_{part}")
        cost[f"{part}_latency_std_ms"] = column(columns[f"latency_std_{part}"], f"official latency_std_{part}")
    covered = np.unique(rows)
    recipe = Protocol("measured", None, {}, cost=cost)
    return Dataset("latency_ms", {recipe.name: recipe}, None, None if len(covered) == count else covered)
