"""The command `meterhub`: one sub-command a file in `meterhub.commands`, loaded when it is called.

Loading late keeps `meterhub decode` usable with the core dependencies alone, and quick.
"""

import importlib
import pkgutil
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from meterhub import commands


class CommandFolder(TyperGroup):
    """Finds its sub-commands as modules of `meterhub.commands`, each with a Typer `app`."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all command modules."""
        return sorted(module.name for module in pkgutil.iter_modules(commands.__path__) if module.name[0] != "_")

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import the module of a command; say which extra is missing when it cannot be imported."""
        if cmd_name not in self.list_commands(ctx):
            return None
        try:
            module = importlib.import_module(f"{commands.__name__}.{cmd_name}")
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("meterhub"):
                raise
            ctx.fail(
                f"`meterhub {cmd_name}` needs the Python package {error.name!r}; "
                "install meterhub[server] on a hub, meterhub[gateway] on a collector PC"
            )
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command


app = typer.Typer(
    name="meterhub",
    cls=CommandFolder,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="From radio telegram to invoice and leak alert: head-end, meter data, billing and leak detection.",
)


@app.callback()
def root() -> None:
    """Hold the sub-commands together."""


def main() -> None:
    """Run the command line; broken pipes end quietly, as in any Unix tool."""
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
