"""Predictors that read the start of a learning curve, on a small table written for the test."""

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.svm import NuSVR

import nasbench
from nasbench.errors import TaskError, UnknownNameError
from nasbench.predictors import check_predictor, create
from nasbench.predictors.cross_fit import deal
from nasbench.predictors.curve_svr import CurveSVR
from nasbench.predictors.encoders import create_encoder
from nasbench.predictors.union_encoder import Union

EPOCHS = tuple(range(1, 13))
SEEN = 6


def table(make_table, make_column, make_protocol, name="toy", changed=0.0, broken=()):
    """64 architectures, two runs of 20 epochs, curves of the first 12; `changed` alters them after epoch 6."""
    rng = np.random.default_rng(0)
    x = np.asarray(EPOCHS, dtype=float)
    final = rng.uniform(60, 95, size=(64, 1)) + 0.2 * rng.normal(size=(64, 2))
    accuracy = final[..., None] - 50 * x ** -rng.uniform(0.8, 1.2, size=(64, 1, 1)) + rng.normal(size=(64, 2, 12))
    loss = 3 - accuracy / 40 + 0.02 * rng.normal(size=(64, 2, 12))
    for curve in (accuracy, loss):
        curve[..., SEEN:] += changed
        curve[[*broken], :, 3:] = np.nan
    curves = {
        "val_accuracy": make_column(accuracy, epochs=EPOCHS),
        "test_accuracy": make_column(accuracy, split="test", epochs=EPOCHS),
        "train_loss": make_column(loss, direction="minimize", split="train", epochs=EPOCHS),
    }
    finals = {
        "val_accuracy": make_column(final),
        "val_loss": make_column(3 - final / 40, direction="minimize"),
        "test_accuracy": make_column(final, split="test"),
        "train_loss": make_column(3 - final / 40, direction="minimize", split="train"),
    }
    cost = {"train_seconds": make_column(np.arange(64.0) + 1, split="cost")}
    recipe = make_protocol(epochs=20, final=finals, curve=curves, cost=cost)
    return nasbench.load(make_table(recipe, name=name))


@pytest.fixture
def bench(make_table, make_column, make_protocol):
    return table(make_table, make_column, make_protocol)


PREDICTORS = ("early-stopping", "lce", "lcsvr", "sotl", "sotl-e", "sotl-ema")


@pytest.mark.parametrize("name", PREDICTORS)
def test_it_conforms(name, bench):
    check_predictor(name, bench.space, benchmark=bench.name, epoch=SEEN)


@pytest.mark.parametrize("name", PREDICTORS)
def test_nothing_after_the_asked_epoch_counts(name, bench, make_table, make_column, make_protocol):
    other = table(make_table, make_column, make_protocol, name="other", changed=5.0)
    y, G = bench.mean("val_accuracy"), bench.genotypes
    predicted = []
    for source in (bench, other):
        predictor = create(name, source.space, benchmark=source, epoch=SEEN).fit(G[:40], y[:40])
        predicted.append(predictor.predict(G[40:]))
        assert predictor["encode"].cost(G[40:]).epochs.tolist() == [SEEN] * 24
        np.testing.assert_allclose(predictor["encode"].cost(G[40:]).seconds, (np.arange(40, 64) + 1) * SEEN / 20)
    np.testing.assert_array_equal(*predicted)


@pytest.mark.parametrize("name", PREDICTORS)
def test_test_curves_are_refused(name, bench):
    with pytest.raises(TaskError, match="test column"):
        create(name, bench.space, benchmark=bench.name, metric="test_accuracy", epoch=SEEN).fit(
            bench.genotypes, bench.mean("val_accuracy")
        )


def test_sums_of_losses_are_what_their_paper_says(bench):
    losses = bench.curves("train_loss").astype(float).mean(axis=1)[:, :SEEN]
    expected = {
        "sotl": losses.sum(axis=1),
        "sotl-e": losses[:, -1],
        "sotl-ema": sum(0.99 ** (SEEN - 1 - t) * losses[:, t] for t in range(SEEN)),
    }
    for name, sums in expected.items():
        kind = {"benchmark": bench.name, "epoch": SEEN}
        score = create(name, bench.space, **kind).fit(bench.genotypes).predict(bench.genotypes)
        np.testing.assert_allclose(score, -sums, rtol=1e-6)  # lower losses promise higher accuracy
        score = create(name, bench.space, target="val_loss", **kind).fit(bench.genotypes).predict(bench.genotypes)
        np.testing.assert_allclose(score, sums, rtol=1e-6)
    three = create("sotl-e", bench.space, benchmark=bench, epoch=SEEN, last=3, repeat=1).fit(bench.genotypes)
    by_hand = bench.curves("train_loss")[:, 1, SEEN - 3 : SEEN].astype(float).sum(axis=1)
    np.testing.assert_allclose(three.predict(bench.genotypes), -by_hand, rtol=1e-6)
    plain = create("sotl-ema", bench.space, benchmark=bench, epoch=SEEN, decay=1.0).fit(bench.genotypes)
    np.testing.assert_allclose(plain.predict(bench.genotypes), -expected["sotl"], rtol=1e-6)


def test_early_stopping_is_the_last_value(bench):
    predictor = create("early-stopping", bench.space, benchmark=bench.name, epoch=SEEN).fit(bench.genotypes)
    last = bench.query(bench.genotypes, "val_accuracy", epoch=SEEN)
    np.testing.assert_array_equal(predictor.predict(bench.genotypes), last)
    assert np.isnan(predictor.predict(bench.genotypes, return_std=True)[1]).all()


def test_targets_give_the_unit_and_leave_the_order(bench):
    y, G = bench.mean("val_accuracy") / 100, bench.genotypes
    for name in ("early-stopping", "lce", "sotl", "sotl-e", "sotl-ema"):
        scores = create(name, bench.space, benchmark=bench.name, epoch=SEEN).fit(G).predict(G)
        mean, std = (
            create(name, bench.space, benchmark=bench.name, epoch=SEEN).fit(G[:40], y[:40]).predict(G, return_std=True)
        )
        assert kendalltau(mean, scores).statistic == pytest.approx(1.0)
        error = np.abs(mean - y)[40:]
        assert error.mean() < np.abs(y[40:] - y[:40].mean()).mean()
        inside = (error < 1.96 * std[40:]).mean()
        assert inside > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 24)


def test_a_score_keeps_its_direction_where_the_targets_disagree(bench):
    G = bench.genotypes
    scores = create("sotl-e", bench.space, benchmark=bench.name, epoch=SEEN).fit(G).predict(G)
    backwards = create("sotl-e", bench.space, benchmark=bench.name, epoch=SEEN).fit(G, -scores).predict(G)
    assert kendalltau(backwards, scores).statistic == pytest.approx(1.0)


def test_extrapolations_are_nearer_the_end_than_the_last_value(bench):
    y, G = bench.mean("val_accuracy"), bench.genotypes
    ends, deviations = create("lce", bench.space, benchmark=bench.name, epoch=12).fit(G).predict(G, return_std=True)
    last = bench.query(G, "val_accuracy", epoch=12)
    assert np.abs(ends - y).mean() < 0.5 * np.abs(last - y).mean()
    assert (np.abs(ends - y) < 3 * deviations).mean() > 0.9
    with pytest.raises(TaskError, match="at 2 epochs up to 2; an extrapolation needs 3"):
        create("lce", bench.space, benchmark=bench.name, epoch=2).fit(G)


def test_a_curve_seen_to_its_end_is_not_extrapolated(make_table, make_column, make_protocol):
    values = np.random.default_rng(1).uniform(10, 90, size=(64, 1, 4))
    curve = {"val_accuracy": make_column(values, epochs=(1, 2, 3, 4))}
    final = {"val_accuracy": make_column(values[..., -1])}
    whole = nasbench.load(make_table(make_protocol(epochs=4, final=final, curve=curve), name="whole"))
    ends = create("lce", whole.space, benchmark=whole, epoch=9).fit(whole.genotypes).predict(whole.genotypes)
    np.testing.assert_allclose(ends, values[:, 0, -1])


def test_a_failed_training_is_an_error_or_the_worst(make_table, make_column, make_protocol):
    bench = table(make_table, make_column, make_protocol, broken=[3])
    G, y = bench.genotypes, bench.mean("val_accuracy")
    for name in ("early-stopping", "lce", "sotl"):
        with pytest.raises(TaskError, match="missing='impute'"):
            create(name, bench.space, benchmark=bench.name, epoch=SEEN).fit(G, y)
        kind = {"benchmark": bench.name, "epoch": SEEN, "missing": "impute"}
        assert create(name, bench.space, **kind).fit(G, y).predict(G).argmin() == 3
        down = create(name, bench.space, target="val_loss", **kind).fit(G, bench.mean("val_loss")).predict(G)
        assert down.argmax() == 3
    # before it failed, it is like the others
    create("sotl", bench.space, benchmark=bench.name, epoch=3).fit(G, y)


def test_bad_parameters_are_explained(bench):
    G = bench.genotypes
    with pytest.raises(TaskError, match="give benchmark="):
        create("sotl", bench.space)
    with pytest.raises(UnknownNameError, match="Did you mean 'epoch'"):
        create("sotl", bench.space, benchmark=bench.name, epochs=3)
    for name, params in (("sotl-e", {"last": 0}), ("sotl-ema", {"decay": 0.0}), ("lce", {"change": 0.0})):
        with pytest.raises(TaskError, match=next(iter(params))):
            create(name, bench.space, benchmark=bench.name, epoch=SEEN, **params).fit(G)
    with pytest.raises(UnknownNameError, match="epoch of"):
        create("sotl", bench.space, benchmark=bench.name, epoch=0).fit(G)


def test_a_table_without_losses_says_what_it_has(make_table, make_column, make_protocol):
    values = np.random.default_rng(1).uniform(10, 90, size=(64, 1, 4))
    curve = {"val_accuracy": make_column(values, epochs=(1, 2, 3, 4))}
    bare = nasbench.load(make_table(make_protocol(final={"val_accuracy": make_column(values[..., -1])}, curve=curve)))
    with pytest.raises(TaskError, match=r"no curve of train_loss; give metric=, one of: val_accuracy"):
        create("sotl", bare.space, benchmark=bare, epoch=3).fit(bare.genotypes)
    summed = create("sotl", bare.space, benchmark=bare, epoch=3, metric="val_accuracy").fit(bare.genotypes)
    np.testing.assert_allclose(summed.predict(bare.genotypes), values[:, 0, :3].sum(axis=1), rtol=1e-6)


def test_curve_features_are_values_differences_and_choices(bench):
    G = bench.genotypes
    encoder = create_encoder("curve-features", bench.space, benchmark=bench, epoch=SEEN).fit(G)
    columns = encoder.transform(G)
    values = bench.curves("val_accuracy").astype(float).mean(axis=1)[:, :SEEN]
    np.testing.assert_allclose(columns[:, :6], values, rtol=1e-6)
    np.testing.assert_allclose(columns[:, 8], values[:, 3] - values[:, 2], atol=1e-4)
    np.testing.assert_allclose(columns[:, 13], values[:, 4] - 2 * values[:, 3] + values[:, 2], atol=1e-4)
    np.testing.assert_array_equal(columns[:, 15:], create_encoder("mixed", bench.space).fit(G).transform(G))
    assert len(encoder.get_feature_names_out()) == columns.shape[1]
    curve, rest = encoder.groups()
    assert (curve, rest) == (tuple(range(15)), tuple(range(15, columns.shape[1])))
    one = create_encoder("curve-features", bench.space, benchmark=bench, epoch=1).fit(G)
    assert one.groups()[0] == (0,)


def test_lcsvr_chooses_what_a_grid_search_chooses():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(45, 4))
    y = np.sin(X[:, 0]) + 0.3 * X[:, 1] + 0.1 * rng.normal(size=45)
    model = CurveSVR(groups=((0, 1), (2, 3)), weight=4.0).fit(X, y)
    order = np.lexsort((y, *X.T))
    Z = (X - X.mean(axis=0))[order]
    Z[:, :2] *= 2 / np.sqrt(X[:, :2].var(axis=0).sum())
    Z[:, 2:] /= np.sqrt(X[:, 2:].var(axis=0).sum())
    grid = {"C": [1.0, 10.0, 100.0], "gamma": [0.03 / 5, 0.3 / 5, 1 / 5]}
    svr = NuSVR(nu=0.5, tol=1e-5)
    svr.random_state = 0
    folds = PredefinedSplit(deal(45, 3, 0))
    search = GridSearchCV(svr, grid, cv=folds, scoring="neg_mean_squared_error")
    search.fit(Z, ((y - y.mean()) / y.std())[order])
    assert (model.penalty_, model.width_ / 5) == pytest.approx((search.best_params_["C"], search.best_params_["gamma"]))
    np.testing.assert_allclose((model.predict(X)[order] - y.mean()) / y.std(), search.predict(Z), rtol=1e-6)


def test_lcsvr_sees_what_architectures_do_not_say(bench):
    G, y = bench.genotypes, bench.mean("val_accuracy")  # drawn without a look at the architecture
    predictor = create("lcsvr", bench.space, benchmark=bench.name, epoch=SEEN).fit(G[:40], y[:40])
    mean, std = predictor.predict(G[40:], return_std=True)
    blind = create("ridge", bench.space).fit(G[:40], y[:40]).predict(G[40:])
    assert np.abs(mean - y[40:]).mean() < 0.5 * np.abs(blind - y[40:]).mean()
    assert np.isnan(std).all()


def test_two_looks_at_one_training_cost_the_longer(bench):
    G = bench.genotypes
    parts = [
        create_encoder("sotl", bench.space, benchmark=bench, epoch=4),
        create_encoder("last-value", bench.space, benchmark=bench, epoch=SEEN),
        create_encoder("last-value", bench.space, benchmark=bench, epoch=2, repeat=1),
        create_encoder("one-hot", bench.space),
    ]
    together = Union(bench.space, parts).cost(G)
    assert together.epochs.tolist() == [SEEN + 2] * 64
    np.testing.assert_allclose(together.seconds, (np.arange(64) + 1) * (SEEN + 2) / 20)
    assert create_encoder("one-hot", bench.space).cost(G).seconds.tolist() == [0.0] * 64
