"""The plain HTML page around a message whose template has no HTML of its own."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

FOLDER = Path(__file__).parents[2] / "templates" / "email"
_pages = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, auto_reload=False)
_frame = _pages.get_template("frame.html")


def framed(title: str, message: str) -> str:
    """An HTML e-mail: both texts escaped, the message's line breaks kept."""
    return _frame.render(title=title, message=Markup("<br>\n").join(escape(message).splitlines()))
