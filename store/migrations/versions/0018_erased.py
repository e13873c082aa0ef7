"""the trail says which events were erased

Of events that are missing already nobody can tell any more whether an erasure or somebody else took them: each is noted as erased before
this version, by the migration, so that from now on a missing event without such a row is one that somebody removed.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from leads.consent import chain

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

NAMES = ("seq", "at", "actor", "action", "object_hmac", "payload_hash", "hash")
AUDIT = sa.table("audit", *map(sa.column, NAMES))
EVENT = sa.table("consent_event", sa.column("seq"))


def upgrade() -> None:
    connection = op.get_bind()
    gone = AUDIT.c.seq.not_in(sa.select(EVENT.c.seq))
    missing = connection.execute(sa.select(AUDIT.c.object_hmac, AUDIT.c.payload_hash).where(gone).order_by(AUDIT.c.seq)).all()
    last = connection.execute(sa.select(AUDIT.c.seq, AUDIT.c.hash).order_by(AUDIT.c.seq.desc()).limit(1)).first()
    if last is None:
        return
    head = bytes.fromhex(last.hash)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    for seq, row in enumerate(missing, last.seq + 1):
        facts = {"seq": seq, "at": at, "actor": "migration:0018", "action": "consent.erased", **row._mapping}
        head = chain.linked(head, facts)
        connection.execute(sa.insert(AUDIT), {**facts, "hash": head.hex()})


def downgrade() -> None:
    """Rows of the trail stay: they are true, and taking them out would break the chain."""
