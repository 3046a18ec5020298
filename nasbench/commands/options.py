"""What several commands make of their command line: benchmarks, processes, the line itself."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from nasbench.errors import StrategyError

if TYPE_CHECKING:
    from nasbench.strategies.base import Strategy


def expand(text: str) -> list[str]:
    """Benchmark names, with a bare family standing for all its datasets."""
    from nasbench.datasets.families import installed_names

    known = installed_names()
    out: list[str] = []
    for name in filter(None, (part.strip() for part in text.split(","))):
        members = [n for n in known if n.startswith(f"{name}/")] if "/" not in name else []
        out += members or [name]
    return list(dict.fromkeys(out))


def command_line() -> str:
    """How the program was called."""
    return " ".join(["nasbench", *sys.argv[1:]])


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parse_strategy(spec: str) -> tuple[Strategy, str]:
    """A strategy and its salt from `NAME[#salt][:key=value,...]`; values are JSON, or else text.

    Raises:
        StrategyError: a part is no key=value.
    """
    from nasbench.strategies import create

    head, _, text = spec.partition(":")
    name, _, salt = head.partition("#")
    params: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise StrategyError(f"--strategy {spec!r}: {part!r} is no key=value; e.g. gp:initial=20")
        try:
            params[key] = json.loads(value)
        except ValueError:
            params[key] = value
    return create(name, **params), salt
