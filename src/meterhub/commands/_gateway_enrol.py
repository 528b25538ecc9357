"""`meterhub gateway enrol`: exchange a one-time code for this gateway's token."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from meterhub.gateway.hub_client import HubClient, HubError
from meterhub.gateway.token_file import replacing

log = logging.getLogger(__name__)


def enrol(
    hub: Annotated[str, typer.Option(envvar="METERHUB_GATEWAY_HUB", help="URL of the hub.")],
    code: Annotated[
        str, typer.Option(prompt="Enrolment code", help="The code that the hub has shown; asked for if left out.")
    ],
    token_file: Annotated[
        Path, typer.Option(envvar="METERHUB_GATEWAY_TOKEN_FILE", help="File to write the token into.")
    ] = Path("meterhub-token"),
) -> None:
    """Exchange a one-time code for this gateway's token; writes it into a file that only its owner can read."""
    client = HubClient(hub)
    try:
        with replacing(token_file) as file:  # before the code is used up
            answer = client.ask("POST", "/api/v1/gateway/enrolment", body={"code": code})
            name, token = str(answer["gateway"]), str(answer["token"])
            file.write(token)
    except (HubError, OSError) as error:
        typer.echo(f"not enrolled: {error}", err=True)
        raise typer.Exit(1) from None
    except (KeyError, TypeError):
        typer.echo("not enrolled: the answer is not that of a meterhub hub", err=True)
        raise typer.Exit(1) from None
    finally:
        client.close()
    typer.echo(f"Enrolled as {name}; the token is in {token_file}.")
    typer.echo(
        f"Receive with: meterhub gateway --name '{name}' --hub {hub} --token-file {token_file} --device auto"
    )
