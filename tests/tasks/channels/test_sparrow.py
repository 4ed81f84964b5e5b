"""SMS, against a Sparrow-like server over a real socket: the contract, and what is Sparrow's own."""

import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tasks.channels.base import Channel
from tasks.channels.sparrow import SparrowChannel
from tasks.config import Settings
from tests.peers.sparrow_server import WORDS, SparrowServer
from tests.peers.trouble import hanging_up, refusing, silent
from tests.tasks.channels.contract import SHORT, ProviderContract

TOKEN = "v2_a-sparrow-token"


def sparrow(url: str, **more: object) -> SparrowChannel:
    """A provider for a server."""
    values = {"sparrow_token": TOKEN, "sparrow_from": "Carillon", "sparrow_url": f"{url}/v2/", **more}
    return SparrowChannel(Settings(**values))  # type: ignore[arg-type]


class TestSparrow(ProviderContract):
    medium = "sms"
    good = "+97798410000{:0>2}"
    temporary = "+9779841090503"
    permanent = "+9779841001007"
    unknown = "+9779841090001"
    slow = "+9779841090002"
    leaking = "+9779841090004"
    secrets = (TOKEN,)

    @pytest.fixture
    def peer(self, tmp_path: Path) -> Iterator[SparrowServer]:
        with SparrowServer(tmp_path / "accepted", token=TOKEN) as server:
            yield server

    @pytest.fixture
    def channel(self, peer: SparrowServer) -> Iterator[SparrowChannel]:
        made = sparrow(peer.url)
        yield made
        made.close()

    @pytest.fixture
    def down(self) -> Iterator[Channel]:
        with refusing() as port:
            yield sparrow(f"http://127.0.0.1:{port}")

    @pytest.fixture
    def silent(self) -> Iterator[Channel]:
        with silent() as port:
            made = sparrow(f"http://127.0.0.1:{port}")
            made.read_timeout = SHORT
            yield made
            made.close()

    def test_the_form_as_it_arrives(self, channel: SparrowChannel, peer: SparrowServer) -> None:
        outcome = self.send(channel, "+9779841234567", text="तपाईंको कोड 123456 हो")
        [call] = peer.calls
        assert (call.method, call.path) == ("POST", "/v2/sms/")
        assert parse_qs(call.body.decode()) == {
            "token": [TOKEN], "from": ["Carillon"], "to": ["9841234567"], "text": ["तपाईंको कोड 123456 हो"],
        }
        assert outcome.telling.response == "1 message queued"
        assert outcome.telling.provider_ref == "1"

    @pytest.mark.parametrize("url", ["{}/v2/", "{}/v2"])
    def test_the_address_may_end_in_a_slash_or_not(self, peer: SparrowServer, url: str) -> None:
        channel = sparrow("", sparrow_url=url.format(peer.url))
        assert self.send(channel, "+9779841234567").status == "sent"
        channel.close()

    @pytest.mark.parametrize(
        ("number", "code"),
        [
            ("+919812345678", "unsupported_country"), ("+14155550100", "unsupported_country"), ("", "unsupported_country"),
            ("+97714123456", "invalid_number"), ("+97798412345678", "invalid_number"), ("9841234567", "unsupported_country"),
            ("+977984123456७", "invalid_number"),
        ],
    )
    def test_only_nepali_mobiles_are_sent_to(
        self, channel: SparrowChannel, peer: SparrowServer, number: str, code: str
    ) -> None:
        outcome = self.send(channel, number or " ")
        assert (outcome.status, outcome.telling.code) == ("permanent", code)
        assert not peer.calls

    @pytest.mark.parametrize("code", sorted(WORDS))
    def test_every_response_code_has_its_meaning(self, channel: SparrowChannel, code: int) -> None:
        outcome = self.send(channel, f"+97798410{code:0>5}")
        expected = "permanent" if code in {1007, 1010, 1011} else "configuration"
        assert (outcome.status, outcome.telling.code) == (expected, str(code))
        assert outcome.telling.response == WORDS[code]

    def test_an_empty_text_is_permanent(self, channel: SparrowChannel) -> None:
        outcome = self.send(channel, "+9779841234567", text="")
        assert (outcome.status, outcome.telling.code) == ("permanent", "1010")

    def test_every_other_answer_has_its_meaning(self, channel: SparrowChannel) -> None:
        told = {}
        for ending in ("90429", "90500", "90503", "90003", "90307"):
            telling = self.send(channel, f"+97798410{ending}").telling
            told[ending] = (telling.status, telling.code, telling.retry_after)
        assert told == {
            "90429": ("temporary", "429", 7.0), "90500": ("temporary", "500", None), "90503": ("temporary", "503", None),
            "90003": ("unknown", "no_reply", None), "90307": ("configuration", "redirect", None),
        }

    def test_a_redirect_takes_neither_the_message_nor_the_token_elsewhere(
        self, channel: SparrowChannel, peer: SparrowServer
    ) -> None:
        self.send(channel, "+9779841090307")
        assert len(peer.calls) == 1

    def test_a_page_that_is_not_there_is_a_matter_of_configuration(self, peer: SparrowServer) -> None:
        channel = sparrow("", sparrow_url=f"{peer.url}/v3/")
        outcome = self.send(channel, "+9779841234567")
        channel.close()
        assert (outcome.status, outcome.telling.code) == ("configuration", "404")

    @pytest.mark.parametrize("url", ["sparrow", "ftp://sparrow", "http://", "http://a b/"])
    def test_an_address_that_cannot_work_says_so(self, url: str) -> None:
        outcome = self.send(sparrow("", sparrow_url=url), "+9779841234567")
        assert (outcome.status, outcome.telling.code) == ("configuration", "request")

    def test_a_connection_that_ends_at_once_may_have_carried_it(self) -> None:
        with hanging_up() as port:
            channel = sparrow(f"http://127.0.0.1:{port}")
            outcome = self.send(channel, "+9779841234567")
            channel.close()
        assert outcome.status == "unknown"  # without TLS nobody can tell how far the request came

    def test_connections_are_kept(self, channel: SparrowChannel, peer: SparrowServer) -> None:
        for _ in range(5):
            self.send(channel, "+9779841234567")
        assert peer.connections == 1

    def test_the_token_stays_out_of_the_logs(
        self, channel: SparrowChannel, peer: SparrowServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        for ending in ("00001", "01002", "90503", "90001", "90004"):
            self.send(channel, f"+97798410{ending}")
        assert TOKEN not in caplog.text
        assert "POST /v2/sms/" in caplog.text  # the log was on

    def test_a_proxy_variable_of_the_environment_is_followed(
        self, peer: SparrowServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{peer.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        channel = sparrow("http://sms.example")
        outcome = self.send(channel, "+9779841234567")
        channel.close()
        assert peer.calls[0].path == "http://sms.example/v2/sms/"
        assert outcome.status == "configuration"
