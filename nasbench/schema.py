"""What one table file holds, version 1 of the schema: columns, protocols, datasets, the family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from numpy.typing import NDArray

SCHEMA_VERSION = 1

PER_PROTOCOL = ("final", "curve", "cost")
"""Kinds of columns that belong to a training recipe."""

SHARED = ("device", "proxy", "robust")
"""Kinds of columns that belong to a dataset, whatever the training recipe."""

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Column:
    """One metric of one dataset under one protocol.

    Args:
        values: `(A, R)` finals, `(A, R, E)` curves, `(A,)` or `(A, R)` costs; NaN where missing.
        direction: `maximize` or `minimize`.
        unit: of the values (`%`, `fraction`, `s`, `ms`, `count`).
        split: `train`, `valid`, `test`, `valid+test`, `cost` or `proxy`.
        scale: `linear` or `log`, how to draw it.
        description: one sentence where the name does not say it all.
        epochs: `(E,)` of a curve, rising; () for others.
    """

    values: Array
    direction: str
    unit: str
    split: str
    scale: str = "linear"
    description: str = ""
    epochs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Protocol:
    """One training recipe: its length in epochs (None: not published) and its columns."""

    name: str
    epochs: int | None = None
    time_model: Mapping[str, Any] = field(default_factory=dict)
    final: Mapping[str, Column] = field(default_factory=dict)
    curve: Mapping[str, Column] = field(default_factory=dict)
    cost: Mapping[str, Column] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """One dataset of a family.

    Args:
        objective: name of the primary metric, never a test column where there is another.
        protocols: by name; the first is the default.
        noise_floor: of the primary metric, in its unit; None where there is a single repeat.
        rows: sorted table rows that this dataset covers; None for all of them.
        device: latency, energy and the like on real or simulated devices, `(A,)`.
        proxy: zero-cost proxies, `(A,)`.
        robust: accuracy under attack or corruption, `(A,)`.

    The last three do not depend on the training recipe: they are columns of every protocol.
    """

    objective: str
    protocols: Mapping[str, Protocol]
    noise_floor: float | None = None
    rows: Array | None = None
    device: Mapping[str, Column] = field(default_factory=dict)
    proxy: Mapping[str, Column] = field(default_factory=dict)
    robust: Mapping[str, Column] = field(default_factory=dict)

    def columns(self, protocol: str) -> dict[str, Column]:
        """Every column of a protocol but its learning curves, by name."""
        recipe = self.protocols[protocol]
        return {**recipe.final, **recipe.cost, **self.device, **self.proxy, **self.robust}


@dataclass(frozen=True)
class TableData:
    """Everything that one table file holds.

    ```
    /                     attrs: schema_version, name, title, created_by, sources, licence,
                                 citation, space_sha256, content_sha256
    /space                attrs: kind, definition (JSON), complete
    /arch/genotype        (A, G) u1/u2/i4
    /arch/key, /order     (A,) u8 sorted genotype hashes and their rows, where not complete
    /arch/source_id       (A,) fixed-width bytes: official string, hash or index
    /arch/canonical       (A,) i4 row of the class representative
    /data/<dataset>       attrs: objective, noise_floor; rows (N,) i4 where not all are covered
    /data/<dataset>/<protocol>/{final,curve,cost}/<metric>
    /data/<dataset>/{device,proxy,robust}/<metric>
    ```

    Args:
        genotypes: `(A, G)` ints; in the space's rank order where `complete`.
        canonical: `(A,)` row of each architecture's class representative.
        sources: provenance, JSON values (name, version or URL, sha256).
    """

    name: str
    title: str
    licence: str
    citation: str
    sources: tuple[Mapping[str, str], ...]
    space_kind: str
    space_definition: Mapping[str, Any]
    space_sha256: str
    complete: bool
    genotypes: Array
    source_ids: Array
    canonical: Array
    datasets: Mapping[str, Dataset]
