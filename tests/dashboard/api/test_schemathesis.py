"""Schemathesis reads our OpenAPI document and asks whatever it allows, and much that it does not, of the running product.

It may not revoke or rotate keys: it would find its own in their list and lock itself out, and see nothing but 401 from then on.
What only the data decide (a phone number that is none, a segment that there is not) no schema can say, so it is not asked whether
valid shapes are always taken. A wrong entry of a bulk call is answered in its own line, so that call may take what is invalid. A
repeat with an idempotency key tells of what was made the first time, also where that was deleted since.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.program import Program, answer, clean_environment

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "missing_required_header", "unsupported_method", "allow_header_conformance", "use_after_free",
    "ignored_auth",
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """`carillon up --demo`."""
    with Program(tmp_path_factory.mktemp("asked"), "up", "--demo", "--port", "0") as running:
        running.url()
        yield running


def asked(program: Program, folder: Path, *arguments: str, checks: tuple[str, ...] = CHECKS) -> int:
    """Let it ask. Returns how many cases it made."""
    key = program.wait_for(r"^(crl_\w+)$")
    done = subprocess.run(
        [
            Path(sys.executable).with_name("st"), "run", program.url() + "/openapi.json", "-H", f"Authorization: Bearer {key}",
            "--checks", ",".join(checks), "--exclude-path-regex", "/keys/.prefix.", "--suppress-health-check", "all",
            "--continue-on-failure", "--request-timeout", "60", *arguments,
        ],
        cwd=folder, env=clean_environment(folder), capture_output=True, text=True, timeout=3_000,
    )
    assert done.returncode == 0, re.sub(r"[^\s'\"]{300,}", "...", done.stdout)[-20_000:] + done.stderr[-2_000:]
    assert answer(program.url(), key, "/templates/").status_code == 200, "its key is alive: it did not only see 401"
    (cases,) = re.findall(r"(\d+) generated", done.stdout)
    return int(cases)


@pytest.mark.timeout(600)
def test_it_finds_nothing(program: Program, tmp_path: Path) -> None:
    assert asked(program, tmp_path, "--phases", "examples,fuzzing", "--max-examples", "2") > 100


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_it_finds_nothing_in_ten_thousand_cases(program: Program, tmp_path: Path) -> None:
    assert asked(program, tmp_path, "--max-examples", "250", "--workers", "2") > 10_000


@pytest.mark.long
@pytest.mark.timeout(600)
def test_it_finds_nothing_taken_that_the_document_forbids(program: Program, tmp_path: Path) -> None:
    only = ("--exclude-path", "/notify/bulk/", "--phases", "coverage")

    assert asked(program, tmp_path, *only, checks=("not_a_server_error", "negative_data_rejection")) > 1_000
