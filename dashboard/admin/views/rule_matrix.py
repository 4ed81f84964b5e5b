"""The matrix of the rules: every type that rules or templates know, by channels, changed cell by cell."""

from typing import Any

from flask import flash, jsonify, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from dashboard.admin.display.changes import differences, snapshot
from dashboard.admin.display.labels import CHANNEL_LABELS
from dashboard.admin.display.times import ago, clock
from dashboard.admin.forms.durations import show_duration
from dashboard.admin.guard import at
from dashboard.admin.lists.listing import Listing
from tasks import rules
from tasks.errors import CarillonError, InvalidOption, WrongState
from tasks.extensions import db
from tasks.models import AuditEntry, Rule
from tasks.models.words import OUTSIDE_CHANNELS

PAGE = 200  # types on one page


class RuleMatrix(Listing):
    """What the view of the rules has besides their forms."""

    def need(self, method: str) -> str:
        """Changing a cell is an edit."""
        return self.edit_role if method == "ring_view" else super().need(method)

    @at("/")
    def index_view(self) -> ResponseReturnValue:
        """The matrix."""
        search = request.args.get("search", "").strip()[:200]
        found = rules.matrix(request.args.get("after", ""), PAGE + 1, search)
        more = found[PAGE - 1].notification_type if found[PAGE:] else ""
        return str(self.render(
            "admin/rules/matrix.html", rows=found[:PAGE], more=more, search=search, cell=cell_of,
            return_url=self.get_url(".index_view", search=search or None),
        ))

    @at("/ring/", methods=("POST",))
    def ring_view(self) -> ResponseReturnValue:
        """Let a channel ring for a type, or not: as JSON for the page's script, as a page without it."""
        name, channel = request.form.get("notification_type", ""), request.form.get("channel", "")
        as_json = request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"
        try:
            said = self._ring(name, channel)
        except CarillonError as error:
            return self._refused(error, name, as_json)
        rule = _rule(name)
        if as_json:
            return jsonify(**self._state(rule, name), said=said)
        flash(said, "success")
        return redirect(self._back())

    def _ring(self, name: str, channel: str) -> str:
        before, version, rings = _rule(name), request.form.get("version", type=int), request.form.get("rings")
        if version is None or rings not in ("yes", "no"):
            raise InvalidOption("The form is not complete.", field="rings", remedy="Load the page anew.")
        state = snapshot(before, self.audited) if before else {}
        rule = rules.set_channel(name, channel, rings == "yes", version)
        self.note(rule, differences(state, snapshot(rule, self.audited)), created=before is None)
        db.session.commit()
        label = CHANNEL_LABELS[channel]
        return f"{label} rings for {name}." if rings == "yes" else f"{label} does not ring for {name} any more."

    def _refused(self, error: CarillonError, name: str, as_json: bool) -> ResponseReturnValue:
        db.session.rollback()
        rule = _rule(name)
        words = f"{who_was_first(rule)} {error.remedy}" if isinstance(error, WrongState) else str(error)
        if as_json:
            return jsonify(**self._state(rule, name), error=words), error.status
        flash(words, "warning")
        return redirect(self._back())

    def _state(self, rule: Rule | None, name: str) -> dict[str, Any]:
        """A row of the matrix as it is now."""
        back = self.get_url(".index_view")
        settings = (
            self.get_url(".edit_view", id=rule.id, url=back) if rule
            else self.get_url(".create_view", notification_type=name, url=back)
        )
        cells = {channel: cell_of(rule, channel) for channel in OUTSIDE_CHANNELS}
        return {"version": rule.version if rule else 0, "cells": cells, "settings": settings, "has_rule": rule is not None}


def cell_of(rule: Rule | None, channel: str) -> dict[str, str]:
    """What stands in a cell: its state, and in words what the channel waits for."""
    if rule is None or channel not in rule.channels:
        return {"state": "off", "words": ""}
    if channel in rule.escalate:
        return {"state": "waits", "words": f"after {show_duration(rule.escalate[channel])}"}
    return {"state": "on", "words": "if offline" if channel in rule.offline_only else ""}


def who_was_first(rule: Rule | None) -> str:
    """Who changed a rule last, and when, for whoever comes second."""
    if rule is None:
        return "Somebody deleted this rule meanwhile."
    entry = db.session.scalar(
        select(AuditEntry).where(AuditEntry.object_type == "rule", AuditEntry.object_id == str(rule.id))
        .order_by(AuditEntry.id.desc()).limit(1)
    )
    if entry is None:
        return "Somebody changed this rule meanwhile."
    return f"{entry.actor} changed this rule at {clock(entry.at)}, {ago(entry.at)}."


def _rule(name: str) -> Rule | None:
    return db.session.scalar(select(Rule).where(Rule.notification_type == name))
