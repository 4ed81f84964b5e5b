"""The guard of every admin page: who may open it is said by its class, method by method, and nobody else may."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from flask import current_app
from flask.typing import ResponseReturnValue
from flask_admin import BaseView, expose
from flask_login import current_user

from dashboard import auth
from tasks.errors import NotAllowed

View = TypeVar("View", bound=Callable[..., Any])


def at(url: str, methods: Sequence[str] = ("GET",)) -> Callable[[View], View]:
    """Flask-Admin's `expose`, with types: this method answers at `url` below its view's address."""
    return expose(url, methods)  # type: ignore[no-any-return]


class Guarded:
    """Mixed into every Flask-Admin view, before its own base class.

    `role` opens the view; `needs` asks for more on single methods (by name). A method named in `closed` is open to nobody.
    """

    __carillon_access__ = auth.CHECKED_BY_VIEW
    role: ClassVar[str] = "viewer"
    needs: ClassVar[Mapping[str, str]] = {}
    closed: ClassVar[frozenset[str]] = frozenset()

    def need(self, method: str) -> str:
        """The role that one of the view's methods asks for."""
        return self.needs.get(method, self.role)

    def is_accessible(self) -> bool:
        """True where the signed-in operator may open the view at all."""
        return auth.allowed(self.role)

    def _handle_view(self, name: str, **kwargs: Any) -> ResponseReturnValue | None:
        if name in self.closed:
            raise NotAllowed("This page is not in use.")
        if not current_user.is_authenticated:
            answer: ResponseReturnValue = current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
            return answer
        if not auth.allowed(self.role) or not auth.allowed(self.need(name)):
            raise NotAllowed(f"This page needs the role {self.need(name)}.", remedy="Ask an administrator for that role.")
        return None

    def _run_view(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        # Flask-Admin's own calls the view a second time when a TypeError comes out of it.
        return fn(self, *args, **kwargs)


class Page(Guarded, BaseView):  # type: ignore[misc]
    """A page of our own, with its own template."""
