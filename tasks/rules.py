"""Rules as operators change them: one channel of one type at a time, and of two who do it at once one is first."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, union
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from tasks.errors import UnknownChannel, WrongState
from tasks.extensions import db
from tasks.models import Rule, Template
from tasks.models.words import OUTSIDE_CHANNELS
from tasks.templates import check_type

KNOWN = f"Use one of {', '.join(OUTSIDE_CHANNELS)}."


@dataclass(frozen=True, slots=True)
class Row:
    """A type of the matrix: its rule, if it has one, and how many templates carry it."""

    notification_type: str
    rule: Rule | None
    templates: int


def matrix(after: str = "", limit: int = 200, search: str = "") -> Sequence[Row]:
    """The types after `after` in the alphabet that contain `search`: those of rules, and those that only templates have."""
    carried = select(Template.notification_type.label("name"))
    every = union(carried, select(Rule.notification_type)).subquery()
    query = select(every.c.name).where(every.c.name > after).order_by(every.c.name).limit(limit)
    if search:
        query = query.where(every.c.name.contains(search.lower(), autoescape=True))
    names = list(db.session.scalars(query))
    rules = {rule.notification_type: rule for rule in db.session.scalars(select(Rule).where(Rule.notification_type.in_(names)))}
    counted = (
        select(Template.notification_type, func.count()).where(Template.notification_type.in_(names))
        .group_by(Template.notification_type)
    )
    counts = {name: count for name, count in db.session.execute(counted)}  # noqa: C416  # dict() does not take rows
    return [Row(name, rules.get(name), counts.get(name, 0)) for name in names]


def set_channel(notification_type: str, channel: str, rings: bool, version: int) -> Rule:
    """Let a channel ring for a type, or not; flushed, the caller commits. A channel that rings no more waits for nobody either.

    `version`: the rule's, as the operator saw it; 0 where there was none, and one is made. Raises WrongState where it is another
    one by now, UnknownChannel, InvalidTemplate for a type that cannot be one.
    """
    if channel not in OUTSIDE_CHANNELS:
        raise UnknownChannel(f"There is no channel {channel[:40]!r}.", field="channel", remedy=KNOWN)
    check_type(notification_type)
    rule = db.session.scalar(select(Rule).where(Rule.notification_type == notification_type))
    if (rule.version if rule else 0) != version:
        raise overtaken()
    if rule is None:
        rule = Rule(notification_type=notification_type, channels=[], offline_only=[], escalate={})
        db.session.add(rule)
    wanted = {*rule.channels, channel} if rings else {*rule.channels} - {channel}
    rule.channels = [name for name in OUTSIDE_CHANNELS if name in wanted]
    if not rings:
        rule.offline_only = [name for name in rule.offline_only if name != channel]
        rule.escalate = {name: wait for name, wait in rule.escalate.items() if name != channel}
    save()
    return rule


def save() -> None:
    """Write what was changed. Raises WrongState where somebody wrote the same rule in between."""
    try:
        db.session.flush()
    except (StaleDataError, IntegrityError):
        db.session.rollback()
        raise overtaken() from None


def overtaken() -> WrongState:
    """The error for the second of two."""
    return WrongState(
        "Somebody changed this rule meanwhile.", field="version", remedy="Look at it as it is now, and change it again."
    )
