"""Asking anew for approval, once the first question was overtaken by events: about what would be sent now."""

from typing import Any

from sqlalchemy import Connection, func, select

from tasks import broadcasts, control
from tasks.errors import InvalidOption
from tasks.extensions import db
from tasks.models import Broadcast, BroadcastApproval
from tasks.models.words import AWAITING_APPROVAL
from tasks.options import SendOptions
from tasks.safety import approval, binding
from tasks.safety.approval import Question

RENEWED = ("template_version_id", "title", "message", "audience_label")  # what a fresh look may change of the row


def ask_again(pk: int, operator_id: int) -> Broadcast:
    """Ask for approval of what a held broadcast would send now: its template's text, its rule and its audience as they are.

    Whoever asks may not approve it, as those before may not. Raises UnknownBroadcast, NotAllowed, WrongState where it does not
    wait, and what is wrong with it by now.
    """
    person = approval.approver(operator_id)
    row = db.session.get(Broadcast, pk, populate_existing=True)
    if row is None or row.state != AWAITING_APPROVAL:
        return control.change(pk, person, "ask again", (), lambda _: {})  # says what is wrong
    found = binding.now(pk)
    channels = None if row.channels is None else tuple(row.channels)
    fresh = broadcasts.check(row.audience, found.slug, row.data, SendOptions(channels=channels, actor=person)).row
    asked = approval.plan(found.terms, found.audience, person)
    if asked is None:
        raise InvalidOption(
            "It goes to so few people by now that nobody has to approve it.", field="audience",
            remedy="Cancel it, and send it as a new one.",
        )
    values = {name: fresh[name] for name in RENEWED} | {"plan_hash": asked.plan_hash}
    return control.change(
        pk, person, "ask again", (AWAITING_APPROVAL,), lambda _: values, version=row.version,
        also=lambda connection: _renew(connection, pk, asked, person),
    )


def _renew(connection: Connection, pk: int, asked: Question, person: str) -> None:
    control.withdraw(connection, pk, person)
    of_it = BroadcastApproval.broadcast_id == pk
    number: Any = connection.scalar(select(func.max(BroadcastApproval.number)).where(of_it))
    barred = connection.scalar(select(BroadcastApproval.barred).where(of_it, BroadcastApproval.number == number)) or []
    approval.ask(connection, pk, asked, person, (*barred, person), number + 1)
