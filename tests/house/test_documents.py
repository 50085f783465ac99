"""The documents keep up with the code: what can be set, run, recorded or linked is written down, and what is written
down is there. A test here fails when something new has no words yet; the message says which page wants them."""

import json
import re
import subprocess
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path

import pytest
from typer.main import get_command

from custody.vocabulary import MEANINGS, SUBJECTS, ActKind
from dockline.cli import app
from dockline.worker import all_handlers
from evidence.ground import Ground
from evidence.outbox import QUEUES
from evidence.settings import Settings
from portal.permissions import Role

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ROOMS = ("evidence", "custody", "ingest", "transcode", "portal", "dockline")


@cache
def tracked(pattern: str) -> tuple[Path, ...]:
    """Files of the project by a git pattern; those that are new and not ignored count as well."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", pattern]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return tuple(ROOT / name for name in names if name and (ROOT / name).is_file())


def pages() -> list[Path]:
    return [path for path in tracked("*.md") if "node_modules" not in path.parts]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def table(page: str) -> dict[str, list[str]]:
    """The rows of a page's tables by the code word in their first cell."""
    rows: dict[str, list[str]] = {}
    for line in (DOCS / page).read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        if cells and (word := re.fullmatch(r"`([^`]+)`", cells[0])):
            rows[word[1]] = cells
    return rows


def section(page: str, title: str) -> str:
    """What stands under a heading, to the next one."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", (DOCS / page).read_text("utf-8"), re.M | re.S)
    return found[1] if found else ""


def anchor(heading: str) -> str:
    """The anchor that a heading gets where Markdown is shown."""
    plain = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading).strip().lower())
    return plain.replace(" ", "-")


# Settings


@pytest.mark.parametrize("field", fields(Settings), ids=lambda field: field.name)
def test_a_setting_is_on_the_settings_page_with_its_default(field) -> None:
    rows = table("settings.md")
    assert field.name in rows, f"docs/settings.md has no row for {field.name}"
    if field.default is not MISSING:
        assert rows[field.name][1] == f"`{json.dumps(field.default)}`"
    assert len(rows[field.name][3]) > 10, "a setting needs words"


def test_no_setting_is_documented_that_is_not_there() -> None:
    known = {field.name for field in fields(Settings)}
    rows = {name for name, cells in table("settings.md").items() if len(cells) == 4}
    assert rows <= known, rows - known


# Commands

COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_has_its_section_with_every_option_and_an_example(name: str) -> None:
    words = section("commands.md", f"dockline {name}")
    assert words, f"docs/commands.md has no section for dockline {name}"
    assert f"dockline {name}" in words, "an example is missing"
    for parameter in COMMANDS[name].params:
        if parameter.param_type_name == "argument":
            assert f"`{(parameter.metavar or parameter.name).upper()}`" in words, parameter.name
        for option in parameter.opts if parameter.param_type_name == "option" else ():
            assert f"`{option}" in words, f"dockline {name} {option} is not explained"


def test_no_command_is_documented_that_is_not_there() -> None:
    told = set(re.findall(r"^#+ dockline ([a-z-]+)$", (DOCS / "commands.md").read_text("utf-8"), re.M))
    assert told == set(COMMANDS)


def test_every_exit_code_is_explained() -> None:
    assert {"0", "1", "2", "3"} <= table("commands.md").keys()


# The ledger


@pytest.mark.parametrize("kind", list(ActKind))
def test_a_kind_of_act_is_in_the_vocabulary_with_its_operation_and_what_it_is_about(kind: ActKind) -> None:
    rows = table("ledger.md")
    assert kind.value in rows, f"docs/ledger.md has no row for {kind}"
    meaning = MEANINGS[kind]
    _, operation, needs, words = rows[kind.value]
    assert operation == meaning.operation.value
    assert needs == (", ".join(f"`{key}`" for key in meaning.needs) or "-")
    assert words == meaning.words


def test_the_order_in_which_a_subject_is_found_is_the_codes() -> None:
    assert ", ".join(f"`{key}`" for key in SUBJECTS) in (DOCS / "ledger.md").read_text("utf-8").replace("\n", " ")


# Work and people


def test_every_kind_of_job_and_every_queue_is_on_the_operators_page(ground: Ground) -> None:
    jobs = {name: cells for name, cells in table("operating.md").items() if cells[1].strip("`") in QUEUES}
    assert jobs.keys() == all_handlers(ground).keys()
    assert {cells[1].strip("`") for cells in jobs.values()} == set(QUEUES)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ANYONE])
def test_a_role_is_on_the_operators_page(role: Role) -> None:
    assert role.value in table("operating.md")


# Pages, links and the map


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=name_of)
def test_a_page_is_linked_from_the_index(page: Path) -> None:
    index = DOCS / "index.md"
    linked = {
        (DOCS / target.partition("#")[0]).resolve()
        for target in re.findall(r"\]\(([^)\s]+)\)", index.read_text("utf-8"))
    }
    assert page == index or page.resolve() in linked, "docs/index.md does not name it"


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.S)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, place = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists():
            broken.append(target)
        elif place and there.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", there.read_text("utf-8"), re.M)
            if place not in {anchor(heading) for heading in headings}:
                broken.append(target)
    assert not broken, broken


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_a_check_that_a_page_names_exists(page: Path) -> None:
    for path, test in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text("utf-8")):
        file = ROOT / path
        assert file.is_file(), f"{path} is not there"
        assert not test or re.search(rf"^\s*(async )?def {test}\(", file.read_text("utf-8"), re.M), (
            f"{path} has no {test}"
        )


def decisions() -> list[Path]:
    return sorted((DOCS / "decisions").glob("*.md"))


@pytest.mark.parametrize("page", decisions(), ids=name_of)
def test_a_decision_names_the_check_that_holds_it(page: Path) -> None:
    text = page.read_text("utf-8")
    check = text.partition("\n## Check\n")[2]
    assert re.search(r"`(tests/|pyproject\.toml|scripts/|make )", check), "a decision ends with the check that holds it"
    assert text.count("\n") < 80, "a decision is one page"


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(page.name[:4]) for page in decisions()] == list(range(1, len(decisions()) + 1))


def test_the_map_shows_every_module_and_no_other() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    there = {
        name_of(path)
        for room in ROOMS
        for path in tracked(f"{room}/*.py")
        if path.name != "__init__.py" and "versions" not in path.parts
    }
    told = set(re.findall(rf"`((?:{'|'.join(ROOMS)})/[\w/]+\.py)`", text))
    assert not there - told, f"not on the map of ARCHITECTURE.md: {sorted(there - told)}"
    assert not told - there, f"on the map, but not there: {sorted(told - there)}"


def test_every_invariant_names_what_enforces_it() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    invariants = re.findall(r"\*\*Architecture invariant:\*\*(.*?)(?=\n\n)", text, re.S)
    assert len(invariants) >= 8
    assert all("Enforced by" in " ".join(words.split()) for words in invariants)
