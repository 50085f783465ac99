"""What commands print: text for people, one JSON object for machines, errors with their advice on standard error."""

import functools
import json
from collections.abc import Callable
from typing import Any

import typer
from rich.console import Console as RichConsole

from evidence.errors import DocklineError


class Console:
    """Prints text, or collects one JSON object when asked for JSON. Rich obeys NO_COLOR and plain pipes."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.rich = RichConsole(stderr=as_json, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """A line for people; on standard error when standard output carries JSON."""
        self.rich.print(text, markup=False)

    def result(self, value: dict[str, Any]) -> None:
        """The one JSON object."""
        typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def guarded(command: Callable[..., int]) -> Callable[..., None]:
    """Turn an error of ours into its words, its advice and exit code 1, and a returned number into the exit code."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            code = command(*args, **kwargs)
        except DocklineError as wrong:
            typer.echo(f"{wrong}\nWhat to do: {wrong.advice}", err=True)
            raise typer.Exit(1) from wrong
        raise typer.Exit(code)

    run.__annotations__ = {**command.__annotations__, "return": None}
    return run
