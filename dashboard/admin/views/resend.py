"""Send one again: what goes where is shown first, and a second press sends nothing twice."""

import uuid

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select
from werkzeug.exceptions import NotFound

from dashboard.admin.display.times import localized
from dashboard.admin.guard import Page, at
from tasks import resend
from tasks.as_sent import AsSent, as_sent
from tasks.errors import CarillonError
from tasks.extensions import db
from tasks.models import Delivery, Notification
from tasks.models.words import IN_APP, OUTSIDE_CHANNELS
from tasks.options import SendOptions


class Resend(Page):
    """One message once more, to its person."""

    role = "sender"

    def is_visible(self) -> bool:
        """Not in a menu: it belongs to its message."""
        return False

    @at("/")
    def index(self) -> ResponseReturnValue:
        """What would go where. `id`: a delivery, on its channel; `message`: a message, on the channels that are ticked."""
        row, message = _asked(request.args)
        return self._page(row, message, _channels(row, message, request.args.getlist("channel")))

    @at("/send/", methods=("POST",))
    def send(self) -> ResponseReturnValue:
        """Send it. Who presses twice, or second, is told what the first press did."""
        row, message = _asked(request.form)
        channels = _channels(row, message, request.form.getlist("channel"))
        options = SendOptions(
            idempotency_key=request.form.get("token") or uuid.uuid4().hex, actor=current_user.email,
            idempotency_scope=f"resend {message.pk} {current_user.operator_id}",
        )
        try:
            if row is not None and row.channel != IN_APP:
                seen = request.form.get("round", type=int)
                done = resend.resend(row, current_user.email, options=options, round=row.round if seen is None else seen)
            else:
                done = resend.resend_anew(message, channels, current_user.email, options=options)
        except CarillonError as error:
            flash(localized(str(error)), "warning")
            return redirect(_back(row, message))
        if done.reopened:
            flash("It is back in the queue, and goes out in a moment.", "success")
            return redirect(_back(row, message))
        flash("Sent again, as this new message.", "success")
        return redirect(url_for("admin_notifications.details_view", id=done.notification_pk))

    def _page(self, row: Delivery | None, message: Notification, channels: list[str]) -> ResponseReturnValue:
        refusal, way = None, resend.ANEW
        try:
            way = resend.way(row) if row is not None else resend.ANEW
        except CarillonError as error:
            refusal = localized(str(error))
        ahead = None if refusal or way == resend.REOPEN else resend.look_ahead(message, channels)
        failed = isinstance(ahead, CarillonError)
        return str(self.render(
            "admin/resend.html", row=row, message=message, reopens=way == resend.REOPEN, back=_back(row, message),
            refusal=refusal or (str(ahead) if failed else None), token=uuid.uuid4().hex, channels=channels,
            outside=OUTSIDE_CHANNELS, decisions=[] if ahead is None or isinstance(ahead, CarillonError) else ahead.decisions,
            sent=AsSent(ahead.rendered) if ahead is not None and not isinstance(ahead, CarillonError)
            else as_sent(message, row.channel if row else IN_APP),
        ))


def _asked(given: object) -> tuple[Delivery | None, Notification]:
    """The delivery, if the request names one, and the message."""
    delivery, message = (_number(given, name) for name in ("id", "message"))
    row = db.session.get(Delivery, delivery) if delivery else None
    found = row.notification if row is not None else (db.session.get(Notification, message) if message else None)
    if found is None:
        raise NotFound("There is no such message.")
    return row, found


def _number(given: object, name: str) -> int | None:
    text = str(given.get(name, ""))  # type: ignore[attr-defined]
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _channels(row: Delivery | None, message: Notification, ticked: list[str]) -> list[str]:
    """The outside channels that it goes out on: the delivery's own, those ticked, or else those that it went out on before."""
    if row is not None:
        return [] if row.channel == IN_APP else [row.channel]
    if request.values.get("chosen"):
        return [name for name in OUTSIDE_CHANNELS if name in ticked]
    before = select(Delivery.channel).where(Delivery.notification_id == message.pk)
    return [name for name in OUTSIDE_CHANNELS if name in set(db.session.scalars(before))]


def _back(row: Delivery | None, message: Notification) -> str:
    if row is not None:
        return url_for("admin_deliveries.details_view", id=row.pk)
    return url_for("admin_notifications.details_view", id=message.pk)
