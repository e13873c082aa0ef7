"""leads that became one, and leads that became two"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "joining",
        sa.Column("n", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("kept", sa.Text(), nullable=False),
        sa.Column("gone", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_joining")),
    )
    with op.batch_alter_table("joining", schema=None) as batch_op:
        for column in ("run", "kept", "gone"):
            batch_op.create_index(batch_op.f(f"ix_joining_{column}"), [column], unique=False)
    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.add_column(sa.Column("loser", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.drop_column("loser")
    op.drop_table("joining")
