"""From requests to entries: who it is, what the text is, which channels ring. For what is sent and what is only tried."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from tasks import compose, presence
from tasks.audience.description import describe
from tasks.audience.recipients import Person, resolve
from tasks.config import settings
from tasks.context import plain
from tasks.database import writing
from tasks.errors import CarillonError, RateLimited
from tasks.ledger import rate
from tasks.ledger.rate import Limit
from tasks.models.words import QUEUED
from tasks.options import SendOptions
from tasks.plan import Plan
from tasks.record import Entry
from tasks.render import snapshot
from tasks.route import Decision, decide


@dataclass(frozen=True, slots=True)
class SendRequest:
    """One person of a call: who (see `tasks.audience.description.describe`), the variables and forced channels of their own."""

    user: object
    context: Mapping[str, Any] = field(default_factory=dict)
    channels: tuple[str, ...] | None = None
    read_as: Mapping[str, Any] | None = None  # a test send's: the template reads this person, and `user` gets the message


def prepare(
    connection: Connection, requests: Sequence[SendRequest], descriptions: Sequence[Any], plan: Plan, shared: dict[str, Any],
    options: SendOptions, *, at_once: bool,
) -> list[Entry | CarillonError]:
    """Each person's message, rendered and routed, or why there is none. The person is written where the request says more.

    `at_once`: what this call sends itself looks now at who is online; what is queued is looked at when it is claimed.
    """
    people = resolve(connection, descriptions, with_reach=plan.notification_type)
    if options.trial:  # an operator's own row is off for everything else
        people = [found if isinstance(found, CarillonError) else replace(found, is_active=True) for found in people]
    online = _online(plan, people) if at_once else set()
    entries: list[Entry | CarillonError] = [
        found if isinstance(found, CarillonError) else _entry(plan, found, shared, request, options, found.pk in online)
        for found, request in zip(people, requests, strict=True)
    ]
    return _within_limits(connection, entries, options)


def rehearse(
    requests: Sequence[SendRequest], plan: Plan, context: Mapping[str, Any], options: SendOptions
) -> list[Entry | CarillonError]:
    """What `tasks.accept` would record, an entry or an error for each of `requests`, by the same code; and nothing is written."""
    shared = plain(context)
    descriptions = [described(request.user) for request in requests]
    with writing() as connection:
        found = prepare(connection, requests, descriptions, plan, shared, options, at_once=True)
        connection.rollback()
    return found


def named(user: object) -> str:
    """The caller's id of whoever a request was for, as far as it can be told: for answers about a bad one."""
    found = user.get("id") if isinstance(user, Mapping) else getattr(user, "external_id", getattr(user, "id", user))
    return str(found)[:200] if isinstance(found, str | int) else ""


def described(user: object) -> Any:
    """A person as `tasks.audience.description` reads them, or the error."""
    try:
        return describe(user, settings())
    except CarillonError as error:
        return error


def _within_limits(
    connection: Connection, entries: list[Entry | CarillonError], options: SendOptions
) -> list[Entry | CarillonError]:
    """The entries, those above RECIPIENT_RATE as errors. In the transaction: a call that fails uses nothing up."""
    an_hour = settings().recipient_rate
    if not an_hour or options.rights is None:
        return entries
    found = list(entries)
    good = [(entry.person.pk, number) for number, entry in enumerate(entries) if isinstance(entry, Entry)]
    for pk, number in sorted(good):  # in one order, so that two calls never wait for each other
        grant = rate.take(Limit(f"recipient:{pk:012}", an_hour / 60, burst=an_hour), connection=connection)
        if not grant.granted:
            found[number] = RateLimited(
                f"This person got {an_hour} messages within an hour.", "recipient", field="recipient.id",
                seconds=math.ceil(grant.wait) or 1, remedy="Send less to one person, or raise CARILLON_RECIPIENT_RATE.",
            )
    return found


def _online(plan: Plan, people: Sequence[Person | CarillonError]) -> set[int]:
    """Who is online, where the rule asks."""
    if not plan.policy.offline_only:
        return set()
    return presence.online([found.pk for found in people if isinstance(found, Person)])


def _entry(
    plan: Plan, person: Person, shared: dict[str, Any], request: SendRequest, options: SendOptions, online: bool
) -> Entry | CarillonError:
    forced = options.channels if request.channels is None else request.channels
    decisions = decisions_for(plan, person, forced, online=online)
    ringing = [decision.channel for decision in decisions if decision.state == QUEUED]
    try:
        data = {**shared, **plain(request.context)} if request.context else shared
        fields = snapshot(plan.version, person.fields() if request.read_as is None else request.read_as)
        if fields and request.read_as is not None:  # whose they are: they go when that person is erased
            fields = {**fields, "id": request.read_as.get("id", "")}
        rendered = plan.version.render(data, fields or {}, compose.parts_of(ringing))
    except CarillonError as error:
        return error
    return Entry(person, data, rendered, fields, decisions, forced[0] if forced else None)


def decisions_for(plan: Plan, person: Person, forced: tuple[str, ...] | None, *, online: bool) -> list[Decision]:
    """What becomes of each channel for a person: by the rule, or (`forced`) as the call asks."""
    how = plan.policy
    if forced is not None:
        return decide(forced, person, mandatory=how.mandatory)
    quiet = how.offline_only if online else ()
    return decide(how.channels, person, mandatory=how.mandatory, escalate=how.escalate, quiet=quiet)


def look_at(user: object, plan: Plan, forced: tuple[str, ...] | None) -> tuple[Person, list[Decision]]:
    """A person as they would be known after this call, and what would become of each channel now. Nothing is written.

    Raises InvalidRecipient and UnknownRecipient.
    """
    with writing() as connection:
        (person,) = resolve(connection, [described(user)], with_reach=plan.notification_type)
        connection.rollback()
    if isinstance(person, CarillonError):
        raise person
    return person, decisions_for(plan, person, forced, online=bool(_online(plan, [person])))
