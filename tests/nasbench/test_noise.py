"""The noise floor against its definition, a known noise, and the published figures."""

import numpy as np
import pytest

import nasbench
from nasbench.noise import noise_floor


def test_recovers_a_known_standard_error():
    rng = np.random.default_rng(0)
    skill = np.linspace(0, 100, 5000)
    values = skill[:, None] + rng.normal(0, 0.6, (5000, 4))
    assert noise_floor(values, top=1000) == pytest.approx(0.6 / 2, rel=0.05)


def test_by_hand():
    values = [[1.0, 3.0, np.nan], [5.0, 6.0, 7.0], [9.0, np.nan, np.nan]]
    # Sample variances 2 and 1 over runs 2 and 3; the single-run architecture says nothing.
    assert noise_floor(values) == pytest.approx(np.sqrt(1.5 / 2.5))
    assert noise_floor(values, top=1) == pytest.approx(np.sqrt(1 / 3))
    assert noise_floor(values, sign=-1, top=1) == pytest.approx(np.sqrt(2 / 2))


@pytest.mark.parametrize("values", [np.ones((5, 1)), np.full((4, 3), np.nan), np.empty((0, 3))])
def test_unknown_without_repeats(values):
    assert noise_floor(values) is None


def test_refuses_a_flat_column():
    with pytest.raises(ValueError, match="architectures, repeats"):
        noise_floor([1.0, 2.0])


@pytest.mark.parametrize(("dataset", "floor"), [("cifar10", 0.11), ("cifar100", 0.30), ("imagenet16-120", 0.34)])
def test_nasbench201(dataset, floor):
    values = nasbench.load(f"nasbench201/{dataset}").column("val_accuracy")
    assert noise_floor(values) == pytest.approx(floor, abs=0.011)
