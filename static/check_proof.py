#!/usr/bin/env python3
"""Check the export of a broadcast's proof, without trusting Carillon: it needs nothing but Python.

    python check_proof.py proof.ndjson
    python check_proof.py proof.ndjson --sha256 HASH             the hash that the proof's page or API gave
    python check_proof.py proof.ndjson --log accepted.txt        a provider's own list: one accepted id a line, the first word
    python check_proof.py proof.ndjson --log accepted.txt --channel email

The export's first line says what it is about, its last line what Carillon makes of it, and every line between is one delivery:
recipient, channel, state and attempts. From those lines alone this script counts everything again, checks every clause of the
law, and takes the SHA-256 over their bytes (`sed '1d;$d' proof.ndjson | sha256sum` gives the same). Then it compares.

Exit status: 0 agreement and every clause holds, 1 differences or a clause that fails, 2 this is no whole export.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

OPEN = {"queued", "retrying", "sending"}
THROUGH = {"sent", "delivered", "bounced"}  # a provider took it
FORMAT = 1
SHOWN = 5  # examples of each difference


class NoExport(Exception):
    """The file is not an export, or not a whole one."""


class Recount:
    """Everything that can be counted from the lines."""

    def __init__(self) -> None:
        self.rows = 0
        self.digest = hashlib.sha256()
        self.counts: dict[str, Counter] = {}
        self.seen: set[int] = set()  # hashes of (person, channel), and of delivery ids: 64 bits each
        self.repeated = self.unproven = self.denied = self.twice = self.again = self.highest = 0

    def add(self, raw: bytes) -> dict[str, Any]:
        """Count one line. Returns what stands in it."""
        line = json.loads(raw)
        self.rows += 1
        self.digest.update(raw)
        self.counts.setdefault(line["channel"], Counter())[line["state"]] += 1
        self.highest = max(self.highest, line["round"])
        for key in (hash((line["person"], line["channel"])), hash(line["delivery"])):
            self.repeated += key in self.seen
            self.seen.add(key)
        if line["channel"] != "in_app":
            self._outside(line)
        return line

    def _outside(self, line: dict[str, Any]) -> None:
        accepted = [attempt for attempt in line["attempts"] if attempt[3] == "sent"]
        through, one_target = line["state"] in THROUGH, line["channel"] != "push"
        self.unproven += through and not accepted
        self.denied += bool(accepted) and not through and one_target
        devices = [attempt[5] for attempt in accepted]
        self.twice += len(set(devices)) < len(devices)
        self.again += one_target and any(attempt[0] < line["round"] for attempt in accepted)

    def clauses(self, head: dict[str, Any]) -> dict[str, bool]:
        """The law, clause by clause."""
        facts = head["broadcast"]
        written, complete = facts["people_with_rows"], facts["audience_complete"]
        sums = {channel: sum(states.values()) for channel, states in self.counts.items()}
        whole = all(total == written for total in sums.values()) and ("in_app" in sums or written == 0)
        closed = {
            channel: {state: count for state, count in states.items() if state not in OPEN}
            for channel, states in self.counts.items()
        }
        shown = {channel: {state: count for state, count in states.items() if count} for channel, states in head["shown"].items()}
        return {
            "audience": whole and (not complete or written == facts["audience_count"]),
            "once": not self.repeated,
            "sent_was_accepted": not self.unproven,
            "accepted_is_sent": not self.denied,
            "accepted_once": not self.twice,
            "counters": {name: found for name, found in closed.items() if found} == {n: f for n, f in shown.items() if f},
            "rounds": not self.again and self.highest <= max(facts["round"], 1),
        }


class Log:
    """A provider's own record of what it accepted, against the rows."""

    def __init__(self, path: str, channels: set[str]) -> None:
        with open(path, encoding="utf-8", errors="replace") as lines:
            self.accepted = Counter(line.split(None, 1)[0] for line in lines if line.strip())
        self.channels = channels
        self.problems: dict[str, list[str]] = {}
        self.matched = self.settled = self.knowingly = 0

    def compare(self, line: dict[str, Any]) -> None:
        """Look for one delivery in the record: by its own id, or by the reference that the provider gave for it."""
        if line["channel"] not in self.channels:
            return
        names = {line["delivery"], *(attempt[6] for attempt in line["attempts"] if attempt[6])}
        times = sum(self.accepted.get(name, 0) for name in names)
        self.matched += bool(times)
        if line["state"] in THROUGH and not times:
            self._note("called sent, and not in the log", line)
        if times and line["state"] == "unknown":
            self.settled += 1
        elif times and line["state"] not in THROUGH | OPEN:
            self._note("in the log, and called " + line["state"], line)
        if times > 1 and line["channel"] != "push":
            in_doubt = any(attempt[3] == "unknown" and attempt[0] < line["round"] for attempt in line["attempts"])
            self.knowingly += in_doubt
            if not in_doubt:
                self._note("in the log more than once", line)

    def _note(self, what: str, line: dict[str, Any]) -> None:
        self.problems.setdefault(what, []).append(line["delivery"])


def read(source: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """The lines after the first one, each with True where it is the last."""
    before: bytes | None = None
    for raw in source:
        if before is not None:
            yield before, False
        before = raw
    if before is not None:
        yield before, True


def check(source: BinaryIO, log: Log | None, expected: str) -> bool:
    """Print what is found. True where everything agrees. Raises NoExport."""
    try:
        head = json.loads(source.readline())
        if head["carillon_proof"] != FORMAT:
            raise NoExport("it is of another version than this script")
        recount, tail = Recount(), None
        for raw, last in read(source):
            if last:
                tail = json.loads(raw)
            elif log:
                log.compare(recount.add(raw))
            else:
                recount.add(raw)
        if tail is None or "sha256" not in tail:
            raise NoExport("its last line is missing: it was cut off")
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise NoExport(f"it cannot be read ({type(error).__name__}: {error})") from None
    return report(head, tail, recount, log, expected)


def report(head: dict[str, Any], tail: dict[str, Any], recount: Recount, log: Log | None, expected: str) -> bool:
    """Print the table and the verdict."""
    facts, clauses, digest = head["broadcast"], recount.clauses(head), recount.digest.hexdigest()
    counts = {channel: dict(sorted(states.items())) for channel, states in sorted(recount.counts.items())}
    say(f"broadcast {facts['id']}, {facts['state']}, {head['form']} form")
    say(f"  audience {facts['audience_count']}, {recount.rows} rows")
    for channel, states in counts.items():
        say(f"  {channel:8}" + "  ".join(f"{state} {count}" for state, count in states.items()))
    bad = [f"the clause {name!r} does not hold" for name, holds in clauses.items() if not holds]
    ours = {"rows": recount.rows, "sha256": digest, "counts": counts, "clauses": clauses, "holds": not bad}
    bad += [f"Carillon says {name} = {tail.get(name)!r}, the lines say {value!r}" for name, value in ours.items()
            if tail.get(name) != value]
    if expected and expected.lower() != digest:
        bad.append(f"the expected hash is {expected.lower()}, the lines give {digest}")
    if log:
        say(f"  log: {sum(log.accepted.values())} accepted, {log.matched} rows found in it, {log.settled} of them in doubt here,"
            f" {log.knowingly} more than once after they were in doubt and sent again by hand")
        bad += [f"{len(found)} {what}: {', '.join(found[:SHOWN])}" for what, found in log.problems.items()]
    for name, holds in clauses.items():
        say(f"  {'yes' if holds else 'NO '}  {name}")
    say(f"  sha256 {digest}")
    if not tail.get("at_rest"):
        say("  not at rest yet: these numbers are of " + head["taken_at"])
    for words in bad:
        say("DIFFERENCE: " + words)
    say("agreement" if not bad else f"{len(bad)} differences")
    return not bad


def say(words: str) -> None:
    """Print a line."""
    sys.stdout.write(words + "\n")


def main() -> int:
    """Read the arguments. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", help="the file, or - for the standard input")
    parser.add_argument("--sha256", default="", help="the hash that the proof gave")
    parser.add_argument("--log", help="a file with the ids that a provider accepted")
    parser.add_argument("--channel", action="append", choices=("email", "push", "sms"), help="the channels of that log (all)")
    arguments = parser.parse_args()
    try:
        log = Log(arguments.log, set(arguments.channel or ("email", "push", "sms"))) if arguments.log else None
        with sys.stdin.buffer if arguments.export == "-" else open(arguments.export, "rb") as source:
            return 0 if check(source, log, arguments.sha256) else 1
    except (NoExport, OSError) as error:
        sys.stderr.write(f"This is no whole export: {error}.\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
