"""Answers that are not as the vendor documents them: told as `Unreadable`, whatever in our reading of them came to grief.

The error names the place in our code and never what was read, for that may be a person's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar

from connectors.errors import Unreadable

SURPRISES: Final = (KeyError, TypeError, AttributeError, ValueError, IndexError, StopIteration)
READING: Final = ("identity", "owners", "describe", "create_field", "changes", "ended", "get", "find", "histories", "dated")

T = TypeVar("T")


def unreadable(account: str, surprise: BaseException) -> Unreadable:
    return Unreadable(
        f"the answer does not have the documented shape ({_place(surprise)}).",
        account=account,
        cause="unexpected_shape",
        fix="Try again later; if it stays, report it with the place named here.",
    )


@contextmanager
def as_documented(account: str) -> Iterator[None]:
    """Around the reading of answers."""
    try:
        yield
    except SURPRISES as surprise:
        error = unreadable(account, surprise)
    else:
        return
    raise error from None  # what was read must not travel on as its context


def guarded(connector: type[T]) -> type[T]:
    """A connector's class whose reading methods raise `Unreadable` where an answer surprises them."""
    for name in READING:
        method = getattr(connector, name, None)
        if method is not None:
            setattr(connector, name, _guarded(method))
    return connector


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def reading(self: Any, *args: Any, **kwargs: Any) -> Any:
        with as_documented(self.account):
            answer = method(self, *args, **kwargs)
        return _each(self.account, answer) if isinstance(answer, Iterator) else answer

    return reading


def _each(account: str, items: Iterator[Any]) -> Iterator[Any]:
    with as_documented(account):
        yield from items


def _place(surprise: BaseException) -> str:
    """Where in our own code it was noticed: a module and a line."""
    last, at = surprise.__traceback__, "?"
    while last is not None:
        file = Path(last.tb_frame.f_code.co_filename)
        if file.parent == Path(__file__).parent:
            at = f"{file.stem}:{last.tb_lineno}"
        last = last.tb_next
    return f"{type(surprise).__name__} in {at}"
