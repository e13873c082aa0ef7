"""Organisations by id and by name.

A person shows only the id of its organisation. Names are fetched a hundred at a time and remembered; a name that is to be written is
looked for before an organisation is created, and none is ever renamed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from connectors.errors import OutcomeUnknown, RecordRefused
from connectors.http import Door
from connectors.pipedrive_calls import pages, read, unexpected, written

PATH: Final = "/api/v2/organizations"
BY_ID: Final = 100  # ids per call
PAGE: Final = 500
SEARCHES: Final = 10  # a search costs as much as two list pages: after some of them the whole list is cheaper
LAG_S: Final = 3600  # how far back the search index is not trusted


class Undecided(Exception):
    """Whether an organisation exists is not known, so nothing that needs it can be written now."""


class Organisations:
    """The organisations of one company, as far as this run has met them."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._names: dict[int, str | None] = {}  # None: asked for and not shown
        self._exact: dict[str, int] = {}
        self._folded: dict[str, int] = {}
        self._doubtful: set[str] = set()
        self._searches = 0
        self._recent = False
        self._complete = False

    def name(self, id: int) -> str | None:
        return self._names.get(id)

    def learn(self, ids: Iterable[int]) -> None:
        """Fetch the names that are not known yet."""
        missing = sorted({id for id in ids if id not in self._names})
        for at in range(0, len(missing), BY_ID):
            some = missing[at : at + BY_ID]
            self._names.update(dict.fromkeys(some))
            params = {"ids": ",".join(str(id) for id in some), "limit": BY_ID}
            self._note(read(self._door, PATH, kind="read", params=params)["data"])

    def id_for(self, name: str) -> int:
        """The organisation of this name, created if there is none."""
        name = _plain(name)
        if name in self._exact:
            return self._exact[name]
        if name in self._doubtful:
            raise Undecided
        found = self._look(name)
        return self._create(name) if found is None else found

    def forget(self, name: str) -> None:
        """An organisation that was known is not there any more."""
        self._exact.pop(_plain(name), None)
        self._folded.pop(_plain(name).casefold(), None)

    def _look(self, name: str) -> int | None:
        if not self._complete and self._searches < SEARCHES:
            self._search(name)
            if self._known(name) is None and not self._recent:
                self._list({"updated_since": self._lag_began()})
                self._recent = True
        elif not self._complete:
            self._list({})
            self._complete = True
        return self._known(name)

    def _known(self, name: str) -> int | None:
        """By exact name, else by one that differs only in case: people would call that the same company."""
        return self._exact.get(name, self._folded.get(name.casefold()))

    def _search(self, name: str) -> None:
        """Look into the search index; what it shows is verified, for it lags behind and matches more than asked."""
        self._searches += 1
        params = {"term": name, "fields": "name", "exact_match": "true", "limit": 100}
        items = read(self._door, f"{PATH}/search", kind="search", params=params)["data"]["items"]
        self.learn(int(item["item"]["id"]) for item in items)

    def _list(self, which: Mapping[str, str]) -> None:
        params = {**which, "sort_by": "id", "sort_direction": "asc", "limit": PAGE}
        for rows in pages(self._door, PATH, params, kind="read"):
            self._note(rows)

    def _note(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            if row.get("is_deleted") is True:
                continue
            id, name = int(row["id"]), _plain(str(row["name"]))
            self._names[id] = str(row["name"])
            self._exact[name] = min(id, self._exact.get(name, id))
            self._folded[name.casefold()] = min(id, self._folded.get(name.casefold(), id))

    def _create(self, name: str) -> int:
        try:
            answer = self._door.send("POST", PATH, kind="write", json={"name": name})
            if answer.status == 400:
                raise RecordRefused(
                    "Pipedrive refuses this organisation name.",
                    account=self._door.account,
                    cause="invalid_value",
                    field="org_name",
                    status=400,
                )
            if not answer.ok:
                raise unexpected(self._door, answer)
            row = written(self._door, answer)
        except OutcomeUnknown:
            self._doubtful.add(name)
            raise Undecided from None
        self._note([row])
        return int(row["id"])

    def _lag_began(self) -> str:
        began = datetime.fromtimestamp(self._door.clock() - LAG_S, UTC)
        return f"{began:%Y-%m-%dT%H:%M:%SZ}"


def _plain(name: str) -> str:
    return " ".join(name.split())
