"""segments and imports: an index that counts segments without reading people, and files on their way in

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
AT_WORK = sa.text("state in ('checking', 'writing')")
COUNTS = ("total", "read", "good", "bad", "saved", "joined", "left")
RULES, SINCE, ACTIVE = "ix_recipients_rules", "ix_recipients_created_at", "ix_devices_active"

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("segment_id", sa.Integer()),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("file_name",)),
        sa.Column("size", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("encoding", "delimiter")),
        sa.Column("columns", Json, nullable=False),
        sa.Column("creates", sa.Boolean(), nullable=False),
        sa.Column("replaces", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in COUNTS),
        sa.Column("lease_token", sa.Text()),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["segment_id"], ["segments.id"], name=op.f("fk_imports_segment_id_segments"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_imports_segment_id"), "imports", ["segment_id"])
    op.create_index("ix_imports_at_work", "imports", ["state"], postgresql_where=AT_WORK, sqlite_where=AT_WORK)
    _of_import("import_parts", "number", sa.Column("number", sa.Integer(), nullable=False), sa.Column(
        "data", sa.LargeBinary(), nullable=False))
    _of_import("import_faults", "line", sa.Column("line", sa.Integer(), nullable=False), *(
        sa.Column(name, sa.Text(), nullable=False) for name in ("column", "detail", "remedy")))
    _of_import("import_members", "recipient_id", sa.Column("recipient_id", sa.Integer(), nullable=False), sa.ForeignKeyConstraint(
        ["recipient_id"], ["recipients.id"], name=op.f("fk_import_members_recipient_id_recipients"), ondelete="CASCADE"))
    op.create_index(RULES, "recipients", ["country", "locale", "timezone", "is_active", "created_at"])
    op.drop_index(SINCE, "recipients")
    op.create_index(SINCE, "recipients", ["created_at", "is_active", "country", "locale", "timezone"])
    _active_devices("is_active = 1")  # SQLite saw no use for it: queries there say "= 1"


def downgrade() -> None:
    _active_devices("is_active")
    op.drop_index(SINCE, "recipients")
    op.create_index(SINCE, "recipients", ["created_at"])
    op.drop_index(RULES, "recipients")
    for table in ("import_members", "import_faults", "import_parts", "imports"):
        op.drop_table(table)


def _active_devices(sqlite_where: str) -> None:
    op.drop_index(ACTIVE, "devices")
    where = {"postgresql_where": sa.text("is_active"), "sqlite_where": sa.text(sqlite_where)}
    op.create_index(ACTIVE, "devices", ["recipient_id"], **where)


def _of_import(table: str, key: str, *columns: sa.schema.SchemaItem) -> None:
    """A table whose rows belong to an import and go with it."""
    op.create_table(
        table,
        sa.Column("import_id", sa.Integer(), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name=op.f(f"fk_{table}_import_id_imports"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("import_id", key, name=op.f(f"pk_{table}")),
    )
