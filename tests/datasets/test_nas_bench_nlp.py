"""NAS-Bench-NLP: against a plain reading of the official logs, and a few logs where they are absent."""

from __future__ import annotations

import json
import math
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nasbench.benchmark import load
from nasbench.cli import app
from nasbench.datasets import formats
from nasbench.datasets.install import install
from nasbench.errors import ImportFileError, UnsafeFileError
from nasbench.runner import search
from nasbench.task import Task

FILE = "fmsnew/nas-bench-nlp-release/*/train_logs_wikitext-2/logs.zip"
SETTINGS = {
    "data": "data/wikitext-2", "recepies_list_path": "data/models_recepies.json", "cuda": True, "batch_size": 20,
    "model": "CustomRNN", "emsize": 400, "nhid": 600, "nlayers": 3, "dropout": 0.1, "dropouth": 0.25, "dropouti": 0.4,
    "dropoute": 0.0, "wdrop": 0.1, "tied": True, "bptt": 70, "lr": 0.001, "wdecay": 1.2e-06, "epochs": 4, "alpha": 2,
    "beta": 1, "log_interval": 200, "clip": 0.25, "eval_batch_size": 50, "init_time": "2020-04-28_17-16-54",
}  # fmt: skip


def world() -> list[dict]:
    """Forty runs in the official layout: runs 0 and 39 are of one cell, run 5 fails in its second epoch."""
    rng = np.random.default_rng(0)
    runs = []
    for n in range(40):
        nodes = {f"i{k}": {"op": "linear", "input": ["x", "h_prev_0"]} for k in range(n % 5 + 1)}
        nodes |= {f"a{k}": {"op": "activation_tanh", "input": ["i0"]} for k in range(n % 3)}
        nodes |= {
            "h_new_0": {"op": "activation_sigm", "input": [f"i{n % 2 if n % 5 else 0}"]},
            f"z{n // 15}": nodes["i0"],
        }
        runs.append(
            {**SETTINGS, "recepie": json.dumps(nodes), "recepie_id": 1000 + n, "experiment_id": 7 * n,
             "num_params": 5 + n, "status": "OK", "wall_times": rng.uniform(1, 2, 4).tolist(),
             **{f"{s}_losses": rng.uniform(4, 9, 4).tolist() for s in ("train", "val", "test")}}
        )  # fmt: skip
    runs = list({run["recepie"]: run for run in reversed(runs)}.values())[::-1]
    runs.append({**runs[0], "recepie_id": 5000, "val_losses": [9.0, 8.0, 7.0, 6.5]})
    short = {f"{s}_losses": [5.0, math.nan] for s in ("train", "val", "test")}
    runs[5] |= {"status": "loss is nan!", "wall_times": [1.5, 2.5], **short}
    return runs


@pytest.fixture
def write(tmp_path: Path):
    def write(runs: list) -> Path:
        path = tmp_path / "logs.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for n, run in enumerate(runs):
                archive.writestr(f"log_stats_model_{n}.json", json.dumps(run))
        return path

    return write


def same_as_plain_reading(runs: list[dict], family: str = "nas-bench-nlp") -> None:
    bench = load(f"{family}/wikitext-2")
    cells: dict[str, list[dict]] = {}
    for run in sorted(runs, key=lambda r: (r["recepie_id"], r["experiment_id"])):
        cells.setdefault(run["recepie"], []).append(run)
    assert len(bench) == len(cells)
    epochs = runs[0]["epochs"]
    for recepie, trained in cells.items():
        genotype = bench.find(recepie)
        row = bench.row(genotype)
        choices = dict(zip([p.name for p in bench.full_space.parameters], genotype, strict=True))
        nodes = json.loads(recepie)
        for operation, count in Counter(node["op"] for node in nodes.values()).items():
            assert choices[operation] == count
        assert choices["hidden states"] == sum(node.startswith("h_new") for node in nodes)
        assert bench.query(genotype, "params") == trained[0]["num_params"]
        for which, run in enumerate(trained):
            assert bench.column("train_seconds")[row, which] == pytest.approx(math.fsum(run["wall_times"]), rel=1e-14)
            for split in ("train", "val", "test"):
                curve = bench.curves(f"{split}_loss")[row, which]
                official = np.full(epochs, np.nan)
                official[: len(run[f"{split}_losses"])] = run[f"{split}_losses"]
                np.testing.assert_array_equal(curve, official.astype(np.float32))
                final = bench.column(f"{split}_loss")[row, which]
                assert math.isnan(final) if run["status"] != "OK" else final == run[f"{split}_losses"][-1]


def test_the_official_logs(home: Path, official_file) -> None:
    path = official_file(FILE)
    install(formats.read("nas-bench-nlp", path))
    with zipfile.ZipFile(path) as archive:
        runs = [json.loads(archive.read(name)) for name in archive.namelist()]
    assert (len(runs), len({run["recepie"] for run in runs})) == (345, 291)
    same_as_plain_reading(runs)
    bench = load("nas-bench-nlp/wikitext-2")
    finals = bench.column("val_loss")
    assert np.count_nonzero(~np.isnan(finals)) == sum(run["status"] == "OK" for run in runs) == 341
    assert bench.optimum()[1] == pytest.approx(4.569469676298254)


def test_logs_in_the_official_layout(home: Path, write) -> None:
    install(formats.read("nas-bench-nlp", write(world())))
    same_as_plain_reading(world())
    bench = load("nas-bench-nlp/wikitext-2")
    assert "table-only" in bench.table.attrs["title"]
    assert (bench.objective, bench.metrics["val_loss"].direction) == ("val_loss", "minimize")
    assert {n: m.split for n, m in bench.metrics.items() if m.split != "cost"} == {
        "val_loss": "valid", "test_loss": "test", "train_loss": "train",
    }  # fmt: skip
    assert bench.test_metric("val_loss") == "test_loss"


def test_a_failed_run_stays_a_failure_and_costs_what_it_took(home: Path, write) -> None:
    runs = world()
    install(formats.read("nas-bench-nlp", write(runs)))
    bench = load("nas-bench-nlp/wikitext-2")
    genotype = bench.find(runs[5]["recepie"])
    assert math.isnan(bench.query(genotype, "val_loss"))
    assert bench.query(genotype, "train_seconds") == 4.0
    assert bench.query(genotype, "val_loss", epoch=1) == 5.0
    assert bench.curves("train_seconds")[bench.row(genotype), 0].tolist() == [1.5, 4.0, 4.0, 4.0]
    run = search(Task("nas-bench-nlp/wikitext-2", evaluations=len(bench)), "random-search", seed=0)
    assert (run.ledger.failed, run.ledger.unique) == (1, len(bench))


def test_the_order_of_the_members_does_not_matter(home: Path, write) -> None:
    install(formats.read("nas-bench-nlp", write(world())))
    digest = load("nas-bench-nlp/wikitext-2").digest("val_loss")
    install(formats.read("nas-bench-nlp", write(world()[::-1])), replace=True)
    assert load("nas-bench-nlp/wikitext-2").digest("val_loss") == digest


def test_the_command(home: Path, write, compares) -> None:
    assert CliRunner().invoke(app, ["import", "nas-bench-nlp", str(write(world()))]).exit_code == 0
    assert compares("nas-bench-nlp/wikitext-2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.clear(), "no logs"),
        (lambda r: r.append(r[0]), "there twice"),
        (lambda r: r.append([]), "expected an object"),
        (lambda r: r[3].pop("lr"), "lacks lr"),
        (lambda r: r[3].update(lr=0.1), "same settings"),
        (lambda r: r[3].update(data="data/mine"), "neither data/wikitext-2"),
        (lambda r: r[3].update(status="fine"), "neither 'OK'"),
        (lambda r: r[3].update(val_losses=[1, 2, 3]), "list of 4 numbers"),
        (lambda r: r[3].update(val_losses=[1, 2, 3, math.nan]), "expected a number"),
        (lambda r: r[5].update(val_losses=[1.0]), "equal length"),
        (lambda r: r[5].update(wall_times=[1.0, math.nan]), "expected a number"),
        (lambda r: r[3].update(recepie="{"), "no JSON"),
        (lambda r: r[3].update(recepie={}), "no short JSON text"),
        (lambda r: r[3].update(recepie="[]"), "no object of nodes"),
        (lambda r: r[3].update(recepie='{"a": {"op": "os.system", "input": []}}'), "none of linear"),
        (lambda r: r[3].update(epochs=10**9), "expected a number from 1 to 1000"),
        (lambda r: r[-1].update(num_params=1), "disagree about num_params"),
    ],
)
def test_archives_that_are_not_whole(write, change, message: str) -> None:
    broken = json.loads(json.dumps(world()))
    change(broken)
    with pytest.raises(ImportFileError, match=message):
        formats.read("nas-bench-nlp", write(broken))


def test_a_truncated_archive_and_a_large_member(write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(world())
    whole = path.read_bytes()
    monkeypatch.setattr("nasbench.datasets.importers.nas_bench_nlp.MAX_MEMBER", 500)
    with pytest.raises(UnsafeFileError, match="more than the 500 bytes"):
        formats.read("nas-bench-nlp", path)
    monkeypatch.undo()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImportFileError, match="zip"):
        formats.read("nas-bench-nlp", path)
    damaged = bytearray(whole)
    damaged[200] ^= 0xFF
    path.write_bytes(bytes(damaged))
    with pytest.raises(ImportFileError):
        formats.read("nas-bench-nlp", path)
