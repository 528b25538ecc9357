"""Names of value shapes that several modules share."""

from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]  # Any: values as they stand in stored JSON, one shape a place
