"""The peers as processes of their own, as the kill tests and runs by hand start them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.channels.base import Channel, Message, Target
from tasks.channels.fcm import FcmChannel
from tasks.channels.smtp import SmtpChannel
from tasks.channels.sparrow import SparrowChannel
from tasks.config import Settings
from tests.peers.record import ids

ROOT = Path(__file__).parents[3]


@contextmanager
def running(module: str, *arguments: str) -> Iterator[str]:
    """The peer's address, for as long as it runs."""
    command = [sys.executable, "-m", f"tests.peers.{module}", "--port", "0", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().removeprefix("listening on ").strip()
        finally:
            process.terminate()


def accepted(channel: Channel, address: str, log: Path) -> list[str]:
    """Send one message to one address; what the peer wrote down by the time it answered."""
    [outcome] = channel.send([Message(1, "ref-1", channel.channel, (Target(address, "token"),), "title", "text")])
    channel.close()
    assert outcome.status == "sent", outcome
    return ids(log)


def test_the_smtp_sink(tmp_path: Path) -> None:
    with running("smtp_sink", "--log", str(tmp_path / "log"), "--mails", str(tmp_path / "mails")) as url:
        channel = SmtpChannel(Settings(smtp_url=url, mail_from="a@b.example"))
        assert accepted(channel, "sita@example.org", tmp_path / "log") == ["ref-1"]
    assert b"X-Carillon-Delivery: ref-1\r\n" in (tmp_path / "mails" / "ref-1.eml").read_bytes()


def test_the_sparrow_server(tmp_path: Path) -> None:
    with running("sparrow_server", "--log", str(tmp_path / "log"), "--token", "t-1") as url:
        channel = SparrowChannel(Settings(sparrow_token="t-1", sparrow_from="x", sparrow_url=url))
        assert accepted(channel, "+9779841234567", tmp_path / "log") == ["ref-1"]


def test_the_fcm_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running("fcm_server", "--folder", str(tmp_path)) as url:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        assert json.loads((tmp_path / "service-account.json").read_text())["token_uri"] == f"{url}/token"
        channel = FcmChannel(Settings(fcm_credentials=tmp_path / "service-account.json", fcm_url=url))
        assert accepted(channel, "device-1", tmp_path / "accepted.log") == ["ref-1"]
