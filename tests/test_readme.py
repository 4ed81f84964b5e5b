"""What the README says is so: its commands and snippets run, its tables are complete."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from standardwebhooks import WebhookVerificationError

from dashboard.cli import COMMANDS
from tasks.channels import PROVIDERS
from tasks.channels.simulator import MAGIC
from tasks.config import Settings
from tasks.webhooks import signing
from tests.peers import npm_client
from tests.peers.program import Program, answer, clean_environment

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:5000"


def blocks(language: str) -> list[str]:
    """The README's snippets in a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def snippet(language: str, mark: str) -> str:
    """The one snippet that has `mark` in it."""
    (found,) = [block for block in blocks(language) if mark in block]
    return found


def table_rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """What the README's first command starts."""
    folder = tmp_path_factory.mktemp("reader")
    with Program(folder, "up", "--demo", "--port", "0") as running:
        running.url()
        yield running


@pytest.fixture(scope="module")
def environment(program: Program) -> dict[str, str]:
    """A reader's shell, in which the key is set as the README says."""
    folder = program.log.parent
    return {**clean_environment(folder, home=folder / "instance"), "CARILLON_KEY": program.wait_for(r"^(crl_\w+)$")}


def run(command: list[str], program: Program, environment: dict[str, str], text: str) -> str:
    """Run a snippet against this program, and return what it printed."""
    done = subprocess.run(
        command, input=text.replace(ADDRESS, program.url()), env=environment, cwd=ROOT, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_two_commands_are_one_line_each() -> None:
    start, tests = [block.strip() for block in blocks("sh")[:2]]

    assert "\n" not in start + tests
    assert start.endswith("carillon up --demo")
    assert tests in (ROOT / ".ci" / "run").read_text().splitlines()


def test_the_curl_call_sends(program: Program, environment: dict[str, str]) -> None:
    answered = json.loads(run(["bash"], program, environment, snippet("sh", "curl").replace("curl ", "curl -sS ")))

    assert answered["status"] == "queued"
    assert {row["channel"] for row in answered["deliveries"]} == {"in_app", "push", "sms", "email"}


def test_the_requests_call_sends_once(program: Program, environment: dict[str, str]) -> None:
    first = run([sys.executable], program, environment, snippet("python", "import requests"))
    second = run([sys.executable], program, environment, snippet("python", "import requests"))

    assert re.fullmatch(r"[0-9a-f-]{36}\n", first)
    assert second == first


def test_the_requests_call_outlives_a_server_that_is_away_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARILLON_KEY", "crl_")
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    answers = iter([requests.ConnectionError(), requests.Timeout(), 202])

    def post(*_: object, **given: object) -> requests.Response:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        made = requests.Response()
        made.status_code, made._content = found, json.dumps({"notification_id": given["headers"]["Idempotency-Key"]}).encode()
        return made

    monkeypatch.setattr(requests, "post", post)
    names: dict[str, Any] = {}

    exec(compile(snippet("python", "import requests"), "README.md", "exec"), names)

    assert list(answers) == []


def test_the_call_from_javascript_sends_once(program: Program, environment: dict[str, str]) -> None:
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    script = snippet("js", "Idempotency-Key")
    first, second = (run(["node", "--input-type=module"], program, environment, script) for _ in range(2))

    assert re.fullmatch(r"[0-9a-f-]{36}\n", first)
    assert second == first


def test_the_calls_from_python_send(program: Program, environment: dict[str, str]) -> None:
    run([sys.executable], program, environment, snippet("python", "from tasks import"))

    shown = answer(program.url(), environment["CARILLON_KEY"], "/inbox/43/")
    assert [item["title"] for item in shown.json()["items"]][-1] == "Payment Successful - ₹5"


def test_the_webhook_snippet_knows_us_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    secret, body = signing.new_secret(), b'{"type": "webhook.test"}'
    monkeypatch.setenv("CARILLON_WEBHOOK_SECRET", secret)
    names: dict[str, Any] = {}
    exec(compile(snippet("python", "standardwebhooks"), "README.md", "exec"), names)

    both = signing.headers([signing.new_secret(), secret], "evt_1", int(time.time()), body)
    assert names["heard"](body, both) == {"type": "webhook.test"}
    with pytest.raises(WebhookVerificationError):
        names["heard"](body, signing.headers([signing.new_secret()], "evt_1", int(time.time()), body))


def test_the_app_hears_what_is_sent(program: Program, environment: dict[str, str], tmp_path: Path) -> None:
    folder = npm_client.installed()
    key = environment["CARILLON_KEY"]
    answer(program.url(), key, "/notify/", {
        "template_name": "payment_success", "data": {"amount": 9, "gateway": "x"}, "recipient": {"id": "reader"}, "async": False,
    })
    token = answer(program.url(), key, "/recipients/reader/token/", {}).json()["token"]
    script = (
        f"const token = {json.dumps(token)}, localStorage = {{}};\n{snippet('js', 'socket.io-client')}\n"
        "socket.on('sync', (page) => { console.log(page.items[0].title); socket.disconnect(); });\n"
    )
    (tmp_path / "node_modules").symlink_to(folder / "node_modules")
    (tmp_path / "app.mjs").write_text(script.replace(ADDRESS, program.url()), encoding="utf-8")

    heard = subprocess.run(["node", "app.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=60)

    assert (heard.stdout, heard.stderr) == ("Payment Successful - ₹9\n", "")


def test_the_service_file_and_the_shell_lines_are_well_formed() -> None:
    for block in blocks("sh"):
        checked = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, timeout=30)
        assert checked.returncode == 0, block
    assert "ExecStart=" in "".join(blocks("ini"))


def test_every_setting_is_in_the_table_with_its_default() -> None:
    documented = {}
    for names, defaults, _what in table_rows("Configuration"):
        listed = re.findall(r"`(\w+)`", names)
        documented.update(zip(listed, defaults.split(", ") if len(listed) > 1 else [defaults], strict=True))

    assert set(documented) == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        shown = documented[name.upper()].strip("`")
        if isinstance(field.default, bool | int):
            assert shown == str(field.default).lower(), name
        elif isinstance(field.default, list):
            assert shown == (",".join(map(str, field.default)) or "none"), name


def test_every_provider_is_in_the_table() -> None:
    rows = table_rows("Providers")[: len(PROVIDERS)]
    shown = {name.strip("`"): (channel, setting.strip("`")) for name, channel, setting in rows}

    assert set(shown) == set(PROVIDERS)
    for name, entry in PROVIDERS.items():
        assert shown[name][0] == entry.channel.replace("*", "any")
        assert entry.setting.upper() in shown[name][1]


def test_every_magic_recipient_is_in_the_table() -> None:
    for one in MAGIC:
        assert f"| `{one.word}@...` | {one.digits} | `{one.word}-` |" in README


def test_every_command_is_named() -> None:
    section = README.partition("\n## Commands\n")[2].partition("\n## ")[0]

    for command in COMMANDS:
        assert re.search(rf"`(carillon )?{command.name}\b", section), command.name


def test_everything_it_points_at_is_there() -> None:
    paths = set(re.findall(r"`((?:tasks|dashboard|tests|static|templates|\.ci)/[\w./]*)`", README))
    modules = set(re.findall(r"-m (tests\.[\w.]+)", README))
    links = set(re.findall(r"\]\((?!http)([^)#]+)\)", README))

    assert [path for path in paths | links if not (ROOT / path).exists()] == []
    files = {name: ROOT / name.replace(".", "/") for name in modules}
    found = {name for name, path in files.items() if path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()}
    assert found == modules
    assert modules


def test_the_pytest_lines_find_tests() -> None:
    lines = [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines() if "-m pytest" in line]

    for line in lines:
        folders = [part for part in line if part.startswith("tests/")]
        assert folders
        assert all((ROOT / folder).exists() for folder in folders)
