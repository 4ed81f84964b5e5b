"""`carillon explain`: why each channel of a message rang, or did not."""

import click

from dashboard.cli.command import Command, with_app
from dashboard.cli.output import add, as_json, coloured, out, remark, table
from tasks.errors import UnknownNotification
from tasks.explain import explain as explain_message


@click.command(cls=Command)
@click.argument("id")
@click.option("--json", "machine", is_flag=True, help="Print JSON.")
@with_app
def explain(id: str, machine: bool) -> None:
    """Say of each channel of the notification ID what became of it, and why: also of those that were not tried."""
    found = explain_message(id)
    if found is None:
        raise UnknownNotification(f"No notification has the id {id}.", field="id", remedy="Use the id that sending gave.")
    if machine:
        as_json(found)
        return
    remark(f"{found['template_name']} to {found['recipient_id']}{', a test' if found['is_test'] else ''}")
    lines = table("channel", "status", "tries", "why")
    for one in found["channels"]:
        add(lines, one["channel"], coloured(one["status"]), str(len(one["attempts"]) or ""), one["explanation"])
    out.print(lines)
