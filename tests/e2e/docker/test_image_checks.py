"""The images that a deployment runs hold no secret, nothing that gives rights away and nothing left over from the build."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_TESTS = str(Path(__file__).resolve().parents[2])
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)

from repo.checkout import ROOT  # noqa: E402 - after the path
from repo.scans import built_images  # noqa: E402 - after the path
from repo.scans.floors import read  # noqa: E402 - after the path

# Each line is a fault that must be found; the value is put together so that it is no secret in this file.
_BAD = f"""
ARG BASE
FROM ${{BASE}}
RUN cp /bin/true /usr/local/bin/rights && chmod 4755 /usr/local/bin/rights
RUN echo open > /opt/open && chmod 666 /opt/open && mkdir -p /opt/.cache/pip && echo x > /opt/.cache/pip/left
ENV SERVICE_PASSWORD=not-for-anyone
RUN echo {"gh" + "p_"}{"a1B2" * 9} > /dev/null
"""


@pytest.fixture(scope="module")
def base() -> str:
    """The image that ours are built on."""
    if reason := built_images.why_not():
        pytest.skip(reason)
    image = str(read(ROOT / "infra" / "versions.toml")["python"]["image"])
    if not built_images.present(image):
        pytest.skip(f"the image {image} is not here; tests/e2e/docker/setup.sh makes a stand-in")
    return image


@pytest.mark.parametrize("image", built_images.IMAGES)
def test_an_image_of_ours_adds_no_rights_no_secret_and_no_cache(base: str, image: str) -> None:
    if not built_images.present(f"{image}:latest"):
        pytest.skip(f"{image} is not built here")
    on = str(read(ROOT / "infra" / "versions.toml")[built_images.IMAGES[image]]["image"])
    assert built_images.faults(f"{image}:latest", on or base) == []


@pytest.fixture
def bad(base: str, tmp_path: Path) -> Iterator[str]:
    """An image with one fault of each kind; removed afterwards."""
    name = "gatelodge-test-bad-image:1"
    command = ["docker", "build", "--quiet", "--network", "none", "--build-arg", f"BASE={base}", "--tag", name, "-"]
    built = subprocess.run(command, input=_BAD, text=True, capture_output=True, timeout=300, check=False)
    assert built.returncode == 0, built.stderr
    yield name
    subprocess.run(["docker", "image", "rm", "--force", name], capture_output=True, timeout=60, check=False)  # noqa: S607


def test_an_image_with_a_fault_of_each_kind_is_found(bad: str, base: str) -> None:
    found = "\n".join(built_images.faults(bad, base))
    for expected in (
        "it runs as root",
        "the variable SERVICE_PASSWORD looks like a secret",
        "build steps: GitHub Token",
        "/usr/local/bin/rights runs with its owner's rights (4755)",
        "/opt/open can be written by anyone (666)",
        "/opt/.cache/pip/left does not belong into an image",
    ):
        assert expected in found
