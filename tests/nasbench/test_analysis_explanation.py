"""Explanations: exact main effects by brute force, Shapley values that add up, estimates that find the truth."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

import nasbench
from nasbench import predictors
from nasbench.analysis import attribution
from nasbench.analysis.explanation import exact_effects, explain
from nasbench.analysis.main_effects import effects_of_parts, is_product, main_effects, total_shares
from nasbench.errors import TaskError, UnknownNameError
from nasbench.parameter import Parameter
from nasbench.report.explanation_words import findings, summary
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nas_bench_graph import NASBenchGraphSpace

GRID = GridSpace.of({"a": [1, 2, 3, 4], "b": ["x", "y", "z"], "c": [1, 2, 3, 4, 5], "d": ["p", "q", "r"]})
PARTS = ([0.0, 1.0, 3.0, -2.0], [0.5, -1.5, 1.0], [4.0, 2.0, 0.0, -1.0, 1.0], [0.2, 0.1, 0.0])


def additive(genotypes):
    return sum(np.array(part)[genotypes[:, i]] for i, part in enumerate(PARTS)) + 10.0


def centred(part):
    return np.array(part) - np.mean(part)


def one_hot_xgboost(space=GRID, **params):
    return predictors.create("xgboost", space, functional=False, encoder="one-hot", rank_targets=False, **params)


# -- exact effects ------------------------------------------------------------------------------


def test_main_effects_and_shares_by_brute_force():
    values = dict(zip(product(*map(range, GRID.cardinalities)), np.random.default_rng(0).normal(size=180), strict=True))
    listed = np.array(list(values.values()))
    found = main_effects(GRID, np.array(list(values)), listed)
    for position, choices in enumerate(GRID.cardinalities):
        slices = [np.mean([v for g, v in values.items() if g[position] == c]) for c in range(choices)]
        np.testing.assert_allclose(found.effects[position], np.array(slices) - listed.mean(), atol=1e-12)
        assert found.shares[position] == pytest.approx(np.var(slices) / listed.var())
        # total share: expected variance that is left when all the others are known
        others = {}
        for g, v in values.items():
            others.setdefault(g[:position] + g[position + 1 :], []).append(v)
        left = np.mean([np.var(group) for group in others.values()])
        order = np.random.default_rng(1).permutation(180)
        totals = total_shares(GRID, np.array(list(values))[order], listed[order])
        assert totals[position] == pytest.approx(left / listed.var())
    assert (totals >= found.shares - 1e-12).all()


def test_an_additive_function_is_its_effects_and_nothing_else():
    genotypes = GRID.all()
    found = main_effects(GRID, genotypes, additive(genotypes))
    for effects, part in zip(found.effects, PARTS, strict=True):
        np.testing.assert_allclose(effects, centred(part), atol=1e-12)
    assert found.shares.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(total_shares(GRID, genotypes, additive(genotypes)), found.shares, atol=1e-12)


def test_a_pure_interaction_has_no_main_effect_and_all_of_the_total():
    space = GridSpace.of({"a": [0, 1], "b": [0, 1], "c": [0, 1]})
    genotypes = space.all()
    parity = (genotypes[:, 0] ^ genotypes[:, 1]).astype(float)
    np.testing.assert_allclose(main_effects(space, genotypes, parity).shares, 0.0, atol=1e-15)
    np.testing.assert_allclose(total_shares(space, genotypes, parity), [1.0, 1.0, 0.0], atol=1e-15)


def test_choices_that_nobody_has_and_values_that_do_not_vary():
    genotypes = np.array([[0, 0, 0, 0], [1, 0, 0, 0]])
    found = main_effects(GRID, genotypes, np.array([2.0, 4.0]))
    np.testing.assert_array_equal(found.effects[0], [-1.0, 1.0, np.nan, np.nan])
    assert found.shares.tolist() == [1.0, 0.0, 0.0, 0.0]
    assert main_effects(GRID, genotypes, np.array([2.0, 2.0])).shares.tolist() == [0.0] * 4
    with pytest.raises(ValueError, match="exactly once"):
        total_shares(GRID, genotypes, np.array([2.0, 4.0]))


def test_published_tables_have_the_effects_that_pandas_finds():
    bench = nasbench.load("nasbench201/cifar100")
    found = exact_effects(bench, "val_accuracy")
    import pandas as pd

    frame = pd.DataFrame(bench.genotypes).assign(value=bench.mean("val_accuracy"))
    for position in range(6):
        means = frame.groupby(position)["value"].mean() - frame["value"].mean()
        np.testing.assert_allclose(found.main.effects[position], means, atol=1e-9)
    assert found.rows == 15625
    assert (found.totals >= found.main.shares).all()


# -- what a predictor says ----------------------------------------------------------------------


def test_shapley_values_and_bias_add_up_to_the_prediction():
    genotypes = GRID.sample(np.random.default_rng(0), 150)
    predictor = one_hot_xgboost(members=3, n_estimators=15).fit(genotypes, additive(genotypes))
    found = attribution.shapley(predictor, GRID.all())
    np.testing.assert_allclose(found.values.sum(axis=1) + found.bias, predictor.predict(GRID.all()), atol=1e-4)


def test_shapley_values_are_those_of_the_definition_for_one_tree():
    """Path-dependent expectations by hand: a stump on `a=1` splits 1 of 4 rows off, so that phi is value - mean."""
    space = GridSpace.of({"a": ["u", "v"], "b": ["x", "y"]})
    genotypes = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 5)
    y = np.where(genotypes[:, 0] == 1, 8.0, 0.0)
    model = one_hot_xgboost(
        space, members=2, n_estimators=1, max_depth=1, learning_rate=1.0, subsample=1.0, colsample_bynode=1.0
    ).fit(genotypes, y)
    found = attribution.shapley(model, space.all())
    predicted = model.predict(space.all())
    np.testing.assert_allclose(found.values[:, 1], 0.0, atol=1e-6)
    np.testing.assert_allclose(found.values[:, 0], predicted - found.bias, atol=1e-5)


def test_effects_of_a_function_that_is_known_are_recovered_by_all_methods():
    genotypes = GRID.all()
    predictor = one_hot_xgboost(n_estimators=200, colsample_bynode=1.0, max_depth=3).fit(genotypes, additive(genotypes))
    found = attribution.shapley(predictor, genotypes)
    by_shapley = attribution.shapley_effects(GRID, genotypes, found)
    by_dependence = attribution.partial_dependence(predictor, GRID, genotypes)
    for estimates in (by_shapley, by_dependence):
        for estimate, part in zip(estimates, PARTS, strict=True):
            np.testing.assert_allclose(estimate, centred(part), atol=0.35)  # a tenth of the largest effect


class Perfect(RegressorMixin, BaseEstimator):
    """A predictor that knows the function."""

    def __init__(self, function):
        self.function = function

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.function(np.asarray(X))

    def __sklearn_is_fitted__(self):
        return True


def test_partial_dependence_of_a_perfect_predictor_is_exact():
    values = np.random.default_rng(3).normal(size=GRID.size)
    exact = main_effects(GRID, GRID.all(), values)
    found = attribution.partial_dependence(Perfect(lambda X: values[GRID.indices(X)]), GRID, GRID.all())
    for ours, theirs in zip(found, exact.effects, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_half_of_what_shuffling_loses_is_the_total_share():
    """Gregorutti et al. 2017: the loss is twice the total share of a perfect predictor's variance."""
    rng = np.random.default_rng(4)
    values = rng.normal(size=GRID.size)
    genotypes = GRID.sample(rng, 4000)
    found = attribution.held_out(
        Perfect(lambda X: values[GRID.indices(X)]), GRID, genotypes, values[GRID.indices(genotypes)], 0
    )
    assert found.r2 == 1.0
    assert found.kendall_tau == pytest.approx(1.0)
    # 25 shuffles of 800 rows: a standard error of about 1 / sqrt(4000)
    np.testing.assert_allclose(found.permutation, total_shares(GRID, GRID.all(), values), atol=0.06)


def test_parts_of_the_truth_have_the_effects_of_the_truth():
    genotypes = GRID.all()
    parts = np.stack([np.array(part)[genotypes[:, i]] for i, part in enumerate(PARTS)], axis=1)
    for found, part in zip(effects_of_parts(GRID, genotypes, parts), PARTS, strict=True):
        np.testing.assert_allclose(found, centred(part), atol=1e-12)


def test_only_trees_on_one_hot_columns_have_shapley_values():
    genotypes = GRID.sample(np.random.default_rng(0), 40)
    for other in (predictors.create("gp", GRID), predictors.create("xgboost", GRID)):
        with pytest.raises(TaskError, match="one-hot"):
            attribution.shapley(other.fit(genotypes, additive(genotypes)), genotypes)


# -- the whole ----------------------------------------------------------------------------------


@pytest.fixture
def toy(make_table, make_column, make_protocol):
    genotypes = GRID.all()
    values = additive(genotypes)
    test = make_column(values, split="test")
    final = {"val_accuracy": make_column(values), "test_accuracy": test}
    return make_table(make_protocol(final=final), space=GRID)


def test_an_explanation_of_a_table_agrees_with_it_and_is_the_same_twice(toy):
    found = explain(toy, n=120, seed=1)
    again = explain(toy, n=120, seed=1)
    assert json.dumps(summary(found)) == json.dumps(summary(again))
    assert json.dumps(summary(found)) != json.dumps(summary(explain(toy, n=120, seed=2)))
    assert min(found.agreement().values()) > 0.8
    assert set(found.effects) == {"shapley", "dependence", "sample"}
    assert found.positions()["exact_main"].sum() == pytest.approx(1.0)
    assert found.positions()["position"].tolist() == ["a", "b", "c", "d"]
    assert any("a matters most" in line or "c matters most" in line for line in findings(found))
    assert len(found.choices()) == sum(GRID.cardinalities)


def test_ranks_do_not_see_a_monotone_change(make_table, make_column, make_protocol):
    values = additive(GRID.all())
    plain, bent = (
        explain(
            make_table(make_protocol(final={"val_accuracy": make_column(v)}), name=name, space=GRID), n=100, ranks=True
        )
        for name, v in (("plain", values), ("bent", np.exp(values)))
    )
    for ours, theirs in zip(plain.exact.main.effects, bent.exact.main.effects, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_other_predictors_answer_without_shapley_values(toy):
    found = explain(toy, predictor="gp", n=60)
    assert set(found.effects) == {"dependence", "sample"}
    assert found.choices()["shapley"].isna().all()
    assert found.agreement()["dependence"] > 0.8


def test_dependent_positions_have_no_permutation_and_no_totals():
    assert not is_product(NASBenchGraphSpace())
    found = explain("nas-bench-graph/cora", n=60, n_estimators=10, members=2)
    assert found.exact is not None
    assert found.exact.totals is None
    assert found.quality.permutation is None
    assert any("Not every combination" in line for line in findings(found))


def test_bad_requests_are_explained(toy):
    with pytest.raises(TaskError, match="allow_test"):
        explain(toy, "test_accuracy")
    assert explain(toy, "test_accuracy", n=40, allow_test=True, n_estimators=5, members=2).labels == 40
    with pytest.raises(UnknownNameError, match="val_accuracy"):
        explain(toy, "val_acuracy")
    with pytest.raises(TaskError, match="at least 20"):
        explain(toy, n=10)
    with pytest.raises(UnknownNameError, match="xgboost"):
        explain(toy, predictor="xgbost")


def test_positions_with_a_name_and_a_single_choice_do_no_harm(make_table, make_column, make_protocol):
    space = GridSpace([Parameter("only", ("one",)), Parameter("a", tuple(range(6))), Parameter("b", tuple(range(6)))])
    values = space.all() @ [0.0, 1.0, 2.0]
    found = explain(make_table(make_protocol(final={"val_accuracy": make_column(values)}), space=space), n=36)
    assert found.positions()["exact_total"].iloc[0] == 0.0
    assert found.effects["shapley"][0].tolist() == [0.0]


def test_a_surrogate_is_explained_without_a_table(make_table, make_column, make_protocol):
    from typer.testing import CliRunner

    from nasbench.cli import app

    space = GridSpace([Parameter(f"p{i}", (1, 2, 3, 4), ordered=True) for i in range(4)])
    rows = np.unique(space.sample(np.random.default_rng(0), 160), axis=0)
    final = {"val_accuracy": make_column(rows @ [4.0, 2.0, 1.0, 0.0])}
    name = make_table(make_protocol(epochs=10, final=final), space=space, rows=rows)
    made = CliRunner().invoke(app, ["surrogate", name, "--param", "members=2", "--param", "n_estimators=40"])
    assert made.exit_code == 0, made.output
    found = explain("toy-surrogate/default", n=150)
    assert found.exact is None
    assert found.agreement() == {}
    shares = found.positions()["dependence"].tolist()
    assert shares == sorted(shares, reverse=True)
