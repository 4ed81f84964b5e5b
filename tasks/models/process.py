"""The running installation: its processes, live connections, breakers, and the key of its public ids."""

from datetime import datetime

from sqlalchemy import Double, ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from tasks.extensions import Model
from tasks.models.types import UtcDateTime, utcnow


class Process(Model):
    """A web or worker process that is, or was, alive. Leases and live connections belong to one."""

    __tablename__ = "processes"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)  # web, embedded, worker, cli, python
    host: Mapped[str] = mapped_column(Text)
    boot_id: Mapped[str] = mapped_column(Text)
    pid: Mapped[int]
    started_ticks: Mapped[str] = mapped_column(Text, default="")  # with the pid it names one process for ever
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    heartbeat_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Connection(Model):
    """A live Socket.IO connection of a person: presence, asked across processes."""

    __tablename__ = "connections"

    sid: Mapped[str] = mapped_column(Text, primary_key=True)
    recipient_id: Mapped[int] = mapped_column(ForeignKey("recipients.id", ondelete="CASCADE"), index=True)
    process_id: Mapped[int] = mapped_column(ForeignKey("processes.id", ondelete="CASCADE"), index=True)
    connected_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class Breaker(Model):
    """The health of one provider as all workers see it. No row: it has never failed."""

    __tablename__ = "breakers"

    provider: Mapped[str] = mapped_column(Text, primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)  # transport errors in a row
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # none: closed
    next_probe_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str] = mapped_column(Text, default="")
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class RateLimit(Model):
    """A limit that holds across processes (tasks.ledger.rate). One row a name, like "broadcast:12" or "key:3"."""

    __tablename__ = "rate_limits"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    free_at: Mapped[float] = mapped_column(Double)  # all taken is paid for: seconds since 1970, database's clock


class Installation(Model):
    """One row. Its random key turns row numbers into public ids, and goes with every backup."""

    __tablename__ = "installation"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    clock_steps: Mapped[int] = mapped_column(default=0, server_default="0")  # of the database's clock, made good so far
    figures_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when a worker last took the charts' figures in hand
    figures_done: Mapped[datetime | None] = mapped_column(UtcDateTime)  # quarters before it are final
