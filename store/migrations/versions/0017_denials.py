"""what is denied is a view of the ledger

Every restriction that a store has stays in force: one that no event of the ledger accounts for gets an event, with its place in the trail.
What events deny and the table did not know (objections to being profiled, recorded before there was a word for them) is in force now.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from leads.consent import chain
from leads.consent.denial import denials
from leads.consent.document import addressed
from leads.consent.event import canonical
from leads.consent.fold import Orders
from leads.consent.reading import read_events
from leads.normal import Refused, email, phone

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

STREAM = 2_000
EVENT = sa.table("consent_event", sa.column("seq", sa.Integer), sa.column("kind", sa.Text), sa.column("document", sa.Text))
Denied = dict[tuple[str, str], Any]


def upgrade() -> None:
    connection = op.get_bind()
    old: Denied = {(row.channel, row.address): row for row in connection.execute(sa.text("select * from restriction"))}
    op.drop_table("restriction")
    table = op.create_table(
        "restriction",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("address", "channel", "event", name=op.f("pk_restriction")),
    )
    with op.batch_alter_table("restriction", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_restriction_event"), ["event"], unique=False)
    _derive(connection, table, old)
    _account_for(connection, table, old)


def downgrade() -> None:
    connection = op.get_bind()
    rows = [row._asdict() for row in connection.execute(sa.text("select distinct channel, address from restriction"))]
    op.drop_table("restriction")
    names = ("channel", "address", "account", "object", "id")
    table = op.create_table(
        "restriction",
        *(sa.Column(name, sa.Text(), nullable=False) for name in names),
        sa.Column("seen_at", sa.Float(), nullable=True),
        sa.Column("run", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "address", name=op.f("pk_restriction")),
    )
    if rows:
        unknown = {"account": "hub", "object": "consent", "id": "", "seen_at": None, "run": ""}
        connection.execute(sa.insert(table), [{**row, **unknown} for row in rows])


def _derive(connection: sa.Connection, table: sa.Table, old: Denied) -> None:
    """What the events of the ledger deny; of the old restrictions, those that they do not account for are left."""
    orders = Orders.among(read_events([json.loads(text) for text in _documents(connection, EVENT.c.kind == "invalidate")]))
    for text in _documents(connection):
        (event,) = read_events([json.loads(text)])
        found = frozenset() if orders.take_back(event) else denials(event)
        if found:
            connection.execute(sa.insert(table), [{"address": place, "channel": by, "event": event.name} for by, place in sorted(found)])
        for one in found:
            old.pop(one, None)


def _documents(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> Iterator[str]:
    after = 0
    query = sa.select(EVENT).where(*which).order_by(EVENT.c.seq).limit(STREAM)
    while rows := list(connection.execute(query.where(EVENT.c.seq > after))):
        yield from (row.document for row in rows)
        after = rows[-1].seq


def _account_for(connection: sa.Connection, table: sa.Table, left: Denied) -> None:
    """An event for each of these restrictions, entered in the trail as what it is: taken over from the table."""
    names = {row.name for row in connection.execute(sa.text("select name from consent_event"))} if left else set()
    last = connection.execute(sa.text("select seq, hash from audit order by seq desc limit 1")).first()
    seq, head = (0, chain.START) if last is None else (last.seq, bytes.fromhex(last.hash))
    now = datetime.now(UTC)
    for (channel, place), row in sorted(left.items()):
        ((event, document),) = addressed([_told(channel, place, row, now)])
        if event.name not in names:
            names.add(event.name)
            seq, salt, text = seq + 1, secrets.token_bytes(16), canonical(document)
            facts = {
                "seq": seq,
                "at": now.isoformat(timespec="seconds"),
                "actor": "migration:0017",
                "action": f"consent.{event.kind.value}",
                "object_hmac": chain.object_hmac(salt, event.mailbox),
                "payload_hash": chain.payload_hash(salt, text),
            }
            head = chain.linked(head, facts)
            said = {"seq": seq, "name": event.name, "kind": event.kind.value, "mailbox": event.mailbox}
            kept = {**said, "person": min(event.persons, default=""), "document": text, "salt": salt.hex()}
            for name, values in (("consent_event", kept), ("audit", {**facts, "hash": head.hex()})):
                into = sa.table(name, *map(sa.column, values))
                connection.execute(sa.insert(into), values)
        denied = {*denials(event), (channel, place)}
        rows = [{"address": at, "channel": by, "event": event.name} for by, at in sorted(denied)]
        known = sa.select(sa.literal(1)).select_from(table)
        rows = [one for one in rows if connection.execute(known.where(*(table.c[name] == one[name] for name in one))).first() is None]
        if rows:
            connection.execute(sa.insert(table), rows)


def _told(channel: str, place: str, row: Any, now: datetime) -> dict[str, Any]:
    """The event of an old restriction, as of a record of a CRM, or of the hub."""
    by, _, purpose = channel.partition("/")
    seen = now if row.seen_at is None else datetime.fromtimestamp(row.seen_at, UTC)
    profiling = by == "profiling"
    event = {
        "kind": "object" if profiling else "withdraw",
        "identifier": _identifier(place),
        "purposes": ["profiling" if profiling else purpose or "marketing"],
        "channels": ["any" if profiling else by],
        "occurred": {"hi": seen.isoformat()},
        "clock": row.account,
        "observed_at": seen.isoformat(),
        "provenance": "sync",
        "refs": {
            "import_id": "restriction",
            "remote": {"system": row.account, "object": row.object, "id": row.id},
            **({"batch": f"run:{row.run}"} if row.run else {}),
        },
    }
    return {**event, "scope": "person", "person": place.removeprefix("lead:")} if place.startswith("lead:") else event


def _identifier(place: str) -> str:
    kind, _, value = place.partition(":")
    read = {"email": email, "phone": phone}.get(kind)
    known = kind == "lead" or (read is not None and not isinstance(read(value), Refused))
    return place if known else f"unread:{place}"
