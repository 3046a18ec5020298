"""A benchmark: a search space and one dataset of a table, answering `query`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.datasets.addons import addon_files
from nasbench.datasets.families import FAMILIES, imported_path, installed_names, open_table
from nasbench.datasets.surrogate_names import Identity, manifest_identity
from nasbench.errors import GenotypeError, NotInTableError, TableError, TaskError, UnknownNameError
from nasbench.interop import OptunaObjective, to_configspace
from nasbench.schema import Column, Dataset, Protocol
from nasbench.space import Genotype, Genotypes, SearchSpace
from nasbench.spaces import from_definition
from nasbench.spaces.table import TableSpace
from nasbench.store import Table

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

Floats = NDArray[np.float64]

SERVED = {"surrogate": "nasbench.surrogates.benchmark:SurrogateBenchmark"}
"""Kinds of benchmarks without a table: kind -> module:class, made of a family, a dataset and its manifest's path."""


@dataclass(frozen=True)
class Metric:
    """What a column of a benchmark means.

    Attributes:
        name: of the column.
        direction: `maximize` or `minimize`.
        unit: of its values.
        split: `train`, `valid`, `test`, `valid+test` (reporting only), `cost` or `proxy`.
        repeats: number of training runs R (1 where only a mean was published).
        scale: `linear` or `log`, how to draw it.
        description: what the name does not say.
        epochs: the fidelities of its learning curve; () where there is none.
    """

    name: str
    direction: str
    unit: str
    split: str
    repeats: int
    scale: str = "linear"
    description: str = ""
    epochs: tuple[int, ...] = ()

    @property
    def sign(self) -> int:
        """+1 where larger is better, -1 where smaller is."""
        return 1 if self.direction == "maximize" else -1

    @property
    def functional(self) -> bool:
        """Whether it depends on the computed function only; costs and proxies see dead operations too."""
        return self.split not in ("cost", "proxy")

    @property
    def is_test(self) -> bool:
        """Whether the column holds test data, so that no search may read it unasked."""
        return "test" in self.split


class Benchmark:
    """One dataset of a table, through its search space.

    Not made by hand: `nasbench.load("nasbench201/cifar10")`. Pickled as its name.

    Attributes:
        tabular: whether it has a table, so that rows, columns and the optimum are known; a benchmark
            of another kind answers `query`, and raises `NoTableError` where a row is meant.
        name, family, dataset: `family/dataset` and its parts.
        table: the open `Table`.
        full_space: the search space of the whole family.
        space: the same, or the `TableSpace` of the rows that this dataset covers.
        objective: name of the primary metric.
        noise_floor: of the primary metric in its unit, or None where seeds are not known.
    """

    tabular: ClassVar[bool] = True

    def __init__(self, table: Table, dataset: str) -> None:
        if dataset not in table.datasets:
            raise UnknownNameError(f"dataset of {table.attrs['name']}", dataset, table.datasets)
        self._table = table
        self.family, self.dataset = table.attrs["name"], dataset
        self.name = f"{self.family}/{dataset}"
        self._data: Dataset = table.datasets[dataset]
        self.objective = self._data.objective
        self.noise_floor = self._data.noise_floor
        self.full_space: SearchSpace = from_definition(table.space_kind, table.space_definition)
        if self.full_space.sha256 != table.attrs["space_sha256"]:
            raise TableError(f"{table.path} was made for another version of its search space; delete it and load again")
        self._rows = self._data.rows
        self._size = len(table if self._rows is None else self._rows)
        self._means: dict[tuple[str, str], Floats] = {}
        self._answers: dict[tuple[str, int | None], Callable[[int], float]] = {}
        self._curves: dict[tuple[str, str], NDArray[np.float32]] = {}
        self._digests: dict[tuple[str, str], str] = {}

    # -- shape ----------------------------------------------------------------------------------

    @property
    def table(self) -> Table:
        """The open table."""
        return self._table

    @cached_property
    def space(self) -> SearchSpace:
        """Where to search: every member has a row."""
        if self.table.complete and self._rows is None:
            return self.full_space
        return TableSpace(self.full_space, self.genotypes)

    @cached_property
    def genotypes(self) -> Genotypes:
        """The whole table, `(A, G)`, read-only."""
        return self._covered(self.table.genotypes)

    @property
    def title(self) -> str:
        """One line for listings."""
        return str(self.table.attrs["title"])

    def verify(self) -> None:
        """Hash everything that answers are made of.

        Raises:
            TableError: a checksum differs.
        """
        self.table.verify()

    @property
    def source_ids(self) -> NDArray[np.bytes_]:
        """Official id of each architecture, `(A,)`."""
        return self._covered(self.table.source_ids)

    @cached_property
    def classes(self) -> NDArray[np.int64]:
        """`(A,)`: one number a canonical class (the row of its representative where listed)."""
        classes = self._covered(self.table.canonical).astype(np.int64)
        if self._rows is not None:
            place = np.searchsorted(self._rows, classes).clip(0, len(self._rows) - 1)
            listed = self._rows[place] == classes
            classes = np.where(listed, place, -1 - classes)
        classes.flags.writeable = False
        return classes

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        return f"<Benchmark {self.name}: {len(self):,} architectures, {', '.join(self.metrics)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (load, (self.name,))

    def _covered(self, values: NDArray[Any]) -> NDArray[Any]:
        if self._rows is None:
            return values
        part = values[self._rows]
        part.flags.writeable = False
        return part

    # -- columns --------------------------------------------------------------------------------

    @property
    def protocols(self) -> dict[str, Protocol]:
        """Training recipes by name; the first is the default."""
        return dict(self._data.protocols)

    def protocol(self, name: str | None = None) -> Protocol:
        """One training recipe.

        Raises:
            UnknownNameError: the dataset has no such protocol.
        """
        if name is None:
            return next(iter(self._data.protocols.values()))
        if name not in self._data.protocols:
            hint = _fetch_hint(self.family, protocol=name)
            raise UnknownNameError(f"protocol of {self.name}", name, self._data.protocols, hint=hint)
        return self._data.protocols[name]

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """Every column of the default protocol by name."""
        return self.metrics_of(None)

    def metrics_of(self, protocol: str | None) -> dict[str, Metric]:
        """Every column of a protocol by name."""
        recipe = self.protocol(protocol)
        return {
            name: Metric(
                name,
                column.direction,
                column.unit,
                column.split,
                column.values.shape[1] if column.values.ndim == 2 else 1,
                column.scale,
                column.description,
                recipe.curve[name].epochs if name in recipe.curve else (),
            )
            for name, column in self._columns(recipe.name).items()
        }

    def _columns(self, protocol: str) -> dict[str, Column]:
        """All columns of a protocol by name, put together once."""
        if protocol not in self._columns_of:
            self._columns_of[protocol] = self._data.columns(protocol)
        return self._columns_of[protocol]

    @cached_property
    def _columns_of(self) -> dict[str, dict[str, Column]]:
        return {}

    def metric(self, name: str, protocol: str | None = None) -> Metric:
        """What one column of a protocol means.

        Raises:
            UnknownNameError: no such metric or protocol.
        """
        self._column(name, protocol)
        return self.metrics_of(protocol)[name]

    def noise_known(self, metric: str, protocol: str | None = None) -> bool:
        """Whether one training of an architecture can differ from its mean here."""
        return bool(self.column(metric, protocol).shape[1] > 1)

    def _column(self, metric: str, protocol: str | None) -> Column:
        columns = self._columns(self.protocol(protocol).name)
        if metric not in columns:
            raise UnknownNameError(f"metric of {self.name}", metric, columns, hint=_fetch_hint(self.family, metric))
        return columns[metric]

    def column(self, metric: str, protocol: str | None = None) -> Floats:
        """Read-only view `(A, R)` of a column in its published unit; NaN where there is no number.

        Raises:
            UnknownNameError: no such metric or protocol.
        """
        values = self._covered(self._column(metric, protocol).values)
        return values if values.ndim == 2 else values[:, None]

    def mean(self, metric: str, protocol: str | None = None) -> Floats:
        """Mean over each architecture's training repeats, `(A,)`, read-only; NaN where it has none."""
        key = (metric, self.protocol(protocol).name)
        if key not in self._means:
            means = repeat_mean(self.column(metric, protocol))
            means.flags.writeable = False
            self._means[key] = means
        return self._means[key]

    def curves(self, metric: str, protocol: str | None = None) -> NDArray[np.float32]:
        """Learning curves `(A, R, E)` at `metrics[metric].epochs`, read into memory once.

        Raises:
            UnknownNameError: the dataset has no curve of this metric.
        """
        recipe = self.protocol(protocol)
        if metric not in recipe.curve:
            raise UnknownNameError(f"learning curve of {self.name}", metric, recipe.curve)
        key = (metric, recipe.name)
        if key not in self._curves:
            self._curves[key] = self._covered(self.table.curve(self.dataset, recipe.name, metric))
        return self._curves[key]

    def test_metric(self, objective: str, protocol: str | None = None) -> str | None:
        """Name of the test column that belongs to a validation metric under a protocol, or None."""
        name = objective.replace("val_", "test_", 1)
        metric = self.metrics_of(protocol).get(name)
        return name if name != objective and metric is not None and metric.split == "test" else None

    def optimum(self, metric: str | None = None, protocol: str | None = None) -> tuple[Genotype, float]:
        """The architecture of the best mean and that mean (ties: the first row)."""
        name = metric or self.objective
        values = self.mean(name, protocol)
        sign = self.metrics_of(protocol)[name].sign
        row = int(np.nanargmax(sign * values))
        return tuple(self.genotypes[row].tolist()), float(values[row])

    def provenance(self) -> dict[str, Any]:
        """Where the numbers come from: content checksum, licence, citation, sources, add-ons."""
        attrs = self.table.attrs
        return {
            "content_sha256": attrs["content_sha256"],
            "licence": attrs["licence"],
            "citation": attrs["citation"],
            "sources": self.table.sources,
            "addons": {addon.attrs["name"]: addon.attrs["content_sha256"] for addon in self.table.addons},
        }

    def digest(self, metric: str, protocol: str | None = None) -> str:
        """sha256 of a column's bytes and curve: part of the key of each run that reads it."""
        key = (metric, self.protocol(protocol).name)
        if key not in self._digests:
            state = hashlib.sha256(np.ascontiguousarray(self.column(metric, protocol)).tobytes())
            if metric in self.protocol(protocol).curve:
                state.update(np.ascontiguousarray(self.curves(metric, protocol)).tobytes())
            self._digests[key] = state.hexdigest()
        return self._digests[key]

    # -- look-ups -------------------------------------------------------------------------------

    def row(self, genotype: Genotype) -> int:
        """Row of an architecture in the table, however it is written; -1 where a partial table does not list it.

        Raises:
            GenotypeError: it is not an architecture of the space.
        """
        try:
            return self._row(genotype)
        except GenotypeError:
            return int(self.rows([genotype])[0])

    @cached_property
    def _row(self) -> Callable[[Genotype], int]:
        if self._rows is None and self.table.complete:
            return self.full_space.index
        if self._rows is None:
            return self._listed_row
        place_of = dict(zip(self._rows.tolist(), range(self._size), strict=True))
        return lambda genotype: place_of.get(self._listed_row(genotype), -1)

    def _listed_row(self, genotype: Genotype) -> int:
        """Row in a partial table; what it does not list may be written in another way, or be no architecture."""
        if self.table.complete:
            return self.full_space.index(genotype)
        try:
            row = self.table.find_one(genotype)
        except (TypeError, ValueError, OverflowError):
            row = -1
        return row if row >= 0 else int(self._table_rows([genotype])[0])

    def rows(self, genotypes: ArrayLike) -> NDArray[np.int64]:
        """Rows `(n,)` of a batch `(n, G)`; -1 where a partial table does not list one."""
        rows = self._table_rows(genotypes)
        if self._rows is None:
            return rows
        place = np.searchsorted(self._rows, rows).clip(0, len(self._rows) - 1)
        return np.where(self._rows[place] == rows, place, -1)

    def _table_rows(self, genotypes: ArrayLike) -> NDArray[np.int64]:
        if self.table.complete:
            return self._ranks(genotypes)
        return self.table.find(self.full_space.listed_form(genotypes))

    def _ranks(self, genotypes: ArrayLike) -> NDArray[np.int64]:
        try:
            return self.full_space.indices(genotypes)
        except GenotypeError:  # perhaps only written in another way
            return self.full_space.indices(self.full_space.listed_form(genotypes))

    def find(self, text: str) -> Genotype:
        """The genotype of a text: integers, the space's own text form, or an official id.

        Raises:
            GenotypeError: the text is none of these.
        """
        if text in self.table.row_of_source:
            return tuple(self.table.genotypes[self.table.row_of_source[text]].tolist())
        try:
            return self.full_space.parse(text)
        except GenotypeError as error:
            raise GenotypeError(f"{error}; nor is {text!r} an official id of {self.name}") from error

    def at(self, row: int, metric: str, repeat: int | None = None) -> float:
        """Value of a table row: the mean over its training repeats, or one of them.

        Raises:
            NotInTableError: there is no such row (-1 is `row`'s answer for "not listed").
            UnknownNameError: no such metric or repeat.
        """
        try:
            answer = self._answers[metric, repeat]
        except KeyError:
            answer = self._answer(metric, repeat)
        if 0 <= row < self._size:
            return answer(row)
        raise NotInTableError(f"{self.name} has rows 0 to {len(self) - 1:,}, not {row}")

    def _answer(self, metric: str, repeat: int | None) -> Callable[[int], float]:
        """The bound look-up of one column: kept, so that a scalar query is two dict look-ups."""
        if repeat is None:
            answer: Callable[[int], float] = self.mean(metric).item
        else:
            answer = self._repeat_column(metric, repeat, None).item
        self._answers[metric, repeat] = answer
        return answer

    def _repeat_column(self, metric: str, repeat: int, protocol: str | None) -> Floats:
        values = self.column(metric, protocol)
        deterministic = self._column(metric, protocol).values.ndim == 1
        number = self._check_repeat(metric, repeat, None if deterministic else values.shape[1])
        return values[:, 0 if deterministic else number]

    def _check_repeat(self, metric: str, repeat: int, count: int | None) -> int:
        """The number of a training run, if there is one; a deterministic column has no count."""
        whole = isinstance(repeat, int | np.integer)
        if not whole or repeat < 0 or (count is not None and repeat >= count):
            known = [str(i) for i in range(count or 1)]
            raise UnknownNameError(f"training repeat of {self.name} {metric}", repeat, known)
        return int(repeat)

    def query(
        self,
        architecture: Genotype | str | ArrayLike,
        metric: str | None = None,
        *,
        repeat: int | None = None,
        protocol: str | None = None,
        epoch: int | None = None,
    ) -> Any:
        """A metric of one architecture (float) or of a batch (`(n,)` floats).

        Args:
            architecture: a genotype tuple, its text, or a batch `(n, G)`.
            metric: the primary one by default.
            repeat: one training run; by default the mean over all that exist.
            protocol: training recipe; the dataset's first by default.
            epoch: a fidelity along the protocol's learning curve; by default the final value.

        Returns:
            The published number, NaN where the table has none.

        Raises:
            GenotypeError: no architecture of this space.
            NotInTableError: a partial table does not list it.
            UnknownNameError: no such metric, repeat, protocol or epoch.
        """
        name = self.objective if metric is None else metric
        if isinstance(architecture, tuple) and protocol is None and epoch is None:
            row = self.row(architecture)
            if row < 0:
                raise self._unlisted(architecture)
            return self.at(row, name, repeat)
        if isinstance(architecture, str):
            return self.query(self.find(architecture), name, repeat=repeat, protocol=protocol, epoch=epoch)
        rows = self.rows(architecture)
        batch = np.asarray(architecture)
        if rows.size and rows.min() < 0:
            raise self._unlisted(tuple(np.atleast_2d(batch)[int(np.argmin(rows))].tolist()))
        values = self._values(name, repeat, protocol, epoch)[rows]
        return float(values[0]) if batch.ndim == 1 and batch.size else values

    def _values(self, metric: str, repeat: int | None, protocol: str | None, epoch: int | None) -> Floats:
        if epoch is not None:
            return self._fidelity(metric, repeat, protocol, epoch)
        return self.mean(metric, protocol) if repeat is None else self._repeat_column(metric, repeat, protocol)

    def _fidelity(self, metric: str, repeat: int | None, protocol: str | None, epoch: int) -> Floats:
        recipe = self.protocol(protocol)
        column = self._column(metric, protocol)
        if epoch == recipe.epochs:
            return self._values(metric, repeat, protocol, None)
        curve = recipe.curve.get(metric)
        if curve is None or epoch not in curve.epochs:
            known = [] if curve is None else list(curve.epochs)
            known += [] if recipe.epochs is None or recipe.epochs in known else [recipe.epochs]
            why = self._why_no_epoch(metric, column, recipe)
            raise UnknownNameError(f"epoch of {self.name} {metric}", epoch, map(str, known), hint=why)
        at = self.curves(metric, protocol)[:, :, curve.epochs.index(epoch)].astype(np.float64)
        if repeat is not None:
            return at[:, self._check_repeat(metric, repeat, at.shape[1])]
        return repeat_mean(at)

    def _why_no_epoch(self, metric: str, column: Column, recipe: Protocol) -> str:
        """Why a metric has no value at an epoch, and what there is instead."""
        if metric in recipe.curve:
            return f"protocol {recipe.name!r} was published at these epochs only."
        if metric not in recipe.final:
            return f"{metric} does not depend on the epoch or was published for a whole training only."
        said = [f"Under protocol {recipe.name!r} {metric} was published for the end of training only."]
        if recipe.curve:
            roles = {name: curve.split for name, curve in recipe.curve.items()}
            said.append(f"Learning curves there: {', '.join(f'{name} ({role})' for name, role in roles.items())}.")
        if any("valid" in curve.split and curve.split != column.split for curve in recipe.curve.values()):
            said.append("A curve of valid+test data is no validation curve: part of it is the test set.")
        others = [other.name for other in self._data.protocols.values() if metric in other.curve]
        if others:
            said.append(f"Protocol {', '.join(map(repr, others))} has {metric} at each of its epochs.")
        return " ".join(said)

    # -- for other projects ---------------------------------------------------------------------

    def optuna_objective(
        self, metric: str | None = None, *, repeat: int | None = None, allow_test: bool = False
    ) -> OptunaObjective:
        """A metric as a callable for `optuna.Study.optimize`; see `nasbench.interop`.

        Args:
            metric: the primary one by default.
            repeat: one training run; by default the mean over all that exist.
            allow_test: optimise a test column knowingly.

        Raises:
            TaskError: the metric holds test data, which a search must not see.
            UnknownNameError: no such metric or repeat.
        """
        name = self.objective if metric is None else metric
        known = self.metric(name)
        if known.is_test and not allow_test:
            raise TaskError(f"{name} of {self.name} holds test data; a search must not see it, or say allow_test=True")
        if repeat is not None:
            self._check_repeat(name, repeat, known.repeats)
        return OptunaObjective(self.space, lambda g: float(self.query(g, name, repeat=repeat)), known.direction)

    def configspace(self) -> ConfigurationSpace:
        """The search space as ConfigSpace knows it; see `nasbench.interop.from_configuration` for the way back.

        Raises:
            MissingExtraError: ConfigSpace is not installed.
        """
        return to_configspace(self.full_space)

    def _unlisted(self, genotype: Genotype) -> NotInTableError:
        listed = tuple(self.full_space.listed_form([genotype])[0].tolist())
        return NotInTableError(
            f"{self.name} lists {len(self):,} of {self.full_space.size:,} architectures, and not "
            f"{self.full_space.format(listed)}; search over `benchmark.space`, or fit a surrogate"
        )


def repeat_mean(values: Floats) -> Floats:
    """Mean over the repeats that exist, `(A, R) -> (A,)`; NaN where there is none."""
    if values.shape[1] == 1:
        return values[:, 0].copy()
    present = ~np.isnan(values)
    count = present.sum(axis=1)
    total = np.where(present, values, 0.0).sum(axis=1)
    mean: Floats = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    return mean


def load(name: str) -> Benchmark:
    """The benchmark `family/dataset`, from an installed data package, an imported table or a fitted surrogate.

    Cached a process. No network is used.

    Raises:
        UnknownNameError: no such benchmark on this machine.
        TableError: its file is damaged.
    """
    if not isinstance(name, str):
        raise UnknownNameError("benchmark", name, installed_names())
    family, _, dataset = name.partition("/")
    identity = _identity(family)
    try:
        if not identity and family not in FAMILIES and (served := manifest_identity(family, dataset or "default")):
            return _load_served("surrogate", family, dataset or "default", served)
        return _load(family, dataset or "default", identity)
    except UnknownNameError:
        hint = _fetch_hint(family) or "`nasbench list` describes them."
        raise UnknownNameError("benchmark", name, installed_names(), hint=hint) from None


def _fetch_hint(family: str, metric: str | None = None, protocol: str | None = None) -> str:
    from nasbench.datasets.catalog import fetch_hint  # only an error needs the catalog

    return fetch_hint(family, metric, protocol)


FileIdentity = tuple[tuple[str, int, int], ...]


def _identity(family: str) -> FileIdentity:
    """Path, size and time of an imported table and of add-ons, so that changing them shows at the next `load`."""
    found = []
    imported = _imported_file(family, os.environ.get("NASBENCH_HOME"))
    for path in (imported, *addon_files(os.path.dirname(imported), family)):
        try:
            stat = os.stat(path)
        except (OSError, ValueError):
            continue
        found.append((path, stat.st_size, stat.st_mtime_ns))
    return tuple(found)


@lru_cache(maxsize=64)
def _imported_file(family: str, home: str | None) -> str:
    """The file as text, kept for each home: `load` is called often."""
    return str(imported_path(family))


@lru_cache(maxsize=64)
def _load(family: str, dataset: str, identity: FileIdentity) -> Benchmark:
    return Benchmark(_open(family, identity), dataset)


@lru_cache(maxsize=64)
def _load_served(kind: str, family: str, dataset: str, identity: Identity) -> Benchmark:
    module, _, name = SERVED[kind].partition(":")
    made: Benchmark = getattr(import_module(module), name)(family, dataset, identity[0][0])
    return made


@lru_cache(maxsize=16)
def _open(family: str, identity: FileIdentity) -> Table:
    return open_table(family)
