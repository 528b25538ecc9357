"""A hub under test: the application on a database, and callers of every kind."""

from dataclasses import dataclass
from itertools import count

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from meterhub.access import repository
from meterhub.access.dependencies import SESSION_COOKIE
from meterhub.access.policy import GATEWAY_SCOPES
from meterhub.access.tokens import new_token, token_hash

MASTER_KEY = bytes(range(32))
METER_KEY = "00112233445566778899AABBCCDDEEFF"
ADDRESS = "https://hub.example"
_numbers = count(1)


@dataclass(frozen=True)
class Hub:
    engine: Engine
    app: FastAPI

    def client(self, *roles: str) -> TestClient:
        """A script of a person with these roles; without any, of nobody."""
        return self.with_token(self.token(*roles) if roles else None)

    def gateway(self, name: str = "") -> TestClient:
        """A collector with its token."""
        return self.with_token(self.gateway_token(name))

    def with_token(self, token: str | None) -> TestClient:
        """A client of the API, which sends its token as bearer."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return TestClient(self.app, headers=headers, follow_redirects=False)

    def browser(self, token: str | None) -> TestClient:
        """A browser on the pages, which sends its token as cookie and says where its forms come from."""
        headers = {"Origin": ADDRESS} | ({"Cookie": f"{SESSION_COOKIE}={token}"} if token else {})
        return TestClient(self.app, base_url=ADDRESS, headers=headers, follow_redirects=False)

    def gateway_token(self, name: str = "") -> str:
        """The token of a new gateway."""
        token = new_token("gateway")
        name = name or f"gateway-{next(_numbers)}"
        with self.engine.begin() as connection:
            gateway_id = repository.add_gateway(connection, name, "")
            repository.add_token(
                connection, hashed=token_hash(token), gateway_id=gateway_id, scopes=sorted(GATEWAY_SCOPES)
            )
        return token

    def token(self, *roles: str) -> str:
        """The session token of a new person; the password is nobody's, hashing takes long."""
        token = new_token("session")
        with self.engine.begin() as connection:
            user_id = repository.add_user(
                connection,
                username=f"person-{next(_numbers)}",
                display_name="A person",
                roles=roles,
                password_hash="none",
            )
            repository.add_token(connection, hashed=token_hash(token), user_id=user_id)
        return token

    def rows(self, query: str, **values: object) -> list[dict[str, object]]:
        """What a query finds."""
        with self.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(text(query), values)]

    def audit(self, action: str) -> list[dict[str, object]]:
        """The entries of the audit log about an action, oldest first."""
        query = "SELECT actor, purpose, subject, detail FROM audit_event WHERE action = :action ORDER BY id"
        return self.rows(query, action=action)
