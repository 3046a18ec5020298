"""NAS-Bench-NLP: `train_logs_wikitext-2/logs.zip` of the official repository.

Facts of the format: a zip of JSON logs, one a training run: the settings (equal in every run), recepie (the
recurrent cell, a JSON *string*: {node: {op, input}}), recepie_id, num_params, status, and one number an epoch
in wall_times (s) and train_losses, val_losses, test_losses (nats a token; perplexity is exp of it). 341 runs have
status `OK` and all 50 epochs; 4 have `loss is nan!` and stop early: their final losses are NaN here, their
curves end, and their training time is what they had taken. Licence Apache-2.0.

345 runs, of 291 different cells: the authors trained some again, mostly under another recepie_id. Runs of one
recepie text (they agree about num_params) are its training repeats, in the order of (recepie_id, experiment_id).

This is a *table-only* space: the 291 cells are described by nine summary features (how many nodes of each
operation, how many hidden states, and a number among cells of equal counts), which do not say how the nodes
are connected. Nothing off the table has a meaning; the recepie itself is the source id.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.build import ids
from nasbench.datasets.importers.official import (
    file_source,
    number,
    record,
    repeats,
    space_facts,
    sparse_noise_floor,
    spread,
)
from nasbench.datasets.readers.safe_files import parse_json, zip_members
from nasbench.errors import ImportFileError
from nasbench.parameter import Parameter
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.grid import GridSpace

SETTINGS = (
    "data", "recepies_list_path", "cuda", "batch_size", "model", "emsize", "nhid", "nlayers", "dropout", "dropouth",
    "dropouti", "dropoute", "wdrop", "tied", "bptt", "lr", "wdecay", "epochs", "alpha", "beta", "log_interval",
    "clip", "eval_batch_size",
)  # fmt: skip
SERIES = ("wall_times", "train_losses", "val_losses", "test_losses")
KEYS = (*SETTINGS, "recepie_id", "recepie", "experiment_id", "init_time", "num_params", "status", *SERIES)
OPERATIONS = (
    "linear", "activation_sigm", "activation_tanh", "activation_leaky_relu", "elementwise_sum", "elementwise_prod",
    "blend",
)  # fmt: skip
MAX_MEMBER = 256 << 10
MAX_MEMBERS = 20_000
MAX_EPOCHS = 1000


class _Run(NamedTuple):
    recepie_id: int
    experiment_id: int
    recepie: str
    params: float
    failed: bool
    series: Mapping[str, Sequence[float]]
    settings: Mapping[str, Any]


def read(path: Path, name: str | None = None) -> TableData:
    """NAS-Bench-NLP's logs.zip: losses of recurrent cells by epoch, a table-only space.

    Raises:
        ImportFileError: it is not the official archive, or not whole.
        UnsafeFileError: members that are too many, too large, encrypted, or point outside.
    """
    runs = sorted(_runs(path), key=lambda run: (run.recepie, run.recepie_id, run.experiment_id))
    if not runs:
        raise ImportFileError(f"{path} holds no logs")
    settings = runs[0].settings
    if any(run.settings != settings for run in runs):
        raise ImportFileError(f"{path}: the runs were not all trained with the same settings")
    cells = sorted({run.recepie for run in runs})
    space, genotypes = _described([_counts(cell, str(path)) for cell in cells])
    rank = np.lexsort(genotypes.T[::-1])
    place = np.argsort(rank)
    in_order, repeat = repeats([run.recepie for run in runs])
    rows = place[in_order]
    recipe = _protocol(runs, rows, repeat, int(settings["epochs"]), path)
    floor = sparse_noise_floor(recipe.final["val_loss"].values)
    dataset = str(settings["data"]).rpartition("/")[2]
    return TableData(
        name=name or "nas-bench-nlp",
        title=f"NAS-Bench-NLP: {len(cells):,} recurrent cells on {dataset} (table-only space of summary features)",
        licence="Apache-2.0",
        citation=(
            "N. Klyuchnikov, I. Trofimov, E. Artemova, M. Salnikov, M. Fedorov, A. Filippov, E. Burnaev. "
            "NAS-Bench-NLP: Neural Architecture Search Benchmark for Natural Language Processing. IEEE Access 2022. "
            "https://arxiv.org/abs/2006.07116"
        ),
        sources=(file_source(path, "https://github.com/fmsnew/nas-bench-nlp-release", "Apache-2.0"),),
        complete=False,
        genotypes=genotypes[rank],
        source_ids=ids([cells[cell] for cell in rank.tolist()]),
        canonical=np.arange(len(cells)),
        datasets={dataset: Dataset("val_loss", {recipe.name: recipe}, floor)},
        **space_facts(space),
    )


def _runs(path: Path) -> list[_Run]:
    runs: dict[tuple[int, int], _Run] = {}
    for member, content in zip_members(path, ".json", MAX_MEMBER, MAX_MEMBERS):
        where = f"{path}: {member}"
        fields = record(parse_json(content, where, nan=True), KEYS, where)
        epochs = int(number(fields["epochs"], f"{where}, epochs", 1, MAX_EPOCHS))
        dataset = fields["data"]
        if dataset not in ("data/wikitext-2", "data/ptb"):
            raise ImportFileError(f"{where}: data is neither data/wikitext-2 nor data/ptb")
        run = _Run(
            int(number(fields["recepie_id"], f"{where}, recepie_id", 0, 1e12)),
            int(number(fields["experiment_id"], f"{where}, experiment_id", 0, 1e12)),
            _text(fields["recepie"], where),
            number(fields["num_params"], f"{where}, num_params", 1, 1e12),
            fields["status"] != "OK",
            {key: _series(fields, key, epochs, f"{where}, {key}") for key in SERIES},
            {key: fields[key] for key in SETTINGS},
        )
        if fields["status"] not in ("OK", "loss is nan!"):
            raise ImportFileError(f"{where}: status is neither 'OK' nor 'loss is nan!'")
        if len({len(values) for values in run.series.values()}) != 1:
            raise ImportFileError(f"{where}: its series are not of equal length")
        if (run.recepie_id, run.experiment_id) in runs:
            raise ImportFileError(f"{where}: this run is there twice")
        runs[run.recepie_id, run.experiment_id] = run
    return [*runs.values()]


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 4096 or not value.isascii():
        raise ImportFileError(f"{where}: recepie is no short JSON text")
    return value


def _series(fields: Mapping[str, Any], key: str, epochs: int, where: str) -> list[float]:
    """One number an epoch: all of them finite where the run is OK, else as far as it came."""
    values = fields[key]
    whole = fields["status"] == "OK"
    if not isinstance(values, list) or not (len(values) == epochs if whole else 0 < len(values) <= epochs):
        raise ImportFileError(f"{where}: expected a list of {epochs} numbers, one an epoch")
    if whole or key == "wall_times":
        return [number(value, where, 0) for value in values]
    return [math.nan if value != value else number(value, where, 0) for value in values]


def _counts(recepie: str, where: str) -> tuple[int, ...]:
    """How many nodes of each operation a recepie has, and how many hidden states it makes."""
    nodes = parse_json(recepie.encode(), f"{where}: a recepie")
    if not isinstance(nodes, dict) or not nodes:
        raise ImportFileError(f"{where}: a recepie is no object of nodes")
    counts: Counter[str] = Counter()
    for node, fields in nodes.items():
        operation = record(fields, ("op", "input"), f"{where}: recepie node {node[:40]}")["op"]
        if operation not in OPERATIONS:
            raise ImportFileError(f"{where}: a recepie has an operation that is none of {', '.join(OPERATIONS)}")
        counts[operation] += 1
    return (*(counts[op] for op in OPERATIONS), sum(node.startswith("h_new_") for node in nodes))


def _described(counts: list[tuple[int, ...]]) -> tuple[GridSpace, NDArray[np.int64]]:
    """The table-only space, and the genotype of each cell, `(A, 9)`."""
    _, variant = repeats(counts)
    features = np.column_stack([np.array(counts), variant])
    names = [*OPERATIONS, "hidden states", "variant"]
    parameters = [
        Parameter(name, tuple(range(int(column.max()) + 1)), name != "variant")
        for name, column in zip(names, features.T, strict=True)
    ]
    return GridSpace(parameters), features.astype(np.int64)


def _protocol(
    runs: list[_Run], rows: NDArray[np.int64], repeat: NDArray[np.int64], epochs: int, path: Path
) -> Protocol:
    shown = tuple(range(1, epochs + 1))
    final, curve = {}, {}
    for split, role in (("val", "valid"), ("train", "train"), ("test", "test")):
        values = np.full((int(rows.max()) + 1, int(repeat.max()) + 1, epochs), np.nan)
        for run, row, which in zip(runs, rows, repeat, strict=True):
            values[row, which, : len(run.series[f"{split}_losses"])] = run.series[f"{split}_losses"]
        about = f"official {split}_losses; NaN where the run failed"
        last = np.ascontiguousarray(values[:, :, -1])
        final[f"{split}_loss"] = Column(last, "minimize", "nats", role, description=about)
        curve[f"{split}_loss"] = Column(values, "minimize", "nats", role, description=about, epochs=shown)
    taken = np.full(values.shape, np.nan)
    for run, row, which in zip(runs, rows, repeat, strict=True):
        spent = np.cumsum(run.series["wall_times"])
        taken[row, which] = np.concatenate([spent, np.full(epochs - len(spent), spent[-1])])
    seconds = np.ascontiguousarray(taken[:, :, -1])
    params = spread([run.params for run in runs], rows, repeat)
    if (params != params[:, :1])[~np.isnan(params)].any():
        raise ImportFileError(f"{path}: two runs of one recepie disagree about num_params")
    about = "sum of the official wall_times; of a failed run, until it stopped"
    cost = {
        "train_seconds": Column(seconds, "minimize", "s", "cost", description=about),
        "params": Column(params[:, 0].copy(), "minimize", "count", "cost", description="official num_params"),
    }
    curve["train_seconds"] = Column(taken, "minimize", "s", "cost", description=about, epochs=shown)
    return Protocol(str(epochs), epochs, {"train_seconds": f"{epochs} epochs"}, final, curve, cost)
