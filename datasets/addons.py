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

import numpy as np
from numpy.typing import NDArray

from nasbench.datasets.paths import data_dir
from nasbench.errors import TableError
from nasbench.schema import Column, Dataset, Protocol
from nasbench.store import Table

Protocols = Mapping[str, Mapping[str, Protocol]]
"""What an importer of an add-on returns: dataset -> protocol name -> the columns to add."""

KINDS = ("final", "curve", "cost")


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
        added: (dataset, protocol, metric) of each column that is not the base's.
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
            taken = {metric for kind in KINDS for metric in getattr(old, kind)}
            merged: dict[str, dict[str, Column]] = {}
            for kind in KINDS:
                new: Mapping[str, Column] = getattr(recipe, kind)
                if again := taken.intersection(new):
                    raise _unfit(addon, self, f"{dataset} has {sorted(again)[0]!r} in protocol {name!r} already")
                self._homes.update({(dataset, name, metric): addon for metric in new})
                merged[kind] = {**getattr(old, kind), **new}
            protocols[name] = replace(old, final=merged["final"], curve=merged["curve"], cost=merged["cost"])
        return replace(data, protocols=protocols)

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
