"""services and apps: kinds of keys, webhooks, test messages, archive, escalation

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
BigKey = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TESTS = sa.text("is_test")
WAITING = sa.text("state in ('queued', 'retrying', 'sending')")

UNREAD_BEFORE = sa.text("read_at is null and deleted_at is null")
UNREAD = sa.text("read_at is null and archived_at is null and deleted_at is null")

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def added() -> list[tuple[str, sa.Column]]:
    """New columns each time: a column belongs to one table for ever."""
    return [
        ("api_keys", sa.Column("kind", sa.Text(), nullable=False, server_default="live")),
        ("api_keys", sa.Column("templates", Json)),
        ("api_keys", sa.Column("channels", Json)),
        ("api_keys", sa.Column("rate_per_minute", sa.Integer())),
        ("api_keys", sa.Column("rotated_from", sa.Integer())),
        ("api_keys", sa.Column("family", sa.Integer())),
        ("idempotency_keys", sa.Column("body", sa.Text())),
        ("broadcasts", sa.Column("is_test", sa.Boolean(), nullable=False, server_default=sa.text("false"))),
        ("notifications", sa.Column("archived_at", sa.DateTime(timezone=True))),
        ("notifications", sa.Column("is_test", sa.Boolean(), nullable=False, server_default=sa.text("false"))),
        ("deliveries", sa.Column("unless", sa.Text())),
        ("rules", sa.Column("offline_only", Json, nullable=False, server_default="[]")),
        ("rules", sa.Column("escalate", Json, nullable=False, server_default="{}")),
    ]


def upgrade() -> None:
    for table, column in added():
        op.add_column(table, column)
    _unread_index(UNREAD)
    op.create_table(
        "inbox_changes",
        sa.Column("recipient_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["recipient_id"], ["recipients.id"], name=op.f("fk_inbox_changes_recipient_id_recipients"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("recipient_id", name=op.f("pk_inbox_changes")),
    )
    op.create_index(op.f("ix_inbox_changes_changed_at"), "inbox_changes", ["changed_at"])
    op.create_index("ix_notifications_tests", "notifications", ["id"], postgresql_where=TESTS, sqlite_where=TESTS)
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("events", Json, nullable=False),
        sa.Column("secrets", Json, nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("off_reason", sa.Text(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True)),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_table(
        "webhook_calls",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("webhook_id", sa.Integer(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_token", sa.Text()),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("status", sa.Integer()),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_webhook_calls_webhook_id_webhooks"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_calls")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_webhook_calls_waiting", "webhook_calls", ["next_attempt_at"], postgresql_where=WAITING, sqlite_where=WAITING
    )
    op.create_index("ix_webhook_calls_webhook_id", "webhook_calls", ["webhook_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_notifications_tests", "notifications")
    op.drop_table("webhook_calls")
    op.drop_table("webhooks")
    op.drop_table("inbox_changes")
    _unread_index(UNREAD_BEFORE)
    for table, column in reversed(added()):
        op.drop_column(table, column.name)


def _unread_index(where: sa.TextClause) -> None:
    op.drop_index("ix_notifications_unread", table_name="notifications")
    op.create_index("ix_notifications_unread", "notifications", ["recipient_id"], postgresql_where=where, sqlite_where=where)
