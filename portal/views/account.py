"""Signing in, the second step, setting an account up, and signing out."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from portal.views.page import Form, Page


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn(Page):
    """E-mail address and password. Fields: ``email``, ``password``, ``next`` (a path of this portal)."""

    template: ClassVar[str] = "sign-in.html"
    form: Form = field(default_factory=Form)
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondStep(Page):
    """The code of an authenticator app. Field: ``code``, ``next``."""

    template: ClassVar[str] = "second-step.html"
    form: Form = field(default_factory=Form)
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUpOpen(Page):
    """Where a one-time set-up link lands. Script moves its secret from the fragment into ``link``, or it is pasted."""

    template: ClassVar[str] = "set-up-open.html"
    form: Form = field(default_factory=Form)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp(Page):
    """An account's details. Fields: ``agency``, ``name``, ``email``, ``collar``, ``password``, ``code``.

    ``qr_svg`` is an inline SVG made by the server, ``totp_secret`` the same secret to type (base 32, groups of
    four). ``first`` is true for the first administrator, who alone types ``agency``, ``name`` and ``email``; an
    invited person's name and address are as the administrator gave them.
    """

    template: ClassVar[str] = "set-up.html"
    first: bool
    qr_svg: str
    totp_secret: str
    account: str
    form: Form = field(default_factory=Form)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut(Page):
    """After signing out, of an account or of a link."""

    template: ClassVar[str] = "signed-out.html"
    court: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A browser that is signed in. ``session`` is a public handle, never the cookie; ``agent`` names the browser."""

    session: str
    agent: str
    began_at: datetime
    seen_at: datetime
    this_one: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions(Page):
    """Where one is signed in. Each other session can be ended (field ``session``)."""

    template: ClassVar[str] = "sessions.html"
    sessions: tuple[SessionRow, ...]
