"""The house rules, kept by the machine: who may call what, who may import whom, and how large a file may grow."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.routing import Rule

from dashboard import auth
from tasks.channels import PROVIDERS, provider_class
from tasks.config import Settings
from tasks.models.words import OUTSIDE_CHANNELS

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FILE = 250  # lines
PAGE = {"Accept": "text/html"}

# Everything that anyone may call. A route that is to be public is added here, on purpose.
PUBLIC = {
    "/",  # only leads to /admin/
    "/docs/", "/docs/static/<path:filename>", "/healthz", "/login/", "/openapi.json", "/readyz", "/static/<path:filename>",
    "/admin/static/<path:filename>",
}


def code_files() -> list[Path]:
    found = [path for folder in ("tasks", "dashboard") for path in (ROOT / folder).rglob("*.py")]
    return [path for path in found if "migrations" not in path.parts]


def routes(app: Flask) -> Iterator[tuple[Rule, str, str]]:
    """Every route with every method, and an address that matches it."""
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<uuid:\w+>", "00000000-0000-0000-0000-000000000000", rule.rule)
        path = re.sub(r"<(?:int|float):\w+>", "1", path)
        path = re.sub(r"<[^>]+>", "x", path)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method, path


def test_every_route_says_who_may_call_it(app: Flask) -> None:
    with app.test_request_context():
        silent = [rule.rule for rule in app.url_map.iter_rules() if auth.access_of(rule.endpoint) is None]

    assert silent == []


def test_a_stranger_gets_nowhere_but_where_the_list_says(app: Flask) -> None:
    client = app.test_client()

    open_to_all = set()
    for rule, method, path in routes(app):
        for headers in ({}, PAGE):
            with client.open(path, method=method, headers=headers) as answer:
                to_login = answer.status_code == 302 and answer.headers["Location"].startswith(auth.LOGIN_PATH)
                if answer.status_code not in {401, 403} and not to_login:
                    open_to_all.add(rule.rule)

    assert open_to_all <= PUBLIC


def test_a_key_without_scopes_of_its_own_opens_no_page(app: Flask) -> None:
    with app.test_request_context():
        kinds = {rule.rule: auth.access_of(rule.endpoint) for rule in app.url_map.iter_rules()}

    for path, access in kinds.items():
        assert access is not None
        if path.startswith(("/notify", "/broadcasts", "/recipients", "/inbox")):
            assert access.kind == "key", path
        if path.startswith("/admin/") and path not in PUBLIC:
            assert access.kind in {"operator", "view"}, path


def test_the_import_contracts_hold() -> None:
    # In a process of its own: it configures logging anew, and would silence this one's loggers.
    script = "from importlinter import cli; raise SystemExit(cli.lint_imports(no_cache=True))"

    linted = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False, timeout=100)

    assert linted.returncode == 0, linted.stdout


def test_a_worker_loads_nothing_of_the_dashboard() -> None:
    script = (
        "import sys, tasks, tasks.worker, tasks.jobs, tasks.send; "
        "print([name for name in sys.modules if name.split('.')[0] in "
        "{'dashboard', 'flask_admin', 'flask_login', 'flask_wtf', 'wtforms', 'flask_openapi3', 'firebase_admin'}])"
    )

    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60)

    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_every_provider_is_registered_as_what_it_is(name: str) -> None:
    entry, found = PROVIDERS[name], provider_class(name)

    assert (found.name, found.channel) == (name, entry.channel)
    assert entry.path.startswith(f"tasks.channels.{name}:")
    assert {*found.requires, entry.setting} <= {*Settings.model_fields, ""}, "it asks for a setting that there is none of"
    assert found.__doc__, "what it does is not documented"


def test_no_provider_is_forgotten() -> None:
    defined = {
        match[1]: path.stem
        for path in (ROOT / "tasks" / "channels").glob("*.py")
        for match in re.finditer(r"^class (\w+Channel)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    registered = {entry.path.partition(":")[2] for entry in PROVIDERS.values()}

    assert set(defined) - {"HttpChannel"} <= registered
    assert {entry.channel for entry in PROVIDERS.values()} >= {*OUTSIDE_CHANNELS, "in_app"}


def test_no_file_outgrows_its_subject() -> None:
    sizes = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in code_files()}

    assert {name: size for name, size in sizes.items() if size > LONGEST_FILE} == {}


def test_no_drawer_for_everything() -> None:
    banned = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "handlers", "services", "service"}

    assert [path for path in code_files() if path.stem in banned or path.parent.name in banned] == []


def test_every_module_says_what_it_is_for() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in code_files()}

    assert [path for path, text in texts.items() if text and not text.startswith('"""')] == []
