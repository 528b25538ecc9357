"""Puts the pages and their style sheet on the application."""

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from meterhub.web.pages import (
    alerts,
    coverage,
    fleet,
    invoice_credit,
    invoices,
    live,
    login,
    operations,
    overview,
    points,
    quarantine,
)
from meterhub.web.render import FOLDER


def mount(app: FastAPI) -> None:
    """Add all pages and `/static`."""
    for module in (
        login,
        overview,
        points,
        invoices,
        invoice_credit,
        alerts,
        quarantine,
        live,
        fleet,
        coverage,
        operations,
    ):
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
