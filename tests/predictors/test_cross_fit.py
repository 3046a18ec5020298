import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from nasbench.predictors.cross_fit import CrossFittedEnsemble, deal, distinct_rows
from nasbench.predictors.linear_regressors import BayesianLinear, NearestNeighbours, Ridge
from nasbench.predictors.tree_regressors import ExtraTrees, RandomForest


class Lines(CrossFittedEnsemble):
    def _fit_member(self, X, y, seed):
        return LinearRegression().fit(X, y)

    def _predict_member(self, model, X):
        return model.predict(X)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4))
    return x, x @ [1.0, -2.0, 0.5, 0.0] + rng.normal(size=60), rng.normal(size=(400, 4))


def test_the_error_variance_is_that_of_cross_validation(data):
    x, y, new = data
    model = Lines(members=4, random_state=7).fit(x, y)
    fold, errors, members = deal(60, 4, 7), [], []
    for number in range(4):
        line = LinearRegression().fit(x[fold != number], y[fold != number])
        errors += (y[fold == number] - line.predict(x[fold == number])).tolist()
        members.append(line.predict(new))
    mean, std = model.predict(new, return_std=True)
    np.testing.assert_allclose(mean, np.mean(members, axis=0))
    np.testing.assert_allclose(std, np.sqrt(np.var(members, axis=0) + np.mean(np.square(errors))))


@pytest.mark.parametrize("forest", [RandomForest(n_estimators=60), ExtraTrees(n_estimators=60)], ids=["rf", "et"])
def test_the_error_of_a_forest_is_scikit_learns_out_of_bag(forest, data):
    x, y, new = data
    _, std = forest.fit(x, y).predict(new, return_std=True)
    parameters = {key: value for key, value in forest.get_params().items() if key != "n_jobs"}
    reference = type(forest).__mro__[2](**parameters, bootstrap=True, oob_score=True).fit(x, y)
    trees = np.array([tree.predict(new.astype(np.float32)) for tree in reference.estimators_])
    error = np.mean((y - reference.oob_prediction_) ** 2)
    spread = []
    for row in range(60):
        pairs = zip(reference.estimators_, reference.estimators_samples_, strict=True)
        spread.append(
            np.var([tree.predict(x[[row]].astype(np.float32))[0] for tree, drawn in pairs if row not in drawn])
        )
    expected = error * (trees.var(axis=0) + error) / (np.mean(spread) + error)
    np.testing.assert_allclose(std, np.sqrt(expected), rtol=1e-5)


def test_folds_differ_by_one_row_at_most():
    sizes = np.bincount(deal(23, 5, 0), minlength=5)
    assert sizes.max() - sizes.min() == 1


def test_distinct_rows_rebuild_the_matrix():
    rows = np.random.default_rng(1).integers(0, 2, size=(200, 4)).astype(float)
    distinct, which = distinct_rows(rows)
    np.testing.assert_array_equal(distinct[which], rows)
    assert len(distinct) == len(np.unique(rows, axis=0))
    assert distinct_rows(rows[:1])[1].tolist() == [0]


def test_the_ridge_error_is_that_of_refits_without_each_row(data):
    x, y, _ = data
    x, y = x[:15], y[:15]
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    errors = []
    for row in range(15):
        kept = np.arange(15) != row
        # the penalty stays that of 15 rows, the intercept is free
        design = np.column_stack([scaled[kept], np.ones(14)])
        penalty = np.diag([0.1 * 15] * 4 + [0.0])
        coefficients = np.linalg.solve(design.T @ design + penalty, design.T @ y[kept])
        errors.append(y[row] - np.append(scaled[row], 1.0) @ coefficients)
    _, std = Ridge(alphas=(0.1,)).fit(x, y).predict(x, return_std=True)
    np.testing.assert_allclose(std, np.sqrt(np.mean(np.square(errors))))


def test_the_nearest_neighbours_share_what_is_at_one_distance():
    x, y = [[0.0], [1.0], [1.0], [5.0]], [1.0, 2.0, 4.0, 9.0]
    model = NearestNeighbours(neighbours=2).fit(x, y)
    assert model.predict([[1.0]]) == pytest.approx(3.0)
    weights = np.array([1 / 0.25, 1 / 0.75, 1 / 0.75])
    assert model.predict([[0.25]]) == pytest.approx(weights @ [1.0, 2.0, 4.0] / weights.sum())


@pytest.mark.parametrize(
    "model", [Lines(), Ridge(), BayesianLinear(), NearestNeighbours(), RandomForest(), ExtraTrees()], ids=repr
)
def test_intervals_cover_new_noisy_observations(model, data):
    """At 95 % nominal: linear data with unit noise; the bounds allow for the 60 rows that are learned from."""
    x, y, new = data
    observed = new @ [1.0, -2.0, 0.5, 0.0] + np.random.default_rng(2).normal(size=400)
    mean, std = model.fit(x, y).predict(new, return_std=True)
    assert 0.88 <= np.mean(np.abs(observed - mean) < 1.96 * std) <= 1.0
    assert std.mean() < 3 * np.sqrt(np.mean((observed - mean) ** 2))


def test_one_fold_leaves_nothing_to_learn_from():
    with pytest.raises(ValueError, match="at least 2"):
        deal(60, 1, 0)
