"""What a preview answers its page: a message as one person gets it, and what a survey of the audience has found, as JSON."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from dashboard.admin.forms.looked_at import LookedAt, Subject
from tasks.models.words import CHANNELS, EMAIL, IN_APP, PUSH, SMS
from tasks.preview.shown import Fault, Fork, Shown
from tasks.preview.survey import Extreme, Some, Survey
from tasks.rendering.limits import EMAIL_HTML, EMAIL_SUBJECT, EMAIL_TEXT, MESSAGE, SMS_TEXT, TITLE
from tasks.rendering.sms import SmsSize, measure, plainer, split

PART_LABELS = {
    TITLE: "Title", MESSAGE: "Message", SMS_TEXT: "SMS text", EMAIL_SUBJECT: "E-mail subject", EMAIL_HTML: "E-mail HTML",
    EMAIL_TEXT: "E-mail text",
}
PARTS_OF = {
    IN_APP: (TITLE, MESSAGE), PUSH: (TITLE, MESSAGE), SMS: (SMS_TEXT,), EMAIL: (EMAIL_SUBJECT, EMAIL_HTML, EMAIL_TEXT),
}
MOST_SHOWN = 400  # characters of an extreme's text


def shown_json(looked: LookedAt, subject: Subject, shown: Shown) -> dict[str, Any]:
    """The whole preview."""
    return {
        "person": {"id": subject.id, "name": subject.name, "made_up": not subject.pk},
        "gaps": list(shown.gaps), "variables": list(shown.variables), "problems": [list(one) for one in looked.faults],
        "faults": _faults(shown.faults.values()),
        "channels": {name: _channel(name, name == IN_APP or name in looked.rings, shown) for name in CHANNELS},
        "forks": [_fork(one) for one in shown.forks],
    }


def survey_json(found: Survey) -> dict[str, Any]:
    """What a survey knows so far."""
    return {
        "seen": found.seen, "ended": found.ended, "failed": found.failed,
        "failing": [{**_fault(fault), **_some(some)} for fault, some in found.failing.values()],
        "segments": sorted(found.segments.items()),
        "extremes": [
            {"part": part, "label": PART_LABELS[part], "shortest": _extreme(found.shortest[part]), "longest": _extreme(longest)}
            for part, longest in found.longest.items()
        ],
        "sides": [
            {"part": part, "number": number, "side": side, **_some(some)}
            for (part, number), sides in found.sides.items() for side, some in sorted(sides.items())
        ],
    }


def _channel(name: str, rings: bool, shown: Shown) -> dict[str, Any]:
    parts = PARTS_OF[name]
    faults = _faults(shown.faults[part] for part in parts if part in shown.faults)
    found: dict[str, Any] = {"rings": rings, "faults": faults, **{part: shown.texts.get(part) for part in parts}}
    if name == SMS and SMS_TEXT in shown.texts:
        found["size"] = sms_json(shown.texts[SMS_TEXT])
    return found


def sms_json(text: str) -> dict[str, Any]:
    """A text as SMS: its segments as runs [text, costly or not], and what plainer characters would make of it."""
    size = measure(text)
    plain = plainer(text)
    saved = measure(plain)
    is_better = (saved.segments, saved.encoding) < (size.segments, size.encoding)  # "GSM-7" comes before "UCS-2"
    return {
        **_size(size), "costly": _letters(size), "pieces": _pieces(text, size),
        "plainer": {"text": plain, **_size(saved)} if is_better else None,
    }


def _size(size: SmsSize) -> dict[str, Any]:
    return {"encoding": size.encoding, "units": size.units, "segments": size.segments}


def _letters(size: SmsSize) -> list[list[Any]]:
    """The costly characters, each once: how often it stands there, and its name."""
    counts = Counter(letter for _, letter in size.costly)
    return [[letter, count, unicodedata.name(letter, f"U+{ord(letter):04X}").lower()] for letter, count in counts.items()]


def _pieces(text: str, size: SmsSize) -> list[list[list[Any]]]:
    costly, at, pieces = {index for index, _ in size.costly}, 0, []
    for piece in split(text):
        runs: list[list[Any]] = []
        for index, letter in enumerate(piece, at):
            if runs and runs[-1][1] == (index in costly):
                runs[-1][0] += letter
            else:
                runs.append([letter, index in costly])
        pieces.append(runs)
        at += len(piece)
    return pieces


def _faults(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    """Each once: one broken part may spoil several."""
    return [_fault(one) for one in dict.fromkeys(faults)]


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "part": fault.part, "label": PART_LABELS.get(fault.part, ""), "message": fault.message, "remedy": fault.remedy,
        "line": fault.line, "column": fault.column,
    }


def _fork(fork: Fork) -> dict[str, Any]:
    condition = fork.condition
    sides = [{"words": side.words, "taken": side.is_taken, "text": side.text, "fault": side.fault} for side in fork.sides]
    return {
        "part": condition.part, "label": PART_LABELS[condition.part], "number": condition.number, "line": condition.line,
        "personal": condition.is_personal, "reached": fork.is_reached, "sides": sides,
    }


def _some(some: Some) -> Mapping[str, Any]:
    return {"count": some.count, "examples": [{"id": one.id, "name": one.name} for one in some.examples]}


def _extreme(one: Extreme) -> dict[str, Any]:
    size = _size(one.size) if one.size else None
    return {"length": one.length, "size": size, "id": one.person.id, "name": one.person.name, "text": one.text[:MOST_SHOWN]}
