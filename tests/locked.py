"""The packages of requirements.lock for each version of Python."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
# Of the image and of the function.
DEPLOYED_PYTHON = "3.13"


def locked(python: str, system: str = "linux", machine: str = "x86_64") -> dict[str, str]:
    """Distribution -> version that is installed with a Python such as "3.13"."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.5",
        "sys_platform": system,
        "platform_machine": machine,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    versions: dict[str, str] = {}
    for line in re.findall(r"(?m)^([A-Za-z0-9].*?) \\$", (ROOT / "requirements.lock").read_text()):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            assert requirement.name not in versions, f"two versions of {requirement.name} for Python {python}"
            (specifier,) = requirement.specifier
            versions[requirement.name] = specifier.version
    return versions
