"""which notification numbers may still be in flight (PostgreSQL)

Every transaction that writes notifications holds, until it ends, a shared advisory lock that carries the last number drawn
before its own. `tasks.inbox.cursor` reads them: see there why an inbox cursor needs it. SQLite, with one writer at a time,
needs nothing.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# 17249 = 0x4361, the mark of these locks. The transaction's own setting keeps it to one lock however many statements it runs;
# both the setting and the lock go where a savepoint is rolled back.
FUNCTION = """
CREATE FUNCTION carillon_notifications_in_flight() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF coalesce(current_setting('carillon.in_flight', true), '') = '' THEN
    PERFORM set_config('carillon.in_flight', '1', true);
    PERFORM pg_advisory_xact_lock_shared((17249::bigint << 48) | CASE WHEN is_called THEN last_value ELSE 0 END)
      FROM notifications_id_seq;
  END IF;
  RETURN NULL;
END $$
"""
TRIGGER = """
CREATE TRIGGER notifications_in_flight BEFORE INSERT ON notifications
FOR EACH STATEMENT EXECUTE FUNCTION carillon_notifications_in_flight()
"""


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(FUNCTION)
        op.execute(TRIGGER)


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP TRIGGER notifications_in_flight ON notifications")
        op.execute("DROP FUNCTION carillon_notifications_in_flight()")
