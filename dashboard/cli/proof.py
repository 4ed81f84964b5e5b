"""`carillon proof`: what the rows of a broadcast say, checked against the law of the ledger."""

import json
from collections.abc import Mapping
from typing import IO, Any

import click
from rich.text import Text

from dashboard.cli.command import Command, with_app
from dashboard.cli.output import add, as_json, out, remark, table
from tasks import public_id
from tasks.errors import UnknownBroadcast
from tasks.proof import Proof, export, prove


@click.command(cls=Command)
@click.argument("id")
@click.option("--export", "file", type=click.File("w", encoding="ascii", lazy=True), metavar="FILE",
              help="Write the rows there, for static/check_proof.py; - is the standard output.")
@click.option("--anonymous", is_flag=True, help="With --export: people as seals, and no provider's references.")
@click.option("--json", "machine", is_flag=True, help="Print JSON.")
@with_app
def proof(id: str, file: IO[str] | None, anonymous: bool, machine: bool) -> None:
    """Check every row of the broadcast ID against the law of the ledger, and hash them. Status 1 where a clause fails.

    It reads one moment of the database, whether the broadcast runs or has ended.
    """
    if anonymous and file is None:
        raise click.UsageError("--anonymous is for --export FILE.")
    pk = public_id.decode(public_id.BROADCAST, id)
    if pk is None:
        raise UnknownBroadcast("No broadcast has this id.", field="id", remedy="Use the id that `carillon broadcast` printed.")
    if file is None:
        found = prove(pk)
        holds = found.holds
        as_json(found.as_json()) if machine else _show(found)
    else:
        holds = _write(pk, file, anonymous, machine)
    if not holds:
        raise SystemExit(1)


def _write(pk: int, file: IO[str], anonymous: bool, machine: bool) -> bool:
    """Write the export. Returns whether every clause holds in the very moment that was written."""
    last = ""
    for last in export(pk, anonymous=anonymous):
        file.write(last)
    tail = json.loads(last)
    if file.name == "-" or machine:
        remark(last.rstrip()) if file.name == "-" else as_json(tail)
        return bool(tail["holds"])
    _counts(tail["counts"])
    checked = table("", "clause")
    for name, holds in tail["clauses"].items():
        add(checked, _yes(holds), name)
    out.print(checked)
    _end(tail["rows"], tail["sha256"], tail["at_rest"])
    return bool(tail["holds"])


def _show(found: Proof) -> None:
    facts = found.facts
    head = table("", "")
    for name, value in (
        ("broadcast", facts["id"]), ("state", f"{facts['state']}, round {facts['round']}"),
        ("template", f"{facts['template_name']} v{facts['template_version']}"),
        ("audience", f"{facts['audience_label']}: {facts['audience_count']:,} people"),
        ("frozen", facts["frozen_at"] or "not yet"), ("definition", json.dumps(facts["audience_definition"])),
    ):
        add(head, Text(name, style="dim"), str(value))
    out.print(head)
    out.print()
    _counts(found.counts)
    checked = table("", "clause", "numbers")
    for clause in found.clauses:
        add(checked, _yes(clause.holds), clause.words, json.dumps(clause.numbers) if not clause.holds else "")
    out.print(checked)
    _end(found.rows, found.sha256, found.at_rest)
    out.print(f"of the anonymous form {found.sha256_anonymous}", soft_wrap=True)


def _counts(counts: Mapping[str, Mapping[str, Any]]) -> None:
    states = sorted({state for of_channel in counts.values() for state in of_channel})
    counted = table("channel", *states, "total")
    for channel, of_channel in counts.items():
        add(counted, channel, *(f"{of_channel.get(state, 0):,}" for state in states), f"{sum(of_channel.values()):,}")
    if counts:
        out.print(counted)
        out.print()


def _yes(holds: bool) -> Text:
    return Text("yes", style="green") if holds else Text("NO", style="red")


def _end(rows: int, sha256: str, at_rest: bool) -> None:
    out.print()
    out.print(f"{rows:,} rows, SHA-256 {sha256}", soft_wrap=True)
    if not at_rest:
        remark("Not at rest yet: these are the numbers of this moment.")
