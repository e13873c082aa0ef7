"""what is looked at often: indexes that answer without reading the rows"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_lead_work", "lead", ["id", "due"], unique=False)
    op.create_index("ix_link_count", "link", ["account", "object", "state"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_link_count", table_name="link")
    op.drop_index("ix_lead_work", table_name="lead")
