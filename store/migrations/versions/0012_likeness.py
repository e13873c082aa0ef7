"""what of leads is compared"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The tables stay empty: the next run sees that they are, and fills them before it compares anybody."""
    op.create_table(
        "likeness",
        sa.Column("n", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("seal", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.LargeBinary(), nullable=False),
        sa.Column("keys", sa.LargeBinary(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("crms", sa.Text(), nullable=False),
        sa.Column("due", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_likeness")),
        sa.UniqueConstraint("lead_id"),
    )
    op.create_index("ix_likeness_due", "likeness", ["n"], sqlite_where=sa.text("due"), postgresql_where=sa.text("due"))
    op.create_table(
        "likeness_key",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lead", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key", "lead", name=op.f("pk_likeness_key")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "likeness_count",
        sa.Column("value", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("value", "part", name=op.f("pk_likeness_count")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in ("likeness_count", "likeness_key", "likeness"):
        op.drop_table(table)
