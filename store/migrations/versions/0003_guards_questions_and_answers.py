"""guards, questions and answers"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "decision",
        sa.Column("left", sa.Text(), nullable=False),
        sa.Column("right", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("left", "right", name=op.f("pk_decision")),
    )
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_decision_right"), ["right"], unique=False)
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rebased", sa.Text(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("scope", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("emptied", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.add_column(sa.Column("clears", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("lead", schema=None) as batch_op:
        batch_op.add_column(sa.Column("asked", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("review", schema=None) as batch_op:
        batch_op.add_column(sa.Column("field", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("choices", sa.Text(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("answered_at", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("answered_by", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    for table, columns in (
        ("review", ("answered_by", "answered_at", "choices", "field")),
        ("lead", ("asked",)),
        ("journal", ("clears",)),
        ("account", ("emptied", "scope", "rebased")),
    ):
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.drop_column(column)
    op.drop_table("decision")
