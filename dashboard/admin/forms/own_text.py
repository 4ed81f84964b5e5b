"""A text written on the spot: its title and message become a template of their own, with a version that never changes."""

import re
import secrets
import unicodedata
from dataclasses import dataclass

from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from dashboard import audit
from tasks import drafts, templates
from tasks.extensions import db
from tasks.models import Template
from tasks.render import CompiledVersion

FIELDS = ("what", "own_slug", "own_name", "own_type", "own_title", "own_message", "own_sms")
OWN = "own"
LONGEST_SLUG = 48
GAPS = re.compile(r"\{[{%#].*?[}%#]\}")


@dataclass(slots=True)
class OwnText:
    """What was typed. `slug`: the template that it was saved as by an earlier look at it; `kind`: its notification type."""

    is_used: bool = False
    slug: str = ""
    name: str = ""
    kind: str = ""
    title: str = ""
    message: str = ""
    sms: str = ""

    @classmethod
    def read(cls, form: "MultiDict[str, str]") -> "OwnText":
        """What a form holds."""
        what, slug, name, kind, title, message, sms = (form.get(field, "") for field in FIELDS)
        return cls(what == OWN, slug.strip(), name.strip(), kind.strip(), title, message, sms)

    def kept(self) -> list[tuple[str, str]]:
        """The fields as the form sent them."""
        values = (OWN if self.is_used else "", self.slug, self.name, self.kind, self.title, self.message, self.sms)
        return list(zip(FIELDS, values, strict=True))

    def compiled(self) -> CompiledVersion:
        """Compiled as if it had been saved. Raises InvalidTemplate."""
        return drafts.draft(self.parts())

    def save(self, actor: str) -> Template:
        """Make it a template, or the newest version of the one that it is already; committed. Raises InvalidTemplate."""
        known = db.session.scalar(select(Template).where(Template.slug == self.slug)) if self.slug else None
        if known is None or known.versions[-1].created_by != actor:  # never another one's template, whatever the form says
            self.slug = f"{_slug(self.name or self.title)}-{secrets.token_hex(3)}"
            known = templates.create(
                self.slug, self._called(), self.kind, title=self.title,
                message=self.message, sms_text=self.sms, description="Written for one broadcast.", actor=actor,
            )
            audit.record("create", "template", known.id, {"template": [None, self.slug]})
        else:
            before = known.current_version_id
            known.notification_type, known.name = self.kind, self._called()
            version = templates.save_version(known, title=self.title, message=self.message, sms_text=self.sms, actor=actor)
            if version.id != before:
                audit.record("edit", "template", known.id, {"version": [None, version.number]})
        db.session.commit()
        return known

    def _called(self) -> str:
        """Its name among the templates: as typed, else the title without its gaps."""
        return (self.name or " ".join(GAPS.sub("…", self.title).split()))[:80] or "Untitled"

    def parts(self) -> dict[str, str]:
        """The parts as a template's version has them; the others stay empty."""
        return {"title": self.title, "message": self.message, "sms_text": self.sms}


def _slug(text: str) -> str:
    """A slug that can be read, of whatever was typed: letters without their marks, the rest as hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", GAPS.sub("", plain)).strip("-")[:LONGEST_SLUG].strip("-") or "text"
