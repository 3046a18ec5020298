"""On the real learning curves of NAS-Bench-NLP the multi-fidelity strategies save what their papers say."""

import numpy as np
import pytest

import nasbench
from nasbench.analysis.random_search import expected_regret
from nasbench.datasets.fetch import fetch

SEEDS = 48
FULL = 50

SAVES = {
    "asha": (1 / 2, 20),
    "bohb": (1 / 3, 15),
    "curve-extrapolation": (1 / 2, 40),
    "dehb": (1 / 2, 20),
    "hyperband": (1 / 2, 20),
    "median-stopping": (1 / 2, 40),
    "successive-halving": (1 / 2, 20),
}
"""name -> share of random search's epochs that is enough to pass it after so many full trainings."""


@pytest.fixture
def task(home, mirror, monkeypatch):
    monkeypatch.setenv("NASBENCH_MIRROR", str(mirror))
    fetch("nas-bench-nlp")
    return nasbench.Task("nas-bench-nlp/wikitext-2", fidelity="curve", missing="exclude", epochs=FULL)


def test_less_is_enough_to_pass_random_search(task):
    """Exact expectations of random search; three standard errors over seeds apart."""
    for name, (share, trainings) in SAVES.items():
        shorter = task.replace(epochs=share * trainings * FULL)
        truth = -shorter.truth()
        regret = np.array(
            [
                np.nanmax(truth[shorter.listed]) - truth[shorter.bench.row(nasbench.search(shorter, name, seed).best)]
                for seed in range(SEEDS)
            ]
        )
        reference = expected_regret(task.replace(epochs=None, evaluations=trainings, fidelity=None), [trainings])
        error = regret.std(ddof=1) / np.sqrt(SEEDS)
        assert regret.mean() < reference.mean[0] - 3 * error, name


def test_workers_share_the_work(task):
    """Eight workers spend the same epochs in a fraction of the time, and are as good as one by epochs."""
    for name in ("asha", "hyperband", "dehb"):
        clock, regret = {}, {}
        for workers in (1, 8):
            shared = task.replace(epochs=500, workers=workers)
            truth = -shared.truth()
            runs = [nasbench.search(shared, name, seed) for seed in range(6)]
            clock[workers] = np.mean([run.ledger.seconds for run in runs])
            best = np.nanmax(truth[shared.listed])
            regret[workers] = np.mean([best - truth[shared.bench.row(run.best)] for run in runs])
        assert clock[8] < clock[1] / 4, name
        assert regret[8] < 2 * regret[1] + 0.1, name
