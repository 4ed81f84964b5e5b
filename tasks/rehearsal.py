"""Trying a call: everything is checked, rendered and routed by the code that sends, and nothing is written or sent.

A rehearsal says for each person and channel what would happen, why, and in which words the message would arrive.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select

from tasks import broadcasts, explain, timetable
from tasks.audience import segments
from tasks.database import reading
from tasks.entries import SendRequest, look_at, rehearse
from tasks.errors import CarillonError
from tasks.models import Recipient
from tasks.models.words import CHANNELS, IN_APP, QUEUED, SENT
from tasks.options import SendOptions
from tasks.plan import Plan, load
from tasks.record import Entry
from tasks.record_same import why_not
from tasks.render import Rendered
from tasks.send import check_rights

SAMPLE = 3  # people of a broadcast's audience who are shown


def rehearse_people(
    requests: Sequence[SendRequest], template_slug: str, context: Mapping[str, Any], options: SendOptions
) -> list[dict[str, Any] | CarillonError]:
    """What `tasks.send.submit` would do for each of `requests` (at most 1,000): its channels, or why there is nothing to do.

    Raises what concerns the whole call.
    """
    with reading() as connection:
        plan = load(connection, template_slug)
    check_rights(plan, template_slug, requests, options)
    found = rehearse(requests, plan, context, options)
    return [
        entry if isinstance(entry, CarillonError) else _person(plan, template_slug, entry, request, options)
        for entry, request in zip(found, requests, strict=True)
    ]


def rehearse_broadcast(
    audience: Any, template_slug: str, context: Mapping[str, Any], options: SendOptions
) -> dict[str, Any]:
    """What `tasks.send.start_broadcast` would do: when, how many people, how many on each channel, and some of them in full."""
    checked = broadcasts.check(audience, template_slug, context, options)
    row, plan = checked.row, checked.plan
    timetable.refuse(row, row["created_at"])
    copied_later = checked.audience.definition == segments.SOURCE
    rings = plan.policy.channels if options.channels is None else options.channels
    reach = {} if copied_later else _reach(checked.audience.where(), plan, rings)
    people = [] if copied_later else _some(checked.audience.where())
    return {
        "dry_run": True, "template_name": template_slug, "notification_type": plan.notification_type, "is_test": row["is_test"],
        "audience_label": row["audience_label"], "audience_count": None if copied_later else sum(reach[IN_APP].values()),
        "status": row["state"], **{name: _iso(row[name]) for name in ("send_at", "opens_at", "expires_at")},
        "reach": reach,
        "sample": [
            found for found in rehearse_people([SendRequest(one) for one in people], template_slug, context, options)
            if not isinstance(found, CarillonError)
        ] if people else [],
    }


def what_if(user: object, template_slug: str, options: SendOptions) -> dict[str, Any]:
    """What would become of each channel for a person now, whatever the variables: {recipient_id, ..., channels}.

    Raises UnknownTemplate, InactiveTemplate, InvalidRecipient, UnknownRecipient, NotAllowed.
    """
    with reading() as connection:
        plan = load(connection, template_slug)
    check_rights(plan, template_slug, [SendRequest(user)], options)
    person, decisions = look_at(user, plan, options.channels)
    is_test = options.rights is not None and options.rights.is_test
    return {
        **_about(plan, template_slug, person.external_id, is_test),
        "channels": explain.foresee(plan, decisions, options.channels, is_test=is_test),
    }


def _person(plan: Plan, slug: str, entry: Entry, request: SendRequest, options: SendOptions) -> dict[str, Any]:
    forced = options.channels if request.channels is None else request.channels
    is_test = options.rights is not None and options.rights.is_test
    lines = explain.foresee(plan, entry.decisions, forced, is_test=is_test)
    return {
        "dry_run": True, **_about(plan, slug, entry.person.external_id, is_test),
        "channels": [{**line, **_texts(line, entry.rendered)} for line in lines],
    }


def _about(plan: Plan, slug: str, recipient_id: str, is_test: bool) -> dict[str, Any]:
    return {
        "recipient_id": recipient_id, "template_name": slug, "notification_type": plan.notification_type, "is_test": is_test
    }


def _texts(line: Mapping[str, Any], rendered: Rendered) -> dict[str, str]:
    """The title and the text that a channel would show; empty where it does not ring."""
    if line["status"] not in {QUEUED, SENT}:
        return {"title": "", "message": ""}
    match line["channel"]:
        case "email":
            return {"title": rendered.email_subject, "message": rendered.email_text}
        case "sms":
            return {"title": "", "message": rendered.sms_text}
    return {"title": rendered.title, "message": rendered.message}


def _reach(where: Any, plan: Plan, rings: Sequence[str]) -> dict[str, dict[str, int]]:
    """{channel: {"queued": people whom it would ring, a reason: people whom it would not}} now."""
    found: dict[str, dict[str, int]] = {}
    with reading() as connection:
        for channel in (name for name in CHANNELS if name == IN_APP or name in rings):
            if channel == IN_APP:
                found[channel] = {SENT: connection.execute(select(func.count()).select_from(Recipient).where(where)).scalar_one()}
                continue
            reason = why_not(channel, plan.policy.mandatory).label("reason")
            people = select(reason).where(where).subquery()
            counted = select(people.c.reason, func.count()).group_by(people.c.reason)
            rows = connection.execute(counted, {"type": plan.notification_type})
            found[channel] = {word or QUEUED: count for word, count in rows}
    return found


def _some(where: Any) -> Sequence[str]:
    with reading() as connection:
        return connection.execute(select(Recipient.external_id).where(where).order_by(Recipient.id).limit(SAMPLE)).scalars().all()


def _iso(moment: Any) -> str | None:
    return moment.isoformat() if moment is not None else None
