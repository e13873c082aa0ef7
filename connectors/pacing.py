"""Pacing: how many calls may leave within how many seconds, counted as the vendors count, over rolling windows."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `calls` within any `window_s` seconds, of the kinds in `only` (empty: all), without those in `exempt`."""

    calls: int
    window_s: float
    only: frozenset[str] = frozenset()
    exempt: frozenset[str] = frozenset()

    def counts(self, kind: str) -> bool:
        return kind not in self.exempt and (len(self.only) == 0 or kind in self.only)


class Pacer:
    """Lets calls of one account pass, or waits until its limits allow the next one. Threads may share it."""

    def __init__(
        self,
        limits: Sequence[Limit] = (),
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sent: list[tuple[Limit, deque[float]]] = [(limit, deque(maxlen=limit.calls)) for limit in limits]
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()

    def take(self, kind: str) -> None:
        """Return when one more call of `kind` may leave."""
        while True:
            with self._lock:
                wait = self._wait(kind, self._clock())
                if wait <= 0:
                    self._note(kind, self._clock())
                    return
            self._sleep(wait)

    def _wait(self, kind: str, now: float) -> float:
        return max((_until_free(limit, sent, now) for limit, sent in self._sent if limit.counts(kind)), default=0.0)

    def _note(self, kind: str, now: float) -> None:
        for limit, sent in self._sent:
            if limit.counts(kind):
                sent.append(now)


def _until_free(limit: Limit, sent: deque[float], now: float) -> float:
    if len(sent) < limit.calls:
        return 0.0
    # A clock that was set back must not make us wait longer than one window.
    return min(sent[0] + limit.window_s - now, limit.window_s)
