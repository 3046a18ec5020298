"""The search spaces by kind: how a table's stored definition becomes a `SearchSpace` again."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from nasbench.errors import UnknownNameError
from nasbench.space import SearchSpace

KINDS: dict[str, str] = {
    "darts": "nasbench.spaces.darts:DartsSpace",
    "grid": "nasbench.spaces.grid:GridSpace",
    "nasbench201": "nasbench.spaces.nasbench201:NASBench201Space",
    "nas-bench-asr": "nasbench.spaces.nas_bench_asr:NASBenchASRSpace",
    "nasbench101": "nasbench.spaces.nasbench101:NASBench101Space",
    "nas-bench-graph": "nasbench.spaces.nas_bench_graph:NASBenchGraphSpace",
    "nas-bench-macro": "nasbench.spaces.nas_bench_macro:NASBenchMacroSpace",
    "nats-size": "nasbench.spaces.nats_size:NATSSizeSpace",
    "transnas-micro": "nasbench.spaces.transnas:TransNASMicroSpace",
    "transnas-macro": "nasbench.spaces.transnas_macro:TransNASMacroSpace",
    "restricted": "nasbench.spaces.restricted:RestrictedSpace",
    "table": "nasbench.spaces.table:TableSpace",
}
"""kind -> module:class; a definition names its kind, nothing else is ever imported for it."""


def from_definition(kind: str, definition: Mapping[str, Any]) -> SearchSpace:
    """The space that `SearchSpace.definition` described.

    Raises:
        UnknownNameError: no space of this kind is known.
    """
    if kind not in KINDS:
        raise UnknownNameError("kind of search space", kind, KINDS)
    module, _, name = KINDS[kind].partition(":")
    space: SearchSpace = getattr(import_module(module), name).from_definition(definition)
    return space
