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
from portal.rendering import Renderer
from portal.routes import account, admin, footage, open_to_all

ROUTERS = (account.router, admin.router, footage.router, open_to_all.router)


def create_app(ground: Ground) -> FastAPI:
    """The portal on a ground. Build it once a process."""
    app = FastAPI(
        title="Dockline", version="1", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False
    )  # fmt: skip
    app.state.portal = Portal(ground, Renderer())
    for router in ROUTERS:
        app.include_router(router)
    for kind in (DocklineError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, problems.answer)
    app.add_middleware(Guard, address=ground.settings.address)
    return app
