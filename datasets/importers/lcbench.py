"""LCBench: `data_2k_lw.json`, `data_2k.json` or `six_datasets_lw.json` of the official figshare pages, or their zip.

Facts of the format: one JSON text {dataset: {config id: {config, log, results}}}, 35 OpenML datasets x 2,000 random
configurations of funnel-shaped multi-layer perceptrons; about 1 GB in the light version (without
gradient statistics), so that it is read as a stream, record by record. `config` has the seven sampled
hyper-parameters and constants; `log` lists of 52 numbers: `epoch` 0 to 51, `time` (s since the start of the run,
cumulative), Train/{train, val}_accuracy and Train/test_result (%), *_balanced_accuracy (fractions), *_cross_entropy,
Train/loss; `results` has model_parameters and final_{train, val, test}_*. Licence Apache-2.0.

The runs are of 50 epochs (`cosine_annealing_T_max`). Entry 0 of a log was taken before training, entry 51 mostly
repeats entry 50; as in the field's other readers the curve is entries 1 to 50 and the final value entry 50. The
`final_*` results do not always equal the log's; they are columns of their own.

One training run each (noise unknown). Learning rate, momentum, weight decay and dropout are continuous: this is a
*table-only* space, the listed configurations on the grid of the values that occur, ordered. A number that is not
finite (a run that diverged) is NaN here. A file with some datasets or configurations gives a smaller table.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.build import ids, squeeze_repeats
from nasbench.datasets.importers.official import file_source, number, repeats, space_facts, sparse_noise_floor, spread
from nasbench.datasets.readers.json_stream import nested_records
from nasbench.datasets.readers.zip_streams import zip_streams
from nasbench.errors import ImportFileError, UnsafeFileError
from nasbench.parameter import Parameter
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.grid import GridSpace

HYPERPARAMETERS = (
    "batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout",
)  # fmt: skip
CONSTANTS = (
    "imputation_strategy", "learning_rate_scheduler", "loss", "network", "normalization_strategy", "optimizer",
    "cosine_annealing_T_max", "cosine_annealing_eta_min", "activation", "mlp_shape",
)  # fmt: skip
EPOCHS = 50
MAX_LOG = 52


class _Series(NamedTuple):
    """A tag of the log: our name, direction, unit, split, largest value."""

    name: str
    direction: str
    unit: str
    split: str
    high: float


def _series() -> dict[str, _Series]:
    made = {}
    for split, role, accuracy in (
        ("val", "valid", "val_accuracy"), ("test", "test", "test_result"), ("train", "train", "train_accuracy"),
    ):  # fmt: skip
        made[f"Train/{accuracy}"] = _Series(f"{split}_accuracy", "maximize", "%", role, 100.0)
        balanced, entropy = f"{split}_balanced_accuracy", f"{split}_cross_entropy"
        made[f"Train/{balanced}"] = _Series(balanced, "maximize", "fraction", role, 1.0)
        made[f"Train/{entropy}"] = _Series(entropy, "minimize", "nats", role, np.inf)
    made["Train/loss"] = _Series("train_loss", "minimize", "nats", "train", np.inf)
    return made


SERIES = _series()
TIME = _Series("train_seconds", "minimize", "s", "cost", np.inf)

ROUNDING = 1 + 1e-6
"""How far above its largest value a mean of single-precision numbers may come to lie."""

MAX_RECORD = 8 << 20
MAX_RECORDS = 200_000
MAX_CELLS = 1_000_000
"""Configurations times repeats, over all datasets: 70,000 in the official file."""

REPORT_EVERY = 5_000

_FINAL = re.compile(r"final_(train|val|test)_(accuracy|balanced_accuracy|cross_entropy)")
_LARGEST = float(np.finfo(np.float32).max)
_log = logging.getLogger(__name__)


class _Run(NamedTuple):
    """One training: its configuration, and what was measured at the end and along the way (series, then time)."""

    id: str
    configuration: tuple[float, ...]
    constants: tuple[str, ...]
    last: NDArray[np.float64]
    curve: NDArray[np.float32]
    results: Mapping[str, float]


def read(path: Path, name: str | None = None) -> TableData:
    """LCBench's data_2k_lw.json (or its zip): 50-epoch curves of perceptrons on OpenML datasets, a table-only space.

    Raises:
        ImportFileError: it is not the official file, or not whole.
        UnsafeFileError: records that are too large or too many, or an unsafe archive.
    """
    runs = _runs(path)
    if not runs:
        raise ImportFileError(f"{path} holds no datasets")
    listed = sorted({run.configuration for of_one in runs.values() for run in of_one})
    space, genotypes = _described(np.array(listed))
    rank = {configuration: row for row, configuration in enumerate(listed)}
    runs_of_one = sum(max(Counter(run.configuration for run in of_one).values()) for of_one in runs.values())
    if len(listed) * runs_of_one > MAX_CELLS:
        raise UnsafeFileError(f"{path}: its {len(listed):,} configurations and datasets would make too large a table")
    placed = {dataset: [rank[run.configuration] for run in of_one] for dataset, of_one in runs.items()}
    official = ids(_source_ids(runs, placed, len(listed)))
    return TableData(
        name=name or "lcbench",
        title=f"LCBench: {len(listed):,} perceptrons x {len(placed)} OpenML datasets (table-only space of recipes)",
        licence="Apache-2.0",
        citation=(
            "L. Zimmer, M. Lindauer, F. Hutter. Auto-PyTorch Tabular: Multi-Fidelity MetaLearning for Efficient and "
            "Robust AutoDL. IEEE TPAMI 2021. https://arxiv.org/abs/2006.13799"
        ),
        sources=(file_source(path, "https://github.com/automl/LCBench", "Apache-2.0"),),
        complete=False,
        genotypes=genotypes,
        source_ids=official,
        canonical=np.arange(len(listed)),
        # each dataset's runs are let go as its columns are made
        datasets={dataset: _dataset(runs.pop(dataset), placed[dataset], len(listed)) for dataset in sorted(runs)},
        **space_facts(space),
    )


# -- the file ---------------------------------------------------------------------------------------


def _runs(path: Path) -> dict[str, list[_Run]]:
    """The runs of each dataset, in the order of their ids."""
    runs: dict[str, list[_Run]] = {}
    names: dict[str, str] = {}
    for count, (official, config_id, record) in enumerate(_records(path), start=1):
        dataset = official.lower()
        where = f"{path}: {official[:80]}, {config_id[:40]}"
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,63}", dataset) or not re.fullmatch(r"[0-9]{1,9}", config_id):
            raise ImportFileError(f"{where}: expected the name of a dataset and the number of a configuration")
        if names.setdefault(dataset, official) != official:
            raise ImportFileError(f"{where}: this and {names[dataset]} differ in case only")
        runs.setdefault(dataset, []).append(_run(record, config_id, where))
        if runs[dataset][-1].constants != runs[dataset][0].constants:
            raise ImportFileError(f"{where}: the runs of a dataset differ in more than the seven hyper-parameters")
        if count > MAX_RECORDS:
            raise UnsafeFileError(f"{path} has more than the {MAX_RECORDS:,} records that it may have")
        if count % REPORT_EVERY == 0:
            _log.info("%s: %s records, now of %s", path.name, f"{count:,}", official)
    return {dataset: sorted(of_one, key=lambda run: int(run.id)) for dataset, of_one in runs.items()}


def _records(path: Path) -> Iterator[tuple[str, str, Any]]:
    """Dataset, config id and record of each run, as they come."""
    try:
        with path.open("rb") as file:
            if file.read(2) != b"PK":
                file.seek(0)
                yield from nested_records(file, str(path), MAX_RECORD)
                return
    except (OSError, ValueError) as error:
        raise ImportFileError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    found = 0
    for member, stream in zip_streams(path, ".json", 1000):
        if not member.startswith("__MACOSX/"):
            found += 1
            if found > 1:
                raise ImportFileError(f"{path} holds several JSON files; give one of them")
            yield from nested_records(stream, stream.source, MAX_RECORD)


# -- one run ----------------------------------------------------------------------------------------


def _run(record: Mapping[str, Any], config_id: str, where: str) -> _Run:
    config, log, results = (_part(record, key, where) for key in ("config", "log", "results"))
    configuration = tuple(_hyperparameter(config, key, where) for key in HYPERPARAMETERS)
    epochs = log.get("epoch")
    length = len(epochs) if isinstance(epochs, list) else 0
    if not 2 <= length <= MAX_LOG or epochs != list(range(length)):
        raise ImportFileError(f"{where}: log.epoch does not count from 0 to at most {MAX_LOG - 1}")
    grid = np.full((len(SERIES) + 1, EPOCHS), np.nan)
    trained = min(length - 1, EPOCHS)
    for row, (tag, series) in enumerate([*SERIES.items(), ("time", TIME)]):
        grid[row, :trained] = _numbers(log.get(tag), length, series.high, f"{where}, {tag}")[1 : trained + 1]
    grid[-1, trained:] = grid[-1, trained - 1]  # what a run that stopped early took
    finals = {key: number(_finite(value), f"{where}, {key}", 0, null=True)
              for key, value in results.items() if _FINAL.fullmatch(key)}  # fmt: skip
    finals["params"] = number(results.get("model_parameters"), f"{where}, model_parameters", 1, 1e12)
    constants = tuple(repr(config.get(key))[:80] for key in CONSTANTS)
    return _Run(config_id, configuration, constants, grid[:, -1].copy(), grid.astype(np.float32), finals)


def _part(record: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    part = record.get(key)
    if not isinstance(part, dict):
        raise ImportFileError(f"{where}: expected an object of config, log and results")
    return part


def _hyperparameter(config: Mapping[str, Any], key: str, where: str) -> float:
    """A sampled value; some copies of the data write one layer as `true`."""
    value = config.get(key)
    return number(1 if key == "num_layers" and value is True else value, f"{where}, {key}", 0, 1e6)


def _numbers(values: Any, length: int, high: float, where: str) -> NDArray[np.float64]:
    """One number an entry of the log, NaN where there is none or it is not finite."""
    if not isinstance(values, list) or len(values) != length or not {*map(type, values)} <= {int, float, type(None)}:
        raise ImportFileError(f"{where}: expected a list of {length} numbers")
    try:
        numbers = np.array(values, dtype=np.float64)
    except OverflowError:
        raise ImportFileError(f"{where}: a number is too large") from None
    numbers[~(np.abs(numbers) <= _LARGEST)] = np.nan
    if (numbers < 0).any() or (numbers > high * ROUNDING).any():
        raise ImportFileError(f"{where}: expected numbers from 0 to {high}")
    return numbers


def _finite(value: Any) -> Any:
    """The value, None where it is no finite number of a diverged run."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


# -- the table --------------------------------------------------------------------------------------


def _described(listed: NDArray[np.float64]) -> tuple[GridSpace, NDArray[np.int64]]:
    """The grid of the values that occur, and the genotype of each configuration `(A, 7)`."""
    parameters, columns = [], []
    for key, column in zip(HYPERPARAMETERS, listed.T, strict=True):
        values, positions = np.unique(column, return_inverse=True)
        choices = [int(v) if v.is_integer() and key in ("batch_size", "num_layers", "max_units") else v
                   for v in values.tolist()]  # fmt: skip
        parameters.append(Parameter(key, tuple(choices), True))
        columns.append(positions)
    return GridSpace(parameters), np.stack(columns, axis=1)


def _source_ids(runs: Mapping[str, list[_Run]], placed: Mapping[str, list[int]], count: int) -> list[str]:
    """The official id of each row; with its dataset where another configuration has the same id elsewhere."""
    found: dict[int, tuple[str, str]] = {}
    owners: dict[str, set[int]] = {}
    for dataset in sorted(runs):
        for run, row in zip(runs[dataset], placed[dataset], strict=True):
            found.setdefault(row, (dataset, run.id))
            owners.setdefault(run.id, set()).add(row)
    return [own if len(owners[own]) == 1 else f"{dataset}/{own}" for dataset, own in (found[r] for r in range(count))]


def _dataset(runs: Sequence[_Run], placed: Sequence[int], count: int) -> Dataset:
    rows, (_, repeat) = np.array(placed), repeats(placed)
    width = int(repeat.max()) + 1
    shown = tuple(range(1, EPOCHS + 1))

    def column(values: Sequence[float]) -> NDArray[np.float64]:
        out = np.full((count, width), np.nan)
        part = spread(values, rows, repeat)
        out[: len(part)] = part
        return out

    final: dict[str, Column] = {}
    curve: dict[str, Column] = {}
    cost: dict[str, Column] = {}
    for place, (tag, series) in enumerate([*SERIES.items(), ("time", TIME)]):
        facts = (series.direction, series.unit, series.split)
        about = f"official {tag}"
        target = cost if series is TIME else final
        target[series.name] = Column(column([run.last[place] for run in runs]), *facts, description=about)
        grid = np.full((count, width, EPOCHS), np.nan, dtype=np.float32)
        grid[rows, repeat] = [run.curve[place] for run in runs]
        curve[series.name] = Column(grid, *facts, description=about, epochs=shown)
    by_name = {series.name: series for series in SERIES.values()}
    for key in sorted({key for run in runs for key in run.results} - {"params"}):
        like = by_name[key.removeprefix("final_")]
        values = column([run.results.get(key, np.nan) for run in runs])
        about = f"official results.{key}, which does not always equal the log's"
        final[key] = Column(values, like.direction, like.unit, like.split, description=about)
    params = squeeze_repeats(column([run.results["params"] for run in runs]))
    cost["params"] = Column(params, "minimize", "count", "cost", description="official model_parameters")
    recipe = Protocol(str(EPOCHS), EPOCHS, {"train_seconds": f"{EPOCHS} epochs"}, final, curve, cost)
    covered = np.unique(rows)
    floor = sparse_noise_floor(final["val_accuracy"].values)
    return Dataset("val_accuracy", {recipe.name: recipe}, floor, None if len(covered) == count else covered)
