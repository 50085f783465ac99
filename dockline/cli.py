"""The ``dockline`` command. Each command does its work in a module of its own, imported when it is called.

Exit codes: 0 done; 1 it did not work, the reason is on standard error; 2 the command was called wrongly; 3 what was
checked does not hold (``verify``, ``fsck``, ``doctor``).
"""

from pathlib import Path
from typing import Annotated

import typer

from dockline.console import Console, guarded

app = typer.Typer(
    name="dockline",
    help="Footage from a docked body-worn camera to a judge, with custody that anyone can verify.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Data = Annotated[
    Path, typer.Option("--data", envvar="DOCKLINE_DATA", help="The folder of this installation.", show_default=True)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
_HERE = Path("dockline-data")


@app.command(epilog="Example: [bold]dockline up --data /srv/dockline[/bold]")
@guarded
def up(
    data: Data = _HERE,
    port: Annotated[int | None, typer.Option(help="Port of the portal; the setting port otherwise.")] = None,
) -> int:
    """Run everything on this machine: portal, docks' door, workers, queue. Safe to run twice; Ctrl-C stops it."""
    from dockline.up import run

    return run(data, Console().say, port=port)


@app.command(epilog="Example: [bold]dockline demo --exit[/bold]")
@guarded
def demo(
    data: Annotated[Path, typer.Option("--data", help="Where the demonstration keeps its things.")] = Path(
        "dockline-demo"
    ),
    leave: Annotated[bool, typer.Option("--exit", help="Check all, print one JSON object, leave.")] = False,
    port: Annotated[int | None, typer.Option(help="Port of the portal; a free one with --exit.")] = None,
) -> int:
    """Dock a camera with real footage, take it to a court's link, and show how long that took."""
    from dockline.demo import run

    return run(data, leave=leave, port=port)


@app.command(
    epilog="Examples: [bold]dockline dock --server https://evidence.example --enrol CODE --watch /media/camera[/bold] "
    "once to enrol, then [bold]dockline dock --watch /media/camera[/bold]"
)
@guarded
def dock(  # noqa: PLR0917 - the command line's options, all given by name
    watch: Annotated[Path, typer.Option(help="The folder where a camera's files appear.")],
    server: Annotated[str, typer.Option(help="The server's address; remembered after enrolment.")] = "",
    enrol: Annotated[str, typer.Option(help="One-time enrolment code, the first time only.")] = "",
    state: Annotated[Path, typer.Option(help="Where the dock keeps its key and its progress.")] = Path("dockline-dock"),
    camera: Annotated[str, typer.Option(help="The camera's serial number, when the folder does not tell it.")] = "",
    officer: Annotated[str, typer.Option(help="The officer's collar number.")] = "",
    reference: Annotated[str, typer.Option(help="Incident or case reference, typed once for all clips.")] = "",
    once: Annotated[bool, typer.Option("--once", help="Leave when all that is there now is safe.")] = False,
    as_json: Json = False,
) -> int:
    """Watch a folder for a camera's files and bring them in. Says "safe to wipe" only against a verified receipt."""
    from dockline.docking import run

    return run(
        watch=watch, server=server, enrol=enrol, state=state, camera=camera, officer=officer, reference=reference,
        once=once, as_json=as_json,
    )  # fmt: skip


@app.command("setup-link", epilog="Example: [bold]dockline setup-link[/bold]")
@guarded
def setup_link(data: Data = _HERE, as_json: Json = False) -> int:
    """Print a one-time link that sets up the first administrator. Making another ends the one before."""
    from dockline.people import setup_link as make

    return make(data, Console(as_json))


@app.command("dock-code", epilog='Example: [bold]dockline dock-code "Dock 3" --station Burslem[/bold]')
@guarded
def dock_code(
    name: Annotated[str, typer.Argument(help="What the dock is called.")],
    station: Annotated[str, typer.Option(help="Where it stands.")] = "",
    data: Data = _HERE,
    as_json: Json = False,
) -> int:
    """Make a one-time code that lets one dock enrol its key."""
    from dockline.people import make_dock_code

    return make_dock_code(data, name, station, Console(as_json))


@app.command(epilog='Example: [bold]dockline person "Jane Anne Smith" jane@example.org officer --collar 4711[/bold]')
@guarded
def person(
    name: Annotated[str, typer.Argument(help="Full name; its initials number the exhibits.")],
    email: Annotated[str, typer.Argument(help="E-mail address for signing in.")],
    role: Annotated[str, typer.Argument(help="administrator, officer, redactor, prosecutor or auditor.")],
    collar: Annotated[str, typer.Option(help="Collar number, as cameras know the officer.")] = "",
    data: Data = _HERE,
    as_json: Json = False,
) -> int:
    """Invite somebody: prints a one-time link with which they set their password and second factor."""
    from dockline.people import invite

    return invite(data, name, email, role, collar, Console(as_json))


@app.command(
    epilog="Examples: [bold]dockline verify clip.mp4 --proof clip.mp4.tlog-proof --key force.vkey[/bold], "
    "[bold]dockline verify exported-log/ --key force.vkey[/bold]"
)
@guarded
def verify(
    what: Annotated[Path, typer.Argument(help="A file with its proof, or a folder that holds a log.")],
    proof: Annotated[Path | None, typer.Option(help="The file's proof; <file>.tlog-proof otherwise.")] = None,
    key: Annotated[list[str] | None, typer.Option(help="The log's public key (vkey), or a file that holds it.")] = None,
    as_json: Json = False,
) -> int:
    """Check custody offline, step by step, without trusting the force. Exit code 3: something does not hold."""
    from dockline.verifying import verify_path

    return verify_path(what, proof, key or [], Console(as_json))


@app.command(epilog="Example: [bold]dockline fsck --rate 50[/bold]")
@guarded
def fsck(
    data: Data = _HERE,
    rate: Annotated[int, typer.Option(help="Read at most so many MiB a second; 0 for as fast as the disk is.")] = 0,
    as_json: Json = False,
) -> int:
    """Walk store and ledger, hash every master again, report every disagreement. Changes nothing."""
    from dockline.verifying import check_installation

    return check_installation(data, rate, Console(as_json))


@app.command(epilog="Example: [bold]dockline status --json[/bold]")
@guarded
def status(
    data: Data = _HERE,
    limit: Annotated[int, typer.Option(help="How many recordings, newest first.")] = 50,
    as_json: Json = False,
) -> int:
    """Show the court clock of every recording: docked, received, stored, viewable, disclosed, watched."""
    from dockline.status import show

    return show(data, limit, Console(as_json))


@app.command()
@guarded
def doctor(data: Data = _HERE, as_json: Json = False) -> int:
    """Find what is wrong with this machine or installation, and say what to do. Exit code 3: something is."""
    from dockline.doctor import examine

    return examine(data, Console(as_json))


@app.command("export-log", epilog="Example: [bold]dockline export-log copy-of-the-log/[/bold]")
@guarded
def export_log(
    to: Annotated[Path, typer.Argument(help="A folder to write to, made if it is not there.")], data: Data = _HERE
) -> int:
    """Write the whole ledger as static files that `dockline verify` and other programs read."""
    from dockline.verifying import export

    return export(data, to, Console())


@app.command(rich_help_panel="Parts of an installation")
@guarded
def web(data: Data = _HERE, door: Annotated[str, typer.Option(help="both, ingest or portal.")] = "both") -> int:
    """Serve the portal and the docks' door."""
    from dockline.parts import web as part

    return part(data, door)


@app.command(rich_help_panel="Parts of an installation")
@guarded
def worker(
    queue: Annotated[list[str], typer.Option(help="quick, heavy or redaction; may be given several times.")],
    threads: Annotated[int, typer.Option(min=1, max=64)] = 1,
    data: Data = _HERE,
) -> int:
    """Do the jobs of some queues."""
    from dockline.parts import worker as part

    return part(data, queue, threads)


@app.command(rich_help_panel="Parts of an installation")
@guarded
def steward(data: Data = _HERE) -> int:
    """Integrate and publish the ledger, and hand committed jobs to the queue."""
    from dockline.parts import steward as part

    return part(data)


@app.command(rich_help_panel="Parts of an installation")
@guarded
def migrate(data: Data = _HERE) -> int:
    """Bring the database's tables up to date."""
    from dockline.parts import migrate as part

    return part(data)
