"""The robustness dataset in its official layout: an invented world against a plain reading of it."""

from __future__ import annotations

import json
import math
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from nasbench.benchmark import load
from nasbench.cli import app
from nasbench.datasets import formats
from nasbench.datasets.install import install
from nasbench.errors import ImportFileError, NotInTableError, TableError, TaskError, UnsafeFileError
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.task import Task

SPACE = NASBench201Space()
RADII = {"aa_apgd-ce@Linf": [0.1, 0.5, 1.0], "aa_square@Linf": [1.0, 8.0], "fgsm@Linf": [0.1, 255.0],
         "pgd@Linf": [0.5, 4.0]}  # fmt: skip
OURS = {"aa_apgd-ce@Linf": "apgd_ce", "aa_square@Linf": "square", "fgsm@Linf": "fgsm", "pgd@Linf": "pgd"}
World = dict[str, object]


def make_world() -> World:
    """Files by their path in the folder: 300 official cells, of each class the first evaluated."""
    rng = random.Random(0)
    numbers = random.Random(1).sample(range(15625), 300)
    order = SPACE.official_order()
    classes = defaultdict(list)
    for number in numbers:
        classes[SPACE.official_unique_string(tuple(order[number].tolist()))].append(str(number))
    isomorph = {key: keys[0] for keys in classes.values() for key in keys}
    assert 200 < len(set(isomorph.values())) < 300
    ids = {
        str(n): {"isomorph": isomorph[str(n)], "nb201-string": SPACE.format(tuple(order[n].tolist()))} for n in numbers
    }
    world: World = {"meta.json": {"ids": ids, "epsilons": RADII}}
    lengths = {"clean": None, **{key: len(radii) for key, radii in RADII.items()}, "fog": 5, "zoom_blur": 5}
    for dataset in ("cifar10", "ImageNet16-120"):
        for key, length in lengths.items():
            if dataset == "cifar10" or length != 5:
                value = lambda n: round(rng.random(), 3) if n is None else [round(rng.random(), 3) for _ in range(n)]  # noqa: E731
                measured = {cell: value(length) for cell in sorted(set(isomorph.values()))}
                world[f"{dataset}/{key}_accuracy.json"] = {dataset: {key: {"accuracy": measured}}}
    return world


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def write(tmp_path: Path):
    def write(world: World) -> Path:
        folder = tmp_path / "robustness-data"
        for name, content in world.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
        return folder

    return write


def plain(folder: Path, dataset: str) -> dict[tuple[str, str], float]:
    """(string, our metric) -> number, as the authors' helper class looks it up."""
    meta = json.loads((folder / "meta.json").read_text())
    found = {}
    for path in (folder / dataset).glob("*_accuracy.json"):
        key = path.name.removesuffix("_accuracy.json")
        for cell, value in json.loads(path.read_text())[dataset][key]["accuracy"].items():
            string = meta["ids"][cell]["nb201-string"]
            if key == "clean":
                found[string, "test_accuracy"] = value
            elif key in OURS:
                for radius, one in zip(meta["epsilons"][key], value, strict=True):
                    found[string, f"robust_{OURS[key]}_linf_eps{radius:g}_accuracy"] = one
            else:
                for severity, one in enumerate(value, 1):
                    found[string, f"robust_{key}_severity{severity}_accuracy"] = one
    return found


def test_a_folder_in_the_official_layout(home: Path, world: World, write) -> None:
    folder = write(world)
    install(formats.read("robustness", folder))
    for dataset, ours in (("cifar10", "cifar10"), ("ImageNet16-120", "imagenet16-120")):
        bench = load(f"robustness/{ours}")
        numbers = plain(folder, dataset)
        assert {metric for _, metric in numbers} == set(bench.metrics)
        assert len(bench) == len({string for string, _ in numbers})
        for (string, metric), value in numbers.items():
            assert bench.query(string, metric) == value
        assert {m.split for m in bench.metrics.values()} == {"test"}
        assert {m.unit for m in bench.metrics.values()} == {"fraction"}
        assert bench.objective == "test_accuracy"
    assert not load("robustness/cifar10").table.complete


def test_cells_that_were_not_evaluated_are_not_there(home: Path, world: World, write) -> None:
    install(formats.read("robustness", write(world)))
    bench = load("robustness/cifar10")
    cells = world["meta.json"]["ids"]
    evaluated = {key for key, cell in cells.items() if cell["isomorph"] == key}
    assert set(bench.table.row_of_source) == evaluated
    for key, cell in cells.items():
        if key in evaluated:
            assert bench.find(key) == SPACE.parse(cell["nb201-string"])
        else:
            with pytest.raises(NotInTableError):
                bench.query(cell["nb201-string"], "test_accuracy")


def test_classes_are_the_exact_ones(home: Path, world: World, write) -> None:
    """`isomorph` goes by text; two rows may still be one network."""
    install(formats.read("robustness", write(world)))
    bench = load("robustness/cifar10")
    exact = SPACE.indices(SPACE.canonical(bench.genotypes))
    for row, other in enumerate(bench.classes.tolist()):
        assert exact[row] == exact[other]
        assert other == np.flatnonzero(exact == exact[row])[0]


def test_a_part_of_the_files(home: Path, world: World, write) -> None:
    del world["cifar10/clean_accuracy.json"]
    short = world["ImageNet16-120/pgd@Linf_accuracy.json"]["ImageNet16-120"]["pgd@Linf"]["accuracy"]
    kept = dict(list(short.items())[:3])
    for key in [key for key in world if key.startswith("ImageNet")]:
        del world[key]
    world["ImageNet16-120/pgd@Linf_accuracy.json"] = {"ImageNet16-120": {"pgd@Linf": {"accuracy": kept}}}
    install(formats.read("robustness", write(world), "part"))
    assert load("part/cifar10").objective.startswith("robust_")
    few = load("part/imagenet16-120")
    assert (len(few), set(few.metrics) & {"robust_fog_severity1_accuracy"}) == (3, set())
    assert few.query(few.find(next(iter(kept))), "robust_pgd_linf_eps4_accuracy") == next(iter(kept.values()))[1]


def test_a_missing_measurement_is_nan(home: Path, world: World, write) -> None:
    accuracies = world["cifar10/fog_accuracy.json"]["cifar10"]["fog"]["accuracy"]
    cell = next(iter(accuracies))
    del accuracies[cell]
    install(formats.read("robustness", write(world)))
    bench = load("robustness/cifar10")
    assert math.isnan(bench.query(bench.find(cell), "robust_fog_severity3_accuracy"))
    assert not math.isnan(bench.query(bench.find(cell), "test_accuracy"))


def test_the_command(home: Path, world: World, write, compares) -> None:
    folder = write(world)
    assert CliRunner().invoke(app, ["import", "robustness", str(folder)]).exit_code == 0
    with pytest.raises(TaskError, match="test data"):
        Task("robustness/cifar10", evaluations=5)
    assert compares("robustness/cifar10", "--allow-test", "--objective", "robust_pgd_linf_eps4_accuracy")


def cells(world: World) -> dict:
    return world["meta.json"]["ids"]


def clean(world: World) -> dict:
    return world["cifar10/clean_accuracy.json"]["cifar10"]["clean"]["accuracy"]


def change_first(values: dict, value: object) -> None:
    values[next(iter(values))] = value


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda w: w.pop("meta.json"), "no folder with a meta.json"),
        (lambda w: [w.pop(key) for key in list(w) if key != "meta.json"], "_accuracy.json"),
        (lambda w: w["meta.json"].pop("epsilons"), "'epsilons'"),
        (lambda w: w["meta.json"].update(ids=[]), "'ids'"),
        (lambda w: w["meta.json"]["epsilons"].pop("pgd@Linf"), "pgd@Linf: expected a list of epsilons"),
        (lambda w: w["meta.json"]["epsilons"].update({"pgd@Linf": [4.0, 0.5]}), "do not rise"),
        (lambda w: w["meta.json"]["epsilons"].update({"pgd@Linf": [4.0, 4.0]}), "do not rise"),
        (lambda w: w["meta.json"]["epsilons"].update({"pgd@Linf": [4.0]}), "expected 1 accuracies"),
        (lambda w: change_first(cells(w), {"isomorph": "x", "nb201-string": "|"}), "no isomorph among the ids"),
        (lambda w: change_first(cells(w), {"isomorph": [1], "nb201-string": "|"}), "no isomorph among the ids"),
        (lambda w: change_first(cells(w), 3), "no isomorph among the ids"),
        (lambda w: next(iter(cells(w).values())).update({"nb201-string": "|max~0|"}), "max"),
        (lambda w: next(iter(cells(w).values())).update({"nb201-string": 7}), "text of an architecture"),
        (lambda w: cells(w).update({"99999": {**cells(w)[next(iter(clean(w)))], "isomorph": "99999"}}), "two ids"),
        (lambda w: clean(w).update({"99999": 0.5}), "no cell that meta.json says was evaluated"),
        (lambda w: change_first(clean(w), 89.3), "expected a number"),
        (lambda w: change_first(clean(w), [0.5]), "expected a number"),
        (lambda w: change_first(clean(w), None), "expected a number"),
        (lambda w: w.update({"cifar10/clean_accuracy.json": {"cifar100": {}}}), "with the object 'cifar10'"),
        (lambda w: w.update({"cifar10/clean_accuracy.json": "{"}), "no JSON"),
    ],
)  # fmt: skip
def test_files_that_are_not_whole(world: World, write, change, says: str) -> None:
    change(world)
    folder = write(world) if world else write({"other.json": {}})
    with pytest.raises(ImportFileError, match=says):
        formats.read("robustness", folder)


def test_cells_in_a_file_that_were_not_evaluated_are_refused(world: World, write) -> None:
    copied = next(key for key, cell in cells(world).items() if cell["isomorph"] != key)
    clean(world)[copied] = 0.5
    with pytest.raises(ImportFileError, match=r"no cell that meta\.json says was evaluated"):
        formats.read("robustness", write(world))


def test_large_files_are_refused_unread(world: World, write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nasbench.datasets.importers.robustness.MAX_BYTES", 1000)
    with pytest.raises(UnsafeFileError, match="more than the 1,000 bytes"):
        formats.read("robustness", write(world))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=JSON | st.fixed_dictionaries({"ids": JSON, "epsilons": JSON}),
    name=st.sampled_from(["meta.json", "cifar10/clean_accuracy.json"]),
)
def test_other_json_is_refused(write, content: object, name: str) -> None:
    with pytest.raises(TableError):
        formats.read("robustness", write({**make_small(), name: content}))


def make_small() -> World:
    ids = {"0": {"isomorph": "0", "nb201-string": SPACE.format((1,) * 6)}}
    return {
        "meta.json": {"ids": ids, "epsilons": RADII},
        "cifar10/clean_accuracy.json": {"cifar10": {"clean": {"accuracy": {"0": 0.5}}}},
    }
