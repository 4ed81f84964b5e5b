"""Push over Firebase Cloud Messaging: FCM_CREDENTIALS, the service account's file.

A token that FCM no longer knows, or that belongs to another project, is dead and switched off. A 400 may be our own payload's
fault, so it fails the message and keeps the token. 401 and 403 stop everybody's messages until somebody mends the account.
"""

import json
import threading
from collections.abc import Sequence

import requests
from firebase_admin import messaging
from firebase_admin.exceptions import FirebaseError
from google.auth.exceptions import GoogleAuthError, RefreshError

from tasks.channels import http
from tasks.channels.base import NO_TARGET, NOWHERE, Channel, ChannelError, Message, Pair, Receipt, Target, TargetResult
from tasks.channels.fcm_client import Client
from tasks.channels.fcm_message import draft, encode
from tasks.channels.http2 import Post
from tasks.channels.outcome import failure
from tasks.config import Settings

SEVERAL = 4  # devices for which the HTTP/2 connection is worth while
GONE = (messaging.UnregisteredError, messaging.SenderIdMismatchError)
CODES = {
    messaging.UnregisteredError: "UNREGISTERED",
    messaging.SenderIdMismatchError: "SENDER_ID_MISMATCH",
    messaging.QuotaExceededError: "QUOTA_EXCEEDED",
    messaging.ThirdPartyAuthError: "THIRD_PARTY_AUTH_ERROR",
}


class FcmChannel(Channel):
    """Hands push messages to FCM's HTTP v1 API: one POST for each device."""

    name = "fcm"
    channel = "push"
    requires = ("fcm_credentials",)
    concurrency = 8
    batch = 32

    def __init__(self, config: Settings) -> None:
        super().__init__(config)
        self._opening = threading.Lock()
        self._client: Client | None = None

    def prepare(self) -> None:
        """Sign in before the devices fan out, so that they share one token. Raises ChannelError."""
        client = self._connected()
        try:
            client.sign_in()
        except Exception as error:  # google-auth has many, and stumbles over an answer that is no JSON
            raise _not_signed_in(error) from error

    def carry(self, pairs: Sequence[Pair]) -> list[TargetResult]:
        """One POST a device: several at once over one HTTP/2 connection, where that can be had."""
        if len(pairs) < SEVERAL:
            return super().carry(pairs)
        client = self._connected()
        token = client.token
        posts = [_post(client, pair) for pair in pairs]
        if not client.send_many([post for post in posts if isinstance(post, Post)]):
            return super().carry(pairs)
        return [
            self._told(client, token, target, post) if isinstance(post, Post) else post
            for (_, target), post in zip(pairs, posts, strict=True)
        ]

    def _told(self, client: Client, token: str, target: Target, post: Post) -> TargetResult:
        duration = round(post.seconds * 1000)
        name = _name(post)
        if name:
            return TargetResult(target, "sent", "200", name, name, duration_ms=duration)
        return failure(target, self._no(client, token, post), duration)

    def _no(self, client: Client, token: str, post: Post) -> ChannelError:
        try:
            answer = post.response()
        except ChannelError as error:
            return error
        if 300 <= answer.status_code < 400:
            return http.not_answered(requests.TooManyRedirects())
        if answer.status_code >= 400:
            return self._refusal(client, token, client.refusal(answer))
        return ChannelError("Sent, and the answer was not FCM's.", status="unknown", code="no_reply")

    def _refusal(self, client: Client, token: str, error: FirebaseError) -> ChannelError:
        found = _refused(error)
        if found.code == "UNAUTHENTICATED":
            client.sign_out(token)
        return found

    def send_one(self, message: Message, target: Target) -> Receipt:
        """Send one message to one device."""
        client = self._connected()
        token = client.token
        try:
            encoded = encode(message, target)
        except ValueError as error:
            raise ChannelError(str(error), status="permanent", code="invalid_message") from error
        try:
            name = client.send(encoded)
        except FirebaseError as error:
            raise self._refusal(client, token, error) from error
        except GoogleAuthError as error:
            raise _not_signed_in(error) from error
        except OSError as error:
            raise http.not_answered(error) from error
        except ValueError as error:  # the SDK's App is gone: somebody closed the provider at this very moment
            raise ChannelError(str(error), code="closed") from error
        return Receipt(name, provider_ref=name, code="200")

    def secrets(self) -> Sequence[str]:
        """The access token."""
        return (self._client.token,) if self._client else ()

    def close(self) -> None:
        """Close the connections; the next message signs in again."""
        super().close()
        with self._opening:
            client, self._client = self._client, None
        if client:
            client.close()

    def _connected(self) -> Client:
        with self._opening:
            if self._client is None:
                if not self.config.fcm_credentials:
                    raise ChannelError("CARILLON_FCM_CREDENTIALS is not set.", status="configuration", code="settings")
                try:
                    timeouts = (self.connect_timeout, self.read_timeout)
                    self._client = Client(self.config.fcm_credentials, self.config.fcm_url, self.concurrency, timeouts)
                except Exception as error:  # whatever may be wrong with the file
                    detail = f"CARILLON_FCM_CREDENTIALS cannot be used: {error}"
                    raise ChannelError(detail, status="configuration", code="settings") from error
            return self._client


def _name(post: Post) -> str:
    """FCM's name of a message that it took, "" where it says anything else."""
    if post.error or post.status != 200:
        return ""
    try:
        return str(json.loads(post.body.getvalue())["name"])
    except (ValueError, LookupError, TypeError):
        return ""


def _post(client: Client, pair: Pair) -> Post | TargetResult:
    message, target = pair
    if target is NOWHERE:
        return NO_TARGET
    try:
        return Post(client.content(draft(message, target)))
    except ValueError as error:
        return failure(target, ChannelError(str(error), status="permanent", code="invalid_message"))
    except Exception as error:  # a bug; nothing was sent
        return failure(target, ChannelError(str(error), code=type(error).__name__))


def _refused(error: FirebaseError) -> ChannelError:
    answer: requests.Response | None = error.http_response
    if answer is None or isinstance(error.cause, requests.TooManyRedirects):
        return http.not_answered(error.cause if isinstance(error.cause, OSError) else OSError(str(error)))
    code = CODES.get(type(error), error.code)
    if isinstance(error, GONE):
        return ChannelError(str(error), status="permanent", code=code, dead_target=True)
    if answer.status_code in {401, 403}:
        return ChannelError(str(error), status="configuration", code=code)
    if answer.status_code in {408, 429} or answer.status_code >= 500:
        return ChannelError(str(error), code=code, retry_after=http.retry_after(answer))
    return ChannelError(str(error), status="permanent", code=code)


def _not_signed_in(error: Exception) -> ChannelError:
    """Whatever went wrong here, no message was sent."""
    cause = error.args[0] if isinstance(error, GoogleAuthError) and error.args else error
    ours = isinstance(error, RefreshError) and not error.retryable  # Google refused the account
    if isinstance(cause, OSError):
        found = http.not_answered(cause)
        ours = found.status == "configuration"
        cause = found.detail
    return ChannelError(f"Signing in to Google failed: {cause}", status="configuration" if ours else "temporary", code="sign_in")
