"""Specs inside a page: nothing that they hold can leave their script element."""

import base64
import csv
import hashlib
import io
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nasbench.report.embed import in_columns, json_for_script, script_hash, vega_bundle

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(values)
@example({"strategy": "</script><script>alert(1)</script><!-- & \u2028"})
def test_json_survives_and_cannot_end_its_script(value):
    text = json_for_script(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


def test_json_has_no_nan():
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_for_script(float("nan"))


def test_script_hash_is_that_of_the_policy():
    # The example of the Content Security Policy specification.
    assert script_hash("alert('Hello, world.');") == "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng="
    assert script_hash("é") == "sha256-" + base64.b64encode(hashlib.sha256("é".encode()).digest()).decode()


@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs", "Cc"])), st.none() | st.integers(-9, 9)), min_size=1
    )
)
def test_columns_hold_the_same_rows(rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("label", "x"))
    writer.writerows((label, "" if x is None else x) for label, x in rows)
    parse = {"label": "string", "x": "number"}
    spec = {
        "layer": [{"data": {"name": "d", "format": {"type": "csv", "parse": parse}}, "mark": "line"}],
        "datasets": {"d": text.getvalue(), "other": [{"a": 1}]},
    }
    lean = in_columns(spec)
    columns = lean["datasets"]["d"]["columns"]
    labels = [columns["label"]["levels"][code] for code in columns["label"]["codes"]]
    assert list(zip(labels, columns["x"], strict=True)) == rows
    assert lean["layer"][0] == {"data": {"name": "d"}, "mark": "line"}
    assert lean["datasets"]["other"] == [{"a": 1}]
    assert "format" in spec["layer"][0]["data"]


def test_the_bundle_stands_in_a_page_and_interprets_expressions():
    bundle = vega_bundle()
    assert "window.vegaEmbed" in bundle
    assert "</script" not in bundle.lower()
    assert "expressionInterpreter" in bundle
