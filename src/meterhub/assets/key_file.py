"""Keys from a manufacturer's file: CSV with the columns manufacturer, serial, key; all of it or nothing."""

import csv
import io
from dataclasses import dataclass

from sqlalchemy import Connection

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.assets.keys import KEY_CUSTODY, parse_key, store_keys
from meterhub.assets.problems import Problems
from meterhub.assets.repository import meters_by_address
from meterhub.errors import BadInput
from meterhub.settings import Settings

COLUMNS = ("manufacturer", "serial", "key")


@dataclass(frozen=True, slots=True)
class KeysImported:
    """How many keys were new, and how many were in use already."""

    added: int
    unchanged: int


def import_key_file(
    connection: Connection, principal: Principal, settings: Settings, content: str
) -> KeysImported:
    """Store the keys of a file as the newest of their meters; errors name the line of everything wrong."""
    problems = Problems()
    wanted = _read(content, problems)
    meters = meters_by_address(connection, wanted)
    for name, (line, _) in wanted.items():
        if name not in meters:
            problems.bad(f"line {line}", f"there is no meter {' '.join(name)}")
    problems.raise_any()
    masters = settings.require_master_keys()
    keys = {meters[name].id: key for name, (_, key) in wanted.items()}
    added = len(store_keys(connection, principal, masters, keys))
    if added:
        detail = {"count": added}
        record(connection, principal, action="import-meter-keys", purpose=KEY_CUSTODY, detail=detail)
    return KeysImported(added, len(keys) - added)


def _read(content: str, problems: Problems) -> dict[tuple[str, str], tuple[int, bytes]]:
    """Return line and key by meter; separated by commas or semicolons, with or without a BOM."""
    content = content.removeprefix("\ufeff")
    separator = ";" if ";" in content.split("\n", 1)[0] else ","
    reader = csv.reader(io.StringIO(content), delimiter=separator)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise BadInput(f"line {reader.line_num} is not CSV: {error}") from None
    columns = [name.lower() for name in lines[0][1]] if lines else []
    if not set(COLUMNS) <= set(columns):
        raise BadInput(f"the first line must name the columns {', '.join(COLUMNS)}")
    wanted: dict[tuple[str, str], tuple[int, bytes]] = {}
    for line, cells in lines[1:]:
        if not any(cells):
            continue
        if len(cells) != len(columns):
            problems.bad(f"line {line}", f"has {len(cells)} columns, the first line has {len(columns)}")
            continue
        row = dict(zip(columns, cells, strict=True))
        name = (row["manufacturer"].upper(), row["serial"].lower())
        try:
            key = parse_key(row["key"])
        except BadInput as error:
            problems.bad(f"line {line}", error.detail)
            continue
        if name in wanted:
            problems.bad(f"line {line}", f"meter {' '.join(name)} is also in line {wanted[name][0]}")
        else:
            wanted[name] = (line, key)
    return wanted
