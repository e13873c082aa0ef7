"""Accounts as they were met, and what is remembered about the store itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store import schema as t
from store.documents import dumps, seconds
from store.queries import Queries


class Accounts(Queries):
    def meta(self, key: str) -> str | None:
        value: str | None = self._scalar(sa.select(t.meta.c.value).where(t.meta.c.name == key))
        return value

    def put_meta(self, key: str, value: str) -> None:
        self._upsert(t.meta, [{"name": key, "value": value}])

    def account(self, name: str) -> Mapping[str, Any] | None:
        return self._first(sa.select(t.account).where(t.account.c.name == name))

    def account_of(self, identity: str) -> Mapping[str, Any] | None:
        return self._first(sa.select(t.account).where(t.account.c.identity == identity))

    def put_account(self, name: str, crm: str, identity: str, label: str, at: datetime) -> None:
        row = {"name": name, "crm": crm, "identity": identity, "label": label, "first_seen": seconds(at), "trusted_at": None, "rows": "{}"}
        self._upsert(t.account, [{**row, "rebased": "{}", "scope": "", "emptied": ""}])

    def trust_account(self, name: str, at: datetime) -> None:
        self._run(sa.update(t.account).where(t.account.c.name == name).values(trusted_at=seconds(at)))

    def put_scope(self, account: str, fingerprint: str) -> None:
        self._run(sa.update(t.account).where(t.account.c.name == account).values(scope=fingerprint))

    def emptied(self, account: str) -> tuple[int, int] | None:
        """(linked, lost) as a guard saw them when this side was suddenly empty; None: it was not, or that is over."""
        text = self._scalar(sa.select(t.account.c.emptied).where(t.account.c.name == account))
        found: list[int] = json.loads(text) if text else []
        return (found[0], found[1]) if found else None

    def put_emptied(self, account: str, found: tuple[int, int] | None) -> None:
        text = "" if found is None else dumps(found)
        self._run(sa.update(t.account).where(t.account.c.name == account).values(emptied=text))

    def rebased(self, account: str) -> dict[str, list[str]]:
        """By object: the rows whose mapping changed and whose differences wait."""
        text = self._scalar(sa.select(t.account.c.rebased).where(t.account.c.name == account))
        found: dict[str, list[str]] = json.loads(text) if text else {}
        return found

    def put_rebased(self, account: str, rows: Mapping[str, Sequence[str]]) -> None:
        self._run(sa.update(t.account).where(t.account.c.name == account).values(rebased=dumps(rows)))

    def rows_of(self, account: str) -> dict[str, dict[str, str]]:
        text = self._scalar(sa.select(t.account.c.rows).where(t.account.c.name == account))
        found: dict[str, dict[str, str]] = json.loads(text) if text is not None else {}
        return found

    def put_rows(self, account: str, rows: Mapping[str, Mapping[str, str]]) -> None:
        self._run(sa.update(t.account).where(t.account.c.name == account).values(rows=dumps(rows)))

    def pools(self) -> dict[str, Any]:
        """The counters of the routing pools, as they were packed."""
        text = self.meta("pools")
        packed: dict[str, Any] = {} if text is None else json.loads(text)
        return packed

    def put_pools(self, packed: Mapping[str, Any]) -> None:
        self.put_meta("pools", dumps(packed))
