"""An application spoken to in memory: httpx on this side, ASGI on the other, with an event loop of its own."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx


class _Chunks(httpx.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._stream:
            yield chunk


class AsgiTransport(httpx.BaseTransport):
    """Carries requests of an ordinary client to an application, many at once if need be."""

    def __init__(self, app: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._inner = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._loop = loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(self._carry(request), self._loop).result(120)

    async def _carry(self, request: httpx.Request) -> httpx.Response:
        carried = httpx.Request(request.method, request.url, headers=request.headers, stream=_Chunks(request.stream))
        answer = await self._inner.handle_async_request(carried)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


@contextmanager
def client_of(app: Any) -> Iterator[httpx.Client]:
    """A client for an application, while the block lasts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        with httpx.Client(transport=AsgiTransport(app, loop), base_url="http://dockline.test") as client:
            yield client
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
