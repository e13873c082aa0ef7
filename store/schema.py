"""What the hub remembers. Personal data lives in `inbox`, `lead`, `link`, `address`, `likeness`, `journal`, `revision`, `problem` and
`review`.

Times are UTC seconds since the epoch. JSON columns are text, written compactly.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s"})


def _table(name: str, *columns: sa.Column[Any] | sa.Index, **options: Any) -> sa.Table:
    return sa.Table(name, metadata, *columns, **options)


def _text(name: str, *, key: bool = False, nullable: bool = False, index: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=key, nullable=nullable, index=index)


def _later(name: str, default: str = "") -> sa.Column[str]:
    """A column that older stores got afterwards."""
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def _time(name: str, *, index: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Float, nullable=True, index=index)


meta = _table("meta", _text("name", key=True), _text("value"))

account = _table(
    "account",
    _text("name", key=True),
    _text("crm"),
    _text("identity", index=True),
    _text("label"),
    _time("first_seen"),
    _time("trusted_at"),  # since when `sync` may write here without being told
    _text("rows"),  # fingerprint of each mapped row, by object
    _later("rebased", "{}"),  # rows whose mapping changed: their differences wait until somebody looked at them
    _later("scope"),  # fingerprint of the scope that was last written with
    _later("emptied"),  # what a guard saw when this side was suddenly empty, until the records are back or somebody allowed it
)

cursor = _table("cursor", _text("account", key=True), _text("object", key=True), _text("token"), _time("at"))

hint = _table("hint", _text("account", key=True), _text("object", key=True), _text("id", key=True), _time("at"))

inbox = _table(
    "inbox",
    _text("account", key=True),
    _text("object", key=True),
    _text("id", key=True),
    _text("fields"),
    _time("changed_at"),
    _time("created_at"),
    _time("since"),
    _text("ending"),
    _text("moved_object"),
    _text("moved_id"),
    _text("aliases"),
    _text("run"),
    _time("read_at"),
    _text("lead_id", index=True),
    _text("parked"),
    _later("said"),
)

lead = _table(
    "lead",
    _text("id", key=True),
    _text("fields"),
    _text("origins"),
    _time("stage_since"),
    sa.Column("stage_held", sa.Boolean, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("routed_epoch", sa.Integer, nullable=True),
    sa.Column("version", sa.Integer, nullable=False),
    _time("created_at"),
    _time("changed_at"),
    _time("due", index=True),  # when it is to be worked on next: 0 while it is owed a write, else `later`
    _time("later"),  # when a derived value changes by itself
    sa.Column("open_debts", sa.Boolean, nullable=False),
    _later("asked"),  # fields that wait for a person's answer, with what is to choose from
    sa.Index("ix_lead_work", "id", "due"),  # the next leads that are due, in order, without reading those that are not
)

link = _table(
    "link",
    _text("account", key=True),
    _text("object", key=True),
    _text("id", key=True),
    _text("lead_id", index=True),
    _text("role"),
    _text("state"),
    _text("key", index=True),
    _text("ending"),
    _text("base"),
    _time("read_at"),
    sa.Index("ix_link_count", "account", "object", "state"),  # how many records there are, without reading their bases
)

joining = _table(
    "joining",
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
    _text("way"),  # join: `gone` is another name of `kept` until it ends; part: `gone` has left `kept`
    _text("run", index=True),
    _text("kept", index=True),
    _text("gone", index=True),
    _time("at"),
    _time("ended_at"),
    _text("document"),  # both leads as they were, the records that changed hands, what people had decided before
)

alias = _table("alias", _text("account", key=True), _text("object", key=True), _text("id", key=True), _text("now_object"), _text("now_id"))

address = _table(
    "address",
    _text("address", key=True),
    _text("account", key=True),
    _text("object", key=True),
    _text("id", key=True),
    _text("lead_id", index=True),
    sa.Index("ix_address_record", "account", "object", "id"),
)

verdict = _table(  # what every record was, when it was last read as anything but unchanged
    "verdict",
    _text("account", key=True),
    _text("object", key=True),
    _text("id", key=True),
    _text("run", index=True),
    _text("verdict"),
    _text("reason"),
)

likeness = _table(
    "likeness",
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("lead_id", sa.Text, nullable=False, unique=True),
    sa.Column("seal", sa.BigInteger, nullable=False),  # of everything that is compared: the same seal, nothing to do
    sa.Column("rows", sa.LargeBinary, nullable=False),
    sa.Column("keys", sa.LargeBinary, nullable=False),
    _text("words"),  # the names in the rows
    _text("crms"),  # the accounts that have records of the lead
    sa.Column("due", sa.Boolean, nullable=False),  # still to be compared with the others
    sa.Column("filed", sa.Boolean, nullable=False, server_default=sa.true()),  # under its keys, and counted; who is not is due
    sa.Index("ix_likeness_due", "n", sqlite_where=sa.text("due"), postgresql_where=sa.text("due")),
)

likeness_key = _table(  # who has which key; keys are hashed with the secret of the store
    "likeness_key",
    sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("lead", sa.Integer, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

likeness_count = _table(  # how many leads have a value, hashed with the secret of the store, in each CRM or with which initials
    "likeness_count",
    sa.Column("value", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

restriction = _table(  # a view of the ledger, kept up with it: what its events deny, by place
    "restriction",
    _text("address", key=True),
    _text("channel", key=True),
    sa.Column("event", sa.Text, primary_key=True, nullable=False, index=True),
)

journal = _table(
    "journal",
    sa.Column("op", sa.Integer, primary_key=True, autoincrement=True),
    _text("run"),
    _text("account"),
    _text("object"),
    _text("id"),
    _text("lead_id", index=True),
    _text("section"),
    _text("key", index=True),
    _text("cells"),
    _text("state", index=True),
    _text("outcome"),
    _text("cause"),
    _text("message"),
    _time("sent_at"),
    _time("done_at"),
    sa.Column("clears", sa.Integer, nullable=False, server_default="0"),  # fields that it empties
    _later("loser"),  # the record that is merged into this one
    sa.Index("ix_journal_work", "run", "account", "section", "state", "op"),
)

revision = _table(
    "revision",
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
    _text("lead_id", index=True),
    _text("run"),
    _time("at"),
    _text("changes"),
)

problem = _table(
    "problem",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    _text("account"),
    _text("cause"),
    _text("object"),
    _text("record"),
    _text("lead_id", index=True),
    _text("field"),
    _text("message"),
    _text("fix"),
    _text("run"),
    _time("at"),
)

review = _table(
    "review",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    _text("kind"),
    sa.Column("subject", sa.Text, nullable=False, unique=True),
    _text("lead_id", index=True),
    _text("refs"),
    _text("question"),
    _text("run"),
    _time("at"),
    _text("answer", nullable=True),
    _later("field"),
    _later("choices", "[]"),
    _time("answered_at"),
    _later("answered_by"),
)

decision = _table(
    "decision",
    _text("left", key=True),  # two leads or two records, as `lead:ID` or `ACCOUNT:OBJECT:ID`, the smaller first
    _text("right", key=True, index=True),
    _text("verdict"),  # same | different
    _time("at"),
    _text("by"),
)

run = _table(
    "run",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    _text("kind"),
    _time("started"),
    _time("finished"),
    _text("status"),
    _text("summary"),
)

assignment = _table(
    "assignment",
    _text("lead_id", key=True),
    sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
    _time("at"),
    _text("rule"),
    _text("owner"),
    _text("queue"),
    _text("reason"),
)

suppression = _table(
    "suppression",
    _text("seal", key=True),  # keyed hash of an address of somebody who was erased
    _text("key_id"),
    _text("kind"),
    _time("since"),
    _text("reason"),
)

erasure = _table(
    "erasure",
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
    _text("erasure", index=True),
    _text("account"),
    _text("object"),
    _text("id"),
    _time("asked_at"),
    _time("done_at"),
    _text("why"),  # what kept it from being deleted so far
)

consent_event = _table(
    "consent_event",
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),  # that of its row in the trail
    sa.Column("name", sa.Text, nullable=False, unique=True),  # the hash of what it says
    _text("kind", index=True),
    _text("mailbox", index=True),
    _text("person", index=True),
    _text("document"),
    _text("salt"),
)

audit = _table(
    "audit",
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    _text("at"),
    _text("actor"),
    _text("action"),
    _text("object_hmac"),
    _text("payload_hash"),
    _text("hash"),
)
