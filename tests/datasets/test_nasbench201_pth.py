"""NAS-Bench-201's .pth in the official layout: both containers of torch.save, early releases, weights, hostile ones."""

from __future__ import annotations

import hashlib
import io
import pickle
import random
import zipfile
from collections import OrderedDict
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nasbench.benchmark import load
from nasbench.datasets import formats
from nasbench.datasets.install import install
from nasbench.datasets.readers import pickle_references, pickle_stream
from nasbench.errors import ImportFileError, TableError, UnsafeFileError
from nasbench.spaces.nasbench201 import NASBench201Space

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
SPACE = NASBench201Space()
ORDER = [tuple(row) for row in SPACE.official_order().tolist()]
ALL_SETS = ("ori-test", "x-valid", "x-test")
SETS = {"cifar10-valid": ALL_SETS[1::-1], "cifar10": ALL_SETS[:1], "cifar100": ALL_SETS, "ImageNet16-120": ALL_SETS}
EPOCHS = {"less": 12, "full": 200}


@cache
def texts() -> tuple[str, ...]:
    return tuple(SPACE.format(genotype) for genotype in ORDER)


def a_run(training: str, schedule: str, seed: int, rng: random.Random, weights: object = None) -> dict:
    epochs = EPOCHS[schedule]
    every = SETS[training] if schedule == "less" else SETS[training][:1]
    keys = [f"{name}@{e}" for name in SETS[training] for e in range(epochs) if name in every or e == epochs - 1]
    return {
        "name": training, "net_state_dict": weights, "train_acc1es": {e: rng.uniform(5, 99) for e in range(epochs)},
        "train_acc5es": None, "train_losses": {e: rng.uniform(0, 3) for e in range(epochs)},
        "train_times": OrderedDict((e, 1.5) for e in range(epochs)), "arch_config": {"channel": 16},
        "params": np.float64(rng.randint(10**5, 10**6) / 1e6), "flop": rng.uniform(5, 200), "seed": seed,
        "epochs": epochs, "latency": [np.float64(0.02)], "eval_names": list(SETS[training]),
        "eval_acc1es": {key: rng.uniform(5, 99) for key in keys},
        "eval_losses": {key: rng.uniform(0, 3) for key in keys},
        "eval_times": {f"{name}@{e}": 0.25 for name in SETS[training] for e in range(epochs)},
    }  # fmt: skip


def a_world(numbers=(2, 15_000, 1), first_release: bool = False, weights: object = None) -> dict:
    rng, infos = random.Random(0), {}
    for number in numbers:
        infos[number] = {}
        for schedule in ("full", "less"):
            trainings = ["cifar10-valid"] if first_release and schedule == "less" else list(SETS)
            seeds = {training: [777, 999] if schedule == "full" else [777] for training in trainings}
            infos[number][schedule] = {
                "arch_index": number, "arch_str": texts()[number], "dataset_seed": seeds, "clear_net_done": True,
                "all_results": {
                    (training, seed): a_run(training, schedule, seed, rng, weights)
                    for training, several in seeds.items() for seed in several
                },
            }  # fmt: skip
    return {"meta_archs": list(texts()), "total_archs": 15_625, "arch2infos": infos, "evaluated_indexes": set(numbers)}


def zipped(value: object, *more: tuple[str, bytes], name: str = "archive/data.pkl") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, value if isinstance(value, bytes) else pickle.dumps(value, 2))
        for member, content in (("archive/version", b"3\n"), *more):
            archive.writestr(member, content)
    return out.getvalue()


def streamed(value: object, protocol: int = 2) -> bytes:
    system = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    parts = (MAGIC, PROTOCOL, system, value, [])
    return b"".join(pickle.dumps(part, protocol) for part in parts)


def same_as_plain_reading(infos: dict, family: str = "nasbench201-full") -> None:
    for number, record in infos.items():
        for schedule, protocol in (("full", "200"), ("less", "12")):
            for (training, seed), run in record[schedule]["all_results"].items():
                dataset = {"cifar10-valid": "cifar10", "ImageNet16-120": "imagenet16-120"}.get(training, training)
                bench, last = load(f"{family}/{dataset}"), EPOCHS[schedule] - 1
                row, repeat = bench.row(ORDER[number]), {777: 0, 999: 1}[seed]
                names = {"x-valid": "val", "x-test": "test", "ori-test": "ori_test"}
                if dataset == "cifar10":
                    names = {"x-valid": "val", "ori-test": "half_test" if training == "cifar10-valid" else "test"}
                for official in SETS[training]:
                    value = run["eval_acc1es"][f"{official}@{last}"]
                    assert bench.column(f"{names[official]}_accuracy", protocol)[row, repeat] == value
                train = "full_train" if training == "cifar10" else "train"
                curve = bench.curves(f"{train}_loss", protocol)[row, repeat]
                np.testing.assert_array_equal(curve, np.float32([run["train_losses"][e] for e in range(last + 1)]))
                seconds = bench.column(f"{train}_seconds", protocol)[row, 0]
                assert seconds == 1.5 * EPOCHS[schedule]


@pytest.mark.parametrize("write", [zipped, streamed], ids=["zip", "stream"])
def test_both_containers(write, home: Path, tmp_path: Path, compares) -> None:
    world = a_world()
    path = tmp_path / "NAS-Bench-201.pth"
    path.write_bytes(write(world))
    data = formats.read("nasbench201", path)
    assert (data.name, data.complete, len(data.genotypes)) == ("nasbench201-full", False, 3)
    assert sorted(data.source_ids.tolist()) == [b"1", b"15000", b"2"]
    install(data)
    same_as_plain_reading(world["arch2infos"])
    bench = load("nasbench201-full/cifar100")
    assert list(bench.protocols) == ["200", "12"]
    assert bench.noise_floor > 0
    assert compares("nasbench201-full/cifar10")


@pytest.mark.parametrize("new", [True, False], ids=["zip", "stream"])
def test_what_torch_saves_with_weights_in_it(new: bool, home: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    weights = OrderedDict(w=torch.ones(3, 4), b=torch.zeros(4, dtype=torch.int64))
    world, path = a_world((5, 6), weights=weights), tmp_path / "saved.pth"
    torch.save(world, path, _use_new_zipfile_serialization=new)
    install(formats.read("nasbench201", path))
    same_as_plain_reading(world["arch2infos"])


def test_the_same_table_as_nats_bench_topology(tmp_path: Path) -> None:
    """The schedules have other names; nothing else differs."""
    import bz2

    world, path = a_world(), tmp_path / "x.pth"
    path.write_bytes(streamed(world))
    renamed = {n: OrderedDict({"12": r["less"], "200": r["full"]}) for n, r in world["arch2infos"].items()}
    other = tmp_path / "x.pickle.pbz2"
    other.write_bytes(bz2.compress(pickle.dumps({**world, "arch2infos": renamed}), 1))
    pth, nats = formats.read("nasbench201", path), formats.read("nats-tss", other)
    assert pth.datasets.keys() == nats.datasets.keys()
    for dataset, part in pth.datasets.items():
        for protocol, recipe in part.protocols.items():
            for kind in ("final", "curve", "cost"):
                ours, theirs = getattr(recipe, kind), getattr(nats.datasets[dataset].protocols[protocol], kind)
                assert ours.keys() == theirs.keys()
                for metric, column in ours.items():
                    np.testing.assert_array_equal(column.values, theirs[metric].values)
                    assert column.description == theirs[metric].description


def test_the_first_release_lacks_some_trainings_evaluations_and_times(home: Path, tmp_path: Path) -> None:
    world = a_world(first_release=True)
    for record in world["arch2infos"].values():
        for (training, _), run in record["full"]["all_results"].items():
            run["train_times"], run["eval_times"], run["latency"] = None, {}, None
            if training == "cifar10-valid":
                for key in ("eval_acc1es", "eval_losses"):
                    del run[key]["ori-test@199"]
    path = tmp_path / "NAS-Bench-201-v1_0.pth"
    path.write_bytes(streamed(world))
    install(formats.read("nasbench201", path))
    bench = load("nasbench201-full/cifar10")
    assert list(bench.protocols) == ["200", "12"]
    assert {"train_seconds", "eval_seconds", "latency_ms", "half_test_accuracy"} & set(bench.metrics) == set()
    assert {"val_accuracy", "test_accuracy", "params", "flops"} <= set(bench.metrics)
    assert "half_test_accuracy" in bench.metrics_of("12")
    assert "test_accuracy" not in bench.metrics_of("12")
    for dataset in ("cifar100", "imagenet16-120"):
        assert list(load(f"nasbench201-full/{dataset}").protocols) == ["200"]


def test_a_file_put_together_from_several(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects of a later record are referred to from others far behind it."""
    for module in (pickle_references, pickle_stream):
        monkeypatch.setattr(module, "WINDOW", 16_384)
    world = a_world(tuple(range(12)))
    names = ["".join(["cifar", str(100)]) for _ in range(2)]
    for number, record in world["arch2infos"].items():
        for run in record["full"]["all_results"].values():
            if run["name"] == "cifar100":
                run["name"] = names[number // 6]
    path = tmp_path / "x.pth"
    path.write_bytes(streamed(world))
    install(formats.read("nasbench201", path))
    same_as_plain_reading(world["arch2infos"])


def test_the_md5_in_the_name(tmp_path: Path) -> None:
    content = streamed(a_world((3,)))
    right = hashlib.md5(content).hexdigest()[-6:]
    path = tmp_path / f"NAS-Bench-201-v1_1-{right}.pth"
    path.write_bytes(content)
    assert len(formats.read("nasbench201", path).genotypes) == 1
    path = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    path.write_bytes(content)
    with pytest.raises(ImportFileError, match="its MD5 ends with"):
        formats.read("nasbench201", path)


# -- hostile files ----------------------------------------------------------------------------------


class _Asks:
    def __init__(self, function, *arguments) -> None:
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


FOREIGN = {
    "empty": b"",
    "text": b"hello",
    "a zip without an object": zipped(b"", name="archive/other.pkl"),
    "a zip with two objects": zipped(b"", ("b/data.pkl", b"")),
    "an object outside": zipped(b"x", name="../data.pkl"),
    "no zip": b"PK\x03\x04 and no more",
    "a stream of something else": pickle.dumps(1) * 4,
    "another protocol": pickle.dumps(MAGIC) + pickle.dumps(1002) + pickle.dumps({}) + pickle.dumps({}),
    "a truth value as magic": pickle.dumps(True) + pickle.dumps(PROTOCOL) + pickle.dumps({}) + pickle.dumps({}),
    "no object": b"".join(pickle.dumps(part) for part in (MAGIC, PROTOCOL, {})),
    "a list": streamed([1]),
    "an object of other keys": streamed({"state_dict": {}}),
    "no records": streamed({"meta_archs": [], "total_archs": 0, "arch2infos": {}, "evaluated_indexes": set()}),
    "a system call": streamed(_Asks(__import__("os").system, "touch pwned")),
    "a system call in a zip": zipped(_Asks(__import__("os").system, "touch pwned")),
    "a system call in the head": pickle.dumps(_Asks(__import__("os").system, "touch pwned")) + streamed({}),
    "torch.load itself": zipped(b"\x80\x02ctorch\nload\nX\x01\x00\x00\x00x\x85R."),
    "torch's hub": zipped(b"\x80\x02ctorch.hub\nload\nX\x01\x00\x00\x00x\x85R."),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_foreign_and_hostile_files(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.pth"
    path.write_bytes(FOREIGN[what])
    with pytest.raises(TableError, match=str(path)) as caught:
        formats.read("nasbench201", path)
    assert isinstance(caught.value, UnsafeFileError) == ("call" in what or what.startswith("torch"))
    assert [p.name for p in tmp_path.iterdir()] == ["x.pth"]


@pytest.mark.parametrize("write", [zipped, streamed], ids=["zip", "stream"])
def test_truncated_files(write, tmp_path: Path) -> None:
    whole = write(a_world((3,)))
    path = tmp_path / "x.pth"
    # after the object, a stream only says which storages follow: none
    tail = 6 if write is streamed else 0
    for cut in (1, 12, 60, len(whole) // 2, len(whole) - 500, len(whole) - tail - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(TableError, match=str(path)):
            formats.read("nasbench201", path)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=400),
        st.binary(max_size=400).map(zipped),
        st.binary(max_size=400).map(lambda tail: streamed({})[:-10] + tail),
        st.binary(max_size=200).map(lambda tail: b"PK\x03\x04" + tail),
    )
)
def test_random_bytes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(content)
    with pytest.raises(TableError, match=str(path)):
        formats.read("nasbench201", path)
    assert [p.name for p in tmp_path.iterdir()] == ["x.pth"]
