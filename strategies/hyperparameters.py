"""Checks of hyper-parameters that strategies share."""

from __future__ import annotations

from nasbench.errors import StrategyError


def positive(**values: float) -> None:
    """Check that each hyper-parameter is a positive number.

    Raises:
        StrategyError: one is not.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise StrategyError(f"{name} must be a positive number, got {value!r}")


def whole(least: int = 1, /, **values: int) -> None:
    """Check that each hyper-parameter is a positive whole number, and large enough.

    Raises:
        StrategyError: one is not.
    """
    positive(**values)
    for name, value in values.items():
        if not isinstance(value, int) or value < least:
            from_ = f" from {least}" if least > 1 else ""
            raise StrategyError(f"{name} must be a whole number{from_}, got {value!r}")


def share(**values: float) -> None:
    """Check that each hyper-parameter is a number from 0 to 1.

    Raises:
        StrategyError: one is not.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise StrategyError(f"{name} must be a number from 0 to 1, got {value!r}")


def one_of(choices: tuple[str, ...], **values: str) -> None:
    """Check that each hyper-parameter is one of the choices.

    Raises:
        StrategyError: one is not.
    """
    for name, value in values.items():
        if value not in choices:
            raise StrategyError(f"{name} is {' or '.join(choices)}, got {value!r}")
