"""A server that speaks Sparrow's SMS API, version 2, over a real socket, and misbehaves for some numbers.

In a test: `with SparrowServer(log) as sparrow`. By hand: `python -m tests.peers.sparrow_server --port 2526 --log FILE`.
Every accepted SMS is a line of the log: the delivery's id, the number, the text.

A number that ends in one of these (`9841001007`, say) gets what stands beside it; every other one is accepted.

| ends in     | answer                                                                   |
|-------------|--------------------------------------------------------------------------|
| 1000..1013  | HTTP 403 with that response_code, as Sparrow refuses                     |
| 90429       | HTTP 429, Retry-After: 7                                                 |
| 90500 90503 | HTTP 500, 503                                                            |
| 90001       | accepted, and the connection ends without an answer                      |
| 90002       | accepted, and the answer comes after `delay` seconds                     |
| 90003       | accepted, and the answer is no JSON                                      |
| 90004       | refused, and the answer repeats the token                                |
| 90307       | a redirect to elsewhere                                                  |
"""

import argparse
from pathlib import Path
from urllib.parse import parse_qs

from tests.peers.record import Record, ids, lines
from tests.peers.web import Call, Reply, WebPeer

WORDS = {
    1000: "A required field is missing", 1001: "Invalid IP address", 1002: "Invalid token", 1003: "Account inactive",
    1004: "Account inactive", 1005: "Account expired", 1006: "Account expired", 1007: "Invalid receiver",
    1008: "Invalid sender", 1010: "Text cannot be empty", 1011: "No valid receiver", 1012: "No credits available",
    1013: "Insufficient credits",
}


def refusal(code: int, words: str = "") -> Reply:
    """How Sparrow says no."""
    return Reply(403, {"count": 0, "response_code": code, "response": words or WORDS[code]})


class SparrowServer(WebPeer):
    """The server. `delay`: seconds that a slow number's answer takes."""

    def __init__(self, log: Path, *, port: int = 0, token: str = "v2_a-sparrow-token") -> None:
        super().__init__(port=port)
        self.record = Record(log)
        self.token = token
        self.delay = 1.0

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self.record.close()

    @property
    def accepted(self) -> list[str]:
        """The ids of the accepted SMS, in order."""
        return ids(self.record.path)

    @property
    def lines(self) -> list[str]:
        """The accepted SMS: id, number and text."""
        return lines(self.record.path)

    def answer(self, call: Call) -> Reply:
        """Check the fields as Sparrow does, then do what the number asks for."""
        form = {name: values[0] for name, values in parse_qs(call.body.decode(), keep_blank_values=True).items()}
        if call.path != "/v2/sms/" or call.method != "POST":
            return Reply(404, b"no such page")
        if missing := {"token", "from", "to", "text"} - set(form):
            return refusal(1000, f"missing: {missing}")
        if form["token"] != self.token:
            return refusal(1002)
        number = form["to"]
        if len(number) != 10 or not number.isdecimal():
            return refusal(1007)
        return self._scripted(number, form["token"]) or self._accept(call, number, form["text"])

    def _scripted(self, number: str, token: str) -> Reply | None:
        if int(number[-4:]) in WORDS:
            return refusal(int(number[-4:]))
        return {
            "90429": Reply(429, b"", {"Retry-After": "7"}), "90500": Reply(500, b"<h1>oops</h1>"), "90503": Reply(503, b""),
            "90004": refusal(1008, f"sender refused for {token}"),
            "90307": Reply(307, b"", {"Location": f"{self.url}/v2/elsewhere/"}),
        }.get(number[-5:])

    def _accept(self, call: Call, number: str, text: str) -> Reply:
        if not text:
            return refusal(1010)
        self.record.append(call.headers.get("x-carillon-delivery", "none"), number, text)
        said = {"count": 1, "response_code": 200, "response": "1 message queued", "message_id": len(self.calls)}
        return {
            "90001": Reply(drop=True), "90002": Reply(200, said, wait=self.delay), "90003": Reply(200, b"<html>welcome</html>"),
        }.get(number[-5:], Reply(200, said))


def main() -> None:
    """Run as a process until it is stopped; prints one line when it listens."""
    parser = argparse.ArgumentParser(description="A Sparrow-like SMS server.")
    parser.add_argument("--port", type=int, default=2526)
    parser.add_argument("--log", type=Path, required=True, help="file that gets every accepted SMS")
    parser.add_argument("--token", default="v2_a-sparrow-token")
    arguments = parser.parse_args()
    peer = SparrowServer(arguments.log, port=arguments.port, token=arguments.token)
    print(f"listening on {peer.url}/v2/", flush=True)
    peer.serve()


if __name__ == "__main__":
    main()
