"""An explanation: steps within steps, each computed again and compared with what is stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What computing a step again gave."""

    AGREES = "agrees"
    DIFFERS = "differs"
    # The evidence has left by retention or cannot be opened here: nothing speaks against the step.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it says, whether that is so (`note` tells why not), and what it rests on."""

    title: str
    verdict: Verdict = Verdict.AGREES
    note: str = ""
    children: tuple["Step", ...] = ()

    def walk(self) -> Iterator["Step"]:
        """Yield what the step rests on, deepest first, then the step."""
        for child in self.children:
            yield from child.walk()
        yield self


@dataclass(frozen=True, slots=True)
class Explanation:
    """All steps of an issued document."""

    number: str
    steps: tuple[Step, ...]

    @property
    def first_difference(self) -> Step | None:
        """The first step that does not agree, nearest to the frames; None if all agree."""
        return next((one for step in self.steps for one in step.walk() if one.verdict is Verdict.DIFFERS), None)

    @property
    def agrees(self) -> bool:
        """Whether no step differs."""
        return self.first_difference is None

    def as_json(self) -> dict[str, Any]:
        """Return the explanation as JSON."""
        difference = self.first_difference
        return {
            "number": self.number,
            "agrees": self.agrees,
            "first_difference": None
            if difference is None
            else {"title": difference.title, "note": difference.note},
            "steps": [step_as_json(step) for step in self.steps],
        }


def checked(title: str, found: list[str], children: tuple[Step, ...] = ()) -> Step:
    """Return a step that differs if anything was found."""
    return Step(title, Verdict.DIFFERS if found else Verdict.AGREES, "; ".join(found), children)


def differences(stored: dict[str, object], computed: dict[str, object]) -> list[str]:
    """Return what is stored otherwise than computed, by name."""
    return [
        f"{name}: stored {stored[name]}, computed {computed[name]}"
        for name in stored
        if stored[name] != computed[name]
    ]


def step_as_json(step: Step) -> dict[str, Any]:
    """Return a step with all that it rests on as JSON."""
    return {
        "title": step.title,
        "verdict": step.verdict.value,
        "note": step.note,
        "children": [step_as_json(child) for child in step.children],
    }
