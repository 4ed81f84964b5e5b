"""What makes a test process quick: what many tests need is made once a process, and nothing is looked through in vain."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule
from xdist.scheduler import LoadFileScheduling

MADE = 5_000  # objects between two collections of the young: Python's own 700 is for small programs
TOGETHER = ("tests/e2e/",)  # one worker does all of it: each would start a browser and an installation of its own


def pytest_load_initial_conftests() -> None:
    """Imports and collection make a great many objects, and none of them goes again."""
    gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """From here on there is something to collect, but not what was there before the first test.

    Each test makes an app and drops it, a graph full of circles, and by its own rules the collector walks through every module
    and every collected test to find it: that was a quarter of the time of the dashboard's tests. What the tests themselves leave
    is still collected, so a file or a connection that nobody closed is still told of.
    """
    gc.freeze()
    gc.set_threshold(MADE, 10, 10)
    gc.enable()


class Scheduling(LoadFileScheduling):
    """Files are dealt out to the workers, some folders as a whole."""

    def _split_scope(self, nodeid: str) -> str:
        whole = [folder for folder in TOGETHER if nodeid.startswith(folder)]
        return whole[0] if whole else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """Ours for the default, `--dist loadfile`."""
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


class Compiled(BytecodeCache):
    """Pages that are compiled once a test process, not once an app: each test has an app of its own."""

    def __init__(self) -> None:
        self.known: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Use what an earlier app compiled from the same text."""
        if bucket.key in self.known:
            bucket.bytecode_from_string(self.known[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it for the next app."""
        self.known[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def compiled_pages() -> Iterator[None]:
    """A third of the time of the dashboard's tests went into compiling the same templates again."""
    before, Flask.jinja_options = Flask.jinja_options, {**Flask.jinja_options, "bytecode_cache": Compiled()}
    yield
    Flask.jinja_options = before


@pytest.fixture(scope="session", autouse=True)
def compiled_routes() -> Iterator[None]:
    """Two thirds of making an app went into compiling the same routes again; what comes out depends on the rule alone."""
    known: dict[object, Rule] = {}
    compile_ = Rule.compile

    def once(rule: Rule) -> None:
        key = (rule.rule, rule.host, rule.subdomain, repr(rule.defaults), rule.merge_slashes, *rule.map.converters.values())
        first = known.get(key)
        if first is None:
            compile_(rule)
            known[key] = rule
            return
        rule._parts, rule._trace, rule._converters = first._parts, first._trace, first._converters
        rule.arguments |= first.arguments
        rule._build, rule._build_unknown = (built.__func__.__get__(rule) for built in (first._build, first._build_unknown))

    Rule.compile = once
    yield
    Rule.compile = compile_
