"""`carillon up` in a process of its own: from nothing to a served page, and a clean quick end whatever is connected."""

import os
import signal
import socket
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.peers.program import Program, answer, run
from tests.peers.socket_client import Ear

PAYMENT = {"template_name": "payment_success", "data": {"amount": 1000, "gateway": "eSewa"}}
LOG_IN = r"The first account: (\S+)"
PASSWORD = r"Its password, shown only now: (\S+)"


def until(condition: object, seconds: float = 30) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def rows(folder: Path, query: str) -> list[tuple]:
    with sqlite3.connect(folder / "instance" / "carillon.db") as connection:
        found = connection.execute(query).fetchall()
    connection.close()
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a new user stands: an empty folder that is also their $HOME."""
    return tmp_path_factory.mktemp("newcomer")


@pytest.fixture(scope="module")
def program(folder: Path) -> Iterator[Program]:
    """`carillon up --demo`, as its first user sees it."""
    with Program(folder, "up", "--demo", "--port", "0") as running:
        running.url()
        yield running


@pytest.fixture(scope="module")
def key(program: Program) -> str:
    """The demo's API key, as printed."""
    return program.wait_for(r"^(crl_\w+)$")


def test_it_serves_pages_and_api_at_the_address_it_names(program: Program, key: str) -> None:
    assert requests.get(program.url() + "/readyz", timeout=30).json() == {"status": "ready", "database": "ok", "queue": "ok"}
    assert requests.get(program.url() + "/login/", timeout=30).status_code == 200
    assert answer(program.url(), key, "/notify/00000000-0000-0000-0000-000000000000/").status_code == 404


def test_a_body_in_broken_chunks_is_refused(program: Program, key: str) -> None:
    where = urlsplit(program.url())
    head = f"POST /notify/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"

    with socket.create_connection((where.hostname, where.port), timeout=30) as wire:
        wire.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n".encode())
        answered = wire.recv(4_096)

    assert answered.startswith(b"HTTP/1.1 400")


def test_the_printed_password_opens_the_dashboard(program: Program) -> None:
    session = requests.Session()
    page = session.get(program.url() + "/login/", timeout=30).text
    token = page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
    form = {"email": program.wait_for(LOG_IN), "password": program.wait_for(PASSWORD), "csrf_token": token}

    session.post(program.url() + "/login/", data=form, timeout=30)

    assert session.get(program.url() + "/admin/", timeout=30, allow_redirects=False).status_code == 200


def test_the_embedded_worker_plays_the_story(program: Program, folder: Path) -> None:
    sent = "SELECT channel, count(*) FROM deliveries WHERE state = 'sent' AND provider = 'simulator' GROUP BY channel ORDER BY 1"

    until(lambda: [channel for channel, _ in rows(folder, sent)] == ["email", "push", "sms"])
    until(lambda: dict(rows(folder, sent))["push"] > 40)


def test_a_message_by_http_arrives_live(program: Program, key: str) -> None:
    token = answer(program.url(), key, "/recipients/demo-9/token/", {}).json()["token"]
    ear = Ear(program.url(), token)
    try:
        ear.wait("sync")
        answered = answer(program.url(), key, "/notify/", {**PAYMENT, "recipient": {"id": "demo-9"}})
        assert answered.status_code == 202
        (heard,) = ear.wait("notification")
    finally:
        ear.close()

    assert heard["title"] == "Payment Successful - ₹1000"


def test_nothing_is_written_outside_its_home(program: Program, folder: Path) -> None:
    home = {path.name.removesuffix("-wal").removesuffix("-shm") for path in (folder / "instance").iterdir()}

    assert {path.name for path in folder.iterdir()} == {"instance", "said.txt"}
    assert home == {"carillon.db", "carillon.db-turn", "queue.db", "secret_key"}
    assert stat.S_IMODE((folder / "instance" / "secret_key").stat().st_mode) == 0o600


def test_the_parent_holds_no_database(program: Program) -> None:
    held = [os.readlink(link) for link in Path(f"/proc/{program.process.pid}/fd").iterdir() if link.is_symlink()]

    assert [path for path in held if ".db" in path] == []


def test_a_second_process_of_one_installation_needs_a_message_queue(program: Program, folder: Path) -> None:
    refused = run(folder, "up", "--port", "0")

    assert refused.returncode == 1
    assert "CARILLON_MESSAGE_QUEUE_URL" in refused.stderr
    assert f"pid {program.children()[0]}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_command_line_sends_beside_it(program: Program, folder: Path) -> None:
    sent = run(folder, "send", "otp_sms", "--to", "demo-2", "--async", "--json", "otp=111")

    assert sent.returncode == 0
    until(lambda: rows(folder, "SELECT state FROM deliveries WHERE channel = 'sms' ORDER BY id DESC LIMIT 1") == [("sent",)])


def test_a_serving_process_that_dies_is_replaced(program: Program, folder: Path) -> None:
    (before,) = program.children()

    os.kill(before, signal.SIGKILL)

    until(lambda: program.children() not in ([before], []))
    until(lambda: rows(folder, "SELECT count(*) FROM processes WHERE kind = 'embedded' AND ended_at IS NULL") == [(1,)])
    assert requests.get(program.url() + "/healthz", timeout=60).status_code == 200
    assert program.said().count("Carillon is up.") == 1


def test_it_ends_quickly_and_cleanly_with_people_connected(program: Program, folder: Path, key: str) -> None:
    token = answer(program.url(), key, "/recipients/demo-9/token/", {}).json()["token"]
    ears = [Ear(program.url(), token, transports=[how]) for how in ("websocket", "websocket", "polling")]
    for ear in ears:
        ear.wait("sync")

    status = program.stop(signal.SIGTERM, within=25)

    assert status == 0
    for ear in ears:
        assert ear.closed.wait(10)
    assert "Traceback" not in program.said()
    assert rows(folder, "SELECT count(*) FROM processes WHERE ended_at IS NULL") == [(0,)]
    assert rows(folder, "SELECT count(*) FROM connections") == [(0,)]
    assert not list((folder / "instance").glob("*-wal"))


def test_the_next_start_keeps_everything_and_ctrl_c_ends_it(folder: Path, key: str) -> None:
    secret = (folder / "instance" / "secret_key").read_text()
    (folder / "said.txt").unlink()
    with Program(folder, "up", "--demo", "--port", "0", admin_email="other@example.org") as again:
        url = again.url()
        assert answer(url, key, "/recipients/demo-1/").status_code == 200
        status = again.stop(signal.SIGINT, within=25)

    assert status == 0
    assert "first account" not in again.said()
    assert "crl_" not in again.said()
    assert (folder / "instance" / "secret_key").read_text() == secret
    assert rows(folder, "SELECT count(*) FROM broadcasts") == [(1,)]
    assert rows(folder, "SELECT email FROM operators") == [("admin@example.org",)]
