"""An empty Flask view: what the web server and Flask cost on this machine before anything is done."""

from flask import Flask

app = Flask(__name__)


@app.get("/")
def nothing() -> str:
    """Nothing."""
    return ""
