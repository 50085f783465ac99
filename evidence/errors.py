"""The tree of errors that every room hangs its own on.

::

    DocklineError
    ├── BadInput            what came from outside cannot be accepted as it is
    │   ├── NotAnIdentifier
    │   └── NotADigest
    ├── Refused             the one who asks may not, or not now
    ├── NotFound            what was named is not here
    ├── Conflict            what is here already says otherwise
    │   └── AlreadyStored   a write-once key holds other bytes
    ├── NotReadableYet      staged bytes that can only be read once their upload is finished
    ├── OutOfSpace          the disk or the store is full; nothing was lost
    ├── StoreUnwell         the disk or the store answered with an error of its own
    └── Misconfigured       this installation cannot run safely as it is set up

An error is named for what happened, its text says what, and its ``advice`` says what to do about it. HTTP statuses
stand in one table at each door and nowhere else.
"""


class DocklineError(Exception):
    """Something went wrong that a person can be told about in words.

    ``code`` is a stable machine-readable word; ``advice`` is one sentence for the person who has to act.
    """

    code = "error"
    advice = "Try again; if it happens once more, tell the administrator of this installation."

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        super().__init__(message)
        if advice is not None:
            self.advice = advice


class BadInput(DocklineError):
    """What came from outside cannot be accepted as it is."""

    code = "bad-input"
    advice = "Correct what was sent and send it again."


class NotAnIdentifier(BadInput):
    """A text does not have the shape of the identifier it should be."""

    code = "not-an-identifier"


class NotADigest(BadInput):
    """A text is not a SHA-256 digest in the form ``sha256:<64 hex digits>``."""

    code = "not-a-digest"


class Refused(DocklineError):
    """The one who asks may not do this, or not now."""

    code = "refused"
    advice = "Ask the owner of the material, or sign in with an account that may."


class NotFound(DocklineError):
    """What was named is not here, or the one who asks may not know that it is."""

    code = "not-found"
    advice = "Check the reference; what you look for may not have arrived yet."


class Conflict(DocklineError):
    """What is here already says otherwise."""

    code = "conflict"
    advice = "Look at what is recorded already before you try again."


class AlreadyStored(Conflict):
    """A write-once key already holds other bytes. Nothing was changed."""

    code = "already-stored"
    advice = "Nothing was overwritten. Run a check of the store, and keep both copies."


class NotReadableYet(DocklineError):
    """Staged bytes were asked for that the store can only give back when their upload is finished."""

    code = "not-readable-yet"
    advice = "Finish the upload first, and read the object."


class OutOfSpace(DocklineError):
    """The disk or the object store is full. What was acknowledged is still there."""

    code = "out-of-space"
    advice = "Free some space or add storage; the sender keeps its copy and goes on by itself."


class StoreUnwell(DocklineError):
    """The disk or the object store answered with an error of its own; nothing was acknowledged."""

    code = "store-unwell"
    advice = "The sender keeps its copy and tries again by itself. Look at the disk or the object store."


class Misconfigured(DocklineError):
    """This installation cannot run safely as it is set up."""

    code = "misconfigured"
    advice = "Correct the setting that is named and start again."
