"""Every setting in one typed place, read from the environment (prefix CARILLON_)."""

import os
import secrets
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from flask import current_app
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tasks.errors import ConfigurationError

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Settings(BaseSettings):
    """The configuration of one process. Every field is the environment variable CARILLON_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="CARILLON_", env_ignore_empty=True, extra="ignore")

    home: Path = Path("instance")  # data folder: SQLite files, the secret key of an embedded installation
    database_url: str = ""  # default: sqlite in HOME; at scale postgresql://user:password@host/name
    queue_url: str = ""  # default: its own SQLite file in HOME; at scale redis://
    message_queue_url: str = ""  # redis://, needed as soon as there is more than one process
    secret_key: str = ""  # signs sessions, encrypts signing secrets; `carillon up` makes one in HOME
    base_url: str = "http://127.0.0.1:5000"  # how browsers reach the dashboard: used in links and e-mails
    allowed_origins: Annotated[list[str], NoDecode] = []  # other web origins whose pages may open a socket
    trust_proxy: int = 0  # how many reverse proxies stand in front (X-Forwarded-*)
    processes: int = 1  # web processes that share this configuration; above 1 needs MESSAGE_QUEUE_URL
    max_sockets: int = Field(default=0, ge=0)  # live connections of one process; 0: what tasks.live.gate says for its kind
    embedded_worker: bool = False  # start the worker inside the web process (`carillon up` sets it)

    smtp_url: str = ""  # smtp://user:password@host:587 (STARTTLS where offered) or smtps://host:465
    smtp_connections: int = 4  # kept connections per process, and one more for a single mail that finds them taken
    mail_from: str = ""  # "Name <address@example.org>"
    fcm_credentials: Path | None = None  # service account file
    fcm_url: str = "https://fcm.googleapis.com"  # another endpoint is for tests and proxies
    sparrow_token: str = ""
    sparrow_from: str = ""  # the sender identity that Sparrow approved
    sparrow_url: str = "https://api.sparrowsms.com/v2/"
    default_region: str = "NP"  # ISO 3166 country of numbers written without +country code

    webhook_private: bool = False  # webhooks may point into private networks and at this machine, also over plain http
    receipts_secret: str = ""  # whsec_...: signs what a provider's bridge says at /receipts/

    user_source_url: str = ""  # outside audience: GET, paged
    user_source_token: str = ""
    user_source_private: bool = False  # its public-looking name may lead into a private network (split-horizon DNS)

    retry_delays: Annotated[list[int], NoDecode] = [60, 120, 180]  # seconds; a rule may have its own
    late_after: int = Field(3_600, ge=60)  # seconds: a scheduled broadcast found later than this waits for a human
    email_rate: int = Field(0, ge=0)  # mails a minute over all processes; 0: no limit
    push_rate: int = Field(0, ge=0)  # push messages a minute
    sms_rate: int = Field(0, ge=0)  # SMS a minute
    sms_price: Decimal = Field(Decimal(0), ge=0)  # of one SMS segment, for the estimate before a broadcast; 0: none is shown
    sms_currency: str = ""  # of the price, as it is to be read: NPR
    auto_pause_share: float = Field(0.25, ge=0, le=1)  # of a channel: a broadcast that fails more pauses itself; 0: never
    auto_pause_after: int = Field(50, ge=0)  # messages tried on a channel before it is judged; 0: never
    confirm_above: int = Field(1_000, ge=0)  # people: at the desk their number is typed before a larger send; 0: never
    approve_above: int = Field(0, ge=0)  # people: a broadcast to more waits until a second operator approves it; 0: never
    undo_seconds: int = Field(7, ge=0, le=60)  # in which a send from the desk can be taken back before it starts; 0: at once
    canary_share: float = Field(0.1, ge=0, le=1)  # of a canary's people: where more fail on a channel, the rest is not sent
    log_format: Literal["text", "json"] = "text"  # json: one object a line, for machines
    log_level: Literal["", "debug", "info", "warning", "error"] = ""  # default: info for json, warning for text
    api_rate: int = Field(60_000, ge=0)  # requests a minute that an API key may make, unless it has its own rate; 0: no limit
    message_rate: int = Field(0, ge=0)  # messages a minute that an API key may send to people it names; 0: no limit
    recipient_rate: int = Field(0, ge=0)  # messages an hour that services may send one person; 0: no limit
    keep_days: int = 90  # how long `carillon prune` keeps messages, their log and the answers for repeats
    admin_email: str = ""
    admin_password: str = ""

    @field_validator("retry_delays", mode="before")
    @classmethod
    def _split_numbers(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split_words(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if not value.strip():
            return []
        # Commas around nothing were meant to say something: the empty entry stays, for the check to refuse.
        return [part.strip().rstrip("/") for part in value.split(",") if part.strip()] or [""]

    @field_validator("retry_delays")
    @classmethod
    def _sane_delays(cls, value: list[int]) -> list[int]:
        if len(value) > 10 or any(not 0 < delay <= 86_400 for delay in value):
            raise ValueError("give at most 10 delays, each from 1 to 86400 seconds")
        return value

    @field_validator("database_url")
    @classmethod
    def _driver(cls, value: str) -> str:
        for scheme in ("postgres://", "postgresql://"):
            if value.startswith(scheme):
                return "postgresql+psycopg://" + value.removeprefix(scheme)
        return value

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'carillon.db'}"

    @property
    def queue(self) -> str:
        """The queue's URL in force: redis://... or sqlite:///file."""
        return self.queue_url or f"sqlite:///{self.home.resolve() / 'queue.db'}"

    @property
    def embedded(self) -> bool:
        """True where everything lives in this process: SQLite database and no Redis."""
        return self.database.startswith("sqlite") and not self.message_queue_url

    def secret(self) -> str:
        """The secret key: the setting, else the one kept in HOME/secret_key (made by `make_secret`), else ""."""
        path = self.home / "secret_key"
        return self.secret_key or (path.read_text().strip() if path.exists() else "")

    def make_secret(self) -> str:
        """Return the secret key, writing a random one to HOME/secret_key (mode 600) the first time."""
        known = self.secret()
        if known:
            return known
        self.home.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(self.home / "secret_key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:  # another process made it at this very moment
            return self.secret()
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(32))
        return self.secret()


def load(**overrides: object) -> Settings:
    """Read the environment; keyword arguments win over it. Raises ConfigurationError naming every bad variable."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [f"CARILLON_{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors()]
        raise ConfigurationError("; ".join(lines), remedy="Correct these environment variables.") from None


def settings() -> Settings:
    """The settings of the current Flask app."""
    found: Settings = current_app.extensions["carillon.settings"]
    return found
