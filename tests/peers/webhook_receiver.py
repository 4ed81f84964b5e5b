"""A service that listens for webhooks over a real socket, and checks them with the standardwebhooks library."""

import json
from collections.abc import Callable
from typing import Any

from standardwebhooks.webhooks import Webhook as Verifier

from tests.peers.web import Call, Reply, WebPeer


class WebhookReceiver(WebPeer):
    """Keeps every event whose signature holds. `reply` decides what is answered."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.refused = 0
        self.reply: Callable[[Call], Reply] = lambda call: Reply(204, b"")

    def answer(self, call: Call) -> Reply:
        """Verify as a receiver would, then answer."""
        try:
            for secret in self.secrets:
                Verifier(secret).verify(call.body, call.headers)
        except Exception:
            self.refused += 1
            return Reply(400)
        self.events.append(json.loads(call.body))
        self.ids.append(call.headers["webhook-id"])
        return self.reply(call)
