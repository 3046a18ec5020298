"""The parts of a surrogate on their own: scales, noise, figures, regions, trees."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nasbench.errors import TableError
from nasbench.parameter import Parameter
from nasbench.predictors.boosted_members import BoostingParams, Members, fit_members
from nasbench.predictors.tree_model import read_trees, to_bytes, trees_of
from nasbench.predictors.tree_walk import DEEPEST, walker_of
from nasbench.spaces.grid import GridSpace
from nasbench.surrogates.quality import kendall_tau, quality, rounding_step
from nasbench.surrogates.regions import LEAST_HELD_OUT, MOST_REGIONS, regions_of
from nasbench.surrogates.scale import LEAST_REPEATED, NoiseModel, TargetScale

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
    skewed = quality("r", "ensemble", labels, mean, 0.03 * mean, None, log=True)
    assert skewed.nll == pytest.approx(-stats.lognorm.logpdf(labels, 0.03, scale=mean).mean())
    low, high = stats.lognorm.interval(0.95, 0.03, scale=mean)
    assert skewed.coverage_95 == pytest.approx(np.mean((labels >= low) & (labels <= high)))
    plain = quality("r", "constant", labels, np.full(300, 70.0))
    assert (plain.tau, plain.n) == (0, 300)
    assert plain.baseline
    assert np.isnan([plain.nll, plain.coverage_95, plain.sparse_tau]).all()


def test_constants_rank_nothing():
    assert kendall_tau(np.ones(5), np.arange(5.0)) == kendall_tau(np.arange(5.0), np.ones(5)) == 0
    assert kendall_tau(np.arange(5.0), np.arange(5.0)) == pytest.approx(1)
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
    seen = fitted.members.predict(features).mean(axis=0)
    # pure noise can be remembered, never foreseen
    assert np.corrcoef(seen, noise)[0, 1] > 0.5
    assert abs(np.corrcoef(fitted.out_of_fold, noise)[0, 1]) < 0.2
    learned = fit_members(features, targets, BoostingParams(members=5), 0)
    assert np.corrcoef(learned.out_of_fold, targets)[0, 1] > 0.95


@pytest.mark.parametrize("depth", [1, 4, DEEPEST])
def test_walked_trees_give_xgboosts_bits(data, depth):
    features, targets = data
    fitted = fit_members(features, targets, BoostingParams(members=3, n_estimators=50, max_depth=depth), 2)
    trees = [read_trees(part, 7, "it") for part in fitted.members.parts()]
    boosters = [plain_xgboost(part) for part in fitted.members.parts()]
    walker = walker_of(trees, boosters, 7)
    rng = np.random.default_rng(3)
    for row in [*features[:50], *rng.random((50, 7), dtype=np.float32), np.full(7, -9, np.float32)]:
        expected = [booster.predict(xgboost.DMatrix(row[None])) for booster in boosters]
        assert (walker.predict(row[None]) == np.array(expected, dtype=float)).all()


def plain_xgboost(part):
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(part))
    return booster


def test_other_models_are_not_walked(data):
    features, targets = data
    rough = np.random.default_rng(0).normal(size=len(targets))
    short, deep = (
        fit_members(features, rough, BoostingParams(2, 3, max_depth=depth, min_child_weight=0), 0)
        for depth in (3, DEEPEST + 4)
    )
    trees = {one: [read_trees(part, 7, "it") for part in one.members.parts()] for one in (short, deep)}
    boosters = {one: [plain_xgboost(part) for part in one.members.parts()] for one in (short, deep)}
    assert walker_of(trees[short], boosters[short], 7) is not None
    assert walker_of(trees[deep], boosters[deep], 7) is None
    # other bits than XGBoost's: the trees are not those of the boosters
    assert walker_of(trees[short][::-1], boosters[short], 7) is None
    assert walker_of([trees[short][0], trees[short][1][:2]], boosters[short], 7) is None


# -- model files --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(data):
    """One member's file, as JSON."""
    params = BoostingParams(members=2, n_estimators=4, max_depth=2)
    return json.loads(fit_members(*data, params, 0).members.parts()[0])


def trees_in(model):
    return model["learner"]["gradient_booster"]["model"]["trees"]


def test_a_model_file_is_xgboosts_own_and_predicts_as_what_was_trained(data):
    features, targets = data
    trained = xgboost.train({"base_score": 0.0, "max_depth": 5, "nthread": 1}, xgboost.DMatrix(features, targets), 30)
    content = to_bytes(trees_of(trained), 7)
    rows = np.random.default_rng(0).random((500, 7), dtype=np.float32)
    assert (plain_xgboost(content).inplace_predict(rows) == trained.inplace_predict(rows)).all()
    assert to_bytes(read_trees(content, 7, "it"), 7) == content
    assert max(tree.depth for tree in trees_of(trained)) == 5


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t["left_children"].__setitem__(0, 0),
        lambda t: t["left_children"].__setitem__(0, 2**31),
        lambda t: t["left_children"].__setitem__(0, -2),
        lambda t: t["right_children"].__setitem__(0, 1),
        lambda t: t["right_children"].__setitem__(0, 10**9),
        lambda t: t["split_indices"].__setitem__(0, 7),
        lambda t: t["split_indices"].__setitem__(0, -1),
        lambda t: t["split_indices"].__setitem__(0, 0.5),
        lambda t: t["split_type"].__setitem__(0, 1),
        lambda t: t["split_conditions"].__setitem__(0, 1e300),
        lambda t: t["split_conditions"].__setitem__(0, "x"),
        lambda t: t["split_conditions"].append(0.0),
        lambda t: t["left_children"].clear(),
        lambda t: [values.clear() for values in t.values() if isinstance(values, list)],
        lambda t: t.pop("split_indices"),
        lambda t: t.update(left_children="ab"),
    ],
)
def test_what_is_no_tree_never_reaches_xgboost(model, change, monkeypatch):
    changed = copy.deepcopy(model)
    change(trees_in(changed)[1])
    monkeypatch.setattr(xgboost.Booster, "load_model", lambda *_: pytest.fail("it was given to XGBoost"))
    with pytest.raises(TableError):
        Members.read([json.dumps(changed).encode()], 7, "it")


def test_only_the_trees_of_a_file_are_used(model, data):
    changed = copy.deepcopy(model)
    learner = changed["learner"]
    learner["gradient_booster"]["model"]["iteration_indptr"] = [0, 10**9]
    learner["gradient_booster"]["model"]["tree_info"] = [77]
    learner["learner_model_param"]["base_score"] = "9E9"
    learner["attributes"] = {"x": "y"}
    trees_in(changed)[0]["parents"] = [5]
    plain, odd = (Members.read([json.dumps(one).encode()], 7, "it").predict(data[0]) for one in (model, changed))
    assert (plain == odd).all()


def test_members_refuse_what_is_no_model(data, model):
    for part in (
        b"",
        b"{",
        b"{}",
        b"[]",
        b"null",
        b"\x80\x04.",
        b'{"learner": 3}',
        b'{"a": 1, "a": 2}',
        b"[" * 100_000,
    ):
        with pytest.raises(TableError):
            Members.read([part], 7, "it")
    with pytest.raises(TableError, match="other features"):
        Members.read([json.dumps(model).encode()], 6, "it")
    for trees in ([], [trees_in(model)[0]] * 10_001, {}):
        changed = copy.deepcopy(model)
        changed["learner"]["gradient_booster"]["model"]["trees"] = trees
        with pytest.raises(TableError, match="trees"):
            Members.read([json.dumps(changed).encode()], 7, "it")
    with pytest.raises(TableError, match="too few"):
        fit_members(data[0][:30], data[1][:30], BoostingParams(), 0)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_value_anywhere_in_a_model_is_read_or_refused(model, data):
    changed = copy.deepcopy(model)
    node = changed
    while True:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if isinstance(node[key], dict | list) and node[key] and data.draw(st.integers(0, 9)):
            node = node[key]
            continue
        node[key] = data.draw(
            st.none()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(max_size=3)
            | st.just([])
        )
        break
    try:
        predicted = Members.read([json.dumps(changed).encode()], 7, "it").predict(np.zeros((3, 7), np.float32))
    except TableError:
        return
    assert np.isfinite(predicted).all()


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=64))
def test_members_refuse_random_bytes(part):
    with pytest.raises(TableError):
        Members.read([part], 7, "it")
