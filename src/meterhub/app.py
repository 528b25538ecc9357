"""The HTTP application: the one module that knows all others.

`create_app` wires the API and the pages to an engine; `serve` in `meterhub.commands` runs it.
"""

from importlib.metadata import version
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from starlette.exceptions import HTTPException

import meterhub.access.routes
import meterhub.alerts.routes
import meterhub.assets.routes
import meterhub.billing.routes
import meterhub.explain.routes
import meterhub.fleet.routes
import meterhub.health.routes
import meterhub.ingest.routes
import meterhub.jobs.routes
import meterhub.readings.export.routes
import meterhub.readings.routes
import meterhub.vee.routes
import meterhub.web.routes
from meterhub import schema
from meterhub.access.dependencies import bearer_principal, is_known
from meterhub.access.principal import Principal
from meterhub.errors import MeterhubError
from meterhub.kit.body_limit import BodyLimit
from meterhub.kit.clock import Clock, utc_now
from meterhub.kit.problem import problem
from meterhub.settings import Settings


def create_app(engine: Engine, settings: Settings, *, clock: Clock = utc_now) -> FastAPI:
    """Return the application on a database."""
    app = FastAPI(
        title="meterhub",
        version=version("meterhub"),
        summary="From radio telegram to invoice and leak alert.",
        docs_url=None,  # the stock page loads scripts from elsewhere
        redoc_url=None,
        openapi_url=None,  # served by _openapi, to those who are logged in
    )
    app.state.engine = engine
    app.state.settings = settings
    app.state.clock = clock
    app.state.newest_schema = schema.head
    app.add_middleware(
        BodyLimit, limit=settings.max_body_mb * 2**20, is_known=lambda request: is_known(engine, request)
    )
    app.add_exception_handler(MeterhubError, _known_problem)
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(OperationalError, _no_database)
    app.add_exception_handler(NoFreeConnection, _no_database)
    app.add_exception_handler(DataError, _not_storable)
    for module in (
        meterhub.access,
        meterhub.assets,
        meterhub.ingest,
        meterhub.fleet,
        meterhub.readings,
        meterhub.vee,
        meterhub.readings.export,
        meterhub.billing,
        meterhub.alerts,
        meterhub.jobs,
        meterhub.explain,
        meterhub.health,
    ):
        app.include_router(module.routes.router)
    app.include_router(meterhub.readings.routes.town_router)
    meterhub.web.routes.mount(app)
    app.add_api_route("/api/v1/openapi.json", _openapi, methods=["GET"], tags=["api"], include_in_schema=False)
    app.add_api_route("/health", _health, methods=["GET"], tags=["health"], summary="Is the hub up?")
    return app


def _known_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MeterhubError)
    fields = [{"field": name, "message": message} for name, message in error.fields.items()]
    return problem(error.status, error.code, error.detail, fields)


def _bad_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fields = [
        {"field": ".".join(str(part) for part in item["loc"] if part != "body"), "message": item["msg"]}
        for item in error.errors()
    ]
    detail = "; ".join(f"{item['field']}: {item['message']}" for item in fields[:5])
    return problem(422, "bad-input", detail, fields)


def _http_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}.get(error.status_code, "http-error")
    return problem(error.status_code, code, f"{error.detail}: {request.method} {request.url.path}")


def _not_storable(request: Request, error: Exception) -> JSONResponse:
    """Refuse a value that is text or a number to HTTP but nothing to PostgreSQL (NUL, out of range)."""
    return problem(422, "bad-input", "a value in the path, query or body cannot be stored or looked for")


def _no_database(request: Request, error: Exception) -> JSONResponse:
    """Tell the caller to come back: a gateway keeps its spool, a clerk tries again."""
    return problem(503, "database-unavailable", "the database does not answer; try again in a moment")


def _openapi(request: Request, principal: Annotated[Principal, Depends(bearer_principal)]) -> dict[str, object]:
    """Describe the API (OpenAPI 3.1)."""
    app: FastAPI = request.app
    return app.openapi()


def _health(request: Request) -> JSONResponse:
    """Say whether the hub and its database answer; for load balancers, so without a token."""
    try:
        with request.app.state.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except (OperationalError, NoFreeConnection):
        return JSONResponse({"status": "no-database"}, status_code=503)
    return JSONResponse({"status": "ok"})
