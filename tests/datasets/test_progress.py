"""Importers say how far they are to whoever listens, and to nobody else."""

from __future__ import annotations

import pytest

from nasbench.datasets.progress import listening, report, track


def test_each_item_is_reported_when_it_is_done_with() -> None:
    heard: list[tuple[str, int, int | None]] = []
    with listening(lambda *said: heard.append(said)):
        heard.extend((item, -1, None) for item in track("abc", "files", 3))
    assert heard == [
        ("files", 0, 3), ("a", -1, None), ("files", 1, 3), ("b", -1, None), ("files", 2, 3), ("c", -1, None),
        ("files", 3, 3),
    ]  # fmt: skip


def test_nobody_hears_after_the_block_even_when_it_failed() -> None:
    heard: list[int] = []

    def stop(what: str, done: int, total: int | None) -> None:
        heard.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), listening(stop):
        report("records", 5)
    report("records", 6)
    assert list(track(range(3), "records")) == [0, 1, 2]
    assert heard == [5]
