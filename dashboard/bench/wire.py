"""From the call to the provider's answer, with everything between: fan-out, leases, hand-overs, results, counters."""

import smtplib
import time
from email.message import EmailMessage
from typing import Any

from sqlalchemy import func, select

from dashboard.bench.ground import MAIL, MESSAGE, TEXTS, TITLE
from dashboard.bench.measure import Line, rate, turns
from tasks import broadcasts, expand, jobs
from tasks.database import reading
from tasks.models import Delivery, Recipient
from tasks.models.words import EMAIL, SENT, SMS
from tasks.options import SendOptions

_deliver: Any = getattr(jobs.deliver_channel, "call_local")  # noqa: B009  # Huey's, which has no types
FEW = 300  # mails of the reference in a round: it is slow


def simulated(people: int) -> Line:
    """A broadcast by SMS through the simulator: what the ledger costs, in one thread, from the call to the last result."""
    took = _broadcast(TEXTS, SMS, people)
    name = f"SMS broadcast to {people:,} through the simulator, to the last result"
    return Line(name, f"{people / took:,.0f}/s", "", None, "", None)


def mailed(people: int, rounds: int, port: int) -> Line:
    """A broadcast of personal HTML mails to a sink on this machine, beside a script with one connection and EmailMessage."""
    found = turns(lambda: _broadcast(MAIL, EMAIL, people) / people, lambda: _script(port) / FEW, rounds)
    return Line(
        f"e-mail broadcast to {people:,}, to the last result",
        f"{rate(1, found.ours)} mails", f"{rate(1, found.bare)} a script with smtplib",
        found.ratio, "", None,
    )


def _broadcast(slug: str, channel: str, people: int) -> float:
    started = time.perf_counter()
    first = select(Recipient.external_id).order_by(Recipient.id).limit(people)
    with reading() as connection:
        ids = list(connection.execute(first).scalars())
    pk = broadcasts.create({"ids": ids}, slug, {"amount": 1}, SendOptions())
    expand.expand(pk, lambda: False, lambda channels: None)
    _deliver(channel)  # here, without the queue
    broadcasts.finish()
    taken = time.perf_counter() - started
    mine = select(func.count()).select_from(Delivery).where(
        Delivery.broadcast_id == pk, Delivery.channel == channel, Delivery.state == SENT
    )
    with reading() as connection:
        sent = connection.scalar(mine)
    if sent != people:
        raise RuntimeError(f"{sent} of {people} were sent")
    return taken


def _script(port: int) -> float:
    """Seconds for a few such mails by what one would write by hand."""
    started = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port, local_hostname="localhost") as server:
        for number in range(FEW):
            text = MESSAGE.replace("{{ recipient.name }}", f"Person {number}")
            mail = EmailMessage()
            mail["Subject"], mail["From"], mail["To"] = TITLE, "bench@example.test", f"u{number}@example.test"
            mail.set_content(text)
            mail.add_alternative(f"<p>{text}</p>" * 100, subtype="html")
            server.send_message(mail)
    return time.perf_counter() - started
