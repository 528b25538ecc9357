"""`meterhub serve`: the hub's HTTP server."""

from typing import Annotated

import typer
import uvicorn

from meterhub.app import create_app
from meterhub.commands._database import open_engine
from meterhub.kit.logging import configure
from meterhub.settings import get_settings

app = typer.Typer()

MAX_POOL = 20


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port.", min=0, max=65535)] = 8000,
) -> None:
    """Serve the ingest API, REST for clerks and operations, and the web pages."""
    configure()
    with open_engine() as engine:
        settings = get_settings()
        settings.require_master_key()  # better to fail now than at the first encrypted telegram
        uvicorn.run(
            create_app(engine, settings),
            host=host,
            port=port,
            log_level="warning",
            access_log=False,  # paths name customers' points
            server_header=False,
            timeout_graceful_shutdown=20,
        )
