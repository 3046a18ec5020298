"""What several commands make of their command line: benchmarks, processes, the line itself."""

from __future__ import annotations

import os
import sys


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
