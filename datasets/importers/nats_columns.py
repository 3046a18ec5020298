"""The columns of NATS-Bench and NAS-Bench-201: trainings go in one at a time, a table comes out.

What is kept of a training are its numbers, in blocks of arrays that grow with the architectures; memory does
not depend on how the file stores them. Repeats are the training seeds in ascending order, with NaN where an
architecture was not trained with one.
"""

from __future__ import annotations

import logging
import math
import mmap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.importers.build import counts, ids, squeeze_repeats
from nasbench.datasets.importers.nats_layout import TRAININGS, Family
from nasbench.datasets.importers.nats_records import MAX_SEEDS, Run
from nasbench.datasets.importers.official import space_facts
from nasbench.errors import ImportFileError
from nasbench.noise import noise_floor
from nasbench.schema import Column, Dataset, Protocol, TableData

LEGACY_SEED = 888
"""Of parameters and FLOPs that differ between seeds, the authors' reader takes those of this one."""

_BLOCK = 512
_LOG = logging.getLogger(__name__)

_Trained = tuple[str, str]
"""Protocol and training."""


class _Growing:
    """`(A, *shape)` numbers of which A is not known yet; NaN where nothing was put.

    Each block is memory of its own from the system, which gets it back at once: the table that the blocks are
    poured into then takes the place of them, and not as much again.
    """

    def __init__(self, shape: tuple[int, ...], dtype: type[np.floating[Any]]) -> None:
        self._shape, self._dtype = (_BLOCK, *shape), np.dtype(dtype)
        self._blocks: list[NDArray[np.floating[Any]]] = []
        self._rows = 0

    def put(self, row: int, value: float | NDArray[np.float64]) -> None:
        """Put the number or numbers of a row; rows come in rising order."""
        for lacking in range(self._rows, row):
            self._place(lacking)[...] = np.nan
        self._place(row)[...] = value
        self._rows = row + 1

    def _place(self, row: int) -> NDArray[np.floating[Any]]:
        block, within = divmod(row, _BLOCK)
        if block == len(self._blocks):
            memory = mmap.mmap(-1, math.prod(self._shape) * self._dtype.itemsize)
            self._blocks.append(np.frombuffer(memory, dtype=self._dtype).reshape(self._shape))
        return self._blocks[block][within : within + 1]

    def pour(self, out: NDArray[np.floating[Any]], place: NDArray[np.int64]) -> None:
        """Move everything to `out[place]`; the blocks are given up one after another."""
        for start in range(0, self._rows, _BLOCK):
            to = place[start : min(start + _BLOCK, self._rows)]
            out[to] = self._blocks.pop(0)[: len(to)]


class Columns:
    """Collects the trainings of a family's architectures.

    Args:
        family: whose they are.
    """

    def __init__(self, family: Family) -> None:
        self.family = family
        self.indices: list[int] = []
        self._final: dict[_Trained, dict[str, dict[int, _Growing]]] = {}
        self._curve: dict[_Trained, dict[str, dict[int, _Growing]]] = {}
        self._seeds: dict[_Trained, set[int]] = {}
        self._copied: dict[_Trained, int] = {}

    def add(self, index: int, runs: Iterable[Run], where: str) -> None:
        """Put all trainings of the architecture with this official number.

        Raises:
            ImportFileError: from the trainings; or more seeds than the published files have.
        """
        row = len(self.indices)
        self.indices.append(index)
        seen: dict[_Trained, list[NDArray[np.float64]]] = {}
        for run in runs:
            key = (run.protocol, run.training)
            seeds = self._seeds.setdefault(key, set())
            seeds.add(run.seed)
            if len(seeds) > MAX_SEEDS:
                raise ImportFileError(f"{where}: more than {MAX_SEEDS} seeds of {run.training} in this file")
            for metric, value in run.final.items():
                _of(self._final, key, metric, run.seed, (), np.float64).put(row, value)
            for metric, values in run.curve.items():
                _of(self._curve, key, metric, run.seed, values.shape, np.float32).put(row, values)
            if len(losses := run.curve[f"{TRAININGS[run.training].train}_loss"]) > 1:
                self._copied[key] = self._copied.get(key, 0) + any(
                    np.array_equal(losses, other) for other in seen.get(key, ())
                )
                seen.setdefault(key, []).append(losses)

    def table(self, name: str | None, sources: Sequence[Mapping[str, str]], source: str) -> TableData:
        """The table; what was collected is given up.

        Args:
            name: of the table; the family's by default.
            sources: provenance records.
            source: what was read, for errors.

        Raises:
            ImportFileError: nothing was collected, or no validation accuracies.
        """
        if not self.indices:
            raise ImportFileError(f"{source} holds no architecture")
        space, family = self.family.space(), self.family
        ranks = space.indices(family.order()[self.indices])
        order = np.argsort(ranks, kind="stable")
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        genotypes = space.genotypes(ranks[order])
        # the first row of a class stands for it: in a complete table that is the space's own representative
        _, first, which = np.unique(space.indices(space.canonical(genotypes)), return_index=True, return_inverse=True)
        datasets = self._datasets(place, source)
        return TableData(
            name=name or family.name,
            title=f"{family.title}: {len(order):,} of {space.size:,} architectures x {len(datasets)} image datasets",
            licence="MIT",
            citation=family.citation,
            sources=tuple(sources),
            complete=len(order) == space.size,
            genotypes=genotypes,
            source_ids=ids([str(self.indices[row]) for row in order.tolist()]),
            canonical=first[which].astype(np.int64),
            datasets=datasets,
            **space_facts(space),
        )

    def _datasets(self, place: NDArray[np.int64], source: str) -> dict[str, Dataset]:
        datasets = {}
        for dataset in dict.fromkeys(training.dataset for training in TRAININGS.values()):
            made = [self._protocol(protocol, dataset, place) for protocol in self.family.schedules]
            # a default that could not be searched on makes room for one that can
            made = sorted((one for one in made if one.final), key=lambda one: "val_accuracy" not in one.final)
            if made and "val_accuracy" in made[0].final:
                protocols = {one.name: one for one in made}
                floor = noise_floor(made[0].final["val_accuracy"].values)
                datasets[dataset] = Dataset("val_accuracy", protocols, floor, _covered(made))
            elif made:
                _LOG.warning("%s: left out, for it has no validation accuracies: %s", source, dataset)
        if not datasets:
            raise ImportFileError(f"{source} holds no validation accuracies")
        return datasets

    def _protocol(self, name: str, dataset: str, place: NDArray[np.int64]) -> Protocol:
        epochs = int(name)
        final: dict[str, Column] = {}
        curve: dict[str, Column] = {}
        cost: dict[str, Column] = {}
        images: dict[str, int] = {}
        for training, known in TRAININGS.items():
            key = (name, training)
            if known.dataset != dataset or key not in self._seeds:
                continue
            seeds = sorted(self._seeds[key])
            about = self._about(key, seeds)
            roles = {known.train: ("train", "its own training images")}
            roles |= {prefix: (split, official) for official, (prefix, split) in known.sets.items()}
            for prefix, (split, official) in roles.items():
                for measure, unit, direction in (("accuracy", "%", "maximize"), ("loss", "nats", "minimize")):
                    metric = f"{prefix}_{measure}"
                    values = _poured(self._final[key].pop(metric, {}), (len(place), len(seeds)), seeds, place)
                    if np.isnan(values).all():
                        continue
                    said = f"{official}, {about}"
                    final[metric] = Column(values, direction, unit, split, description=said)
                    if metric in self._curve[key]:
                        shape = (len(place), len(seeds), epochs)
                        whole = _poured(self._curve[key].pop(metric), shape, seeds, place)
                        shown = tuple(range(1, epochs + 1))
                        curve[metric] = Column(whole, direction, unit, split, description=said, epochs=shown)
            measured = {
                metric: _poured(series, (len(place), len(seeds)), seeds, place)
                for metric, series in self._final.pop(key).items()
            }
            prefix = known.train.removesuffix("train")
            cost |= _costs(measured, seeds, about, prefix)
            if f"{prefix}train_seconds" in cost:
                images[f"{prefix}train_seconds"] = known.images
        times = dict.fromkeys(images, f"{epochs} epochs")
        model = {**times, "images_per_epoch": images} if images else {}
        return Protocol(name, epochs, model, final, curve, cost)

    def _about(self, key: _Trained, seeds: list[int]) -> str:
        about = f"{TRAININGS[key[1]].what}; seeds {', '.join(map(str, seeds))}"
        copied = self._copied.get(key, 0)
        if copied:
            _LOG.warning(
                "%s, %s epochs on %s: %d trainings repeat another seed's numbers exactly; kept as published",
                self.family.name, key[0], key[1], copied,
            )  # fmt: skip
            about += f"; {copied} of the trainings repeat another seed's numbers exactly, as published"
        return about


def _of(
    kept: dict[_Trained, dict[str, dict[int, _Growing]]],
    key: _Trained,
    metric: str,
    seed: int,
    shape: tuple[int, ...],
    dtype: type[np.floating[Any]],
) -> _Growing:
    series = kept.setdefault(key, {}).setdefault(metric, {})
    if seed not in series:
        series[seed] = _Growing(shape, dtype)
    return series[seed]


def _poured(
    series: Mapping[int, _Growing], shape: tuple[int, ...], seeds: Sequence[int], place: NDArray[np.int64]
) -> NDArray[Any]:
    """`(A, R)` or `(A, R, E)` of one metric."""
    out = np.full(shape, np.nan, dtype=np.float64 if len(shape) == 2 else np.float32)
    for repeat, seed in enumerate(seeds):
        if seed in series:
            series[seed].pour(out[:, repeat], place)
    return out


def _costs(measured: Mapping[str, NDArray[Any]], seeds: list[int], about: str, prefix: str) -> dict[str, Column]:
    """Costs of one training; those of the network itself only where `prefix` is empty."""
    cost = {}
    seconds = measured["train_seconds"]
    if not np.isnan(seconds).all():
        said = f"all epochs of one training, as published; {about}"
        cost[f"{prefix}train_seconds"] = Column(squeeze_repeats(seconds), "minimize", "s", "cost", description=said)
    if prefix:
        return cost
    if "eval_seconds" in measured and not np.isnan(measured["eval_seconds"]).all():
        said = f"one evaluation on x-valid, as published; {about}"
        cost["eval_seconds"] = Column(
            squeeze_repeats(measured["eval_seconds"]), "minimize", "s", "cost", description=said
        )
    latency = measured["latency"] * 1e3
    if not np.isnan(latency).all():
        said = f"a batch of 256 images on the authors' GPU, published in seconds; {about}"
        cost["latency_ms"] = Column(squeeze_repeats(latency), "minimize", "ms", "cost", description=said)
    for metric in ("params", "flops"):
        said = f"published in millions; where seeds differ, that of {LEGACY_SEED}, as the official reader does"
        cost[metric] = Column(counts(_agreed(measured[metric], seeds)), "minimize", "count", "cost", description=said)
    return cost


def _agreed(values: NDArray[np.float64], seeds: list[int]) -> NDArray[np.float64]:
    """`(A,)` of `(A, R)`: the value of all seeds, or that of the legacy seed where they differ; else NaN.

    For some cells of NAS-Bench-201 a seed lists the count of another cell that computes the same.
    """
    rounded, there = np.round(values, 5), ~np.isnan(values)
    first = np.take_along_axis(values, there.argmax(axis=1)[:, None], axis=1)[:, 0]
    same = (rounded == np.round(first, 5)[:, None]) | ~there
    legacy = values[:, seeds.index(LEGACY_SEED)] if LEGACY_SEED in seeds else np.full(len(values), np.nan)
    return np.where(np.isnan(legacy) & same.all(axis=1), first, legacy)


def _covered(protocols: Sequence[Protocol]) -> NDArray[np.int64] | None:
    """Rows with any number under any protocol; None where all have one."""
    columns = [column.values for protocol in protocols for column in protocol.final.values()]
    there = np.logical_or.reduce([~np.isnan(values).all(axis=1) for values in columns])
    return None if there.all() else np.flatnonzero(there)
