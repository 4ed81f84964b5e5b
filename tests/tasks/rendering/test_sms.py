"""SMS sizes against the rules of 3GPP TS 23.038 and 23.040."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.rendering.sms import BASIC, EXTENDED, measure, plainer, split


def test_the_alphabet_has_the_sizes_of_the_standard() -> None:
    assert len(BASIC) == 127  # 128 codes, one of which is the escape
    assert len(EXTENDED) == 10
    assert not BASIC & EXTENDED


@pytest.mark.parametrize(("text", "encoding", "units", "segments"), [
    ("", "GSM-7", 0, 0),
    ("a", "GSM-7", 1, 1),
    ("a" * 160, "GSM-7", 160, 1),
    ("a" * 161, "GSM-7", 161, 2),
    ("a" * 306, "GSM-7", 306, 2),
    ("a" * 307, "GSM-7", 307, 3),
    ("€" * 80, "GSM-7", 160, 1),
    ("€" * 81, "GSM-7", 162, 2),
    ("é\r\n£ΔÄ", "GSM-7", 6, 1),
    ("ç", "UCS-2", 1, 1),  # the alphabet has only the capital one
    ("न" * 70, "UCS-2", 70, 1),
    ("न" * 71, "UCS-2", 71, 2),
    ("न" * 134, "UCS-2", 134, 2),
    ("न" * 135, "UCS-2", 135, 3),
    ("😀" * 35, "UCS-2", 70, 1),
    ("😀" * 36, "UCS-2", 72, 2),
    ("€न", "UCS-2", 2, 1),
], ids=lambda value: None if isinstance(value, str) else str(value))
def test_sizes(text: str, encoding: str, units: int, segments: int) -> None:
    found = measure(text)
    assert (found.encoding, found.units, found.segments) == (encoding, units, segments)


def test_an_escape_is_not_parted_from_its_character() -> None:
    text = "a" * 152 + "€" + "a" * 152  # 153 would cut the € in half: it goes over whole
    assert measure(text).segments == 3
    assert [len(piece) for piece in split(text)] == [152, 152, 1]


def test_a_surrogate_pair_is_not_parted() -> None:
    text = "न" * 66 + "😀" + "न" * 65  # 133 units would fit into two segments of 67, if it could be cut
    assert measure(text).segments == 2
    assert [len(piece) for piece in split(text)] == [66, 66]
    assert measure(text + "न").segments == 3


def test_costly_names_what_forces_ucs2_and_not_what_would_cost_two_septets() -> None:
    assert measure("It\u2019s 5 € off").costly == ((2, "\u2019"),)
    assert measure("5 € {now}").costly == ((2, "€"), (4, "{"), (8, "}"))
    assert measure("plain text").costly == ()


@given(st.text(alphabet=st.sampled_from("aé€[न😀\u2019"), max_size=500))
@settings(max_examples=80, deadline=None)
def test_pieces_are_the_text_and_each_fits(text: str) -> None:
    found, pieces = measure(text), split(text)
    assert "".join(pieces) == text
    assert len(pieces) == found.segments
    one, many = (160, 153) if found.encoding == "GSM-7" else (70, 67)
    room = one if len(pieces) == 1 else many
    width = (lambda piece: sum(2 if letter in EXTENDED else 1 for letter in piece)) if found.encoding == "GSM-7" else (
        lambda piece: len(piece.encode("utf-16-le")) // 2
    )
    assert all(0 < width(piece) <= room for piece in pieces)
    assert sum(width(piece) for piece in pieces) == found.units


def test_plain_characters_say_the_same_for_less() -> None:
    typed = "\u201cIt\u2019s\u00a0here\u201d \u2013 now\u2026"
    assert measure(typed).encoding == "UCS-2"
    assert plainer(typed) == "\"It's here\" - now..."
    assert measure(plainer(typed)).encoding == "GSM-7"
    assert plainer("\u0928\u092e") == "\u0928\u092e"
