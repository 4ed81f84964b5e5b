"""An e-mail's HTML as an answer of its own, for a sandboxed frame: it runs no script, loads nothing, and belongs to no site."""

from flask import Response

# The mail's own styles may stand in it. Pictures from elsewhere are not loaded: opening a log must not tell a sender's tracker.
POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)


def mail_page(html: str) -> Response:
    """The page that only this site may frame."""
    headers = {"Content-Security-Policy": POLICY, "X-Frame-Options": "SAMEORIGIN", "Referrer-Policy": "no-referrer"}
    return Response(html, mimetype="text/html", headers=headers)
