"""Puts the pages and their style sheet on the application."""

from importlib import import_module
from pkgutil import iter_modules

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from meterhub.web import pages
from meterhub.web.render import FOLDER


def mount(app: FastAPI) -> None:
    """Add all pages, each found by being there, and `/static`."""
    for module in iter_modules(pages.__path__):
        if not module.name.startswith("_"):
            app.include_router(import_module(f"{pages.__name__}.{module.name}").router)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
