"""What the HTTP providers share: Retry-After, and a session that does no more than it is told."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests

from tasks.channels import http


def answer(value: str | None) -> requests.Response:
    made = requests.Response()
    if value is not None:
        made.headers["Retry-After"] = value
    return made


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("0", 0.0), (" 120 ", 120.0), (None, None), ("", None), ("soon", None), ("-5", None), ("1.5", None)],
)
def test_retry_after_in_seconds(value: str | None, seconds: float | None) -> None:
    assert http.retry_after(answer(value)) == seconds


def test_retry_after_as_a_date() -> None:
    in_a_minute = http.retry_after(answer(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)))
    assert in_a_minute is not None
    assert 50 < in_a_minute <= 60
    assert http.retry_after(answer("Wed, 21 Oct 2015 07:28:00 GMT")) == 0.0
    assert http.retry_after(answer("Wed, 21 Oct 2015 07:28:00 -0000")) == 0.0


def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/some/ca.pem")
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "")
    made = http.session("https://fcm.example", 4)
    assert made.verify == "/some/ca.pem"
    assert made.proxies["https"] == "http://proxy.example:3128"
    assert made.trust_env is False
    assert made.max_redirects == 0


def test_without_an_environment_certificates_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    assert http.session("https://fcm.example", 4).verify is True
