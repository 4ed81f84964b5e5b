"""Test sends: an operator tries a message on themselves or on a small group. By the real path and providers, with a mark in
its text; in the log as a test, and in no figure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from tasks.accept import Accepted, Rejected
from tasks.audience import segments
from tasks.audience.recipients import find
from tasks.database import reading
from tasks.entries import SendRequest
from tasks.errors import InvalidAudience, InvalidOption, RateLimited
from tasks.extensions import db
from tasks.ledger import rate
from tasks.ledger.rate import Limit
from tasks.models import Operator, Recipient, Template, TemplateVersion
from tasks.options import SendOptions
from tasks.plan import load_version
from tasks.rendering.limits import EMAIL_SUBJECT, MESSAGE, PARTS, SMS_TEXT, TITLE
from tasks.send import submit_plan

MARK = "[Test] "
MOST = 20  # people of one test send
AN_HOUR = 60  # people an operator's test sends may reach
EXPIRES_IN = 3_600.0  # seconds: who tries a message looks at it now


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried: a template, its finished texts, the variables, the person whom the template reads, and the channels."""

    template: Template
    sources: Mapping[str, str]
    data: Mapping[str, Any]
    read_as: Mapping[str, Any] | None
    channels: tuple[str, ...]


def send_to_self(trial: Trial, operator: Operator, token: str) -> list[Accepted | Rejected]:
    """Send the operator the message, to the addresses of their profile. `token`: a second call with it sends nothing more.

    Raises CarillonError: the data is bad, the template fails, or the hour's test sends are used up.
    """
    _refuse_nothing(trial)
    return _send(trial, operator, [_own(operator)], token)


def send_to_group(trial: Trial, operator: Operator, token: str) -> list[Accepted | Rejected]:
    """Send the operator's test group the message, at most MOST people. As `send_to_self`; each gets their own rendering.

    Raises InvalidAudience where there is no group, nobody is in it, or too many.
    """
    _refuse_nothing(trial)
    return _send(replace(trial, read_as=None), operator, group(operator, trial.template.notification_type), token)


def group(operator: Operator, notification_type: str = "") -> list[str]:
    """The ids of the people in the operator's test group. Raises InvalidAudience, UnknownAudience."""
    if not operator.test_group:
        remedy = "Choose a segment as your test group in your profile."
        raise InvalidAudience("You have no test group.", field="to", remedy=remedy)
    where = segments.resolve_audience(operator.test_group, notification_type).where()
    with reading() as connection:
        found = connection.scalars(select(Recipient.external_id).where(where).order_by(Recipient.id).limit(MOST + 1)).all()
    if not found:
        raise InvalidAudience("Nobody is in your test group.", field="to", remedy="Add people to it, or test on yourself.")
    if len(found) > MOST:
        remedy = f"A test group has at most {MOST}: choose a smaller segment in your profile."
        raise InvalidAudience(f"More than {MOST} people are in your test group.", field="to", remedy=remedy)
    return list(found)


def marked(sources: Mapping[str, str]) -> dict[str, str]:
    """The texts with the mark where each channel shows it first: title, subject, SMS."""
    sms = sources.get(SMS_TEXT) or sources[MESSAGE]
    texts = {
        **sources, TITLE: MARK + sources[TITLE], SMS_TEXT: MARK + sms,
        EMAIL_SUBJECT: MARK + sources[EMAIL_SUBJECT] if sources.get(EMAIL_SUBJECT) else "",
    }
    return {name: texts.get(name) or "" for name in PARTS}


def _send(trial: Trial, operator: Operator, people: Sequence[str], token: str) -> list[Accepted | Rejected]:
    version = _version(trial.template, marked(trial.sources), operator.email)
    options = SendOptions(
        channels=trial.channels, trial=True, priority=0, expires_in=EXPIRES_IN, actor=operator.email,
        idempotency_key=token, idempotency_scope=f"trial {operator.id}", body_hash=f"{version} {sorted(people)}",
    )
    with reading() as connection:
        plan = load_version(connection, version)
    plan.version.rehearse(trial.data, PARTS)  # what is missing for everybody is said before an hour's share is spent
    limit = Limit(f"trial:{operator.id:09}", AN_HOUR / 60, burst=AN_HOUR)
    grant = rate.take(limit, len(people), whole=True)
    if not grant.granted:
        raise RateLimited(
            f"Your test sends have reached {AN_HOUR} people within an hour.", "trial", field="to", seconds=int(grant.wait) + 1,
            remedy=f"Wait {int(grant.wait / 60) + 1} minutes.",
        )
    requests, used = [SendRequest(person, read_as=trial.read_as) for person in people], False
    try:
        batch = submit_plan(requests, plan, trial.data, options, now=False)
        used = not batch.replayed
    finally:
        rate.give_back(limit, 0 if used else len(people))
    return batch.answers


def _refuse_nothing(trial: Trial) -> None:
    if not any(trial.sources.values()):
        raise InvalidOption("There is no text yet.", field="to", remedy="Write a title and a message first.")


def _own(operator: Operator) -> str:
    """The id of the operator's own row among the recipients: off for everything but test sends, and in no audience."""
    external_id = f"operator:{operator.id}"
    row = find(external_id) or Recipient(external_id=external_id, is_active=False)
    row.name, row.email, row.phone = operator.name, operator.test_email or operator.email, operator.test_phone
    row.timezone, row.is_active = operator.timezone, False
    db.session.add(row)
    try:
        db.session.commit()
    except IntegrityError:  # made by another press a moment ago
        db.session.rollback()
    return external_id


def _version(template: Template, parts: Mapping[str, str], actor: str) -> int:
    """A version of its own for these texts, so that they stay as they were sent. Its number is below 0: no editor lists it."""
    of_tests = (TemplateVersion.template_id == template.id, TemplateVersion.number < 0)
    same = [getattr(TemplateVersion, name) == text for name, text in parts.items()]
    same.append(TemplateVersion.notification_type == template.notification_type)
    known = db.session.scalar(select(TemplateVersion.id).where(*of_tests, *same).limit(1))
    if known is not None:
        return known
    lowest = db.session.scalar(select(func.min(TemplateVersion.number)).where(*of_tests)) or 0
    made = TemplateVersion(
        template_id=template.id, number=lowest - 1, notification_type=template.notification_type, created_by=actor, **parts
    )
    db.session.add(made)
    try:
        db.session.commit()
    except IntegrityError:  # two tests at once: the other one took the number
        db.session.rollback()
        return _version(template, parts, actor)
    return made.id
