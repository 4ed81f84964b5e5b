"""E-mail, against a real SMTP server on loopback: the contract, and what is SMTP's own."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.channels.base import Channel, Target
from tasks.channels.smtp import SmtpChannel
from tasks.config import Settings
from tests.peers.certificates import Authority
from tests.peers.smtp_sink import SmtpSink
from tests.peers.trouble import cutting, hanging_up, refusing, silent
from tests.tasks.channels.contract import SHORT, ProviderContract

PASSWORD = "s3cret/p@ss"
LOGIN = "carillon:s3cret%2Fp%40ss@"


def smtp(url: str, **more: object) -> SmtpChannel:
    """A provider for a server."""
    values = {"smtp_url": url, "mail_from": "Shop Nepal <news@shop.example>", **more}
    return SmtpChannel(Settings(**values))  # type: ignore[arg-type]


class TestSmtp(ProviderContract):
    medium = "email"
    good = "person{}@example.org"
    temporary = "later@example.org"
    permanent = "nobody@example.org"
    unknown = "lost-reply@example.org"
    slow = "slow@example.org"
    leaking = "leak@example.org"
    secrets = (PASSWORD,)

    @pytest.fixture(params=[False, True], ids=["one-by-one", "pipelining"])
    def peer(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmtpSink]:
        with SmtpSink(tmp_path / "accepted", login=("carillon", PASSWORD), pipelining=request.param) as sink:
            yield sink

    @pytest.fixture
    def channel(self, peer: SmtpSink) -> Iterator[SmtpChannel]:
        made = smtp(f"smtp://{LOGIN}127.0.0.1:{peer.port}")
        yield made
        made.close()

    @pytest.fixture
    def down(self) -> Iterator[Channel]:
        with refusing() as port:
            yield smtp(f"smtp://127.0.0.1:{port}")

    @pytest.fixture
    def silent(self) -> Iterator[Channel]:
        with silent() as port:
            made = smtp(f"smtp://127.0.0.1:{port}")
            made.read_timeout = SHORT
            yield made
            made.close()

    # --- the mail itself -------------------------------------------------------------------------------------------------

    def test_the_mail_as_it_arrives(self, channel: SmtpChannel, peer: SmtpSink) -> None:
        outcome = self.send(channel, "sita@example.org")
        [received] = peer.received
        assert received.sender == "news@shop.example"
        assert received.recipients == ["sita@example.org"]
        mail = received.parsed
        assert mail["From"].addresses[0].display_name == "Shop Nepal"
        assert [(one.display_name, one.addr_spec) for one in mail["To"].addresses] == [("Sita राई", "sita@example.org")]
        assert mail["Subject"] == "भुक्तानी सफल ₹1000"
        assert mail["Message-ID"] == "<0190-ref-1@shop.example>"
        assert mail["X-Carillon-Delivery"] == "0190-ref-1"
        assert mail["Auto-Submitted"] == "auto-generated"
        assert abs(mail["Date"].datetime.timestamp() - time.time()) < 60
        assert mail.get_content_type() == "multipart/alternative"
        assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
        assert [part.get_content().strip() for part in mail.iter_parts()] == ["Paid ₹1000 by eSewa.", "<p>Paid <b>₹1000</b></p>"]
        assert not mail.defects
        assert outcome.telling.provider_ref == "<0190-ref-1@shop.example>"
        assert "queued as" in outcome.telling.response

    def test_a_retry_has_the_same_message_id(self, channel: SmtpChannel, peer: SmtpSink) -> None:
        self.send(channel, "sita@example.org")
        self.send(channel, "sita@example.org", attempt=2)
        assert len({received.parsed["Message-ID"] for received in peer.received}) == 1

    @pytest.mark.parametrize("text", [".", "..\n.\n", "a\n.b\n..c", "no end", "", "x" * 3000, "ends \n\n", "क" * 2000])
    def test_dots_and_long_lines_arrive_as_they_were(self, channel: SmtpChannel, peer: SmtpSink, text: str) -> None:
        self.send(channel, "sita@example.org", text=text, html="")
        content = peer.received[0].parsed.get_content()
        assert content.replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")

    def test_an_international_address(self, channel: SmtpChannel, peer: SmtpSink) -> None:
        assert self.send(channel, "jürgen@straße.de").status == "sent"
        assert peer.received[0].recipients == ["jürgen@xn--strae-oqa.de"]
        assert "<jürgen@xn--strae-oqa.de>\r\n".encode() in peer.received[0].content

    @pytest.mark.parametrize("address", ["a@b.c, d@e.f", "alice@x)bob@y", "a@b.c>\r\nRCPT TO:<d@e.f", "x <a@b.c>", "a@b.c "])
    def test_anything_but_one_address_is_refused_before_it_is_sent(
        self, channel: SmtpChannel, peer: SmtpSink, address: str
    ) -> None:
        outcome = self.send(channel, address)
        assert (outcome.status, outcome.telling.code) == ("permanent", "invalid_address")
        assert peer.connections == 0

    # --- what the answers mean -------------------------------------------------------------------------------------------

    def test_every_answer_has_its_meaning(self, channel: SmtpChannel) -> None:
        told = {
            word: (outcome.status, outcome.telling.code)
            for word in ("later", "nobody", "spam", "hangup", "lost-reply", "garbled")
            for outcome in [self.send(channel, f"{word}@example.org")]
        }
        assert told == {
            "later": ("temporary", "451"), "nobody": ("permanent", "550"), "spam": ("permanent", "554"),
            "hangup": ("temporary", "unreachable"), "lost-reply": ("unknown", "no_reply"), "garbled": ("unknown", "no_reply"),
        }

    def test_a_refusal_keeps_the_session(self, channel: SmtpChannel, peer: SmtpSink) -> None:
        for address in ("nobody@example.org", "later@example.org", "spam@example.org", "sita@example.org"):
            last = self.send(channel, address)
        assert last.status == "sent"
        assert peer.connections == 1

    def test_a_wrong_password_is_a_matter_of_configuration(self, peer: SmtpSink) -> None:
        outcome = self.send(smtp(f"smtp://carillon:wrong@127.0.0.1:{peer.port}"), "sita@example.org")
        assert (outcome.status, outcome.telling.code) == ("configuration", "535")
        assert "wrong" not in outcome.telling.response

    def test_a_missing_login_is_a_matter_of_configuration(self, peer: SmtpSink) -> None:
        channel = smtp(f"smtp://127.0.0.1:{peer.port}")
        outcome = self.send(channel, "sita@example.org")
        channel.close()
        assert (outcome.status, outcome.telling.code) == ("configuration", "530")

    def test_a_login_that_the_server_does_not_know_is_a_matter_of_configuration(self, tmp_path: Path) -> None:
        with SmtpSink(tmp_path / "log") as sink:
            outcome = self.send(smtp(f"smtp://{LOGIN}127.0.0.1:{sink.port}"), "sita@example.org")
        assert (outcome.status, outcome.telling.code) == ("configuration", "login")

    @pytest.mark.parametrize(
        "values",
        [
            {"smtp_url": "http://mail.example"}, {"smtp_url": "smtp://user:pa/ss@mail.example"}, {"smtp_url": "smtp://"},
            {"smtp_url": "smtp://127.0.0.1", "mail_from": ""}, {"smtp_url": "smtp://127.0.0.1", "mail_from": "a@b.c, d@e.f"},
        ],
    )
    def test_settings_that_cannot_work_say_so(self, values: dict[str, str]) -> None:
        outcome = self.send(smtp(values.pop("smtp_url"), **values), "sita@example.org")
        assert (outcome.status, outcome.telling.code) == ("configuration", "settings")
        assert "CARILLON_" in outcome.telling.response
        assert "'pa'" not in outcome.telling.response

    @pytest.mark.parametrize(
        ("greeting", "expected"),
        [
            (b"", ("temporary", "unreachable")), (b"HTTP/1.1 400 what?\r\n", ("temporary", "unreachable")),
            (b"421 too busy\r\n", ("temporary", "421")), (b"554 you are not welcome\r\n", ("configuration", "554")),
            (b"220 hello\r\n", ("temporary", "unreachable")),
        ],
    )
    def test_a_server_that_does_not_let_us_in(self, greeting: bytes, expected: tuple[str, str]) -> None:
        with hanging_up(greeting) as port:
            outcome = self.send(smtp(f"smtp://127.0.0.1:{port}"), "sita@example.org")
        assert (outcome.status, outcome.telling.code) == expected

    @pytest.mark.parametrize(("read", "status"), [(1000, "temporary"), (None, "unknown")])
    def test_the_final_dot_decides_between_not_sent_and_unknown(self, read: int | None, status: str) -> None:
        with cutting(read) as port:
            outcome = self.send(smtp(f"smtp://127.0.0.1:{port}"), "sita@example.org", text="x" * 20_000_000, html="")
        assert outcome.status == status
        assert outcome.telling.code == {"temporary": "unreachable", "unknown": "no_reply"}[status]

    # --- sessions --------------------------------------------------------------------------------------------------------

    def test_sessions_are_kept(self, channel: SmtpChannel, peer: SmtpSink) -> None:
        for number in range(10):
            self.send(channel, f"person{number}@example.org")
        assert (peer.connections, peer.noops) == (1, 0)
        channel.send([self.message(f"person{number}@example.org", number) for number in range(16)])
        channel.send([self.message(f"person{number}@example.org", number) for number in range(16)])
        assert peer.connections <= channel.config.smtp_connections

    def test_a_session_that_the_server_ended_is_replaced(self, channel: SmtpChannel, peer: SmtpSink) -> None:
        self.send(channel, "sita@example.org")
        peer.hang_up()
        assert self.send(channel, "sita@example.org").status == "sent"
        assert peer.connections == 2
        assert len(peer.received) == 2

    def test_a_session_that_idled_is_asked_first(
        self, channel: SmtpChannel, peer: SmtpSink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tasks.channels.smtp.IDLE", -1.0)
        self.send(channel, "sita@example.org")
        self.send(channel, "sita@example.org")
        assert (peer.connections, peer.noops) == (1, 1)
        peer.hang_up()
        assert self.send(channel, "sita@example.org").status == "sent"
        assert peer.connections == 2

    def test_a_server_that_takes_two_mails_a_session(self, channel: SmtpChannel, peer: SmtpSink) -> None:
        peer.mails_per_session = 2
        assert [self.send(channel, "sita@example.org").status for _ in range(5)] == ["sent"] * 5
        assert peer.connections == 3

    def test_a_provider_whose_sessions_are_all_taken_does_not_wait_for_ever(
        self, peer: SmtpSink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tasks.channels.smtp.PATIENCE", 0.05)
        channel = smtp(f"smtp://{LOGIN}127.0.0.1:{peer.port}", smtp_connections=1)
        with channel._places:
            assert self.send(channel, "sita@example.org").status == "sent"  # one more, for a single mail
            with channel._spare:
                outcome = self.send(channel, "sita@example.org")
        assert (outcome.status, outcome.telling.code) == ("temporary", "busy")
        assert self.send(channel, "sita@example.org").status == "sent"
        channel.close()

    # --- encryption ------------------------------------------------------------------------------------------------------

    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path)

    @pytest.fixture
    def trusted(self, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        return authority

    def test_tls_from_the_first_byte(self, tmp_path: Path, trusted: Authority) -> None:
        with SmtpSink(tmp_path / "log", tls=trusted.context(), login=("carillon", PASSWORD)) as sink:
            channel = smtp(f"smtps://{LOGIN}127.0.0.1:{sink.port}")
            assert self.send(channel, "sita@example.org").status == "sent"
            channel.close()
            assert sink.received[0].encrypted

    def test_an_untrusted_certificate_is_a_matter_of_configuration(self, tmp_path: Path, authority: Authority) -> None:
        with SmtpSink(tmp_path / "log", tls=authority.context()) as sink:
            outcome = self.send(smtp(f"smtps://127.0.0.1:{sink.port}"), "sita@example.org")
        assert (outcome.status, outcome.telling.code) == ("configuration", "certificate")

    def test_a_certificate_for_another_name_is_refused(self, tmp_path: Path, trusted: Authority) -> None:
        with SmtpSink(tmp_path / "log", tls=trusted.context("mail.example")) as sink:
            outcome = self.send(smtp(f"smtps://127.0.0.1:{sink.port}"), "sita@example.org")
        assert (outcome.status, outcome.telling.code) == ("configuration", "certificate")

    def test_starttls_is_used_where_it_is_offered(self, tmp_path: Path, authority: Authority) -> None:
        with SmtpSink(tmp_path / "log", starttls=authority.context()) as sink:
            channel = smtp(f"smtp://127.0.0.1:{sink.port}")
            assert self.send(channel, "sita@example.org").status == "sent"
            channel.close()
            assert sink.received[0].encrypted

    @pytest.mark.parametrize("scheme", ["smtp", "smtps"])
    def test_large_mails_do_not_wait_for_acknowledgements(self, tmp_path: Path, trusted: Authority, scheme: str) -> None:
        context = trusted.context()
        tls = {"starttls": context} if scheme == "smtp" else {"tls": context}
        with SmtpSink(tmp_path / "log", **tls) as sink:  # type: ignore[arg-type]
            channel = smtp(f"{scheme}://127.0.0.1:{sink.port}")
            assert self.send(channel, "sita@example.org", text="x" * 40_000).status == "sent"
            [(session, _)] = channel._kept
            assert session._smtp.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert session._smtp.sock.gettimeout() == channel.read_timeout
            channel.close()

    # 127.0.0.2 stands for another machine: it is not one of the names that count as this one.

    def test_a_password_goes_to_another_machine_over_trusted_starttls(self, tmp_path: Path, trusted: Authority) -> None:
        with SmtpSink(tmp_path / "log", host="127.0.0.2", starttls=trusted.context(), login=("carillon", PASSWORD)) as sink:
            channel = smtp(f"smtp://{LOGIN}127.0.0.2:{sink.port}")
            assert self.send(channel, "sita@example.org").status == "sent"
            channel.close()
            assert sink.received[0].encrypted

    def test_a_password_never_goes_to_another_machine_in_the_clear(self, tmp_path: Path) -> None:
        with SmtpSink(tmp_path / "log", host="127.0.0.2", login=("carillon", PASSWORD)) as sink:
            outcome = self.send(smtp(f"smtp://{LOGIN}127.0.0.2:{sink.port}"), "sita@example.org")
        assert outcome.status == "configuration"
        assert "STARTTLS" in outcome.telling.response

    def test_a_password_never_goes_to_a_machine_nobody_vouches_for(self, tmp_path: Path, authority: Authority) -> None:
        with SmtpSink(tmp_path / "log", host="127.0.0.2", starttls=authority.context(), login=("carillon", PASSWORD)) as sink:
            outcome = self.send(smtp(f"smtp://{LOGIN}127.0.0.2:{sink.port}"), "sita@example.org")
        assert (outcome.status, outcome.telling.code) == ("configuration", "certificate")

    def test_several_targets_are_several_envelopes(self, channel: SmtpChannel, peer: SmtpSink) -> None:
        targets = (Target("one@example.org"), Target("nobody@example.org"), Target("two@example.org"))
        [outcome] = channel.send([self.message("", targets=targets)])
        assert [result.status for result in outcome.results] == ["sent", "permanent", "sent"]
        assert sorted(received.recipients for received in peer.received) == [["one@example.org"], ["two@example.org"]]
