"""What a fresh clone needs: every package pinned, nothing of one machine in the files, scripts that can be run."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONSTRAINTS = (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8")


def requirements() -> list[Requirement]:
    """Everything that pyproject.toml asks for, without the package's own extras."""
    written = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]
    return [found for found in map(Requirement, written) if found.name != PROJECT["name"]]


def pins() -> dict[str, Requirement]:
    lines = [line for line in CONSTRAINTS.splitlines() if not line.startswith("#")]
    return {canonicalize_name(found.name): found for found in map(Requirement, lines)}


def test_every_requirement_is_pinned_within_its_bounds() -> None:
    pinned = pins()

    for wanted in requirements():
        (exact,) = pinned[canonicalize_name(wanted.name)].specifier
        assert exact.operator == "=="
        assert wanted.specifier.contains(exact.version), wanted


def test_the_pins_name_no_index_no_file_and_no_address() -> None:
    assert not re.search(r"://|--|@|/", CONSTRAINTS.replace("`.ci/lock`", ""))
    assert {len(found.specifier) for found in pins().values()} == {1}


@pytest.mark.parametrize("name", ["run", "test", "lock"])
def test_the_scripts_can_be_run(name: str) -> None:
    script = ROOT / ".ci" / name

    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in script.read_text()
    assert subprocess.run(["bash", "-n", str(script)], timeout=30).returncode == 0


def test_the_build_server_runs_the_readme_s_command_and_nothing_else() -> None:
    commands = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("./")]

    assert commands == ["./.ci/test"]


def test_the_hooks_are_the_checks_of_the_test_command() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    checks = (ROOT / ".ci" / "test").read_text()

    for tool in ("ruff check", "mypy", "lint-imports"):
        assert f".venv/bin/{tool}" in hooks
        assert f".venv/bin/{tool}" in checks


def test_what_is_made_here_is_not_kept() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()

    assert {"instance/", ".venv/", "__pycache__/", "*.egg-info/"} <= set(ignored)


def test_the_version_is_one() -> None:
    from_code = re.search(r'^VERSION = "(.+)"$', (ROOT / "dashboard" / "api" / "__init__.py").read_text(), re.MULTILINE)

    assert from_code is not None
    assert PROJECT["version"] == from_code[1]
    assert f"## [{PROJECT['version']}]" in (ROOT / "CHANGELOG.md").read_text()
