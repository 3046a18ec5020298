"""A benchmark whose answers a fitted ensemble gives: the whole search space, not only the listed part.

Loaded as any other (`nasbench.load("nas-bench-mr-surrogate/cls-10c")`), and the same to tasks, searches
and comparisons. It has no rows: what needs them (`genotypes`, `column`, `optimum`, ...) raises
`NoTableError`. `nasbench.surrogates.fit` makes one, `nasbench.surrogates.manifest` says what is kept of it.

Source: Zela et al., Surrogate NAS Benchmarks: Going Beyond the Limited Search Spaces of Tabular NAS
Benchmarks, ICLR 2022.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.benchmark import Benchmark, Floats
from nasbench.datasets.surrogate_files import install_surrogate, read_manifest, read_part
from nasbench.errors import GenotypeError, NoTableError, TableError, UnknownNameError
from nasbench.predictors.boosted_members import Members
from nasbench.schema import Column, Dataset, Protocol
from nasbench.space import Genotype, Genotypes, SearchSpace
from nasbench.store import Table
from nasbench.surrogates.fit import SAVABLE, Surrogate
from nasbench.surrogates.manifest import Manifest, MetricModel, parse_manifest
from nasbench.surrogates.predict import features_of, features_sha256, predicted

REMEMBERED = 500_000
"""Predictions that are kept a metric; beyond that they are forgotten all at once."""

CHUNK = 20_000
"""Architectures that are encoded and predicted at a time, so that memory stays bounded."""


class SurrogateBenchmark(Benchmark):
    """Predictions of one dataset's metrics on the whole search space.

    Not made by hand: `nasbench.load`. Pickled as its name.

    Args:
        family, dataset: its name.
        path: of its manifest.

    Attributes:
        manifest: all that defines it.
        space, full_space: the whole space.

    Raises:
        TableError: the manifest is damaged, foreign, or of another encoder or space than this release's.
    """

    tabular: ClassVar[bool] = False

    def __init__(self, family: str, dataset: str, path: str | Path) -> None:
        self.path = Path(path)
        self._content = read_manifest(self.path)
        self.manifest: Manifest = parse_manifest(self._content, str(self.path))
        if (self.manifest.family, self.manifest.dataset) != (family, dataset):
            raise TableError(f"{self.path} is the manifest of {self.manifest.family}/{self.manifest.dataset}")
        if self.manifest.predictor not in SAVABLE:
            raise TableError(f"{self.path} was fitted with {self.manifest.predictor!r}, which this release cannot load")
        self.family, self.dataset, self.name = family, dataset, f"{family}/{dataset}"
        self.objective, self.noise_floor = self.manifest.objective, self.manifest.noise_floor
        self.full_space: SearchSpace = self.manifest.space
        self._models = {model.name: model for model in self.manifest.metrics}
        self._data = _dataset(self.manifest)
        self._columns_of = {}
        self._digests = {}
        self._members: dict[str, Members] = {}
        self._known: dict[str, dict[Genotype, float]] = {name: {} for name in self._models}

    # -- what it is -----------------------------------------------------------------------------

    @cached_property
    def space(self) -> SearchSpace:
        """Where to search: everything."""
        return self.full_space

    def __len__(self) -> int:
        self._no_table("a number of rows; `benchmark.space.size` counts its architectures")

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        about = f"{self.space.size:,} architectures, {', '.join(self.metrics)}"
        return f"<Surrogate {self.name} of {self.manifest.base}: {about}>"

    @property
    def title(self) -> str:
        """One line for listings."""
        return self.manifest.title

    def verify(self) -> None:
        """Check the parts of every metric against the manifest, and that they can be read.

        Raises:
            TableError: a part is missing, altered or none of ours.
        """
        for model in self.manifest.metrics:
            self._members.pop(model.name, None)
            self._load(model)

    def model(self, metric: str | None = None) -> MetricModel:
        """The ensemble of a metric, with its validation.

        Raises:
            UnknownNameError: no such metric.
        """
        name = self.objective if metric is None else metric
        self._column(name, None)
        return self._models[name]

    def noise_known(self, metric: str, protocol: str | None = None) -> bool:
        """Whether the noise of one training was learned from repeated trainings."""
        self._column(metric, protocol)
        return self._models[metric].noise is not None

    def noise_deviation(self, metric: str, mean: float) -> float:
        """Standard deviation of one training where the predicted mean is this; NaN where it is not known."""
        noise = self.model(metric).noise
        return float("nan") if noise is None else noise.deviation(mean)

    def digest(self, metric: str, protocol: str | None = None) -> str:
        """sha256 of all that a prediction of the metric depends on: part of the key of each run."""
        self._column(metric, protocol)
        if (metric, "") not in self._digests:
            self._digests[metric, ""] = self.manifest.digest(metric)
        return self._digests[metric, ""]

    def provenance(self) -> dict[str, Any]:
        """Where the numbers come from: the manifest's checksum, the table behind it, how it was fitted."""
        manifest = self.manifest
        return {
            "content_sha256": hashlib.sha256(self._content).hexdigest(),
            "licence": manifest.licence,
            "citation": manifest.citation,
            "sources": [dict(source) for source in manifest.sources],
            "addons": {},
            "surrogate": {
                "of": manifest.base,
                "of_sha256": manifest.base_sha256,
                "predictor": manifest.predictor,
                "params": dict(manifest.params),
                "library": manifest.library,
                "seed": manifest.seed,
            },
        }

    # -- what only a table has --------------------------------------------------------------------

    @property
    def table(self) -> Table:
        """There is none."""
        self._no_table("a table")

    @cached_property
    def genotypes(self) -> Genotypes:
        """There is no list of architectures."""
        self._no_table("a list of its architectures; draw some with `benchmark.space.sample`")

    @property
    def source_ids(self) -> NDArray[np.bytes_]:
        """There are no official ids."""
        self._no_table("official ids")

    @cached_property
    def classes(self) -> NDArray[np.int64]:
        """There are no rows to classify."""
        self._no_table("classes of rows; `benchmark.space.canonical` gives an architecture's representative")

    def column(self, metric: str, protocol: str | None = None) -> Floats:
        """There are no columns."""
        self._no_table("columns; `benchmark.query` predicts a batch")

    def mean(self, metric: str, protocol: str | None = None) -> Floats:
        """There are no columns."""
        self._no_table("columns; `benchmark.query` predicts a batch")

    def curves(self, metric: str, protocol: str | None = None) -> NDArray[np.float32]:
        """There are no learning curves."""
        self._no_table("learning curves")

    def optimum(self, metric: str | None = None, protocol: str | None = None) -> tuple[Genotype, float]:
        """Nobody knows it."""
        self._no_table(
            "a known optimum; reports take the best of a reference sample and of the table, "
            "`nasbench.analysis.reference.reference_of`"
        )

    def at(self, row: int, metric: str, repeat: int | None = None) -> float:
        """There are no rows."""
        self._no_table("rows; `benchmark.query` takes the architecture itself")

    def _no_table(self, what: str) -> NoReturn:
        raise NoTableError(
            f"{self.name} is a surrogate over {self.full_space.size:,} architectures and has no {what}. "
            f"The table behind it is {self.manifest.base}"
        )

    # -- look-ups -------------------------------------------------------------------------------

    def row(self, genotype: Genotype) -> int:
        """-1: a surrogate has no rows.

        Raises:
            GenotypeError: it is not an architecture of the space.
        """
        self.full_space.check([genotype])
        return -1

    def rows(self, genotypes: ArrayLike) -> NDArray[np.int64]:
        """-1 for each architecture of a batch `(n, G)`, `(n,)`."""
        return np.full(len(self.full_space.check(genotypes)), -1, dtype=np.int64)

    def find(self, text: str) -> Genotype:
        """The genotype of a text: integers, or the space's own text form.

        Raises:
            GenotypeError: the text is neither.
        """
        return self.full_space.parse(text)

    def query(
        self,
        architecture: Genotype | str | ArrayLike,
        metric: str | None = None,
        *,
        repeat: int | None = None,
        protocol: str | None = None,
        epoch: int | None = None,
    ) -> Any:
        """The predicted mean of one architecture (float) or of a batch (`(n,)` floats).

        Args:
            architecture: a genotype tuple, its text, or a batch `(n, G)`.
            metric: the primary one by default.
            repeat: None; a surrogate has no numbered training runs.
            protocol: the one that it was fitted to.
            epoch: None, or the epochs of full training.

        Raises:
            GenotypeError: no architecture of this space.
            UnknownNameError: no such metric, repeat, protocol or epoch.
        """
        name = self.objective if metric is None else metric
        if isinstance(architecture, tuple) and repeat is None and protocol is None and epoch is None:
            try:
                known = self._known[name].get(architecture)
            except TypeError:
                raise GenotypeError(f"a genotype is a tuple of integers, got {architecture!r}") from None
            except KeyError:
                known = None
            return self._remember(name, architecture) if known is None else known
        model = self.model(name)
        full = self.protocol(protocol).epochs
        if repeat is not None:
            raise UnknownNameError(f"training repeat of the surrogate {self.name}", repeat, [])
        if epoch is not None and epoch != full:
            raise UnknownNameError(f"epoch of {self.name} {name}", epoch, [] if full is None else [str(full)])
        if isinstance(architecture, str):
            return self.query(self.find(architecture), name)
        if isinstance(architecture, tuple):
            return self.query(architecture, name)
        values = self.predict(architecture, model.name)[0]
        return float(values[0]) if np.ndim(architecture) == 1 and len(values) else values

    def predict(self, genotypes: ArrayLike, metric: str | None = None) -> tuple[Floats, Floats]:
        """Predicted means `(n,)` and standard deviations `(n,)` of a label, of a batch `(n, G)`.

        The deviation is that of the value that the table would list: the members' disagreement and
        what they all miss. The noise of one training comes on top (`noise_deviation`).

        Raises:
            GenotypeError: a row is not an architecture of this space.
            UnknownNameError: no such metric.
        """
        model = self.model(metric)
        batch = self.full_space.check(genotypes)
        mean, deviation = np.empty((2, len(batch)))
        for begin in range(0, len(batch), CHUNK):
            part = slice(begin, begin + CHUNK)
            features = features_of(self.full_space, batch[part], not model.is_cost)
            mean[part], deviation[part] = predicted(model.target, model.residual, self._load(model), features)
        return mean, deviation

    def _remember(self, metric: str, genotype: Genotype) -> float:
        value = float(self.predict([genotype], metric)[0][0])
        known = self._known[metric]
        if len(known) >= REMEMBERED:
            known.clear()
        known[genotype] = value
        return value

    def _load(self, model: MetricModel) -> Members:
        """The members of a metric: read once, after each part's checksum has been found right."""
        members = self._members.get(model.name)
        if members is None:
            if features_sha256(self.full_space, not model.is_cost) != model.features_sha256:
                raise TableError(f"{self.path} was fitted to other features than this release makes; fit it again")
            parts = [read_part(self.path.parent, part.sha256, part.bytes) for part in model.parts]
            members = self._members[model.name] = Members.read(parts, model.features, str(self.path))
        return members


def _dataset(manifest: Manifest) -> Dataset:
    """The schema's view of a surrogate: every column with its meaning and without values."""
    nothing = np.empty(0)
    columns = {
        model.name: Column(nothing, model.direction, model.unit, model.split, model.scale, model.description)
        for model in manifest.metrics
    }
    cost = {model.name: columns[model.name] for model in manifest.metrics if model.is_cost}
    final = {name: column for name, column in columns.items() if name not in cost}
    recipe = Protocol(manifest.protocol, manifest.epochs, final=final, cost=cost)
    return Dataset(manifest.objective, {recipe.name: recipe}, manifest.noise_floor)


def install(surrogate: Surrogate, replace: bool = False) -> Path:
    """Put a fitted surrogate where `load` finds it; returns its manifest's path.

    Raises:
        TableError: a name that a table or another surrogate has, or a folder that cannot be written.
    """
    manifest = surrogate.manifest
    return install_surrogate(manifest.family, manifest.dataset, manifest.to_bytes(), surrogate.parts, replace)
