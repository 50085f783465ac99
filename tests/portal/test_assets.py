"""The built styles and scripts: complete, ours, small, and without anything that may stand only on GOV.UK."""

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

from evidence.errors import Misconfigured
from portal.assets_manifest import DIST, AssetManifest

CODE = sorted([*DIST.glob("*.css"), *DIST.glob("*.js")])
SOURCES = Path(__file__).parents[2] / "portal" / "assets"
NAMES = {"https://aomedia.org/emsg/ID3"}
"""What looks like an address and is the name of a kind of data inside a film; nothing is fetched from it."""


def _packed(*names: str) -> int:
    files = AssetManifest.load().files
    return sum(len(gzip.compress((DIST / files[name]).read_bytes(), 6)) for name in names)


def test_the_manifest_names_every_built_file_and_no_other() -> None:
    named = set(AssetManifest.load().files.values())
    assert {path.name for path in DIST.iterdir()} == named | {"manifest.json", "licences.txt", "sources.sha256"}
    assert set(AssetManifest.load().files) == {"portal.css", "boot.js", "portal.js", "player.js", "icon.svg"}


def test_the_build_was_made_from_the_sources_that_stand_here() -> None:
    places = [SOURCES / "build.mjs", SOURCES / "package-lock.json"]
    for folder in ("images", "js", "licences", "scss"):
        places += [path for path in (SOURCES / folder).rglob("*") if path.is_file()]
    lines = sorted((path.relative_to(SOURCES).as_posix(), path) for path in places)
    listed = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for name, path in lines)
    built_from = (DIST / "sources.sha256").read_text().strip()
    assert hashlib.sha256(listed.encode()).hexdigest() == built_from, "run: npm ci && npm run build, in portal/assets"


def test_a_file_s_name_holds_its_own_digest() -> None:
    for name in AssetManifest.load().files.values():
        digest = hashlib.sha256((DIST / name).read_bytes()).hexdigest()
        assert name.rsplit(".", 1)[0].endswith(digest[:12])


def test_nothing_is_taken_that_may_stand_only_on_gov_uk() -> None:
    for path in CODE:
        text = path.read_text()
        assert not re.search(r"GDS Transport|gds-transport|crest|crown|logotype", text, re.IGNORECASE), path.name
    assert not list(DIST.glob("*.woff*"))


def test_nothing_is_loaded_from_anywhere_else() -> None:
    for path in DIST.glob("*.css"):
        assert "url(" not in path.read_text()
        assert "@import" not in path.read_text()
    for path in DIST.glob("*.js"):
        for address in re.findall(r"https?://[^\s\"'`)]+", path.read_text()):
            assert address in NAMES, address


def test_no_script_makes_code_out_of_text() -> None:
    for path in DIST.glob("*.js"):
        assert not re.search(r"\beval\(|new Function\(", path.read_text()), path.name


def test_a_page_weighs_at_most_100_kb_packed_and_350_with_the_player() -> None:
    page = _packed("portal.css", "boot.js", "portal.js", "icon.svg")
    assert page <= 100_000
    assert page + _packed("player.js") <= 350_000


def test_licences_of_what_is_inside_stand_beside_it() -> None:
    text = (DIST / "licences.txt").read_text()
    assert all(name in text for name in ("govuk-frontend", "@ministryofjustice/frontend", "hls.js", "Apache License"))


def test_versions_are_pinned_and_the_lock_names_no_registry() -> None:
    wanted = json.loads((SOURCES / "package.json").read_text())["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert '"resolved"' not in (SOURCES / "package-lock.json").read_text()


def test_a_missing_build_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        AssetManifest.load(tmp_path)
    assert "npm" in caught.value.advice
    (tmp_path / "manifest.json").write_text('{"portal.css": "portal-1.css"}')
    with pytest.raises(Misconfigured, match=r"portal-1\.css"):
        AssetManifest.load(tmp_path)
