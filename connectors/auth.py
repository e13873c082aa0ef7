"""Who we are to a CRM: fixed headers, or bearer tokens that are fetched and renewed exactly once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from connectors.errors import Denied

EARLY_S: Final = 60.0


class Auth(Protocol):
    """Signs requests. The door asks it to renew after a 401."""

    def headers(self) -> Mapping[str, str]: ...

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Whether there are other credentials than the `refused` ones now."""

    def secrets(self) -> Sequence[str]:
        """Everything that must never be shown."""


class Fixed:
    """Headers that never change."""

    def __init__(self, headers: Mapping[str, str], secrets: Sequence[str] = ()) -> None:
        self._headers = dict(headers)
        self._secrets = (*secrets, *headers.values())

    def headers(self) -> Mapping[str, str]:
        return self._headers

    def renew(self, refused: Mapping[str, str]) -> bool:
        return self._headers != dict(refused)

    def secrets(self) -> Sequence[str]:
        return self._secrets

    def __repr__(self) -> str:
        return f"Fixed({', '.join(self._headers)})"


class Asked(Fixed):
    """Headers that a function gives afresh for every request."""

    def __init__(self, ask: Callable[[], Mapping[str, str]], secrets: Sequence[str] = ()) -> None:
        super().__init__({}, secrets)
        self._ask = ask

    def headers(self) -> Mapping[str, str]:
        return self._ask()

    def renew(self, refused: Mapping[str, str]) -> bool:
        return dict(self._ask()) != dict(refused)


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token; `expires_at` on our clock, None where the CRM does not say."""

    value: str = field(repr=False)
    expires_at: float | None = None


class Bearer:
    """A token that is fetched when it is first needed and again when the CRM refuses it.

    Threads that meet the same refusal cause one fetch. A fetch that was denied is not repeated.
    """

    def __init__(
        self,
        fetch: Callable[[], Token],
        *,
        token: str | None = None,
        secrets: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._fetch = fetch
        self._token = None if token is None else Token(token)
        self._known = [*secrets] if token is None else [*secrets, token]
        self._clock = clock
        self._lock = threading.Lock()
        self._denied: Denied | None = None

    def headers(self) -> Mapping[str, str]:
        with self._lock:
            token = self._token
            if token is None or self._stale(token):
                token = self._renewed()
            return _bearer(token)

    def renew(self, refused: Mapping[str, str]) -> bool:
        with self._lock:
            if self._token is not None and _bearer(self._token) != dict(refused):
                return True
            self._renewed()
            return True

    def secrets(self) -> Sequence[str]:
        return self._known

    def _renewed(self) -> Token:
        if self._denied is not None:
            raise self._denied
        try:
            self._token = self._fetch()
        except Denied as denied:
            self._denied = denied
            raise
        self._known.append(self._token.value)
        return self._token

    def _stale(self, token: Token) -> bool:
        return token.expires_at is not None and self._clock() >= token.expires_at - EARLY_S

    def __repr__(self) -> str:
        return "Bearer(***)"


def _bearer(token: Token) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.value}"}
