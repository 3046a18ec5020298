"""Specs and scripts inside a page that loads nothing from anywhere."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from functools import lru_cache
from typing import Any

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def json_for_script(value: Any) -> str:
    """JSON text that cannot end or change the `<script>` element that it stands in.

    Raises:
        ValueError: a number that JSON does not have.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text


def in_columns(spec: dict[str, Any]) -> dict[str, Any]:
    """A spec whose comma-separated data are columns, which the page's script makes rows again.

    Vega reads comma-separated text with code that it makes at run time, and the page's content
    security policy forbids that. Columns are smaller too: texts become numbers of a list of texts.
    """
    formats: dict[str, dict[str, str]] = {}
    lean: dict[str, Any] = _without_formats(spec, formats)
    for name, parse in formats.items():
        lean["datasets"][name] = {"columns": _columns(lean["datasets"][name], parse)}
    return lean


def _without_formats(spec: Any, formats: dict[str, dict[str, str]]) -> Any:
    """A copy without the formats of comma-separated data, which are noted by the data's name."""
    if isinstance(spec, list):
        return [_without_formats(item, formats) for item in spec]
    if not isinstance(spec, dict):
        return spec
    kind = spec.get("format")
    if isinstance(kind, dict) and kind.get("type") == "csv":
        formats[spec["name"]] = kind["parse"]
        return {"name": spec["name"]}
    return {key: _without_formats(value, formats) for key, value in spec.items()}


def _columns(text: str, parse: dict[str, str]) -> dict[str, Any]:
    names, *rows = csv.reader(io.StringIO(text))
    columns: dict[str, Any] = {}
    for name, cells in zip(names, zip(*rows, strict=True), strict=True):
        if parse[name] == "number":
            columns[name] = [_number(cell) for cell in cells]
        else:
            places = {level: i for i, level in enumerate(dict.fromkeys(cells))}
            columns[name] = {"levels": list(places), "codes": [places[cell] for cell in cells]}
    return columns


def _number(cell: str) -> float | int | None:
    if not cell:
        return None
    value = float(cell)
    return int(value) if value.is_integer() else value


def script_hash(source: str) -> str:
    """The `sha256-...` by which a content security policy admits one inline script."""
    digest = hashlib.sha256(source.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


@lru_cache(maxsize=1)
def vega_bundle() -> str:
    """Vega, Vega-Lite and vega-embed as one script, from the installed vl-convert.

    Raises:
        RuntimeError: the script holds an end tag, so that it cannot stand in a page.
    """
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    if "</script" in bundle.lower() or "<!--" in bundle:
        raise RuntimeError("the installed vl-convert's script cannot stand inside a page")
    return bundle
