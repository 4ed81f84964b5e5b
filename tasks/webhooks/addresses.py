"""Making, changing and looking after webhooks; their secrets, and where they may point."""

from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from sqlalchemy import select, update

from tasks import outbox, vault
from tasks.audience.ssrf import Destination, UnsafeUrl, destination, split_url, zone
from tasks.config import settings
from tasks.database import writing
from tasks.errors import InvalidOption, UnknownWebhook
from tasks.extensions import db
from tasks.models import Webhook, WebhookCall
from tasks.models.types import db_clock, utcnow
from tasks.outbox import EVENTS
from tasks.webhooks.signing import new_secret

PURPOSE = "webhook secrets"
OVERLAP = timedelta(hours=24)  # for which a replaced secret goes on signing beside the new one
MOST = 20  # webhooks of one installation: each event is written once for every one of them


def create(url: str, events: Sequence[str], actor: str, description: str = "") -> tuple[Webhook, str]:
    """Make a webhook. Returns it and its secret, which is shown only now. Raises InvalidOption naming the field."""
    check(url, events)
    if len(db.session.scalars(select(Webhook.id).where(Webhook.is_active)).all()) >= MOST:
        raise InvalidOption(f"There are {MOST} webhooks already.", field="url", remedy="Delete one that is not needed.")
    secret = new_secret()
    kept = [{"secret": vault.lock(secret, PURPOSE), "until": None}]
    made = Webhook(url=url, events=list(events), description=description.strip(), secrets=kept, created_by=actor)
    db.session.add(made)
    db.session.flush()
    return made, secret


def find(pk: int) -> Webhook:
    """The webhook with this number. Raises UnknownWebhook."""
    found = db.session.get(Webhook, pk)
    if found is None:
        raise UnknownWebhook("There is no such webhook.", field="id", remedy="GET /webhooks/ lists them.")
    return found


def rotate(webhook: Webhook) -> str:
    """Give it a new secret, shown only now. The last one signs too for a day, so that the receiver can change over."""
    secret = new_secret()
    until = (utcnow() + OVERLAP).isoformat()
    last = [{**entry, "until": entry["until"] or until} for entry in webhook.secrets[:1]]
    webhook.secrets = [{"secret": vault.lock(secret, PURPOSE), "until": None}, *last]
    return secret


def secrets_of(webhook: Webhook) -> list[str]:
    """The secrets that sign now, newest first."""
    now = utcnow().isoformat()
    return [vault.unlock(entry["secret"], PURPOSE) for entry in webhook.secrets if entry["until"] is None or entry["until"] > now]


def switch_on(webhook: Webhook) -> None:
    """Let it be told again. What waited while it was off goes out."""
    webhook.is_active, webhook.off_reason, webhook.failing_since = True, "", None


def replay(call_id: int, webhook_id: int) -> None:
    """Tell it of an event again, with the same id, now. Raises UnknownWebhook where there is no such call of it."""
    again = (
        update(WebhookCall)
        .where(WebhookCall.id == call_id, WebhookCall.webhook_id == webhook_id, WebhookCall.state.in_(("sent", "failed")))
        .values(state="queued", attempt_count=0, next_attempt_at=db_clock(), closed_at=None)
    )
    with writing() as connection:
        if not connection.execute(again).rowcount:
            raise UnknownWebhook("No such call of this webhook has ended.", field="call_id", remedy="See its calls.")


def send_test(webhook_id: int) -> None:
    """Write a webhook.test event for it."""
    with writing() as connection:
        outbox.test(connection, webhook_id)


def check(url: str, events: Sequence[str]) -> None:
    """Raise InvalidOption where the address could never be called, or an event is not known."""
    try:
        host = split_url(url).hostname or ""
    except UnsafeUrl as error:
        raise _unsafe(error) from None
    if not settings().webhook_private and (urlsplit(url).scheme != "https" or host == "localhost"):
        raise InvalidOption(
            "The address is not https, or is this machine's own.", field="url",
            remedy="Give a public https address, or set CARILLON_WEBHOOK_PRIVATE=1 to allow private networks.",
        )
    unknown = [event for event in events if event not in EVENTS]
    if unknown:
        raise InvalidOption(f"There is no event {unknown[0]!r}.", field="events", remedy=f"Choose of {', '.join(EVENTS)}.")


def place(url: str) -> Destination:
    """Where a call goes, resolved and judged at this moment. Raises UnsafeUrl, or OSError where the name has no address."""
    private = settings().webhook_private
    found = destination(url, private=private)
    if not private and any(zone(address) != "public" for address in found.judged):
        raise UnsafeUrl("it leads into a private network")
    return found


def _unsafe(error: UnsafeUrl) -> InvalidOption:
    return InvalidOption(f"The address cannot be called: {error}.", field="url", remedy="Give an https address.")
