"""Turns a page's values into HTML.

Everything is escaped. A name or a field that a template uses and nobody has given is an error. Only inside the GOV.UK
macros a missing value counts as nothing, because that is how they find out which options they were given; so they are
compiled in an environment of their own.
"""

from collections.abc import MutableMapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, FileSystemLoader, PackageLoader, PrefixLoader, StrictUndefined, Template

from portal import paths, words
from portal.assets_manifest import AssetManifest
from portal.views.page import Page, Shell

TEMPLATES = Path(__file__).parent / "templates"
MACROS = "govuk_frontend_jinja"

FILTERS = MappingProxyType(
    {
        "utc": words.utc_time,
        "utc_day": words.utc_day,
        "clock_time": words.clock_time,
        "size": words.byte_size,
        "duration": words.duration,
        "elapsed": words.elapsed,
        "timecode": words.timecode,
        "counted": words.count,
        "offset": words.offset_text,
        "with_digests": words.with_digests,
    }
)


class StrictEnvironment(Environment):
    """The portal's own templates, strict; the GOV.UK macros come from an environment of their own that is not."""

    def __init__(self, **options: Any) -> None:
        super().__init__(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, **options)
        macros = PrefixLoader({MACROS: PackageLoader(MACROS)})
        self._macros = Environment(loader=macros, autoescape=True, auto_reload=False)

    def get_template(
        self,
        name: str | Template,
        parent: str | None = None,
        globals: MutableMapping[str, Any] | None = None,  # noqa: A002 - Jinja's own name
    ) -> Template:
        """A template by its file, or a GOV.UK macro's by its prefix."""
        if isinstance(name, str) and name.startswith(f"{MACROS}/"):
            return self._macros.get_template(name, parent, globals)
        return super().get_template(name, parent, globals)


class Renderer:
    """Renders pages. It holds no state of a request and may be shared by threads."""

    def __init__(self, assets: AssetManifest | None = None) -> None:
        assets = assets or AssetManifest.load()
        self._environment = StrictEnvironment(autoescape=True, trim_blocks=True, lstrip_blocks=True, auto_reload=False)
        self._environment.filters.update(FILTERS)
        self._environment.globals.update(asset=assets.address, paths=paths)

    def page(self, page: Page, shell: Shell) -> str:
        """The whole HTML document of a page; raises ``jinja2.UndefinedError`` for a value that nobody has given."""
        return self._environment.get_template(page.template).render(page=page, shell=shell)
