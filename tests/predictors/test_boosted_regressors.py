"""Boosted trees can tell what all positions of a small space do together."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench import predictors
from nasbench.errors import MissingExtraError
from nasbench.spaces.grid import GridSpace

SWITCHES = GridSpace.of({name: [0, 1] for name in "abcde"})


def create(name, **params):
    try:
        return predictors.create(name, SWITCHES, rank_targets=False, **params)
    except MissingExtraError as error:
        pytest.skip(str(error))


def explained(predictor):
    """R2 of `all five switches are on`, learned from every row of the table eight times."""
    genotypes = SWITCHES.all()
    target = genotypes.all(axis=1).astype(float)
    fitted = predictor.fit(np.repeat(genotypes, 8, axis=0), np.repeat(target, 8))
    return 1 - np.mean((fitted.predict(genotypes) - target) ** 2) / target.var()


BY_TWO = (5 + 10) / 31
"""Most that a sum of functions of two switches each explains: of the 31 non-constant Walsh coefficients of the
conjunction, all of one size, 5 are of one switch and 10 of two."""


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "hist-gradient-boosting"])
def test_trees_see_all_positions_of_a_small_space(name):
    assert explained(create(name)) > 0.9


def test_trees_of_two_columns_cannot():
    assert explained(create("xgboost", colsample_bytree=0.4, encoder="ordinal")) <= BY_TWO + 1e-6
