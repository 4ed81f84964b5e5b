"""`carillon status`: what became of a message or a broadcast."""

from typing import Any

import click
from rich.text import Text

from dashboard.cli.command import Command, with_app
from dashboard.cli.output import add, as_json, coloured, deliveries, out, table
from tasks.errors import UnknownNotification
from tasks.status import broadcast_status, notification_status

WHEN = ("created_at", "send_at", "started_at", "expanded_at", "finished_at")


@click.command(cls=Command)
@click.argument("id")
@click.option("--json", "machine", is_flag=True, help="Print JSON.")
@with_app
def status(id: str, machine: bool) -> None:
    """Show a notification with its deliveries and attempts, or a broadcast with its counts."""
    message = notification_status(id)
    found = message or broadcast_status(id)
    if found is None:
        raise UnknownNotification(
            f"No notification and no broadcast has the id {id}.", field="id", remedy="Use the id that sending gave."
        )
    if machine:
        as_json(found)
    elif message:
        _show_message(message)
    else:
        _show_broadcast(found)


def _show_message(found: dict[str, Any]) -> None:
    _lines({
        "status": coloured(found["status"]), "to": found["recipient_id"], "created": found["created_at"],
        "template": f"{found['template_name']} v{found['template_version']}",
        "title": found["title"], "message": found["message"],
    })
    out.print(deliveries(found["deliveries"]))
    tries = table("attempt", "channel", "target", "outcome", "code", "in its own words")
    for row in found["deliveries"]:
        for one in row["attempts"]:
            add(tries, str(one["number"]), row["channel"], one["target"], one["outcome"], one["code"], one["response"])
    if tries.row_count:
        out.print()
        out.print(tries)


def _show_broadcast(found: dict[str, Any]) -> None:
    part = "" if found["audience_complete"] else f"{found['expanded_count']} of "
    people = f"{part}{found['audience_count']} people"
    waits = f"waits for {found['waiting_for']}" if found["waiting_for"] else ""
    _lines({
        "status": coloured(found["status"]).append(f" {found['detail'] or found['pause_reason'] or waits}"),
        "audience": f"{found['audience_label']}, {people}", "template": f"{found['template_name']} v{found['template_version']}",
        **{name.removesuffix("_at"): found[name] for name in WHEN if found[name]}, **_limits(found),
    })
    states = sorted({state for counts in found["counts"].values() for state in counts})
    counted = table("channel", *states)
    for channel, counts in found["counts"].items():
        add(counted, channel, *(str(counts.get(state, 0)) for state in states))
    if counted.row_count:
        out.print(counted)


def _limits(found: dict[str, Any]) -> dict[str, str]:
    """What was asked for about time, where anything was."""
    zone = found["timezone"] or "UTC"
    asked = {
        "local time": found["send_at_local"] and f"{found['send_at_local']} {zone}",
        "window": found["window"] and f"{found['window']} {zone}",
        "rate": found["rate_per_minute"] and f"{found['rate_per_minute']} a minute", "expires": found["expires_at"],
    }
    return {name: value for name, value in asked.items() if value}


def _lines(values: dict[str, str | Text]) -> None:
    made = table("", "")
    for name, value in values.items():
        add(made, Text(name, style="dim"), value)
    out.print(made)
    out.print()
