"""What ``dockline dock`` shows: bars on a terminal, plain lines elsewhere, and a summary of what is safe at the end."""

import threading
from collections.abc import Sequence
from typing import Protocol, Self

from rich.console import Console as RichConsole
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import (
    Progress as RichProgress,
)
from rich.text import Text

from dockline.console import Console
from ingest.agent import Result
from ingest.camera import Found, Left

WORDS = {
    "sending": "sending",
    "sealed": "signed",
    "stored": "stored, waiting for the receipt",
    "safe": "safe to wipe",
    "waiting": "waiting",
    "changing": "still being written",
    "quarantined": "set aside: do not wipe",
    "refused": "refused: do not wipe",
    "unreadable": "cannot be read: do not wipe",
}
MANY = 10  # files, above which those that are safe are no longer shown one by one
_STYLES = {"safe": "green", "quarantined": "red", "refused": "red", "unreadable": "red", "waiting": "yellow"}


class Screen(Protocol):
    """Progress of :mod:`ingest.progress`, shown while a block lasts, and a summary at the end."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def found(self, files: Sequence[Found], left: Sequence[Left]) -> None:
        """See :class:`ingest.progress.Progress`."""
        ...

    def sent(self, name: str, at: int) -> None:
        """See :class:`ingest.progress.Progress`."""
        ...

    def told(self, name: str, state: str, words: str = "") -> None:
        """See :class:`ingest.progress.Progress`."""
        ...

    def done(self, safe: int, files: int) -> None:
        """See :class:`ingest.progress.Progress`."""
        ...

    def summary(self, results: Sequence[Result], left: Sequence[Left], refusal: str) -> None:
        """What is safe, what is not and why."""
        ...


def screen_for(console: Console) -> Screen:
    """Bars where somebody watches, lines where it is a pipe or JSON is wanted."""
    if console.rich.is_terminal and not console.as_json:
        return Bars(console.rich)
    return Lines(console)


class Lines:
    """One line for each thing that happens; they go to standard error when standard output carries JSON."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._last: dict[str, tuple[str, str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def found(self, files: Sequence[Found], left: Sequence[Left]) -> None:
        """See :class:`Screen`."""
        self._say(f"Found {_count(files)}, {_bytes(sum(file.size for file in files))}.")
        for one in left:
            self._once("left:" + one.name, "", f"{one.name} is not brought in: it {one.why}.")

    def sent(self, name: str, at: int) -> None:
        """See :class:`Screen`; bytes are not told in lines."""

    def told(self, name: str, state: str, words: str = "") -> None:
        """See :class:`Screen`."""
        said = WORDS.get(state, state)
        self._once(name, state + words, f"{name or 'The server'}: {said}{f' ({words})' if words else ''}")

    def done(self, safe: int, files: int) -> None:
        """See :class:`Screen`."""
        self._say(verdict(safe, files))

    def summary(self, results: Sequence[Result], left: Sequence[Left], refusal: str) -> None:
        """See :class:`Screen`."""
        for line in summary_lines(results, left, refusal):
            self._say(line)

    def _once(self, name: str, what: str, line: str) -> None:
        with self._lock:
            if self._last.get(name) == (what, line):
                return  # waiting is told once, not every time that it was tried again
            self._last[name] = (what, line)
        self._say(line)

    def _say(self, line: str) -> None:
        self._console.say(line)


class Bars:
    """A bar for each file with bytes, rate and time left, and one for all of them."""

    def __init__(self, console: RichConsole) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._sizes: dict[str, int] = {}
        self._sent: dict[str, int] = {}
        self._bars = RichProgress(
            TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(binary_units=True),
            TransferSpeedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[said]}"), console=console,
        )  # fmt: skip
        self._all = self._bars.add_task("all files", total=0, said="", visible=False)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def found(self, files: Sequence[Found], left: Sequence[Left]) -> None:
        """See :class:`Screen`."""
        with self._lock:
            for file in files:
                if file.name not in self._tasks:
                    self._tasks[file.name] = self._bars.add_task(_short(file.name), total=file.size, said="")
                self._sizes[file.name], self._sent[file.name] = file.size, 0
            self._bars.update(self._all, total=sum(self._sizes.values()), visible=len(self._sizes) > 1)
        for one in left:
            self._bars.console.print(Text(f"{one.name} is not brought in: it {one.why}."))

    def sent(self, name: str, at: int) -> None:
        """See :class:`Screen`."""
        with self._lock:
            self._sent[name] = at
            self._bars.update(self._tasks[name], completed=at)
            self._bars.update(self._all, completed=sum(self._sent.values()))

    def told(self, name: str, state: str, words: str = "") -> None:
        """See :class:`Screen`."""
        said = Text(WORDS.get(state, state) + (f": {words}" if words else ""), style=_STYLES.get(state, ""))
        with self._lock:
            task = self._tasks.get(name, self._all)
            if name in self._tasks and state in {"sealed", "stored", "safe"}:
                self._sent[name] = self._sizes[name]
                self._bars.update(task, completed=self._sizes[name])
                self._bars.update(self._all, completed=sum(self._sent.values()))
            is_over = state == "safe" and len(self._tasks) > MANY  # the terminal is for what still wants something
            self._bars.update(task, said=said.markup, visible=not is_over)

    def done(self, safe: int, files: int) -> None:
        """See :class:`Screen`."""
        self._bars.console.print(Text(verdict(safe, files)))

    def summary(self, results: Sequence[Result], left: Sequence[Left], refusal: str) -> None:
        """See :class:`Screen`."""
        for line in summary_lines(results, left, refusal):
            self._console.print(Text(line))


def summary_lines(results: Sequence[Result], left: Sequence[Left], refusal: str) -> list[str]:
    """What is safe, what is not and why, in lines."""
    lines = [
        f"NOT SAFE  {result.name}: {WORDS.get(result.state, result.state)}. {result.words}".rstrip()
        for result in results
        if not result.safe_to_wipe
    ]
    if results:
        lines.append(verdict(sum(result.safe_to_wipe for result in results), len(results)))
    elif not refusal:
        lines.append("There was nothing to bring in.")
    if left:
        lines.append(f"{_count(left)} on the camera {'was' if len(left) == 1 else 'were'} not brought in; see above.")
    return [*lines, refusal] if refusal else lines


def verdict(safe: int, files: int) -> str:
    """The sentence that somebody acts upon."""
    if safe < files:
        return f"{safe} of {files} files are safe to wipe. Do not wipe the camera."
    what, which = ("The file is", "it") if files == 1 else (f"All {files} files are", "each")
    return f"{what} safe to wipe: {which} has a receipt that was verified here."


def _count(files: Sequence[object]) -> str:
    return "1 file" if len(files) == 1 else f"{len(files)} files"


def _bytes(size: int) -> str:
    amount = float(size)
    for unit in ("bytes", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"...{name[-37:]}"
