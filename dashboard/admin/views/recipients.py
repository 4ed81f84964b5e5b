"""Recipients: the people who get messages."""

from collections.abc import Mapping
from typing import Any

from flask import request
from sqlalchemy import ColumnElement, Select, or_, select

from dashboard import auth
from dashboard.admin.desk import person
from dashboard.admin.forms.fields import Form, JsonField, line, yes_no
from dashboard.admin.lists import keyset
from dashboard.admin.lists.cells import cell
from dashboard.admin.lists.filters import Filter, exact, is_true
from dashboard.admin.lists.keyset import Columns
from dashboard.admin.lists.log_filters import by_address
from dashboard.admin.lists.log_listing import LogListing, number
from tasks import presence
from tasks.audience.recipients import describe, find
from tasks.audience.search import begins_with
from tasks.config import settings
from tasks.errors import AlreadyExists
from tasks.extensions import db
from tasks.models import Recipient

MOST_NAMED = 1_000  # people whose names begin alike who are named one by one
FIELDS = ("name", "email", "phone", "locale", "timezone", "country", "attributes")


class RecipientForm(Form):
    """A person."""

    domain_fields = {"id": "external_id"}

    external_id = line("Id", required=True, css="input--code", hint="Your own id of the person, as your programs send it.")
    name = line("Name")
    email = line("E-mail", longest=320, inputmode="email")
    phone = line("Phone", hint="With +country code, or a number of the configured region.", inputmode="tel")
    locale = line("Language", hint="Like ne, en or pt-BR.")
    timezone = line("Time zone", hint="Like Asia/Kathmandu.")
    country = line("Country", hint="Two letters, like NP.")
    attributes = JsonField(
        "Attributes", description='Anything else that templates and segments use, like {"plan": "gold"}.',
        render_kw={"rows": 4, "class": "input--code", "spellcheck": "false"},
    )
    is_active = yes_no("Active", default=True, hint="Nobody who is off gets anything outside the app.")


def _meant(text: str) -> ColumnElement[bool]:
    """By id or address exactly, or by how the name begins: an index serves each. Where very many begin so they are everywhere."""
    named = list(db.session.scalars(select(Recipient.id).where(begins_with(text)).limit(MOST_NAMED + 1)))
    if len(named) > MOST_NAMED:
        return or_(by_address(text), Recipient.name.istartswith(text, autoescape=True))
    return or_(by_address(text), Recipient.id.in_(named))


def _by_name(text: str) -> ColumnElement[bool]:
    return Recipient.name.icontains(text, autoescape=True)


class Recipients(LogListing):
    """The list of people, one page each, and their form."""

    word = "recipient"
    intro = "The people who get messages. Programs create them as they send; addresses are shown in full only on a person's page."
    empty = ("Nobody yet", "Programs create people as they send to them. You can also add one here.")
    can_create = can_edit = can_view_details = True
    form = RecipientForm
    create_template = edit_template = "admin/recipients/form.html"
    details_template = "admin/recipients/details.html"
    audited = ("external_id", *FIELDS, "is_active")
    columns = Columns(Recipient.id, Recipient.created_at)
    filters = (
        Filter("find", "Who", _meant, "text", narrow=True, hint="id, e-mail, phone or the name's beginning", wide=True),
        Filter("name", "Name contains", _by_name, "text"),
        exact("country", "Country", Recipient.country, hint="NP"),
        is_true("active", "State", Recipient.is_active, "Active", "Off"),
    )
    column_list = ("name", "email", "phone", "country", "is_active", "created_at")
    column_labels = {"name": "Person", "email": "E-mail", "country": "Where", "is_active": "State", "created_at": "Known since"}
    column_formatters = {
        "name": cell("person"), "email": cell("person_email"), "phone": cell("person_phone"), "country": cell("person_place"),
        "is_active": cell("person_state"), "created_at": cell("created"),
    }

    def query(self) -> Select[Any]:
        """People, as they are."""
        return select(Recipient)

    def details(self, row: Recipient) -> Mapping[str, Any]:
        """Everything about a person; addresses in full only for those who may edit them."""
        cursor = keyset.Cursor(number("before"), number("after"))
        asked = request.args.get("what", "").strip()
        return {
            "devices": person.devices_of(row.id), "latest": person.messages_of(row.id, cursor),
            "wishes": person.wishes_of(row.id),
            "is_online": row.id in presence.online({row.id}), "in_full": auth.allowed(self.edit_role), "what": asked,
            "choices": person.choices(), "foreseen": person.foreseen(row, asked) if asked else None,
        }

    def write(self, form: Any, row: Recipient | None) -> Recipient:
        """Check every value as the API does, and carry it over; attributes are replaced whole."""
        given = {name: getattr(form, name).data or "" for name in FIELDS if name != "attributes"}
        external_id = row.external_id if row is not None else form.external_id.data
        described = describe({"id": external_id, **given, "attributes": form.attributes.data or {}}, settings())
        if row is None:
            if find(described.external_id) is not None:
                known = f"{described.external_id} is known already."
                raise AlreadyExists(known, field="external_id", remedy="Edit that person instead.")
            row = Recipient(external_id=described.external_id)
            db.session.add(row)
        for name, value in described.fields.items():
            setattr(row, name, value)
        row.is_active = form.is_active.data
        return row

    def note(self, row: Recipient, changes: Mapping[str, Any], *, created: bool) -> None:
        """The audit says which personal fields changed, and not what is in them: it must outlive the person's data."""
        masked = {field: values if field == "is_active" else ["…", "…"] for field, values in changes.items()}
        super().note(row, masked, created=created)

    def after_save(self, row: Recipient) -> str:
        """To the person."""
        return str(self.get_url(".details_view", id=row.id))
