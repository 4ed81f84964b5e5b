"""the safety catch: approval, canary, undo

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

TROUBLE = sa.text("state in ('failed', 'unknown', 'bounced')")

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def added() -> list[sa.Column]:
    """New columns of broadcasts, each time: a column belongs to one table for ever."""
    return [
        sa.Column("undo_until", sa.DateTime(timezone=True)),
        sa.Column("canary_people", sa.Integer()),
        sa.Column("canary_share", sa.Double()),
        sa.Column("canary_wait", sa.Integer()),
        sa.Column("canary_verdict", sa.Text(), nullable=False, server_default=""),
        sa.Column("canary_settled_at", sa.DateTime(timezone=True)),
        sa.Column("canary_ended_at", sa.DateTime(timezone=True)),
    ]


def _trouble_index(*columns: str) -> None:
    """The failed of a broadcast in their order: a file of them is read page by page by it."""
    op.drop_index("ix_deliveries_trouble", "deliveries")
    op.create_index("ix_deliveries_trouble", "deliveries", list(columns), postgresql_where=TROUBLE, sqlite_where=TROUBLE)


def upgrade() -> None:
    _trouble_index("broadcast_id", "state", "id")
    for column in added():
        op.add_column("broadcasts", column)
    op.create_table(
        "broadcast_approvals",
        sa.Column("broadcast_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("plan_hash", sa.Text(), nullable=False),
        sa.Column("audience_count", sa.Integer()),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("barred", Json, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("difference", Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["broadcast_id"], ["broadcasts.id"], name=op.f("fk_broadcast_approvals_broadcast_id_broadcasts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("broadcast_id", "number", name=op.f("pk_broadcast_approvals")),
    )


def downgrade() -> None:
    _trouble_index("broadcast_id", "state")
    op.drop_table("broadcast_approvals")
    for column in reversed(added()):
        op.drop_column("broadcasts", column.name)
