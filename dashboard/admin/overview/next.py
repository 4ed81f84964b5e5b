"""What comes next: the broadcasts whose time is set."""

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tasks.extensions import db
from tasks.models import Broadcast, TemplateVersion
from tasks.models.broadcast import LIVE
from tasks.models.words import SCHEDULED

NEXT = 5  # named


def scheduled() -> list[Broadcast]:
    """The next ones, the soonest first, with their templates."""
    names = joinedload(Broadcast.template_version).joinedload(TemplateVersion.template)
    waiting = select(Broadcast).where(LIVE, Broadcast.state == SCHEDULED, Broadcast.send_at.is_not(None))
    return list(db.session.scalars(waiting.order_by(Broadcast.send_at).limit(NEXT).options(names)))
