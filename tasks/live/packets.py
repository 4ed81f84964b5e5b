"""An event as Socket.IO's protocol writes it (version 5): a text, ready for engine.io."""

import json
from collections.abc import Mapping
from typing import Any

import orjson
from engineio.packet import MESSAGE, Packet
from socketio.packet import EVENT


def event_packet(event: str, data: Mapping[str, Any]) -> Packet:
    """The packet of an event on the default namespace. `data` holds no bytes: the library would look for them."""
    try:
        written = orjson.dumps([event, data]).decode()
    except TypeError:  # a number of more than 64 bits, half a character: a service may have sent such data
        written = json.dumps([event, data], separators=(",", ":"))
    return Packet(MESSAGE, f"{EVENT}{written}")
