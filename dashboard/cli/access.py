"""`carillon operator add`: who gets into the dashboard. A password is printed once, alone on a line, to stdout."""

import secrets
import sys

import click

from dashboard import operators
from dashboard.cli.command import Group, with_app
from dashboard.cli.output import remark
from tasks.models.words import ROLES


@click.group(cls=Group)
def operator() -> None:
    """Accounts of the dashboard."""


@operator.command("add")
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the account may do.")
@click.option("--name", default="", help="The person's name.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of stdin.")
@with_app
def add(email: str, role: str, name: str, password_stdin: bool) -> None:
    """Make an account. Asks for a password; where nobody can be asked, it makes one and prints it."""
    password = _given_password(password_stdin)
    made = password or new_password()
    row = operators.add_operator(email, made, role, name=name)
    remark(f"{row.email} can sign in as {row.role}.")
    if not password:
        remark("This password is shown only now:")
        click.echo(made)


def new_password() -> str:
    """A password of 96 random bits."""
    return secrets.token_urlsafe(12)


def _given_password(from_stdin: bool) -> str:
    """What somebody typed or piped; "" where there is nobody to ask."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n") or _refuse_empty()
    if sys.stdin.isatty():
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    return ""


def _refuse_empty() -> str:
    raise click.UsageError("There is no password on stdin.")
