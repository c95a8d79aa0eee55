"""axe-core, the accessibility checker, from npm; kept in the cache that tests/real uses."""

import json
import shutil
import subprocess
import tarfile
from typing import Any

from tests.browser.page import Page
from tests.real.venvs import NotInstalledError, cache

VERSION = "4.10.3"
FETCH_SECONDS = 120
GRAVE = ("serious", "critical")


def axe_source() -> str:
    """The script, fetched if it isn't there yet. Raises `NotInstalledError`."""
    script = cache() / f"axe-core-{VERSION}.js"
    if not script.exists():
        script.parent.mkdir(parents=True, exist_ok=True)
        npm = shutil.which("npm")
        if not npm:
            raise NotInstalledError(f"axe-core {VERSION}: there is no npm to fetch it with")
        command = (npm, "pack", "--silent", f"axe-core@{VERSION}", "--pack-destination", str(script.parent))
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=FETCH_SECONDS)
        except (OSError, subprocess.SubprocessError) as error:
            raise NotInstalledError(f"axe-core {VERSION}: {error}") from None
        packed = script.parent / f"axe-core-{VERSION}.tgz"
        with tarfile.open(packed) as archive:
            member = archive.extractfile("package/axe.min.js")
            assert member
            script.write_bytes(member.read())
        packed.unlink()
    return script.read_text("utf-8")


async def findings(page: Page, source: str) -> list[str]:
    """What axe-core says of the page as it is now, the worst first: "serious color-contrast: …"."""
    if not await page.js("typeof axe !== 'undefined'"):
        await page.js(f"{source}; undefined")
    told: list[dict[str, Any]] = json.loads(
        await page.js(
            "axe.run(document, {resultTypes: ['violations']}).then(found => JSON.stringify(found.violations))"
        )
    )
    told.sort(key=lambda each: each["impact"] not in GRAVE)
    return [
        f"{each['impact']} {each['id']}: {each['help']}: {[node['html'][:120] for node in each['nodes'][:3]]}"
        for each in told
    ]


def grave(found: list[str]) -> list[str]:
    """Those that keep somebody from using the page."""
    return [each for each in found if each.startswith(GRAVE)]
