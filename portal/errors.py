"""What can go wrong at this door only; the rest of the tree is :mod:`evidence.errors`.

::

    Refused
    ├── NotSignedIn     nobody is signed in, or the session is over
    │   └── LinkNotOpen the same for the recipient of a secure link
    ├── CrossSite       another site's page asked in somebody's name
    ├── StaleForm       a form without the session's token, or with that of an earlier one
    ├── Gone            a secure link was revoked, has expired or is used up
    └── Busy            too much at once; in a moment it works
"""

from evidence.errors import Refused


class NotSignedIn(Refused):
    """Nobody is signed in, or the session is over."""

    code = "not-signed-in"
    advice = "Sign in to go on where you were."


class LinkNotOpen(NotSignedIn):
    """A secure link is not open in this browser, or not any more."""

    code = "link-not-open"
    advice = "Open the link again, and type a new security code."


class CrossSite(Refused):
    """Another site's page asked this portal in the name of whoever is signed in here."""

    code = "cross-site"
    advice = "Open this portal by its own address and do it there."


class StaleForm(Refused):
    """A form did not carry its session's token: the page was open too long, or was made by somebody else."""

    code = "stale-form"
    advice = "Go back, load the page again, and send it once more."


class Gone(Refused):
    """A secure link does not open any more, and the one who asks once had its right code."""

    code = "link-over"
    advice = "Ask the one who shared it with you for a new link."


class Busy(Refused):
    """There is too much to do at this moment."""

    code = "busy"
    advice = "Wait a moment; it goes on by itself."
