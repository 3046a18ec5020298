"""Exact row look-up, against a plain dictionary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench.errors import GenotypeError
from nasbench.spaces.row_index import RowIndex

cardinalities = st.lists(st.sampled_from([1, 2, 3, 200, 70_000, 2**31, 2**40, 2**61]), min_size=1, max_size=12)


@settings(deadline=None)
@given(cardinalities, st.integers(0, 2**32), st.integers(1, 60))
def test_find_equals_a_dictionary(cardinalities, seed, count):
    rng = np.random.default_rng(seed)
    # few distinct values a column, so that rows share long prefixes
    values = np.array([[int(rng.integers(c)) for c in cardinalities] for _ in range(3)])
    pick = rng.integers(0, 3, size=(count, len(cardinalities)))
    rows = rng.permutation(np.unique(values[pick, np.arange(len(cardinalities))], axis=0))
    expected = {tuple(row): number for number, row in enumerate(rows.tolist())}
    asked = values[rng.integers(0, 3, size=(100, len(cardinalities))), np.arange(len(cardinalities))]
    found = RowIndex(rows, cardinalities).find(asked)
    assert found.tolist() == [expected.get(tuple(row), -1) for row in asked.tolist()]


@pytest.mark.parametrize("cardinalities", [[5, 5], [2**40, 2**40], [2**61, 3]])
def test_a_repeated_row_is_refused(cardinalities):
    with pytest.raises(GenotypeError, match=r"rows 1 and 3 are one genotype, \(4, 2\)"):
        RowIndex(np.array([[0, 2], [4, 2], [4, 1], [4, 2]]), cardinalities)


def test_narrow_batches_do_not_wrap():
    """A uint8 batch against place values beyond a byte."""
    rows = np.array([[200, 199, 3], [1, 2, 3], [200, 1, 0]], dtype=np.uint8)
    assert RowIndex(rows, [201, 201, 4]).find(rows[::-1].copy()).tolist() == [2, 1, 0]
