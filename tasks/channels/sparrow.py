"""SMS over Sparrow SMS, version 2: SPARROW_TOKEN and SPARROW_FROM. Nepali mobile numbers only.

Sparrow answers every refusal with a `response_code`: a bad receiver or an empty text concerns this message, everything else
(token, address, account, sender, credits) concerns all of them and waits for somebody to mend it.
"""

import re
from collections.abc import Sequence
from typing import Any

import requests

from tasks.channels import http
from tasks.channels.base import Channel, ChannelError, Message, Receipt, Target
from tasks.config import Settings

MOBILE = re.compile(r"\+977(9[0-9]{9})")
OWN_FAULT = {1007, 1010, 1011}  # receiver, empty text, no valid receiver


class SparrowChannel(Channel):
    """Hands SMS to Sparrow, one POST for each number."""

    name = "sparrow"
    channel = "sms"
    requires = ("sparrow_token",)

    def __init__(self, config: Settings) -> None:
        super().__init__(config)
        self._session = http.session(config.sparrow_url, self.concurrency)

    def send_one(self, message: Message, target: Target) -> Receipt:
        """Send one SMS to one number in E.164. Sparrow itself wants the ten national digits."""
        form = {
            "token": self.config.sparrow_token, "from": self.config.sparrow_from, "to": _national(target.address),
            "text": message.text.encode("utf-8", "replace"),  # a broken surrogate is no reason to keep an SMS back
        }
        try:
            answer = self._session.post(
                f"{self.config.sparrow_url.rstrip('/')}/sms/", data=form, timeout=(self.connect_timeout, self.read_timeout),
                headers={"X-Carillon-Delivery": message.reference},
            )
        except OSError as error:
            raise http.not_answered(error) from error
        return _read(answer)

    def secrets(self) -> Sequence[str]:
        """The account's token."""
        return (self.config.sparrow_token,)

    def close(self) -> None:
        """Close the connections; the next message opens new ones."""
        super().close()
        self._session.close()


def _national(number: str) -> str:
    found = MOBILE.fullmatch(number)
    if found:
        return found[1]
    if number.startswith("+977"):
        raise ChannelError("Not the number of a Nepali mobile.", status="permanent", code="invalid_number")
    raise ChannelError("Sparrow sends to Nepal (+977) only.", status="permanent", code="unsupported_country")


def _read(answer: requests.Response) -> Receipt:
    if answer.status_code == 429 or answer.status_code >= 500:
        wait = http.retry_after(answer)
        raise ChannelError(f"HTTP {answer.status_code} {answer.reason}", code=str(answer.status_code), retry_after=wait)
    body = _json(answer)
    code = body.get("response_code")
    words = str(body.get("response") or answer.reason)
    if answer.status_code == 200 and code == 200:
        return Receipt(words, str(body.get("message_id") or ""), "200")
    if code in OWN_FAULT:
        raise ChannelError(words, status="permanent", code=str(code))
    if answer.status_code == 200 and code is None:
        raise ChannelError("Sent, and the answer was not Sparrow's.", status="unknown", code="no_reply")
    raise ChannelError(words, status="configuration", code=str(code or answer.status_code))


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except requests.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}
