"""The safety catch of a send from the desk: the typed number of people, and whether a few go first."""

from dataclasses import dataclass, replace
from typing import Any

from werkzeug.datastructures import MultiDict

from dashboard.admin.forms.durations import show_duration
from tasks.config import settings
from tasks.errors import InvalidOption
from tasks.options import Canary, SendOptions
from tasks.safety import gates

ASK = "ask"  # the rest waits until somebody presses Resume
WAITS = (("0", "as soon as all of them have a result"), ("600", "10 minutes after that"), ("3600", "an hour after that"),
         ("14400", "4 hours after that"), (ASK, "when somebody presses Resume"))


@dataclass(frozen=True, slots=True)
class SafetyChoice:
    """What stands in the safety catch's fields, as typed."""

    typed_count: str = ""
    canary: str = ""
    canary_share: str = ""  # percent
    canary_then: str = "0"

    @classmethod
    def read(cls, form: "MultiDict[str, str]") -> "SafetyChoice":
        """What a form holds."""
        return cls(
            form.get("typed_count", "").strip(), form.get("canary", "").strip(), form.get("canary_share", "").strip(),
            form.get("canary_then", "").strip() or "0",
        )

    def check(self, count: int | None) -> None:
        """Raise a CarillonError naming the field where it may not go to `count` people like this (None: not known yet)."""
        if count is not None and gates.needs_typing(count):
            gates.confirm(count, _number(self.typed_count, "typed_count") if self.typed_count else None, "typed_count")
        found = self._canary()
        if found is not None and count is not None and found.people >= count:
            raise InvalidOption(
                f"That is everybody: the audience is {count:,}.", field="canary", remedy="Let fewer go first, or leave it empty."
            )

    def options(self, options: SendOptions) -> SendOptions:
        """The send's options with the canary, and with the seconds in which it can be taken back. Raises InvalidOption."""
        undo = float(settings().undo_seconds) if options.starts_at is None else 0.0
        return replace(options, canary=self._canary(), undo_seconds=undo, owners=options.owners or (options.actor,))

    def _canary(self) -> Canary | None:
        if not self.canary:
            return None
        if self.canary_then not in {value for value, _ in WAITS}:
            raise InvalidOption("Choose when the rest follows.", field="canary_then", remedy="Take one of the list.")
        wait = None if self.canary_then == ASK else int(self.canary_then)
        share = _number(self.canary_share, "canary_share") / 100 if self.canary_share else None
        return Canary(_number(self.canary, "canary"), share, wait)


def safety_terms(count: int | None) -> dict[str, Any]:
    """What the fields of the safety catch depend on, for their template."""
    config = settings()
    return {
        "typed": gates.needs_typing(count), "approval": gates.needs_approval(count), "undo": config.undo_seconds,
        "percent": round(100 * config.canary_share), "waits": WAITS, "approve_above": config.approve_above,
    }


def canary_words(people: int, share: float, wait: int | None) -> str:
    """A canary in one sentence."""
    rest = "the rest waits for a press of Resume" if wait is None else (
        f"the rest follows {show_duration(wait)} after their last result" if wait else "the rest follows by itself"
    )
    who = f"{people:,} {'person' if people == 1 else 'people'}"
    return f"{who} first; it stops if more than {share:.0%} of them fail; else {rest}."


def _number(text: str, field: str) -> int:
    plain = text.replace(",", "").replace(" ", "").removesuffix("%")
    if not (plain.isascii() and plain.isdigit() and len(plain) <= 9):
        raise InvalidOption("This is not a number.", field=field, remedy="Write digits, like 250.")
    return int(plain)
