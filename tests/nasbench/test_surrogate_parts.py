"""The parts of a surrogate on their own: scales, noise, figures, regions, trees."""

from __future__ import annotations

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nasbench.errors import TableError
from nasbench.parameter import Parameter
from nasbench.predictors.boosted_members import BoostingParams, Members, fit_members
from nasbench.predictors.tree_walk import DEEPEST, walker_of
from nasbench.spaces.grid import GridSpace
from nasbench.surrogate_quality import kendall_tau, quality, rounding_step
from nasbench.surrogate_regions import LEAST_HELD_OUT, MOST_REGIONS, regions_of
from nasbench.surrogate_scale import LEAST_REPEATED, NoiseModel, TargetScale

# -- scales -----------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0.01, 1e6), min_size=2, max_size=20), st.booleans())
def test_a_scale_can_be_undone(values, positive):
    values = np.array(values)
    scale = TargetScale.of(values, positive)
    assert scale.values(scale.targets(values)) == pytest.approx(values, rel=1e-9, abs=1e-9)
    assert scale.log == positive
    assert scale.spread > 0


def test_a_scale_of_logarithms_needs_positive_values_and_stays_positive():
    assert not TargetScale.of(np.array([0.0, 1.0]), positive=True).log
    scale = TargetScale.of(np.array([1.0, 10.0, 100.0]), positive=True)
    assert (scale.values(np.array([-50.0, 0.0, 5.0])) > 0).all()
    assert scale.centre == pytest.approx(np.log(10))
    at = np.array([10.0])
    numeric = (scale.values(scale.targets(at) + 1e-6) - scale.values(scale.targets(at) - 1e-6)) / 2e-6
    assert scale.deviations(at, np.ones(1)) == pytest.approx(numeric, rel=1e-6)
    assert TargetScale.of(np.full(5, 3.0), positive=False).targets(np.full(5, 3.0)) == pytest.approx(0)


# -- noise ------------------------------------------------------------------------------------------------


def test_noise_that_grows_with_the_mean_is_found():
    rng = np.random.default_rng(0)
    mean = rng.uniform(0, 10, 3000)
    values = mean[:, None] + (0.1 + 0.1 * mean[:, None]) * rng.standard_normal((3000, 3))
    noise = NoiseModel.fit(values)
    inside = np.linspace(1, 9, 9)
    assert noise.at(inside) == pytest.approx(0.1 + 0.1 * inside, rel=0.15)
    assert noise.deviation(5.0) == noise.at(np.array([5.0]))[0]
    assert noise.at(np.array([-100.0]))[0] == noise.deviations[0]
    assert (noise.rows, noise.runs) == (3000, 3)


def test_noise_needs_repeated_trainings():
    assert NoiseModel.fit(np.arange(100.0)[:, None]) is None
    once = np.full((100, 2), np.nan)
    once[:, 0] = np.arange(100)
    assert NoiseModel.fit(once) is None
    once[: LEAST_REPEATED - 1, 1] = 0
    assert NoiseModel.fit(once) is None
    once[LEAST_REPEATED - 1, 1] = 0
    assert NoiseModel.fit(once).rows == LEAST_REPEATED
    # a few of many: one pooled value, the root mean variance
    few = NoiseModel.fit(np.array([[0.0, 2.0]] * 12 + [[1.0, np.nan]] * 50))
    assert few.deviations == (pytest.approx(np.sqrt(2)),)
    same = NoiseModel.fit(np.full((200, 2), 3.0))
    assert same.means == (3.0,)
    assert same.deviations == (0.0,)


# -- figures ----------------------------------------------------------------------------------------------


def test_figures_are_those_of_scipy():
    rng = np.random.default_rng(1)
    labels = rng.normal(70, 5, 300)
    mean = labels + rng.normal(0.5, 2, 300)
    sd = np.full(300, 2.0)
    found = quality("r", "ensemble", labels, mean, sd, 0.1)
    assert found.tau == pytest.approx(stats.kendalltau(labels, mean).statistic)
    assert found.sparse_tau == pytest.approx(stats.kendalltau(labels, np.round(mean, 1)).statistic, abs=1e-3)
    assert found.nll == pytest.approx(-stats.norm.logpdf(labels, mean, sd).mean())
    assert found.r2 == pytest.approx(1 - ((mean - labels) ** 2).sum() / ((labels - labels.mean()) ** 2).sum())
    assert found.bias == pytest.approx((mean - labels).mean())
    assert found.rmse**2 == pytest.approx(((mean - labels) ** 2).mean())
    low, high = stats.norm.interval(0.95, mean, sd)
    assert found.coverage_95 == pytest.approx(np.mean((labels >= low) & (labels <= high)))
    assert found.coverage_68 == pytest.approx(np.mean(np.abs(labels - mean) <= sd))
    assert not found.baseline
    plain = quality("r", "constant", labels, np.full(300, 70.0))
    assert (plain.tau, plain.n) == (0, 300)
    assert plain.baseline
    assert np.isnan([plain.nll, plain.coverage_95, plain.sparse_tau]).all()


def test_constants_rank_nothing():
    assert kendall_tau(np.ones(5), np.arange(5.0)) == kendall_tau(np.arange(5.0), np.ones(5)) == 0
    assert kendall_tau(np.arange(5.0), np.arange(5.0)) == 1
    assert np.isnan(quality("r", "m", np.ones(4), np.arange(4.0)).r2)


def test_what_differences_do_not_matter():
    assert rounding_step("%", 0.5) == 0.1
    assert rounding_step("fraction", None) == 0.001
    assert rounding_step("ms", 0.5) == 0.5
    assert rounding_step("ms", None) is None


# -- regions ----------------------------------------------------------------------------------------------

SPACE = GridSpace([Parameter("depth", (1, 2, 3), True), Parameter("width", (8, 16), True), Parameter("op", ("a", "b"))])


def test_regions_are_the_choices_that_matter_most_and_the_best_tenth():
    genotypes = SPACE.sample(np.random.default_rng(0), 400)
    utility = genotypes[:, 1] * 5.0 + genotypes[:, 0] + np.arange(400) * 1e-6
    ids = np.array([b"x"] * 400)
    regions = regions_of(SPACE, genotypes, ids, utility)
    assert [r.name for r in regions] == ["width = 8", "width = 16", "best tenth"]
    assert (regions[0].held_out == (genotypes[:, 1] == 0)).all()
    assert regions[2].held_out.sum() == 40
    assert utility[regions[2].held_out].min() > utility[~regions[2].held_out].max()


def test_regions_are_the_groups_of_the_source_ids_where_they_name_some():
    rng = np.random.default_rng(0)
    genotypes = SPACE.sample(rng, 300)
    names = np.array(["bananas", "de", "random", "rare"])[rng.choice(4, 300, p=[0.4, 0.3, 0.27, 0.03])]
    ids = np.array([f"{name}/results_{i}".encode() for i, name in enumerate(names)])
    regions = regions_of(SPACE, genotypes, ids, rng.random(300))
    assert [r.name for r in regions] == ["source bananas", "source de", "source random", "best tenth"]
    assert (regions[1].held_out == (names == "de")).all()
    ids[5] = b"alone"
    assert regions_of(SPACE, genotypes, ids, rng.random(300))[0].name.split(" = ")[0] in ("depth", "width", "op")


def test_regions_are_few_and_not_small():
    space = GridSpace([Parameter("x", tuple(range(30)), True), Parameter("y", (0, 1), True)])
    genotypes = space.sample(np.random.default_rng(0), 1200)
    regions = regions_of(space, genotypes, np.array([b""] * 1200), genotypes[:, 0] * 1.0)
    assert len(regions) == MOST_REGIONS + 1
    assert min(r.held_out.sum() for r in regions) >= LEAST_HELD_OUT
    few = regions_of(SPACE, SPACE.sample(np.random.default_rng(0), 30), np.array([b""] * 30), np.arange(30.0))
    assert all(r.held_out.sum() >= LEAST_HELD_OUT for r in few)


# -- members ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    features = rng.integers(0, 5, (400, 7)).astype(np.float32) / 4
    return features, (features @ np.arange(7.0) + features[:, 0] * features[:, 1]) / 5


def test_each_row_is_predicted_by_the_member_that_has_not_seen_it(data):
    features, targets = data
    noise = np.random.default_rng(1).normal(size=400)
    fitted = fit_members(features, noise, BoostingParams(members=5, n_estimators=300, learning_rate=0.3), 0)
    seen = Members(fitted.parts, 7, "it").predict(features).mean(axis=0)
    # pure noise can be remembered, never foreseen
    assert np.corrcoef(seen, noise)[0, 1] > 0.5
    assert abs(np.corrcoef(fitted.out_of_fold, noise)[0, 1]) < 0.2
    learned = fit_members(features, targets, BoostingParams(members=5), 0)
    assert np.corrcoef(learned.out_of_fold, targets)[0, 1] > 0.95


@pytest.mark.parametrize("depth", [1, 4, DEEPEST])
def test_walked_trees_give_xgboosts_bits(data, depth):
    features, targets = data
    fitted = fit_members(features, targets, BoostingParams(members=3, n_estimators=50, max_depth=depth), 2)
    members = Members(fitted.parts, 7, "it")
    walker = walker_of(members._boosters, 7)
    rng = np.random.default_rng(3)
    for row in [*features[:50], *rng.random((50, 7), dtype=np.float32), np.full(7, -9, np.float32)]:
        assert (walker.predict(row[None]) == members.predict(row[None])).all()


def test_other_models_are_not_walked(data):
    features, targets = data
    deep = fit_members(features, targets, BoostingParams(members=2, n_estimators=3, max_depth=DEEPEST + 2), 0)
    assert walker_of(Members(deep.parts, 7, "it")._boosters, 7) is None
    linear = xgboost.train({"booster": "gblinear", "nthread": 1}, xgboost.DMatrix(features, targets), 2)
    shifted = xgboost.train({"base_score": 3.0, "nthread": 1}, xgboost.DMatrix(features, targets), 2)
    longer = xgboost.train({"base_score": 0.0, "nthread": 1}, xgboost.DMatrix(features, targets), 3)
    assert walker_of([linear], 7) is None
    assert walker_of([shifted], 7) is None
    assert walker_of([longer, shifted], 7) is None


def test_members_refuse_what_is_no_model(data):
    for part in (b"", b"{", b"\x80\x04."):
        with pytest.raises(TableError, match="XGBoost cannot read"):
            Members([part], 7, "it")
    with pytest.raises(TableError, match="too few"):
        fit_members(data[0][:30], data[1][:30], BoostingParams(), 0)


@settings(max_examples=20, deadline=None)
@given(st.binary(min_size=1, max_size=64))
def test_members_refuse_random_bytes(part):
    with pytest.raises(TableError):
        Members([part], 7, "it")
