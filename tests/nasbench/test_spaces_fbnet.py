"""The FBNet space: its size, its text, and that it can be sampled though not listed."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench.errors import GenotypeError
from nasbench.spaces import from_definition
from nasbench.spaces.fbnet import OPERATIONS, fbnet_space


def test_size_and_operations():
    space = fbnet_space()
    assert space.size == 9**22
    assert not space.enumerable
    assert OPERATIONS.index("skip") == 8
    assert from_definition(space.kind, space.definition()) == space
    assert fbnet_space() is space


def test_text():
    space = fbnet_space()
    codes = tuple(i % 9 for i in range(22))
    assert space.parse(space.format(codes)) == codes
    assert space.parse(str(list(codes))) == codes
    assert space.format(codes).startswith("layer 1=k3_e1,layer 2=k3_e1_g2,")
    for text in ("", "0", ",".join("9" * 22), "layer 1=k7_e1"):
        with pytest.raises(GenotypeError):
            space.parse(text)


def test_it_is_sampled_and_searched_but_never_listed():
    space = fbnet_space()
    drawn = space.sample(np.random.default_rng(0), 2000)
    assert space.valid(drawn).all()
    assert {tuple(np.unique(column)) for column in drawn.T} == {tuple(range(9))}
    genotype = tuple(drawn[0].tolist())
    assert len(space.neighbours(genotype)) == 22 * 8
    assert sum(a != b for a, b in zip(space.mutate(genotype, np.random.default_rng(1)), genotype, strict=True)) == 1
    for listing in (space.all, lambda: space.indices(drawn)):
        with pytest.raises(GenotypeError):
            listing()
