import numpy as np
import pytest
from scipy.stats import kendalltau

from nasbench import predictors
from nasbench.errors import UnknownNameError
from nasbench.predictors.vote import Vote
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nasbench201 import NASBench201Space

CELLS = NASBench201Space()
GRID = GridSpace.of({"a": [1, 2, 3, 4], "b": ["x", "y", "z"], "c": [1, 2, 3, 4, 5, 6], "d": ["p", "q"]})
PLAIN = {"gp": 1, "ridge": 1}


def data(n, seed=0):
    genotypes = CELLS.genotypes(np.random.default_rng(seed).permutation(CELLS.size)[:n])
    counts = CELLS.path_counts(genotypes)
    worth = np.array([name.count("nor_conv_3x3") - 0.5 * name.count("avg") for name in CELLS.path_names])
    noise = np.random.default_rng(seed + 1).normal(scale=0.3, size=n)
    return genotypes, np.tanh(counts @ worth / 3.0) + noise


def test_one_voter_is_that_predictor():
    genotypes, y = data(80)
    alone = predictors.create("gp", CELLS, rank_targets=False).fit(genotypes[:60], y[:60])
    vote = predictors.create("vote", CELLS, rank_targets=False, predictors={"gp": 3}).fit(genotypes[:60], y[:60])
    for own, its in zip(
        alone.predict(genotypes, return_std=True), vote.predict(genotypes, return_std=True), strict=True
    ):
        np.testing.assert_allclose(its, own, rtol=1e-9)


def test_a_timid_voter_is_heard_as_loudly():
    """On the scale of the reference both voters vary alike, so the vote correlates with both alike."""
    genotypes, y = data(120)
    vote = Vote(CELLS, predictors=PLAIN).fit(genotypes, y)
    sample = CELLS.sample(np.random.default_rng(0), 1000)
    mean = vote.predict(sample)
    first, second = (np.corrcoef(mean, voter.predict(sample))[0, 1] for voter in vote.voters_)
    assert first == pytest.approx(second, abs=1e-9)


def test_disagreement_adds_to_the_deviation():
    genotypes, y = data(120)
    vote = Vote(CELLS, predictors={"gp": 1, "gp-rbf": 2}).fit(genotypes, y)
    _, deviation = vote.predict(genotypes, return_std=True)
    narrowest = np.min([voter.predict(genotypes, return_std=True)[1] for voter in vote.voters_], axis=0)
    assert (deviation >= narrowest).all()


def test_the_vote_ranks_at_least_as_well_as_its_average_voter():
    genotypes, y = data(400)
    taus = [
        kendalltau(predictors.create(name, CELLS).fit(genotypes[:80], y[:80]).predict(genotypes[80:]), y[80:]).statistic
        for name in ("gp", "xgboost")
    ]
    vote = predictors.create("vote", CELLS, predictors={"gp": 1, "xgboost": 1}).fit(genotypes[:80], y[:80])
    assert kendalltau(vote.predict(genotypes[80:]), y[80:]).statistic >= np.mean(taus)


def test_a_weight_counts():
    genotypes, y = data(60)
    sample = CELLS.sample(np.random.default_rng(0), 1000)
    heavy = Vote(CELLS, predictors={"gp": 9, "ridge": 1}).fit(genotypes, y)
    first, second = (np.corrcoef(heavy.predict(sample), voter.predict(sample))[0, 1] for voter in heavy.voters_)
    assert first > second


def test_who_votes_depends_on_whether_there_are_graphs():
    assert set(Vote(GRID)._weights()) == {"gp", "xgboost"}
    assert "gin" in Vote(CELLS)._weights()


def test_an_unknown_voter_is_explained():
    with pytest.raises(UnknownNameError):
        Vote(CELLS, predictors={"xgbost": 1}).fit(*data(10))
