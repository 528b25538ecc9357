"""Keys from a manufacturer's file into custody: all of it or nothing, with a preview."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.assets.key_formats import KeyRow, read_key_list
from meterhub.assets.keys import KEY_CUSTODY, lock_keys_of, store_new_keys
from meterhub.assets.problems import Problems
from meterhub.assets.repository import meters_by_serial
from meterhub.settings import Settings


@dataclass(frozen=True, slots=True)
class HowToRead:
    """What a person says about a file of keys."""

    password: str | None = None
    columns: Mapping[str, str] | None = None
    manufacturer: str = ""
    """Whose meters they are where the file does not say."""
    skip_unknown: bool = False
    """Leave keys of meters that are not registered out, instead of refusing the file."""


@dataclass(frozen=True, slots=True)
class KeysImported:
    """What a file brings: first keys, keys that replace others, keys in use already; and what it leaves out."""

    new: int
    changed: int
    unchanged: int
    unknown: tuple[str, ...]
    """Meters that are not registered."""
    without_key: tuple[str, ...]
    """Meters that the file names without a key."""


def import_key_file(
    connection: Connection,
    principal: Principal,
    settings: Settings,
    content: bytes,
    how: HowToRead,
    *,
    dry_run: bool = False,
) -> KeysImported:
    """Store the keys of a file as the newest of their meters; errors name the place of everything wrong.

    With `dry_run` nothing is stored and the answer is the same.
    """
    found = read_key_list(content, password=how.password, columns=how.columns)
    faults = dict(found.faults)
    wanted, unknown = _match(connection, found.rows, how, faults)
    problems = Problems()
    for place in sorted(faults, key=_number):
        problems.bad(place, faults[place])
    problems.raise_any()
    masters = settings.require_master_keys()
    kept = lock_keys_of(connection, masters, list(wanted))
    first = {meter_id: key for meter_id, key in wanted.items() if meter_id not in kept}
    changed = {meter_id: key for meter_id, key in wanted.items() if kept.get(meter_id, (key,))[0] != key}
    if not dry_run and (first or changed):
        store_new_keys(connection, principal, masters[0], first | changed)
        detail = {"new": len(first), "changed": len(changed)}
        record(connection, principal, action="import-meter-keys", purpose=KEY_CUSTODY, detail=detail)
    unchanged = len(wanted) - len(first) - len(changed)
    return KeysImported(len(first), len(changed), unchanged, unknown, found.without_key)


def _match(
    connection: Connection, rows: Sequence[KeyRow], how: HowToRead, faults: dict[str, str]
) -> tuple[dict[int, bytes], tuple[str, ...]]:
    """Return keys by meter id, and the meters that are not registered."""
    registered = meters_by_serial(connection, {row.serial for row in rows})
    wanted: dict[int, bytes] = {}
    places: dict[int, str] = {}
    unknown: list[str] = []
    for row in rows:
        manufacturer = row.manufacturer or how.manufacturer
        meters = [each for each in registered.get(row.serial, ()) if manufacturer in ("", each.manufacturer)]
        name = f"{manufacturer} {row.serial}".strip()
        if not meters:
            unknown.append(name)
            if not how.skip_unknown:
                faults[row.place] = f"there is no meter {name}"
        elif len(meters) > 1:
            makers = " and ".join(each.manufacturer for each in meters)
            faults[row.place] = f"{makers} both have a meter {row.serial}: say whose it is (manufacturer)"
        elif meters[0].id in places:
            faults[row.place] = f"meter {name} is also in {places[meters[0].id]}"
        else:
            wanted[meters[0].id], places[meters[0].id] = row.key, row.place
    return wanted, tuple(unknown)


def _number(place: str) -> int:
    """Return the number in `line 3` or `meter 3 (76348799)`."""
    return int(place.split()[1])
