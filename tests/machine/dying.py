"""A process that can die at any step: right before or right after each commit, each step of the journal and each request.

In process a death is an exception of a kind that nothing catches, after which the store and the CRMs are out of reach; in a process
of its own it is a SIGKILL. Both count the same steps, so that a kill point has one number everywhere.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from requests.adapters import BaseAdapter

from connectors.base import Record
from store.unit import Unit
from sync.state import Ref

JOURNAL = ("journal", "mark", "skip_planned", "prove_creates", "drop_planned", "close_debts")


class Killed(BaseException):
    """The process died here; what was committed before stays."""


@dataclass(slots=True)
class Fate:
    """Every step has two kill points, before (2n) and after (2n+1) it. The process dies at point `at`, or at the `times`-th point
    that is called `where`...; without both it lives.
    """

    at: int | None = None
    where: str = ""
    times: int = 1
    steps: list[str] = field(default_factory=list)
    dead: bool = False
    kill: Callable[[str], None] | None = None  # how a process of its own dies; told the step
    lock: Any = field(default_factory=Lock)

    @contextmanager
    def step(self, label: str) -> Iterator[None]:
        if self.dead:
            raise Killed
        with self.lock:
            number = len(self.steps)
            self.steps.append(label)
        self._die(2 * number, f"before {label}")
        yield
        self._die(2 * number + 1, f"after {label}")

    def _die(self, point: int, where: str) -> None:
        if self.where and where.startswith(self.where):
            self.times -= 1
        if point != self.at and self.times > 0:
            return
        if self.kill is not None:
            self.kill(where)  # at once: a thread that saw the process dead would end it in its own way
        self.dead = True
        raise Killed(where)

    def points(self) -> Iterator[tuple[int, str]]:
        """Every kill point of the steps passed so far, by number."""
        for number, label in enumerate(self.steps):
            yield 2 * number, f"before {label}"
            yield 2 * number + 1, f"after {label}"


class MortalStore:
    """A store whose process may die at any step. What was woven into leads is told to `told` once it is certain."""

    def __init__(self, store: Any, fate: Fate, told: Callable[[Ref, Record], None] = lambda _ref, _record: None) -> None:
        self.inner, self.fate, self.told = store, fate, told

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    @contextmanager
    def begin(self) -> Iterator[Unit]:
        if self.fate.dead:
            raise Killed
        woven: list[tuple[Ref, Record]] = []
        with _commit(self.inner.begin(), self.fate.step(f"commit of {_caller()}")) as unit:
            _listen(unit, woven)
            for name in JOURNAL:
                setattr(unit, name, _stepping(self.fate, name, getattr(unit, name)))
            yield unit
        for ref, record in woven:
            self.told(ref, record)


@contextmanager
def _commit(transaction: AbstractContextManager[Unit], step: AbstractContextManager[None]) -> Iterator[Unit]:
    """The step is entered when everything is said, and left when it is kept."""
    with transaction as unit:
        yield unit
        step.__enter__()
    step.__exit__(None, None, None)


def _stepping(fate: Fate, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def stepped(*arguments: Any, **more: Any) -> Any:
        state = next((f" {one}" for one in arguments if name == "mark" and isinstance(one, str)), "")
        with fate.step(f"journal {name}{state}"):
            return method(*arguments, **more)

    return stepped


def _listen(unit: Unit, woven: list[tuple[Ref, Record]]) -> None:
    """What leaves the inbox because it was woven into leads."""
    drop = unit.drop_inbox

    def drop_inbox(refs: Iterable[Ref]) -> None:
        refs = list(refs)
        if _caller().startswith("weave"):
            there = {(ref.account, ref.object) for ref in refs}
            rows = [row for account, object in there for row in unit.inbox_rows(account, object, "", 10_000)]
            woven.extend((ref, record) for ref, record, *_ in rows if ref in refs and record.ending is None)
        drop(refs)

    unit.drop_inbox = drop_inbox  # type: ignore[method-assign]


def _caller() -> str:
    """The function of the pipeline that opened the transaction."""
    frame = sys._getframe(2)
    while frame.f_back is not None and "/sync/" not in frame.f_code.co_filename.replace("\\", "/"):
        frame = frame.f_back
    return f"{frame.f_globals['__name__'].rpartition('.')[2]}.{frame.f_code.co_name.strip('_')}"


class MortalAdapter(BaseAdapter):
    """Requests of a process that may die right before one leaves or right after it was answered."""

    def __init__(self, inner: BaseAdapter, fate: Fate, crm: str = "") -> None:
        super().__init__()
        self.inner, self.fate, self.crm = inner, fate, crm

    def send(self, request: Any, *arguments: Any, **more: Any) -> Any:  # type: ignore[override]
        path = re.sub(r"(?<=/)[\w-]*\d[\w-]{2,}|(?<=/)\d+|\?.*", "*", request.path_url)
        with self.fate.step(f"{request.method} {self.crm} {path}"):
            return self.inner.send(request, *arguments, **more)

    def close(self) -> None:
        self.inner.close()
