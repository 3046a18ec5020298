"""The written report: files, page, escaping, determinism."""

import json
import re
import struct
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from html.parser import HTMLParser

import pandas as pd
import pytest

from nasbench.report.context import group_verdict
from nasbench.report.gallery import NAMES
from nasbench.report.site import write_report
from nasbench.runner import entry_of, search
from nasbench.strategies import create
from nasbench.strategies.baselines.random_search import RandomSearch
from nasbench.task import Task

HOSTILE = "<script>alert(\"1\")</script> & 'x' </script><!-- é"
DRAWN = [name for name in NAMES if name != "pareto"]  # needs several objectives
BOOM = "<b>boom</b></pre></script>"


@dataclass
class Failing(RandomSearch):
    """Raises after a few trials, or at once."""

    after: int = 5

    def tell(self, trial, observation):
        if trial.number >= self.after:
            raise RuntimeError(BOOM)


def provenance():
    return {
        "command": "nasbench compare --strategies '<script>'",
        "versions": {"python": "3.11"},
        "seeds": [0, 1, 2],
        "tables": {"nasbench201": {"content_sha256": "ab" * 32, "licence": "MIT", "citation": "Dong & Yang"}},
        "strategies": [{"label": HOSTILE, "params": '{"k": 1}', "version": 1, "salt": ""}],
    }


@pytest.fixture(scope="module")
def runs():
    entered = [
        ("random-search", create("random-search")),
        (HOSTILE, create("regularized-evolution", population=5, sample=3)),
        ("failing", Failing()),
        ("fails-at-once", Failing(after=0)),
    ]
    tasks = [
        Task("nasbench201/cifar10", evaluations=30, repeat="mean"),
        Task("fcnet/naval_propulsion", evaluations=20),
    ]
    return [
        search(task, strategy, seed, entry=entry_of(strategy, label=label), raise_errors=False)
        for seed in range(3)
        for task in tasks
        for label, strategy in entered
    ]


@pytest.fixture(scope="module")
def report(runs, tmp_path_factory):
    return write_report(runs, tmp_path_factory.mktemp("report"), provenance(), title="A <title>")


@pytest.fixture(scope="module")
def html(report):
    return report.page.read_text(encoding="utf-8")


class Page(HTMLParser):
    """Elements, visible text and scripts of a page."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.scripts, self._inside = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text.append(data)


def test_the_files_are_there(report):
    names = {path.name for path in report.out.iterdir()}
    charts = {f"{name}.{kind}" for name in DRAWN for kind in ("svg", "png")}
    assert names == charts | {"index.html", "summary.csv", "provenance.json"}
    assert {path.name for path in report.files} == names
    assert json.loads((report.out / "provenance.json").read_text()) == provenance()


def test_the_summary_is_the_frame(report, runs):
    from nasbench.analysis.summary import summary

    read = pd.read_csv(report.out / "summary.csv")
    expected = summary(runs)
    assert list(read.columns) == list(expected.columns)
    assert read["strategy"].tolist() == expected["strategy"].tolist()
    assert read["regret_mean"].to_numpy() == pytest.approx(expected["regret_mean"].to_numpy())


def test_images_are_whole(report):
    for name in DRAWN:
        root = ElementTree.fromstring((report.out / f"{name}.svg").read_text(encoding="utf-8"))
        data = (report.out / f"{name}.png").read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", data[16:24])
        assert abs(width - 2 * float(root.get("width"))) <= 2
        assert abs(height - 2 * float(root.get("height"))) <= 2
    assert HOSTILE in " ".join(ElementTree.fromstring((report.out / "speedup.svg").read_text()).itertext())


def test_the_same_runs_give_the_same_bytes(report, runs, tmp_path):
    again = write_report(runs, tmp_path, provenance(), title="A <title>")
    for path in report.files:
        assert (again.out / path.name).read_bytes() == path.read_bytes(), path.name


def test_names_are_text_everywhere(html):
    page = Page(html)
    assert len(page.scripts) == 3
    assert HOSTILE in " ".join(page.text)
    assert "A <title>" in "".join(page.text)
    assert not [tag for tag, _ in page.elements if tag == "b"]
    assert any(BOOM in text for text in page.text)
    specs = json.loads(page.scripts[0])["specs"]
    assert HOSTILE in json.dumps(specs, ensure_ascii=False).replace('\\"', '"')


def test_nothing_is_loaded(html):
    page = Page(html)
    sources = [attrs[name] for tag, attrs in page.elements for name in ("src", "data", "srcset") if name in attrs]
    assert all(re.fullmatch(r"[a-z-]+\.svg", source) for source in sources)
    links = [attrs["href"] for _, attrs in page.elements if "href" in attrs]
    assert all(link.startswith("#") or re.fullmatch(r"[a-z-]+\.(svg|png|csv|json)", link) for link in links)
    assert not [tag for tag, _ in page.elements if tag in ("link", "iframe", "object", "embed", "base")]
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html.split("</style>")[0])


def test_the_policy_admits_exactly_our_scripts(html):
    from nasbench.report.embed import script_hash

    page = Page(html)
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "unsafe-eval" not in policy
    admitted = set(re.findall(r"'(sha256-[^']+)'", policy))
    assert admitted == {script_hash(script) for script in page.scripts[1:]}


def test_every_panel_has_its_spec(html):
    page = Page(html)
    places = [int(attrs["data-spec"]) for _, attrs in page.elements if "data-spec" in attrs]
    embedded = json.loads(page.scripts[0])
    assert sorted(places) == list(range(len(embedded["specs"])))
    text = json.dumps(embedded)
    assert "http" not in text
    assert '"csv"' not in text


def test_what_must_be_said_is_said(html):
    text = " ".join(" ".join(Page(html).text).split())
    for said in ("idealised", "noise floor", "12 runs failed", "after 1 trial", "sha256 abab", "Dong & Yang", "0–2"):
        assert said in text
    assert "regret_mean" not in text
    assert "nan" not in re.findall(r"\w+", text)


def test_failed_runs_stay_visible(html):
    details = re.findall(r"<summary>failing on [^<]*seed \d", html)
    assert len(details) == 6


def test_stale_charts_go(report, runs):
    one = [run for run in runs if run.entry.label == "random-search" and run.task.benchmark.startswith("nasbench201")]
    out = report.out.parent / "stale"
    out.mkdir()
    (out / "critical-difference.svg").write_text("old")
    (out / "notes.txt").write_text("mine")
    write_report(one[:1], out, {})
    names = {path.name for path in out.iterdir()}
    assert "critical-difference.svg" not in names
    assert {"anytime.svg", "final-regret.png", "notes.txt"} <= names
    text = " ".join(Page((out / "index.html").read_text(encoding="utf-8")).text)
    assert "There are no pairs of strategies to test." in text
    assert "seed 0" in text


def test_runs_without_any_value_still_make_a_page(runs, tmp_path):
    from dataclasses import replace

    empty = [replace(run, trace=run.trace[:0]) for run in runs if run.entry.label == "fails-at-once"]
    report = write_report(empty, tmp_path, {})
    assert "RuntimeError" in report.page.read_text(encoding="utf-8")


def test_no_runs_no_report(tmp_path):
    with pytest.raises(ValueError, match="at least one run"):
        write_report([], tmp_path / "out", {})


def test_a_file_that_cannot_be_written_leaves_the_old_one(runs, tmp_path, monkeypatch):
    from pathlib import Path

    from nasbench.report import site

    (tmp_path / "a.txt").write_text("old")

    def full(self, data):
        open(self, "wb").close()
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="disk full"):
        site.write_whole(tmp_path / "a.txt", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_verdicts_go_to_the_task_that_they_name():
    verdicts = group_verdict(
        [
            "t/cifar10 is idealised.",
            "On t/cifar10, a ends best.",
            "a beats b on t/cifar10.",
            "On t/cifar100, b ends best.",
            "Over these 2 tasks, a beats b.",
            "x" * 400,
        ],
        ["t/cifar10", "t/cifar100"],
    )
    assert [(v.task, len(v.leading), len(v.others)) for v in verdicts] == [
        ("all tasks", 1, 1),
        ("t/cifar10", 2, 1),
        ("t/cifar100", 1, 0),
    ]


def test_importing_the_writer_is_light():
    import subprocess
    import sys

    heavy = ("altair", "pandas", "vl_convert", "jinja2")
    code = f"import sys, nasbench.report.site; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
