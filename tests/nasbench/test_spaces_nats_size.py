"""The NATS-Bench size space: text, the official order, and what it is not."""

from __future__ import annotations

import hashlib
import itertools
import pickle

import numpy as np
import pytest

from nasbench.errors import GenotypeError
from nasbench.spaces import from_definition
from nasbench.spaces.nats_size import NATSSizeSpace

SPACE = NATSSizeSpace()
OFFICIAL = [":".join(map(str, widths)) for widths in itertools.product(range(8, 65, 8), repeat=5)]


def test_the_order_of_ranks_is_the_official_one():
    texts = [SPACE.format(tuple(row)) for row in SPACE.all().tolist()]
    assert texts == OFFICIAL
    assert SPACE.size == len(SPACE) == 32_768
    # the meta file of NATS-sss-v1_0-50262 holds these strings
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    assert digest == "8b99b4c0aabe959924c6fb36c0ee4a3f79362343e36b7752b90deee9409b492f"


def test_text_is_read_back():
    for rank in range(0, len(OFFICIAL), 97):
        genotype = SPACE.parse(OFFICIAL[rank])
        assert SPACE.index(genotype) == rank
        assert SPACE.format(genotype) == OFFICIAL[rank]
    assert SPACE.parse(" 8:16:24:32:64 ") == SPACE.parse("0,1,2,3,7") == (0, 1, 2, 3, 7)
    assert SPACE.parse("width 1=8,width 2=16,width 3=24,width 4=32,width 5=64") == (0, 1, 2, 3, 7)


@pytest.mark.parametrize(
    "text",
    ["8:8:8:8", "8:8:8:8:8:8", "8:8:8:8:9", "8:8:8:8:72", "8:8:8:8:-8", "8:8:8:8:", ":", "8:8:8:8:8x", "8 8", ""],
)
def test_what_is_no_architecture_is_refused(text):
    with pytest.raises(GenotypeError):
        SPACE.parse(text)


def test_a_width_that_is_no_choice_names_the_nearest():
    with pytest.raises(GenotypeError, match="Did you mean '8'"):
        SPACE.parse("8:8:8:8:88")


def test_widths_are_ordered_and_all_architectures_differ():
    assert all(parameter.ordered and parameter.choices == tuple(range(8, 65, 8)) for parameter in SPACE.parameters)
    some = SPACE.sample(np.random.default_rng(0), 50)
    np.testing.assert_array_equal(SPACE.canonical(some), some)
    assert len(SPACE.neighbours((0, 0, 0, 0, 0))) == 35


def test_it_is_stored_by_its_definition():
    same = from_definition("nats-size", SPACE.definition())
    assert same == SPACE == pickle.loads(pickle.dumps(SPACE))
    for wrong in ({}, {**SPACE.definition(), "blocks": 4}, {"widths": [8, 16], "blocks": 5}):
        with pytest.raises(GenotypeError, match="NATS-Bench size"):
            NATSSizeSpace.from_definition(wrong)
