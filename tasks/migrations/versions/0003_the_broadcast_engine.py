"""the broadcast engine: schedule, window, rate, rounds, limits

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def broadcast_columns() -> list[sa.Column]:
    """New ones each time: a column belongs to one table for ever."""
    return [
        sa.Column("send_at_local", sa.Text()),
        sa.Column("timezone", sa.Text(), nullable=False, server_default=""),
        sa.Column("window_start", sa.Text()),
        sa.Column("window_end", sa.Text()),
        sa.Column("opens_at", sa.DateTime(timezone=True)),
        sa.Column("closes_at", sa.DateTime(timezone=True)),
        sa.Column("rate_per_minute", sa.Integer()),
        sa.Column("pause_reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("pause_baseline", Json),
        sa.Column("round", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("expanded_count", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("frozen_at", sa.DateTime(timezone=True)),
    ]


def upgrade() -> None:
    for column in broadcast_columns():
        op.add_column("broadcasts", column)
    op.add_column("deliveries", sa.Column("round", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("attempts", sa.Column("round", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("installation", sa.Column("clock_steps", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "broadcast_pages",
        sa.Column("broadcast_id", sa.Integer(), nullable=False),
        sa.Column("last_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("people", sa.Text().with_variant(postgresql.ARRAY(sa.Integer()), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(
            ["broadcast_id"], ["broadcasts.id"], name=op.f("fk_broadcast_pages_broadcast_id_broadcasts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("broadcast_id", "last_id", name=op.f("pk_broadcast_pages")),
    )
    op.create_table(
        "broadcast_rounds",
        sa.Column("broadcast_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("chosen", Json, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["broadcast_id"], ["broadcasts.id"], name=op.f("fk_broadcast_rounds_broadcast_id_broadcasts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("broadcast_id", "number", name=op.f("pk_broadcast_rounds")),
    )
    op.create_table(
        "rate_limits",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("free_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rate_limits")),
    )


def downgrade() -> None:
    op.drop_table("rate_limits")
    op.drop_table("broadcast_rounds")
    op.drop_table("broadcast_pages")
    op.drop_column("installation", "clock_steps")
    op.drop_column("attempts", "round")
    op.drop_column("deliveries", "round")
    for column in reversed(broadcast_columns()):
        op.drop_column("broadcasts", column.name)
