"""The ways to run the project in a container name the image, its user and commands that exist."""

from __future__ import annotations

import json
import re

import yaml

from pipelines.cli.main import app
from tests.deploy.image_environment import ROOT
from tests.locked import DEPLOYED_PYTHON


def test_compose_runs_commands_of_the_image() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    dockerfile = (ROOT / "Dockerfile").read_text()
    (user,) = re.findall(r"ARG RUN_AS=(\w+)", dockerfile)
    commands = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    for service in compose["services"].values():
        assert service["build"] == "."
        # The user's home is in the image, so that the volume belongs to the user.
        assert service["volumes"] == [f"home:/home/{user}"]
        program, command, *options = service["entrypoint"]
        assert program == "newsletter-bandit"
        assert command in commands
        assert options[:2] == ["--workdir", f"/home/{user}/demo"]
    # Reached from this machine only.
    assert compose["services"]["endpoint"]["ports"] == ["127.0.0.1:8080:8080"]


def test_the_devcontainer_has_the_images_python() -> None:
    settings = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert settings["image"] == f"python:{DEPLOYED_PYTHON}-trixie"
    assert settings["postCreateCommand"] == "make setup"
