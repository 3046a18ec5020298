"""The macro space of TransNAS-Bench-101 against a plain enumeration of the published rule."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nasbench.errors import GenotypeError
from nasbench.spaces import from_definition
from nasbench.spaces.transnas_macro import TransNASMacroSpace

SPACE = TransNASMacroSpace()


def networks() -> list[str]:
    """By string work: 4 to 6 digits, 2 and 4 double the channels, 3 and 4 halve the resolution."""
    digits = ("".join(d) for n in (4, 5, 6) for d in itertools.product("1234", repeat=n))
    return [
        f"64-{d}-basic"
        for d in digits
        if 1 <= d.count("2") + d.count("4") <= 3 and 1 <= d.count("3") + d.count("4") <= 4
    ]


def test_the_members_are_the_published_networks() -> None:
    names = networks()
    assert len(names) == SPACE.size == 3256
    assert [SPACE.format(tuple(row)) for row in SPACE.all().tolist()] == sorted(
        names, key=lambda name: name.split("-")[1].ljust(6, "0")
    )
    assert len({SPACE.parse(name) for name in names}) == 3256


def test_text_and_definition() -> None:
    assert SPACE.parse("64-1234-basic") == SPACE.parse("1,2,3,4,0,0") == (1, 2, 3, 4, 0, 0)
    assert SPACE.format((4, 1, 1, 1, 1, 2)) == "64-411112-basic"
    assert from_definition(SPACE.kind, SPACE.definition()) == SPACE
    for text in ("64-123-basic", "64-1235-basic", "64-1234", "64-1111-basic", "64-2222-basic", "64-333332-basic", "x"):
        with pytest.raises(GenotypeError):
            SPACE.parse(text)
    with pytest.raises(GenotypeError, match="four to six modules"):
        SPACE.check([(1, 2, 0, 3, 4, 0)])
    with pytest.raises(GenotypeError, match="not the definition"):
        TransNASMacroSpace.from_definition({"modules": []})


def test_moves_keep_the_rule_and_reach_every_network() -> None:
    """Breadth first over the neighbours, of which each changes one module."""
    start = SPACE.parse("64-1234-basic")
    reached, border = {start}, [start]
    while border:
        around = {other for genotype in border for other in SPACE.neighbours(genotype)}
        border = [*(around - reached)]
        reached |= around
    assert len(reached) == 3256
    around = SPACE.neighbours(start)
    assert "64-12341-basic" in {SPACE.format(other) for other in around}
    assert all(sum(a != b for a, b in zip(start, other, strict=True)) == 1 for other in around)
    rng = np.random.default_rng(0)
    mutants = [SPACE.mutate(start, rng) for _ in range(300)]
    assert set(mutants) == set(around)
    children = [SPACE.crossover(start, SPACE.parse("64-411111-basic"), rng) for _ in range(100)]
    assert SPACE.valid(children).all()
    np.testing.assert_array_equal(SPACE.canonical(SPACE.all()), SPACE.all())
