"""The demo's story: a day of a power bank rental, through the door that everybody uses. It plays once."""

from datetime import timedelta

from sqlalchemy import select

from dashboard.demo.load import ACTOR
from dashboard.demo.texts import RULES
from tasks.channels import provider_name
from tasks.config import settings
from tasks.extensions import db
from tasks.models import Broadcast
from tasks.models.types import utcnow
from tasks.models.words import PUSH, SMS
from tasks.options import SendOptions
from tasks.send import broadcast, notify


def play() -> bool:
    """Queue the story's messages, unless that was done before: a payment, a rental, a code, two payments that meet trouble, and
    an offer to a segment. A worker sends them. Returns whether it played.

    Made-up telephones and devices are never given to real providers. The e-mail addresses cannot belong to anybody.
    """
    if db.session.scalar(select(Broadcast.pk).where(Broadcast.created_by == ACTOR).limit(1)) is not None:
        return False
    _payment("demo-1", 1250, "eSewa")
    notify(
        "demo-2", "rental_started", True, options=_options("rental_started", "rental"),
        powerbank_id="PB-2041", station_name="Thamel Chowk", rental_time="09:15",
    )
    notify("demo-3", "otp_sms", True, options=_options("otp_verification", "code"), otp="482913")
    _payment("demo-fails-once", 480, "Khalti")
    _payment("demo-bounce", 75, "Khalti")
    broadcast(
        "nepal", "special_offer", options=_options("special_offer", "offer"), offer_title="Dashain: 30% off every rental",
        offer_code="DASHAIN30", expiry_date=f"{utcnow() + timedelta(days=10):%d %B %Y}",
    )
    return True


def _payment(person: str, amount: int, gateway: str) -> None:
    notify(
        person, "payment_success", True, options=_options("payment_success", f"payment-{person}"), amount=amount, gateway=gateway
    )


def _options(notification_type: str, step: str) -> SendOptions:
    """Each step happens once, even where the first try at the story broke off in the middle."""
    real = [channel for channel in (PUSH, SMS) if provider_name(channel, settings()) != "simulator"]
    by_rule = next(rule["channels"] for rule in RULES if rule["notification_type"] == notification_type)
    channels = tuple(channel for channel in by_rule if channel not in real) if real else None
    return SendOptions(channels=channels, idempotency_key=step, idempotency_scope=ACTOR, actor=ACTOR)
