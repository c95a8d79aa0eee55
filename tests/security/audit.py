"""What the bot is made of, audited: `python -m tests.security.audit`.

First what needs no network: every requirement has one version and hashes, none comes from an address, and what is
installed is what is pinned; the licences are told. Then known vulnerabilities, by pip-audit, which is installed into a
cache of its own. Whoever keeps silent about a version that is known to be vulnerable has not been asked: that is said,
and is not a success.

Exit code: 0 all is well, 1 a fault or a known vulnerability, 3 no list of vulnerabilities could be asked.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from tests.program import ROOT
from tests.real.venvs import NotInstalledError, python_with

FILES = ("requirements.txt", "requirements-dev.txt")
AUDITOR = "pip-audit==2.10.1"
SOURCES: tuple[Literal["pypi", "osv"], ...] = ("pypi", "osv")
BAIT = "pyyaml==5.3"  # known to be vulnerable since 2020 (CVE-2020-1747): who doesn't know that knows nothing
OF_THE_ENVIRONMENT = frozenset({"pip", "setuptools", "wheel"})  # there before anything is installed
WELL, FAULTY, NOT_ASKED = 0, 1, 3
PATIENCE_SECONDS = 300

_PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9.!+]+)(?: *; *(?P<marker>.+))?")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Pin:
    """One requirement: its name as indexes write it, its version, and whether it is for this Python and system."""

    name: str
    version: str
    here: bool = True


def pins(text: str) -> tuple[list[Pin], list[str]]:
    """The requirements of a file, and what is wrong with it."""
    found, faults = [], []
    for line in _joined(text):
        wanted, *hashes = re.split(r"\s+(?=--hash)", line)
        pin = _PIN.fullmatch(wanted.strip())
        if not pin:
            faults.append(f"not a name with one version: {wanted[:80]}")
        elif not hashes or not all(_HASH.fullmatch(each.strip()) for each in hashes):
            faults.append(f"without good hashes: {wanted[:80]}")
        else:
            marker = pin["marker"]
            here = not marker or Marker(marker).evaluate()
            found.append(Pin(canonicalize_name(pin["name"]), pin["version"], here))
    return found, faults


def _joined(text: str) -> Iterator[str]:
    """The lines that mean something, each with those that go on with it."""
    for line in text.replace("\\\n", " ").splitlines():
        bare = re.sub(r"(^|\s)#.*", "", line).strip()
        if bare:
            yield bare


def unasked(wanted: Iterable[str], pinned: Collection[Pin]) -> Iterator[str]:
    """What a `.in` file asks for and nothing pins."""
    names = {pin.name for pin in pinned}
    for line in wanted:
        name = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line)
        if name and canonicalize_name(name[0]) not in names:
            yield f"asked for, but not pinned: {name[0]}"


def differences(pinned: Collection[Pin], installed: Mapping[str, str]) -> Iterator[str]:
    """What the environment has that nothing pins, and the other way round."""
    here = {pin.name: pin.version for pin in pinned if pin.here}
    for name, version in sorted(installed.items()):
        if name not in here and name not in OF_THE_ENVIRONMENT:
            yield f"installed, but not pinned: {name} {version}"
        elif name in here and here[name] != version:
            yield f"installed is {name} {version}, pinned is {here[name]}"
    yield from (f"pinned, but not installed: {name}" for name in sorted(here.keys() - installed.keys()))


def installed() -> Mapping[str, str]:
    """The packages of this environment, with their versions."""
    return {canonicalize_name(each.metadata["Name"]): each.version for each in metadata.distributions()}


def licence(name: str) -> str:
    """What a package says of its licence, in short."""
    about = metadata.metadata(name)
    said = [about[field] for field in ("License-Expression", "License") if field in about]
    classified = [line.rpartition(":: ")[2] for line in about.get_all("Classifier") or () if "License ::" in line]
    return next(iter([*said[:1], ", ".join(classified)])).partition("\n")[0] or "?"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a list of vulnerabilities told: of which packages it knows some, and of which it knows nothing at all."""

    vulnerable: Sequence[str]
    unknown: Sequence[str]


def verdict(report: Mapping[str, Any]) -> Verdict:
    """Read pip-audit's JSON. A package that it skipped was not audited, whatever its exit code says."""
    packages = report["dependencies"]
    vulnerable = [
        f"{each['name']} {each['version']}: {found['id']} ({', '.join(found.get('aliases', ()))}), "
        f"mended in {', '.join(found['fix_versions']) or 'no version yet'}"
        for each in packages
        for found in each.get("vulns", ())
    ]
    unknown = [f"{each['name']}: {each['skip_reason']}" for each in packages if each.get("skip_reason")]
    return Verdict(vulnerable, unknown)


def asked(auditor: Path, source: str, requirements: Sequence[str]) -> Verdict | None:
    """What a source knows of these (`name==version`); None where it doesn't answer."""
    with tempfile.TemporaryDirectory() as folder:
        file, report = Path(folder, "requirements.txt"), Path(folder, "report.json")
        file.write_text("\n".join(requirements), "utf-8")
        options = ("--no-deps", "--disable-pip", "--format=json", "--progress-spinner=off", "--timeout=30")
        command = (auditor, "-m", "pip_audit", f"--vulnerability-service={source}", *options, "-r", file, "-o", report)
        try:
            subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS, check=False)
            return verdict(json.loads(report.read_text("utf-8")))
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return None


def ask_somebody(pinned: Sequence[Pin]) -> Verdict | None:
    """What the first source says that is proved to know anything; None where there is none."""
    try:
        auditor = python_with("pip-audit", AUDITOR)
    except NotInstalledError as error:
        print(f"pip-audit can't be installed: {error}")
        return None
    for source in SOURCES:
        bait = asked(auditor, source, [BAIT])
        if bait is None or not bait.vulnerable:
            print(f"{source} can't be asked, or doesn't know {BAIT}: it is no witness")
            continue
        print(f"asking {source} about {len(pinned)} packages …", flush=True)
        if found := asked(auditor, source, [f"{pin.name}=={pin.version}" for pin in pinned]):
            return found
    return None


def offline() -> tuple[list[Pin], list[str]]:
    """All that is pinned, and what is wrong with it or with what is installed."""
    everything, faults = [], []
    for name in FILES:
        file = ROOT / name
        found, wrong = pins(file.read_text("utf-8"))
        everything += found
        faults += [f"{name}: {each}" for each in wrong]
        faults += unasked(_joined(file.with_suffix(".in").read_text("utf-8")), everything)
    return everything, [*faults, *differences(everything, installed())]


def main() -> int:
    """Audit, and say what came of it."""
    pinned, faults = offline()
    for pin in pinned:
        print(f"  {pin.name:24} {pin.version:12} {licence(pin.name) if pin.here else '(not for this system)'}")
    print("\n".join(faults) or f"{len(pinned)} packages: each has one version and hashes, and is what is installed")
    found = ask_somebody(pinned)
    if found is None:
        print("NOT AUDITED for known vulnerabilities: no list of them could be asked from here. Run this elsewhere.")
    else:
        print("\n".join(found.vulnerable) or "no known vulnerabilities")
        print("".join(f"NOT AUDITED: {each}\n" for each in found.unknown), end="")
    return exit_code(found, faults)


def exit_code(found: Verdict | None, faults: Collection[str]) -> int:
    """What the audit comes to: only what was asked about, and found well, is a success."""
    if faults or (found and found.vulnerable):
        return FAULTY
    return WELL if found and not found.unknown else NOT_ASKED


if __name__ == "__main__":
    sys.exit(main())
