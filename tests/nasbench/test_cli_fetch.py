"""`nasbench fetch` and what the other commands say about add-ons."""

from __future__ import annotations

import json

import pytest

CIFAR10 = "nasbench201/cifar10"
ARCH = "4,2,1,2,1,1"


@pytest.fixture
def nasbench(home, nasbench):
    """The command, with an empty home."""
    return nasbench


def listed(nasbench, name):
    code, out, _ = nasbench("list", "--all", "--json")
    assert code == 0
    return next(row for row in json.loads(out) if row["name"] == name)


def test_fetch_look_and_remove(nasbench, mirror, monkeypatch):
    monkeypatch.setenv("NASBENCH_MIRROR", str(mirror))
    code, _, err = nasbench("query", CIFAR10, ARCH, "--metric", "test_accuracy")
    assert code == 2
    assert "nasbench fetch nasbench201-test" in err
    row = listed(nasbench, "nasbench201-test")
    assert row["from"] == "nasbench fetch nasbench201-test"
    assert (row["licence"], row["download MB"], row["on disk MB"]) == ("MIT", 1.6, 0.6)
    code, out, err = nasbench("fetch", "nasbench201-test")
    assert (code, err) == (0, "")
    for part in ("test_accuracy", "licence MIT", "FreeREA", "nasbench201+test.h5", "nasbench info nasbench201/cifar10"):
        assert part in out
    assert listed(nasbench, "nasbench201-test")["from"] == "fetched"
    assert listed(nasbench, CIFAR10)["from"] == "installed package"
    answer = nasbench("query", CIFAR10, ARCH, "--metric", "test_accuracy")
    assert answer == (0, "85.86333333333334\n", "")
    code, out, _ = nasbench("info", CIFAR10, "--verify")
    assert code == 0
    for part in ("(nasbench201-test)", "NiccoloCavagnero/FreeREA", "add-ons", "mean test accuracy after 200 epochs"):
        assert part in out
    facts = json.loads(nasbench("info", CIFAR10, "--json")[1])
    added = [source for source in facts["sources"] if source.get("addon") == "nasbench201-test"]
    assert len(added) == 6
    assert all(source["url"].startswith("https://raw.githubusercontent.com/") for source in added)
    assert next(m for m in facts["metrics"] if m["metric"] == "test_accuracy")["split"] == "test"
    assert nasbench("export", CIFAR10, "c10.csv", "--csv")[0] == 0
    assert nasbench("remove", "nasbench201-test")[0] == 0
    assert listed(nasbench, "nasbench201-test")["from"] == "nasbench fetch nasbench201-test"
    assert nasbench("query", CIFAR10, ARCH, "--metric", "test_accuracy")[0] == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("fetch", "nasbench201-tset"), "Did you mean 'nasbench201-test'"),
        (("fetch", "nasbench201"), "nasbench201-test"),
        (("info", "nasbench201-hardware/cifar10"), "nasbench fetch nasbench201-hardware"),
        (
            ("query", CIFAR10, ARCH, "--metric", "val_accuracy", "--protocol", "12"),
            "nasbench fetch nasbench201-12epochs",
        ),
        (("list", "strategies", "--all"), "--all is for benchmarks"),
    ],
)
def test_what_is_not_there_is_said_with_what_to_do(nasbench, words, says):
    code, out, err = nasbench(*words)
    assert code == 2
    assert says in " ".join(err.split())
    assert out == ""


def test_a_fetch_without_a_source_is_one_line(nasbench, monkeypatch, tmp_path):
    monkeypatch.setenv("NASBENCH_HOME", str(tmp_path / "bare"))  # nothing is downloaded there yet
    monkeypatch.setenv("NASBENCH_MIRROR", str(tmp_path / "nothing"))
    code, out, err = nasbench("fetch", "nasbench201-12epochs")
    assert (code, out) == (2, "")
    assert "NASBENCH_MIRROR has no such file" in err
    assert "Traceback" not in err
    assert not (tmp_path / "bare" / "tables").exists()
