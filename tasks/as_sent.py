"""What was sent, again: a delivery's exact texts, from the version that its message is pinned to and the data kept with it.

Neither a later edit of the template nor one of the person changes a byte: the version never changes, and what the template read
of the person was kept with the message. Nothing of it is stored twice.
"""

from dataclasses import dataclass

from tasks import compose
from tasks.database import reading
from tasks.errors import CarillonError
from tasks.models import Delivery, Notification
from tasks.models.words import IN_APP
from tasks.plan import load_version
from tasks.render import Rendered

EMPTY = Rendered()


@dataclass(frozen=True, slots=True)
class AsSent:
    """The texts that a channel's provider was given; `problem`: why there are none."""

    rendered: Rendered = EMPTY
    problem: str = ""


def as_sent(message: Notification, channel: str) -> AsSent:
    """The texts of a message on a channel, as they went out, or as they will where it waits."""
    if channel == IN_APP:
        return AsSent(Rendered(title=message.title, message=message.message))
    with reading() as connection:
        plan = load_version(connection, message.template_version_id)
    try:
        return AsSent(plan.version.render(message.data, message.recipient_fields or {}, compose.PARTS[channel]))
    except CarillonError as error:
        return AsSent(problem=str(error))


def html_of(row: Delivery) -> str:
    """The HTML part of an e-mail as it was sent; empty for anything else."""
    return as_sent(row.notification, row.channel).rendered.email_html if row.channel == "email" else ""
