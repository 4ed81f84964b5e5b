"""In-app: the live half. The notification is stored already; this rings the bell of whoever has the app open."""

from tasks.channels.base import Channel, ChannelError, Message, Receipt, Target
from tasks.extensions import socketio


class SocketIOChannel(Channel):
    """Emits `notification` to the person's room. Nobody needs to be there: the inbox keeps the message."""

    name = "socketio"
    channel = "in_app"
    idempotent = True  # the client knows its notifications by id
    concurrency = 1  # an emit is no network call, or one publish to Redis: threads would only cost

    def send_one(self, message: Message, target: Target) -> Receipt:
        """Emit the message's data to `user:<address>`, the address being the recipient's public id."""
        if socketio.server is None:
            raise ChannelError("Live messages are not set up in this process.", status="configuration", code="settings")
        socketio.emit("notification", dict(message.data), to=f"user:{target.address}")
        return Receipt("emitted", message.notification_id)
