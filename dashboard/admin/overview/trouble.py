"""What wants a human: providers that are down, messages that failed, no worker, simulated channels, settings that are wrong."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from flask import url_for
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import joinedload

from dashboard.admin.display.labels import channel_label
from dashboard.admin.overview.providers import outages
from dashboard.admin.overview.today import Today
from dashboard.auth import allowed
from tasks.channels import provider_name
from tasks.config import settings
from tasks.config_check import check
from tasks.extensions import db
from tasks.ledger.processes import DEAD_AFTER
from tasks.models import Broadcast, Delivery, Process, TemplateVersion, Webhook
from tasks.models.broadcast import LIVE
from tasks.models.delivery import DUE
from tasks.models.types import db_clock
from tasks.models.words import AWAITING_APPROVAL, BOUNCED, EMAIL, FAILED, MISSED, OUTSIDE_CHANNELS, PAUSED, PUSH, SMS, UNKNOWN

SWITCHES = {PUSH: "FCM_CREDENTIALS", SMS: "SPARROW_TOKEN", EMAIL: "SMTP_URL"}  # the setting that makes a channel real
MOST = 5  # broadcasts named
WORKERS = ("worker", "embedded")


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong: how bad, in a sentence, in more words, and where to look."""

    kind: Literal["danger", "warning", "info"]
    title: str
    text: str = ""
    link: str | None = None
    link_text: str = ""


def trouble(today: Today) -> list[Trouble]:
    """Everything wrong now, worst first."""
    found = [*_worker(), *_breakers(), *_broadcasts(), *_webhooks(), *_failed(today), *_settings()]
    return sorted(found, key=lambda one: ("danger", "warning", "info").index(one.kind))


def _worker() -> Iterator[Trouble]:
    beating = (Process.ended_at.is_(None), Process.heartbeat_at > db_clock(-DEAD_AFTER))
    if db.session.scalar(select(Process.id).where(Process.kind.in_(WORKERS), *beating).limit(1)) is not None:
        return
    # DUE as the index has it, word for word: with bound values SQLite would not know that the index serves.
    waiting = db.session.scalar(select(Delivery.pk).where(DUE).limit(1))
    text = "Messages are waiting for one. " if waiting is not None else "Whatever is sent from now on waits. "
    yield Trouble("danger", "No worker is alive.", text + "Start it with: carillon worker")


def _breakers() -> Iterator[Trouble]:
    for one in outages(OUTSIDE_CHANNELS):
        said = f"It says: {one.last_error}" if one.last_error else ""
        link = url_for("admin_deliveries.index_view", provider=one.provider)
        yield Trouble("danger", one.sentence, said, link, "Its deliveries")


def _broadcasts() -> Iterator[Trouble]:
    """Those that wait for a human's decision."""
    stopped = and_(Broadcast.state == PAUSED, Broadcast.pause_reason != "")
    waits = or_(Broadcast.state.in_((MISSED, AWAITING_APPROVAL)), stopped)
    names = joinedload(Broadcast.template_version).joinedload(TemplateVersion.template)
    for row in db.session.scalars(select(Broadcast).where(LIVE, waits).order_by(Broadcast.pk.desc()).limit(MOST).options(names)):
        name = f"{row.template_version.template.name} #{row.pk}"
        title, text = {
            PAUSED: (f"{name} paused itself.", row.pause_reason),
            MISSED: (f"{name} missed its time.", "It passed while the server was off. Send it now, or cancel it."),
            AWAITING_APPROVAL: (
                f"{name} waits for a second person.",
                f"{row.created_by or 'Somebody'} wants to send it; anybody else who may send can approve or reject it.",
            ),
        }[row.state]
        yield Trouble("warning", title, text, url_for("admin_broadcasts.details_view", id=row.pk), "Decide")


def _webhooks() -> Iterator[Trouble]:
    """Those that were switched off because nobody answered: somebody believes to be told, and is not."""
    off = select(Webhook).where(Webhook.is_active.is_(False), Webhook.off_reason != "").order_by(Webhook.id.desc()).limit(MOST)
    for row in db.session.scalars(off):
        link = url_for("admin_webhooks.details_view", id=row.id) if allowed("admin") else None
        host = urlsplit(row.url).hostname or "a service"
        yield Trouble("warning", f"The webhook of {host} is switched off.", row.off_reason, link, "Look at it")


def _failed(today: Today) -> Iterator[Trouble]:
    sentences = {
        UNKNOWN: ("in doubt", "They were handed over and no answer came: they may or may not have arrived."),
        FAILED: ("failed", "Their pages say why."), BOUNCED: ("bounced", "The provider took them and gave them back."),
    }
    for state, (words, text) in sentences.items():
        count = sum(states.get(state, 0) for states in today.channels.values())
        if count:
            link = url_for("admin_deliveries.index_view", state=state)
            title = f"{count:,} {'delivery' if count == 1 else 'deliveries'} {words} today."
            yield Trouble("warning", title, text, link, "Look at them")


def _settings() -> Iterator[Trouble]:
    config = settings()
    simulated = [channel for channel in OUTSIDE_CHANNELS if provider_name(channel, config) == "simulator"]
    if simulated:
        names = [channel_label(channel) for channel in simulated]
        listed = f"{', '.join(names[:-1])} and {names[-1]} are" if len(names) > 1 else f"{names[0]} is"
        variables = ", ".join(f"CARILLON_{SWITCHES[channel]}" for channel in simulated)
        yield Trouble("info", f"{listed} simulated: nothing leaves this installation.", f"For real messages set {variables}.")
    for problem in check(config):
        if "simulator" not in problem.detail:  # said above, in one line
            kind: Literal["danger", "warning"] = "danger" if problem.level == "error" else "warning"
            yield Trouble(kind, f"{problem.variable}: {problem.detail}", problem.fix)
