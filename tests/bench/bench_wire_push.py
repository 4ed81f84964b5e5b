"""A push broadcast, from the call to the last result, beside firebase-admin's own send_each to the same server.

    python -m tests.bench.bench_wire_push [--database postgresql://...] [--devices 10000] [--workers 2]

The server is Node's HTTP/2 (tests/bench/fcm_sink.mjs): it must be faster than what is measured. The second reference is the
provider alone, without the ledger.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import firebase_admin
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from firebase_admin import credentials, messaging
from flask import Flask
from sqlalchemy import func, insert, select

from tasks.channels.base import Message, Target
from tasks.channels.fcm import FcmChannel
from tasks.config import Settings, load
from tasks.extensions import db
from tasks.models import Broadcast, Delivery, Device, Recipient
from tasks.models.types import utcnow
from tasks.models.words import COMPLETED
from tasks.send import broadcast
from tasks.setup import init_app
from tests.bench.bench_wire_email import prepared, rate, spent, workers


@contextmanager
def sink() -> Iterator[tuple[str, Path]]:
    """The server: its URL and the service account that it lets in."""
    folder = Path(tempfile.mkdtemp())
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    program = ["node", str(Path(__file__).with_name("fcm_sink.mjs")), str(folder / "key.pem"), str(folder / "cert.pem")]
    server = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    url = f"https://127.0.0.1:{server.stdout.readline().strip()}"
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "account.json").write_text(json.dumps({
        "type": "service_account", "project_id": "bench", "private_key_id": "1", "private_key": private.decode(),
        "client_email": "bench@example.org", "client_id": "1", "token_uri": f"{url}/token",
    }))
    os.environ["REQUESTS_CA_BUNDLE"] = str(folder / "ca.pem")
    try:
        yield url, folder / "account.json"
    finally:
        server.terminate()
        server.wait(10)


def send_each(url: str, account: Path, count: int) -> None:
    """The SDK's own way, 500 at a time, with a token fetched before."""
    app = firebase_admin.initialize_app(credentials.Certificate(str(account)), name=f"bench-{time.time()}")
    messaging._get_messaging_service(app)._fcm_url = f"{url}/v1/projects/bench/messages:send"
    notification = messaging.Notification(title="Hello Ram", body="You owe 1000.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        messages = [messaging.Message(token=f"device-{number}", notification=notification) for number in range(count)]
    messaging.send(messages[0], app=app)
    for start in range(0, count, 500):
        assert messaging.send_each(messages[start : start + 500], app=app).failure_count == 0
    firebase_admin.delete_app(app)


def alone(config: Settings, count: int) -> None:
    """The provider without the ledger, a hand-over at a time."""
    channel = FcmChannel(config)
    messages = [
        Message(n, f"ref-{n}", "push", (Target(f"device-{n}", "token", n),), "Hello Ram", "You owe 1000.") for n in range(count)
    ]
    for start in range(0, count, channel.batch):
        assert all(outcome.status == "sent" for outcome in channel.send(messages[start : start + channel.batch]))
    channel.close()


def ours(count: int) -> None:
    """A broadcast, until every row of it is closed by the workers."""
    made = broadcast("all", "offer", amount=1000)
    while db.session.scalar(select(Broadcast.state).where(Broadcast.pk == made.pk)) != COMPLETED:
        db.session.rollback()
        time.sleep(0.01)
    sent = select(func.count()).where(Delivery.broadcast_id == made.pk, Delivery.channel == "push", Delivery.state == "sent")
    assert db.session.scalar(sent) == count
    db.session.rollback()


def devices() -> None:
    """One device for each person."""
    with db.engine.begin() as connection:
        same = {"kind": "token", "is_active": True, "created_at": utcnow(), "updated_at": utcnow()}
        connection.execute(insert(Device), [
            {"recipient_id": pk, "token": f"device-{pk}", **same}
            for pk in connection.execute(select(Recipient.id)).scalars().all()
        ])


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--database", default="", help="default: SQLite in a new folder; a PostgreSQL one is emptied")
    options.add_argument("--devices", type=int, default=10_000)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    with sink() as (url, account):
        config = load(home=tempfile.mkdtemp(), database_url=chosen.database, fcm_credentials=account, fcm_url=url)
        app = Flask("bench")
        init_app(app, config)
        with app.app_context():
            prepared(app, chosen.devices, "push")
            devices()
            found = []
            with workers(chosen.workers, config) as parent:
                before = spent(parent)
                some = chosen.devices // 5  # it is slow
                for _ in range(chosen.rounds):
                    plain = rate(some, lambda: send_each(url, account, some))
                    wire = rate(chosen.devices, lambda: alone(config, chosen.devices))
                    found.append((rate(chosen.devices, lambda: ours(chosen.devices)), plain, wire))
                cost = (spent(parent) - before) / chosen.rounds / chosen.devices
            own, plain, wire = (statistics.median(column) for column in zip(*found, strict=True))
            print(
                f"{db.engine.dialect.name}, {chosen.devices:,} devices: Carillon {own:,.0f}/s, {cost * 1e6:,.0f} us of CPU each, "
                f"send_each {plain:,.0f}/s ({own / plain:.1f} x), the provider alone {wire:,.0f}/s ({own / wire:.2f} of it)"
            )


if __name__ == "__main__":
    main()
