"""Frames, as a WebSocket library on the other side reads them."""

import os

import pytest
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, TextMessage

from tasks.live.websocket import frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
@pytest.mark.parametrize("kind", [str, bytes])
def test_a_client_reads_the_message_whole(size, kind):
    sent = "ä" * (size // 2) + "x" * (size % 2) if kind is str else os.urandom(size)
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(frame(sent))
    events = list(client.events())
    assert {type(event) for event in events} == {TextMessage if kind is str else BytesMessage}
    assert kind().join(event.data for event in events) == sent
    assert events[-1].message_finished
