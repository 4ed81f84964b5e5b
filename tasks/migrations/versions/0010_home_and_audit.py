"""home and audit: figures of quarters, settings as last seen, an operator's own wishes, the audit by who and what

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def added() -> list[tuple[str, sa.Column]]:
    """New columns each time: a column belongs to one table for ever."""
    return [
        ("operators", sa.Column("theme", sa.Text(), nullable=False, server_default="")),
        ("operators", sa.Column("shortcuts", sa.Boolean(), nullable=False, server_default=sa.text("true"))),
        ("installation", sa.Column("figures_at", sa.DateTime(timezone=True))),
        ("installation", sa.Column("figures_done", sa.DateTime(timezone=True))),
    ]


def upgrade() -> None:
    for table, column in added():
        op.add_column(table, column)
    op.create_table(
        "figures",
        sa.Column("quarter", sa.DateTime(timezone=True), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("retried", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("waits", Json, nullable=False),
        sa.PrimaryKeyConstraint("quarter", "channel", name=op.f("pk_figures")),
    )
    op.create_table(
        "seen_settings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_seen_settings")),
    )
    op.create_index("ix_audit_entries_actor", "audit_entries", ["actor", "id"])


def downgrade() -> None:
    op.drop_index("ix_audit_entries_actor", "audit_entries")
    op.drop_table("seen_settings")
    op.drop_table("figures")
    for table, column in reversed(added()):
        op.drop_column(table, column.name)
