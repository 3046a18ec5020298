"""The commands that look: `list`, `info`, `query`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench.commands.printing import AsJson, Name, no_nan, pairs, span, table
from nasbench.errors import UnknownNameError

if TYPE_CHECKING:
    from nasbench.benchmark import Benchmark


def list_(
    what: Annotated[str, typer.Argument(help="benchmarks, strategies, predictors or formats.")] = "benchmarks",
    everything: Annotated[
        bool, typer.Option("--all", help="Benchmarks: also what can be fetched, or imported by hand, and licences.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List what is there: benchmarks, strategies, predictors or import formats."""
    known = {"benchmarks": _benchmarks, "strategies": _strategies, "predictors": _predictors, "formats": _formats}
    if what not in known:
        raise UnknownNameError("thing to list", what, known)
    if everything and what != "benchmarks":
        raise typer.BadParameter(f"--all is for benchmarks, not for {what}")
    rows = known[what]()
    if everything:
        licences = {row["name"]: _licence(row["name"].partition("/")[0]) for row in rows}
        here = [{**row, "licence": licences[row["name"]], "download MB": "", "on disk MB": ""} for row in rows]
        rows = here + _fetchable() + _by_hand()
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table(rows)
    if everything:
        _licence_terms({row["licence"] for row in rows})


def _benchmarks() -> list[dict[str, Any]]:
    from nasbench.datasets.families import imported_families, installed_names
    from nasbench.datasets.surrogate_names import surrogate_names

    imported, surrogates = set(imported_families()), set(surrogate_names())
    return [
        {"name": name, "from": "fitted", "what": _surrogate_title(name)}
        if name in surrogates
        else {
            "name": name,
            "from": _origin(family := name.partition("/")[0], family in imported),
            "what": _title(family, family in imported),
        }
        for name in installed_names()
    ]


def _surrogate_title(name: str) -> str:
    """One line about a surrogate, also where its manifest is damaged."""
    from nasbench.benchmark import load
    from nasbench.errors import TableError

    try:
        return load(name).title
    except TableError as error:
        return f"damaged surrogate: {error}"


def _origin(family: str, imported: bool) -> str:
    from nasbench.datasets.catalog import catalog

    return "installed package" if not imported else "fetched" if family in catalog() else "imported"


def _licence(family: str) -> str:
    """Licence of a family's data; of a surrogate its base's, which `info` gives."""
    from nasbench.datasets.families import FAMILIES, imported_families, open_base

    if family not in FAMILIES and family not in imported_families():
        return ""
    return open_base(family).attrs["licence"] if family in imported_families() else FAMILIES[family].licence


def _title(family: str, imported: bool) -> str:
    from nasbench.datasets.families import FAMILIES, open_base

    return open_base(family).attrs["title"] if imported else FAMILIES[family].title


def _fetchable() -> list[dict[str, Any]]:
    """What the catalog can fetch: whether it is installed, licence, sizes."""
    from nasbench.datasets.addons import installed_addons
    from nasbench.datasets.catalog import AddOn, catalog
    from nasbench.datasets.families import imported_families

    here = {*installed_addons(), *imported_families()}
    return [
        {
            "name": entry.name,
            "from": "fetched" if entry.name in here else f"nasbench fetch {entry.name}",
            "what": f"add-on of {entry.family}: {entry.title}" if isinstance(entry, AddOn) else entry.title,
            "licence": entry.licence,
            "download MB": round(entry.download_bytes / 1e6, 1),
            "on disk MB": round(entry.result_bytes / 1e6, 1),
        }
        for entry in catalog().values()
    ]


def _by_hand() -> list[dict[str, Any]]:
    """Official archives that a person downloads."""
    from nasbench.datasets.catalog import archives
    from nasbench.datasets.families import imported_families

    here = set(imported_families())
    return [
        {
            "name": archive.name,
            "from": "imported" if archive.name in here else f"nasbench import {archive.format} PATH",
            "what": f"{archive.title}: {archive.file} of {archive.page}",
            "licence": archive.licence,
            "download MB": "",
            "on disk MB": "",
        }
        for archive in archives().values()
    ]


def _licence_terms(licences: set[str]) -> None:
    """What the listed licences allow and forbid."""
    from nasbench.datasets.catalog import TERMS

    typer.echo("\nlicences")
    for licence in sorted(licences & TERMS.keys()):
        typer.echo(f"  {licence}: {TERMS[licence]}")


def _strategies() -> list[dict[str, Any]]:
    from dataclasses import fields

    from nasbench.errors import MissingExtraError
    from nasbench.strategies import REGISTRY

    rows = []
    for name in REGISTRY.names():
        place, extra = REGISTRY.table.get(name, ("", None))
        parts = place.partition(":")[0].split(".")
        row = {"name": name, "family": parts[2].replace("_", "-") if len(parts) > 3 else ""}
        try:
            cls = REGISTRY.get(name)
        except MissingExtraError as error:
            rows.append({**row, "needs": f"extra {extra}", "what": str(error), "parameters": ""})
            continue
        needs = [*cls.uses]
        needs += ["several objectives"] * (cls.min_objectives > 1) + ["fidelities"] * cls.needs_fidelities
        needs += [f"extra {extra}"] * bool(extra)
        init = [f.name for f in fields(cls) if f.init]
        rows.append({**row, "needs": ", ".join(needs), "what": _first_line(cls), "parameters": ", ".join(init)})
    return rows


def _predictors() -> list[dict[str, Any]]:
    from inspect import signature

    from nasbench.errors import MissingExtraError
    from nasbench.predictors import REGISTRY

    rows = []
    for name in REGISTRY.names():
        try:
            cls = REGISTRY.get(name)
        except MissingExtraError as error:
            rows.append({"name": name, "what": str(error), "parameters": ""})
            continue
        given = [parameter for parameter in signature(cls).parameters if parameter not in ("space", "functional")]
        rows.append({"name": name, "what": _first_line(cls), "parameters": ", ".join(given)})
    return rows


def _formats() -> list[dict[str, Any]]:
    from nasbench.datasets.formats import REGISTRY

    own = {"name": "csv", "what": "a wide table, or a long one with `epoch` and `repeat` columns"}
    return [own, *({"name": name, "what": _first_line(REGISTRY.get(name))} for name in REGISTRY.names())]


def _first_line(thing: object) -> str:
    return (thing.__doc__ or "").strip().splitlines()[0]


def info(
    name: Name,
    protocol: Annotated[str | None, typer.Option(help="Training recipe; the first by default.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Hash the whole table against its checksum.")] = False,
    as_json: AsJson = False,
) -> None:
    """What a benchmark holds: metrics, units, splits, repeats, optimum, licence, citation, sources."""
    from nasbench.benchmark import load

    bench = load(name)
    if verify:
        bench.verify()
    if not bench.tabular:
        from nasbench.commands.surrogate import show

        show(bench, verify, as_json)
        return
    facts = _facts(bench, verify, protocol)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    metrics = facts.pop("metrics")
    sources = facts.pop("sources")
    pairs(facts)
    typer.echo()
    table(metrics)
    typer.echo("\nsources")
    for source in sources:
        addon = f" ({source['addon']})" if "addon" in source else ""
        typer.echo(f"  {source['name']}{addon}\n    sha256 {source.get('sha256', 'not recorded')}")


def _facts(bench: Benchmark, verified: bool, protocol: str | None) -> dict[str, Any]:
    genotype, value = bench.optimum()
    space = bench.full_space
    attrs = bench.table.attrs
    return {
        "name": bench.name,
        "title": attrs["title"],
        "architectures": len(bench),
        "space": f"{space.kind}, {space.size:,} architectures, {space.length} choices",
        "canonical classes": len(set(bench.classes.tolist())),
        "objective": bench.objective,
        "noise floor": bench.noise_floor if bench.noise_floor is not None else "unknown (a single published value)",
        "optimum": f"{value!r} at {space.format(genotype)}",
        "protocols": {p.name: p.epochs for p in bench.protocols.values()},
        "licence": attrs["licence"],
        "citation": attrs["citation"],
        "table": str(bench.table.path),
        "content sha256": attrs["content_sha256"] + (" (verified)" if verified else ""),
        **(
            {
                "add-ons": "; ".join(
                    f"{a.attrs['name']} ({a.attrs['title']}; {a.attrs['licence']}; {a.attrs['citation']})"
                    for a in bench.table.addons
                )
            }
            if bench.table.addons
            else {}
        ),
        "metrics": [
            {
                "metric": m.name,
                "direction": m.direction,
                "unit": m.unit,
                "split": m.split,
                "repeats": m.repeats,
                "epochs": span(m.epochs),
                "description": m.description,
            }
            for m in bench.metrics_of(protocol).values()
        ],
        "sources": bench.table.sources,
    }


def query(
    name: Name,
    arch: Annotated[str, typer.Argument(metavar="ARCH", help="Integers, the official string, or the official id.")],
    metric: Annotated[str | None, typer.Option(help="One metric; all by default.")] = None,
    repeat: Annotated[int | None, typer.Option(help="One training repeat; the mean by default.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Training recipe; the first by default.")] = None,
    epoch: Annotated[int | None, typer.Option(help="A fidelity along the learning curve.")] = None,
    as_json: AsJson = False,
) -> None:
    """The published numbers of one architecture."""
    from nasbench.benchmark import load

    bench = load(name)
    genotype = bench.find(arch)
    if metric is not None:
        value = bench.query(genotype, metric, repeat=repeat, protocol=protocol, epoch=epoch)
        typer.echo(json.dumps(no_nan({"metric": metric, "value": value})) if as_json else repr(value))
        return
    rows = []
    for m in bench.metrics_of(protocol).values():
        repeats = [] if m.repeats == 1 else [repeat] if repeat is not None else range(m.repeats)
        mean = bench.query(genotype, m.name, protocol=protocol)
        shown = [bench.query(genotype, m.name, repeat=r, protocol=protocol) for r in repeats]
        rows.append({"metric": m.name, "unit": m.unit, "split": m.split, "mean": mean, "repeats": shown})
    if as_json:
        typer.echo(json.dumps({"benchmark": bench.name, "architecture": bench.full_space.format(genotype),
                               "genotype": list(genotype), "metrics": no_nan(rows)}, indent=2))  # fmt: skip
        return
    typer.echo(f"{bench.full_space.format(genotype)}   genotype {','.join(map(str, genotype))}")
    table([{**row, "mean": repr(row["mean"]), "repeats": "  ".join(map(repr, row["repeats"]))} for row in rows])
