"""A server that speaks FCM's HTTP v1 API over TLS and issues its access tokens, and misbehaves for some device tokens.

In a test: `with FcmServer(folder) as fcm`. By hand: `python -m tests.peers.fcm_server --port 2527 --folder DIR`, then
FCM_CREDENTIALS=DIR/service-account.json, FCM_URL=https://127.0.0.1:2527 and REQUESTS_CA_BUNDLE=DIR/ca.pem.
Every accepted message is a line of DIR/accepted.log: the delivery's id, the device token.

A device token that begins with one of these gets what stands beside it; every other one is accepted.

| begins with   | answer                                                             |
|---------------|--------------------------------------------------------------------|
| unregistered- | 404 UNREGISTERED                                                   |
| mismatch-     | 403 SENDER_ID_MISMATCH                                             |
| invalid-      | 400 INVALID_ARGUMENT                                               |
| quota-        | 429 QUOTA_EXCEEDED, Retry-After: 7                                 |
| error500-     | 500 INTERNAL                                                       |
| error503-     | 503 UNAVAILABLE, Retry-After: 9                                    |
| apns-         | 401 THIRD_PARTY_AUTH_ERROR                                         |
| forbidden-    | 403 PERMISSION_DENIED                                              |
| drop-         | accepted, and the connection ends without an answer                |
| slow-         | accepted, and the answer comes after `delay` seconds               |
| garbled-      | accepted, and the answer is no JSON                                |
| leak-         | 400, and the answer repeats the access token                       |
| moved-        | a redirect to elsewhere                                            |
"""

import argparse
import json
import secrets
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.peers.certificates import Authority
from tests.peers.record import Record, ids, lines
from tests.peers.web import Call, Reply, WebPeer

PROJECT = "carillon-test"
AUDIENCE = "https://oauth2.googleapis.com/token"  # whatever the token_uri: so google-auth does it
ACCOUNT = "sender@carillon-test.iam.gserviceaccount.com"


def refusal(status: int, name: str, code: str = "", *, words: str = "", headers: dict[str, str] | None = None) -> Reply:
    """How FCM says no: Google's error object, with FCM's own code in the details where it has one."""
    kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
    details = [{"@type": kind, "errorCode": code}] if code else []
    error = {"code": status, "message": words or f"{name} as scripted", "status": name, "details": details}
    return Reply(status, {"error": error}, headers or {})


REFUSALS = {
    "unregistered": refusal(404, "NOT_FOUND", "UNREGISTERED"),
    "mismatch": refusal(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
    "invalid": refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
    "quota": refusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", headers={"Retry-After": "7"}),
    "error500": refusal(500, "INTERNAL", "INTERNAL"),
    "error503": refusal(503, "UNAVAILABLE", "UNAVAILABLE", headers={"Retry-After": "9"}),
    "apns": refusal(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
    "forbidden": refusal(403, "PERMISSION_DENIED"),
}


@cache
def _key() -> rsa.RSAPrivateKey:
    """The account's key, one a process: making one takes as long as a whole test."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class FcmServer(WebPeer):
    """The server, with its own CA, and a service account of its own in `account`. `http2`: offered beside HTTP/1.1."""

    def __init__(self, folder: Path, *, port: int = 0, http2: bool = True) -> None:
        self.http2 = http2
        self.authority = Authority(folder)
        super().__init__(port=port, tls=self.authority.context())
        self.record = Record(folder / "accepted.log")
        self.account = folder / "service-account.json"
        self.posts: Counter[str] = Counter()  # by device token
        self.messages: list[dict[str, Any]] = []
        self.delay = 1.0
        self.token_answer: Reply | None = None  # instead of a token
        self.token_posts = 0
        self._issued: set[str] = set()
        self._key = _key()
        self._write_account()

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self.record.close()

    @property
    def accepted(self) -> list[str]:
        """The delivery ids of the accepted messages, in order; one for each device."""
        return ids(self.record.path)

    @property
    def lines(self) -> list[str]:
        """The accepted messages: delivery id and device token."""
        return lines(self.record.path)

    def forget_tokens(self) -> None:
        """Refuse every access token issued so far."""
        self._issued.clear()

    def answer(self, call: Call) -> Reply:
        """Route a request."""
        if call.path == "/token":
            return self._token(call)
        if call.path == f"/v1/projects/{PROJECT}/messages:send":
            return self._send(call)
        return Reply(404, b"no such page")

    def _token(self, call: Call) -> Reply:
        self.token_posts += 1
        if self.token_answer:
            return self.token_answer
        assertion = parse_qs(call.body.decode())["assertion"][0]
        try:
            claims = jwt.decode(assertion, self._key.public_key(), algorithms=["RS256"], audience=AUDIENCE)
        except jwt.InvalidTokenError as error:
            return Reply(400, {"error": "invalid_grant", "error_description": str(error)})
        assert claims["iss"] == ACCOUNT
        token = f"ya29.{secrets.token_urlsafe(24)}"
        self._issued.add(token)
        return Reply(200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"})

    def _send(self, call: Call) -> Reply:
        bearer = call.headers.get("authorization", "").removeprefix("Bearer ")
        message = json.loads(call.body)["message"]
        device = message.get("token") or message.get("fid") or ""
        self.posts[device] += 1
        self.messages.append(message)
        if bearer not in self._issued:
            return refusal(401, "UNAUTHENTICATED", words="the access token is not valid")
        word = device.partition("-")[0]
        if word == "leak":
            return refusal(400, "INVALID_ARGUMENT", words=f"refused for {bearer}")
        if word == "moved":
            return Reply(307, b"", {"Location": f"{self.url}/elsewhere"})
        return REFUSALS.get(word) or self._accept(message, device, word)

    def _accept(self, message: dict[str, Any], device: str, word: str) -> Reply:
        if not all(isinstance(value, str) for value in message.get("data", {}).values()):
            return refusal(400, "INVALID_ARGUMENT", words="data must be strings")
        self.record.append(message.get("data", {}).get("delivery_id", "none"), device)
        said = {"name": f"projects/{PROJECT}/messages/{sum(self.posts.values())}"}
        return {
            "drop": Reply(drop=True), "slow": Reply(200, said, wait=self.delay), "garbled": Reply(200, b"<html>welcome</html>"),
        }.get(word, Reply(200, said))

    def _write_account(self) -> None:
        private = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.account.write_text(json.dumps({
            "type": "service_account", "project_id": PROJECT, "private_key_id": "1", "private_key": private.decode(),
            "client_email": ACCOUNT, "client_id": "1", "token_uri": f"{self.url}/token",
        }))


def main() -> None:
    """Run as a process until it is stopped; prints one line when it listens."""
    parser = argparse.ArgumentParser(description="An FCM-like push server.")
    parser.add_argument("--port", type=int, default=2527)
    parser.add_argument("--folder", type=Path, required=True, help="gets ca.pem, service-account.json and accepted.log")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    peer = FcmServer(arguments.folder, port=arguments.port)
    print(f"listening on {peer.url}", flush=True)
    peer.serve()


if __name__ == "__main__":
    main()
