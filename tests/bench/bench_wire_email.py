"""An e-mail broadcast of personal 10 kB mails, from the call to the last result, beside bare senders of the same bytes.

    python -m tests.bench.bench_wire_email [--database postgresql://...] [--mails 10000] [--workers 2] [--postfix FOLDER]

The server is Postfix's smtp-sink, and the limit its smtp-source (Debian's package `postfix`; FOLDER is where it was unpacked).
The other reference is our own session over mails built beforehand, on four threads of one process.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import func, select

from tasks.channels.base import Message
from tasks.channels.mime import Mail, Sender, build
from tasks.channels.smtp_connect import server
from tasks.channels.smtp_session import Session
from tasks.config import Settings, load
from tasks.extensions import db
from tasks.models import Broadcast, Delivery
from tasks.models.words import COMPLETED
from tasks.send import broadcast
from tasks.setup import init_app
from tests import factories

ROWS = "".join(f"<tr><td>{number}</td><td>One of many lines of a table with words in it</td></tr>\n" for number in range(140))
HTML = "<h1>Hello {{ recipient.name }}</h1>\n<p>You owe {{ amount }}.</p>\n<table>\n" + ROWS + "</table>\n"
TEXT = "Hello {{ recipient.name }},\nyou owe {{ amount }}.\n"
CONNECTIONS = 4


class Postfix:
    """smtp-sink and smtp-source, from a folder they were unpacked into or from the PATH."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder) if folder else None
        self._home = Path(tempfile.mkdtemp())
        (self._home / "main.cf").write_text("compatibility_level = 3.6\n")

    def command(self, name: str) -> list[str]:
        """The program's path. Raises SystemExit where it is not there."""
        found = str(self._folder / "usr/sbin" / name) if self._folder else shutil.which(name)
        if not found or not Path(found).exists():
            raise SystemExit(f"{name} is missing: unpack Debian's package postfix and give its folder as --postfix")
        return [found]

    @property
    def environment(self) -> dict[str, str]:
        """With its libraries, and an empty configuration."""
        libraries = {"LD_LIBRARY_PATH": str(self._folder / "usr/lib/postfix")} if self._folder else {}
        return {**os.environ, **libraries, "MAIL_CONFIG": str(self._home)}

    @contextmanager
    def sink(self) -> Iterator[int]:
        """A server that takes every mail and keeps none; gives its port."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        made = subprocess.Popen([*self.command("smtp-sink"), *user, f"127.0.0.1:{port}", "1000"], env=self.environment)
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield port
        finally:
            made.terminate()
            made.wait(10)

    def source(self, port: int, count: int, size: int) -> None:
        """Send as many mails over ten connections as fast as C can."""
        sizes = ["-s", "10", "-m", str(count), "-l", str(size)]
        subprocess.run([*self.command("smtp-source"), *sizes, f"127.0.0.1:{port}"], env=self.environment, check=True)


def bare(port: int, mails: list[Mail]) -> None:
    """Send mails that are ready, over four sessions."""

    def work(part: list[Mail]) -> None:
        session = Session(server(f"smtp://127.0.0.1:{port}"), "[127.0.0.1]", 5, 10)
        for mail in part:
            session.hand_over(mail)
        session.close(politely=True)

    threads = [threading.Thread(target=work, args=(mails[number::CONNECTIONS],)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def ours(count: int) -> None:
    """A broadcast, until every row of it is closed by the workers."""
    made = broadcast("all", "offer", amount=1000)
    while db.session.scalar(select(Broadcast.state).where(Broadcast.pk == made.pk)) != COMPLETED:
        db.session.rollback()
        time.sleep(0.01)
    db.session.rollback()
    sent = select(func.count()).where(Delivery.broadcast_id == made.pk, Delivery.channel == "email", Delivery.state == "sent")
    assert db.session.scalar(sent) == count
    db.session.rollback()


def spent(pid: int) -> float:
    """Seconds of CPU that a process and its children have used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + sum(spent(int(child)) for child in children)


@contextmanager
def workers(count: int, config: Settings) -> Iterator[int]:
    """As many workers, in processes of their own; gives the parent's pid."""
    given = {
        "CARILLON_HOME": str(config.home), "CARILLON_DATABASE_URL": config.database_url, "CARILLON_SMTP_URL": config.smtp_url,
        "CARILLON_MAIL_FROM": config.mail_from, "CARILLON_FCM_URL": config.fcm_url,
        "CARILLON_FCM_CREDENTIALS": str(config.fcm_credentials or ""),
    }
    running = subprocess.Popen([sys.executable, "-m", "tasks.workers", str(count)], env={**os.environ, **given})
    try:
        time.sleep(6)
        yield running.pid
    finally:
        running.terminate()
        running.wait(60)


def rate(count: int, work: Callable[[], None]) -> float:
    """How many a second."""
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def prepared(app: Flask, people: int, channel: str = "email", **parts: str) -> None:
    """An empty database with the people and one template."""
    upgrade()
    factories.empty()
    factories.template("offer", title="Hello {{ recipient.name }}", message="You owe {{ amount }}.", **parts)
    factories.rule("offer", channels=[channel])
    for start in range(0, people, 10_000):
        factories.people(min(10_000, people - start), start=start)
    db.session.commit()


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--database", default="", help="default: SQLite in a new folder; a PostgreSQL one is emptied")
    options.add_argument("--mails", type=int, default=10_000)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--postfix", default="", help="folder with Debian's package postfix unpacked; default: the PATH")
    chosen = options.parse_args()
    postfix = Postfix(chosen.postfix)
    message = Message(1, "r-1", "email", (), "Hello Ram", TEXT, HTML, recipient_name="Ram")
    mails = [build(message, f"u{n}@example.test", Sender("Shop", "news@shop.example")) for n in range(chosen.mails)]
    with postfix.sink() as port:
        config = load(
            home=tempfile.mkdtemp(), database_url=chosen.database, smtp_url=f"smtp://127.0.0.1:{port}",
            mail_from="Shop <news@shop.example>",
        )
        app = Flask("bench")
        init_app(app, config)
        with app.app_context():
            prepared(app, chosen.mails, email_html=HTML, email_text=TEXT)
            found = []
            with workers(chosen.workers, config) as parent:
                before = spent(parent)
                for _ in range(chosen.rounds):
                    limit = rate(chosen.mails, lambda: postfix.source(port, chosen.mails, len(mails[0].content)))
                    raw = rate(chosen.mails, lambda: bare(port, mails))
                    found.append((rate(chosen.mails, lambda: ours(chosen.mails)), limit, raw))
                cost = (spent(parent) - before) / chosen.rounds / chosen.mails
            report(f"{db.engine.dialect.name}, {cost * 1e6:,.0f} us of CPU each", chosen.mails, len(mails[0].content), found)


def report(name: str, count: int, size: int, found: list[tuple[float, float, float]]) -> None:
    """Print the medians and their ratios."""
    own, limit, raw = (statistics.median(column) for column in zip(*found, strict=True))
    print(
        f"{name}, {count:,} mails of {size:,} bytes: Carillon {own:,.0f}/s, "
        f"smtp-source {limit:,.0f}/s ({own / limit:.2f} of it), built beforehand, four "
        f"threads {raw:,.0f}/s ({own / raw:.2f} of it)"
    )


if __name__ == "__main__":
    main()
