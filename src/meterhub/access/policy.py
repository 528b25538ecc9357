"""Which role may do what. One table: the routes ask for permissions, people hold roles.

Roles follow least privilege: administering accounts does not open customers' data, hunting leaks does not
show names or money. A person may hold several roles.
"""

from enum import StrEnum


class Role(StrEnum):
    """A named person's job."""

    ADMIN = "admin"
    BILLING = "billing"
    OPERATIONS = "operations"
    READ_ONLY = "read-only"


class Permission(StrEnum):
    """What a route may ask of its caller."""

    SEND_TELEGRAMS = "telegrams:write"
    VIEW_OVERVIEW = "overview:read"
    MANAGE_USERS = "users:write"
    READ_AUDIT = "audit:read"
    READ_GATEWAYS = "gateways:read"
    MANAGE_GATEWAYS = "gateways:write"
    WRITE_KEYS = "keys:write"
    READ_QUARANTINE = "quarantine:read"
    RETRY_QUARANTINE = "quarantine:write"
    READ_CUSTOMERS = "customers:read"
    WRITE_CUSTOMERS = "customers:write"
    READ_POINTS = "points:read"
    WRITE_POINTS = "points:write"
    READ_CONSUMPTION = "consumption:read"
    EDIT_READS = "reads:write"
    EXPORT_READINGS = "readings:export"
    READ_METRICS = "metrics:read"
    READ_HEALTH = "health:read"
    READ_KEY_STATUS = "keys:status"
    READ_TARIFFS = "tariffs:read"
    WRITE_TARIFFS = "tariffs:write"
    READ_INVOICES = "invoices:read"
    RUN_BILLING = "billing:write"
    READ_LEDGER = "ledger:read"
    WRITE_PAYMENTS = "payments:write"
    APPROVE_REFUNDS = "refunds:approve"
    READ_ALERTS = "alerts:read"
    HANDLE_ALERTS = "alerts:write"


_P = Permission

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(
        {
            _P.VIEW_OVERVIEW,
            _P.READ_METRICS,
            _P.READ_HEALTH,
            _P.READ_KEY_STATUS,
            _P.MANAGE_USERS,
            _P.READ_AUDIT,
            _P.READ_GATEWAYS,
            _P.MANAGE_GATEWAYS,
            _P.WRITE_KEYS,
            _P.READ_QUARANTINE,
            _P.RETRY_QUARANTINE,
        }
    ),
    Role.BILLING: frozenset(
        {
            _P.VIEW_OVERVIEW,
            _P.READ_CUSTOMERS,
            _P.WRITE_CUSTOMERS,
            _P.READ_POINTS,
            _P.WRITE_POINTS,
            _P.READ_CONSUMPTION,
            _P.EDIT_READS,
            _P.EXPORT_READINGS,
            _P.READ_TARIFFS,
            _P.WRITE_TARIFFS,
            _P.READ_INVOICES,
            _P.RUN_BILLING,
            _P.READ_LEDGER,
            _P.WRITE_PAYMENTS,
            _P.APPROVE_REFUNDS,
            _P.READ_ALERTS,
        }
    ),
    Role.OPERATIONS: frozenset(
        {
            _P.VIEW_OVERVIEW,
            _P.READ_METRICS,
            _P.READ_HEALTH,
            _P.READ_KEY_STATUS,
            _P.READ_GATEWAYS,
            _P.READ_QUARANTINE,
            _P.RETRY_QUARANTINE,
            _P.READ_POINTS,
            _P.READ_CONSUMPTION,
            _P.EDIT_READS,
            _P.EXPORT_READINGS,
            _P.READ_ALERTS,
            _P.HANDLE_ALERTS,
        }
    ),
    Role.READ_ONLY: frozenset(
        {
            _P.VIEW_OVERVIEW,
            _P.READ_CUSTOMERS,
            _P.READ_POINTS,
            _P.READ_CONSUMPTION,
            _P.READ_TARIFFS,
            _P.READ_INVOICES,
            _P.READ_LEDGER,
            _P.READ_GATEWAYS,
            _P.READ_ALERTS,
        }
    ),
}

# A gateway's token can do nothing else, whatever is stored with it.
GATEWAY_SCOPES: frozenset[Permission] = frozenset({Permission.SEND_TELEGRAMS})


def permissions_of(roles: list[str]) -> frozenset[Permission]:
    """Return what holders of these roles may do, all roles together."""
    return frozenset().union(*(ROLE_PERMISSIONS[Role(role)] for role in roles))
