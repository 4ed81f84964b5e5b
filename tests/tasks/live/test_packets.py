"""What an event looks like on the wire: as python-socketio itself would write and read it."""

import json

import orjson
import pytest
from socketio.packet import EVENT, Packet

from tasks.live.packets import event_packet


@pytest.mark.parametrize("data", [
    {}, {"title": "नमस्ते \\ \" \u2028 🔔", "n": 1.5, "none": None, "deep": {"a": [True, {}]}}, {"huge": 2**70}, {"half": "\ud83d"},
], ids=["empty", "awkward", "more than 64 bits", "half a character"])
def test_the_library_reads_what_was_written(data):
    packet = event_packet("notification", data)
    read = Packet(encoded_packet=packet.data)
    assert (read.packet_type, read.namespace, read.data) == (EVENT, None, ["notification", data])
    assert packet.encode() == f"4{packet.data}"


def test_data_that_is_text_already_goes_in_as_it_is():
    packet = event_packet("notification", {"data": orjson.Fragment('{"huge":1180591620717411303424}')})
    assert json.loads(packet.data[1:]) == ["notification", {"data": {"huge": 2**70}}]
