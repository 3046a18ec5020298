"""Add-ons: further columns of a family in files of their own, `FAMILY+NAME.h5`, joined when it is opened.

An add-on is a table with the same rows as its base. Neither file is ever rewritten: the columns of both are
put side by side in memory. Metrics that the base has keep their bytes, so that a run that reads only
those has the same key with or without add-ons.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.paths import data_dir
from nasbench.errors import TableError
from nasbench.schema import PER_PROTOCOL, SHARED, Column, Dataset, Protocol
from nasbench.store import Table

Additions = Mapping[str, Dataset]
"""What an importer of an add-on returns: dataset -> the columns to add, in its protocols or beside them."""


def addition(
    base: Table,
    dataset: str,
    *protocols: Protocol,
    device: Mapping[str, Column] | None = None,
    proxy: Mapping[str, Column] | None = None,
    robust: Mapping[str, Column] | None = None,
) -> Dataset:
    """The columns that an add-on brings to a dataset of the base table.

    Args:
        base: the family's table.
        dataset: one of its datasets.
        protocols: training recipes with columns to add.
        device: latency, energy and the like, whatever the recipe.
        proxy: zero-cost proxies.
        robust: accuracy under attack.
    """
    return Dataset(
        base.datasets[dataset].objective,
        {recipe.name: recipe for recipe in protocols},
        device=device or {},
        proxy=proxy or {},
        robust=robust or {},
    )


def addon_path(family: str, addon: str) -> Path:
    """Where an add-on's table is kept."""
    return data_dir() / f"{family}+{addon}.h5"


def addon_files(folder: str, family: str) -> list[str]:
    """Paths of the installed add-ons of a family, sorted by name; texts, since each `load` asks."""
    prefix = f"{family}+"
    try:
        names = [name for name in os.listdir(folder) if name.startswith(prefix) and name.endswith(".h5")]
    except (OSError, ValueError):  # no folder, or a name that can be none
        return []
    return [os.path.join(folder, name) for name in sorted(names)]


def installed_addons() -> dict[str, Path]:
    """Every installed add-on by the name that a user says, `FAMILY-ADDON`, sorted."""
    folder = data_dir()
    found = folder.glob("*+*.h5") if folder.is_dir() else ()
    return {path.stem.replace("+", "-", 1): path for path in sorted(found) if not path.name.startswith(".")}


class JoinedTable(Table):
    """A base table with the columns of its add-ons beside its own.

    Args:
        base: the family's table.
        addons: open tables of the same rows.

    Attributes:
        addons: the add-ons.
        added: (dataset, protocol, metric) of each column that is not the base's; the protocol of a column
            that belongs to all of them is an empty text.
        sources: of the base, then of the add-ons, whose records say `addon`.

    Raises:
        TableError: an add-on has other rows than the base, or a column that is there already.
    """

    def __init__(self, base: Table, addons: Sequence[Table]) -> None:
        self.__dict__.update(base.__dict__)
        self._base = base
        self.addons = tuple(addons)
        self.datasets = dict(base.datasets)
        self.sources = list(base.sources)
        self._homes: dict[tuple[str, str, str], Table] = {}
        for addon in addons:
            self._add(addon)
        self.added = frozenset(self._homes)

    def _add(self, addon: Table) -> None:
        if addon.attrs["space_sha256"] != self.attrs["space_sha256"] or not np.array_equal(
            addon.genotypes, self.genotypes
        ):
            raise _unfit(addon, self, "it has other architectures, or another order of them")
        for name, more in addon.datasets.items():
            if name not in self.datasets:
                raise _unfit(addon, self, f"there is no dataset {name!r}")
            self.datasets[name] = self._extended(name, self.datasets[name], more, addon)
        self.sources += [{**source, "addon": addon.attrs["name"]} for source in addon.sources]

    def _extended(self, dataset: str, data: Dataset, more: Dataset, addon: Table) -> Dataset:
        protocols = dict(data.protocols)
        for name, recipe in more.protocols.items():
            old = protocols.get(name, Protocol(name, recipe.epochs, recipe.time_model))
            if old.epochs != recipe.epochs:
                raise _unfit(
                    addon, self, f"protocol {name!r} of {dataset} has {old.epochs} epochs, not {recipe.epochs}"
                )
            for kind in PER_PROTOCOL:
                self._homes.update({(dataset, name, metric): addon for metric in getattr(recipe, kind)})
            joined: dict[str, Any] = {kind: {**getattr(old, kind), **getattr(recipe, kind)} for kind in PER_PROTOCOL}
            protocols[name] = replace(old, **joined)
        shared: dict[str, Any] = {kind: {**getattr(data, kind), **getattr(more, kind)} for kind in SHARED}
        extended = replace(data, protocols=protocols, **shared)
        self._check_new(dataset, data, more, extended, addon)
        self._homes.update({(dataset, "", metric): addon for kind in SHARED for metric in getattr(more, kind)})
        return extended

    def _check_new(self, name: str, old: Dataset, more: Dataset, both: Dataset, addon: Table) -> None:
        """Refuse a column that is there already, under the same protocol or beside all of them."""
        for protocol in both.protocols:
            parts = [_columns(part, protocol) for part in (old, more)]
            if again := parts[0] & parts[1]:
                raise _unfit(addon, self, f"{name} has {min(again)!r} in protocol {protocol!r} already")

    def verify(self) -> None:
        """Hash the base and every add-on against their own checksums.

        Raises:
            TableError: the contents of one changed.
        """
        for table in (self._base, *self.addons):
            table.verify()

    def curve(self, dataset: str, protocol: str, metric: str) -> NDArray[np.float32]:
        """The stored learning curves `(A, R, E)` of a metric, read into memory."""
        return self._homes.get((dataset, protocol, metric), self._base).curve(dataset, protocol, metric)


def _columns(data: Dataset, protocol: str) -> set[str]:
    """Names of all columns and curves under a protocol, which the dataset need not have."""
    shared = {metric for kind in SHARED for metric in getattr(data, kind)}
    recipe = data.protocols.get(protocol)
    return shared if recipe is None else shared.union(*(getattr(recipe, kind) for kind in PER_PROTOCOL))


def join(base: Table) -> Table:
    """The table with its installed add-ons; itself where there are none.

    Raises:
        TableError: an add-on is damaged or does not fit.
    """
    files = addon_files(str(data_dir()), base.attrs["name"])
    return JoinedTable(base, [Table(Path(file)) for file in files]) if files else base


def _unfit(addon: Table, base: Table, why: str) -> TableError:
    name = addon.path.stem.replace("+", "-", 1)
    return TableError(
        f"{addon.path} does not fit {base.attrs['name']}: {why}. Take it away with `nasbench remove {name}`, then "
        f"get it anew with `nasbench fetch {name}`."
    )
