"""Flask-Admin's model views as Carillon uses them: guarded, our own forms, our own pages, every change in the audit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_admin.contrib.sqla import ModelView
from flask_admin.helpers import get_redirect_target
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import NotFound

from dashboard import audit
from dashboard.admin.display.changes import differences, snapshot
from dashboard.admin.forms.fields import Form, place
from dashboard.admin.guard import Guarded, at
from tasks.errors import AlreadyExists, CarillonError
from tasks.extensions import db


@dataclass(frozen=True, slots=True)
class Question:
    """A button in a row that asks before it acts; a POST of the row's id to `endpoint`."""

    endpoint: str
    label: str
    icon: str
    ask: str
    text: str


class Listing(Guarded, ModelView):  # type: ignore[misc]
    """A list with its details, and where a subclass has a `form`, creating and editing."""

    edit_role: ClassVar[str] = "editor"
    word: ClassVar[str]  # what one row is called, as in the audit's object_type
    intro: ClassVar[str] = ""
    empty: ClassVar[tuple[str, str]] = ("Nothing here yet", "")
    search_hint: ClassVar[str] = ""
    asks: ClassVar[bool] = False  # rows have buttons of their own: `questions`
    audited: ClassVar[Sequence[str]] = ()  # the fields whose changes the audit keeps
    closed = frozenset({"action_view", "export", "ajax_lookup", "ajax_update"})

    can_create = can_edit = can_delete = False
    can_export = can_set_page_size = False
    can_view_details = False
    action_disallowed_list = ("delete",)
    simple_list_pager = True
    page_size = 100
    list_template = "admin/model/list.html"
    form: ClassVar[type[Form] | None] = Form  # never scaffolded from the model: a relation would load its whole table

    def need(self, method: str) -> str:
        """Whatever changes something needs `edit_role`."""
        return self.edit_role if method in {"create_view", "edit_view", "delete_view"} else super().need(method)

    def search_placeholder(self) -> str:
        """What the search looks at."""
        return self.search_hint

    def get_pk_value(self, model: Any) -> Any:
        """The row's number, as it stands in addresses."""
        return getattr(model, "pk", None) or model.id

    def get_one(self, id: str) -> Any:
        """The row with this number. Raises NotFound for anything else."""
        if not id.isascii() or not id.isdigit() or len(id) > 18:
            raise NotFound()
        row = db.session.get(self.model, int(id))
        if row is None:
            raise NotFound(f"There is no {self.word.replace('_', ' ')} with the number {id}.")
        return row

    @at("/new/", methods=("GET", "POST"))
    def create_view(self) -> ResponseReturnValue:
        """The form of a new row."""
        if not self.can_create:
            raise NotFound()
        return self._form_page(None)

    @at("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> ResponseReturnValue:
        """The form of a known row."""
        if not self.can_edit:
            raise NotFound()
        return self._form_page(self.get_one(request.args.get("id", "")))

    @at("/details/")
    def details_view(self) -> ResponseReturnValue:
        """One row, read only."""
        if not self.can_view_details:
            raise NotFound()
        row = self.get_one(request.args.get("id", ""))
        return str(self.render(self.details_template, row=row, return_url=self._back(), **self.details(row)))

    @at("/delete/", methods=("POST",))
    def delete_view(self) -> ResponseReturnValue:
        """Asks first; deletes when the answer is part of the request."""
        if not self.can_delete:
            raise NotFound()
        row = self.get_one(request.form.get("id", ""))
        if request.form.get("confirmed") != "yes":
            ask = {"row": row, "word": self.word, "return_url": self._back(), "warning": self.warning(row)}
            return render_template("admin/confirm_delete.html", **ask)
        name, gone = str(row), {field: [value, None] for field, value in self.state(row).items()}
        audit.record("delete", self.word, self.get_pk_value(row), gone)
        db.session.delete(row)
        db.session.commit()
        flash(f"Deleted {self.word.replace('_', ' ')} {name}.", "success")
        return redirect(self._back())

    def write(self, form: Any, row: Any | None) -> Any:
        """Carry the form's values into `row`, or a new one (None), and return it; the caller commits. May raise CarillonError."""
        raise NotImplementedError

    def state(self, row: Any) -> dict[str, Any]:
        """The values of a row whose changes the audit keeps."""
        return snapshot(row, self.audited)

    def note(self, row: Any, changes: Mapping[str, Any], *, created: bool) -> None:
        """Write the change into the audit, in its own transaction."""
        if changes:
            audit.record("create" if created else "update", self.word, self.get_pk_value(row), changes)

    def details(self, row: Any) -> Mapping[str, Any]:
        """What a details page wants to know besides its row."""
        return {}

    def beside(self, row: Any | None) -> Mapping[str, Any]:
        """What a form's page wants to know besides its form."""
        return {}

    def questions(self, row: Any) -> Sequence[Question]:
        """The row's own buttons."""
        return ()

    def warning(self, row: Any) -> str:
        """What deleting `row` will do, for the question."""
        return "This cannot be undone."

    def saved(self, row: Any, created: bool) -> str:
        """The sentence that says it worked."""
        return f"{'Created' if created else 'Saved'} {self.word.replace('_', ' ')} {row}."

    def _form_page(self, row: Any | None) -> ResponseReturnValue:
        form = self.edit_form(row) if row is not None else self.create_form()
        if request.method == "POST" and form.validate():
            answer = self._save(form, row)
            if answer is not None:
                return answer
        template = self.create_template if row is None else self.edit_template
        page = self.render(template, form=form, row=row, return_url=self._back(), **self.beside(row))
        return str(page), 422 if form.errors else 200

    def _save(self, form: Any, row: Any | None) -> ResponseReturnValue | None:
        before = self.state(row) if row is not None else {}
        try:
            saved = self.write(form, row)
            db.session.flush()
        except CarillonError as error:
            db.session.rollback()
            place(form, error)
            return None
        except IntegrityError:  # checked a moment ago, and somebody was faster
            db.session.rollback()
            place(form, AlreadyExists("Somebody saved the same just now.", remedy="Look at the list before you save again."))
            return None
        self.note(saved, differences(before, self.state(saved)), created=row is None)
        db.session.commit()
        flash(self.saved(saved, row is None), "success")
        return redirect(self.after_save(saved))

    def after_save(self, row: Any) -> str:
        """Where to go when it is saved."""
        return self._back()

    def _back(self) -> str:
        return get_redirect_target() or str(self.get_url(".index_view"))
