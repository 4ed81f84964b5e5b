"""The proof itself: one snapshot of the database, read through once."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from tasks import public_id
from tasks.database import snapshot
from tasks.errors import UnknownBroadcast
from tasks.ledger import counts
from tasks.models import Broadcast, BroadcastRound, Template, TemplateVersion
from tasks.models.types import utcnow
from tasks.models.words import CANCELLED, COMPLETED, FAILED
from tasks.proof.law import Clause, Tally
from tasks.proof.lines import ATTEMPT_FIELDS, read

FORMAT = 1
ENDED = (COMPLETED, CANCELLED, FAILED)
MOMENTS = ("created_at", "started_at", "frozen_at", "expanded_at", "finished_at")


@dataclass(frozen=True, slots=True)
class Proof:
    """What the rows of a broadcast say at `taken_at`. `facts`: the broadcast itself; `counts`: {channel: {state: rows}}.

    `at_rest`: it has ended and nothing is open, so the numbers will not move by themselves.
    """

    taken_at: datetime
    at_rest: bool
    facts: Mapping[str, Any]
    counts: Mapping[str, Mapping[str, int]]
    clauses: tuple[Clause, ...]
    rows: int
    sha256: str
    sha256_anonymous: str

    @property
    def holds(self) -> bool:
        """True where every clause of the law holds."""
        return all(clause.holds for clause in self.clauses)

    def as_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "taken_at": self.taken_at.isoformat(), "holds": self.holds, "at_rest": self.at_rest, "broadcast": self.facts,
            "counts": self.counts, "clauses": [asdict(clause) for clause in self.clauses], "rows": self.rows,
            "sha256": self.sha256, "sha256_anonymous": self.sha256_anonymous,
        }


@dataclass(frozen=True, slots=True)
class _Head:
    """What is known before the rows are read, in their snapshot."""

    facts: dict[str, Any]
    shown: Mapping[str, Mapping[str, int]]
    state: str
    written: int
    audience: int | None
    round: int

    def clauses(self, tally: Tally) -> tuple[Clause, ...]:
        return tuple(tally.clauses(self.written, self.audience, self.shown, self.round))

    def at_rest(self, tally: Tally) -> bool:
        return self.state in ENDED and not tally.open_rows() and (self.state != CANCELLED or bool(self.facts["finished_at"]))


def prove(broadcast_pk: int) -> Proof:
    """Read every row of a broadcast once, whatever its state. Time grows with the rows, memory does not.

    Raises UnknownBroadcast.
    """
    public_id.prepare()
    plain, anonymous, tally = hashlib.sha256(), hashlib.sha256(), Tally()
    with snapshot() as connection:
        head = _head(connection, broadcast_pk)
        taken = utcnow()
        for line in read(connection, broadcast_pk):
            tally.add(line)
            named, hidden = line.both(broadcast_pk)
            plain.update(named.encode())
            anonymous.update(hidden.encode())
    return Proof(
        taken, head.at_rest(tally), head.facts, _plain(tally), head.clauses(tally), tally.rows, plain.hexdigest(),
        anonymous.hexdigest(),
    )


def export(broadcast_pk: int, *, anonymous: bool = False) -> Iterator[str]:
    """The rows as text, line by line: a head, one line a delivery (tasks.proof.lines), a tail with the numbers and the hash.

    Raises UnknownBroadcast at the first line.
    """
    public_id.prepare()
    digest, tally = hashlib.sha256(), Tally()
    with snapshot() as connection:
        head = _head(connection, broadcast_pk)
        yield _json({
            "carillon_proof": FORMAT, "form": "anonymous" if anonymous else "plain", "taken_at": utcnow().isoformat(),
            "attempt_fields": ATTEMPT_FIELDS, "broadcast": _hidden(head.facts) if anonymous else head.facts, "shown": head.shown,
        })
        for line in read(connection, broadcast_pk):
            tally.add(line)
            written = line.anonymous(broadcast_pk) if anonymous else line.plain()
            digest.update(written.encode())
            yield written
    clauses = head.clauses(tally)
    yield _json({
        "rows": tally.rows, "sha256": digest.hexdigest(), "at_rest": head.at_rest(tally), "counts": _plain(tally),
        "holds": all(clause.holds for clause in clauses), "clauses": {clause.name: clause.holds for clause in clauses},
    })


def _head(connection: Connection, broadcast_pk: int) -> _Head:
    table = Broadcast.__table__
    row = connection.execute(
        select(table, Template.slug, TemplateVersion.number)
        .join(TemplateVersion, TemplateVersion.id == table.c.template_version_id)
        .join(Template, Template.id == TemplateVersion.template_id)
        .where(table.c.id == broadcast_pk)
    ).mappings().first()
    if row is None:
        raise UnknownBroadcast("There is no such broadcast.", field="id", remedy="Check the id.")
    audience = row["audience_count"] if row["expanded_at"] else None
    facts = {
        "id": public_id.text(public_id.BROADCAST, broadcast_pk), "state": row["state"],
        "template_name": row["slug"], "template_version": row["number"],
        "audience": row["audience"], "audience_label": row["audience_label"], "audience_definition": row["audience_definition"],
        "audience_count": row["audience_count"], "audience_complete": audience is not None,
        "people_with_rows": row["expanded_count"],
        "round": row["round"], "rounds": _rounds(connection, broadcast_pk),
        **{name: row[name].isoformat() if row[name] else None for name in MOMENTS},
    }
    return _Head(facts, counts.closed(connection, broadcast_pk), row["state"], row["expanded_count"], audience, row["round"])


def _rounds(connection: Connection, broadcast_pk: int) -> list[dict[str, Any]]:
    table = BroadcastRound.__table__
    rows = connection.execute(select(table).where(table.c.broadcast_id == broadcast_pk).order_by(table.c.number)).mappings()
    return [
        {"number": row["number"], "count": row["count"], "chosen": row["chosen"], "created_by": row["created_by"],
         "created_at": row["created_at"].isoformat()}
        for row in rows
    ]


def _hidden(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts for strangers: no names, and the audience's definition, which may list ids, only as a hash."""
    definition = hashlib.sha256(_json(facts["audience_definition"]).encode()).hexdigest()
    rounds = [{**one, "created_by": ""} for one in facts["rounds"]]
    return {**facts, "audience": "", "audience_definition": {"sha256": definition}, "rounds": rounds}


def _plain(tally: Tally) -> dict[str, dict[str, int]]:
    return {channel: dict(sorted(states.items())) for channel, states in sorted(tally.counts.items())}


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"
