"""Fill a database with a million deliveries, to measure pages and queries on: `python -m tests.bench.fill HOME [DELIVERIES]`."""

import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import Connection, Table, insert

from dashboard import create_app
from tasks.database import writing
from tasks.extensions import db
from tasks.models import Attempt, Delivery, Device, Notification, Recipient, Template, TemplateVersion
from tasks.models.types import utcnow

CHUNK = 10_000
COUNTRIES = ("NP", "IN", "DE", "BR", "KE")
CHANNELS = ("in_app", "push", "sms", "email")
SLUGS = ("payment_success", "rental_started", "special_offer", "otp_sms")
SPREAD = timedelta(days=30)  # the rows are this old at most, in the order of their ids


def fill(app: Flask, deliveries: int = 1_000_000, recipients: int = 100_000) -> None:
    """Write `recipients` people and `deliveries` deliveries with a notification each. The database must be migrated and empty."""
    with app.app_context(), writing() as connection:
        versions = _templates(connection)
        _insert(connection, Recipient.__table__, _recipients(recipients))
        _insert(connection, Device.__table__, _devices(recipients))
        _insert(connection, Notification.__table__, _notifications(deliveries, recipients, versions))
        _insert(connection, Delivery.__table__, _deliveries(deliveries))
        _insert(connection, Attempt.__table__, _attempts(deliveries))


def _insert(connection: Connection, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    chunk: list[dict[str, Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            connection.execute(insert(table), chunk)
            chunk = []
    if chunk:
        connection.execute(insert(table), chunk)


def _templates(connection: Connection) -> list[int]:
    template: Table = Template.__table__  # type: ignore[assignment]
    now = utcnow()
    for number, slug in enumerate(SLUGS, 1):
        connection.execute(insert(template).values(
            id=number, slug=slug, name=slug.replace("_", " ").title(), notification_type=slug, created_at=now, updated_at=now,
        ))
        connection.execute(insert(TemplateVersion).values(
            id=number, template_id=number, number=1, notification_type=slug, title="Hello {{ recipient.name }}",
            message="The amount is {{ amount }}.", created_at=now,
        ))
        connection.execute(template.update().where(template.c.id == number).values(current_version_id=number))
    return list(range(1, len(SLUGS) + 1))


def _recipients(count: int) -> Iterator[dict[str, Any]]:
    now = utcnow()
    for number in range(1, count + 1):
        yield {
            "id": number, "external_id": f"u{number}", "name": f"Person {number:06d}", "email": f"person{number}@example.org",
            "phone": f"+97798{number:08d}", "locale": "ne" if number % 2 else "en", "timezone": "Asia/Kathmandu",
            "country": COUNTRIES[number % len(COUNTRIES)], "attributes": {"plan": "gold" if number % 10 == 0 else "free"},
            "is_active": number % 100 != 0, "created_at": now - timedelta(seconds=count - number), "updated_at": now,
        }


def _devices(recipients: int) -> Iterator[dict[str, Any]]:
    now = utcnow()
    for number in range(1, recipients // 2 + 1):
        yield {
            "id": number, "recipient_id": number * 2, "token": f"token-{number:08d}-abcdefghijklmnopqrstuvwxyz",
            "kind": "token", "platform": "android" if number % 3 else "ios", "is_active": number % 20 != 0,
            "created_at": now, "updated_at": now,
        }


def _at(number: int, count: int, now: datetime) -> datetime:
    return now - SPREAD * ((count - number) / count)


def _notifications(count: int, recipients: int, versions: list[int]) -> Iterator[dict[str, Any]]:
    now = utcnow()
    for number in range(1, count + 1):
        person = (number * 7919) % recipients + 1
        yield {
            "id": number, "recipient_id": person, "template_version_id": versions[number % len(versions)],
            "title": f"Hello Person {person:06d}", "message": f"The amount is {number % 5000}.",
            "data": {"amount": number % 5000}, "created_at": _at(number, count, now),
        }


def _state(number: int) -> tuple[str, str]:
    if number % 997 == 0:
        return "failed", "gave_up"
    if number % 9973 == 0:
        return "unknown", "in_doubt"
    if number % 50 == 0:
        return "skipped", "no_device"
    if number % 99_991 == 0:
        return "bounced", "550"
    return ("delivered", "") if number % 3 == 0 else ("sent", "")


def _deliveries(count: int) -> Iterator[dict[str, Any]]:
    now = utcnow()
    for number in range(1, count + 1):
        state, reason = _state(number)
        at = _at(number, count, now)
        yield {
            "id": number, "notification_id": number, "channel": CHANNELS[number % 4], "state": state, "reason": reason,
            "detail": "250 2.0.0 Ok: queued as 4F2K" if state == "sent" else "",
            "provider": "smtp" if number % 4 == 3 else "simulator",
            "attempt_count": 1, "created_at": at, "closed_at": at + timedelta(seconds=2),
        }


def _attempts(deliveries: int) -> Iterator[dict[str, Any]]:
    now = utcnow()
    for number in range(1, deliveries + 1, 100):
        yield {
            "id": number // 100 + 1, "delivery_id": number, "number": 1, "provider": "smtp", "target": "pe…@example.org",
            "outcome": "sent", "response": "250 2.0.0 Ok: queued as 4F2K", "started_at": _at(number, deliveries, now),
            "duration_ms": 41,
        }


def main() -> None:
    """Migrate and fill HOME/carillon.db."""
    home, *count = sys.argv[1:]
    started = time.monotonic()
    app = create_app(home=home, secret_key="a-bench-secret-of-32-bytes-or-more")
    with app.app_context():
        upgrade()
        db.session.remove()
    fill(app, int(count[0]) if count else 1_000_000)
    print(f"filled {home} in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
