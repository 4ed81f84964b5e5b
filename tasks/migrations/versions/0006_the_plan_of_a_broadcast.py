"""the plan of a broadcast: what a dry run found, and what a send is held to

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
IdList = sa.Text().with_variant(postgresql.ARRAY(sa.Integer()), "postgresql")

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "send_plans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("terms", Json, nullable=False),
        sa.Column("audience_digest", sa.Text(), nullable=False),
        sa.Column("audience_count", sa.Integer()),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_send_plans")),
        sa.UniqueConstraint("hash", name=op.f("uq_send_plans_hash")),
    )
    op.create_table(
        "send_plan_pages",
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("last_id", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("people", IdList, nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["send_plans.id"], name=op.f("fk_send_plan_pages_plan_id_send_plans"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("plan_id", "last_id", name=op.f("pk_send_plan_pages")),
    )
    op.add_column("broadcasts", sa.Column("plan_hash", sa.Text()))


def downgrade() -> None:
    op.drop_column("broadcasts", "plan_hash")
    op.drop_table("send_plan_pages")
    op.drop_table("send_plans")
