"""NAS-Bench-MR: against a plain reading of the official pickles, and small files where they are absent."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nasbench.benchmark import load
from nasbench.cli import app
from nasbench.datasets import formats
from nasbench.datasets.families import installed_names
from nasbench.datasets.install import install
from nasbench.errors import ImportFileError, TableError, UnsafeFileError
from nasbench.spaces.nas_bench_mr import nas_bench_mr_space
from nasbench.store import Table

FILE = "dingmyu/NCP/*/data/seg/trainval.pkl"
OFFICIAL = {"cls-10c": ("top1", "top5"), "cls-50-100": ("top1", "top5"), "seg": ("mIoU", "mAcc", "aAcc")}


def architecture(rng: random.Random) -> dict:
    width = lambda: rng.choice(range(8, 129, 8))  # noqa: E731
    made = {"input_channel": [width(), width()], "inverted_residual_setting": [], "last_channel": width()}
    embedding = [*made["input_channel"]]
    for stage in (1, 2, 3, 4):
        modules, units = rng.randint(1, 4), [rng.randint(1, 4) for _ in range(stage)]
        widths = [width() for _ in range(stage)]
        made["inverted_residual_setting"] += [[stage, units, widths] for _ in range(modules)]
        embedding += [modules, *units, *widths]
    return {**made, "embedding": [*embedding, made["last_channel"]]}


@pytest.fixture
def world() -> dict[str, list[dict]]:
    rng = random.Random(0)
    nets = [
        {"flops": round(rng.uniform(0, 9), 9), "params": round(rng.uniform(0, 9), 6), **architecture(rng)}
        for _ in range(40)
    ]
    return {
        task: [{**{m: round(rng.uniform(30, 90), 2) for m in metrics}, **net} for net in nets]
        for task, metrics in OFFICIAL.items()
    }


@pytest.fixture
def write(tmp_path: Path):
    def write(world: dict[str, object]) -> Path:
        for task, records in world.items():
            (tmp_path / "data" / task).mkdir(parents=True, exist_ok=True)
            (tmp_path / "data" / task / "trainval.pkl").write_bytes(pickle.dumps(records, protocol=2))
        return tmp_path / "data"

    return write


def same_as_plain_reading(task: str, records: list[dict], family: str = "nas-bench-mr") -> None:
    bench = load(f"{family}/{task}")
    parameters = bench.full_space.parameters
    assert len(bench) == len(records)
    for fields in records:
        genotype = tuple(p.choices.index(v) for p, v in zip(parameters, fields["embedding"], strict=True))
        for metric in OFFICIAL[task]:
            assert bench.query(genotype, f"val_{metric}") == fields[metric]
        assert bench.query(genotype, "flops") == round(fields["flops"] * 1e9)
        assert bench.query(genotype, "params") == round(fields["params"] * 1e6)
        assert bench.find(",".join(map(str, fields["embedding"]))) == genotype


def test_the_official_files(home: Path, official_file) -> None:
    folder = official_file(FILE).parents[1]
    install(formats.read("nas-bench-mr", folder))
    for task in OFFICIAL:
        records = pickle.loads((folder / task / "trainval.pkl").read_bytes())
        assert len(records) == 2507
        same_as_plain_reading(task, records)
    assert load("nas-bench-mr/seg").optimum()[1] == 79.1


def test_files_in_the_official_layout(home: Path, world, write) -> None:
    install(formats.read("nas-bench-mr", write(world)))
    for task, records in world.items():
        same_as_plain_reading(task, records)
    bench = load("nas-bench-mr/seg")
    assert (bench.objective, bench.noise_floor, bench.full_space.size) == ("val_mIoU", None, 2**80)
    assert bench.space.size == 40
    assert {m.unit for m in bench.metrics.values()} == {"%", "count"}


def test_one_task_and_tasks_of_other_architectures(home: Path, world, write) -> None:
    world["seg"] = world["seg"][:25]
    folder = write(world)
    alone = formats.read("nas-bench-mr", folder / "seg" / "trainval.pkl", "alone")
    assert list(alone.datasets) == ["seg"]
    assert len(alone.genotypes) == 25
    install(formats.read("nas-bench-mr", folder))
    same_as_plain_reading("seg", world["seg"])
    same_as_plain_reading("cls-10c", world["cls-10c"])


def test_the_order_of_the_records_does_not_matter(home: Path, world, write) -> None:
    digests = []
    for _ in range(2):
        install(formats.read("nas-bench-mr", write(world)), replace=True)
        digests.append(load("nas-bench-mr/seg").digest("val_mIoU"))
        world["seg"].reverse()
    assert digests[0] == digests[1]
    assert not Table(home / "tables" / "nas-bench-mr.h5").complete


def test_an_architecture_that_is_listed_again_was_trained_again(home: Path, world, write) -> None:
    again = {**world["seg"][3], "mIoU": 12.5}
    world["seg"].append(again)
    install(formats.read("nas-bench-mr", write(world)))
    bench = load("nas-bench-mr/seg")
    genotype = bench.find(",".join(map(str, again["embedding"])))
    assert bench.query(genotype, repeat=0) == world["seg"][3]["mIoU"]
    assert bench.query(genotype, repeat=1) == 12.5
    assert np.isnan(bench.column("val_mIoU")[:, 1]).sum() == 39
    assert bench.noise_floor > 0


def test_tasks_of_other_metrics_and_inputs(home: Path, world, write) -> None:
    """FLOPs are the task's own; what is no architecture of this space is passed over in the official folder."""
    world["video"] = [
        {**{k: v for k, v in net.items() if k != "top5"}, "flops": 3 * net["flops"]} for net in world["cls-10c"]
    ]
    world["nas-bench-201"] = [{"embedding": [0, 1, 2, 3, 4, 0], "acc": 91.0}]
    install(formats.read("nas-bench-mr", write(world)))
    bench = load("nas-bench-mr/video")
    assert set(bench.metrics) == {"val_top1", "flops", "params"}
    ratio = bench.column("flops") / load("nas-bench-mr/cls-10c").column("flops")
    np.testing.assert_allclose(ratio, 3.0, rtol=1e-8)
    assert "nas-bench-mr/nas-bench-201" not in installed_names()


def test_the_command(home: Path, world, write, compares) -> None:
    assert CliRunner().invoke(app, ["import", "nas-bench-mr", str(write(world)), "--name", "mr"]).exit_code == 0
    assert compares("mr/seg")


def test_the_space() -> None:
    space = nas_bench_mr_space()
    assert space.length == 27
    assert space.size == 4**14 * 16**13


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.clear(), "no list of architectures"),
        (lambda r: r.append({**r[3], "flops": 8.5}), "two records of one architecture have other flops"),
        (lambda r: r.append([]), "record 40.*expected an object"),
        (lambda r: r[7].pop("mAcc"), "record 7.*mAcc"),
        (lambda r: r[7].update(mIoU=float("nan")), "record 7, mIoU.*number"),
        (lambda r: r[7].update(mIoU=[1]), "record 7, mIoU.*got list"),
        (lambda r: r[7].update(flops=10**5000), "record 7, flops.*got int"),
        (lambda r: r[7].update(embedding=[8] * 27), "record 7.*the same as the structure"),
        (lambda r: r[7].update(embedding=(1, 2)), "record 7.*the same as the structure"),
        (lambda r: r[7].update(input_channel=[8, 8.0]), "record 7.*the same as the structure"),
        (lambda r: r[7]["inverted_residual_setting"].append([5, [1], [8]]), "record 7.*the same as the structure"),
        (lambda r: r[7].update(inverted_residual_setting=[], embedding=[]), "record 7.*the same as the structure"),
        (
            lambda r: (r[7]["input_channel"].__setitem__(0, 9), r[7]["embedding"].__setitem__(0, 9)),
            "input width 1 is 9",
        ),
        (lambda r: r[7].update(vIoU=3.0), "record 7.*unknown vIoU"),
    ],
)
def test_files_that_are_not_whole(world, write, change, message: str) -> None:
    world = pickle.loads(pickle.dumps(world))
    world["seg"] = pickle.loads(pickle.dumps(world["seg"]))
    change(world["seg"])
    with pytest.raises(ImportFileError, match=message):
        formats.read("nas-bench-mr", write(world))


def test_structures_without_end_are_refused_at_once(world, write) -> None:
    endless: list = []
    endless.append(endless)
    for value in (endless, _laughs(), _laughs()):
        for key in ("inverted_residual_setting", "embedding", "input_channel", "mIoU", "last_channel"):
            with pytest.raises(ImportFileError):
                formats.read("nas-bench-mr", write({"seg": [{**world["seg"][0], key: value}]}) / "seg" / "trainval.pkl")


def _laughs() -> list:
    made: list = [1]
    for _ in range(60):
        made = [made, made]
    return made


class Attack:
    def __reduce__(self):
        return (print, ("pwned",))


def test_nothing_is_executed(world, write, capsys) -> None:
    folder = write({"seg": [*world["seg"], Attack()]})
    with pytest.raises(UnsafeFileError, match=r"print.*refused"):
        formats.read("nas-bench-mr", folder)
    arrays = write({"seg": [{**world["seg"][0], "mIoU": np.float64(3)}]})
    with pytest.raises(UnsafeFileError):
        formats.read("nas-bench-mr", arrays)
    assert "pwned" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "content",
    [b"\x80\x02]r\xff\xff\xff\x7f.", b"\x80\x02]p999999999\n.", b"\x80\x04\x95\0\0\0\0\0\0\0\x10]."],
)
def test_pickles_that_ask_for_memory_are_refused(tmp_path: Path, content: bytes) -> None:
    """A few bytes would make Python's unpickler fill gigabytes: found by flipping bytes of a real file."""
    path = tmp_path / "seg" / "trainval.pkl"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"asks for memory|cannot be read as a pickle"):
        formats.read("nas-bench-mr", path)


def test_truncated_and_misplaced_files(world, write, tmp_path: Path) -> None:
    path = write({"seg": world["seg"]}) / "seg" / "trainval.pkl"
    whole = path.read_bytes()
    odd = tmp_path / "no such task" / "trainval.pkl"
    odd.parent.mkdir()
    odd.write_bytes(whole)
    with pytest.raises(ImportFileError, match="names no task"):
        formats.read("nas-bench-mr", odd)
    path.write_bytes(whole[:-50])
    with pytest.raises(TableError, match="cannot be read as a pickle"):
        formats.read("nas-bench-mr", path)
