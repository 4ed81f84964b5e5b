"""The start page: what wants a human, what went out, how well and how fast, what runs, what comes next, what was last."""

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from flask_admin import AdminIndexView
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from dashboard.admin.display.progress import progress
from dashboard.admin.guard import Guarded, at
from dashboard.admin.overview.charts import SPANS, charts, plain
from dashboard.admin.overview.next import scheduled
from dashboard.admin.overview.providers import down, healths
from dashboard.admin.overview.today import today
from dashboard.admin.overview.trouble import trouble
from tasks.channels import provider_name
from tasks.config import settings
from tasks.extensions import db
from tasks.models import Broadcast, Notification, Template, TemplateVersion
from tasks.models.broadcast import LIVE
from tasks.models.words import CHANNELS, SCHEDULED
from tasks.templates import variables

LATEST, RUNNING = 8, 8


class Home(Guarded, AdminIndexView):  # type: ignore[misc]
    """The start page."""

    @at("/")
    def index(self) -> ResponseReturnValue:
        """The page."""
        figures, broken = today(), down()
        span = request.args.get("span", "day")
        running = db.session.scalars(
            select(Broadcast).where(LIVE, Broadcast.state != SCHEDULED).order_by(Broadcast.pk.desc()).limit(RUNNING)
            .options(joinedload(Broadcast.template_version).joinedload(TemplateVersion.template))
        )
        latest = db.session.scalars(
            select(Notification).order_by(Notification.pk.desc()).limit(LATEST).options(
                joinedload(Notification.user), joinedload(Notification.broadcast), selectinload(Notification.deliveries),
                joinedload(Notification.template_version).joinedload(TemplateVersion.template),
            )
        )
        return str(self.render(
            "admin/home.html", today=figures, troubles=trouble(figures), latest=list(latest),
            providers={channel: provider_name(channel, settings()) for channel in CHANNELS},
            healths=healths(), charts=charts(span if span in SPANS else "day"), spans=SPANS, plain=plain, scheduled=scheduled(),
            running=[(row, progress(row, broken)) for row in running], base_url=settings().base_url.rstrip("/"),
            example=_example(),
        ))


def _example() -> dict[str, Any]:
    """What the first steps send: the newest template there is, or the one they tell how to write."""
    newest = db.session.scalar(select(Template).where(Template.is_active).order_by(Template.id.desc()).limit(1))
    if newest is None or newest.current_version is None:
        return {"slug": "payment_success", "data": {"amount": 1000, "gateway": "eSewa"}}
    return {"slug": newest.slug, "data": dict.fromkeys(variables(newest.current_version), "...")}
