"""What clerks add to a contract's next bill: kept with reason and author, taken up by one run, once."""

from collections.abc import Mapping

from pydantic import ValidationError
from sqlalchemy import Connection

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.billing.runs import repository
from meterhub.billing.runs.extras import PARAMETERS
from meterhub.billing.runs.schemas import Adjustment, NewAdjustment
from meterhub.errors import BadInput, Conflict, NotFound


def add(connection: Connection, principal: Principal, contract_no: str, asked: NewAdjustment) -> Adjustment:
    """Keep an adjustment; the next run that bills the contract takes it up."""
    contract_id = _contract(connection, contract_no)
    try:
        parameters = PARAMETERS[asked.kind].model_validate(asked.parameters)
    except ValidationError as error:
        faults = {f"parameters.{'.'.join(map(str, one['loc']))}": one["msg"] for one in error.errors()}
        raise BadInput(f"parameters of {asked.kind} have {len(faults)} faults", fields=faults) from None
    adjustment_id = repository.add_adjustment(
        connection,
        {
            "contract_id": contract_id,
            "kind": asked.kind,
            "parameters": parameters.model_dump_json(),
            "reason": asked.reason,
            "created_by": principal.name,
        },
    )
    _note(connection, principal, "add-billing-adjustment", contract_no, {"kind": asked.kind, "id": adjustment_id})
    row = repository.adjustment(connection, adjustment_id)
    assert row is not None
    return Adjustment.model_validate(row._mapping)


def list_of(connection: Connection, contract_no: str) -> list[Adjustment]:
    """Return the adjustments of a contract, newest first."""
    rows = repository.adjustments(connection, _contract(connection, contract_no))
    return [Adjustment.model_validate(row._mapping) for row in rows]


def cancel(connection: Connection, principal: Principal, adjustment_id: int) -> None:
    """Take back an adjustment that no run has taken up."""
    row = repository.adjustment(connection, adjustment_id, lock=True)
    if row is None:
        raise NotFound(f"there is no adjustment {adjustment_id}")
    if row.run_id is not None:
        raise Conflict(f"run {row.run_id} has taken up adjustment {adjustment_id}: cancel that run, or credit")
    if row.cancelled_at is None:
        repository.cancel_adjustment(connection, adjustment_id, principal.name)
        _note(connection, principal, "cancel-billing-adjustment", row.contract_no, {"id": adjustment_id})


def _contract(connection: Connection, contract_no: str) -> int:
    found = repository.contract_ids(connection, [contract_no])
    if contract_no not in found:
        raise NotFound(f"there is no contract {contract_no!r}")
    return found[contract_no]


def _note(
    connection: Connection, principal: Principal, action: str, contract_no: str, detail: Mapping[str, object]
) -> None:
    subject = f"contract:{contract_no}"
    record(connection, principal, action=action, purpose="billing", subject=subject, detail=dict(detail))
