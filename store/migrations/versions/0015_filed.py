"""who is found by what is compared of them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Whoever is there was filed as he came."""
    op.add_column("likeness", sa.Column("filed", sa.Boolean(), nullable=False, server_default=sa.true()))


def downgrade() -> None:
    op.execute("delete from likeness where not filed")
    with op.batch_alter_table("likeness", schema=None) as batch_op:
        batch_op.drop_column("filed")
