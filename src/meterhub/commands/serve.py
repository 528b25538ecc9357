"""`meterhub serve`: the hub's HTTP server."""

import gc
import os
import signal
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI

from meterhub.app import create_app
from meterhub.commands._database import open_engine
from meterhub.kit.children import end_with_parent
from meterhub.kit.db import make_engine
from meterhub.kit.logging import configure
from meterhub.settings import get_settings

app = typer.Typer()

MOST_PROCESSES = 64
# A batch makes some 50,000 objects that all go with it: looking for cycles among them takes a quarter of the time.
OBJECTS_BETWEEN_COLLECTIONS = 100_000


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port.", min=0, max=65535)] = 8000,
    workers: Annotated[
        int, typer.Option(help="Processes that share the port; one for each core.", min=1, max=MOST_PROCESSES)
    ] = 1,
) -> None:
    """Serve the ingest API, REST for clerks and operations, and the web pages."""
    configure()
    with open_engine() as engine:
        settings = get_settings()
        settings.require_master_key()  # better to fail now than at the first encrypted telegram
        hub: FastAPI | str
        if workers == 1:
            hub = create_app(engine, settings)
            _collect_seldom()
        else:
            hub = f"{__name__}:one_of_several"
            os.environ["DATABASE_URL"] = engine.url.render_as_string(
                hide_password=False
            )  # where processes find it
        uvicorn.run(
            hub,
            factory=workers > 1,
            workers=workers,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,  # paths name customers' points
            server_header=False,
            timeout_graceful_shutdown=20,
        )


def one_of_several() -> FastAPI:
    """Return the application of one of several processes, in which it is called."""
    end_with_parent(signal.SIGTERM)()
    configure()
    settings = get_settings()
    hub = create_app(make_engine(settings.require_database_url()), settings)
    _collect_seldom()
    return hub


def _collect_seldom() -> None:
    """Leave what has been loaded out of garbage collection, and collect the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, 50, 100)
