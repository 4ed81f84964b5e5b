"""test sends: messages that operators send to try a template, where to; names searched by their beginning

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def added() -> list[tuple[str, sa.Column]]:
    """New columns each time: a column belongs to one table for ever."""
    return [
        ("notifications", sa.Column("is_trial", sa.Boolean(), nullable=False, server_default=sa.text("false"))),
        ("operators", sa.Column("test_email", sa.Text(), nullable=False, server_default="")),
        ("operators", sa.Column("test_phone", sa.Text(), nullable=False, server_default="")),
        ("operators", sa.Column("test_group", sa.Text(), nullable=False, server_default="")),
    ]


def upgrade() -> None:
    for table, column in added():
        op.add_column(table, column)
    name = sa.func.lower(sa.column("name")).label("lower_name")
    op.create_index("ix_recipients_name", "recipients", [name], postgresql_ops={"lower_name": "text_pattern_ops"})


def downgrade() -> None:
    op.drop_index("ix_recipients_name", table_name="recipients")
    for table, column in reversed(added()):
        op.drop_column(table, column.name)
