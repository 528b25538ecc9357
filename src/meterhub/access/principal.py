"""The caller of a request: a person or a gateway, with what it may do."""

from dataclasses import dataclass

from meterhub.access.policy import Permission


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls; `name` is what the audit log shows."""

    name: str
    permissions: frozenset[Permission]
    roles: tuple[str, ...] = ()
    user_id: int | None = None
    gateway_id: int | None = None
    token_id: int | None = None

    def may(self, permission: Permission) -> bool:
        """Tell whether the caller holds a permission."""
        return permission in self.permissions


# What runs without a person: jobs and commands on the hub itself.
SYSTEM = Principal(name="system", permissions=frozenset(Permission))
