"""Runs with several objectives: hypervolume regret, IGD+, random search by simulation, everything built on them."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nasbench
from nasbench.analysis import (
    comparisons,
    curves,
    finals,
    front_random_search,
    fronts,
    overall,
    ranking,
    summary,
    verdict,
)
from nasbench.analysis.front_random_search import LONG_PERMUTATIONS, PERMUTATIONS, FrontLaw, front_law_of
from nasbench.analysis.front_truth import FrontTruth, front_truth_of
from nasbench.analysis.fronts import EXACT_FRONT, attained, surfaces
from nasbench.analysis.groups import group
from nasbench.analysis.random_reference import RANDOM_SEARCH_EXACT, RANDOM_SEARCH_SIMULATED, reference_log_draws
from nasbench.analysis.regret import path_of
from nasbench.analysis.speedup import speed_up
from nasbench.analysis.targets import expected_running_time
from nasbench.analysis.task_truth import noise_floor_of, noise_label
from nasbench.runner import entry_of
from nasbench.spaces.grid import GridSpace

NAN = np.nan
BOTH = ["val_accuracy", "params"]
# Accuracy (larger is better) and size (smaller is better) of six architectures; the front is rows 0, 1, 2.
ACCURACY = np.array([90.0, 80.0, 70.0, 80.0, 60.0, 99.0])
SIZE = np.array([5.0, 2.0, 1.0, 4.0, 6.0, NAN])


def truth(means, signs=(1, -1), **changes):
    means = np.asarray(means, dtype=float)
    rows = np.ones(len(means), dtype=bool)
    counts, runs = np.ones(len(means), dtype=np.int64), np.zeros((len(means), 1), dtype=np.int64)
    return FrontTruth(np.array(signs), means, means[:, None], counts, runs, **{"listed": rows, **changes})


def volume_2d(points, reference=1.1):
    """Area that points (smaller is better) dominate up to the reference point, by a sweep."""
    area, ceiling = 0.0, reference
    for x, y in sorted(map(tuple, points)):
        if x < reference and y < ceiling:
            area += (reference - x) * (ceiling - y)
            ceiling = y
    return area


@pytest.fixture
def small(make_table, make_protocol, make_column):
    """The six architectures as a benchmark whose accuracies have two training runs."""
    accuracy = np.column_stack([ACCURACY - 3, ACCURACY + 3])
    accuracy[1], accuracy[3] = (88, 72), (72, 88)  # both 80 on average; row 3 may look better than row 1
    recipe = make_protocol(
        final={"val_accuracy": make_column(accuracy)}, cost={"params": make_column(SIZE[:, None], split="cost")}
    )
    return make_table(recipe, space=GridSpace.of({"x": range(6)}))


# -- the truth ------------------------------------------------------------------------------------


def test_normalised_space_runs_from_the_fronts_best_to_its_worst():
    known = truth(np.column_stack([ACCURACY, SIZE]))
    assert known.front.tolist() == [[90, 5], [80, 2], [70, 1]]
    assert (known.ideal.tolist(), known.nadir.tolist()) == ([90, 1], [70, 5])
    assert known.points[:5].tolist() == [[0, 1], [0.5, 0.25], [1, 0], [0.5, 0.75], [1.5, 1.25]]
    # By hand: (1.1 - 0) (1.1 - 1) + (1.1 - .5) (1 - .25) + (1.1 - 1) (.25 - 0).
    assert known.hypervolume == pytest.approx(0.11 + 0.45 + 0.025)
    assert known.regret(known.points[:3]) == pytest.approx(0)
    assert known.regret(known.points[[1]]) == pytest.approx(1 - 0.6 * 0.85 / 0.585)
    assert known.regret(known.points[[4]]) == 1  # nowhere better than the reference point
    assert known.regret(known.points[[5]]) == 1  # without a value
    # IGD+ of row 1: (0, 1) needs .5 in accuracy, (1, 0) needs .25 in size.
    assert known.igd_plus(known.points[[1]]) == pytest.approx((0.5 + 0 + 0.25) / 3)
    assert np.isnan(known.igd_plus(known.points[[5]]))


def test_rows_that_are_not_listed_are_not_in_the_front():
    listed = np.array([False, True, True, True, True, True])
    assert truth(np.column_stack([ACCURACY, SIZE]), listed=listed).front.tolist() == [[80, 2], [70, 1]]


def test_a_front_of_one_point_takes_the_width_of_the_table():
    known = truth([[90, 1], [80, 3], [70, 2]])
    assert known.front.tolist() == [[90, 1]]
    assert known.nadir.tolist() == [70, 3]
    assert known.hypervolume == pytest.approx(1.1**2)
    assert known.regret(known.points[[1]]) == pytest.approx(1 - 0.6 * 0.1 / 1.21)


def test_an_objective_that_is_constant_decides_nothing():
    known = truth([[90, 7], [80, 7], [70, 7]])
    assert known.points[:, 1].tolist() == [0, 0, 0]
    assert known.regret(known.points[[1]]) == pytest.approx(1 - 0.6 / 1.1)
    same = truth([[5, 7], [5, 7]])
    assert same.regret(same.points[[1]]) == 0


def test_a_rounding_error_is_no_width():
    """Two architectures that are equal but for the last bit of a mean are a front of one point."""
    known = truth([[np.nextafter(90, 91), 2.0], [90.0, 1.0], [70.0, 5.0]])
    assert known.nadir[0] == pytest.approx(70)
    assert known.regret(known.points[[1]]) == pytest.approx(0, abs=1e-9)


def test_without_any_architecture_there_is_no_front():
    with pytest.raises(ValueError, match="no Pareto front"):
        _ = truth([[NAN, 1], [2, NAN]]).front


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12), st.data())
def test_the_regret_equals_a_sweep(rows, data):
    known = truth(rows)
    some = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=8))
    exact = volume_2d(known.points)
    assert known.regret(known.points[some]) == pytest.approx(1 - volume_2d(known.points[some]) / exact)
    assert -1e-12 <= known.regret(known.points[some]) <= 1


# -- runs -----------------------------------------------------------------------------------------


def test_the_set_is_chosen_by_observed_and_scored_by_true_values(small, scripted):
    task = nasbench.Task(small, objective=BOTH, evaluations=6, repeat=1)
    path = path_of(nasbench.search(task, scripted(genotypes=[(5,), (4,), (3,), (1,), (1,), (0,)])))
    # Training run 1 shows 63, 88, 72, 93: row 5 fails; row 3 leads and keeps its place beside row 1.
    known = front_truth_of(task)
    assert path.front_size.tolist()[1:] == [1, 1, 2, 2, 3]
    assert np.isnan(path.regret[0])
    expected = [known.regret(known.points[rows]) for rows in ([4], [3], [3, 1], [3, 1], [3, 1, 0])]
    assert path.regret[1:] == pytest.approx(expected)
    assert path.igd_plus[-1] == pytest.approx(known.igd_plus(known.points[[3, 1, 0]]))
    assert path.run.front == [(3,), (1,), (0,)]
    assert path.hypervolume_regret is path.regret
    assert np.isnan(path.table_regret).all()


def test_a_dominated_newcomer_can_cost_hypervolume(make_table, make_protocol, make_column, scripted):
    """Under noise a set is replaced by one that is worse in truth; there is no running minimum."""
    accuracy = make_column([[80.0, 80.0], [90.0, 50.0], [99.0, 99.0]])
    recipe = make_protocol(
        final={"val_accuracy": accuracy}, cost={"params": make_column([[2.0], [2.0], [9.0]], split="cost")}
    )
    name = make_table(recipe, space=GridSpace.of({"x": range(3)}))
    task = nasbench.Task(name, objective=BOTH, evaluations=2, repeat=0)
    path = path_of(nasbench.search(task, scripted(genotypes=[(0,), (1,)])))
    assert path.run.front == [(1,)]
    assert path.regret[1] > path.regret[0]


def test_a_higher_epoch_begins_the_set_anew(make_table, make_protocol, make_column, scripted):
    curve = np.array([[[95, 60]], [[70, 90]], [[80, 80]]], dtype=float)
    recipe = make_protocol(
        epochs=2,
        final={
            "val_accuracy": make_column(curve[:, :, -1]),
            "val_loss": make_column([[1.0], [2.0], [3.0]], "minimize"),
        },
        curve={
            "val_accuracy": make_column(curve, epochs=(1, 2)),
            "val_loss": make_column(np.repeat([[[1.0]], [[2.0]], [[3.0]]], 2, axis=2), "minimize", epochs=(1, 2)),
        },
    )
    task = nasbench.Task(
        make_table(recipe, space=GridSpace.of({"x": range(3)})),
        objective=["val_accuracy", "val_loss"],
        evaluations=4,
        fidelity="curve",
    )
    path = path_of(nasbench.search(task, scripted(genotypes=[(0,), (1,), (2,), (1,)], epochs=[1, 1, 2, 2])))
    assert path.front_size.tolist() == [1, 1, 1, 1]
    assert path.run.front == [(1,)]
    assert path.step.tolist() == [0, 0, 2, 3]


def test_a_run_that_finds_nothing(small, scripted):
    task = nasbench.Task(small, objective=BOTH, evaluations=1, repeat="mean")
    run = nasbench.search(task, scripted(genotypes=[(5,)]))
    path = path_of(run)
    assert np.isnan(path.final("regret"))
    assert np.isnan(path.log_draws)
    assert run.front == []
    assert verdict([run])
    assert np.isnan(summary([run])["regret_mean"][0])
    assert fronts([run]).empty
    assert surfaces([run])["strategy"].unique().tolist() == [EXACT_FRONT]


def test_constraints_hold_for_the_front_and_the_reference(monkeypatch):
    monkeypatch.setattr(front_random_search, "LONG_PERMUTATIONS", 2)
    monkeypatch.setattr(front_random_search, "PERMUTATIONS", 300)
    bounds = "latency_ms<=15"
    task = nasbench.Task("nasbench201/cifar10", ["val_accuracy", "params"], evaluations=60, constraints=bounds)
    bench = task.bench
    means = np.column_stack([bench.mean("val_accuracy"), -bench.column("params")[:, 0]])
    kept = np.flatnonzero(bench.column("latency_ms")[:, 0] <= 15)
    best = [i for i in kept if not ((means[kept] >= means[i]).all(axis=1) & (means[kept] > means[i]).any(axis=1)).any()]
    assert set(map(tuple, front_truth_of(task).front)) == {(means[i, 0], -means[i, 1]) for i in best}
    found = [path_of(nasbench.search(task, "random-search", seed)).final("regret") for seed in range(40)]
    simulated = front_law_of(task).regret(60)
    assert abs(np.mean(found) - simulated.mean[0]) < 4 * np.hypot(simulated.sd[0] / np.sqrt(40), simulated.error[0])


# -- random search --------------------------------------------------------------------------------


def brute_force(known, n):
    """Mean hypervolume regret after n draws, and mean draws until each row's regret level, over all orders."""
    rows, regrets, after = range(len(known.means)), [], []
    for order in permutations(rows):
        path = [known.regret(known.points[list(order[:k])]) for k in range(1, len(order) + 1)]
        regrets.append(path)
        after.append(path[n - 1])
    return np.mean(after), np.std(after), np.array(regrets)


def test_the_simulation_agrees_with_all_orders():
    known = truth([[90, 5], [80, 2], [70, 1], [80, 4], [60, 6]])
    law = FrontLaw(known, "a table of five")
    for n in (1, 2, 4):
        mean, sd, _ = brute_force(known, n)
        found = law.regret(n)
        assert abs(found.mean[0] - mean) < 4.5 * sd / np.sqrt(PERMUTATIONS)
        assert found.error[0] == pytest.approx(found.sd[0] / np.sqrt(PERMUTATIONS))
        assert found.sd[0] == pytest.approx(sd, rel=0.12)
    assert law.regret([5, 9]).mean == pytest.approx([0, 0], abs=1e-12)
    _, _, paths = brute_force(known, 1)
    for level in (0.0, 0.13, 0.7, 1.0):
        hits = (paths > level + 1e-9).sum(axis=1) + 1
        error = hits.std() / np.sqrt(LONG_PERMUTATIONS)
        assert abs(law.draws_until(level)[0] - hits.mean()) <= 4.5 * error + 1e-12


def cloud(size):
    """Random architectures with a trade-off between their two objectives."""
    rng = np.random.default_rng(7)
    first = rng.random(size)
    return truth(np.column_stack([first, 1 - np.sqrt(1 - first**2) + rng.exponential(0.2, size)]))


def test_draws_until_and_targets_are_inverse():
    law = FrontLaw(cloud(1000), "a cloud")
    for draws in (1.0, 30.0, 400.0):
        regret = law.target(draws)
        assert law.draws_until(regret)[0] >= draws
        assert law.draws_until(regret + 1e-3)[0] == pytest.approx(draws, rel=0.1, abs=0.5)
    assert law.target(1e9) == pytest.approx(0, abs=1e-12)
    assert law.draws_until([1e9, NAN]).tolist() == [1, 1]


def test_longer_questions_do_not_change_shorter_answers(monkeypatch):
    monkeypatch.setattr(front_random_search, "PERMUTATIONS", 10)
    first, second = (FrontLaw(cloud(1500), "key") for _ in range(2))
    assert second.regret(1500).mean == pytest.approx([0], abs=1e-12)
    assert first.regret(50).mean == second.regret(50).mean


def test_real_random_search_agrees_with_the_simulation(monkeypatch):
    monkeypatch.setattr(front_random_search, "LONG_PERMUTATIONS", 50)
    monkeypatch.setattr(front_random_search, "PERMUTATIONS", 400)
    task = nasbench.Task("nasbench201/cifar10", ["val_accuracy", "params"], evaluations=40)
    paths = [path_of(nasbench.search(task, "random-search", seed)) for seed in range(100)]
    law = front_law_of(task)
    for n in (5, 40):
        found, simulated = np.array([path.regret[n - 1] for path in paths]), law.regret(n)
        assert abs(found.mean() - simulated.mean[0]) < 4 * np.hypot(simulated.sd[0] / 10, simulated.error[0])
    expected = reference_log_draws(task, 40).mean[0]
    ends = np.array([path.log_draws for path in paths])
    assert abs(ends.mean() - expected) < 4 * ends.std() / 10


# -- what is built on it ----------------------------------------------------------------------------


@pytest.fixture
def mixed(scripted):
    """Random search and one that asks for the best there is, with one objective and with two."""
    several = nasbench.Task("nasbench201/cifar10", ["val_accuracy", "params"], evaluations=30, repeat="mean")
    single = nasbench.Task("nasbench201/cifar100", evaluations=30, repeat="mean")
    random_search = nasbench.strategies.create("random-search")
    known, best = front_truth_of(several), single.bench.optimum("val_accuracy")[0]
    rows = [np.flatnonzero((known.means == point).all(axis=1))[0] for point in known.front]
    wanted = {several: several.bench.genotypes[rows].tolist(), single: [list(best)]}
    wanted = {task: scripted(genotypes=[tuple(g) for g in genotypes]) for task, genotypes in wanted.items()}
    return [
        nasbench.search(task, strategy, seed, entry=entry_of(strategy, label=label))
        for task, oracle in wanted.items()
        for label, strategy in (("random-search", random_search), ("oracle", oracle))
        for seed in range(8)
    ]


def test_the_summary_of_a_mixed_comparison(mixed):
    rows = summary(mixed).set_index(["measure", "strategy"])
    front, best = rows.loc["hypervolume regret", "oracle"], rows.loc["table regret", "oracle"]
    law = front_law_of(mixed[0].task)
    assert front.regret_mean == pytest.approx(0, abs=1e-12)
    assert (front.hypervolume, front.front_size, front.reaches_optimum) == (pytest.approx(1), 13, 1)
    assert front.igd_plus == pytest.approx(0, abs=1e-12)
    assert (front.metric, front.unit, front.within_noise_floor) == ("val_accuracy+params", "", None)
    assert front.random_search_regret == pytest.approx(law.regret(30).mean[0])
    assert front.random_search_error == pytest.approx(law.regret(30).error[0])
    assert front.speedup == pytest.approx(np.exp(np.log(law.draws_until(0)[0]) - law.log_draws(30).mean[0]))
    assert front.improvement == 1
    assert front.p_holm == rows.loc["table regret", "oracle"].p_holm == pytest.approx(2 * 2 / 2**8)
    assert np.isnan(front.observed_mean)
    assert (best.metric, best.unit, best.random_search_error) == ("val_accuracy", "%", 0)
    assert np.isnan([best.hypervolume, best.igd_plus, best.front_size]).all()
    random_search = rows.loc["hypervolume regret", "random-search"]
    assert random_search.regret_low < law.regret(30).mean[0] < random_search.regret_high
    assert random_search.speedup_low < 1 < random_search.speedup_high


def test_each_run_has_the_regret_of_its_task(mixed):
    frame = finals(mixed)
    several = frame["task"].str.contains("params")
    assert frame["table_regret"].isna().tolist() == several.tolist()
    assert frame["hypervolume_regret"].isna().tolist() == (~several).tolist()
    assert frame["regret"].notna().all()
    assert (frame["architecture"] == "").tolist() == several.tolist()


def test_tests_ranks_and_words_of_a_mixed_comparison(mixed):
    tests = comparisons(mixed)
    assert (tests["better"] == "oracle").all()
    assert tests["test"].tolist() == ["wilcoxon", "wilcoxon", "sign-flip"]
    assert ranking(mixed)["average_rank"].tolist() == [1, 2]
    assert overall(mixed)["strategy"].tolist() == ["oracle", "random-search"]
    one, other = group(mixed)
    product = speed_up(one, "oracle").value * speed_up(other, "oracle").value
    assert overall(mixed)["speedup"][0] == pytest.approx(np.sqrt(product))
    text = "\n".join(verdict(mixed))
    assert "params, idealised), oracle ends with the lowest mean hypervolume regret: " in text
    assert "On nasbench201/cifar100 (idealised), oracle ends with the lowest mean table regret: 0 points" in text
    assert "Over these 2 tasks, oracle beats random-search" in text


def test_curves_of_a_mixed_comparison(mixed):
    frame = curves(mixed)
    reference = frame[frame["exact"]]
    assert reference.groupby("task", sort=False)["strategy"].first().tolist() == [
        RANDOM_SEARCH_SIMULATED, RANDOM_SEARCH_EXACT,
    ]  # fmt: skip
    simulated = reference[reference["strategy"] == RANDOM_SEARCH_SIMULATED]
    assert simulated["mean"].tolist() == pytest.approx(front_law_of(mixed[0].task).regret(np.arange(1, 31)).mean)
    last = frame[(frame["strategy"] == "oracle") & (frame["x"] == 30)]
    assert last["mean"].tolist() == pytest.approx([0, 0], abs=1e-12)


def test_targets_with_several_objectives_are_as_hard_as_so_many_draws(mixed):
    frame = expected_running_time(mixed, shares=[0.01]).set_index(["task", "strategy"])
    task = "nasbench201/cifar10 (val_accuracy+params, idealised)"
    assert frame.loc[(task, "oracle"), "random_search"] == pytest.approx(100, rel=0.05)
    assert frame.loc[(task, "oracle"), "reached"] == 1
    path = path_of(next(run for run in mixed if run.entry.label == "oracle"))
    first = 1 + int(np.argmax(path.regret <= frame.loc[(task, "oracle"), "target_regret"] + 1e-9))
    assert frame.loc[(task, "oracle"), "evaluations"] == first
    assert frame.loc[(task, "random-search"), "reached"] < 1


def test_fronts_lists_the_final_sets(mixed):
    frame = fronts(mixed)
    oracle = frame[(frame["strategy"] == "oracle") & (frame["seed"] == 0)]
    assert oracle["val_accuracy"].tolist() == front_truth_of(mixed[0].task).front[:, 0].tolist()
    assert oracle["observed_val_accuracy"].tolist() == oracle["val_accuracy"].tolist()
    run = mixed[0]
    assert frame[(frame["strategy"] == "random-search") & (frame["seed"] == 0)]["architecture"].tolist() == [
        run.task.space.format(genotype) for genotype in run.front
    ]


def test_the_points_of_a_pareto_chart(mixed):
    frame = surfaces(mixed)
    assert frame["task"].nunique() == 1
    kinds = frame.groupby(["strategy", "kind"]).size()
    assert kinds[EXACT_FRONT, "exact"] == kinds["oracle", "median"] == kinds["oracle", "attained"] == 13
    median = frame[(frame["strategy"] == "random-search") & (frame["kind"] == "median")]["seed"].unique()
    ends = {run.seed: path_of(run).final("regret") for run in mixed[:8]}
    assert ends[int(median[0])] == sorted(ends.values())[3]


def test_the_attainment_surface_equals_its_definition(mixed):
    one = group(mixed)[0]
    known = front_truth_of(one.task)
    sets = [known.means[path.run.trace["row"][path.front]] for path in one.paths["random-search"].values()]
    corners = attained(one, sets)

    def reached(points, goal):
        return ((known.signs * points >= known.signs * goal).all(axis=1)).any()

    rng = np.random.default_rng(0)
    goals = known.ideal + rng.random((400, 2)) * (known.nadir - known.ideal) * 1.1
    shares = np.array([np.mean([reached(points, goal) for points in sets]) for goal in goals])
    assert [reached(corners, goal) for goal in goals] == (shares >= 0.5).tolist()
    assert 0.1 < (shares >= 0.5).mean() < 0.9


def test_labels_of_noise_belong_to_all_objectives():
    task = nasbench.Task("nasbench201/cifar10", ["params", "val_accuracy"], evaluations=5)
    assert noise_label(task) == "sampled"
    assert noise_floor_of(nasbench.Task("nasbench201/cifar10", ["val_accuracy", "params"], evaluations=5)) is None
    assert noise_label(nasbench.Task("nasbench201/cifar10", ["params", "latency_ms"], evaluations=5)) == "noise unknown"
