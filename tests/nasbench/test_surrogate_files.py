"""A surrogate's files: strict to read, never executed, whole or not at all."""

from __future__ import annotations

import contextlib
import json
import pickle
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench.benchmark import load
from nasbench.datasets.install import install as install_table
from nasbench.datasets.surrogate_files import install_surrogate, read_part, remove_surrogate
from nasbench.datasets.surrogate_names import manifest_identity, surrogate_folder, surrogate_names
from nasbench.errors import NasbenchError, TableError, UnknownNameError
from nasbench.parameter import Parameter
from nasbench.schema import Column, Dataset, Protocol, TableData
from nasbench.spaces.grid import GridSpace
from nasbench.surrogates.benchmark import install
from nasbench.surrogates.fit import fit_surrogate
from nasbench.surrogates.manifest import parse_manifest
from nasbench.table_file import write_table

SPACE = GridSpace([Parameter(f"p{i}", (1, 2, 3), True) for i in range(6)])
TINY = {"members": 2, "n_estimators": 3, "max_depth": 2}


def table(name="base"):
    rng = np.random.default_rng(0)
    genotypes = SPACE.genotypes(rng.permutation(SPACE.size)[:120])
    values = genotypes.sum(axis=1)[:, None] + 0.1 * rng.standard_normal((120, 2))
    final = {"val_accuracy": Column(values, "maximize", "%", "valid")}
    return TableData(
        name=name, title="t", licence="l", citation="c", sources=({"name": "n", "sha256": "0" * 64},),
        space_kind=SPACE.kind, space_definition=SPACE.definition(), space_sha256=SPACE.sha256, complete=False,
        genotypes=genotypes, source_ids=np.array([f"{i}".encode() for i in range(120)]), canonical=np.arange(120),
        datasets={"default": Dataset("val_accuracy", {"p": Protocol("p", final=final)})},
    )  # fmt: skip


@pytest.fixture(scope="module")
def surrogate(tmp_path_factory):
    """A tiny surrogate, fitted once."""
    folder = tmp_path_factory.mktemp("base")
    (folder / "tables").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASBENCH_HOME", str(folder))
        write_table(folder / "tables" / "base.h5", table(), "the tests")
        return fit_surrogate(load("base/default"), "served", params=TINY)


@pytest.fixture
def path(home, surrogate):
    """Its installed manifest, in the test's home."""
    return install(surrogate)


def rewritten(path, change):
    """The manifest with its content changed by a function, in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def ask():
    return load("served/default").query((0,) * 6)


def test_it_reads_back_what_was_written(path, surrogate):
    assert parse_manifest(path.read_bytes(), "it").to_bytes() == surrogate.manifest.to_bytes()
    assert parse_manifest(path.read_bytes(), "it").to_bytes() == path.read_bytes()
    assert np.isfinite(ask())
    load("served/default").verify()


def test_nothing_in_it_is_a_pickle(path):
    for file in path.parent.iterdir():
        with pytest.raises((pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, AttributeError)):
            pickle.loads(file.read_bytes())


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b[:99] + bytes([b[99] ^ 1]) + b[100:]]
)
def test_an_altered_part_is_refused_before_it_is_read(path, damage, monkeypatch):
    part = next(iter(path.parent.glob("*.xgb.json")))
    part.write_bytes(damage(part.read_bytes()))
    import xgboost

    monkeypatch.setattr(xgboost.Booster, "load_model", lambda *_: pytest.fail("read before its checksum was right"))
    with pytest.raises(TableError, match=r"fit the surrogate again|more than the"):
        ask()


def test_a_missing_part_is_refused(path):
    next(iter(path.parent.glob("*.xgb.json"))).unlink()
    with pytest.raises(TableError, match="cannot be read"):
        ask()


def test_a_part_that_is_no_model_is_refused_although_its_checksum_is_right(path, home):
    import hashlib

    body = b"{} no model at all"
    digest = hashlib.sha256(body).hexdigest()
    (path.parent / f"{digest}.xgb.json").write_bytes(body)
    rewritten(path, lambda c: c["metrics"][0]["parts"].__setitem__(0, {"sha256": digest, "bytes": len(body)}))
    with pytest.raises(TableError, match="is no"):
        ask()


def test_a_model_of_other_columns_is_refused(path):
    import hashlib

    import xgboost

    rng = np.random.default_rng(0)
    other = xgboost.train({"nthread": 1}, xgboost.DMatrix(rng.random((20, 3)), rng.random(20)), 2)
    body = bytes(other.save_raw("json"))
    digest = hashlib.sha256(body).hexdigest()
    (path.parent / f"{digest}.xgb.json").write_bytes(body)
    rewritten(path, lambda c: c["metrics"][0]["parts"].__setitem__(0, {"sha256": digest, "bytes": len(body)}))
    with pytest.raises(TableError, match="other features than the 6"):
        ask()


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(format="else"),
        lambda c: c.update(schema_version=2),
        lambda c: c.update(extra=1),
        lambda c: c.update(family="other"),
        lambda c: c.update(dataset="other"),
        lambda c: c.update(predictor="gp"),
        lambda c: c.update(objective="val_loss"),
        lambda c: c.update(seed=-1),
        lambda c: c.update(noise_floor="x"),
        lambda c: c.update(space_sha256="0" * 64),
        lambda c: c.update(space_kind="table"),
        lambda c: c.update(space_definition={"parameters": [{"name": "a", "choices": [1], "ordered": 3}]}),
        lambda c: c.update(space_definition={"parameters": 3}),
        lambda c: c.update(sources=[{"name": 3}]),
        lambda c: c.update(metrics=c["metrics"] * 2),
        lambda c: c.update(metrics=[]),
        lambda c: c.update(metrics=c["metrics"] * 65),
        lambda c: c["metrics"][0].update(split="secret"),
        lambda c: c["metrics"][0].update(direction="up"),
        lambda c: c["metrics"][0].update(parts=[]),
        lambda c: c["metrics"][0].update(best=[0, 0, 0, 0, 0, 3]),
        lambda c: c["metrics"][0].update(best=[0, 0]),
        lambda c: c["metrics"][0].update(best=[0, 0, 0, 0, 0, 10**30]),
        lambda c: c["metrics"][0].update(validation=[]),
        lambda c: c["metrics"][0].update(residual=-1),
        lambda c: c["metrics"][0]["target"].update(spread=0),
        lambda c: c["metrics"][0]["target"].update(log=1),
        lambda c: c["metrics"][0]["noise"].update(means=[2, 1]),
        lambda c: c["metrics"][0]["noise"].update(deviations=[]),
        lambda c: c["metrics"][0]["validation"][0].update(n=0.5),
        lambda c: c["metrics"][0].update(features_sha256="0" * 64),
        lambda c: c["metrics"][0]["parts"][0].update(sha256="../../../etc/passwd"),
        lambda c: c["metrics"][0]["parts"][0].update(bytes=1 << 40),
    ],
)
def test_a_changed_manifest_is_refused(path, change):
    rewritten(path, change)
    with pytest.raises(TableError):
        ask()


def test_a_missing_field_is_named(path):
    content = json.loads(path.read_text())
    for field in content:
        less = {key: value for key, value in content.items() if key != field}
        with pytest.raises(TableError, match=repr(field)):
            parse_manifest(json.dumps(less).encode(), "m")
    for field in content["metrics"][0]:
        metric = {key: value for key, value in content["metrics"][0].items() if key != field}
        with pytest.raises(TableError, match=repr(field)):
            parse_manifest(json.dumps({**content, "metrics": [metric]}).encode(), "m")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_value_anywhere_is_read_or_refused(surrogate, data):
    content = json.loads(surrogate.manifest.to_bytes())
    node = content
    while True:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if isinstance(node[key], dict | list) and node[key] and data.draw(st.booleans()):
            node = node[key]
            continue
        node[key] = data.draw(JSON)
        break
    with contextlib.suppress(TableError):
        parse_manifest(json.dumps(content).encode(), "m")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_no_manifest(content):
    with pytest.raises(TableError):
        parse_manifest(content, "m")


def test_a_truncated_manifest_is_refused_everywhere(path):
    content = path.read_bytes()
    for end in range(0, len(content) - 2, 97):
        with pytest.raises(TableError):
            parse_manifest(content[:end], "m")


def test_a_damaged_surrogate_is_listed_and_harms_no_other(path, nasbench):
    path.write_text("{")
    code, out, _ = nasbench("list")
    assert code == 0
    assert "damaged surrogate" in out
    assert nasbench("info", "served/default")[0] == 2


# -- names ------------------------------------------------------------------------------------------------


def test_names_of_tables_and_surrogates_do_not_meet(path, home, surrogate):
    with pytest.raises(TableError, match="fitted surrogate"):
        install_table(table("served"))
    install_table(table("base"))
    with pytest.raises(TableError, match="name of a table"):
        install_surrogate("base", "default", b"{}", [])
    for name in ("nasbench201", "../up", "a/b", "", "A" * 70):
        with pytest.raises(TableError):
            install_surrogate(name, "default", b"{}", [])
    with pytest.raises(TableError, match="cannot name"):
        surrogate_folder("fine", "..")
    assert surrogate_names() == ["served/default"]


@pytest.mark.parametrize("name", ["served/..", "../served/default", "served/\0", "served/default/more", "served/", "."])
def test_no_name_leads_out_of_the_folder(path, name):
    assert manifest_identity(*name.rpartition("/")[::2]) in ((), manifest_identity("served", "default"))
    with pytest.raises(UnknownNameError):
        load(name if name != "served/" else "served/x")


def test_a_replaced_surrogate_is_seen_by_the_next_load(path, surrogate, home):
    before = load("served/default")
    old = before.query((0,) * 6)
    install_table(table("base"))
    install(fit_surrogate(load("base/default"), "served", params=TINY, seed=3), replace=True)
    after = load("served/default")
    assert after is not before
    assert after.query((0,) * 6) != old
    assert before.query((1,) * 6) != after.query((1,) * 6)  # what has been read stays as it was


def test_removing(path, surrogate):
    with pytest.raises(UnknownNameError):
        remove_surrogate("served/other")
    assert remove_surrogate("served/default") == path.parent
    assert surrogate_names() == []
    assert not path.parent.parent.exists()
    with pytest.raises(UnknownNameError):
        load("served/default")
    install(surrogate)
    remove_surrogate("served")
    assert not path.exists()


def test_nothing_is_left_behind_where_the_folder_cannot_be_written(home, surrogate, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nasbench.datasets.surrogate_files.write_whole", full)
    with pytest.raises(TableError, match="No space left"):
        install(surrogate)
    assert surrogate_names() == []


def test_read_part_bounds_what_it_reads(path):
    with pytest.raises(TableError):
        read_part(path.parent, "0" * 64, 0)
    with pytest.raises(NasbenchError):
        read_part(path.parent, "0" * 64, 10)
    shutil.rmtree(path.parent)
    assert manifest_identity("served", "default") == ()
