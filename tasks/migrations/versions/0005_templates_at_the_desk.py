"""templates at the desk: what the editor keeps beside a version

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

VERSION_INDEX = "ix_notifications_template_version_id"


def added() -> list[tuple[str, sa.Column]]:
    """New columns each time: a column belongs to one table for ever."""
    return [
        ("template_versions", sa.Column("email_format", sa.Text(), nullable=False, server_default="html")),
        ("template_versions", sa.Column("email_source", sa.Text(), nullable=False, server_default="")),
        ("rules", sa.Column("version", sa.Integer(), nullable=False, server_default="1")),
    ]


def upgrade() -> None:
    for table, column in added():
        op.add_column(table, column)
    op.create_index(VERSION_INDEX, "notifications", ["template_version_id", "id"])


def downgrade() -> None:
    op.drop_index(VERSION_INDEX, table_name="notifications")
    for table, column in reversed(added()):
        op.drop_column(table, column.name)
