"""The portal as one application: routes, problems, and the guard around them. It holds no state besides its ground.

Every route is a FastAPI route with a permission in its signature, static files and the ledger's files included, so that
one walk over the routes sees all there is. Nothing else is mounted.
"""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from evidence.errors import DocklineError
from evidence.ground import Ground
from portal import problems
from portal.dependencies import Portal
from portal.guard import Guard
from portal.media import Media, Packaging
from portal.rendering import Renderer
from portal.routes import account, admin, api, cases, court, exhibits, footage, ledger, links, open_to_all, play

ROUTERS = (
    play.router, account.router, footage.router, cases.router, exhibits.router, links.router, court.router,
    admin.router, ledger.router, api.router, open_to_all.router,
)  # fmt: skip


def create_app(ground: Ground, packaging: Packaging | None = None, renderer: Renderer | None = None) -> FastAPI:
    """The portal on a ground; build it once a process. Packager and renderer are the real ones unless given."""
    app = FastAPI(
        title="Dockline", version="1", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False
    )  # fmt: skip
    app.state.portal = Portal.of(ground, renderer or Renderer(), Media(ground, packaging))
    for router in ROUTERS:
        app.include_router(router, include_in_schema=router is api.router)
    for kind in (DocklineError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, problems.answer)
    app.add_middleware(Guard, address=ground.settings.address)
    return app
