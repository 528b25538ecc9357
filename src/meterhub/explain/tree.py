"""An explanation on a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from meterhub.explain.model import Explanation, Step, Verdict

_SIGNS = {
    Verdict.AGREES: "[green]✓[/]",
    Verdict.DIFFERS: "[bold red]✗[/]",
    Verdict.UNKNOWN: "[yellow]?[/]",
}


def show(explanation: Explanation, console: Console) -> None:
    """Print an explanation as a tree with its verdict last."""
    tree = Tree(f"[bold]{explanation.number}[/]")
    for step in explanation.steps:
        _add(tree, step)
    console.print(tree)
    difference = explanation.first_difference
    if difference is None:
        console.print("[bold green]AGREES[/]: every step computed again gives what is stored.")
    else:
        console.print(f"[bold red]DIFFERS[/]: {escape(difference.title)}: {escape(difference.note)}")


def show_steps(steps: Sequence[Step], title: str, console: Console) -> None:
    """Print steps as a tree."""
    tree = Tree(f"[bold]{escape(title)}[/]")
    for step in steps:
        _add(tree, step)
    console.print(tree)


def _add(tree: Tree, step: Step) -> None:
    note = f" [dim]{escape(step.note)}[/]" if step.note else ""
    branch = tree.add(f"{_SIGNS[step.verdict]} {escape(step.title)}{note}")
    for child in step.children:
        _add(branch, child)
