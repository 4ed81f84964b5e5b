"""What `carillon broadcast --dry-run` tells a person."""

from collections.abc import Mapping
from typing import Any

import click

from dashboard.cli.output import add, coloured, out, remark, table
from tasks.models.words import IN_APP, QUEUED, SENT


def tell(found: Mapping[str, Any]) -> None:
    """Show a dry run (`tasks.rehearsal.rehearse_broadcast`): figures as a table, remarks on stderr, the plan's hash last."""
    count = found["audience_count"]
    people = "known when it starts" if count is None else f"{count:,} {'person' if count == 1 else 'people'}"
    out.print(f"{found['audience_label']}: {people}. Nothing was sent.", markup=False)
    listed = table("channel", "", "people", "why")
    for channel, words in found["reach"].items():
        state = SENT if channel == IN_APP else QUEUED
        add(listed, channel, coloured(state), f"{words.get(state, 0):,}", "")
        for skip in (one for one in found["skips"] if one["channel"] == channel):
            add(listed, channel, coloured(skip["status"]), f"{skip['count']:,}", f"{skip['reason']}: {skip['explanation']}")
    if found["reach"]:
        out.print(listed)
    _costs(found)
    for one in found["texts"]["failing"]:
        remark(f"It fails for {one['recipient_id']}: {one['detail']}")
    click.echo(found["plan_hash"])


def _costs(found: Mapping[str, Any]) -> None:
    sms, duration, texts = found["sms"], found["duration"], found["texts"]
    if sms["segments"]:
        cost = f", {sms['cost']}" if sms["cost"] else ""
        out.print(f"{sms['messages']:,} SMS, {sms['segments']:,} segments{cost}.", markup=False)
    if texts["is_sample"]:
        remark(f"Reckoned from the texts of {texts['looked_at']:,} people.")
    if duration["seconds"] is not None:
        late = " It expires before that: give a longer --expires-in." if duration["too_slow"] else ""
        remark(f"At its rate it takes {duration['seconds'] / 60:,.1f} minutes, until {duration['ends_at'][:16]} UTC.{late}")
    remark("The last line is the plan: send with --plan, and it is exactly this that is sent, or nothing.")
