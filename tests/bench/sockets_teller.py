"""A worker as bench_sockets wants it: for each line that it reads it writes a message for everybody, then tells the web process.

    python -m tests.bench.sockets_teller

Settings come from the environment. For each round it prints the moment after the commit (monotonic seconds): what is measured
from there is the way from a worker to the clients, not the table, which has a bench of its own.
"""

import sys
import time

from flask import Flask
from sqlalchemy import select

from tasks import live
from tasks.config import load
from tasks.database import reading
from tasks.models import Recipient
from tasks.setup import init_app
from tests.peers.inbox_rows import messages

PAGE = 1_000


def main() -> None:
    """Tell a round for each line."""
    app = Flask("teller")
    init_app(app, load())
    live.init_live(app, server=False)
    with app.app_context():
        with reading() as connection:
            people = list(connection.execute(select(Recipient.id).order_by(Recipient.id)).scalars())
        print("ready", flush=True)
        for _ in sys.stdin:
            rows = messages(people)
            print(time.monotonic(), flush=True)
            for start in range(0, len(rows), PAGE):
                live.announce(rows[start : start + PAGE])


if __name__ == "__main__":
    main()
