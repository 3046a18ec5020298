"""`nasbench surrogate`, and the other verbs on what it made."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from nasbench.benchmark import load
from nasbench.parameter import Parameter
from nasbench.spaces.grid import GridSpace

SPACE = GridSpace([Parameter(f"p{i}", (1, 2, 3, 4), True) for i in range(5)])
QUICK = ("--param", "members=2", "--param", "n_estimators=20", "--param", "learning_rate=0.3")


@pytest.fixture
def toy(make_table, make_protocol, make_column):
    """A partial table with times and a test column."""
    rng = np.random.default_rng(0)
    rows = np.unique(SPACE.sample(rng, 260), axis=0)
    values = 50 + rows.sum(axis=1)[:, None] + 0.3 * rng.standard_normal((len(rows), 2))
    final = {"val_accuracy": make_column(values), "test_accuracy": make_column(values - 1, split="test")}
    cost = {"train_seconds": make_column(10.0 + rows[:, 0], split="cost")}
    return make_table(make_protocol(epochs=10, final=final, cost=cost), space=SPACE, rows=rows)


def test_it_fits_prints_its_validation_and_can_be_compared_on(toy, nasbench, tmp_path):
    code, out, err = nasbench("surrogate", toy, "--seed", 3, *QUICK)
    assert code == 0
    # the world is linear, which ridge regression knows better: that is said, and nothing else
    assert all(re.match(r"warning: .*ridge regression ranks? held-out \w+ better", line) for line in err.splitlines())
    for said in ("val_accuracy (%), fitted to", "noise learned from", "random fifth", "best tenth", "constant",
                 "nearest neighbours", "ridge", "train_seconds (s)", "noise unknown",
                 "nasbench compare --tasks toy-surrogate/default"):  # fmt: skip
        assert said in out
    code, out, err = nasbench("list")
    assert "toy-surrogate/default" in out
    assert "surrogate of toy/default" in out
    code, out, err = nasbench(
        "compare", "--tasks", "toy-surrogate", "--strategies", "random-search,local-search", "--seeds", 2,
        "--evaluations", 15, "--jobs", 1, "--no-report", "--out", tmp_path / "o",
    )  # fmt: skip
    assert code == 0
    assert "Surrogate of toy/default" in out.replace("\n", " ") or "is a surrogate of toy/default" in out.replace(
        "\n", " "
    )
    code, out, _ = nasbench("query", "toy-surrogate/default", "0,1,2,3,0", "--metric", "val_accuracy")
    assert float(out) == load("toy-surrogate/default").query((0, 1, 2, 3, 0))
    code, out, _ = nasbench("query", "toy-surrogate/default", "p0=1,p1=2,p2=3,p3=4,p4=1", "--json")
    assert {m["metric"] for m in json.loads(out)["metrics"]} == {"val_accuracy", "train_seconds"}


def test_its_facts_as_json_and_as_text(toy, nasbench):
    code, out, _ = nasbench("surrogate", toy, "--name", "mine", "--metric", "train_seconds", "--json", *QUICK)
    made = json.loads(out)
    assert code == 0
    assert made["name"] == "mine/default"
    assert made["params"]["members"] == 2
    assert made["metrics"][0]["validation"][0]["model"] == "ensemble"
    code, out, _ = nasbench("info", "mine/default", "--json")
    facts = json.loads(out)
    assert facts["of"] == "toy/default"
    assert facts["of_sha256"] == load("toy/default").table.attrs["content_sha256"]
    assert facts["metrics"] == made["metrics"]
    code, out, _ = nasbench("info", "mine/default", "--verify")
    assert code == 0
    assert facts["of_sha256"] in out
    assert "(verified)" in out
    assert "members=2" in out


def test_a_poor_surrogate_is_warned_of(make_table, make_protocol, make_column, nasbench):
    rng = np.random.default_rng(0)
    rows = SPACE.genotypes(np.arange(150))
    name = make_table(make_protocol(final={"val_accuracy": make_column(rng.random((150, 1)))}), space=SPACE, rows=rows)
    code, _, err = nasbench("surrogate", name, *QUICK)
    assert code == 0
    assert "ranks architectures too badly" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--predictor", "gp"], "can be saved as data"),
        (["--param", "members"], "KEY=NUMBER"),
        (["--param", "members=many"], "KEY=NUMBER"),
        (["--param", "depth=3"], "unknown parameter"),
        (["--param", "members=1000"], "from 2 to 64"),
        (["--metric", "test_accuracy"], "--allow-test"),
        (["--objective", "val_loss"], "unknown metric"),
        (["--protocol", "short"], "unknown protocol"),
        (["--name", "toy"], "name of a table"),
        (["--name", "nasbench201"], "packaged benchmark"),
        (["--name", "../x"], "cannot name"),
    ],
)
def test_what_cannot_be_done_is_one_line(toy, nasbench, words, said):
    code, out, err = nasbench("surrogate", toy, *words)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_names_are_replaced_only_when_asked_and_removed(toy, nasbench, home):
    assert nasbench("surrogate", toy, *QUICK)[0] == 0
    assert nasbench("surrogate", toy, *QUICK)[0] == 0
    code, _, err = nasbench("surrogate", toy, "--seed", 1, *QUICK)
    assert code == 2
    assert "--replace" in err
    assert nasbench("surrogate", toy, "--seed", 1, "--replace", *QUICK)[0] == 0
    assert nasbench("surrogate", "toy-surrogate/default", "--name", "again")[0] == 2
    assert nasbench("export", "toy-surrogate/default", "--csv", "x.csv")[0] == 2
    assert nasbench("remove", "toy-surrogate/none")[0] == 2
    assert nasbench("remove", "toy-surrogate")[0] == 0
    assert not (home / "tables" / "surrogates" / "toy-surrogate").exists()
    assert nasbench("info", "toy-surrogate/default")[0] == 2
    assert nasbench("remove", "toy")[0] == 0
