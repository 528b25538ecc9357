import pytest

from meterhub.access.policy import GATEWAY_SCOPES, ROLE_PERMISSIONS, Permission, Role, permissions_of

ADMIN, BILLING, OPERATIONS, READ_ONLY = Role.ADMIN, Role.BILLING, Role.OPERATIONS, Role.READ_ONLY

# Read it row by row: who may do this?
WHO_MAY = {
    "telegrams:write": set(),  # gateways only
    "overview:read": {ADMIN, BILLING, OPERATIONS, READ_ONLY},
    "users:write": {ADMIN},
    "audit:read": {ADMIN},
    "gateways:read": {ADMIN, OPERATIONS, READ_ONLY},
    "gateways:write": {ADMIN},
    "keys:write": {ADMIN},
    "quarantine:read": {ADMIN, OPERATIONS},
    "quarantine:write": {ADMIN, OPERATIONS},
    "customers:read": {BILLING, READ_ONLY},
    "customers:write": {BILLING},
    "points:read": {BILLING, OPERATIONS, READ_ONLY},
    "points:write": {BILLING},
    "consumption:read": {BILLING, OPERATIONS, READ_ONLY},
    "readings:export": {BILLING, OPERATIONS},
    "metrics:read": {ADMIN, OPERATIONS},
    "health:read": {ADMIN, OPERATIONS},
    "keys:status": {ADMIN, OPERATIONS},
    "tariffs:read": {BILLING, READ_ONLY},
    "tariffs:write": {BILLING},
    "reads:write": {BILLING, OPERATIONS},
    "invoices:read": {BILLING, READ_ONLY},
    "ledger:read": {BILLING, READ_ONLY},
    "payments:write": {BILLING},
    "refunds:approve": {BILLING},
    "billing:write": {BILLING},
    "alerts:read": {BILLING, OPERATIONS, READ_ONLY},
    "alerts:write": {OPERATIONS},
}


@pytest.mark.parametrize("permission", Permission)
def test_each_permission_is_held_by_the_roles_in_the_table(permission):
    holders = {role for role, held in ROLE_PERMISSIONS.items() if permission in held}
    assert holders == WHO_MAY[permission]


def test_the_table_names_every_permission_and_every_role_has_some():
    assert set(WHO_MAY) == set(Permission)
    assert set(ROLE_PERMISSIONS) == set(Role)
    assert all(ROLE_PERMISSIONS.values())


def test_a_person_of_two_roles_may_do_what_either_may():
    both = permissions_of(["admin", "billing"])
    assert both == ROLE_PERMISSIONS[ADMIN] | ROLE_PERMISSIONS[BILLING]
    assert permissions_of([]) == frozenset()


def test_a_gateway_may_send_telegrams_and_nothing_else():
    assert frozenset({Permission.SEND_TELEGRAMS}) == GATEWAY_SCOPES


def test_administering_accounts_opens_no_personal_data():
    personal = {"customers:read", "points:read", "consumption:read", "invoices:read", "ledger:read"}
    assert not personal & ROLE_PERMISSIONS[ADMIN]


def test_reading_changes_nothing():
    assert not [permission for permission in ROLE_PERMISSIONS[READ_ONLY] if permission.endswith(":write")]
