"""`--columns field=name,...`: how the columns of a table are called."""

from collections.abc import Collection

from meterhub.errors import BadInput


def parse_columns(text: str | None, fields: Collection[str]) -> dict[str, str]:
    """Return the names in the file by field; BadInput for what is not `field=name`."""
    columns: dict[str, str] = {}
    for item in text.split(",") if text else ():
        field, separator, name = item.partition("=")
        field = field.strip()
        if not separator or not name.strip() or field not in fields:
            raise BadInput(f"--columns: {item!r} is not one of {', '.join(f'{each}=NAME' for each in fields)}")
        if field in columns:
            raise BadInput(f"--columns: {field} is there twice")
        columns[field] = name.strip()
    return columns
