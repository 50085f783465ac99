"""A portal with people in it, and browsers to visit it with."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from fastapi import FastAPI

from evidence.ground import Ground
from portal import second_factor
from portal.app import create_app
from portal.people import create_person
from tests.portal.visitor import Visitor

PASSWORD = "violet lantern harbour"
Browser = Callable[[], Visitor]


@dataclass(frozen=True)
class Somebody:
    """A person with an account whose password and authenticator the test knows."""

    id: str
    email: str
    totp_secret: str


@pytest.fixture
def app(ground: Ground) -> FastAPI:
    return create_app(ground)


@pytest.fixture
def browser(app: FastAPI) -> Iterator[Browser]:
    made: list[Visitor] = []

    def new(**options: str) -> Visitor:
        made.append(Visitor(app, **options))
        return made[-1]

    yield new
    for visitor in made:
        visitor.close()


def somebody(ground: Ground, name: str, role: str, collar: str = "") -> Somebody:
    secret = second_factor.new_secret()
    email = f"{name.split()[-1].lower()}@force.example"
    person = create_person(
        ground, name=name, email=email, role=role, password=PASSWORD, totp_secret=secret, collar=collar
    )
    return Somebody(person, email, secret)


def sign_in(visitor: Visitor, ground: Ground, who: Somebody) -> Visitor:
    visitor.get("/sign-in")
    visitor.submit("/sign-in", {"email": who.email, "password": PASSWORD})
    visitor.follow()
    visitor.submit("/sign-in/code", {"code": second_factor.code_at(who.totp_secret, ground.clock.now())})
    visitor.follow()
    return visitor
