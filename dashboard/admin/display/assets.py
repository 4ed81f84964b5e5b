"""What every template may use: addresses of static files with their fingerprints, labels, times, and small formats."""

import hashlib
import json
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flask import Flask, Response, request, url_for

from dashboard.admin.display import labels, times
from dashboard.admin.display.deciders import decider_words
from dashboard.admin.display.navigation import navigation
from dashboard.admin.display.story import place_time
from dashboard.admin.forms.durations import show_duration
from dashboard.admin.forms.safety import canary_words, safety_terms
from tasks.channels.base import mask
from tasks.models.types import utcnow

YEAR = 31_536_000  # seconds


def init_assets(app: Flask) -> None:
    """Give the templates their globals and filters, and let browsers keep fingerprinted files."""
    assert app.static_folder is not None
    folder = Path(app.static_folder)

    def asset(name: str) -> str:
        return url_for("static", filename=name, v=_fingerprint(folder / name))

    app.jinja_env.globals.update(
        asset=asset, carillon_version=version("carillon"),
        navigation=navigation, now=utcnow, operator_zone=times.operator_zone, zone_name=times.zone_name,
        safety_terms=safety_terms, canary_words=canary_words,
        state_label=labels.state_label, state_icon=labels.state_icon, channel_label=labels.channel_label,
        channel_icon=labels.channel_icon, reason_words=labels.reason_words, state_order=labels.STATE_ORDER,
    )
    app.jinja_env.filters.update(
        short_time=times.short_time, full_time=times.full_time, ago=times.ago, for_input=times.for_input,
        clock=times.clock_in, span=times.span, duration=show_duration, number=_number, place_time=place_time,
        localized=times.localized, decider=decider_words,
        pretty_json=_pretty_json, shell_json=_shell_json, masked=mask_any, audience_words=_audience_words,
    )
    app.after_request(_keep)


def mask_any(address: str) -> str:
    """An address as lists show it; nothing stays nothing."""
    return mask(address) if address else ""


@cache
def _fingerprint(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=6).hexdigest()


def _keep(answer: Response) -> Response:
    if request.endpoint == "static" and "v" in request.args and answer.status_code == 200:
        answer.cache_control.public, answer.cache_control.max_age, answer.cache_control.immutable = True, YEAR, True
        answer.cache_control.no_cache = None
    return answer


def _number(value: int) -> str:
    return f"{value:,}"


def _pretty_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def _shell_json(value: Any) -> str:
    """JSON on one line, to stand between single quotes in a shell."""
    return json.dumps(value, ensure_ascii=False).replace("'", "'\\''")


def _audience_words(audience: Any) -> str:
    return audience if isinstance(audience, str) else "own rules"
