"""Which record belongs to which lead, and what both sides last agreed on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from store import schema as t
from store.documents import dump_base, load_base, seconds
from store.queries import Queries, where_of
from sync.state import Base, Link, LinkState, Ref, Role


class Links(Queries):
    def links_at(self, account: str, object: str, ids: Sequence[str]) -> dict[str, tuple[Link, Base]]:
        """Links by the id asked for; an id that was merged away is answered with the link of its survivor."""
        found = {link.ref.id: (link, base) for link, base in self._links(account, object, ids)}
        missing = [id for id in ids if id not in found]
        alias = t.alias.c
        query = sa.select(t.alias).where(alias.account == account, alias.object == object)
        forwards = {row.id: Ref(account, row.now_object, row.now_id) for row in self._in_query(query, alias.id, missing)} if missing else {}
        for target in {ref.object for ref in forwards.values()}:
            there = {
                link.ref.id: (link, base)
                for link, base in self._links(account, target, [r.id for r in forwards.values() if r.object == target])
            }
            found.update({id: there[ref.id] for id, ref in forwards.items() if ref.object == target and ref.id in there})
        return found

    def _links(self, account: str, object: str, ids: Sequence[str]) -> Iterator[tuple[Link, Base]]:
        query = sa.select(t.link).where(t.link.c.account == account, t.link.c.object == object)
        for row in self._in_query(query, t.link.c.id, ids):
            yield _link(row), load_base(row.base, row.read_at)

    def links_after(self, account: str, object: str, after: str, limit: int) -> list[tuple[Link, Base]]:
        """Links of an object by id, those that ended left out."""
        link = t.link.c
        query = sa.select(t.link).where(link.account == account, link.object == object, link.id > after, link.state != LinkState.ENDED)
        return [(_link(row), load_base(row.base, row.read_at)) for row in self._run(query.order_by(link.id).limit(limit))]

    def links_of(self, lead_ids: Sequence[str]) -> dict[str, list[tuple[Link, Base]]]:
        found: dict[str, list[tuple[Link, Base]]] = defaultdict(list)
        for row in self._in(t.link, t.link.c.lead_id, lead_ids):
            found[row.lead_id].append((_link(row), load_base(row.base, row.read_at)))
        return found

    def put_links(self, links: Iterable[tuple[Link, Base]]) -> None:
        self._upsert(t.link, [_link_row(link, base) for link, base in links])

    def put_alias(self, old: Ref, now: Ref) -> None:
        self._upsert(t.alias, [{**where_of(old), "now_object": now.object, "now_id": now.id}])
        self._run(
            sa.update(t.alias)
            .where(t.alias.c.account == old.account, t.alias.c.now_object == old.object, t.alias.c.now_id == old.id)
            .values(now_object=now.object, now_id=now.id)
        )

    def heirs(self, refs: Iterable[Ref]) -> set[Ref]:
        """Records that took the place of these, and of no others."""
        gone = set(refs)
        heirs = {Ref(row.account, row.now_object, row.now_id) for row in self._at(t.alias, gone)}
        forward = [
            (Ref(row.account, row.object, row.id), Ref(row.account, row.now_object, row.now_id))
            for row in self._at(t.alias, heirs, "now_id")
        ]
        return heirs - {now for old, now in forward if old not in gone}

    def has_base(self, account: str) -> bool:
        return self._scalar(sa.select(t.link.c.id).where(t.link.c.account == account, t.link.c.base != "").limit(1)) is not None

    def main_links(self, lead_ids: Sequence[str]) -> set[tuple[str, str]]:
        query = sa.select(t.link.c.lead_id, t.link.c.account).where(
            t.link.c.role == Role.MAIN, t.link.c.state.not_in([LinkState.ENDED, LinkState.WITHHELD])
        )
        return {(row.lead_id, row.account) for row in self._in_query(query, t.link.c.lead_id, lead_ids)}


def _link(row: Any) -> Link:
    return Link(Ref(row.account, row.object, row.id), row.lead_id, Role(row.role), LinkState(row.state), row.key, row.ending)


def _link_row(link: Link, base: Base) -> dict[str, Any]:
    return {
        **where_of(link.ref),
        "lead_id": link.lead_id,
        "role": link.role,
        "state": link.state,
        "key": link.key,
        "ending": link.ending,
        "base": dump_base(base) if base.pairs else "",
        "read_at": seconds(base.read_at),
    }
