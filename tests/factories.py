"""Rows that tests start from, made through the product's own code where it has any."""

import pytest
from sqlalchemy import Table, insert, select

from tasks import templates
from tasks.extensions import db
from tasks.models import Delivery, Device, Notification, Recipient, Rule, Template

# Databases of `any_app` where several processes share one: that SQLite bears them too is a question for the long run.
MOSTLY_POSTGRES = [pytest.param("postgres", marks=pytest.mark.postgres), pytest.param("sqlite", marks=pytest.mark.long)]
FRESH = "UPDATE installation SET figures_at = NULL, figures_done = NULL"
SERIAL = {table.name for table in db.metadata.sorted_tables if table.autoincrement_column is not None}


def template(
    slug="payment_success", notification_type=None, title="Payment of ₹{{ amount }}", message="Thank you.", **parts
) -> Template:
    """A template with one version, in force."""
    made = templates.create(slug, slug, notification_type or slug, title=title, message=message, actor="test", **parts)
    db.session.commit()
    return made


def rule(notification_type="payment_success", channels=("email",), **values) -> Rule:
    """A rule for a type."""
    made = Rule(notification_type=notification_type, channels=list(channels), **values)
    db.session.add(made)
    db.session.commit()
    return made


def person(external_id="42", *, tokens=(), **values) -> Recipient:
    """One recipient, with devices."""
    made = Recipient(external_id=external_id, **values)
    made.devices = [Device(token=token) for token in tokens]
    db.session.add(made)
    db.session.commit()
    return made


def people(count, *, start=0, **values) -> None:
    """Many recipients, u0@example.test and so on, with the ids start, start+1, ..."""
    rows = [
        {
            "external_id": str(n),
            "name": f"Person {n}",
            "email": f"u{n}@example.test",
            "attributes": {},
            "is_active": True,
            **values,
        }
        for n in range(start, start + count)
    ]
    with db.engine.begin() as connection:
        connection.execute(insert(Recipient), rows)


def deliveries(channel=None) -> list[Delivery]:
    """All deliveries as they are in the database now."""
    db.session.expire_all()
    found = select(Delivery).order_by(Delivery.pk)
    return list(db.session.scalars(found.where(Delivery.channel == channel) if channel else found))


def notifications() -> list[Notification]:
    """All notifications as they are in the database now."""
    db.session.expire_all()
    return list(db.session.scalars(select(Notification).order_by(Notification.pk)))


def due_now() -> None:
    """Bring every waiting retry forward to this moment."""
    with db.engine.begin() as connection:
        connection.execute(Delivery.__table__.update().values(next_attempt_at=Delivery.created_at))


def empty() -> None:
    """Remove every row but the installation's, of which only the key stays."""
    tables = [table for table in reversed(db.metadata.sorted_tables) if table.name != "installation"]
    with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Not TRUNCATE: for a handful of rows it costs a file system's work for each table.
            connection.exec_driver_sql("; ".join((*(_emptied(table) for table in tables), FRESH)))
            return
        for table in tables:
            connection.execute(table.delete())


def _emptied(table: Table) -> str:
    serial = f"; SELECT setval('{table.name}_id_seq', 1, false)" if table.name in SERIAL else ""
    return f"DELETE FROM {table.name}{serial}"
