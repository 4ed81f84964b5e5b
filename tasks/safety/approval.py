"""A second person's approval: bound to the plan, never one's own, void as soon as anything moved.

Only an operator can approve, a person by their account: an API key cannot, whosever it is. Those who had a hand in a broadcast
(who sent it, who made the key that sent it, who asked again) are barred. The plan is looked at again when it is approved, and
when a worker begins: what is sent is what was approved, to exactly those people.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, insert, select, update

from tasks import control, timetable
from tasks.audience import source
from tasks.audience.segments import Audience
from tasks.config import settings
from tasks.database import reading, snapshot
from tasks.errors import CarillonError, InvalidOption, NotAllowed, UnknownBroadcast, WrongState
from tasks.forecast import held
from tasks.forecast import people as crowd
from tasks.forecast.refusals import PlanMoved
from tasks.models import Broadcast, BroadcastApproval, Operator, SendPlan
from tasks.models.broadcast import may_begin
from tasks.models.types import AnyRow, db_clock
from tasks.models.words import APPROVED, AWAITING_APPROVAL, CANCELLED, QUEUED, REJECTED, ROLES, SCHEDULED, VOID
from tasks.options import SendOptions
from tasks.safety import binding, gates

ACTOR = "approval"  # who voids one, in the audit
MAY_APPROVE = ROLES[ROLES.index("sender"):]
LONGEST_WORD = 500


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be approved: a plan, and how many people it means (none: not known before the sending)."""

    plan_hash: str
    count: int | None


def question(terms: Mapping[str, Any], audience: Audience, options: SendOptions) -> Question | None:
    """What has to be approved before this is sent; None where nobody has to. Looks at the audience where no dry run has."""
    if not settings().approve_above or terms["is_test"]:
        return None
    if options.plan_hash is not None:
        with reading() as connection:
            count = connection.scalar(select(SendPlan.audience_count).where(SendPlan.hash == options.plan_hash))
        return Question(options.plan_hash, count) if gates.needs_approval(count) else None
    return plan(terms, audience, options.actor)


def plan(terms: Mapping[str, Any], audience: Audience, actor: str) -> Question | None:
    """Keep what would be sent now as a plan. None where so few people need no approval."""
    found = None
    if not source.is_source(audience.definition):
        with snapshot() as connection:
            found = crowd.look(connection, audience.where())
    if not gates.needs_approval(found.count if found else None):
        return None
    return Question(held.keep(terms, found, actor), found.count if found else None)


def ask(connection: Connection, pk: int, asked: Question, actor: str, barred: tuple[str, ...], number: int = 1) -> None:
    """Write the question down, in the transaction of what it is about."""
    values = {
        "broadcast_id": pk, "number": number, "plan_hash": asked.plan_hash, "audience_count": asked.count, "asked_by": actor,
        "barred": sorted({one.lower() for one in barred if one}), "asked_at": db_clock(),
    }
    connection.execute(insert(BroadcastApproval).values(values))


def approve(pk: int, operator_id: int, plan_hash: str, word: str = "") -> Broadcast:
    """Let a broadcast go that is held for approval: it starts now, or at its time.

    `plan_hash`: of the plan that the approver looked at. Of several who press one approves. Raises UnknownBroadcast, NotAllowed
    (not their own; not without the role), PlanMoved where it is no longer what was asked for: then the question is void, and
    WrongState where nothing is asked any more.
    """
    person, asked = _may_answer(pk, operator_id, word)
    if asked.plan_hash != plan_hash:
        raise PlanMoved("It was asked anew since you looked at it.", field="plan_hash", remedy="Load the page and look again.")
    error = binding.moved(pk, asked.plan_hash)
    if error is not None:
        _void(pk, asked, error, AWAITING_APPROVAL)
        raise error
    undo = settings().undo_seconds
    return control.change(
        pk, person, "approve", (AWAITING_APPROVAL,), lambda connection: _go(connection, pk, undo), reason=word,
        version=asked.version, also=lambda connection: answer(connection, asked, APPROVED, person, word),
    )


def reject(pk: int, operator_id: int, word: str) -> Broadcast:
    """Turn a broadcast down for good, with a word why. Raises as `approve` does, and InvalidOption where there is no word."""
    if not word.strip():
        raise InvalidOption("Nobody would know why.", field="word", remedy="Write a word why it must not go out.")
    person, asked = _may_answer(pk, operator_id, word)
    ended = {"state": CANCELLED, "finished_at": db_clock(), "detail": f"Rejected by {person}: {word}"}
    return control.change(
        pk, person, "reject", (AWAITING_APPROVAL,), lambda _: ended, reason=word, version=asked.version,
        also=lambda connection: answer(connection, asked, REJECTED, person, word),
    )


def stands(pk: int) -> bool:
    """True where a broadcast that is about to begin was not in need of approval, or is still what was approved.

    Else it goes back to wait for approval, with the difference. Looks at the audience only where somebody approved it.
    """
    waiting = (Broadcast.pk == pk, Broadcast.state == QUEUED, may_begin(), BroadcastApproval.answer == APPROVED)
    with reading() as connection:
        asked = _asked(connection, *waiting)
    error = binding.moved(pk, asked.plan_hash) if asked is not None else None
    if asked is None or error is None:
        return True
    _void(pk, asked, error, QUEUED)
    return False


def answer(
    connection: Connection, asked: AnyRow, what: str, who: str, word: str = "", difference: list[list[str]] | None = None
) -> None:
    """Write down what became of a question."""
    this = (BroadcastApproval.broadcast_id == asked.pk, BroadcastApproval.number == asked.number)
    values = {"answer": what, "answered_by": who, "answered_at": db_clock(), "word": word, "difference": difference or []}
    connection.execute(update(BroadcastApproval).where(*this).values(values))


def approver(operator_id: int) -> str:
    """The e-mail of an operator who may approve broadcasts. Raises NotAllowed."""
    with reading() as connection:
        row = connection.execute(
            select(Operator.email, Operator.role).where(Operator.id == operator_id, Operator.is_active)
        ).first()
    if row is None or row.role not in MAY_APPROVE:
        raise NotAllowed("Approving needs the role sender.", remedy="Ask somebody who has it.")
    return str(row.email)


def _may_answer(pk: int, operator_id: int, word: str) -> tuple[str, AnyRow]:
    if len(word) > LONGEST_WORD:
        raise InvalidOption("That is too long.", field="word", remedy=f"Write at most {LONGEST_WORD} characters.")
    person = approver(operator_id)
    with reading() as connection:
        asked = _asked(connection, Broadcast.pk == pk, Broadcast.state == AWAITING_APPROVAL, BroadcastApproval.answer == "")
        known = asked is not None or connection.scalar(select(Broadcast.pk).where(Broadcast.pk == pk)) is not None
    if asked is None:
        if not known:
            raise UnknownBroadcast("There is no such broadcast.", field="id", remedy="Check the id.")
        raise WrongState("Nothing waits for an answer here.", field="state", remedy=control.last_change(pk))
    if person.lower() in asked.barred:
        raise NotAllowed(
            "You had a hand in it: somebody else has to approve it.", field="operator",
            remedy="Ask another operator with the role sender.",
        )
    return person, asked


def _asked(connection: Connection, *where: Any) -> AnyRow | None:
    """The latest question of a broadcast, with its version, where that is as `where` says."""
    columns = (Broadcast.pk.label("pk"), Broadcast.version, BroadcastApproval.number, BroadcastApproval.plan_hash,
               BroadcastApproval.barred)
    joined = select(*columns).join(BroadcastApproval, BroadcastApproval.broadcast_id == Broadcast.pk)
    return connection.execute(joined.where(*where).order_by(BroadcastApproval.number.desc()).limit(1)).first()


def _go(connection: Connection, pk: int, undo: int) -> dict[str, Any]:
    """It starts now, with the seconds in which it can be taken back; or at its time, where that is still to come."""
    columns = (Broadcast.send_at, Broadcast.created_at, Broadcast.expires_at, *timetable.WINDOW, db_clock().label("now"))
    row = connection.execute(select(*columns).where(Broadcast.pk == pk)).one()
    if row.send_at is not None and row.send_at > row.now:
        return {"state": SCHEDULED}
    begins = max(row.send_at or row.created_at, row.created_at)
    begun = timetable.begin(SimpleNamespace(**{**row._mapping, "send_at": begins}))
    return {**begun, "undo_until": db_clock(undo) if undo else None}


def _void(pk: int, asked: AnyRow, error: CarillonError, state: str) -> None:
    """What was asked for is not what would be sent: the question, or the approval, counts no more."""
    lines = binding.difference(error)
    try:
        control.change(
            pk, ACTOR, "void", (state,), lambda _: {"state": AWAITING_APPROVAL, "undo_until": None}, reason=str(error)[:1_000],
            version=asked.version, also=lambda connection: answer(connection, asked, VOID, ACTOR, "", lines),
        )
    except WrongState:  # somebody acted meanwhile: whoever asks next finds it as it is then
        return
