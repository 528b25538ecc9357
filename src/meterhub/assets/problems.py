"""What is wrong with a document of many objects, by section, index and field."""

from dataclasses import dataclass, field

from meterhub.errors import BadInput, Conflict

SHOWN = 100


@dataclass(slots=True)
class Problems:
    """Collects faults, so that one answer names them all; the first of a field is kept."""

    found: dict[str, str] = field(default_factory=dict)
    only_conflicts: bool = True

    def bad(self, path: str, message: str) -> None:
        """Note a value that cannot be right whatever is stored."""
        self.found.setdefault(path, message)
        self.only_conflicts = False

    def conflict(self, path: str, message: str) -> None:
        """Note a value that contradicts what is stored."""
        self.found.setdefault(path, message)

    @property
    def enough(self) -> bool:
        """Tell whether further faults would not be shown."""
        return len(self.found) >= SHOWN

    def raise_any(self) -> None:
        """Refuse the document if anything is wrong with it."""
        if not self.found:
            return
        first = next(iter(self.found))
        error = Conflict if self.only_conflicts else BadInput
        raise error(
            f"{len(self.found)} faults, so nothing was imported; the first: {first}: {self.found[first]}",
            fields=dict(list(self.found.items())[:SHOWN]),
        )
