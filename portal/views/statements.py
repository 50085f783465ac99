"""Pages without a subject: problems in plain words, cookies, accessibility."""

from dataclasses import dataclass
from typing import ClassVar

from portal.views.page import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem(Page):
    """Something did not work: what happened, and what to do. ``reference`` finds the request in the log."""

    template: ClassVar[str] = "problem.html"
    title: str
    words: str
    advice: tuple[str, ...] = ()
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookies(Page):
    """Which cookies there are and what for."""

    template: ClassVar[str] = "cookies.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accessibility(Page):
    """The accessibility statement."""

    template: ClassVar[str] = "accessibility.html"


_SAFE = "Nothing that was stored has been lost or changed."

PROBLEMS: dict[int, Problem] = {
    401: Problem(title="Sign in again", words="Your session has ended.", advice=("Sign in to go on where you were.",)),
    403: Problem(
        title="You cannot see this page",
        words="You are signed in, but your account may not open what you asked for. That you tried has been logged.",
        advice=("If you need it for your work, ask the officer in the case or your administrator.",),
    ),
    404: Problem(
        title="Page not found",
        words="There is nothing at this address, or it is not yours to see.",
        advice=("If you typed the address, check it.", "If you followed a link in a message, copy it whole."),
    ),
    409: Problem(
        title="This was changed in the meantime",
        words="What you sent does not fit what is recorded now, so it was not taken.",
        advice=("Go back, load the page again, and look before you send it once more.",),
    ),
    422: Problem(
        title="Something in the form is not right",
        words="What was sent could not be understood, so nothing was changed.",
        advice=("Go back and check what you typed.",),
    ),
    429: Problem(
        title="Too many tries",
        words="This was tried too often in a short time, so it is closed for a while to keep it safe.",
        advice=("Wait 15 minutes and try again.", "If it was not you, tell your administrator."),
    ),
    500: Problem(
        title="Sorry, there is a problem with the service",
        words=f"Something went wrong on our side. {_SAFE}",
        advice=("Try again in a minute.", "If it happens once more, tell your administrator the reference below."),
    ),
    503: Problem(
        title="The service is busy or under repair",
        words=f"It cannot answer at the moment. {_SAFE}",
        advice=("Try again in a few minutes.",),
    ),
    507: Problem(
        title="The store is full",
        words=f"There is no room for more footage. {_SAFE} Docks keep what they have and go on by themselves.",
        advice=("Tell your administrator now.",),
    ),
}
"""The words for each HTTP status. A status that is not here is told as 500, or as 422 below 500."""
