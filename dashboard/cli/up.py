"""`carillon up`: the whole product in one command and one process."""

import socket
from functools import partial

import click

from dashboard import operators
from dashboard.cli.access import new_password
from dashboard.cli.command import Command, bare_app
from dashboard.cli.demo import load_and_tell
from dashboard.demo.story import play
from dashboard.serve import listen, serve
from tasks import neighbours, schema
from tasks.config import Settings, load
from tasks.config_check import refuse
from tasks.errors import ConfigurationError, InvalidOption

FIRST_OPERATOR = "admin@example.org"
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to open in a browser on this machine


@click.command(cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=5000, show_default=True, help="The port; 0 takes a free one.")
@click.option("--demo", is_flag=True, help="Load the demo data and play its story, once.")
def up(host: str, port: int, demo: bool) -> None:
    """Start everything: the database is made or brought up to date, then web, sockets and worker run until Ctrl-C."""
    config = load(embedded_worker=True)
    refuse(config, host=host)
    config.home.mkdir(parents=True, exist_ok=True)
    with listen(host, port) as listener:
        url = _address(host, listener)
        if "base_url" not in config.model_fields_set:
            config = load(embedded_worker=True, base_url=url)
        config.make_secret()
        _prepare(config, demo)
        serve(config, listener, partial(_announce, url))


def _prepare(config: Settings, demo: bool) -> None:
    """The database, the first account, the demo. Every connection is closed afterwards: the server forks."""
    with bare_app(config, new=True):
        schema.migrate()
        neighbours.refuse_deaf((*neighbours.SERVING, "worker"))
        _first_operator(config)
        if demo:
            load_and_tell()
            play()


def _first_operator(config: Settings) -> None:
    if operators.any_operator():
        return
    password = config.admin_password or new_password()
    try:
        row = operators.add_operator(config.admin_email or FIRST_OPERATOR, password, "admin")
    except InvalidOption as error:
        variable = f"CARILLON_ADMIN_{error.field.upper()}"
        raise ConfigurationError(f"{variable}: {error.detail}", field=variable, remedy=error.remedy) from None
    click.echo(f"The first account: {row.email}")
    if not config.admin_password:
        click.echo(f"Its password, shown only now: {password}")


def _address(host: str, listener: socket.socket) -> str:
    shown, port = EVERYWHERE.get(host, host), listener.getsockname()[1]
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"


def _announce(url: str) -> None:
    click.echo(f"\nCarillon is up.\n\n  Dashboard  {url}/\n  API        {url}/docs/\n\nCtrl-C stops it.")
