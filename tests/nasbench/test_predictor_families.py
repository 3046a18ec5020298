"""Claim (b) for predictors: one number a task family, and only from nine families on."""

from __future__ import annotations

import html
from itertools import combinations
from types import SimpleNamespace

import pandas as pd
import pytest

from nasbench.analysis import families, predictor_families
from nasbench.analysis.predictor_families import generalise
from nasbench.analysis.predictor_scores import Scores
from nasbench.analysis.predictor_verdict import verdict
from nasbench.prediction_split import CLASS_DISJOINT, UNIFORM
from nasbench.prediction_task import PredictionTask
from nasbench.predictor_comparison import compare_predictors
from nasbench.report.predictor_data import collect
from nasbench.report.predictor_site import page

SIZE = 50


def scores(taus):
    """Scores that hold (family, task, predictor, taus by trial); NaN is a failed trial."""
    made = Scores([])
    rows = [
        {
            "task": task, "predictor": predictor, "size": SIZE, "trial": trial, "kind": kind,
            "kendall": tau if kind == UNIFORM else -tau,
        }
        for _, task, predictor, values in taus
        for kind in (UNIFORM, CLASS_DISJOINT)
        for trial, tau in enumerate(values)
    ]  # fmt: skip
    tasks = {task: SimpleNamespace(bench=SimpleNamespace(family=family)) for family, task, _, _ in taus}
    made.__dict__.update(
        frame=pd.DataFrame(rows),
        tasks=tasks,
        labels={task: task for task in tasks},
        predictors=list(dict.fromkeys(predictor for _, _, predictor, _ in taus)),
    )
    return made


def duel(count, trials=3):
    """`wide` is ahead of `narrow` by .1 in the even families and by .2 in the odd ones."""
    return [
        (f"family {number}", f"task {number}", predictor, [tau + 0.01 * trial for trial in range(trials)])
        for number in range(count)
        for predictor, tau in (("narrow", 0.3), ("wide", 0.4 + 0.1 * (number % 2)))
    ]


def test_fewer_than_nine_families_say_nothing_however_many_trials():
    assert generalise(scores(duel(8, trials=50)), SIZE) is None
    (test,) = generalise(scores(duel(9)), SIZE)
    assert (test.better, test.worse, test.families) == ("wide", "narrow", 9)
    assert test.difference == pytest.approx((5 * 0.1 + 4 * 0.2) / 9)
    # All nine differences have one sign: two of the 2**9 equally likely assignments are as extreme.
    assert test.p == test.p_holm == pytest.approx(2 / 2**9)


def test_trials_and_sister_tasks_are_not_more_evidence():
    sisters = [
        ("family 0", f"sister {number}", name, [tau])
        for number in range(20)
        for name, tau in (("narrow", 0.9), ("wide", 0.1))
    ]
    (test,) = generalise(scores([*duel(9, trials=30), *sisters]), SIZE)
    assert test.families == 9
    # Family 0 now speaks for the other side, with the largest difference of all.
    ranks = [2.5] * 4 + [6.5] * 4 + [9.0]
    extreme = sum(sum(chosen) <= 9 for k in range(10) for chosen in combinations(ranks, k))
    assert test.p == pytest.approx(2 * extreme / 2**9)


def test_a_family_without_a_value_on_one_of_its_tasks_takes_no_part():
    nan = float("nan")
    taus = [*duel(9), ("family 0", "sister", "wide", [nan]), ("family 0", "sister", "narrow", [0.5])]
    assert generalise(scores(taus), SIZE) == []
    (test,) = generalise(scores([*taus, *duel(10)[-2:]]), SIZE)
    assert test.families == 9


def test_other_held_out_rows_are_judged_by_their_own_taus():
    (test,) = generalise(scores(duel(9)), SIZE, CLASS_DISJOINT)
    assert (test.better, test.worse) == ("narrow", "wide")


def test_three_predictors_are_adjusted_together():
    third = [(f"family {n}", f"task {n}", "third", [0.35 + 0.02 * (n % 3) - 0.2 * (n > 4)]) for n in range(9)]
    found = generalise(scores([*duel(9), *third]), SIZE)
    assert len(found) == 3
    ordered = sorted(found, key=lambda test: test.p)
    steps = [factor * test.p for factor, test in zip((3, 2, 1), ordered, strict=True)]
    for place, test in enumerate(ordered):
        assert test.p_holm == pytest.approx(min(1.0, max(steps[: place + 1])))


def test_the_verdict_says_it(tmp_path, monkeypatch):
    tasks = [PredictionTask(name, held_out=30) for name in ("nasbench201/cifar10", "nas-bench-graph/cora")]
    result = compare_predictors(tasks, ["ridge", "knn"], [10], 2, out=tmp_path).scores
    said = [line for line in verdict(result) if line.startswith("On tasks like these")]
    assert said == ["On tasks like these: too few independent task families to generalise (2 families)."]
    for module in (families, predictor_families):
        monkeypatch.setattr(module, "MINIMUM_FAMILIES", 2)
    said = [line for line in verdict(result) if line.startswith("On tasks like these")]
    assert said == ["On tasks like these (2 families): no difference is established."]
    (said,) = [line for line in verdict(result, alpha=1.0) if line.startswith("On tasks like these")]
    (test,) = generalise(result)
    assert f"{test.better} ranks better than {test.worse} (tau higher by {test.difference:.3f}, Holm p = " in said


def test_a_single_trial_has_no_interval(tmp_path):
    task = PredictionTask("nas-bench-graph/cora", held_out=30)
    once, twice = (compare_predictors([task], ["ridge"], [10], n, out=tmp_path).verdict() for n in (1, 2))
    assert "ranks best: Kendall tau" in once[-1]
    assert "[" not in once[-1]
    assert "[" in twice[-1]


def test_the_page_keeps_the_order_of_the_verdict_and_folds_many_tasks(tmp_path):
    names = ("nasbench201/cifar10", "nasbench201/cifar100", "nas-bench-graph/cora", "nas-bench-graph/citeseer")
    tasks = [PredictionTask(name, held_out=20) for name in names]
    result = compare_predictors(tasks, ["ridge", "knn"], [8], 2, out=tmp_path)
    text = page(collect(result.scores), [], {}, "no charts")
    verdict_html = text[text.index('id="verdict"') : text.index('id="results"')]
    head, _, folded = verdict_html.partition("<details>")
    general = [line for line in result.verdict() if not any(name in line for name in names)]
    places = [head.index(html.escape(line)) for line in general]
    assert places == sorted(places)
    for name in names:
        assert name not in head
        assert f"On {name} with 8 training architectures" in folded
    assert text.count("<details") == text.count("</details>")
