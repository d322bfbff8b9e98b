# ruff: noqa: INP001 - a program; scripts/sbom.sh runs it with what scripts/sbom.lock names
"""Writes the bill of materials of an image (CycloneDX 1.6, JSON), checked against the schema before it is written.

Components are what the image itself says it has: Python distributions by their metadata, Debian packages by dpkg's
status, and the interpreter. The same image gives the same document.
"""

import json
import subprocess
import sys
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

# Runs inside the image, with its Python and nothing else.
_COLLECT = """
import json, platform, re, sys
from importlib import metadata
from pathlib import Path

def distribution(found):
    about = found.metadata
    classified = [c.rpartition(" :: ")[2] for c in about.get_all("Classifier", []) if c.startswith("License :: ")]
    return {"name": about["Name"], "version": found.version, "summary": about.get("Summary"),
            "expression": about.get("License-Expression"), "license": about.get("License"), "classified": classified,
            "requires": [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in found.requires or ()
                         if "extra ==" not in line]}

def packages(status):
    for block in status.split("\\n\\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status", "").endswith(" installed"):
            yield {name.lower(): fields[name] for name in ("Package", "Version", "Architecture")}

status = Path("/var/lib/dpkg/status")
release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
print(json.dumps({
    "python": platform.python_version(), "os": {n: v.strip('"') for n, v in release.items()},
    "distributions": [distribution(found) for found in metadata.distributions()],
    "packages": list(packages(status.read_text())) if status.exists() else [],
}))
"""
_LICENSES = LicenseFactory()


def _docker(*arguments: str) -> Any:
    return json.loads(subprocess.run(["docker", *arguments], stdout=subprocess.PIPE, check=True).stdout)  # noqa: S603, S607 - our own words, and the docker of the path


def _canonical(name: str) -> str:
    return name.replace("_", "-").replace(".", "-").lower()


def _licenses(found: dict[str, Any]) -> list[License]:
    """By what the distribution says of itself: an expression, else one line of text, else its classifiers."""
    text = (found["license"] or "").strip()
    if found["expression"]:
        return [_LICENSES.make_from_string(found["expression"])]
    if text and "\n" not in text and text != "UNKNOWN":
        return [_LICENSES.make_from_string(text)]
    return [_LICENSES.make_from_string(name) for name in found["classified"]]


def _distribution(found: dict[str, Any]) -> Component:
    name, version = _canonical(found["name"]), found["version"]
    return Component(
        name=found["name"],
        version=version,
        bom_ref=f"pypi:{name}@{version}",
        type=ComponentType.LIBRARY,
        description=found["summary"],
        licenses=_licenses(found),
        purl=PackageURL("pypi", name=name, version=version),
    )


def _package(found: dict[str, str], system: dict[str, str]) -> Component:
    name, version = found["package"], found["version"]
    qualifiers = {"arch": found["architecture"], "distro": f"{system['ID']}-{system.get('VERSION_ID', 'unknown')}"}
    return Component(
        name=name,
        version=version,
        bom_ref=f"deb:{name}@{version}",
        type=ComponentType.LIBRARY,
        purl=PackageURL("deb", system["ID"], name, version, qualifiers),
    )


def bill_of(image: str) -> str:
    """The document, as JSON text."""
    [inspected] = _docker("image", "inspect", image)
    inside = _docker(
        "run", "--rm", "--network", "none", "--read-only", "--entrypoint", "python", image, "-I", "-c", _COLLECT
    )  # fmt: skip
    name, _, tag = image.rpartition(":") if ":" in image.rpartition("/")[2] else (image, "", "latest")
    root = Component(name=name, version=tag, bom_ref="image", type=ComponentType.CONTAINER)
    python = Component(
        name="python",
        version=inside["python"],
        bom_ref="python",
        type=ComponentType.PLATFORM,
        licenses=[_LICENSES.make_with_id("PSF-2.0")],
        purl=PackageURL("generic", name="python", version=inside["python"]),
    )
    distributions = {_canonical(found["name"]): _distribution(found) for found in inside["distributions"]}
    packages = [_package(found, inside["os"]) for found in inside["packages"]]
    bom = Bom(
        components=[python, *distributions.values(), *packages],
        serial_number=uuid.uuid5(uuid.NAMESPACE_OID, inspected["Id"]),
        metadata=BomMetaData(
            component=root,
            tools=ToolRepository(components=[this_component()]),
            timestamp=datetime.fromisoformat(inspected["Created"]),
        ),
    )
    bom.register_dependency(root, [python, *distributions.values(), *packages])
    for found in inside["distributions"]:
        needed = [distributions[other] for line in found["requires"] if (other := _canonical(line)) in distributions]
        bom.register_dependency(distributions[_canonical(found["name"])], needed)
    return JsonV1Dot6(bom).output_as_string(indent=2)


def main() -> int:
    """``sbom.py IMAGE [FILE]``; without a file, to standard output."""
    document = bill_of(sys.argv[1])
    if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(document):
        sys.stderr.write(f"sbom: not valid by the schema of CycloneDX 1.6: {fault}\n")
        return 1
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(document + "\n", encoding="utf-8")
    else:
        sys.stdout.write(document + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
