"""What stands in a list's cells: the macros of templates/ui/cells.html, as Flask-Admin's column formatters."""

from collections.abc import Callable
from typing import Any

from flask import current_app
from markupsafe import Markup

Formatter = Callable[[Any, Any, Any, str], Markup]


def cell(macro: str) -> Formatter:
    """The formatter that shows a row through the macro of that name; the macro gets the row."""

    def show(_view: Any, _context: Any, row: Any, _column: str) -> Markup:
        module = current_app.jinja_env.get_template("ui/cells.html").module
        shown: Markup = getattr(module, macro)(row)
        return shown

    return show
