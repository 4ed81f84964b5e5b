"""firebase-admin, signed in once per process, on a transport that sends each POST exactly once."""

import json
import threading
import uuid
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import firebase_admin
import requests
from firebase_admin import credentials, messaging
from firebase_admin._http_client import JsonHttpClient
from firebase_admin.exceptions import FirebaseError
from google.auth.transport.requests import Request

from tasks.channels import http, http2


class Client:
    """One Firebase App of its own, its access token and its connections.

    The SDK would send a POST again up to four times on a 500, once on a lost answer and twice on a 401, and sleep as long as
    Retry-After says. Its own session also asks Google in the background where the account may be used. None of it here.
    """

    def __init__(self, account: Path, url: str, connections: int, timeouts: tuple[float, float]) -> None:
        """`account`: the service account's file; `timeouts`: to connect and to read, in seconds. Raises ValueError, OSError."""
        certificate = credentials.Certificate(str(account))
        if not certificate.project_id:
            raise ValueError("the file names no project_id")
        options = {"httpTimeout": timeouts[1]}
        self._app = firebase_admin.initialize_app(certificate, options, name=f"carillon-{uuid.uuid4()}")
        self._credential: Any = certificate.get_credential()
        self._refreshing = threading.Lock()
        self._session = http.session(url, connections)
        self._session.auth = self._sign
        self._tokens = http.session(str(self._credential._token_uri), 1)
        self._ask_token = partial(Request(self._tokens), timeout=timeouts)
        self._service: Any = messaging._get_messaging_service(self._app)
        self._service._client = JsonHttpClient(session=self._session, retries=None, timeout=timeouts)
        self._url = self._service._fcm_url = f"{url.rstrip('/')}/v1/projects/{self._app.project_id}/messages:send"
        self._timeouts = timeouts
        self._wiring = threading.Lock()
        self._wire: http2.Wire | None = None
        self._plain = not (http2.available() and url.startswith("https:"))

    @property
    def token(self) -> str:
        """The access token in force, "" before the first sign-in."""
        return self._credential.token or ""

    def sign_in(self) -> None:
        """Fetch an access token where there is none that lasts; threads that come together fetch one. Raises GoogleAuthError."""
        if self._credential.valid:
            return
        with self._refreshing:
            if not self._credential.valid:
                self._credential.refresh(self._ask_token)

    def sign_out(self, token: str) -> None:
        """Forget `token`, which Google refused, unless another has taken its place."""
        if self._credential.token == token:
            self._credential.token = None

    def send(self, message: messaging.Message) -> str:
        """One POST. Returns FCM's name of the message. Raises FirebaseError, ValueError."""
        self.sign_in()
        return str(messaging.send(message, app=self._app))

    def content(self, message: messaging.Message) -> bytes:
        """What `send` would post. Raises ValueError."""
        return json.dumps({"message": self._service.encode_message(message)}).encode()

    def send_many(self, posts: Sequence[http2.Post]) -> bool:
        """Send the posts over one HTTP/2 connection. False, and nothing sent, where there is none to be had: use `send`."""
        if self._plain or not self._wiring.acquire(blocking=False):
            return False
        try:
            if self._wire is None:
                self._wire = http2.Wire(self._url, self._session, self._timeouts)
            headers = {**self._service._fcm_headers, "Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            self._wire.post(posts, [*(f"{name}: {value}" for name, value in headers.items()), "Expect:"])
            self._plain = not self._wire.speaks_http2
            return True
        finally:
            self._wiring.release()

    def refusal(self, response: requests.Response) -> FirebaseError:
        """firebase-admin's own error for an answer that is no yes."""
        found: FirebaseError = self._service._handle_fcm_error(requests.HTTPError(response=response))
        return found

    def close(self) -> None:
        """Close the connections and take the App out of firebase-admin's registry."""
        self._session.close()
        self._tokens.close()
        with self._wiring:
            wire, self._wire, self._plain = self._wire, None, True
        if wire:
            wire.close()
        # On a thread of its own: the SDK ends by asyncio.run(), which no thread may call whose event loop is running.
        ending = threading.Thread(target=firebase_admin.delete_app, args=(self._app,))
        ending.start()
        ending.join()

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request
