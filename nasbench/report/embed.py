"""Specs and scripts inside a page that loads nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
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

    bundle: str = vl_convert.javascript_bundle()
    if "</script" in bundle.lower() or "<!--" in bundle:
        raise RuntimeError("the installed vl-convert's script cannot stand inside a page")
    return bundle
