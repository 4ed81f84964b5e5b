"""What an operator wrote for an e-mail, made ready to be filled in and sent."""

from tasks.errors import InvalidTemplate
from tasks.rendering.limits import EMAIL_HTML, MAX_SOURCE, MAX_TAGS
from tasks.rendering.mail.inlining import Inlined, inlined
from tasks.rendering.mail.mjml import compiled_mjml

HTML = "html"
MJML = "mjml"
FORMATS = (HTML, MJML)


def made(source: str, email_format: str) -> Inlined:
    """The HTML of a source that Jinja can read. An empty one stays empty: the frame around the message is used then.

    Raises InvalidTemplate with `line` and `column` in `extra`, and where the format is not one of FORMATS.
    """
    if email_format not in FORMATS:
        raise InvalidTemplate(
            f"{email_format[:40]!r} is not a format.", field="email_format", remedy="Use html or mjml.", line=1, column=1
        )
    too_much = len(source) > MAX_SOURCE[EMAIL_HTML] or source.count("{{") + source.count("{%") > MAX_TAGS
    if too_much or not source.strip():  # what is too much is refused as a part, with the reason
        return Inlined(source)
    done = Inlined(compiled_mjml(source)) if email_format == MJML else inlined(source)
    if len(done.html) <= MAX_SOURCE[EMAIL_HTML]:
        return done
    if email_format == MJML:
        detail = f"{EMAIL_HTML}, line 1: as HTML it is longer than {MAX_SOURCE[EMAIL_HTML]} characters."
        raise InvalidTemplate(detail, field=EMAIL_HTML, remedy="Shorten it.", line=1, column=1)
    return Inlined(source, ("With its rules in every element it would be too long, so they stay in the block.",))
