"""A court's browser without the browser: opens a secure link, types the code, and plays every byte of the playlist.

For the demonstration, the benchmarks and anyone who wants to know from a script whether a link plays. It talks to the
portal over HTTP as a browser would, and sees nothing else.
"""

import time
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import httpx

from evidence.errors import DocklineError
from portal import paths

_BROWSER = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
_PAGE = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


class DoesNotPlay(DocklineError):
    """A link did not lead to moving pictures; the text says at which step."""

    code = "does-not-play"
    advice = "See the logs of the portal; the link's page says how often it was opened."


@dataclass(slots=True)
class Played:
    """What was played: how many segments and bytes, and the seconds until the first media segment was there."""

    viewing: str
    rendition: str
    segments: int = 0
    size: int = 0
    first_after: float = 0.0
    media: bytes = b""
    problems: list[str] = field(default_factory=list)


class Court:
    """One browser without an account."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._secret = parts.fragment
        self._client = httpx.Client(
            base_url=self._origin, timeout=30, headers={"Origin": self._origin}, trust_env=False, follow_redirects=False
        )

    def open(self, code: str) -> str:
        """Hand in the link and type the security code; returns the address of the page that plays."""
        handed_in = self._client.post(
            paths.OPEN, data={"link": self._secret, **self._hidden(paths.OPEN)}, headers=_PAGE
        )
        self._expect(handed_in, 303, "hand in the link")
        opened = self._client.post(paths.OPEN_CODE, data={"code": code, **self._hidden(paths.OPEN_CODE)}, headers=_PAGE)
        self._expect(opened, 303, "type the security code")
        return urljoin(self._origin, opened.headers["location"])

    def play(self, page: str, *, keep: bool = False, whole: bool = True) -> Played:
        """Begin a viewing and fetch its playlist and segments, as a player would. Raises :class:`DoesNotPlay`."""
        began = time.monotonic()
        told = self.begin(page)
        source = told["playback"]["source"]
        playlist = self._media_playlist(source)
        played = Played(told["viewing"], told["playback"]["rendition"])
        for name in _names(playlist):
            data = self.fetch(urljoin(source, name))
            played.size += len(data)
            if keep:
                played.media += data
            if not name.startswith("init"):
                played.segments += 1
                played.first_after = played.first_after or time.monotonic() - began
                if not whole:
                    break
        if not played.segments:
            raise DoesNotPlay("the playlist has no segments")
        return played

    def close(self) -> None:
        """End the connection; the session ends by itself."""
        self._client.close()

    @property
    def cookies(self) -> dict[str, str]:
        """What the portal has this browser keep."""
        return dict(self._client.cookies)

    def begin(self, page: str) -> dict:  # type: ignore[type-arg]
        """Begin a viewing; waits a minute for a copy that plays. Raises :class:`DoesNotPlay`."""
        page = urlsplit(page).path
        token = self._hidden(page)
        until = time.monotonic() + 60
        while True:
            answer = self._client.post(
                f"{page}/viewings", data=token, headers={**_BROWSER, "Accept": "application/json"}
            )
            self._expect(answer, 201, "begin a viewing")
            told: dict = answer.json()  # type: ignore[type-arg]
            if told["playback"] is not None:
                return told
            if time.monotonic() > until:
                raise DoesNotPlay(f"nothing can be played yet: {told['note']}")
            time.sleep(0.5)

    def _media_playlist(self, source: str) -> str:
        text = self.fetch(source).decode()
        variants = [line for line in text.splitlines() if line and not line.startswith("#")]
        if "#EXT-X-STREAM-INF" not in text:
            return text
        return self.fetch(urljoin(source, variants[0])).decode()

    def fetch(self, path: str) -> bytes:
        """One piece of a viewing, as the player asks for it. Raises :class:`DoesNotPlay`."""
        answer = self._client.get(path, headers=_BROWSER)
        self._expect(answer, 200, f"fetch {urlsplit(path).path.rsplit('/', 1)[-1]}")
        return answer.content

    def _hidden(self, page: str) -> dict[str, str]:
        """The form token that the page carries, as a browser would send it back."""
        answer = self._client.get(page, headers=_PAGE)
        self._expect(answer, 200, "read the page")
        for marker in ('name="form_token" value="', 'data-form-token="'):
            _, found, rest = answer.text.partition(marker)
            if found:
                return {"form_token": rest.partition('"')[0]}
        return {}

    def _expect(self, answer: httpx.Response, status: int, doing: str) -> None:
        if answer.status_code != status:
            raise DoesNotPlay(f"could not {doing}: the portal answered {answer.status_code} {answer.text[:200]!r}")


def _names(playlist: str) -> list[str]:
    names: list[str] = []
    for line in playlist.splitlines():
        if line.startswith("#EXT-X-MAP:"):
            names.append(line.partition('URI="')[2].partition('"')[0])
        elif line and not line.startswith("#"):
            names.append(line)
    return names
