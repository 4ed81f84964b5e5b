"""What is wrong with a configuration, each problem with its fix; and the refusal to start with what is dangerous."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from tasks.config import LOOPBACK, Settings
from tasks.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration: how bad, which variable, what is wrong, how to mend it."""

    level: Literal["error", "warning"]
    variable: str
    detail: str
    fix: str


def check(config: Settings, *, host: str = "127.0.0.1") -> list[Problem]:
    """Every problem of `config` for a process that listens on `host`, worst first. Empty means ready."""
    found = [*_check_security(config, host), *_check_processes(config), *_check_channels(config)]
    return sorted(found, key=lambda problem: problem.level)


def refuse(config: Settings, *, host: str = "127.0.0.1") -> None:
    """Raise ConfigurationError for the first problem that is too dangerous to start with."""
    for problem in check(config, host=host):
        if problem.level == "error":
            raise ConfigurationError(f"{problem.variable}: {problem.detail}", field=problem.variable, remedy=problem.fix)


def _check_security(config: Settings, host: str) -> Iterator[Problem]:
    if not config.secret_key and host not in LOOPBACK:
        yield Problem(
            "error",
            "CARILLON_SECRET_KEY",
            f"listening on {host} without a secret key of your own.",
            "Set CARILLON_SECRET_KEY to 32 random bytes or more, for example: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )
    if config.secret_key and len(config.secret_key) < 16:
        yield Problem("error", "CARILLON_SECRET_KEY", "shorter than 16 characters.", "Use 32 random bytes or more.")
    for origin in config.allowed_origins:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path or parts.query or {"*", "@"} & {*parts.netloc}:
            yield Problem(
                "error",
                "CARILLON_ALLOWED_ORIGINS",
                f"{origin!r} is not an origin.",
                "List origins like https://shop.example.org, separated by commas; `*` is never accepted.",
            )
    if not urlsplit(config.base_url).netloc:
        yield Problem("error", "CARILLON_BASE_URL", "not a URL.", "Give the dashboard's address, like https://bell.example.org")


def _check_processes(config: Settings) -> Iterator[Problem]:
    if config.processes > 1 and not config.message_queue_url:
        yield Problem(
            "error",
            "CARILLON_MESSAGE_QUEUE_URL",
            f"{config.processes} processes and no message queue: "
            "live messages would reach only the people connected to the sending process.",
            "Set CARILLON_MESSAGE_QUEUE_URL=redis://host:6379/0, or run one process.",
        )
    if not config.database.startswith(("sqlite:///", "postgresql+psycopg://")):
        yield Problem(
            "error", "CARILLON_DATABASE_URL", "neither PostgreSQL nor SQLite.",
            "Write postgresql://user:password@host/carillon, or leave it out.",
        )
    for name, url in (("QUEUE_URL", config.queue), ("MESSAGE_QUEUE_URL", config.message_queue_url)):
        if url and not url.startswith(("redis://", "rediss://", "sqlite:///")):
            yield Problem(
                "error", f"CARILLON_{name}", "only redis:// is understood.", "Give redis://host:6379/0, or leave it out."
            )
    if config.processes > 1 and config.database.startswith("sqlite"):
        yield Problem(
            "warning",
            "CARILLON_DATABASE_URL",
            "several processes share one SQLite file.",
            "Use PostgreSQL: CARILLON_DATABASE_URL=postgresql://user:password@host/carillon",
        )


def _check_channels(config: Settings) -> Iterator[Problem]:
    if config.smtp_url:
        parts = urlsplit(config.smtp_url)
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            yield Problem(
                "error", "CARILLON_SMTP_URL", "not an SMTP address.", "Write smtp://user:password@host:587 or smtps://host:465"
            )
        if not config.mail_from:
            yield Problem(
                "error", "CARILLON_MAIL_FROM", "SMTP_URL is set and the sender is not.", 'Set it, like "Shop <news@example.org>"'
            )
    if config.fcm_credentials and not config.fcm_credentials.is_file():
        yield Problem(
            "error", "CARILLON_FCM_CREDENTIALS", f"no file at {config.fcm_credentials}.",
            "Point it at the service account's JSON file.",
        )
    if config.sparrow_token and not config.sparrow_from:
        yield Problem(
            "error", "CARILLON_SPARROW_FROM", "SPARROW_TOKEN is set and the sender is not.",
            "Set the identity that Sparrow approved for you.",
        )
    for channel, ready in (("e-mail", config.smtp_url), ("push", config.fcm_credentials), ("SMS", config.sparrow_token)):
        if not ready:
            yield Problem(
                "warning",
                "CARILLON_" + {"e-mail": "SMTP_URL", "push": "FCM_CREDENTIALS", "SMS": "SPARROW_TOKEN"}[channel],
                f"{channel} has no provider: the simulator takes its messages and nothing leaves.",
                "Set it when you want real messages.",
            )
