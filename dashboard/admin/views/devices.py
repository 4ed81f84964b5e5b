"""Devices: push tokens, whose they are, and whether they still work."""

from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import joinedload

from dashboard.admin.display.changes import differences
from dashboard.admin.forms.fields import Form, yes_no
from dashboard.admin.guard import at
from dashboard.admin.lists.cells import cell
from dashboard.admin.lists.filters import Filter, equals, is_true
from dashboard.admin.lists.keyset import Columns
from dashboard.admin.lists.log_listing import LogListing
from tasks.extensions import db
from tasks.models import Device, Recipient


class DeviceForm(Form):
    """All that can be changed of a device by hand."""

    is_active = yes_no("Active", hint="A device that is off gets no push. The provider's word switches dead ones off by itself.")


def _of_person(text: str) -> ColumnElement[bool]:
    return Device.recipient_id.in_(select(Recipient.id).where(Recipient.external_id == text))


class Devices(LogListing):
    """The list of devices."""

    word = "device"
    intro = "Where push goes. A token that its provider calls dead is switched off by itself."
    empty = ("No devices yet", "Programs send device tokens with a person: {\"id\": \"42\", \"tokens\": [\"...\"]}.")
    can_edit = can_delete = True
    form = DeviceForm
    edit_template = "admin/devices/form.html"
    audited = ("recipient_id", "platform", "is_active", "off_reason")
    columns = Columns(Device.id, Device.created_at)
    filters = (
        Filter("recipient", "Recipient's id", _of_person, "text", narrow=True),
        is_true("active", "State", Device.is_active, "Active", "Off"),
        equals("platform", "Platform", Device.platform, lambda: (("android", "Android"), ("ios", "iOS"), ("web", "Web"))),
    )
    column_list = ("recipient", "platform", "token", "is_active", "updated_at")
    column_labels = {"is_active": "State", "updated_at": "Changed"}
    column_formatters = {
        "recipient": cell("device_owner"), "platform": cell("device_platform"), "token": cell("device_token"),
        "is_active": cell("device_state"), "updated_at": cell("updated"),
    }

    def query(self) -> Select[Any]:
        """Devices with their people."""
        return select(Device).options(joinedload(Device.recipient))

    @at("/switch/", methods=("POST",))
    def switch_view(self) -> ResponseReturnValue:
        """Off, or on again, from its person's page."""
        row, wanted = self.get_one(request.form.get("id", "")), request.form.get("on") == "1"
        if row.is_active == wanted:
            flash(f"It was {'on' if wanted else 'off'} already.", "warning")
        else:
            before = self.state(row)
            switch(row, on=wanted)
            self.note(row, differences(before, self.state(row)), created=False)
            db.session.commit()
            flash(f"The device is {'on' if wanted else 'off'}.", "success")
        return redirect(url_for("admin_recipients.details_view", id=row.recipient_id))

    def need(self, method: str) -> str:
        """Switching is editing."""
        return self.edit_role if method == "switch_view" else super().need(method)

    def warning(self, row: Device) -> str:
        """What deleting does."""
        return "Its person gets no push on it until the app registers it again."

    def write(self, form: Any, row: Device | None) -> Device:
        """Switch it on or off."""
        assert row is not None
        switch(row, on=form.is_active.data)
        return row


def switch(row: Device, *, on: bool) -> None:
    """A device that an operator switches off says so, unless its provider said why before."""
    row.is_active = on
    row.off_reason = "" if on else row.off_reason or "switched off by an operator"
