"""Where tables come from: installed data packages, files that users import."""

from __future__ import annotations

from nasbench.datasets.families import FAMILIES, Family, installed_names, open_table

__all__ = ["FAMILIES", "Family", "installed_names", "open_table"]
