"""Zero-cost proxies as predictors, and OMNI, on a small table written for the test and on the published one."""

import os
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau, norm

import nasbench
from nasbench.datasets.fetch import fetch
from nasbench.errors import TaskError, UnknownNameError
from nasbench.predictors import check_predictor, create
from nasbench.predictors.encoders import create_encoder
from nasbench.predictors.omni import OmniFeatures


@pytest.fixture
def bench(make_table, make_column, make_protocol):
    """64 architectures whose accuracy is a third choices, a third proxy and a third loss of the first epochs."""
    rng = np.random.default_rng(0)
    grid = np.indices((4, 4, 4)).reshape(3, -1)
    choices = (grid == 2).sum(axis=0) - (grid == 3).sum(axis=0)
    jacov, losses = rng.normal(size=64), rng.normal(size=(64, 1, 4)) * 0.1 + rng.normal(size=(64, 1, 1))
    final = 80 + 3 * choices / choices.std() + 3 * jacov - 3 * losses[:, 0, 1]
    product = np.concatenate([[0.0], 10.0 ** np.linspace(-3, 60, 63)])

    def proxy(values, direction="maximize", scale="linear"):
        return replace(make_column(values, direction=direction, split="proxy"), scale=scale, unit="")

    protocol = make_protocol(
        epochs=8,
        final={
            "val_accuracy": make_column(final[:, None]),
            "val_loss": make_column(-final[:, None], direction="minimize"),
            "test_accuracy": make_column(final[:, None], split="test"),
            "train_loss": make_column(losses[..., -1], direction="minimize", split="train"),
        },
        curve={"train_loss": make_column(losses, direction="minimize", split="train", epochs=(1, 2, 3, 4))},
        cost={
            "params": make_column(np.arange(64.0), split="cost"),
            "train_seconds": make_column(np.full(64, 80.0), split="cost"),
            "jacov": proxy(jacov),
            "jacov_seconds": proxy(np.arange(64.0) / 10, direction="minimize"),
            "partial": proxy(np.where(np.arange(64) == 5, np.nan, jacov)),
            "product": proxy(product, scale="log"),
            "wrong": proxy(-jacov, direction="minimize"),
        },
    )
    return nasbench.load(make_table(protocol))


def scores(bench, proxy, **params):
    predictor = create("zero-cost", bench.space, benchmark=bench.name, proxies=[proxy], **params)
    return predictor.fit(bench.genotypes).predict(bench.genotypes)


def test_they_conform(bench):
    check_predictor("zero-cost", bench.space, benchmark=bench.name, proxies=["jacov"])
    check_predictor("omni", bench.space, benchmark=bench.name, epoch=2, n_estimators=5)


def test_a_proxy_is_its_own_prediction(bench):
    np.testing.assert_array_equal(scores(bench, "jacov"), bench.mean("jacov"))
    np.testing.assert_array_equal(scores(bench, "wrong"), bench.mean("jacov"))  # smaller is better there
    np.testing.assert_array_equal(scores(bench, "params"), np.arange(64))  # the larger network
    np.testing.assert_array_equal(scores(bench, "jacov", target="val_loss"), -bench.mean("jacov"))


@pytest.mark.parametrize("proxy", ["jacov", "params", "product"])
def test_fitted_it_keeps_the_order_in_the_targets_unit(bench, proxy):
    y, G = bench.mean("val_accuracy"), bench.genotypes
    mean = create("zero-cost", bench.space, benchmark=bench.name, proxies=[proxy]).fit(G[:30], y[:30]).predict(G)
    assert kendalltau(mean, bench.mean(proxy)).statistic == pytest.approx(1.0)
    reach = np.ptp(y)
    assert y.min() - reach < mean.min() < mean.max() < y.max() + reach


def test_only_what_costs_nothing_is_a_proxy(bench):
    G = bench.genotypes
    for wrong, said in (
        ("val_accuracy", "no zero-cost proxy"),
        ("train_seconds", "no zero-cost"),
        ("test_accuracy", "test column"),
    ):
        with pytest.raises(TaskError, match=said):
            scores(bench, wrong)
    with pytest.raises(TaskError, match="nothing of"):
        create("zero-cost", bench.space, benchmark=bench.name, proxies=[]).fit(G)
    with pytest.raises(UnknownNameError, match="Did you mean 'jacov'"):
        scores(bench, "jacof")
    with pytest.raises(TaskError, match=r"give benchmark=\.\.\., proxies="):
        create("zero-cost", bench.space)


def test_published_seconds_are_charged(bench):
    G = bench.genotypes
    costs = {
        name: create_encoder("zero-cost", bench.space, benchmark=bench, proxies=[name]).cost(G)
        for name in ("jacov", "wrong", "params")
    }
    np.testing.assert_array_equal(costs["jacov"].seconds, np.arange(64) / 10)
    assert np.isnan(costs["wrong"].seconds).all()
    assert not costs["params"].seconds.any()
    assert not costs["jacov"].epochs.any()


def test_how_long_something_took_is_no_feature(bench):
    names = create_encoder("columns", bench.space, benchmark=bench).get_feature_names_out()
    assert names.tolist() == ["jacov", "params", "partial", "product", "wrong"]


def test_a_missing_score_is_an_error_or_the_median(bench):
    with pytest.raises(TaskError, match="missing='impute'"):
        scores(bench, "partial")
    imputed = scores(bench, "partial", missing="impute")
    assert imputed[5] == pytest.approx(np.nanmedian(bench.mean("partial")))


def test_several_proxies_are_features_of_any_regressor(bench):
    G, y = bench.genotypes, 2 * bench.mean("jacov") + 0.1 * bench.mean("params")
    predictor = create("ridge", bench.space, encoder="zero-cost", benchmark=bench.name, proxies=["jacov", "params"],
                       rank_targets=False)  # fmt: skip
    np.testing.assert_allclose(predictor.fit(G[:40], y[:40]).predict(G[40:]), y[40:], rtol=0.02, atol=0.05)


def test_omni_is_better_than_each_of_its_parts(bench):
    y, G = bench.mean("val_accuracy"), bench.genotypes
    kind = {"benchmark": bench.name}
    candidates = {
        "omni": create("omni", bench.space, epoch=2, **kind),
        "choices": create("xgboost", bench.space, encoder="mixed"),
        "proxy": create("zero-cost", bench.space, proxies=["jacov"], **kind),
        "curve": create("sotl-e", bench.space, epoch=2, **kind),
    }
    taus = {}
    for name, predictor in candidates.items():
        found = []
        for seed in range(5):
            order = np.random.default_rng(seed).permutation(64)
            train, new = order[:44], order[44:]
            found.append(kendalltau(predictor.fit(G[train], y[train]).predict(G[new]), y[new]).statistic)
        taus[name] = np.mean(found)
    assert taus["omni"] > max(taus["choices"], taus["proxy"], taus["curve"])


def test_omni_pays_for_its_proxy_and_its_curve(bench):
    G = bench.genotypes
    encoder = create("omni", bench.space, benchmark=bench.name, epoch=2)["encode"]
    assert isinstance(encoder, OmniFeatures)
    np.testing.assert_allclose(encoder.cost(G).seconds, 80 * 2 / 8 + np.arange(64) / 10)
    assert encoder.cost(G).epochs.tolist() == [2] * 64
    names = encoder.fit(G).get_feature_names_out()
    assert names[-2:].tolist() == ["jacov", "RecentLossSum of train_loss to epoch 2"]
    assert encoder.transform(G).shape == (64, len(names))


@pytest.fixture(scope="module")
def published(mirror, tmp_path_factory):
    """NAS-Bench-201 with the published proxies and curves."""
    folder = tmp_path_factory.mktemp("home")
    cache = os.path.abspath(os.path.join(os.environ["NASBENCH_HOME"], "cache"))
    os.makedirs(cache, exist_ok=True)
    (folder / "cache").symlink_to(cache, target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASBENCH_HOME", str(folder))
        patch.setenv("NASBENCH_MIRROR", str(mirror))
        for name in ("nasbench201-proxies", "nasbench201-curves"):
            fetch(name)
        yield nasbench.load("nasbench201/cifar10")


@pytest.mark.parametrize(
    ("proxy", "known"), [("synflow", 0.557), ("params", 0.542), ("naslib_flops", 0.501), ("snip", 0.429)]
)
def test_published_proxies_rank_as_was_published(published, proxy, known):
    """Kendall tau on 200 cells in NAS-Bench-Suite-Zero; one such sample has a standard error near .035."""
    listed = np.flatnonzero(np.isfinite(published.mean("synflow")))
    score = create("zero-cost", published.space, benchmark=published.name, proxies=[proxy])
    predicted = score.fit(published.genotypes[listed]).predict(published.genotypes[listed])
    tau = kendalltau(predicted, published.mean("val_accuracy")[listed]).statistic
    assert tau == pytest.approx(known, abs=0.07)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("zero-cost", {"proxies": ["freerea_logsynflow"]}),
        ("early-stopping", {"metric": "mean_val_accuracy", "epoch": 20}),
        ("sotl-e", {"metric": "mean_train_accuracy", "epoch": 20}),
        ("lce", {"metric": "mean_val_accuracy", "epoch": 20}),
        ("omni", {"metric": "mean_train_accuracy", "epoch": 20, "proxies": ["freerea_logsynflow"]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_fitted_deviations_mean_something(published, name, params):
    """As in `test_uncertainty`: a better density than the training targets' own, and 95 % intervals that cover."""
    cells = np.flatnonzero(np.isfinite(published.mean("mean_val_accuracy")))
    genotypes, y = published.genotypes[cells], published.mean("mean_val_accuracy")[cells]
    scores, constant, covered = [], [], []
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(len(y))
        train, new = order[:80], order[80:]
        predictor = create(name, published.space, benchmark=published.name, random_state=seed, **params)
        mean, std = predictor.fit(genotypes[train], y[train]).predict(genotypes[new], return_std=True)
        scores.append(-norm.logpdf(y[new], mean, std).mean())
        constant.append(-norm.logpdf(y[new], y[train].mean(), y[train].std()).mean())
        covered.append(np.abs(y[new] - mean) < norm.ppf(0.975) * std)
    assert np.mean(scores) < np.mean(constant)
    assert 0.85 < np.mean(covered) <= 0.995


def test_sums_of_training_accuracies_beat_early_stopping(published):
    """As in Ru et al.: the training curve says more about the end than the validation metric at that epoch."""
    cells = np.flatnonzero(np.isfinite(published.mean("mean_val_accuracy")))
    genotypes, y = published.genotypes[cells], published.mean("mean_val_accuracy")[cells]
    for epoch in (10, 20, 40, 100):
        taus = [
            kendalltau(
                create(name, published.space, benchmark=published.name, metric=metric, epoch=epoch)
                .fit(genotypes)
                .predict(genotypes),
                y,
            ).statistic
            for name, metric in (("sotl-e", "mean_train_accuracy"), ("early-stopping", "mean_val_accuracy"))
        ]
        assert taus[0] > taus[1] + 0.05
