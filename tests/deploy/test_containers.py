"""Whatever the containers are told, the code understands: commands, variables, paths, ports."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pipeline import cli as pipeline_cli
from pipeline.demo import __main__ as stand_in_cli
from pipeline.settings import Settings
from sidecar import cli as sidecar_cli
from sidecar.app import Sidecar
from sidecar.config import Config, ListenAddress, load
from sidecar.config.environment import SECRETS, VARIABLES
from sidecar.redaction import Redactor
from tests.deploy.image import dockerfile
from tests.deploy.stack import (
    Container,
    compose,
    compose_containers,
    manifests,
    pod_containers,
)

PARSERS: Mapping[str, Callable[[list[str]], argparse.Namespace]] = {
    "sidecar": lambda arguments: sidecar_cli._parser().parse_args(arguments),
    "pipeline": pipeline_cli._parse,
    "python": lambda arguments: stand_in_cli._parse(arguments[2:]),
}
CONTAINERS = [*compose_containers(), *pod_containers()]
SIDECARS = [container for container in CONTAINERS if container.target == "sidecar"]
WORKERS = [container for container in CONTAINERS if container.argv[:2] == ["pipeline", "run"]]
OF_THE_IMAGE = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
SCRATCH = "/tmp"  # noqa: S108
PORT = Config().listen.port


def each(containers: list[Container]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("container", containers, ids=lambda container: container.where)


def parsed(argv: list[str]) -> argparse.Namespace:
    if argv[0] == "python":
        assert argv[1:3] == ["-m", "pipeline.demo"]
    return PARSERS[argv[0]](argv[1:])


@each(CONTAINERS)
def test_every_command_is_one_of_ours(container: Container) -> None:
    parsed(container.argv)


def test_the_images_own_commands_are_ours() -> None:
    for target in ("sidecar", "worker"):
        stage = dockerfile()[target]
        assert stage.entrypoint[0] in PARSERS
        if stage.command != ["--help"]:
            parsed([*stage.entrypoint, *stage.command])
    assert vars(parsed(dockerfile()["sidecar"].healthcheck))["live"] is True
    assert compose()["services"]["sidecar"]["healthcheck"]["test"] == [
        "CMD",
        *dockerfile()["sidecar"].healthcheck,
    ]


@each(CONTAINERS)
def test_every_path_that_a_command_names_is_mounted(container: Container) -> None:
    options = vars(parsed(container.argv))
    for path in options.get("paths", ()):
        found = container.on_this_machine(str(path))
        assert isinstance(found, Path)
        assert any(found.glob("*.md"))
    if "output" in options:
        assert str(options["output"]) in container.writable


def as_on_this_machine(container: Container, tmp_path: Path) -> dict[str, str]:
    """The variables, those that name a file with where it is in this repository."""
    environment = {name: value for name, value in container.environment.items() if name not in OF_THE_IMAGE}
    for name, value in environment.items():
        if not value.startswith("/"):
            continue
        found = container.on_this_machine(value)
        if name == "SIDECAR_CONFIG":
            config, _, key = str(found).partition("/")
            assert config == manifests()["ConfigMap"]["metadata"]["name"]
            found = tmp_path / key
            found.write_text(manifests()["ConfigMap"]["data"][key])
        environment[name] = str(found)
    return environment


class Asked(dict[str, str]):
    """Notes the names that are looked up."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.names.add(key)
        return super().get(key, default)


@each(SIDECARS)
def test_the_sidecar_takes_its_variables(container: Container, tmp_path: Path) -> None:
    environment = as_on_this_machine(container, tmp_path)
    assert environment.keys() <= {*VARIABLES, *(f"{name}_FILE" for name in SECRETS)}
    config = load(environment)
    assert {"mongodb", "pdf_service", "openrouter"} <= config.dependencies.keys()
    assert config.listen == ListenAddress("0.0.0.0", PORT)


@each(WORKERS)
def test_the_worker_takes_its_variables(container: Container, tmp_path: Path) -> None:
    environment = Asked(as_on_this_machine(container, tmp_path))
    settings = Settings.from_environment(environment)
    assert environment.keys() <= environment.names
    assert settings.mongodb_uri is not None


@each(WORKERS)
def test_another_provider_is_one_more_key(container: Container, tmp_path: Path) -> None:
    """As docs/deploy.md says."""
    key = tmp_path / "anthropic_api_key"
    key.write_text("one-more\n")
    environment = as_on_this_machine(container, tmp_path) | {"ANTHROPIC_API_KEY_FILE": str(key)}
    asked = {access.name for access in Settings.from_environment(environment).language_models}
    assert asked == {"openrouter", "anthropic"}


def test_the_pods_share_the_budget_that_they_are_given(tmp_path: Path) -> None:
    """The dashboards and alerts take it for one; the spool of a pod is no other's, and ends with it."""
    (worker,) = [container for container in WORKERS if container.where.startswith("statefulset")]
    ledger = Settings.from_environment(as_on_this_machine(worker, tmp_path)).ledger
    assert manifests()["StatefulSet"]["spec"]["replicas"] > 1
    assert ledger.budget_nano_usd is not None
    assert ledger.mongodb_uri is not None


@each(WORKERS)
def test_sidecar_and_worker_know_the_same_dependencies(container: Container) -> None:
    beside = next(
        each for each in SIDECARS if each.where.partition(":")[0] == container.where.partition(":")[0]
    )
    for name in container.environment.keys() & {*VARIABLES, *(f"{name}_FILE" for name in SECRETS)} - {
        "SIDECAR_LISTEN"
    }:
        assert container.environment[name] == beside.environment[name]
    assert container.environment["SIDECAR_SPOOL"] in container.writable & beside.writable
    assert container.on_this_machine(container.environment["SIDECAR_SPOOL"]) == beside.on_this_machine(
        beside.environment["SIDECAR_SPOOL"]
    )


def test_the_spool_and_the_output_are_the_users_that_writes_them() -> None:
    runtime = dockerfile()["runtime"]
    assert set(runtime.made) == {runtime.environment["SIDECAR_SPOOL"], "/output"}
    for container in CONTAINERS:
        for inside in container.writable - {SCRATCH}:
            assert inside in runtime.made


def test_every_port_is_the_one_that_is_listened_on() -> None:
    sidecar = dockerfile()["sidecar"]
    assert sidecar.ports == (PORT,)
    assert sidecar.environment["SIDECAR_LISTEN"] == f"0.0.0.0:{PORT}"
    assert compose()["services"]["sidecar"]["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    assert [port["port"] for port in manifests()["Service"]["spec"]["ports"]] == [PORT]
    assert [port["targetPort"] for port in manifests()["Service"]["spec"]["ports"]] == [PORT]
    pod = manifests()["StatefulSet"]["spec"]["template"]["spec"]
    assert pod["initContainers"][0]["ports"] == [{"name": "metrics", "containerPort": PORT}]
    assert manifests()["NetworkPolicy"]["spec"]["ingress"][0]["ports"] == [{"protocol": "TCP", "port": PORT}]


async def test_what_is_asked_of_the_sidecar_is_served() -> None:
    app = Sidecar(Config(), Redactor()).application()
    served = {route.resource.canonical for route in app.router.routes() if route.resource is not None}
    sidecar = manifests()["StatefulSet"]["spec"]["template"]["spec"]["initContainers"][0]
    probes = [sidecar[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")]
    assert {probe["port"] for probe in probes} == {"metrics"}
    assert [probe["path"] for probe in probes] == ["/healthz", "/healthz", "/readyz"]
    endpoint = manifests()["PodMonitor"]["spec"]["podMetricsEndpoints"][0]
    assert endpoint["port"] == "metrics"
    assert {"/healthz", "/readyz", "/sd", endpoint["path"]} <= served


def test_every_url_leads_to_a_service_on_the_same_network() -> None:
    services = compose()["services"]
    listening = {
        container.where.rpartition(" ")[2]: vars(parsed(container.argv))["listen"][1]
        for container in compose_containers()
        if container.argv[0] == "python"
    } | {"gotenberg": 3000, "mongodb": 27017, "prometheus": 9090}
    found = set()
    for container in compose_containers():
        name = container.where.rpartition(" ")[2]
        uris = [value for value in container.environment.values() if re.match(r"https?://", value)]
        if (file := container.environment.get("MONGODB_URI_FILE")) is not None:
            uris.append(Path(container.on_this_machine(file)).read_text())
        for uri in uris:
            parts = urlsplit(uri)
            if parts.hostname == "localhost":
                continue  # a link for the browser
            assert parts.hostname is not None
            assert listening[parts.hostname] == parts.port
            assert {*services[parts.hostname]["networks"]} & {*services[name]["networks"]}
            found.add(parts.hostname)
    assert found == listening.keys()
