"""The pages under test, and browsers of people who are logged in."""

from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from meterhub.app import create_app
from meterhub.settings import Settings
from tests.web.town import NOW, PASSWORD, SeededTown

ORIGIN = "http://testserver"


class Site:
    """A hub with its pages."""

    def __init__(self, engine: Engine, town: SeededTown | None, settings: Settings | None = None) -> None:
        self.engine = engine
        self.town = town
        self.app = create_app(engine, settings or town.settings, clock=lambda: NOW)

    def browser(self, user: str | None = None) -> TestClient:
        """A browser, logged in through the form."""
        client = TestClient(self.app, follow_redirects=False, headers={"Origin": ORIGIN})
        if user is not None:
            answer = client.post("/login", data={"username": user, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
        return client

    def audit(self, actor: str) -> list[tuple[str, str]]:
        """What the audit log says that somebody did."""
        query = text("SELECT action, subject FROM audit_event WHERE actor = :actor ORDER BY id")
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query, {"actor": actor})]
