"""The web process: `gunicorn wsgi:app`; and `flask --app wsgi ...` for the commands."""

from dashboard.wsgi import make_app

app = make_app()
