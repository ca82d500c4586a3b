"""Every container has the least that it needs."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from typing import Any

import pytest

from tests.deploy.image import ROOT, dockerfile
from tests.deploy.stack import DEPLOY, STAND_IN_SECRETS, compose, manifests

SERVICES = compose()["services"]
POD = manifests()["StatefulSet"]["spec"]["template"]["spec"]
SERVICE = pytest.mark.parametrize("name", SERVICES)
OF_THE_POD = pytest.mark.parametrize(
    "container", [*POD["initContainers"], *POD["containers"]], ids=lambda container: container["name"]
)
PINNED = re.compile(r"[a-z/.-]+:v?[0-9]+\.[0-9]+\.[0-9]+(-[a-z0-9.-]+)?(@sha256:[0-9a-f]{64})?")


@SERVICE
def test_a_service_writes_nowhere_but_in_its_volumes_and_gains_no_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "cap_add" not in service
    assert int(service["user"].partition(":")[0]) > 0


@SERVICE
def test_a_service_is_bounded(name: str) -> None:
    assert SERVICES[name]["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert SERVICES[name]["logging"]["options"].keys() == {"max-size", "max-file"}


@SERVICE
def test_a_service_is_asked_for_its_health(name: str) -> None:
    healthcheck = SERVICES[name]["healthcheck"]
    # The worker serves nothing that could be asked.
    assert healthcheck == {"disable": True} if name == "worker" else healthcheck["test"][0] == "CMD"


@SERVICE
def test_versions_are_pinned(name: str) -> None:
    assert PINNED.fullmatch(SERVICES[name]["image"])


def test_the_images_own_base_is_pinned() -> None:
    (base,) = re.findall(r"^ARG PYTHON_IMAGE=(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert PINNED.fullmatch(base)


@SERVICE
def test_no_port_is_open_to_other_machines(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@SERVICE
def test_who_is_waited_for_can_say_that_it_is_ready(name: str) -> None:
    for other, condition in SERVICES[name].get("depends_on", {}).items():
        assert condition == {"condition": "service_healthy"}
        assert "test" in SERVICES[other]["healthcheck"]


@SERVICE
def test_every_file_that_is_mounted_is_there(name: str) -> None:
    for volume in SERVICES[name].get("volumes", ()):
        source = volume.partition(":")[0]
        if source.startswith("."):
            assert volume.endswith(":ro")
            assert (ROOT / source).exists()
        else:
            assert source in compose()["volumes"]


@SERVICE
def test_a_secret_comes_from_a_file_and_only_to_who_names_it(name: str) -> None:
    service = SERVICES[name]
    named = {
        value.removeprefix("/run/secrets/")
        for value in service.get("environment", {}).values()
        if value.startswith("/run/secrets/")
    }
    assert named == set(service.get("secrets", ()))
    secret = re.compile(r"(PASSWORD|API_KEY|URI|TOKEN)$")
    assert not any(secret.search(variable) for variable in service.get("environment", {}))


def test_every_secret_has_its_file() -> None:
    files = {ROOT / secret["file"] for secret in compose()["secrets"].values()}
    assert files == set(STAND_IN_SECRETS.iterdir())
    assert all(len(file.read_text().splitlines()) == 1 for file in files)


def test_the_databases_password_is_the_one_in_its_uri() -> None:
    password = (STAND_IN_SECRETS / "mongodb_root_password").read_text().strip()
    assert f"//root:{password}@mongodb:" in (STAND_IN_SECRETS / "mongodb_uri").read_text()


def test_nothing_that_is_mounted_lies_about_unused() -> None:
    mounted = [ROOT / volume.partition(":")[0] for s in SERVICES.values() for volume in s.get("volumes", ())]
    by_hand = {DEPLOY / "prometheus" / "agent.yml", DEPLOY / "prometheus" / "everywhere.yml"}
    for folder in ("alertmanager", "grafana", "prometheus"):
        for file in (DEPLOY / folder).rglob("*.yml"):
            assert file in by_hand or any(file.is_relative_to(source) for source in mounted)


@pytest.mark.parametrize("target", ["sidecar", "worker"])
def test_an_image_runs_as_nobody_special(target: str) -> None:
    stage = dockerfile()[target]
    assert stage.user == "10001:10001"
    assert stage.base == "runtime"
    assert SERVICES[target]["user"] == stage.user
    assert POD["securityContext"]["runAsUser"] == int(stage.user.partition(":")[0])


def test_what_the_image_is_built_from_is_in_its_context_and_nothing_else() -> None:
    rules = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert rules[0] == "*"
    allowed = {rule.removeprefix("!").removesuffix("/**") for rule in rules if rule.startswith("!")}
    assert allowed == set(dockerfile()["build-sidecar"].copied)
    assert all((ROOT / source).exists() for source in allowed)
    assert not any(fnmatch(secret, rule) for secret in (".env", "deploy") for rule in allowed)


@OF_THE_POD
def test_a_container_obeys_the_restricted_standard(container: dict[str, Any]) -> None:
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert POD["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]
    assert PINNED.fullmatch(container["image"])
    assert container["image"] == SERVICES[container["name"]]["image"]


def test_the_sidecar_starts_before_the_worker_and_ends_after_it() -> None:
    (sidecar,) = POD["initContainers"]
    assert (sidecar["name"], sidecar["restartPolicy"]) == ("sidecar", "Always")
    spool = next(volume for volume in POD["volumes"] if volume["name"] == "spool")
    assert spool["emptyDir"]["medium"] == "Memory"
