"""Commands that let people and docks in: one-time links and codes, printed once and kept as hashes."""

from pathlib import Path

from dockline.console import Console
from dockline.installation import open_installation
from evidence.errors import Conflict


def make_dock_code(data: Path, name: str, station: str, console: Console) -> int:
    """Make and print a one-time enrolment code."""
    from portal.docks import issue_enrolment_code

    ground = open_installation(data)
    code = issue_enrolment_code(ground, name, station)
    ground.database.close()
    if console.as_json:
        console.result({"code": code, "dock": name, "station": station, "server": ground.settings.address})
    else:
        console.say(f"Enrolment code for {name}, good once, for a day: {code}")
        console.say(f"On the dock: dockline dock --server {ground.settings.address} --enrol {code} --watch FOLDER")
    return 0


def setup_link(data: Path, console: Console) -> int:
    """Make and print the one-time link of the first administrator."""
    from portal.people import first_setup_link

    ground = open_installation(data)
    link = first_setup_link(ground)
    ground.database.close()
    if link is None:
        raise Conflict("somebody can sign in already", advice="An administrator invites others on the page People.")
    if console.as_json:
        console.result({"link": link})
    else:
        console.say(f"Set up the administrator, once, within the hour: {link}")
    return 0


def invite(data: Path, name: str, email: str, role: str, collar: str, console: Console) -> int:
    """Invite somebody and print the one-time link."""
    from portal.people import invite_person

    ground = open_installation(data)
    link = invite_person(ground, name=name, email=email, role=role, collar=collar)
    ground.database.close()
    if console.as_json:
        console.result({"link": link, "email": email, "role": role})
    else:
        console.say(f"Give this link to {name}; it is good once: {link}")
    return 0
