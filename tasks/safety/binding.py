"""What a broadcast that waits would send now, against the plan that it is held to."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from tasks.audience import segments
from tasks.audience.segments import Audience
from tasks.database import reading
from tasks.errors import CarillonError
from tasks.forecast import held
from tasks.forecast.refusals import PlanMoved, UnknownPlan
from tasks.models import Broadcast, SendPlan
from tasks.plan import load


@dataclass(frozen=True, slots=True)
class Now:
    """The terms of a broadcast as they are now, and whom its audience means."""

    slug: str
    terms: dict[str, Any]
    audience: Audience


def now(broadcast_pk: int) -> Now:
    """What the broadcast would send, with the template, the rule and the audience as they are at this moment.

    Its times and variables are its own and stay. Raises what is wrong by now: UnknownPlan, UnknownTemplate, InactiveTemplate,
    UnknownAudience.
    """
    columns = (Broadcast.audience, Broadcast.channels, SendPlan.terms)
    with reading() as connection:
        joined = select(*columns).join(SendPlan, SendPlan.hash == Broadcast.plan_hash)
        row = connection.execute(joined.where(Broadcast.pk == broadcast_pk)).first()
        if row is None:
            raise UnknownPlan("The plan that it is held to is gone.", field="plan_hash", remedy="Ask for approval again.")
        plan = load(connection, row.terms["template"])
    forced = row.channels is not None
    terms = row.terms | {
        "version": plan.version_id, "notification_type": plan.notification_type,
        "channels": list(row.channels if forced else plan.policy.channels),
        "waits": {} if forced else dict(plan.policy.escalate), "mandatory": plan.policy.mandatory,
    }
    return Now(row.terms["template"], terms, segments.resolve_audience(row.audience, plan.notification_type))


def moved(broadcast_pk: int, plan_hash: str) -> CarillonError | None:
    """Why the broadcast is no longer what the plan says, None where it is. Looks at the whole audience."""
    try:
        found = now(broadcast_pk)
        held.hold(plan_hash, found.terms, found.audience)
    except CarillonError as error:
        return error
    return None


def difference(error: CarillonError) -> list[list[str]]:
    """[[what, before, now], ...] in words."""
    if not isinstance(error, PlanMoved):
        return [["It cannot be sent", "", str(error)]]
    lines = [[one["what"], one["before"], one["now"]] for one in error.extra.get("content", ())]
    people = error.extra.get("audience") or {}
    if people.get("entered") or people.get("left"):
        came, went = (_some(people, word) for word in ("entered", "left"))
        lines.append(["People", f"{people['count_before']:,}", f"{people['count_now']:,}: {came} came in, {went} left"])
    return lines or [["Plan", "", error.detail]]


def _some(people: dict[str, Any], word: str) -> str:
    names = ", ".join(people.get(f"{word}_examples", ()))
    return f"{people[word]:,}{f' ({names})' if names else ''}"
