"""Trying a call: everything is checked, rendered and routed by the code that sends, and nothing is written or sent.

A rehearsal says for each person and channel what would happen, why, and in which words the message would arrive.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks import explain
from tasks.database import reading
from tasks.entries import SendRequest, look_at, rehearse
from tasks.errors import CarillonError
from tasks.forecast.terms import price_of
from tasks.models.words import QUEUED, SENT
from tasks.options import SendOptions
from tasks.plan import Plan, load
from tasks.prospect import forecast
from tasks.record import Entry
from tasks.render import Rendered
from tasks.send import check_rights


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
    """What `tasks.send.start_broadcast` would do: to whom, how many on each channel, why not for the others, what it costs, how
    long it takes, and some people in full. Its `plan_hash` holds a send to exactly this; nothing but the plan is stored.
    """
    found = forecast(audience, template_slug, context, options)
    row, texts = found.row, found.texts
    people = [SendRequest(one) for one in found.some]
    return {
        "dry_run": True, "template_name": template_slug, "notification_type": found.plan.notification_type,
        "is_test": row["is_test"], "audience_label": row["audience_label"],
        "audience_count": found.people.count if found.people else None,
        "status": row["state"], **{name: _iso(row[name]) for name in ("send_at", "opens_at", "expires_at")},
        "plan_hash": found.plan_hash,
        "reach": found.reach,
        "skips": [
            {"channel": one.channel, "status": one.state, "reason": one.reason, "count": one.count, "explanation": one.words}
            for one in found.skips
        ],
        "texts": {"looked_at": texts.looked_at, "is_sample": texts.is_sample, "failing": [
            {"recipient_id": who, "detail": why} for who, why in texts.examples
        ]},
        "sms": {
            "messages": texts.sms.total(), "segments": texts.segments, "cost": price_of(texts.segments),
            "sizes": [
                {"encoding": encoding, "segments": segments, "messages": count}
                for (encoding, segments), count in sorted(texts.sms.items())
            ],
        },
        "duration": {
            "seconds": found.lasting.seconds, "ends_at": _iso(found.lasting.ends_at), "too_slow": found.lasting.too_slow,
        },
        "sample": [
            one for one in rehearse_people(people, template_slug, context, options) if not isinstance(one, CarillonError)
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


def _iso(moment: Any) -> str | None:
    return moment.isoformat() if moment is not None else None
