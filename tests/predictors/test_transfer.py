"""Predictors that learn from source tasks: what they may read, and that it helps where tasks are alike only."""

import pickle

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.base import clone

import nasbench
from nasbench import predictors
from nasbench.errors import GenotypeError, TaskError, UnknownNameError
from nasbench.predictors.gaussian_process import Hyperparameters, typical_distance
from nasbench.predictors.kernel_regressors import GaussianProcess, SquaredExponentialGP
from nasbench.predictors.source_tasks import MOST_ROWS, Source, observed
from nasbench.predictors.transfer import Transfer
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nasbench201 import NASBench201Space

CELLS = NASBench201Space()
GRID = GridSpace.of({"a": [1, 2, 3, 4], "b": ["x", "y", "z"], "c": [1, 2, 3, 4, 5, 6], "d": ["p", "q", "r"]})


def worth(genotypes):
    """An additive function of the grid."""
    weights = np.array([1.0, -2.0, 0.5, 1.5])
    return genotypes @ weights


def drawn(seed, n):
    return GRID.genotypes(np.random.default_rng(seed).permutation(GRID.size)[:n])


@pytest.mark.parametrize("name", ["gp", "gp-ard", "gp-hamming", "gp-rbf", "sparse-gp"])
def test_a_source_with_the_same_order_helps_and_an_unrelated_one_does_little_harm(name):
    space, few, new = GRID, drawn(0, 8), drawn(1, 200)
    rng = np.random.default_rng(2)
    rows = drawn(3, 120)
    tau = {}
    for kind, source in (
        ("none", None),
        ("alike", (rows, np.exp(worth(rows)))),  # another unit and shape, the same order
        ("unrelated", (rows, rng.normal(size=len(rows)))),
    ):
        fitted = predictors.create(name, space, functional=False, source=source).fit(few, worth(few))
        tau[kind] = kendalltau(fitted.predict(new), worth(new)).statistic
    assert tau["alike"] > tau["none"] + 0.1
    assert tau["unrelated"] > tau["none"] - 0.15


def test_it_is_the_posterior_of_one_process_over_both_tasks():
    """Against the textbook formula, with the hyper-parameters held at their prior medians."""
    rng = np.random.default_rng(0)
    X, y, S, v = rng.normal(size=(6, 2)), rng.normal(size=6), rng.normal(size=(9, 2)), rng.normal(size=9)

    class Given(GaussianProcess):
        """The features of a source are these."""

    class AsTheyAre:
        def fit(self, X, y=None):
            return self

        def transform(self, X):
            return np.asarray(X, dtype=float)

        def __sklearn_clone__(self):
            return self

    for kind in (Given, SquaredExponentialGP):
        model = Transfer(kind(lengthscale=1.3, noise=0.2, iterations=0), AsTheyAre(), (Source(S, v),), rank=False)
        model.fit(X, y)
        new = rng.normal(size=(5, 2))
        mean, std = model.predict(new, return_std=True)

        everything = np.concatenate([X, S])
        length = 1.3 * typical_distance(everything)
        squares = ((everything[:, None] - everything) ** 2).sum(-1) / length**2
        other = np.arange(15) >= 6
        apart = model._distance() ** 2 * (other[:, None] != other)
        kernel = kind.kernel.value
        K = kernel(squares + apart) + 0.2 * np.eye(15)
        to = kernel(((new[:, None] - everything) ** 2).sum(-1) / length**2 + model._distance() ** 2 * other)
        assert kernel(np.array([model._distance() ** 2]))[0] == pytest.approx(Transfer.correlation)
        z = np.concatenate([(y - y.mean()) / y.std(), (v - v.mean()) / v.std()])
        centre, scale = z.mean(), z.std()
        z = (z - centre) / scale
        expected = centre + scale * (to @ np.linalg.solve(K, z))
        np.testing.assert_allclose(mean, y.mean() + y.std() * expected, rtol=1e-8)
        signal = z @ np.linalg.solve(K, z) / 15
        variance = signal * (1.2 - np.einsum("ij,ji->i", to, np.linalg.solve(K, to.T)))
        np.testing.assert_allclose(std, y.std() * scale * np.sqrt(variance), rtol=1e-6)
        assert isinstance(model.regressor_.hyperparameters_, Hyperparameters)


def test_each_source_has_a_length_scale_of_its_own_and_the_unlike_one_is_kept_apart():
    rng = np.random.default_rng(1)
    few, one, two = drawn(10, 40), drawn(11, 80), drawn(12, 80)
    sources = [(one, worth(one)), (two, rng.normal(size=80))]
    fitted = predictors.create("gp", GRID, functional=False, source=sources).fit(few, worth(few))
    *_, alike, unlike = fitted.named_steps["regress"].regressor_.regressor_.hyperparameters_.lengthscales
    assert alike > 2.0 * unlike


def test_the_same_bytes_copies_and_a_pickle():
    few, rows = drawn(0, 30), drawn(1, 60)
    predictor = predictors.create("gp", GRID, functional=False, source=(rows, worth(rows)))
    first = predictor.fit(few, worth(few)).predict(drawn(2, 50))
    assert first.tobytes() == clone(predictor).fit(few, worth(few)).predict(drawn(2, 50)).tobytes()
    assert first.tobytes() == pickle.loads(pickle.dumps(predictor)).predict(drawn(2, 50)).tobytes()


@pytest.mark.parametrize("more", [{"tune_trials": 2}, {}], ids=["tuned", "plain"])
def test_with_a_source_or_tuned_it_is_a_predictor_like_any_other(more):
    rows = drawn(1, 60)
    predictors.check_predictor(predictors.create("gp", GRID, source=(rows, worth(rows)), **more), GRID)


def test_a_source_is_at_most_two_hundred_finite_evaluations_of_the_space():
    rows = drawn(0, 201)
    with pytest.raises(TaskError, match="2 to 200"):
        predictors.create("gp", GRID, source=(rows, worth(rows)))
    with pytest.raises(TaskError, match="2 to 200"):
        Source(rows[:1], [1.0])
    with pytest.raises(TaskError, match="finite"):
        Source(rows[:2], [1.0, np.nan])
    with pytest.raises(TaskError, match="genotypes"):
        Source(rows[:2], [1.0])
    with pytest.raises(TaskError, match="no source task"):
        predictors.create("gp", GRID, source=[])
    with pytest.raises(GenotypeError):
        predictors.create("gp", GRID, source=(rows[:5] + 9, worth(rows[:5])))
    kept = Source(rows[:5], np.arange(5.0))
    with pytest.raises(ValueError, match="read-only"):
        kept.values[0] = 3.0


@pytest.mark.parametrize("name", ["xgboost", "ridge", "gp-wl", "blend"])
def test_predictors_that_cannot_tell_tasks_apart_refuse_a_source(name):
    rows = CELLS.sample(np.random.default_rng(0), 10)
    with pytest.raises(TaskError, match="gp-ard"):
        predictors.create(name, CELLS, source=(rows, np.arange(10.0)))


class Watched:
    """A benchmark that notes which rows of which columns are read, and lets nothing else be asked."""

    def __init__(self, bench):
        self._bench, self.name, self.objective, self.metrics = bench, bench.name, bench.objective, bench.metrics
        self.read = []

    def __len__(self):
        return len(self._bench)

    @property
    def genotypes(self):
        return self._bench.genotypes

    def column(self, metric):
        watched, column = self, self._bench.column(metric)

        class Rows:
            def __getitem__(self, row):
                assert isinstance(row, int)
                watched.read.append(row)
                return column[row]

        return Rows()


def test_drawing_a_source_reads_its_budget_and_one_run_of_each():
    bench = nasbench.load("nasbench201/cifar10")
    watched = Watched(bench)
    source = observed(watched, seed=3)
    assert len(watched.read) == len(set(watched.read)) == MOST_ROWS
    assert len(source) == MOST_ROWS
    runs = bench.column("val_accuracy")[bench.rows(source.genotypes)]
    assert (runs == source.values[:, None]).any(axis=1).all()
    shown = np.nanargmax(runs == source.values[:, None], axis=1)
    assert set(shown) == {0, 1, 2}
    again, other = observed(bench, seed=3), observed(bench, seed=4)
    assert again.values.tobytes() == source.values.tobytes()
    assert again.genotypes.tobytes() != other.genotypes.tobytes()


def test_no_more_rows_no_test_column_no_unknown_metric():
    bench = nasbench.load("nas-bench-graph/cora")
    with pytest.raises(TaskError, match="2 to 200"):
        observed(bench, rows=201)
    with pytest.raises(TaskError, match="test column"):
        observed(bench, "test_accuracy")
    with pytest.raises(UnknownNameError, match="val_accuracy"):
        observed(bench, "accuracy")


@pytest.mark.slow
def test_two_hundred_evaluations_of_cifar10_help_on_cifar100():
    """PROTOCOL's source budget on the real tables: 32 labels with a source against 32 without, every seed."""
    a, b = nasbench.load("nasbench201/cifar10"), nasbench.load("nasbench201/cifar100")
    truth = b.mean("val_accuracy")
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(b))
        few, test = order[:32], order[-500:]
        with_source, alone = (
            predictors.create("gp-ard", b.space, source=source).fit(b.genotypes[few], truth[few])
            for source in (observed(a, seed=seed), None)
        )
        taus = [kendalltau(p.predict(b.genotypes[test]), truth[test]).statistic for p in (with_source, alone)]
        assert taus[0] > taus[1]
