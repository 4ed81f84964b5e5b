"""Plans kept, found again, and a send held to one: refused where content or audience moved since, with the difference."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert, select, update

from tasks.audience import source
from tasks.audience.segments import Audience
from tasks.database import reading, snapshot, writing
from tasks.forecast import people as crowd
from tasks.forecast.people import Moved, People
from tasks.forecast.refusals import PlanMoved, UnknownPlan
from tasks.forecast.terms import changes, hash_of
from tasks.models import SendPlan, TemplateVersion
from tasks.models.types import AnyRow, db_clock


def keep(terms: Mapping[str, Any], people: People | None, actor: str) -> str:
    """Keep what a dry run found, and return its hash. `people`: None for the outside source, who are not known yet."""
    digest = people.digest if people else ""
    plan_hash = hash_of(terms, digest)
    with writing() as connection:
        again = update(SendPlan).where(SendPlan.hash == plan_hash).values(created_at=db_clock())
        if connection.execute(again).rowcount:
            return plan_hash
        values = {
            "hash": plan_hash, "terms": dict(terms), "audience_digest": digest, "created_by": actor, "created_at": db_clock(),
            "audience_count": people.count if people else None,
        }
        pk = connection.execute(insert(SendPlan).values(values).returning(SendPlan.id)).scalar_one()
        if people:
            crowd.keep(connection, pk, people)
    return plan_hash


def hold(plan_hash: str, terms: Mapping[str, Any], audience: Audience) -> None:
    """Raise UnknownPlan or PlanMoved unless the plan of this hash is what these terms and this audience mean now."""
    with reading() as connection:
        row = _find(connection, plan_hash)
    if source.is_source(audience.definition):
        now, digest = None, ""
    else:
        with snapshot() as connection:
            now = crowd.look(connection, audience.where())
        digest = now.digest
    if hash_of(terms, digest) != plan_hash:
        raise _moved(row, terms, now)


def _find(connection: Connection, plan_hash: str) -> AnyRow:
    columns = (SendPlan.id, SendPlan.terms, SendPlan.audience_digest, SendPlan.audience_count)
    row = connection.execute(select(*columns).where(SendPlan.hash == plan_hash)).first()
    if row is None:
        raise UnknownPlan(
            "No dry run has found this plan, or it was long ago.", field="plan_hash",
            remedy="Make a dry run (`dry_run`: true), and send with the plan_hash that it gives.",
        )
    return row


def _moved(row: AnyRow, terms: Mapping[str, Any], now: People | None) -> PlanMoved:
    with reading() as connection:
        versions = (row.terms.get("version"), terms["version"])
        numbered = select(TemplateVersion.id, TemplateVersion.number).where(TemplateVersion.id.in_(versions))
        numbers = {row.id: row.number for row in connection.execute(numbered)}
        same_people = now is None or now.digest == row.audience_digest
        moved = Moved(0, 0, (), ()) if same_people or now is None else crowd.moved(connection, row.id, now)
    content = changes(row.terms, terms, numbers)
    said = [f"{one.what} was {one.before[:80]}, now {one.now[:80]}." for one in content]
    if moved.entered or moved.left:
        said.append(f"{_count(moved.entered)} came into the audience, {_count(moved.left)} left it.")
    return PlanMoved(
        f"What was looked at is not what would be sent now. {' '.join(said)}", field="plan_hash",
        remedy="Look at it again: a new dry run gives a new plan_hash.",
        content=[{"what": one.what, "before": one.before, "now": one.now} for one in content],
        audience={**crowd.as_json(moved), "count_before": row.audience_count, "count_now": now.count if now else None},
    )


def _count(people: int) -> str:
    return f"{people:,} {'person' if people == 1 else 'people'}"
