"""`meterhub user`: accounts of named people."""

import json
import sys
from typing import Annotated

import typer

from meterhub.access import repository, service
from meterhub.access.policy import Role
from meterhub.access.principal import SYSTEM
from meterhub.commands._database import open_engine

app = typer.Typer(no_args_is_help=True, help="Open, list and close the accounts of named people.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="User name, for logging in and for the audit log.")],
    role: Annotated[list[Role], typer.Option(help="What the person may do; give it once a role.")],
    display_name: Annotated[str, typer.Option(help="The person's name. [default: the user name]")] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Open an account."""
    with open_engine() as engine:
        password = sys.stdin.readline().rstrip("\r\n") if password_stdin else _ask_password()
        with engine.begin() as connection:
            service.create_user(
                connection,
                SYSTEM,
                username=name,
                display_name=display_name or name,
                roles=role,
                password=password,
            )
    typer.echo(f"{name} may log in as {', '.join(role)}")


def _ask_password() -> str:
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


@app.command("list")
def list_accounts(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List all accounts."""
    with open_engine() as engine, engine.connect() as connection:
        users = repository.list_users(connection)
    for user in users:
        if as_json:
            facts = {"username": user.username, "display_name": user.display_name, "roles": user.roles}
            typer.echo(json.dumps(facts | {"active": user.active}, ensure_ascii=False))
        else:
            closed = "" if user.active else "  (closed)"
            typer.echo(f"{user.username}  {', '.join(user.roles)}  {user.display_name}{closed}")


@app.command()
def disable(name: Annotated[str, typer.Argument(help="User name.")]) -> None:
    """Close an account; its sessions end at once."""
    with open_engine() as engine, engine.begin() as connection:
        service.change_user(connection, SYSTEM, name, active=False)
    typer.echo(f"{name} can no longer log in")
