"""The command line: every verb explains itself, facts come as JSON, errors are one line."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from nasbench import __version__, cli
from nasbench.commands.options import parse_strategy
from nasbench.commands.printing import span
from nasbench.strategies import create

CIFAR10 = "nasbench201/cifar10"
ARCH = "4,2,1,2,1,1"


def verbs(group=None, prefix=()):
    """(words, command) of every verb, those of sub-groups included."""
    group = group or typer.main.get_command(cli.app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from verbs(command, (*prefix, name))
        else:
            yield (*prefix, name), command


VERBS = dict(verbs())


# -- help -----------------------------------------------------------------------------------------


def test_the_verbs_of_the_main_job_are_there():
    assert {("list",), ("info",), ("query",), ("compare",), ("report",), ("export",), ("remove",)} <= set(VERBS)
    assert ("import", "csv") in VERBS


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_every_verb_has_help_with_an_example(words):
    result = CliRunner().invoke(cli.app, [*words, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "Usage:" in result.output
    assert f"nasbench {' '.join(words)}" in result.output
    assert all(parameter.help for parameter in VERBS[words].params if parameter.param_type_name == "option")


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_every_example_is_a_line_that_the_command_understands(words):
    examples = re.findall(r"^\s*nasbench (.+)$", VERBS[words].epilog, flags=re.MULTILINE)
    assert examples
    for example in examples:
        parts = shlex.split(example)
        name = next(verb for verb in VERBS if tuple(parts[: len(verb)]) == verb)
        VERBS[name].make_context("nasbench", parts[len(name) :], resilient_parsing=False).close()


def test_help_version_and_no_words(nasbench):
    code, out, _ = nasbench("--help")
    assert code == 0
    assert "compare" in out
    assert nasbench("--version")[:2] == (0, f"nasbench {__version__}\n")
    assert "Usage" in "".join(nasbench()[1:])


# -- looking --------------------------------------------------------------------------------------


def test_the_published_number_of_an_architecture(nasbench):
    assert nasbench("query", CIFAR10, ARCH, "--metric", "val_accuracy", "--repeat", 0) == (0, "82.09199998291015\n", "")
    text = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    same = nasbench("query", CIFAR10, text, "--metric", "val_accuracy", "--repeat", 0)
    assert same == (0, "82.09199998291015\n", "")


def strict(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("list", "strategies"),
        ("list", "predictors"),
        ("list", "formats"),
        ("info", CIFAR10),
        ("info", "nas-bench-graph/proteins"),
        ("query", CIFAR10, ARCH),
        ("query", CIFAR10, ARCH, "--metric", "val_accuracy", "--repeat", 2),
        ("query", CIFAR10, "0,0,0,0,0,0"),
    ],
)
def test_json_is_json(nasbench, words):
    code, out, err = nasbench(*words, "--json")
    assert (code, err) == (0, "")
    assert strict(out)
    assert nasbench(*words)[0] == 0


def test_a_missing_number_is_null_in_json_and_nan_in_text(nasbench):
    import numpy as np

    from nasbench import load

    bench = load(CIFAR10)
    lacking = int(np.flatnonzero(np.isnan(bench.column("val_accuracy")[:, 2]))[0])
    arch = ",".join(map(str, bench.genotypes[lacking].tolist()))
    words = ("query", CIFAR10, arch, "--metric", "val_accuracy", "--repeat", 2)
    assert nasbench(*words)[1] == "nan\n"
    assert strict(nasbench(*words, "--json")[1]) == {"metric": "val_accuracy", "value": None}


def test_verify_hashes_the_table(nasbench):
    code, out, _ = nasbench("info", CIFAR10, "--verify")
    assert code == 0
    assert "(verified)" in out


# -- comparing ------------------------------------------------------------------------------------

SMALL = ("compare", "--tasks", CIFAR10, "--seeds", 2, "--evaluations", 15, "--jobs", 1, "--no-report")


def test_compare_prints_a_table_and_a_verdict(nasbench, tmp_path):
    code, out, err = nasbench(*SMALL, "--strategies", "random-search,local-search", "--out", "runs")
    assert (code, err) == (0, "")
    assert "random-search" in out
    assert "local-search" in out
    assert (tmp_path / "runs" / "runs.sqlite").is_file()


def test_compare_as_json(nasbench):
    words = (*SMALL, "--strategies", "random-search", "--strategy", "regularized-evolution:population=5,sample=2")
    code, out, err = nasbench(*words, "--json")
    facts = strict(out)
    assert (code, err) == (0, "")
    assert {row["strategy"] for row in facts["summary"]} == {"random-search", "regularized-evolution"}
    assert facts["failed_runs"] == 0


def test_a_family_stands_for_its_datasets(nasbench):
    words = ("compare", "--tasks", "nasbench201", "--strategies", "random-search", *SMALL[3:])
    facts = strict(nasbench(*words, "--json")[1])
    datasets = ("cifar10", "cifar100", "imagenet16-120")
    assert [row["task"] for row in facts["summary"]] == [f"nasbench201/{d}" for d in datasets]


@pytest.mark.parametrize(
    "words",
    [
        ("--repeat", "mean"),
        ("--repeat", "0", "--charge", "unique-class"),
        ("--repeat", "2", "--missing", "exclude"),
        ("--seconds", "30000", "--workers", "4"),
        ("--epochs", "2000"),
        ("--objective", "val_accuracy,params"),
        ("--objective", "params"),
    ],
)
def test_every_policy_can_be_said(nasbench, words):
    code, out, err = nasbench(*SMALL, "--strategies", "random-search", "--json", *words)
    assert (code, err) == (0, "")
    assert strict(out)["failed_runs"] == 0


def test_a_failed_run_makes_exit_code_1_and_stays_visible(nasbench):
    """Regularized evolution takes one objective; the other strategy's runs are there all the same."""
    words = (*SMALL, "--objective", "val_accuracy,params", "--strategies", "random-search,regularized-evolution")
    code, out, err = nasbench(*words, "--json")
    assert code == 1
    assert strict(out)["failed_runs"] == 2
    assert {row["strategy"] for row in strict(out)["summary"]} == {"random-search", "regularized-evolution"}
    assert "failed: regularized-evolution on nasbench201/cifar10" in err
    assert "2 of 4 runs failed" in err
    assert "Traceback" not in err
    assert nasbench(*words)[0] == 1


@pytest.mark.parametrize(
    ("spec", "params"),
    [
        ("regularized-evolution", {}),
        ("regularized-evolution:", {}),
        ("regularized-evolution:population=7", {"population": 7, "sample": 5}),
        ("reinforce:learning_rate=0.02", {"learning_rate": 0.02}),
    ],
)
def test_strategies_with_parameters(spec, params):
    if "sample" in params:
        spec += ",sample=5"
    name = spec.partition(":")[0]
    assert parse_strategy(spec) == (create(name, **params), "")


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("info", "nasbench201/cifar1"), "Did you mean 'nasbench201/cifar10'"),
        (("info", "nasbench201/"), "unknown benchmark"),
        (("info", "../../etc/passwd"), "unknown benchmark"),
        (("query", CIFAR10, ARCH, "--metric", "val_acuracy"), "Did you mean 'val_accuracy'"),
        (("query", CIFAR10, ARCH, "--metric", "val_accuracy", "--repeat", 9), "training repeat"),
        (("query", CIFAR10, ARCH, "--metric", "val_accuracy", "--protocol", "2000"), "unknown protocol"),
        (("query", CIFAR10, "4,2,1,2,1"), "6"),
        (("query", CIFAR10, "4,2,1,2,1,7"), "0 to 4"),
        (("query", CIFAR10, "|nor_conv_5x5~0|+|none~0|none~1|+|none~0|none~1|none~2|"), "nor_conv_3x3"),
        (("list", "strategys"), "Did you mean 'strategies'"),
        (("compare", "--strategies", "random-serch"), "Did you mean 'random-search'"),
        (("compare", "--tasks", "nasbench20"), "nasbench201"),
        (("compare", "--tasks", ""), "at least one task"),
        (("compare", "--evaluations", 0), "evaluations must be positive"),
        (("compare", "--seconds", -1), "seconds must be positive"),
        (("compare", "--seconds", "nan"), "seconds must be positive"),
        (("compare", "--repeat", "best"), "repeat must be"),
        (("compare", "--repeat", -1), "repeat must be"),
        (("compare", "--repeat", 2), "lack training run 2"),
        (("compare", "--charge", "some"), "charge must be one of"),
        (("compare", "--fidelity", "curve"), "no learning curve"),
        (("compare", "--objective", "val_acc"), "Did you mean 'val_accuracy'"),
        (("compare", "--backend", "slurm"), "loky, dask, ray"),
        (("compare", "--tasks", "nas-bench-graph/cora", "--objective", "test_accuracy"), "--allow-test"),
        (("compare", "--tasks", "nas-bench-graph/cora", "--seconds", 100), "seconds"),
        (("compare", "--strategies", "random-search,random-search"), "entered twice"),
        (("compare", "--strategy", "regularized-evolution:population"), "no key=value"),
        (("compare", "--strategy", "regularized-evolution:popsize=3"), "population"),
        (("compare", "--strategy", "regularized-evolution:population=-3"), "population"),
        (("compare", "--strategy", "regularized-evolution:population=many"), "population"),
        (("report", "no-such-folder"), "no run store at"),
    ],
)
def test_an_error_is_one_line_on_stderr_with_exit_code_2(nasbench, tmp_path, words, says):
    code, out, err = nasbench(*words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert says in err
    assert not (tmp_path / "nasbench-compare").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("compare", "--seeds", "-1"),
        ("compare", "--seeds", "0"),
        ("compare", "--seeds", "many"),
        ("compare", "--jobs", "-2"),
        ("compare", "--jobs", "0"),
        ("compare", "--workers", "0"),
        ("compare", "--no-such-option"),
        ("compere",),
        ("query", CIFAR10),
        ("export", CIFAR10),
    ],
)
def test_a_usage_error_has_exit_code_2_and_no_traceback(nasbench, words):
    code, out, err = nasbench(*words)
    assert (code, out) == (2, "")
    assert "Usage" in err
    assert "Traceback" not in err


def test_an_unusable_folder_is_one_line(nasbench, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = nasbench(*SMALL, "--strategies", "random-search", "--out", "file")
    assert code == 2
    assert err.startswith("error: cannot open the run store")
    assert err.count("\n") == 1


# -- as a process ---------------------------------------------------------------------------------


def test_the_installed_command_answers():
    words = [sys.executable, "-m", "nasbench.cli", "query", CIFAR10, ARCH, "--metric", "val_accuracy", "--repeat", "0"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "82.09199998291015\n", "")


def test_the_installed_command_fails_in_one_line():
    words = [sys.executable, "-m", "nasbench.cli", "info", "nasbench201/cifar1"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


def test_a_closed_pipe_is_no_traceback():
    """`nasbench list --json | head -0`: the reader is gone before the first word."""
    process = subprocess.Popen(
        [sys.executable, "-m", "nasbench.cli", "list", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    errors = process.stderr.read().decode()
    process.stderr.close()
    process.wait(timeout=30)
    assert "Traceback" not in errors
    assert "Exception ignored" not in errors


def test_a_salt_enters_a_strategy_twice(nasbench):
    once = ("--strategy", "regularized-evolution", "--strategy", "regularized-evolution#b:population=50")
    code, out, _ = nasbench(
        "compare", "--tasks", CIFAR10, *once, "--seeds", 2, "--evaluations", 60, "--json", "--no-report"
    )
    rows = json.loads(out)["summary"]
    assert code == 0
    assert {row["strategy"] for row in rows} == {"regularized-evolution", "regularized-evolution #b"}
    assert rows[0]["observed_mean"] != rows[1]["observed_mean"] or rows[0]["seconds"] != rows[1]["seconds"]


@pytest.mark.parametrize(
    ("epochs", "said"),
    [
        ((), ""), ((12,), "12"), ((54, 108), "54, 108"), (range(1, 201), "1-200"), (range(0, 109, 54), "0-108 by 54"),
        ((1, 3, 9), "1, 3, 9"), ([*range(1, 20), 40], "20 from 1 to 40"),
    ],
)  # fmt: skip
def test_epochs_in_few_words(epochs, said):
    assert span(epochs) == said


def test_list_says_what_a_strategy_needs_and_takes(nasbench):
    rows = {row["name"]: row for row in strict(nasbench("list", "strategies", "--json")[1])}
    assert rows["regularized-evolution"]["parameters"] == "population, sample"
    assert (rows["regularized-evolution"]["family"], rows["regularized-evolution"]["needs"]) == ("evolutionary", "")
    assert rows["asha"]["needs"] == "fidelities"
    assert rows["nsga-ii"]["needs"] == "several objectives"
    assert rows["rgpe"]["needs"] == "sources"
