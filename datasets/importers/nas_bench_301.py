"""NAS-Bench-301: the trainings behind the surrogates, `OPTIMIZER/results_N.json`, a folder or a zip of them.

Facts of the format: one file a training of one pair of DARTS cells on CIFAR-10 (40,000 images train, 10,000
validate), as Auto-PyTorch wrote it: {optimized_hyperparamater_config (sic): the cells and all other
hyper-parameters; budget: epochs; info: a list whose first entry is the training (val_accuracy,
train_accuracy in %, val_cross_entropy, model_parameters, ...); test_accuracy in %; runtime in s; in the full version
learning_curves: {tag: one number an epoch}, accuracies in %}. Files are named results_N.json or results_N_ti.json;
their folder names the optimizer that asked for the architecture (rs, re, de, tpe, bananas, combo, darts, pc_darts,
gdas, drnas, random_ws, ...), for leave-one-optimizer-out validation: the source id of a row is the first of
its trainings, as `bananas/results_12`. Licence Apache-2.0.

Trainings of one architecture by one recipe are its repeats, in the order of their names. A recipe is what the
official code calls the three fidelities: epochs, layers, initial channels. Where files of several recipes stand
together each is a protocol, the most frequent one the default. Other hyper-parameters that vary within a
recipe (the official code names learning rate and weight decay) are noise here: the description of
val_accuracy names them.

A training that diverged has no finite numbers: NaN here. The table is partial on the DARTS space. We fit our own
surrogates on it; the published models are never loaded.
"""

from __future__ import annotations

import hashlib
import logging
import math
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.build import ids, squeeze_repeats
from nasbench.datasets.importers.official import file_source, number, repeats, space_facts, sparse_noise_floor, spread
from nasbench.datasets.readers.safe_files import parse_json, read_bytes
from nasbench.datasets.readers.zip_streams import zip_streams
from nasbench.errors import GenotypeError, ImportFileError, UnsafeFileError
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.darts import CONFIG_PREFIX, DartsSpace

CONFIG = "optimized_hyperparamater_config"
KEYS = frozenset({CONFIG, "budget", "info", "test_accuracy", "runtime"})
CURVES = {
    "Train/val_accuracy": ("val_accuracy", "valid"),
    "Train/train_accuracy": ("train_accuracy", "train"),
    "Train/test_result": ("test_accuracy", "test"),
}
OPTIONAL = {
    "train_accuracy": ("train_accuracy", "maximize", "%", "train", 100.0),
    "val_cross_entropy": ("val_cross_entropy", "minimize", "nats", "valid", 1e9),
}
"""Entries of `info` that only some files have: our name, direction, unit, split, largest value."""

MAX_FILE = 4 << 20
MAX_FILES = 200_000
MAX_EPOCHS = 5000
MAX_RECIPES = 64
MAX_CELLS = 20_000_000
"""Architectures times repeats, over all recipes."""

MAX_NUMBERS = 1 << 29
"""Numbers that a learning curve of all architectures may have."""

REPORT_EVERY = 10_000

_CELL_KEY = re.compile(f"{CONFIG_PREFIX}(?:edge|inputs_node)_")
_log = logging.getLogger(__name__)


class _Recipe(NamedTuple):
    epochs: int
    layers: int
    channels: int


class _Run(NamedTuple):
    name: str
    genotype: tuple[int, ...]
    recipe: _Recipe
    settings: str
    values: Mapping[str, float]
    curves: Mapping[str, NDArray[np.float32]]
    sha256: str


def read(path: Path, name: str | None = None) -> TableData:
    """NAS-Bench-301's folder or zip of results_N.json: trainings of DARTS cells on CIFAR-10, a partial table.

    Raises:
        ImportFileError: a file is not what it should be, or there is none.
        UnsafeFileError: files that are too large or too many, or an unsafe archive.
    """
    space = DartsSpace()
    runs = _named([_run(where, content, space) for where, content in _contents(path)])
    if not runs:
        raise ImportFileError(f"{path} has no results_N.json; give the folder of the optimizers' folders, or its zip")
    genotypes, order = np.unique(np.array([run.genotype for run in runs]), axis=0, return_inverse=True)
    rows = order.reshape(-1)
    first = dict(zip(reversed(rows.tolist()), (run.name for run in reversed(runs)), strict=True))
    protocols = _protocols(runs, rows, path)
    floor = sparse_noise_floor(next(iter(protocols.values())).final["val_accuracy"].values)
    return TableData(
        name=name or "nas-bench-301",
        title=f"NAS-Bench-301: {len(runs):,} trainings of {len(genotypes):,} DARTS cells on CIFAR-10",
        licence="Apache-2.0",
        citation=(
            "A. Zela, J. Siems, L. Zimmer, J. Lukasik, M. Keuper, F. Hutter. Surrogate NAS Benchmarks: Going Beyond "
            "the Limited Search Spaces of Tabular NAS Benchmarks. ICLR 2022. https://arxiv.org/abs/2008.09777"
        ),
        sources=(_source(path, runs),),
        complete=False,
        genotypes=genotypes,
        source_ids=ids([first[row] for row in range(len(genotypes))]),
        canonical=_canonical(space, genotypes),
        datasets={"cifar10": Dataset("val_accuracy", protocols, floor)},
        **space_facts(space),
    )


# -- files ------------------------------------------------------------------------------------------


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """`.../OPTIMIZER/results_N` and content of each file."""
    for count, (found, content) in enumerate(_filed(path) if path.is_dir() else _archived(path), start=1):
        if not re.fullmatch(r"(?:.*/)?[A-Za-z0-9_.-]{1,64}/results_[0-9]{1,9}(?:_[a-z]{1,8})?\.json", found):
            raise ImportFileError(f"{path}: {found[-200:]!r} is no OPTIMIZER/results_N.json")
        if count > MAX_FILES:
            raise UnsafeFileError(f"{path} has more than the {MAX_FILES:,} results that it may have")
        if count % REPORT_EVERY == 0:
            _log.info("%s: %s results", path, f"{count:,}")
        yield found.removesuffix(".json"), content


def _filed(path: Path) -> Iterator[tuple[str, bytes]]:
    root = path.resolve()
    for file in root.rglob("results_*.json"):
        yield file.relative_to(root.parent).as_posix(), read_bytes(file, MAX_FILE)


def _archived(path: Path) -> Iterator[tuple[str, bytes]]:
    for member, stream in zip_streams(path, ".json", MAX_FILES):
        if member.rpartition("/")[2].startswith("results_") and not member.startswith("__MACOSX/"):
            yield member, stream.whole(MAX_FILE)


def _named(runs: list[_Run]) -> list[_Run]:
    """The trainings in the order of their names: the last two parts of each path where these are its own."""
    short = ["/".join(run.name.split("/")[-2:]) for run in runs]
    count = Counter(short)
    named = [run._replace(name=s if count[s] == 1 else run.name) for run, s in zip(runs, short, strict=True)]
    return sorted(named, key=lambda run: run.name)


def _source(path: Path, runs: Sequence[_Run]) -> dict[str, str]:
    """Provenance: the archive's own sha256; for a folder that of the list that `sha256sum` would print of its files."""
    url = "https://github.com/automl/nasbench301"
    if path.is_file():
        return file_source(path, url, "Apache-2.0")
    digest = hashlib.sha256("".join(f"{run.sha256}  {run.name}.json\n" for run in runs).encode()).hexdigest()
    return {"name": path.resolve().name, "url": url, "sha256": digest, "licence": "Apache-2.0"}


# -- one training -----------------------------------------------------------------------------------


def _run(name: str, content: bytes, space: DartsSpace) -> _Run:
    fields = parse_json(content, name, nan=True)
    if not isinstance(fields, dict) or not fields.keys() >= KEYS:
        raise ImportFileError(f"{name}: expected an object with {', '.join(sorted(KEYS))}")
    config, info = fields[CONFIG], fields["info"]
    if not isinstance(config, dict) or not isinstance(info, list) or not info or not isinstance(info[0], dict):
        raise ImportFileError(f"{name}: {CONFIG} is no object, or info no list of objects")
    if "val_accuracy" not in info[0]:
        raise ImportFileError(f"{name}: info has no val_accuracy")
    try:
        genotype = space.from_config(config)
    except GenotypeError as error:
        raise ImportFileError(f"{name}: {error}") from error
    recipe = _Recipe(
        _count(fields["budget"], f"{name}, budget", MAX_EPOCHS),
        _count(config.get(f"{CONFIG_PREFIX}layers"), f"{name}, layers", 1000),
        _count(config.get(f"{CONFIG_PREFIX}init_channels"), f"{name}, init_channels", 10_000),
    )
    values = {
        "val_accuracy": number(_finite(info[0]["val_accuracy"]), f"{name}, val_accuracy", 0, 100, null=True),
        "test_accuracy": number(_finite(fields["test_accuracy"]), f"{name}, test_accuracy", 0, 100, null=True),
        "train_seconds": number(fields["runtime"], f"{name}, runtime", 0, 1e9),
        "params": number(info[0].get("model_parameters"), f"{name}, model_parameters", 1, 1e12),
    }
    for key, (ours, _, _, _, high) in OPTIONAL.items():
        values[ours] = number(_finite(info[0].get(key)), f"{name}, {key}", 0, high, null=True)
    return _Run(
        name,
        genotype,
        recipe,
        _settings(config),
        values,
        _curves(fields.get("learning_curves"), recipe.epochs, name),
        hashlib.sha256(content).hexdigest(),
    )


def _settings(config: Mapping[str, Any]) -> str:
    """The hyper-parameters beside the cells, a line each; one text in memory for all trainings that share it."""
    return sys.intern("\n".join(sorted(f"{key}={v!r}"[:200] for key, v in config.items() if not _CELL_KEY.match(key))))


def _finite(value: Any) -> Any:
    """The value, None where it is no finite number, as of a training that diverged."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _count(value: Any, where: str, high: int) -> int:
    whole = number(value, where, 1, high)
    if not whole.is_integer():
        raise ImportFileError(f"{where}: expected a whole number, got {whole}")
    return int(whole)


def _curves(found: Any, epochs: int, name: str) -> dict[str, NDArray[np.float32]]:
    """The learning curves of a training by our names; none where the file is of the light version."""
    if found is None:
        return {}
    if not isinstance(found, dict) or "Train/val_accuracy" not in found:
        raise ImportFileError(f"{name}: learning_curves has no Train/val_accuracy")
    curves = {}
    for tag, (ours, _) in CURVES.items():
        values = found.get(tag)
        if values is None:
            continue
        if not isinstance(values, list) or not 0 < len(values) <= epochs:
            raise ImportFileError(f"{name}: {tag} is no list of one number an epoch, for up to {epochs} epochs")
        numbers = [number(_finite(v), f"{name}, {tag}", 0, 100, null=True) for v in values]
        curves[ours] = np.array(numbers, dtype=np.float32)
    return curves


# -- the table --------------------------------------------------------------------------------------


def _protocols(runs: Sequence[_Run], rows: NDArray[np.int64], path: Path) -> dict[str, Protocol]:
    """A protocol for each recipe; the most frequent first (ties: the longer training)."""
    by_recipe: dict[_Recipe, list[int]] = {}
    for place, run in enumerate(runs):
        by_recipe.setdefault(run.recipe, []).append(place)
    if len(by_recipe) > MAX_RECIPES:
        raise ImportFileError(f"{path}: its trainings are of {len(by_recipe)} recipes; import a folder of fewer")
    ranked = sorted(by_recipe, key=lambda recipe: (-len(by_recipe[recipe]), *(-part for part in recipe)))
    widest = sum(max(Counter(rows[chosen].tolist()).values()) for chosen in by_recipe.values())
    if widest * (int(rows.max()) + 1) > MAX_CELLS:
        raise UnsafeFileError(f"{path}: its repeats and recipes would make too large a table")
    protocols = {}
    for recipe in ranked:
        chosen = by_recipe[recipe]
        name = str(recipe.epochs) if len(ranked) == 1 else f"{recipe.epochs}-{recipe.layers}x{recipe.channels}"
        protocols[name] = _protocol(name, [runs[i] for i in chosen], rows[chosen], int(rows.max()) + 1)
    return protocols


def _protocol(name: str, runs: Sequence[_Run], rows: NDArray[np.int64], count: int) -> Protocol:
    recipe = runs[0].recipe
    _, repeat = repeats(rows.tolist())
    about = f"{recipe.epochs} epochs, {recipe.layers} layers, {recipe.channels} initial channels" + _varying(runs)

    def column(key: str) -> NDArray[np.float64]:
        values = np.full((count, int(repeat.max()) + 1), np.nan)
        part = spread([run.values[key] for run in runs], rows, repeat)
        values[: len(part)] = part
        return values

    final = {
        "val_accuracy": Column(column("val_accuracy"), "maximize", "%", "valid", description=about),
        "test_accuracy": Column(column("test_accuracy"), "maximize", "%", "test"),
    }
    for ours, direction, unit, split, _ in OPTIONAL.values():
        values = column(ours)
        if not np.isnan(values).all():
            final[ours] = Column(values, direction, unit, split)
    cost = {
        "train_seconds": Column(column("train_seconds"), "minimize", "s", "cost", description="official runtime"),
        "params": Column(
            squeeze_repeats(column("params")), "minimize", "count", "cost",
            description="official model_parameters",
        ),
    }  # fmt: skip
    curve = {}
    for ours, split in CURVES.values():
        length = max((len(run.curves[ours]) for run in runs if ours in run.curves), default=0)
        if count * (int(repeat.max()) + 1) * length > MAX_NUMBERS:
            raise UnsafeFileError(f"its learning curves of {ours} would make too large a table")
        if length:
            shown = np.full((count, int(repeat.max()) + 1, length), np.nan, dtype=np.float32)
            for run, row, which in zip(runs, rows.tolist(), repeat.tolist(), strict=True):
                values32 = run.curves.get(ours, np.empty(0, dtype=np.float32))
                shown[row, which, : len(values32)] = values32
            curve[ours] = Column(shown, "maximize", "%", split, epochs=tuple(range(1, length + 1)))
    return Protocol(name, recipe.epochs, {"train_seconds": f"{recipe.epochs} epochs"}, final, curve, cost)


def _varying(runs: Sequence[_Run]) -> str:
    """What varies between trainings of a recipe beside the architecture, as the end of a sentence."""
    seen = [set(text.split("\n")) for text in {run.settings for run in runs}]
    varied = sorted({line.partition("=")[0] for line in seen[0].union(*seen) - seen[0].intersection(*seen)})
    return f"; beside the architecture these vary: {', '.join(varied)}"[:400] if varied else ""


def _canonical(space: DartsSpace, genotypes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Row `(A,)` of the first listed architecture with the same cells up to the numbering of their nodes."""
    _, first, which = np.unique(space.canonical(genotypes), axis=0, return_index=True, return_inverse=True)
    return np.asarray(first[which.reshape(-1)])
