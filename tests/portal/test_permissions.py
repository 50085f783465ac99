"""The whole table, line by line: a change of anybody's rights changes this file too, and is seen in review."""

import pytest

from portal.permissions import (
    NOBODY,
    RIGHTS,
    Action,
    Actor,
    MayNot,
    Role,
    Standing,
    decide,
    demand,
    may_ever,
    standing_to,
)

# o own, c case, u unclaimed, a agency, g granted, k granted with a copy; * everything, - nothing
LETTERS = {
    "o": Standing.OWN,
    "c": Standing.CASE,
    "u": Standing.UNCLAIMED,
    "a": Standing.AGENCY,
    "g": Standing.GRANTED,
    "k": Standing.GRANTED_COPY,
}
GOLDEN = """
action              anyone court officer redactor prosecutor auditor administrator
SIGN_IN             *      *     *       *        *          *       *
OPEN_LINK           *      *     *       *        *          *       *
READ_PUBLIC         *      *     *       *        *          *       *
KEEP_ACCOUNT        -      -     o       o        o          o       o
LIST_FOOTAGE        -      -     ou      -        -          -       -
CLAIM_FOOTAGE       -      -     u       -        -          -       -
ENTER_REFERENCE     -      -     o       -        -          -       -
FIND_CASES          -      -     c       c        c          c       -
SEE_CASE            -      -     c       c        c          c       -
SEE_EXHIBIT         -      gk    oc      c        c          c       -
DESCRIBE_EXHIBIT    -      -     o       -        -          -       -
WATCH               -      gk    oc      c        c          -       -
DOWNLOAD            -      k     oc      -        c          -       -
SEE_LINKS           -      -     oc      -        c          c       -
DISCLOSE            -      -     oc      -        c          -       -
ISSUE_CODE          -      -     o       -        o          -       -
REVOKE_LINK         -      -     oc      -        oc         -       -
MANAGE_DOCKS        -      -     -       -        -          -       ocua
MANAGE_PEOPLE       -      -     -       -        -          -       ocua
SEE_QUARANTINE      -      -     -       -        -          ocua    ocua
READ_LOG            -      -     -       -        -          ocua    ocua
SEE_CLOCK           -      -     oc      c        c          ocua    ocua
"""


def golden() -> list[tuple[Action, Role, str]]:
    head, *rows = (line.split() for line in GOLDEN.strip().splitlines())
    roles = [Role(name) for name in head[1:]]
    return [(Action[row[0]], role, ways) for row in rows for role, ways in zip(roles, row[1:], strict=True)]


def test_the_golden_table_names_every_action_and_every_role() -> None:
    assert {(action, role) for action, role, _ in golden()} == {(action, role) for action in Action for role in Role}
    assert set(RIGHTS) == set(Action)


@pytest.mark.parametrize(("action", "role", "ways"), golden(), ids=lambda value: getattr(value, "name", value))
def test_each_role_may_do_exactly_what_its_line_says(action: Action, role: Role, ways: str) -> None:
    expected = set(Standing) if ways == "*" else {LETTERS[letter] for letter in ways.replace("-", "")}
    assert {standing for standing in Standing if decide(role, action, standing).allowed} == expected
    assert may_ever(role, action).allowed == bool(expected)


def test_an_action_that_the_table_forgets_would_be_denied() -> None:
    assert not decide(Role.ADMINISTRATOR, "erase everything", Standing.OWN).allowed  # type: ignore[arg-type]


def test_nothing_but_what_is_public_is_open_to_material_one_does_not_stand_to() -> None:
    open_to_strangers = {action for action in Action for role in Role if decide(role, action, Standing.NONE).allowed}
    assert open_to_strangers == {Action.SIGN_IN, Action.OPEN_LINK, Action.READ_PUBLIC}


def test_an_administrator_watches_nothing_and_is_told_so() -> None:
    with pytest.raises(MayNot, match=r"Your role \(administrator\) does not let you watch footage"):
        demand(Actor(Role.ADMINISTRATOR, "per_1", agency="ag_1"), Action.WATCH, Standing.CASE)


def test_a_denial_says_what_would_have_been_allowed() -> None:
    reason = decide(Role.OFFICER, Action.WATCH, Standing.AGENCY).reason
    assert reason == "You may watch footage only when it is your own or part of a case of your agency."
    assert decide(Role.ANYONE, Action.FIND_CASES, Standing.NONE).reason == "You must sign in before you can find cases."
    assert "secure link" in decide(Role.COURT, Action.DISCLOSE, Standing.GRANTED).reason


JANE = Actor(Role.OFFICER, "per_1", agency="ag_1", collar="4417A")


@pytest.mark.parametrize(
    ("agency", "filmed_by", "in_case", "known", "standing"),
    [
        ("ag_1", " 4417a ", False, True, Standing.OWN),
        ("ag_1", "4417A", True, True, Standing.OWN),
        ("ag_2", "4417A", True, True, Standing.NONE),
        ("ag_1", "9000", True, True, Standing.CASE),
        ("ag_1", "9000", False, True, Standing.AGENCY),
        ("ag_1", "9000", False, False, Standing.UNCLAIMED),
        ("ag_1", "", False, True, Standing.UNCLAIMED),
        ("ag_1", "", True, True, Standing.CASE),
    ],
)
def test_how_an_officer_stands_to_footage(
    agency: str, filmed_by: str, in_case: bool, known: bool, standing: Standing
) -> None:
    assert standing_to(JANE, agency=agency, filmed_by=filmed_by, in_case=in_case, known=known) is standing


def test_somebody_without_an_account_or_collar_number_owns_nothing() -> None:
    assert standing_to(NOBODY, agency="", filmed_by="", in_case=True) is Standing.NONE
    without = Actor(Role.OFFICER, "per_2", agency="ag_1")
    assert standing_to(without, agency="ag_1", filmed_by="", in_case=False) is Standing.UNCLAIMED
