"""Verdicts, ranks and speed-ups on real runs and on made-up ranks."""

import numpy as np
import pytest
import scipy.stats

import nasbench
from nasbench.analysis import comparisons, curves, overall, ranking, summary, verdict
from nasbench.analysis.families import generalise
from nasbench.analysis.groups import group
from nasbench.analysis.ranking import block_ranks, cliques, friedman_nemenyi
from nasbench.analysis.speedup import log_ratios, speed_up
from nasbench.runner import entry_of

SEEDS = 20


@pytest.fixture(scope="module")
def runs():
    tasks = [nasbench.Task(f"nasbench201/{d}", evaluations=150) for d in ("cifar10", "cifar100")]
    names = ("random-search", "regularized-evolution")
    return [nasbench.search(t, name, seed=s) for t in tasks for name in names for s in range(SEEDS)]


def test_evolution_beats_random_search(runs):
    frame = comparisons(runs)
    assert frame.task.tolist() == ["nasbench201/cifar10", "nasbench201/cifar100", "all tasks"]
    assert set(frame.better) == {"regularized-evolution"}
    assert frame.significant.all()
    assert (frame.p_holm >= frame.p).all()
    assert (frame.better_regret < frame.worse_regret)[:2].all()
    text = "\n".join(verdict(runs))
    assert "regularized-evolution beats random-search (regret 0." in text
    assert "Over these 2 tasks, regularized-evolution beats random-search" in text


def test_the_summary_quotes_the_tests_of_the_verdict(runs):
    tests, rows = comparisons(runs), summary(runs)
    quoted = rows[rows.strategy == "regularized-evolution"].p_holm.tolist()
    assert quoted == tests.p_holm[:2].tolist()


def test_random_search_agrees_with_its_closed_form(runs):
    rows = summary(runs)
    random_search = rows[rows.strategy == "random-search"]
    for row in random_search.itertuples():
        # 20 seeds: within 3.5 standard errors of the exact expectation.
        error = (row.regret_high - row.regret_low) / 3.92
        assert abs(row.regret_mean - row.random_search_regret) < 3.5 * error
        assert row.speedup_low < 1.3
        assert row.speedup_high > 0.75
    frame = curves(runs)
    drawn = frame[(frame.strategy == "random-search") & (frame.x == 150)]
    exact = frame[frame.exact & (frame.x == 150)]
    assert exact["mean"].tolist() == pytest.approx(random_search.random_search_regret.tolist())
    assert drawn["mean"].tolist() == pytest.approx(random_search.regret_mean.tolist())


def test_speed_up_of_evolution_without_noise():
    task = nasbench.Task("nasbench201/cifar10", evaluations=150, repeat="mean")
    found = [nasbench.search(task, "regularized-evolution", seed=s) for s in range(40)]
    speed = speed_up(group(found)[0], "regularized-evolution")
    # Published: 12 [8, 18].
    assert 7 < speed.value < 20
    assert speed.low < speed.value < speed.high


def test_random_search_scores_one_in_expectation():
    task = nasbench.Task("nasbench201/cifar10", evaluations=40)
    found = [nasbench.search(task, "random-search", seed=s) for s in range(400)]
    ratios = log_ratios(group(found)[0], "random-search")
    assert abs(ratios.mean()) < 4 * ratios.std() / 20


def test_overall_is_the_geometric_mean_over_tasks(runs):
    frame, rows = overall(runs), summary(runs)
    for row in frame.itertuples():
        speeds = rows[rows.strategy == row.strategy].speedup
        assert row.speedup == pytest.approx(scipy.stats.gmean(speeds))
        assert row.speedup_low < row.speedup < row.speedup_high
        trimmed = [scipy.stats.trim_mean(log_ratios(one, row.strategy), 0.25) for one in group(runs)]
        assert row.speedup_iqm == pytest.approx(np.exp(np.mean(trimmed)))
    assert frame.strategy.tolist() == ["regularized-evolution", "random-search"]


def test_identical_entries_are_not_told_apart(runs):
    task = runs[0].task
    entry = entry_of(nasbench.strategies.create("random-search"), label="again", salt="b")
    again = [nasbench.search(task, "random-search", seed=s, entry=entry) for s in range(SEEDS)]
    first = [run for run in runs if run.task == task and run.entry.label == "random-search"]
    row = comparisons(first + again).iloc[0]
    assert (row.p, row.ties, row.significant) == (1.0, SEEDS, False)
    assert any("end equal in every one of 20 paired seeds" in line for line in verdict(first + again))


def test_a_control_makes_a_smaller_family(runs):
    entry = entry_of(nasbench.strategies.create("random-search"), label="third", salt="c")
    more = runs + [nasbench.search(runs[0].task, "random-search", seed=s, entry=entry) for s in range(SEEDS)]
    frame = comparisons(more, control="third")
    assert set(frame.task) == {"nasbench201/cifar10"}
    assert all("third" in pair for pair in zip(frame.better, frame.worse, strict=True))


def test_few_seeds_cannot_tell():
    task = nasbench.Task("nasbench201/cifar10", evaluations=20)
    found = [nasbench.search(task, name, seed=s) for name in ("random-search", "local-search") for s in range(3)]
    assert any("3 paired seeds can show no difference at this level" in line for line in verdict(found))


def test_too_few_families(runs):
    assert generalise(group(runs)) is None
    assert "too few independent task families to generalise (1 family)" in verdict(runs)[-1]


def test_ranking(runs):
    frame = ranking(runs)
    assert frame.strategy.tolist() == ["regularized-evolution", "random-search"]
    assert frame.average_rank.sum() == pytest.approx(3)
    assert frame.cliques.tolist() == [(), ()]
    assert len(ranking(runs, task="nasbench201/cifar10")) == 2
    with pytest.raises(ValueError, match="nasbench201/cifar10"):
        ranking(runs, task="nowhere")


def test_nemenyi_is_an_option(runs):
    p = friedman_nemenyi(runs)
    assert p.loc["random-search", "regularized-evolution"] < 0.01


def test_block_ranks_equal_scipy():
    finals = np.random.default_rng(0).integers(0, 4, (30, 5)).astype(float)
    assert np.array_equal(block_ranks(finals), scipy.stats.rankdata(finals, axis=1))
    assert len(block_ranks(np.array([[1.0, np.nan], [1.0, 2.0]]))) == 1


@pytest.mark.parametrize(
    ("apart", "expected"),
    [
        ([], [("a", "b", "c", "d")]),
        (["ad"], [("a", "b", "c"), ("b", "c", "d")]),
        (["ab", "ac", "ad"], [("b", "c", "d")]),
        (["ac", "ad", "bd"], [("a", "b"), ("b", "c"), ("c", "d")]),
        # a and c apart though a and d are not: neighbours in rank only.
        (["ac"], [("a", "b"), ("b", "c", "d")]),
        (["ab", "bc", "cd"], []),
    ],
)
def test_cliques(apart, expected):
    assert cliques("abcd", {frozenset(pair) for pair in apart}) == expected


def test_headlines_name_each_task_leader_and_agree_with_the_tests():
    import nasbench
    from nasbench.analysis.verdict import comparisons, headlines

    task = nasbench.Task("nasbench201/cifar10", evaluations=100)
    runs = [nasbench.search(task, name, seed=seed) for name in ("random-search", "local-search") for seed in range(12)]
    frame = comparisons(runs)
    text = " ".join(headlines(runs))
    assert bool(frame["significant"].iloc[0])
    assert "local-search ends with the lowest mean table regret" in text
    assert "It beats random-search." in text
    assert "Not told apart" not in text


def test_headlines_of_many_strategies_count_pairs(tmp_path):
    tasks = [nasbench.Task(f"nasbench201/{name}", evaluations=5) for name in ("cifar10", "cifar100")]
    salts = [f"s{i}" for i in range(10)]
    result = nasbench.compare(tasks, ["random-search"] * 10, 3, out=tmp_path, salts=salts)
    lines = result.headlines()
    assert "Not told apart over these 2 tasks: 45 of 45 pairs." in lines
    assert sum(line.endswith("Not told apart from it: 9 others.") for line in lines) == 2
    assert max(map(len, lines)) < max(map(len, result.verdict()))
