"""How many segments a text takes as SMS, and which characters make it dear: the rules of 3GPP TS 23.038 and 23.040.

A text whose every character is in the GSM alphabet costs 7 bits each; one character outside turns the whole text into
UCS-2, 16 bits each, and less than half fits into a segment.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Encoding = Literal["GSM-7", "UCS-2"]

GSM: Final = "GSM-7"
UCS2: Final = "UCS-2"
# The default alphabet of section 6.2.1, in the order of its codes without 0x1B, which is no character but the escape.
BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED: Final = frozenset("\f^{}\\[~]|€")  # its extension: an escape and a code, two septets
ALPHABET: Final = BASIC | EXTENDED
# What a keyboard or a word processor puts instead of plain characters, and the plain ones.
PLAIN: Final = str.maketrans({
    "\N{LEFT SINGLE QUOTATION MARK}": "'", "\N{RIGHT SINGLE QUOTATION MARK}": "'", "\N{SINGLE LOW-9 QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"', "\N{RIGHT DOUBLE QUOTATION MARK}": '"', "\N{DOUBLE LOW-9 QUOTATION MARK}": '"',
    "\N{EN DASH}": "-", "\N{EM DASH}": "-", "\N{NON-BREAKING HYPHEN}": "-", "\N{MINUS SIGN}": "-", "\N{BULLET}": "-",
    "\N{HORIZONTAL ELLIPSIS}": "...", "\N{NO-BREAK SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " ", "\N{THIN SPACE}": " ",
    "\N{ZERO WIDTH SPACE}": "", "\N{GRAVE ACCENT}": "'", "\N{ACUTE ACCENT}": "'", "\t": " ",
})
ALONE: Final = {GSM: 160, UCS2: 70}  # units of a text that is a single segment
JOINED: Final = {GSM: 153, UCS2: 67}  # of each segment of a longer one: a header takes the rest
BMP: Final = 0xFFFF  # what is above is a surrogate pair, two units


@dataclass(frozen=True, slots=True)
class SmsSize:
    """What a text costs. `units` are septets (GSM-7) or 16-bit units (UCS-2); an empty text has no segments.

    `costly` names, by index and character, what forces UCS-2; in a GSM-7 text, what costs two septets.
    """

    encoding: Encoding
    units: int
    segments: int
    costly: tuple[tuple[int, str], ...]


def measure(text: str) -> SmsSize:
    """The size of `text` as SMS."""
    outside = _outside(text)
    encoding: Encoding = UCS2 if outside else GSM
    widths = _widths(text, encoding)
    costly = outside or tuple((at, text[at]) for at, width in enumerate(widths) if width > 1)
    return SmsSize(encoding, sum(widths), len(_cuts(widths, encoding)), costly)


def split(text: str) -> tuple[str, ...]:
    """The text of every segment, in order: together they are `text`."""
    encoding: Encoding = UCS2 if _outside(text) else GSM
    ends = _cuts(_widths(text, encoding), encoding)
    return tuple(text[start:end] for start, end in zip((0, *ends), ends, strict=False))


def plainer(text: str) -> str:
    """The text with plain quotation marks, dashes and blanks: it says the same, and may need no UCS-2."""
    return text.translate(PLAIN)


def _outside(text: str) -> tuple[tuple[int, str], ...]:
    foreign = set(text) - ALPHABET
    return tuple((at, letter) for at, letter in enumerate(text) if letter in foreign) if foreign else ()


def _widths(text: str, encoding: Encoding) -> list[int]:
    """The units of every character."""
    if encoding == UCS2:
        return [2 if ord(letter) > BMP else 1 for letter in text]
    return [2 if letter in EXTENDED else 1 for letter in text]


def _cuts(widths: Sequence[int], encoding: Encoding) -> list[int]:
    """Where each segment ends. A character of two units is never cut in half: the segment ends before it."""
    if not widths:
        return []
    if sum(widths) <= ALONE[encoding]:
        return [len(widths)]
    return [*_ends(widths, JOINED[encoding]), len(widths)]


def _ends(widths: Sequence[int], room: int) -> Iterator[int]:
    used = 0
    for at, width in enumerate(widths):
        if used + width > room:
            yield at
            used = 0
        used += width
