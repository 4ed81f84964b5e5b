"""people and the delivery log: when receipts came, what a message is a repeat of, and indexes to find them by

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

BigKey = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ENDED_BADLY = sa.text("state in ('failed', 'unknown', 'bounced', 'expired', 'cancelled')")
REPEATS = sa.text("resent_from is not null")

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("receipt_at", sa.DateTime(timezone=True)))
    op.add_column("notifications", sa.Column("resent_from", BigKey))
    op.create_index(
        "ix_deliveries_ended_badly", "deliveries", ["state", "id"], postgresql_where=ENDED_BADLY, sqlite_where=ENDED_BADLY
    )
    op.create_index(
        "ix_notifications_resent_from", "notifications", ["resent_from"], postgresql_where=REPEATS, sqlite_where=REPEATS
    )


def downgrade() -> None:
    op.drop_index("ix_notifications_resent_from", "notifications")
    op.drop_index("ix_deliveries_ended_badly", "deliveries")
    op.drop_column("notifications", "resent_from")
    op.drop_column("deliveries", "receipt_at")
