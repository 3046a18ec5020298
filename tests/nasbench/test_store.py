"""The table file: what is written is read back, and whatever is not whole is refused."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench import store, table_file, table_index
from nasbench.errors import TableError
from nasbench.schema import SHARED, Column, Dataset, Protocol, TableData
from nasbench.spaces.grid import GridSpace
from nasbench.store import Table
from nasbench.table_digest import content_sha256, genotype_hash
from nasbench.table_file import write_table

SPACE = GridSpace.of({"width": [8, 16, 32], "depth": [1, 2, 3, 4], "act": ["relu", "tanh"]})


def tiny(genotypes: np.ndarray | None = None, scale: float = 1.0) -> TableData:
    """A table of 24 architectures (or the given ones) with finals, curves and costs."""
    complete = genotypes is None
    genotypes = SPACE.all() if genotypes is None else np.asarray(genotypes)
    count = len(genotypes)
    rng = np.random.default_rng(7)
    accuracy = scale * rng.random((count, 2))
    accuracy[1::3, 1] = np.nan
    curves = rng.random((count, 2, 3)).astype(np.float32)
    recipe = Protocol(
        "9",
        epochs=9,
        time_model={"train_seconds": "9 epochs"},
        final={"val_accuracy": Column(accuracy, "maximize", "%", "valid", "linear", "one sentence")},
        curve={"val_accuracy": Column(curves, "maximize", "%", "valid", epochs=(1, 3, 9))},
        cost={
            "params": Column(np.arange(count, dtype=float), "minimize", "count", "cost"),
            "train_seconds": Column(rng.random((count, 2)), "minimize", "s", "cost"),
        },
    )
    other = Protocol("full", None, final={"val_loss": Column(rng.random((count, 1)), "minimize", "", "valid", "log")})
    datasets = {
        "first": Dataset(
            "val_accuracy",
            {"9": recipe, "full": other},
            noise_floor=0.25,
            device={"phone_latency_ms": Column(rng.random(count), "minimize", "ms", "cost")},
            proxy={"synflow": Column(rng.random(count), "maximize", "", "proxy", "log")},
            robust={"robust_fgsm_accuracy": Column(rng.random(count), "maximize", "%", "test")},
        ),
        "second": Dataset("val_loss", {"full": other}, rows=np.array([0, 2])),
    }
    return TableData(
        name="tiny",
        title="A small table",
        licence="CC0-1.0",
        citation="Nobody, 2024",
        sources=({"name": "made in a test", "sha256": "00"},),
        space_kind=SPACE.kind,
        space_definition=SPACE.definition(),
        space_sha256=SPACE.sha256,
        complete=complete,
        genotypes=genotypes,
        source_ids=np.array([f"id{i}".encode() for i in range(count)]),
        canonical=np.arange(count)[::-1].copy(),
        datasets=datasets,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tables" / "tiny.h5"


def written(path: Path, data: TableData | None = None) -> Path:
    write_table(path, tiny() if data is None else data, "a test")
    return path


def assert_same_column(read: Column, given: Column, *, curve: bool = False) -> None:
    assert replace(read, values=0) == replace(given, values=0)
    if not curve:
        assert read.values.dtype == np.float64
        np.testing.assert_array_equal(read.values, given.values)


# -- what is written is read back ------------------------------------------------------------------


def test_everything_is_read_back(path: Path) -> None:
    data = tiny()
    table = Table(written(path, data))
    assert len(table) == 24
    assert table.complete
    assert (table.space_kind, table.space_definition) == (SPACE.kind, SPACE.definition())
    assert table.sources == [{"name": "made in a test", "sha256": "00"}]
    for key in ("name", "title", "licence", "citation", "space_sha256"):
        assert table.attrs[key] == getattr(data, key)
    np.testing.assert_array_equal(table.genotypes, data.genotypes)
    np.testing.assert_array_equal(table.canonical, data.canonical)
    assert table.source_ids.tolist() == data.source_ids.tolist()
    assert table.row_of_source["id5"] == 5
    assert list(table.datasets) == ["first", "second"]
    for name, dataset in data.datasets.items():
        read = table.datasets[name]
        assert (read.objective, read.noise_floor) == (dataset.objective, dataset.noise_floor)
        assert list(read.protocols) == list(dataset.protocols)
        for kind in SHARED:
            assert getattr(read, kind).keys() == getattr(dataset, kind).keys()
            for metric, column in getattr(dataset, kind).items():
                assert_same_column(getattr(read, kind)[metric], column)
        for label, recipe in dataset.protocols.items():
            got = read.protocols[label]
            assert (got.name, got.epochs, got.time_model) == (label, recipe.epochs, recipe.time_model)
            for metric, column in {**recipe.final, **recipe.cost}.items():
                assert_same_column({**got.final, **got.cost}[metric], column)
            assert got.curve.keys() == recipe.curve.keys()
            for metric, column in recipe.curve.items():
                assert_same_column(got.curve[metric], column, curve=True)
                np.testing.assert_array_equal(table.curve(name, label, metric), column.values)
    assert table.datasets["first"].rows is None
    assert table.datasets["second"].rows.tolist() == [0, 2]


def test_protocols_keep_their_order(path: Path) -> None:
    data = tiny()
    first = data.datasets["first"]
    backwards = replace(first, protocols=dict(reversed(first.protocols.items())))
    table = Table(written(path, replace(data, datasets={"first": backwards})))
    assert list(table.datasets["first"].protocols) == ["full", "9"]


def test_equal_tables_are_equal_files(tmp_path: Path) -> None:
    one, two = written(tmp_path / "one" / "t.h5"), written(tmp_path / "two" / "t.h5")
    assert one.read_bytes() == two.read_bytes()


def test_the_digest_ignores_who_wrote_and_nothing_else(tmp_path: Path) -> None:
    data = tiny()
    first = data.datasets["first"]
    recipe = first.protocols["9"]
    value = recipe.final["val_accuracy"].values.copy()
    value[0, 0] = np.nextafter(value[0, 0], 2)
    curve = recipe.curve["val_accuracy"]

    def changed(**parts: object) -> TableData:
        return replace(
            data, datasets={**data.datasets, "first": replace(first, protocols={"9": replace(recipe, **parts)})}
        )

    variants = [
        data,
        replace(data, licence="MIT"),
        replace(data, title="Another title"),
        replace(data, sources=()),
        replace(data, canonical=np.arange(24)),
        replace(data, datasets={**data.datasets, "first": replace(first, noise_floor=0.26)}),
        changed(),
        changed(epochs=10),
        changed(final={"val_accuracy": replace(recipe.final["val_accuracy"], values=value)}),
        changed(final={"val_acc": recipe.final["val_accuracy"]}),
        changed(final={"val_accuracy": replace(recipe.final["val_accuracy"], unit="fraction")}),
        changed(curve={"val_accuracy": replace(curve, epochs=(1, 4, 9))}),
    ]
    digests = [write_table(tmp_path / f"{i}.h5", variant, "a test") for i, variant in enumerate(variants)]
    assert len(set(digests)) == len(variants)
    assert write_table(tmp_path / "again.h5", data, "somebody else") == digests[0]
    assert Table(tmp_path / "again.h5").attrs["created_by"] == "somebody else"


def test_views_are_read_only_aligned_and_not_copied(path: Path) -> None:
    rows = 200_000
    wide = GridSpace.of({"a": list(range(rows)), "b": [0]})
    big = replace(
        tiny(),
        space_definition=wide.definition(),
        genotypes=wide.all(),
        source_ids=np.full(rows, b"x"),
        canonical=np.arange(rows),
        datasets={
            "d": Dataset("m", {"p": Protocol("p", final={"m": Column(np.ones((rows, 3)), "maximize", "", "valid")})})
        },
    )
    written(path, big)
    Table(path)
    tracemalloc.start()
    table = Table(path)
    grown = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    values = table.datasets["d"].protocols["p"].final["m"].values
    definition = len(str(wide.definition()))
    assert grown < values.nbytes / 2 + 40 * definition
    for view in (values, table.genotypes, table.canonical, table.source_ids):
        assert not view.flags.writeable
        assert view.__array_interface__["data"][0] % 64 == 0
        with pytest.raises(ValueError, match="read-only"):
            view[0] = view[1]


def test_a_replaced_file_leaves_open_views_alone(path: Path) -> None:
    old = Table(written(path)).datasets["first"].protocols["9"].final["val_accuracy"].values
    kept = old.copy()
    written(path, tiny(scale=2.0))
    np.testing.assert_array_equal(old, kept)
    new = Table(path).datasets["first"].protocols["9"].final["val_accuracy"].values
    np.testing.assert_array_equal(new, 2 * kept)


# -- writing fails: all or nothing ----------------------------------------------------------------


def no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("broken", ["os.fsync", "os.replace", "pathlib.Path.open", "h5py.File"])
@pytest.mark.parametrize("existing", [False, True])
def test_a_full_disk_leaves_nothing_behind(
    path: Path, broken: str, existing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = written(path).read_bytes() if existing else None
    with monkeypatch.context() as patch:
        patch.setattr(broken, no_space)
        with pytest.raises(TableError, match=r"tiny\.h5.*No space left.*NASBENCH_HOME"):
            write_table(path, tiny(scale=2.0), "a test")
    left = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
    assert left == (["tiny.h5", "tiny.h5.stamp"] if existing else [])
    if before is not None:
        assert path.read_bytes() == before
        Table(path).verify()


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE is POSIX")
def test_a_write_that_the_system_cuts_short(path: Path, tmp_path: Path) -> None:
    """The operating system itself refuses bytes in the middle of the file, at several places."""
    before = written(path).read_bytes()
    code = f"""
import resource, signal, sys
from pathlib import Path
import numpy as np
from nasbench.errors import TableError
from nasbench.schema import SHARED, Column, Dataset, Protocol, TableData
from nasbench.table_file import write_table
count = 20_000
column = Column(np.ones((count, 3)), "maximize", "", "valid")
data = TableData("tiny", "", "", "", (), "grid", {{}}, "", False, np.arange(count)[:, None],
    np.full(count, b"x"), np.arange(count), {{"d": Dataset("m", {{"p": Protocol("p", final={{"m": column}})}})}})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for limit in (300, 5_000, 100_000, 400_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        write_table(Path({str(path)!r}), data, "a test")
    except TableError:
        print("refused")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == ["refused"] * 4, done.stderr
    assert sorted(p.name for p in path.parent.iterdir()) == ["tiny.h5", "tiny.h5.stamp"]
    assert path.read_bytes() == before


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(TableError, match="cannot write the table"):
        write_table(tmp_path / "file" / "t.h5", tiny(), "a test")


# -- reading what is no whole table ------------------------------------------------------------------


def test_a_missing_file(path: Path) -> None:
    with pytest.raises(TableError, match=r"there is no table file .*tiny\.h5"):
        Table(path)


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(TableError):
        Table(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x89HDF", b"architecture,accuracy\n1,2\n", b"\x00" * 4096])
def test_a_file_of_something_else(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(TableError, match="it is no HDF5 file"):
        Table(path)


def test_somebody_elses_hdf5(path: Path) -> None:
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        file["x"] = [1, 2, 3]
    with pytest.raises(TableError, match="no nasbench table"):
        Table(path)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999])
def test_a_truncated_file(path: Path, share: float) -> None:
    raw = written(path).read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(TableError, match=r"tiny\.h5 cannot be used"):
        Table(path)


def offset_of(path: Path, name: str) -> int:
    with h5py.File(path, "r") as file:
        return int(file[name].id.get_offset())


def flip(path: Path, offset: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[offset] ^= 1
    path.write_bytes(raw)


def test_a_flipped_byte_is_found_when_the_stamp_does_not_match(path: Path) -> None:
    written(path)
    Table(path)
    flip(path, offset_of(path, "data/first/9/final/val_accuracy") + 3)
    os.utime(path, ns=(1, 1))
    with pytest.raises(TableError, match="do not match its own checksum"):
        Table(path)


def test_a_flipped_byte_under_an_unchanged_stamp_is_found_by_verify(path: Path) -> None:
    written(path)
    times = path.stat()
    flip(path, offset_of(path, "data/first/9/final/val_accuracy") + 3)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    table = Table(path)
    with pytest.raises(TableError, match="do not match its own checksum"):
        table.verify()


def test_any_flipped_byte_is_an_error_or_harmless(path: Path) -> None:
    raw = written(path).read_bytes()
    good = Table(path)
    expected = good.datasets["first"].protocols["9"].final["val_accuracy"].values.copy()
    rng = np.random.default_rng(3)
    refused = 0
    for offset in rng.choice(len(raw), 150, replace=False).tolist():
        altered = bytearray(raw)
        altered[offset] ^= 1 << int(rng.integers(8))
        path.write_bytes(altered)
        path.with_name("tiny.h5.stamp").unlink(missing_ok=True)
        try:
            table = Table(path)
        except TableError:
            refused += 1
            continue
        np.testing.assert_array_equal(table.datasets["first"].protocols["9"].final["val_accuracy"].values, expected)
        assert table.attrs["licence"] == "CC0-1.0"
    assert refused > 40


def test_one_genotype_is_found_like_a_batch_of_one(path: Path) -> None:
    """Also where hashes collide; a genotype that is not listed has row -1."""
    everything = SPACE.all()
    table = Table(written(path, tiny(everything[::2])))
    rows = [table.find_one(tuple(genotype)) for genotype in everything.tolist()]
    assert rows == table.find(everything).tolist()
    assert rows[::2] == list(range(12))
    assert set(rows[1::2]) == {-1}
    complete = path.with_name("whole.h5")
    with pytest.raises(TableError, match="complete"):
        Table(written(complete)).find_one((0, 0, 0))


def edit(path: Path, change: object) -> Path:
    """Change an HDF5 file and give it a checksum that holds."""
    with h5py.File(path, "r+") as file:
        change(file)
        file.attrs["content_sha256"] = content_sha256(file)
    return path


def test_a_schema_from_the_future(path: Path) -> None:
    edit(written(path), lambda file: file.attrs.__setitem__("schema_version", 2))
    with pytest.raises(TableError, match="schema version 2, this release reads 1; import or fetch it again"):
        Table(path)


@pytest.mark.parametrize("name", ["space", "arch/genotype", "arch/canonical", "data", "data/first/9"])
def test_a_part_is_missing(path: Path, name: str) -> None:
    edit(written(path), lambda file: file.__delitem__(name))
    with pytest.raises(TableError, match="cannot be used"):
        Table(path)


@pytest.mark.parametrize("name", ["sources", "licence", "content_sha256", "space_sha256"])
def test_an_attribute_is_missing(path: Path, name: str) -> None:
    def drop(file: h5py.File) -> None:
        del file.attrs[name]

    with h5py.File(written(path), "r+") as file:
        drop(file)
    with pytest.raises(TableError, match="cannot be used"):
        Table(path)


def test_definitions_that_are_no_json(path: Path) -> None:
    edit(written(path), lambda file: file["space"].attrs.__setitem__("definition", "{"))
    with pytest.raises(TableError, match="cannot be used"):
        Table(path)


def test_a_compressed_column_cannot_be_viewed(path: Path) -> None:
    def squeeze(file: h5py.File) -> None:
        values = file["data/first/9/cost/params"][()]
        del file["data/first/9/cost/params"]
        file.create_dataset("data/first/9/cost/params", data=values, compression="gzip")

    edit(written(path), squeeze)
    with pytest.raises(TableError, match="not contiguous"):
        Table(path)


# -- the stamp: hash only what may have changed --------------------------------------------------------


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry each time that a whole file is hashed."""
    seen: list[str] = []
    real = table_index.content_sha256

    def counting(file: h5py.File) -> str:
        seen.append(file.filename)
        return real(file)

    monkeypatch.setattr(table_index, "content_sha256", counting)
    monkeypatch.setattr(table_file, "content_sha256", counting)
    return seen


def test_a_fresh_table_is_not_hashed_again(path: Path, hashes: list[str]) -> None:
    written(path)
    hashes.clear()
    Table(path)
    Table(path)
    assert hashes == []


def test_a_touched_table_is_hashed_once(path: Path, hashes: list[str]) -> None:
    written(path)
    os.utime(path, ns=(10**18, 10**18))
    hashes.clear()
    Table(path)
    assert len(hashes) == 1
    Table(path)
    assert len(hashes) == 1


@pytest.mark.parametrize("stamp", [None, "", "{", "[]", "\\0", '{"version": 1}', "of the first release"])
def test_a_lost_or_spoilt_stamp_costs_one_hash(path: Path, hashes: list[str], stamp: str | None) -> None:
    written(path)
    file = path.with_name("tiny.h5.stamp")
    file.unlink() if stamp is None else file.write_text(stamp)
    hashes.clear()
    Table(path)
    Table(path)
    assert len(hashes) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda index: index.pop("arch"),
        lambda index: index["arch"].update(genotype=["|u1", [24, 3], 10**12]),
        lambda index: index["arch"].update(genotype=["|u1", [24, 3], -8]),
        lambda index: index["arch"].update(genotype=["|O", [24, 3], 0]),
        lambda index: index["arch"].update(genotype=["no type", [24, 3], 0]),
        lambda index: index["datasets"]["first"]["protocols"][0].pop("cost"),
        lambda index: index["datasets"].update(first=None),
    ],
)
def test_a_stamp_that_leads_astray_is_made_anew(path: Path, hashes: list[str], spoil) -> None:
    expected = Table(written(path)).genotypes
    file = path.with_name("tiny.h5.stamp")
    index = json.loads(file.read_text())
    spoil(index)
    file.write_text(json.dumps(index))
    hashes.clear()
    for _ in range(2):
        np.testing.assert_array_equal(Table(path).genotypes, expected)
    assert len(hashes) == 1


def test_an_open_with_a_stamp_takes_no_hdf5(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path)

    def refuse(*args: object, **more: object) -> None:
        raise AssertionError("opened with HDF5")

    monkeypatch.setattr(h5py, "File", refuse)
    assert Table(path).datasets["first"].noise_floor == 0.25


def test_a_folder_that_refuses_the_stamp_only_costs_hashing(
    path: Path, hashes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written(path)
    path.with_name("tiny.h5.stamp").unlink()
    hashes.clear()
    monkeypatch.setattr(Path, "write_text", no_space)
    Table(path)
    Table(path)
    assert len(hashes) == 2


def test_a_stamp_of_other_contents_does_not_vouch(path: Path, tmp_path: Path) -> None:
    """The stamp names the digest, so a swapped file of the same size and time is hashed."""
    written(path)
    other = written(tmp_path / "other" / "tiny.h5", tiny(scale=2.0))
    flip(other, offset_of(other, "data/first/9/final/val_accuracy") + 3)
    times = path.stat()
    path.write_bytes(other.read_bytes())
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(TableError, match="do not match its own checksum"):
        Table(path)


# -- partial tables ---------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_find_agrees_with_a_dictionary(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    everything = SPACE.all()
    chosen = data.draw(st.lists(st.integers(0, 23), min_size=1, max_size=20, unique=True))
    path = tmp_path_factory.mktemp("find") / "part.h5"
    table = Table(written(path, tiny(everything[chosen])))
    rows = {tuple(everything[index].tolist()): row for row, index in enumerate(chosen)}
    assert table.find(everything).tolist() == [rows.get(tuple(g), -1) for g in everything.tolist()]
    assert table.find(np.empty((0, 3), dtype=np.int64)).tolist() == []


@pytest.mark.parametrize("classes", [1, 3])
def test_find_compares_the_genotype_after_a_colliding_hash(
    path: Path, classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (store, table_file):
        monkeypatch.setattr(
            module, "genotype_hash", lambda genotypes: (np.asarray(genotypes).sum(axis=1) % classes).astype(np.uint64)
        )
    everything = SPACE.all()
    table = Table(written(path, tiny(everything[::2])))
    expected = [row // 2 if row % 2 == 0 else -1 for row in range(24)]
    assert table.find(everything).tolist() == expected


def test_find_is_for_partial_tables(path: Path) -> None:
    with pytest.raises(TableError, match="complete"):
        Table(written(path)).find(SPACE.all())


def test_hash_does_not_depend_on_the_integer_type() -> None:
    genotypes = SPACE.all()
    hashes = genotype_hash(genotypes)
    assert len(set(hashes.tolist())) == 24
    for kind in (np.uint8, np.int32, np.int64):
        np.testing.assert_array_equal(genotype_hash(genotypes.astype(kind)), hashes)


def test_large_choice_numbers_keep_their_value(path: Path) -> None:
    genotypes = np.array([[0], [255], [256], [65_535], [65_536], [10**6]])
    table = Table(written(path, tiny(genotypes)))
    assert table.genotypes[:, 0].tolist() == [0, 255, 256, 65_535, 65_536, 10**6]
    assert table.find(genotypes).tolist() == [0, 1, 2, 3, 4, 5]
