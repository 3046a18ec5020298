"""`name[=column]:direction:split[:unit]`."""

from __future__ import annotations

import pytest

from nasbench.datasets.importers.metric_spec import MetricSpec, parse_metric
from nasbench.errors import ImportFileError, UnknownNameError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("val_accuracy:maximize:valid:%", ("val_accuracy", "val_accuracy", "maximize", "valid", "%")),
        ("val_loss:min:valid", ("val_loss", "val_loss", "minimize", "valid", "")),
        (" val_accuracy = Valid Acc : MAX : Valid : % ", ("val_accuracy", "Valid Acc", "maximize", "valid", "%")),
        ("speed:max:cost:images:s", ("speed", "speed", "maximize", "cost", "images:s")),
        ("both:max:valid+test", ("both", "both", "maximize", "valid+test", "")),
        ("train_seconds=time:min:cost", ("train_seconds", "time", "minimize", "cost", "s")),
        ("params:min:cost", ("params", "params", "minimize", "cost", "count")),
        ("latency_ms:min:cost", ("latency_ms", "latency_ms", "minimize", "cost", "ms")),
    ],
)
def test_what_a_text_means(text: str, expected: tuple[str, ...]) -> None:
    assert parse_metric(text) == MetricSpec(*expected)


@pytest.mark.parametrize("text", ["", "acc", "acc:max", "acc::valid", ":max:valid", "acc:max:"])
def test_a_text_of_another_shape(text: str) -> None:
    with pytest.raises(ImportFileError, match=r"expected name:direction:split\[:unit\]"):
        parse_metric(text)


@pytest.mark.parametrize("name", ["a/b", ".", "..", "a\x00", "=column", "\ud800"])
def test_a_name_that_a_table_cannot_hold(name: str) -> None:
    with pytest.raises(ImportFileError, match=r"cannot name a metric"):
        parse_metric(f"{name}:max:valid")


def test_unknown_words_name_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"direction of metric acc 'maximise'.*Did you mean 'maximize'"):
        parse_metric("acc:maximise:valid")
    with pytest.raises(UnknownNameError, match=r"split of metric acc 'validation'.*Did you mean 'valid'"):
        parse_metric("acc:max:validation")


@pytest.mark.parametrize("text", ["train_seconds:min:valid", "train_seconds:min:cost:ms"])
def test_the_clock_is_a_cost_in_seconds(text: str) -> None:
    with pytest.raises(ImportFileError, match=r"simulated clock"):
        parse_metric(text)


def test_something_that_is_no_text() -> None:
    with pytest.raises(ImportFileError, match=r"got 3"):
        parse_metric(3)  # type: ignore[arg-type]
