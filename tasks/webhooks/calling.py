"""Calling webhooks: lease what is due, POST it with no transaction open, write down the answer. At least once, never in order."""

import json
import logging
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import requests
from sqlalchemy import and_, or_, select, update
from urllib3.exceptions import HTTPError

from tasks.audience.pinned import pinned_session
from tasks.database import reading, writing
from tasks.extensions import db
from tasks.models import Webhook, WebhookCall
from tasks.models.types import db_clock, utcnow
from tasks.models.webhook import WAITING
from tasks.webhooks import addresses, signing

TOGETHER = 8  # calls at the same time
LEASE = 120.0  # seconds; far above what a call may take
CONNECT, READ = 5.0, 15.0  # seconds
KEPT_ANSWER = 500  # characters
# Seconds until the next try: Standard Webhooks' own recommendation, about three days in all.
DELAYS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
OFF_AFTER = timedelta(days=3)  # without one success
GONE = 410  # the receiver says that it does not want to be called any more

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """One leased call, with all that is needed to make it."""

    pk: int
    webhook_id: int
    url: str
    secrets: tuple[str, ...]
    event_id: str
    payload: dict[str, Any]
    attempt: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, or none where nothing did, and words about it."""

    status: int | None
    words: str

    @property
    def good(self) -> bool:
        """True where the receiver took it."""
        return self.status is not None and 200 <= self.status < 300


_DUE = and_(
    WAITING,  # as the index has it: SQLite does not see through bound values
    Webhook.is_active,
    or_(
        and_(WebhookCall.state.in_(("queued", "retrying")), WebhookCall.next_attempt_at <= db_clock()),
        and_(WebhookCall.state == "sending", WebhookCall.lease_until < db_clock()),  # whoever held it is gone: call again
    ),
)


def is_due() -> bool:
    """True where something waits to be called now."""
    with reading() as connection:
        return connection.execute(_due().limit(1)).first() is not None


def call_due(stopping: Callable[[], bool]) -> int:
    """Make every call that is due, a few at a time. Returns how many were made."""
    made = 0
    while not stopping():
        token, calls = _lease()
        if not calls:
            return made
        with ThreadPoolExecutor(TOGETHER) as pool:
            answers = list(pool.map(_post, calls, [_place(call.url) for call in calls]))
        for call, answer in zip(calls, answers, strict=True):
            _close(call, answer, token)
        made += len(calls)
    return made


def _due() -> Any:
    return select(WebhookCall.id).join(Webhook, WebhookCall.webhook_id == Webhook.id).where(_DUE).order_by(WebhookCall.id)


def _lease() -> tuple[str, list[Call]]:
    token = secrets.token_hex(8)
    if not is_due():  # an idle look must not take the write lock
        return token, []
    with writing() as connection:
        ids = _due().limit(TOGETHER).with_for_update(skip_locked=True, of=WebhookCall).scalar_subquery()
        leased = (
            update(WebhookCall)
            .where(WebhookCall.id.in_(ids))
            .values(state="sending", lease_token=token, lease_until=db_clock(LEASE), attempt_count=WebhookCall.attempt_count + 1)
            .returning(WebhookCall.id)
        )
        taken = connection.execute(leased).scalars().all()
    rows = db.session.scalars(select(WebhookCall).where(WebhookCall.id.in_(taken)).execution_options(populate_existing=True))
    calls = [_call(row) for row in rows]
    db.session.rollback()
    return token, calls


def _call(row: WebhookCall) -> Call:
    known = tuple(addresses.secrets_of(row.webhook))
    return Call(row.id, row.webhook_id, row.webhook.url, known, row.event_id, row.payload, row.attempt_count)


def _place(url: str) -> Any:
    try:
        return addresses.place(url)
    except (ValueError, OSError) as error:  # one that cannot be called must not hold up the others
        return error


def _post(call: Call, place: Any) -> Answer:
    if isinstance(place, Exception):
        return Answer(None, f"The address cannot be called: {place}")
    body = json.dumps(call.payload, separators=(",", ":"), ensure_ascii=False).encode()
    sent = {
        "Content-Type": "application/json", "User-Agent": "Carillon", "Host": place.host_header,
        **signing.headers(call.secrets, call.event_id, int(time.time()), body),
    }
    words = "no address"
    with pinned_session(place) as session:
        for url in place.urls:
            try:
                with session.post(
                    url, data=body, headers=sent, timeout=(CONNECT, READ), allow_redirects=False, stream=True
                ) as response:
                    return Answer(response.status_code, response.raw.read(KEPT_ANSWER).decode("utf-8", "replace"))
            except requests.ConnectTimeout as error:  # the next address may be the one that listens
                words = _words(error)
            except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                return Answer(None, _words(error))
    return Answer(None, words)


def _words(error: Exception) -> str:
    """What went wrong on the wire, without the two layers of wrapping around it."""
    inner = getattr(error.args[0], "reason", error.args[0]) if error.args else error
    return str(inner)[:KEPT_ANSWER]


def _close(call: Call, answer: Answer, token: str) -> None:
    delay = DELAYS[call.attempt - 1] if call.attempt <= len(DELAYS) else None
    again = not answer.good and answer.status != GONE and delay is not None
    state = "sent" if answer.good else "retrying" if again else "failed"
    values: dict[str, Any] = {"state": state, "status": answer.status, "answer": answer.words, "lease_token": None}
    values["next_attempt_at" if again else "closed_at"] = db_clock(delay or 0)
    with writing() as connection:
        ours = (WebhookCall.id == call.pk, WebhookCall.lease_token == token)
        if not connection.execute(update(WebhookCall).where(*ours).values(**values)).rowcount:
            return
        told = update(Webhook).where(Webhook.id == call.webhook_id)
        if answer.good:
            connection.execute(told.where(Webhook.failing_since.is_not(None)).values(failing_since=None))
            return
        log.warning("webhook call failed", extra={"webhook": call.webhook_id, "status": answer.status, "event_id": call.event_id})
        connection.execute(told.where(Webhook.failing_since.is_(None)).values(failing_since=db_clock()))
        if answer.status == GONE:
            connection.execute(told.values(is_active=False, off_reason="It answered 410 Gone: it does not want to be called."))
        old = Webhook.failing_since < utcnow() - OFF_AFTER
        why = f"No call got through for {OFF_AFTER.days} days."
        connection.execute(told.where(Webhook.is_active, old).values(is_active=False, off_reason=why))
