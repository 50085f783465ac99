"""``python -m dockline``: the same as the ``dockline`` command."""

from dockline.cli import app

app(prog_name="dockline")
