"""All routes there are: each declares its permission, each is guarded, each carries the headers. Deny by default."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute

from evidence.errors import DocklineError
from evidence.ground import Ground
from portal.app import create_app
from portal.dependencies import Permission
from portal.headers import SECURITY_HEADERS
from portal.permissions import Action, Role, may_ever
from portal.problems import STATUSES
from portal.rendering import Renderer
from tests.portal.conftest import Browser, ReelMaker, Somebody, Station
from tests.portal.visitor import Visitor

SignIn = Callable[[Somebody], Visitor]


def routes(of: FastAPI) -> list[BaseRoute]:
    """Every route, also those of included routers."""
    return [found.original_route for found in iter_route_contexts(of.routes)]


def permissions(dependant: Dependant) -> Iterator[Permission]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Permission):
            yield inner.call
        yield from permissions(inner)


def concrete(path: str) -> str:
    """An address of a route with made-up identifiers in it."""
    return re.sub(r"\{entry\}", "1", re.sub(r"\{(?!entry)[^}]*\}", "vie_" + "0" * 32, path))


def test_every_route_declares_exactly_one_permission_static_files_and_the_ledger_included(app: FastAPI) -> None:
    found = routes(app)
    assert len(found) > 50
    for route in found:
        assert isinstance(route, APIRoute), f"{route} is mounted past the permissions"
        declared = list(permissions(route.dependant))
        assert len(declared) == 1, f"{route.path} declares {declared}"


def test_what_is_open_to_all_is_a_short_list(app: FastAPI) -> None:
    public = {
        route.path
        for route in routes(app)
        if isinstance(route, APIRoute) and next(permissions(route.dependant)).action is Action.READ_PUBLIC
    }
    assert public == {
        "/", "/healthz", "/static/dist/{name}", "/signed-out", "/cookies", "/accessibility", "/log/checkpoint",
        "/log/vkey", "/api/v1/openapi.json",
    }  # fmt: skip


def test_without_a_session_nothing_answers_but_what_is_public(app: FastAPI, browser: Browser) -> None:
    visitor = browser()
    for route in routes(app):
        assert isinstance(route, APIRoute)
        action = next(permissions(route.dependant)).action
        if may_ever(Role.ANYONE, action).allowed:
            continue
        for method in route.methods:
            headers = {"Accept": "application/json", "Origin": "http://127.0.0.1:8440"}
            answer = visitor.request(method, concrete(route.path), headers=headers)
            assert answer.status_code in {401, 404, 303}, f"{method} {route.path}: {answer.status_code}"


def test_each_role_reaches_only_what_the_table_opens(app: FastAPI, station: Station, signed_in: SignIn) -> None:
    for role in (Role.OFFICER, Role.REDACTOR, Role.PROSECUTOR, Role.AUDITOR, Role.ADMINISTRATOR):
        visitor = signed_in(station.person(f"A {role.value}", role.value))
        for route in routes(app):
            assert isinstance(route, APIRoute)
            action = next(permissions(route.dependant)).action
            if "GET" not in route.methods or may_ever(role, action).allowed or "link_id}" in route.path:
                continue
            if route.path.startswith(("/play/", "/downloads/")):
                continue  # by viewing, not by role
            assert visitor.get(concrete(route.path)).status_code == 403, f"{role} {route.path}"


def test_every_answer_carries_the_headers_problems_included(app: FastAPI, browser: Browser) -> None:
    visitor = browser()
    for path in (
        "/sign-in",
        "/nowhere",
        "/footage",
        "/healthz",
        "/log/checkpoint",
        "/static/dist/none.css",
        "/court/x",
    ):
        answer = visitor.get(path)
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers[name] == value, f"{path} {name}"
        assert answer.headers["cache-control"] in {"no-store", "no-cache"}
    assert "unsafe" not in SECURITY_HEADERS["Content-Security-Policy"]


def test_unsafe_methods_are_refused_from_anywhere_else(app: FastAPI, browser: Browser) -> None:
    visitor = browser()
    lies: list[dict[str, str]] = [
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8440"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ]
    for route in routes(app):
        assert isinstance(route, APIRoute)
        for headers in lies if "POST" in route.methods else []:
            answer = visitor.request("POST", concrete(route.path), headers={**headers, "Accept": "application/json"})
            assert (answer.status_code, answer.json()["code"]) == (403, "cross-site"), f"{route.path} {headers}"


def test_a_form_without_its_sessions_token_is_stale(
    app: FastAPI, station: Station, signed_in: SignIn, browser: Browser
) -> None:
    roles = [signed_in(station.person(f"A {role.value}", role.value)) for role in (Role.OFFICER, Role.ADMINISTRATOR)]
    tried = 0
    for visitor in (*roles, browser()):
        foreign = browser()
        foreign.get("/sign-in")
        token = foreign.token()
        for route in routes(app):
            assert isinstance(route, APIRoute)
            if "POST" not in route.methods:
                continue
            for fields in ({}, {"form_token": token}, {"form_token": "."}):
                answer = visitor.post(concrete(route.path), fields, {"Accept": "application/json"})
                assert answer.status_code in {401, 403, 303}, f"{route.path}: {answer.status_code}"
                tried += answer.status_code == 403 and answer.json()["code"] == "stale-form"
    assert tried > 40


def test_every_problem_of_the_portal_has_a_status() -> None:
    from portal.problems import status_of

    def family(kind: type[DocklineError]) -> Iterator[type[DocklineError]]:
        yield kind
        for inner in kind.__subclasses__():
            yield from family(inner)

    for kind in family(DocklineError):
        error = kind.__new__(kind)
        assert status_of(error) in set(STATUSES.values())


@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/problem+json"])
def test_programs_are_told_problems_as_rfc_9457_says(browser: Browser, accept: str) -> None:
    answer = browser().get("/cases/cas_1", accept=accept)
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == answer.status_code == 401
    assert told["code"] == "not-signed-in"
    assert told["detail"]
    assert told["advice"]
    assert told["instance"].startswith("urn:request:")


def test_the_description_of_the_interface_lists_the_api_and_nothing_else(browser: Browser) -> None:
    told = browser().get("/api/v1/openapi.json").json()
    assert set(told["paths"]) == {"/api/v1/recordings"}


def test_by_https_cookies_belong_to_this_host_alone(ground: Ground, renderer: Renderer) -> None:
    secure = replace(ground, settings=replace(ground.settings, public_url="https://evidence.force.example"))
    visitor = Visitor(create_app(secure, ReelMaker(), renderer))
    answer = visitor.get("/sign-in")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-dockline-visit=")
    for attribute in ("Secure", "HttpOnly", "Path=/", "SameSite=lax"):
        assert attribute in cookie
    assert "Domain" not in cookie
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
    visitor.close()
