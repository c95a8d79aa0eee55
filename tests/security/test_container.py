"""The container: not root, a root that is read-only, one volume, a health check; and what is in it is enough to run."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import yaml

from tests.program import ROOT, Program

CONFIG = {"playground": {"listen": "127.0.0.1:0"}, "storage": {"url": "sqlite:bot.db"}}


def instructions() -> dict[str, list[str]]:
    """The last stage of the Dockerfile: what it says, by instruction."""
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    stage = re.split(r"^FROM ", text, flags=re.M)[-1]
    found: dict[str, list[str]] = {}
    for line in stage.splitlines()[1:]:
        if line and not line.startswith("#"):
            name, _, rest = line.partition(" ")
            found.setdefault(name, []).append(rest.strip())
    return found


def service() -> dict[str, Any]:
    compose: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    (only,) = compose["services"].values()
    return dict(only)


def test_the_image_runs_as_nobody_of_importance_with_one_volume_and_a_health_check() -> None:
    image = instructions()
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", image["USER"][-1]), "a number, so that it can be checked; not root's"
    assert image["VOLUME"] == ["/data"]
    assert "/healthz" in image["HEALTHCHECK"][0]
    assert not any(line.startswith(("ENV ", "ARG ")) and "KEY" in line for line in image["COPY"])


def test_nothing_is_installed_into_it_but_what_is_pinned_and_nothing_runs_while_it_is() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    installs = re.findall(r"install --no-cache-dir.*", text)
    assert len(installs) == text.count(" install ") - text.count("&& install ")
    assert all("--require-hashes" in each and "--only-binary=:all:" in each for each in installs)


def test_composed_it_can_write_nothing_but_its_volume_and_gain_no_rights() -> None:
    bot = service()
    assert bot["read_only"] is True
    assert bot["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in bot["security_opt"]
    assert [volume.partition(":")[2] for volume in bot["volumes"]] == ["/data"]
    assert "privileged" not in bot


def test_no_secret_and_no_data_gets_into_it_by_accident() -> None:
    first, *others = (ROOT / ".dockerignore").read_text("utf-8").split("\n", 1)[1].split()
    assert first == "*", "all is left out but what is named"
    assert not {name.lstrip("!") for name in others} & {"data", ".env", "config.yaml", ".git", "tests", ".venv"}


def image_at(folder: Path) -> Path:
    """What COPY puts into the image, none of which can be written."""
    wanted = [line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").split() if line.startswith("!")]
    app = folder / "app"
    app.mkdir()
    for name in wanted:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, app / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, app / name)
    for path in (*app.rglob("*"), app):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return app


class Contained(Program):
    """The bot out of its image, without root's right to write what is read-only where root runs it."""

    UNDER = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()

    def __init__(self, folder: Path, app: Path) -> None:
        super().__init__(folder, CONFIG, {"HOME": "/nowhere", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ""})
        self._app = app

    async def start(self, under: Sequence[str] = UNDER, *, cold: bool = True) -> None:
        """See `Program.start`; from the image instead of the checkout."""
        command = (*under, sys.executable, "bot.py", "--config", str(self._config))
        with self._output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *command, cwd=self._app, env=self._environ, stdout=output, stderr=output
            )


@pytest.mark.skipif(
    not shutil.which("setpriv") and os.geteuid() == 0, reason="root needs setpriv to give up its rights"
)
async def test_what_the_image_holds_runs_and_answers_with_a_root_that_cant_be_written(tmp_path: Path) -> None:
    app = image_at(tmp_path)
    data = tmp_path / "data"
    data.mkdir()
    tried = await asyncio.create_subprocess_exec(
        *Contained.UNDER, "touch", app / "x", stderr=asyncio.subprocess.DEVNULL
    )
    assert await tried.wait() != 0, "else the rest shows nothing"
    async with Contained(data, app) as program, aiohttp.ClientSession() as browser:
        await program.says("Ctrl-C ends it.", timeout=40)
        url = re.findall(r"http://127\.0\.0\.1:\d+", program.output)[0]
        said = {"id": str(uuid4()), "text": "/help"}
        async with browser.post(f"{url}/say", json=said, headers={"Origin": url}) as taken:
            assert taken.status == 200
        assert await program.terminate() == 0
    assert "Traceback" not in program.output
    assert (data / "bot.db").stat().st_size > 0
