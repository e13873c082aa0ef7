"""Rolling windows for the vendors' rate limits, under the server's own clock."""

from __future__ import annotations

from collections import deque


class Window:
    """At most `limit` units in any `seconds`."""

    def __init__(self, limit: float, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._spent: deque[tuple[float, float]] = deque()
        self._sum = 0.0

    def used(self, now: float) -> float:
        while self._spent and self._spent[0][0] <= now - self.seconds:
            self._sum -= self._spent.popleft()[1]
        return self._sum

    def remaining(self, now: float) -> float:
        return max(0.0, self.limit - self.used(now))

    def take(self, now: float, cost: float = 1) -> bool:
        """Spend `cost` unless the window would overflow."""
        if self.used(now) + cost > self.limit:
            return False
        self._spent.append((now, cost))
        self._sum += cost
        return True

    def resets_in(self, now: float) -> float:
        """Seconds until the oldest unit leaves the window."""
        self.used(now)
        return self._spent[0][0] + self.seconds - now if self._spent else 0.0
