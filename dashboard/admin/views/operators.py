"""Operators: the dashboard's accounts and their roles."""

from collections.abc import Mapping
from typing import Any

from flask_login import current_user
from wtforms import PasswordField

from dashboard.admin.display.labels import RIGHTS, ROLE_WORDS
from dashboard.admin.forms.fields import Form, choice, line, yes_no
from dashboard.admin.lists.cells import cell
from dashboard.admin.lists.listing import Listing
from dashboard.operators import add_operator, change, check_password, set_password
from tasks.models import Operator
from tasks.models.words import ROLES


class OperatorForm(Form):
    """An account."""

    email = line("E-mail", required=True, longest=254, inputmode="email", hint="They sign in with it.")
    name = line("Name")
    role = choice("Role", [(role, ROLE_WORDS[role]) for role in ROLES])
    password = PasswordField(
        "Password", description="At least 8 characters. Tell it to them; they can change it on their profile.",
        render_kw={"autocomplete": "new-password"},
    )
    is_active = yes_no("Active", default=True, hint="An account that is off cannot sign in, and its sessions end at once.")


class Operators(Listing):
    """The list of accounts, and their form."""

    word = "operator"
    intro = "Who may use this dashboard, and for what."
    empty = ("No accounts", "")
    role = edit_role = "admin"
    can_create = can_edit = True
    form = OperatorForm
    list_template = "admin/operators/list.html"
    create_template = edit_template = "admin/operators/form.html"
    audited = ("name", "role", "is_active")
    column_list = ("email", "role", "is_active", "last_login_at", "created_at")
    column_labels = {"email": "Account", "is_active": "State", "last_login_at": "Last sign-in", "created_at": "Created"}
    column_formatters = {
        "email": cell("operator_name"), "role": cell("operator_role"), "is_active": cell("active"),
        "last_login_at": cell("operator_seen"), "created_at": cell("created"),
    }
    column_sortable_list = ("email", "role", "last_login_at")
    search_hint = "E-mail or name"
    column_searchable_list = ("email", "name")
    column_default_sort = "email"

    def rights(self) -> list[tuple[str, list[bool]]]:
        """What each role may do, in the order of the roles: for the table above the list."""
        return [(words, [ROLES.index(role) >= ROLES.index(need) for role in ROLES]) for words, need in RIGHTS]

    def write(self, form: Any, row: Operator | None) -> Operator:
        """Make the account, or change it; nobody can lock the last administrator out."""
        if row is None:
            return add_operator(form.email.data, form.password.data or "", form.role.data, form.name.data or "")
        password = form.password.data or ""
        if password:
            check_password(password)
        change(
            row, name=form.name.data or "", role=form.role.data, is_active=form.is_active.data, by=current_user.operator_id
        )
        return row

    def note(self, row: Operator, changes: Mapping[str, Any], *, created: bool) -> None:
        """`add_operator` writes its own entry."""
        if not created:
            super().note(row, changes, created=created)

    def _save(self, form: Any, row: Operator | None) -> Any:
        answer = super()._save(form, row)
        if answer is not None and row is not None and form.password.data:
            set_password(row, form.password.data)
        return answer

