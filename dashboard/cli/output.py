"""Where words go: results to stdout, remarks to stderr, so that a script can read the one without the other."""

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

COLOURS = {
    "sent": "green", "delivered": "green", "completed": "green", "failed": "red", "bounced": "red", "expired": "red",
    "unknown": "yellow", "retrying": "yellow", "partly_failed": "yellow", "skipped": "dim",
}

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def coloured(state: str) -> Text:
    """A state in its colour."""
    return Text(state, style=COLOURS.get(state, ""))


def remark(words: str) -> None:
    """Say something beside the result, on stderr. Plain text."""
    err.print(words, markup=False, soft_wrap=True)


def table(*columns: str) -> Table:
    """An empty table in the house's style."""
    made = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0), show_header=any(columns))
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def add(made: Table, *cells: str | Text) -> None:
    """Add a row. Words are plain: people write brackets too."""
    made.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells))


def deliveries(rows: list[dict[str, Any]]) -> Table:
    """A message's channels: state, provider, and why."""
    made = table("channel", "status", "provider", "tries", "why")
    for row in rows:
        why = " ".join(dict.fromkeys(filter(None, (row["reason"], row["detail"]))))
        add(made, row["channel"], coloured(row["status"]), row["provider"], str(len(row["attempts"])), why)
    return made


def as_json(value: Any) -> None:
    """Print a value for programs."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
