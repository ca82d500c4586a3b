"""What the documents tell people to type and to open is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.deploy.image import ROOT, dockerfile
from tests.deploy.stack import STAND_IN_SECRETS, compose, manifests

DEPLOY = ROOT / "docs" / "deploy.md"
SCALING_OUT = ROOT / "docs" / "scaling-out.md"
SERVICES = compose()["services"]
COMMANDS = [
    shlex.split(line)
    for document in (DEPLOY, SCALING_OUT)
    for line in re.findall(r"^\$ (.+)$", document.read_text(), re.MULTILINE)
]


def starting(*words: str) -> list[list[str]]:
    found = [command[len(words) :] for command in COMMANDS if command[: len(words)] == list(words)]
    assert found, words
    return found


def option(command: list[str], name: str) -> list[str]:
    """Every value of an option, given as `--name value` or `--name=value`."""
    words = iter(command)
    return [
        word.partition("=")[2] if "=" in word else next(words)
        for word in words
        if word == name or word.startswith(f"{name}=")
    ]


def test_images_are_built_from_stages_that_are_there_with_the_names_that_are_used() -> None:
    for command in starting("docker", "build"):
        (target,), (tag,) = option(command, "--target"), option(command, "--tag")
        assert target in dockerfile()
        assert SERVICES[target]["image"] == tag
    for command in starting("docker", "run"):
        assert command[-1] == SERVICES["sidecar"]["image"]
        assert option(command, "--publish") == SERVICES["sidecar"]["ports"]


def test_what_is_stopped_is_a_service() -> None:
    assert all(name in SERVICES for command in starting("docker", "compose", "stop") for name in command)


def test_what_is_exported_is_asked_for() -> None:
    asked = set(re.findall(r"\$\{(\w+):-", (ROOT / "docker-compose.yml").read_text()))
    assert {word.partition("=")[0] for command in starting("export") for word in command} == asked


def test_the_open_ports_are_told() -> None:
    ports = {port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", ())}
    assert set(re.findall(r"^\| http://localhost:(\d+) ", DEPLOY.read_text(), re.MULTILINE)) == ports


def test_what_is_applied_and_made_in_kubernetes_is_there() -> None:
    namespace = manifests()["Namespace"]["metadata"]["name"]
    for command in starting("kubectl", "apply"):
        assert (ROOT / command[1]).exists()
    for command in starting("kubectl", "-n", namespace, "create"):
        for path in option(command, "--from-file"):
            assert (STAND_IN_SECRETS / path).exists() if command[0] == "secret" else (ROOT / path).exists()


def test_every_manifest_is_explained() -> None:
    told = set(re.findall(r"^\| `(\w+\.yml)`", DEPLOY.read_text(), re.MULTILINE))
    assert told == {path.name for path in (ROOT / "deploy" / "kubernetes").glob("*.yml")}


def test_an_agent_is_started_as_its_configuration_says() -> None:
    (told,) = starting("prometheus")
    at_its_top = re.findall(r"^#     prometheus (.+)$", agent().read_text(), re.MULTILINE)
    assert [word.replace("deploy/prometheus/", "") for word in told] == shlex.split(at_its_top[0])
    assert (ROOT / option(told, "--config.file")[0]) == agent()


def test_the_rules_that_are_named_are_there() -> None:
    for command in starting("vmalert"):
        assert (ROOT / option(command, "-rule")[0]).exists()


def agent() -> Path:
    return ROOT / "deploy" / "prometheus" / "agent.yml"


@pytest.mark.parametrize("document", [DEPLOY, SCALING_OUT], ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", document.read_text()):
        path, _, heading = link.partition("#")
        if path.startswith("https://"):
            continue
        target = document.parent / path if path else document
        headings = [
            line.lstrip("# ").lower().replace(" ", "-")
            for line in target.read_text().splitlines()
            if line.startswith("#")
        ]
        assert heading == "" or heading in headings
