"""A verification that explains itself: numbered steps, each with its outcome and what that means, never one bare tick.

What a court's expert asks of an exhibit are several questions, and one answer must not pass for another: is this the
file, who signed for it, since when, did anybody else see it, is anything left out. A :class:`Report` keeps them apart
as data; whoever shows it needs to know nothing of trees. A step that could not be reached because an earlier one failed
says so, and a question that the material cannot answer stays open and says what would answer it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from evidence.errors import DocklineError

T = TypeVar("T")


class Outcome(StrEnum):
    """How a step ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_REACHED = "not reached"  # an earlier step failed that this one stands on
    OPEN = "open"  # what was handed in cannot answer it, right or wrong


class VerificationFailed(DocklineError):
    """A step of a verification does not hold."""

    code = "verification-failed"
    advice = "Do not rely on it; keep everything as it is for whoever investigates."


class StaysOpen(DocklineError):
    """A step's question cannot be answered from what was handed in; the text says what could answer it."""

    code = "stays-open"


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered step: what was looked at, how it ended, and what that means, in plain words."""

    number: int
    title: str
    outcome: Outcome
    meaning: str

    def value(self) -> dict[str, str | int]:
        """The step for a program to read."""
        return {"number": self.number, "title": self.title, "outcome": self.outcome.value, "meaning": self.meaning}


@dataclass(frozen=True, slots=True)
class Report:
    """The steps of one verification, in order."""

    of: str
    steps: tuple[Step, ...]

    @property
    def failed(self) -> tuple[Step, ...]:
        """The steps that failed. When there are none, what was asked holds, except for the questions left open."""
        return tuple(step for step in self.steps if step.outcome is Outcome.FAILED)

    @property
    def holds(self) -> bool:
        """Whether no step failed and at least one passed."""
        return not self.failed and any(step.outcome is Outcome.PASSED for step in self.steps)

    def value(self) -> dict[str, object]:
        """The report for a program to read."""
        return {"of": self.of, "holds": self.holds, "steps": [step.value() for step in self.steps]}


@dataclass(slots=True)
class Walk:
    """Takes the steps of a plan one after the other and writes the report."""

    of: str
    _steps: list[Step] = field(default_factory=list)

    def step(self, title: str, work: Callable[..., tuple[str, T]], *given: object) -> T | None:
        """Call a step's work with what is given; it returns what it means and a value for later steps, or raises.

        Gives that value, or ``None`` when the work raised a ``DocklineError``, or when something given is ``None``
        because an earlier step did not come to it; then the work is not called at all.
        """
        if any(part is None for part in given):
            self._add(title, Outcome.NOT_REACHED, "This could not be looked at, because an earlier step failed.")
            return None
        try:
            meaning, value = work(*given)
        except StaysOpen as question:
            self._add(title, Outcome.OPEN, str(question))
        except DocklineError as wrong:
            self._add(title, Outcome.FAILED, f"{_sentence(str(wrong))} {wrong.advice}")
        else:
            self._add(title, Outcome.PASSED, meaning)
            return value
        return None

    def report(self) -> Report:
        """The report so far."""
        return Report(self.of, tuple(self._steps))

    def _add(self, title: str, outcome: Outcome, meaning: str) -> None:
        self._steps.append(Step(len(self._steps) + 1, title, outcome, meaning))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
