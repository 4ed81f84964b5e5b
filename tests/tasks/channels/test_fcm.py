"""Push, by the real firebase-admin against a server over TLS that issues its tokens: the contract, and what is FCM's own."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import firebase_admin
import pytest

from tasks.channels import http2
from tasks.channels.base import Channel, Target
from tasks.channels.fcm import FcmChannel
from tasks.config import Settings
from tests.peers.fcm_server import FcmServer
from tests.peers.trouble import hanging_up, refusing, silent
from tests.peers.web import Reply
from tests.tasks.channels.contract import SHORT, ProviderContract


def fcm(account: Path, url: str) -> FcmChannel:
    """A provider for a server."""
    return FcmChannel(Settings(fcm_credentials=account, fcm_url=url))


class TestFcm(ProviderContract):
    medium = "push"
    kind = "token"
    good = "device{}"
    temporary = "error503-1"
    permanent = "invalid-1"
    dead = "unregistered-1"
    unknown = "drop-1"
    slow = "slow-1"
    leaking = "leak-1"

    @pytest.fixture
    def peer(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FcmServer]:
        with FcmServer(tmp_path) as server:
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.authority.file))
            yield server

    @pytest.fixture
    def channel(self, peer: FcmServer) -> Iterator[FcmChannel]:
        made = fcm(peer.account, peer.url)
        yield made
        made.close()

    @pytest.fixture
    def down(self, peer: FcmServer) -> Iterator[Channel]:
        with refusing() as port:
            made = fcm(peer.account, f"https://127.0.0.1:{port}")
            yield made
            made.close()

    @pytest.fixture
    def silent(self, peer: FcmServer) -> Iterator[Channel]:
        with silent() as port:
            made = fcm(peer.account, f"http://127.0.0.1:{port}")
            made.connect_timeout = made.read_timeout = SHORT
            yield made
            made.close()

    # --- the message -----------------------------------------------------------------------------------------------------

    def test_the_message_as_it_arrives(self, channel: FcmChannel, peer: FcmServer) -> None:
        data = {"amount": 1000, "gateway": "eSewa", "paid": True, "none": None, "items": [{"क": 1}], "from": "x", "gcm.a": "y"}
        outcome = self.send(channel, "device1", data=data)
        [message] = peer.messages
        assert message == {
            "token": "device1",
            "notification": {"title": "भुक्तानी सफल ₹1000", "body": "Paid ₹1000 by eSewa."},
            "data": {
                "amount": "1000", "gateway": "eSewa", "paid": "true", "none": "", "items": '[{"क": 1}]', "from_": "x",
                "gcm.a_": "y", "notification_id": "0190-note-1", "notification_type": "payment_success",
                "delivery_id": "0190-ref-1",
            },
            "android": {"notification": {"tag": "0190-ref-1"}},
            "apns": {"headers": {"apns-collapse-id": "0190-ref-1"}},
        }
        assert outcome.telling.provider_ref == outcome.telling.response == "projects/carillon-test/messages/1"

    def test_an_installation_id_is_sent_as_one(self, channel: FcmChannel, peer: FcmServer) -> None:
        channel.send([self.message("", targets=(Target("install1", "fid"), Target("device1", "token")))])
        found = sorted((message.get("fid"), message.get("token")) for message in peer.messages if message.get("fid"))
        assert found == [("install1", None)]
        assert sum("token" in message for message in peer.messages) == 1

    def test_several_devices_are_several_results(self, channel: FcmChannel, peer: FcmServer) -> None:
        addresses = ["device1", "unregistered-2", "mismatch-3", "error500-4", "invalid-5", "device6"]
        [outcome] = channel.send([self.message("", targets=tuple(Target(one, "token", n) for n, one in enumerate(addresses)))])
        assert [result.target.address for result in outcome.results] == addresses
        assert [result.status for result in outcome.results] == [
            "sent", "permanent", "permanent", "temporary", "permanent", "sent",
        ]
        assert [result.dead_target for result in outcome.results] == [False, True, True, False, False, False]
        assert outcome.status == "temporary"
        assert sorted(peer.lines) == ["0190-ref-1 device1", "0190-ref-1 device6"]

    # --- what the answers mean -------------------------------------------------------------------------------------------

    def test_every_answer_has_its_meaning(self, channel: FcmChannel) -> None:
        words = ("unregistered", "mismatch", "invalid", "quota", "error500", "error503", "apns", "forbidden", "garbled", "moved")
        told = {}
        for word in words:
            telling = self.send(channel, f"{word}-1").telling
            told[word] = (telling.status, telling.code, telling.retry_after, telling.dead_target)
        assert told == {
            "unregistered": ("permanent", "UNREGISTERED", None, True),
            "mismatch": ("permanent", "SENDER_ID_MISMATCH", None, True),
            "invalid": ("permanent", "INVALID_ARGUMENT", None, False),
            "quota": ("temporary", "QUOTA_EXCEEDED", 7.0, False),
            "error500": ("temporary", "INTERNAL", None, False),
            "error503": ("temporary", "UNAVAILABLE", 9.0, False),
            "apns": ("configuration", "THIRD_PARTY_AUTH_ERROR", None, False),
            "forbidden": ("configuration", "PERMISSION_DENIED", None, False),
            "garbled": ("unknown", "no_reply", None, False),
            "moved": ("configuration", "redirect", None, False),
        }

    @pytest.mark.parametrize(
        "device", ["device1", "drop-1", "error500-1", "error503-1", "quota-1", "apns-1", "slow-1", "moved-1", "unregistered-1"]
    )
    def test_one_attempt_is_exactly_one_post(self, channel: FcmChannel, peer: FcmServer, device: str) -> None:
        channel.read_timeout = SHORT
        peer.delay = 2 * SHORT
        started = time.monotonic()
        self.send(channel, device)
        assert time.monotonic() - started < 5  # the SDK itself sleeps 7 s on a 503, and for Retry-After on a 429
        time.sleep(0.3)  # a second POST would come within this
        assert peer.posts == {device: 1}

    def test_a_stale_kept_connection_is_not_a_lost_message(self, channel: FcmChannel, peer: FcmServer) -> None:
        self.send(channel, "device1")
        peer.hang_up()
        time.sleep(0.1)
        assert self.send(channel, "device2").status == "sent"
        assert peer.posts == {"device1": 1, "device2": 1}

    def test_a_handshake_that_breaks_is_surely_not_sent(self, peer: FcmServer) -> None:
        with hanging_up() as port:
            channel = fcm(peer.account, f"https://127.0.0.1:{port}")
            outcome = self.send(channel, "device1")
            channel.close()
        assert (outcome.status, outcome.telling.code) == ("temporary", "unreachable")

    def test_a_handshake_that_never_ends_is_surely_not_sent(self, peer: FcmServer) -> None:
        with silent() as port:
            channel = fcm(peer.account, f"https://127.0.0.1:{port}")
            channel.connect_timeout = channel.read_timeout = SHORT
            outcome = self.send(channel, "device1")
            channel.close()
        assert (outcome.status, outcome.telling.code) == ("temporary", "unreachable")

    def test_an_untrusted_certificate_is_a_matter_of_configuration(self, peer: FcmServer, tmp_path: Path) -> None:
        elsewhere = tmp_path / "stranger"
        elsewhere.mkdir()
        with FcmServer(elsewhere) as stranger:
            channel = fcm(peer.account, stranger.url)
            outcome = self.send(channel, "device1")
            channel.close()
        assert (outcome.status, outcome.telling.code) == ("configuration", "certificate")

    # --- signing in ------------------------------------------------------------------------------------------------------

    def test_one_token_serves_a_whole_fan_out_and_the_next(self, channel: FcmChannel, peer: FcmServer) -> None:
        batch = [self.message(f"device{number}", number) for number in range(16)]
        threads = [threading.Thread(target=channel.send, args=(batch,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sum(peer.posts.values()) == 64
        assert peer.token_posts == 1

    def test_a_token_that_google_forgot_is_asked_for_anew_by_the_next_attempt(self, channel: FcmChannel, peer: FcmServer) -> None:
        self.send(channel, "device1")
        peer.forget_tokens()
        outcome = self.send(channel, "device1")
        assert (outcome.status, outcome.telling.code) == ("configuration", "UNAUTHENTICATED")
        assert self.send(channel, "device1").status == "sent"
        assert (peer.token_posts, peer.posts["device1"]) == (2, 3)

    @pytest.mark.parametrize(
        ("answer", "status"),
        [
            (Reply(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}), "configuration"),
            (Reply(401, {"error": "invalid_client"}), "configuration"),
            (Reply(drop=True), "temporary"),
            (Reply(200, b"not json"), "temporary"),
        ],
    )
    def test_a_sign_in_that_fails_sends_nothing(
        self, channel: FcmChannel, peer: FcmServer, answer: Reply, status: str
    ) -> None:
        peer.token_answer = answer
        outcomes = channel.send([self.message("device1", 1), self.message("device2", 2)])
        assert [(outcome.status, outcome.telling.code) for outcome in outcomes] == [(status, "sign_in")] * 2
        assert not peer.posts

    def test_a_sign_in_server_that_is_down_is_temporary(self, peer: FcmServer, tmp_path: Path) -> None:
        with refusing() as port:
            account = {**json.loads(peer.account.read_text()), "token_uri": f"https://127.0.0.1:{port}/token"}
            (tmp_path / "down.json").write_text(json.dumps(account))
            channel = fcm(tmp_path / "down.json", peer.url)
            outcome = self.send(channel, "device1")
            channel.close()
        assert (outcome.status, outcome.telling.code) == ("temporary", "sign_in")

    @pytest.mark.parametrize("content", [None, "", "{}", '{"type": "service_account"}', "[1]", '{"type": "authorized_user"}'])
    def test_a_file_that_cannot_be_used_says_so(self, tmp_path: Path, content: str | None) -> None:
        if content is not None:
            (tmp_path / "account.json").write_text(content)
        outcome = self.send(fcm(tmp_path / "account.json", "https://127.0.0.1:9"), "device1")
        assert (outcome.status, outcome.telling.code) == ("configuration", "settings")
        assert "CARILLON_FCM_CREDENTIALS" in outcome.telling.response

    def test_an_account_without_a_project_leaves_nothing_behind(self, peer: FcmServer, tmp_path: Path) -> None:
        account = json.loads(peer.account.read_text())
        del account["project_id"]
        (tmp_path / "no-project.json").write_text(json.dumps(account))
        before = set(firebase_admin._apps)
        outcome = self.send(fcm(tmp_path / "no-project.json", peer.url), "device1")
        assert (outcome.status, outcome.telling.code) == ("configuration", "settings")
        assert set(firebase_admin._apps) == before

    def test_a_message_caught_by_close_can_go_later(self, channel: FcmChannel, peer: FcmServer) -> None:
        self.send(channel, "device1")
        assert channel._client
        channel._client.close()
        outcome = self.send(channel, "device2")
        assert (outcome.status, outcome.telling.code) == ("temporary", "closed")
        channel._client = None
        assert self.send(channel, "device2").status == "sent"

    def test_a_ca_bundle_that_is_not_there_says_so(self, peer: FcmServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
        channel = fcm(peer.account, peer.url)
        outcome = self.send(channel, "device1")
        channel.close()
        assert (outcome.status, outcome.telling.code) == ("configuration", "sign_in")

    def test_it_works_inside_a_running_event_loop(self, channel: FcmChannel, peer: FcmServer) -> None:
        async def whole_life() -> list[str]:
            found = [outcome.status for outcome in channel.send([self.message("device1", 1), self.message("device2", 2)])]
            channel.close()  # the SDK's own end is an asyncio.run()
            return [*found, channel.send([self.message("device3")])[0].status]

        assert asyncio.run(whole_life()) == ["sent"] * 3

    def test_each_provider_has_an_app_of_its_own_and_takes_it_away(self, channel: FcmChannel, peer: FcmServer) -> None:
        before = set(firebase_admin._apps)
        other = fcm(peer.account, peer.url)
        self.send(channel, "device1")
        self.send(other, "device1")
        assert len(set(firebase_admin._apps) - before) == 2
        other.close()
        channel.close()
        assert set(firebase_admin._apps) == before


class TestFcmOverHttp2(TestFcm):
    """The same, with even a single device's message on the HTTP/2 connection that serves broadcasts."""

    # What happens before a message is sent has nothing to do with how it is sent.
    test_a_file_that_cannot_be_used_says_so = None  # type: ignore[assignment]
    test_a_sign_in_that_fails_sends_nothing = None  # type: ignore[assignment]
    test_a_sign_in_server_that_is_down_is_temporary = None  # type: ignore[assignment]
    test_an_account_without_a_project_leaves_nothing_behind = None  # type: ignore[assignment]
    test_a_ca_bundle_that_is_not_there_says_so = None  # type: ignore[assignment]
    test_each_provider_has_an_app_of_its_own_and_takes_it_away = None  # type: ignore[assignment]
    test_awkward_addresses_never_raise = None  # type: ignore[assignment]
    test_it_works_inside_a_running_event_loop = None  # type: ignore[assignment]

    @pytest.fixture(autouse=True)
    def always(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tasks.channels.fcm.SEVERAL", 1)

    def test_a_hand_over_is_one_connection(self, channel: FcmChannel, peer: FcmServer) -> None:
        for _ in range(3):
            channel.send([self.message(f"device{number}", number) for number in range(32)])
        assert peer.streams == 1
        assert peer.posts == {f"device{number}": 3 for number in range(32)}

    def test_a_connection_that_ends_in_the_middle_leaves_doubt_only_where_there_is_some(
        self, channel: FcmChannel, peer: FcmServer
    ) -> None:
        channel.send([self.message("device0")])  # from now on it is a kept connection
        addresses = [f"device{number}" if number != 7 else "drop-7" for number in range(1, 33)]
        outcomes = channel.send([self.message(address, number) for number, address in enumerate(addresses, 1)])
        told = {outcome.delivery_id: outcome.status for outcome in outcomes}
        assert told[7] == "unknown"
        assert set(told.values()) <= {"sent", "unknown", "temporary"}
        accepted = {int(line.split()[0].removeprefix("0190-ref-")) for line in peer.lines[1:]}
        assert {number for number, status in told.items() if status == "sent"} <= accepted
        assert accepted <= {number for number, status in told.items() if status in {"sent", "unknown"}}
        assert max(peer.posts.values()) == 1

    def test_a_server_without_http2_is_spoken_to_in_threads(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = tmp_path / "old"
        folder.mkdir()
        with FcmServer(folder, http2=False) as old:
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(old.authority.file))
            made = fcm(old.account, old.url)
            for _ in range(2):
                outcomes = made.send([self.message(f"device{number}", number) for number in range(8)])
                assert [outcome.status for outcome in outcomes] == ["sent"] * 8
            assert made._client
            assert made._client._plain
            assert old.posts == {f"device{number}": 2 for number in range(8)}
            made.close()

    def test_under_gevent_it_is_spoken_to_in_its_threads(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert http2.available()
        monkeypatch.setattr("tasks.channels.http2.socket.socket", type("socket", (), {"__module__": "gevent._socket3"}))
        assert not http2.available()

    def test_without_the_extra_it_is_spoken_to_in_threads(
        self, peer: FcmServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tasks.channels.http2.pycurl", None)
        made = fcm(peer.account, peer.url)
        assert [outcome.status for outcome in made.send([self.message(f"device{n}", n) for n in range(8)])] == ["sent"] * 8
        assert peer.streams == 0
        made.close()
