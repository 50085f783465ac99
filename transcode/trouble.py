"""What can go wrong in the workshop, in words that an officer or a court can be shown.

None of it is ever a failure of the recording: the original stays as it is and can still be disclosed.
"""

from evidence.errors import BadInput, DocklineError, Refused


class NotPlayable(BadInput):
    """The stored original cannot be shown in a browser as it is. The text says why."""

    code = "not-playable"
    advice = "Wait for the playback copy, or open the original with the software of its camera."


class MediaFailed(DocklineError):
    """A tool or decoder that ran confined did not finish its work. The text says how it ended."""

    code = "media-failed"
    advice = "The original is untouched and can still be disclosed. Try again, or look at the reason that is given."


class PackagerBusy(Refused):
    """More recordings are being watched at once than this installation is set up for."""

    code = "packager-busy"
    advice = "Try again in a few seconds."
