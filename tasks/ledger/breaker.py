"""A breaker per provider, shared by all workers: an outage must not burn the attempts of everything that waits."""

from collections.abc import Callable
from typing import Literal

from sqlalchemy import Connection, bindparam, case, delete, select, update

from tasks.database import reading, upsert, writing
from tasks.direct import Direct
from tasks.models import Breaker
from tasks.models.types import db_clock

OPENS_AFTER = 5  # transport errors in a row
PROBE_EVERY = 15.0  # seconds between two probes while it is open


Permit = Literal["healthy", "shaky", "probe", "open"]


# Built once: composing it costs more than running it.
_STATE = Direct(
    select(Breaker.opened_at, (Breaker.next_probe_at <= db_clock()).label("may_probe")).where(
        Breaker.provider == bindparam("provider")
    )
)


def permit(provider: str, has_due: Callable[[], bool] = lambda: True) -> Permit:
    """May this worker send through `provider` now? A probe is only for who has something to send: then it `has_due`.

    healthy: yes; shaky: yes, and a success clears its failures; probe: one message, to see whether it is back (only one worker
    at a time is told so); open: not now.
    """
    with reading() as connection:
        row = _STATE.first(connection, {"provider": provider})
    if row is None:
        return "healthy"
    if row.opened_at is None:
        return "shaky"
    if not row.may_probe or not has_due():
        return "open"
    with writing() as connection:
        won = connection.execute(
            update(Breaker)
            .where(Breaker.provider == provider, Breaker.opened_at.is_not(None), Breaker.next_probe_at <= db_clock())
            .values(next_probe_at=db_clock(PROBE_EVERY))
        ).rowcount
    return "probe" if won else "open"


def is_open(connection: Connection, provider: str) -> bool:
    """True while the provider is held to be down."""
    return connection.execute(select(Breaker.opened_at).where(Breaker.provider == provider)).scalar() is not None


def failed(connection: Connection, provider: str, errors: int, detail: str, *, at_once: bool = False) -> None:
    """Count `errors` transport errors in a row; past five, or `at_once` (wrong credentials), the breaker opens."""
    opens = OPENS_AFTER if at_once else 0
    statement = upsert(Breaker, connection.dialect.name).values(
        provider=provider,
        failures=max(errors, opens),
        last_error=detail[:500],
        updated_at=db_clock(),
        opened_at=db_clock() if max(errors, opens) >= OPENS_AFTER else None,
        next_probe_at=db_clock(PROBE_EVERY) if max(errors, opens) >= OPENS_AFTER else None,
    )
    count = Breaker.failures + errors + opens
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["provider"],
            set_={
                "failures": count,
                "last_error": detail[:500],
                "updated_at": db_clock(),
                "opened_at": case(
                    (Breaker.opened_at.is_not(None), Breaker.opened_at), (count >= OPENS_AFTER, db_clock()), else_=None
                ),
                "next_probe_at": case((count >= OPENS_AFTER, db_clock(PROBE_EVERY)), else_=None),
            },
        )
    )


def succeeded(connection: Connection, provider: str) -> None:
    """The provider answered: forget its failures, and close the breaker."""
    connection.execute(delete(Breaker).where(Breaker.provider == provider))


def failing() -> dict[str, Breaker]:
    """Every provider with failures behind it, by name: for the dashboard."""
    with reading() as connection:
        rows = connection.execute(select(Breaker.__table__)).mappings().all()
    return {row["provider"]: Breaker(**row) for row in rows}
