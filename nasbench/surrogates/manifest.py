"""The manifest of a surrogate: everything that defines it, as strict JSON, without its models.

The models are files of their own that the manifest names by sha256. What is read is checked field by
field before anything is built from it; an unknown, missing or mistyped field is a damaged file.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from nasbench.datasets.readers.safe_files import parse_json
from nasbench.errors import GenotypeError, NasbenchError, TableError
from nasbench.space import Genotype, SearchSpace
from nasbench.spaces import from_definition
from nasbench.surrogates.quality import Quality
from nasbench.surrogates.regions import BEST_TENTH
from nasbench.surrogates.scale import NoiseModel, TargetScale
from nasbench.surrogates.strict_fields import Fields

SCHEMA_VERSION = 1

POOR_TAU = 0.5
"""Below this held-out Kendall tau a surrogate ranks too badly to compare search strategies on it."""

MOST_METRICS = 64
MOST_MEMBERS = 64


@dataclass(frozen=True)
class Part:
    """One model's file: its checksum, which is its name, and its size in bytes."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class MetricModel:
    """The ensemble of one metric.

    Attributes:
        name, direction, unit, split, scale, description: as in the table it was fitted to.
        target: how values become targets.
        residual: standard deviation, in targets, of what the members' spread does not explain.
        noise: of one training around its architecture's mean; None where the table cannot say.
        rows: architectures with a value that it was fitted to.
        features: columns of the encoder.
        features_sha256: of the encoder's answer for a fixed sample of architectures.
        best: the architecture with the best known prediction, climbed to from the best of the table.
        best_value: that prediction.
        validation: how it does on architectures that were held out.
        parts: the members.
    """

    name: str
    direction: str
    unit: str
    split: str
    scale: str
    description: str
    target: TargetScale
    residual: float
    noise: NoiseModel | None
    rows: int
    features: int
    features_sha256: str
    best: Genotype
    best_value: float
    validation: tuple[Quality, ...]
    parts: tuple[Part, ...]

    @property
    def held_out(self) -> Quality:
        """The served ensemble's figures on rows that were held out at random."""
        return self.validation[0]

    def warnings(self) -> list[str]:
        """What must be known before its numbers are used; empty where the validation is good."""
        tau, found = self.held_out.tau, []
        if tau < POOR_TAU:
            found.append(
                f"held-out Kendall tau of {self.name} is {tau:.2f}, below {POOR_TAU}: it ranks architectures too badly "
                "to compare search strategies on it"
            )
        plain = [one for one in self.validation if one.region == self.held_out.region and one.baseline]
        better = [one.model for one in plain if one.tau > tau]
        if better:
            verb = "ranks" if len(better) == 1 else "rank"
            found.append(f"{' and '.join(better)} {verb} held-out {self.name} better than the ensemble")
        best = next((one for one in self.validation if one.region == BEST_TENTH), None)
        if best is not None and best.tau < POOR_TAU / 2:
            found.append(
                f"among the best tenth, held out, Kendall tau of {self.name} is {best.tau:.2f}: what a search finds "
                "there is ranked badly"
            )
        return found

    @property
    def is_cost(self) -> bool:
        """Whether it is a price of the architecture, which dead operations change too."""
        return self.split in ("cost", "proxy")


@dataclass(frozen=True)
class Manifest:
    """A surrogate without its models.

    Attributes:
        family, dataset: its name.
        title: one line for listings.
        base: benchmark that it was fitted to.
        base_sha256: content checksum of that benchmark's table.
        base_rows: architectures that it lists.
        licence, citation, sources: of the table.
        space_kind, space_definition, space_sha256: of the whole space that it serves.
        protocol, epochs: the training recipe.
        objective: primary metric.
        noise_floor: of the primary metric in its unit; None where training noise is not known.
        predictor: registry name.
        params: the predictor's hyper-parameters.
        library: name and version of the package that fitted it.
        seed: of the fit.
        metrics: the ensembles.
    """

    family: str
    dataset: str
    title: str
    base: str
    base_sha256: str
    base_rows: int
    licence: str
    citation: str
    sources: tuple[Mapping[str, str], ...]
    space_kind: str
    space_definition: Mapping[str, Any]
    space_sha256: str
    protocol: str
    epochs: int | None
    objective: str
    noise_floor: float | None
    predictor: str
    params: Mapping[str, Any]
    library: str
    seed: int
    metrics: tuple[MetricModel, ...]

    @cached_property
    def space(self) -> SearchSpace:
        """The whole space.

        Raises:
            TableError: the definition makes no space, or another one than was fitted to.
        """
        try:
            space = from_definition(self.space_kind, self.space_definition)
            if space.sha256 == self.space_sha256:
                return space
        except (NasbenchError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise TableError(f"surrogate {self.family}/{self.dataset}: its search space is damaged: {error}") from error
        raise TableError(
            f"surrogate {self.family}/{self.dataset} was fitted to another version of its search space; fit it again"
        )

    def to_bytes(self) -> bytes:
        """The manifest as a file: equal manifests, equal bytes."""
        fields = asdict(self)
        fields["metrics"] = [_plain(model) for model in self.metrics]
        content = {"format": "nasbench surrogate", "schema_version": SCHEMA_VERSION, **fields}
        return (json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()

    def digest(self, metric: str) -> str:
        """sha256 of all that a prediction of a metric depends on."""
        model = next(model for model in self.metrics if model.name == metric)
        fields = {
            key: value
            for key, value in _plain(model).items()
            if key not in ("validation", "description", "best", "best_value", "rows")
        }
        return hashlib.sha256(
            json.dumps([self.space_sha256, self.predictor, fields], sort_keys=True).encode()
        ).hexdigest()


def _plain(model: MetricModel) -> dict[str, Any]:
    """A metric's model as JSON values; figures without a meaning are null."""
    fields = asdict(model)
    fields["target"] = model.target._asdict()
    fields["validation"] = [
        {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in one._asdict().items()}
        for one in model.validation
    ]
    return fields


def parse_manifest(content: bytes, source: str) -> Manifest:
    """The manifest of a file.

    Raises:
        TableError: no manifest of this version, or a field that is missing, unknown or mistyped; names it.
    """
    fields = Fields(parse_json(content, source), source)
    if fields.text("format") != "nasbench surrogate":
        raise TableError(f"{source} is no manifest of a surrogate")
    if fields.whole("schema_version") != SCHEMA_VERSION:
        raise TableError(f"{source} has a schema version that this release does not read; fit the surrogate again")
    metrics = tuple(_metric(each) for each in fields.records("metrics", MOST_METRICS))
    manifest = Manifest(
        **{name: fields.text(name) for name in _TEXTS},
        base_rows=fields.whole("base_rows"),
        sources=tuple(_strings(each) for each in fields.listed("sources")),
        space_definition=fields.mapping("space_definition"),
        epochs=None if fields.is_null("epochs") else fields.whole("epochs"),
        noise_floor=None if fields.is_null("noise_floor") else fields.number("noise_floor"),
        params=fields.mapping("params"),
        seed=fields.whole("seed"),
        metrics=metrics,
    )
    fields.end()
    names = [model.name for model in metrics]
    if len(set(names)) < len(names) or manifest.objective not in names:
        raise TableError(f"{source} has a metric twice, or none for its objective {manifest.objective!r}")
    for model in metrics:
        try:
            manifest.space.check([model.best])
        except (GenotypeError, OverflowError) as error:
            raise TableError(
                f"{source}: the best architecture of {model.name} is none of its space: {error}"
            ) from error
    return manifest


_TEXTS = ("family", "dataset", "title", "base", "base_sha256", "licence", "citation", "space_kind", "space_sha256",
          "protocol", "objective", "predictor", "library")  # fmt: skip
_DIRECTIONS = ("maximize", "minimize")
_SPLITS = ("train", "valid", "test", "valid+test", "cost", "proxy")


def _metric(fields: Fields) -> MetricModel:
    noise = None if fields.is_null("noise") else _noise(fields.record("noise"))
    target = fields.record("target")
    scale = TargetScale(target.flag("log"), target.number("centre"), target.number("spread"))
    target.end()
    parts = tuple(Part(each.text("sha256"), each.whole("bytes")) for each in fields.records("parts", MOST_MEMBERS))
    model = MetricModel(
        **{name: fields.text(name) for name in ("name", "unit", "description", "features_sha256")},
        direction=fields.one_of("direction", _DIRECTIONS),
        split=fields.one_of("split", _SPLITS),
        scale=fields.one_of("scale", ("linear", "log")),
        target=scale,
        residual=fields.number("residual"),
        noise=noise,
        rows=fields.whole("rows"),
        features=fields.whole("features"),
        best=tuple(fields.wholes("best")),
        best_value=fields.number("best_value"),
        validation=tuple(_quality(each) for each in fields.records("validation", 1000)),
        parts=parts,
    )
    fields.end()
    if not model.validation:
        raise TableError(f"{fields.source} has no validation")
    if not parts or scale.spread <= 0 or model.residual < 0:
        raise TableError(f"{fields.source} has no members, or a spread below 0")
    return model


def _noise(fields: Fields) -> NoiseModel:
    model = NoiseModel(
        tuple(fields.numbers("means")), tuple(fields.numbers("deviations")), fields.whole("rows"), fields.number("runs")
    )
    fields.end()
    rising = all(a < b for a, b in zip(model.means, model.means[1:], strict=False))
    if not model.means or len(model.means) != len(model.deviations) or not rising or min(model.deviations) < 0:
        raise TableError(f"{fields.source} is no noise model: its means must rise, its deviations be at least 0")
    return model


def _quality(fields: Fields) -> Quality:
    figures = [
        float("nan") if fields.is_null(name) else fields.number(name)
        for name in Quality._fields
        if name not in ("region", "model", "n")
    ]
    made = Quality(fields.text("region"), fields.text("model"), fields.whole("n"), *figures)
    fields.end()
    return made


def _strings(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise TableError("a source of a surrogate must be names with texts")
    return dict(value)
