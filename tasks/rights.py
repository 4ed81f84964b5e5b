"""What the key behind a call may send: which templates, on which channels, and whether it is real at all."""

from collections.abc import Collection
from dataclasses import dataclass

from tasks.errors import NotAllowed


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights of the key `name`. None: all of them. `is_test`: the simulator takes whatever is sent, and nothing leaves."""

    name: str
    templates: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    is_test: bool = False

    def check(self, slug: str, channels: Collection[str]) -> None:
        """Raise NotAllowed, naming what is missing, unless the key may send template `slug` and ring all these channels."""
        if self.templates is not None and slug not in self.templates:
            raise NotAllowed(
                f"The key {self.name} may not send the template {slug!r}.", field="template_name",
                remedy=f"It may send {_listed(self.templates)}. Use another key, or have this template added to it.",
            )
        missing = [] if self.channels is None else sorted(set(channels) - set(self.channels))
        if missing:
            raise NotAllowed(
                f"The key {self.name} may not ring {_listed(missing)}, which the rule or the call asks for.", field="channel",
                remedy=f"It may ring {_listed(self.channels or ())}. Name one of these as `channel`, or use another key.",
                missing=missing,
            )


def _listed(words: Collection[str]) -> str:
    return ", ".join(sorted(words)) or "nothing but in_app"
