"""Runs every hostile template in this process, which may use little memory, and prints what became of each, a line of JSON each.

Run by test_sandbox.py as `python -m tests.tasks.hostile_run`, so that a template that wins kills only this.
"""

import json
import resource
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from tasks.errors import CarillonError, InvalidTemplate
from tasks.render import PARTS, compiled
from tests.tasks.hostile_templates import HOSTILE, hostile_data

MEMORY = 256 * 1024 * 1024  # bytes above what the process has before the first template


def limit_memory() -> None:
    """From here on, an allocation above MEMORY fails."""
    with open("/proc/self/statm") as statm:
        now = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))


def outcome(part: str, source: str, data: dict[str, Any]) -> dict[str, Any]:
    """Save and render one template: how it ended, after how many seconds of this process, and what it printed."""
    started = time.process_time()
    texts = dict.fromkeys(PARTS, "") | {"title": "t", "message": "m", part: source}
    recipient = {"name": "Ann", "attributes": {"secret": "yes"}}
    printed = ""
    try:
        version = compiled(SimpleNamespace(id=None, **texts))
        ended = "rendered"
        printed = getattr(version.render(data, recipient, [part]), part)
    except InvalidTemplate as error:
        ended = "refused"
        if error.field != part or not error.remedy or error.extra["line"] < 1 or error.extra["column"] < 1:
            ended = f"refused without a place or a remedy: {error!r} {error.field} {error.extra}"
    except CarillonError as error:
        stopped = error.extra.get("part") == part and error.extra["line"] >= 1 and "MemoryError" not in error.detail
        ended = "stopped" if stopped else f"badly stopped: {error!r}"
    return {"ended": ended, "seconds": time.process_time() - started, "printed": printed[:20_000]}


def all_outcomes() -> Iterator[dict[str, Any]]:
    """Every template as message and as e-mail's HTML, which are compiled differently."""
    data = hostile_data()
    for source in HOSTILE:
        for part in ("message", "email_html"):
            yield {"source": source[:200], "part": part, **outcome(part, source, data)}


if __name__ == "__main__":
    limit_memory()
    for line in all_outcomes():
        print(json.dumps(line), flush=True)
