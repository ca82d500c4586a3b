"""The files of the deployment are what the programs that read them take."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.stack import GENERATED, KUBERNETES, compose, manifests
from tests.e2e.conftest import Program
from tests.e2e.servers.process import REPOSITORY

COMPOSE = "compose-config"


def run(*command: str, cwd: Path = REPOSITORY, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_compose_file_is_one_to_composes_own_loader(program: Program) -> None:
    loaded = run(program(COMPOSE), "docker-compose.yml")
    assert loaded.returncode == 0, loaded.stderr
    project: dict[str, Any] = json.loads(loaded.stdout)
    assert project["services"].keys() == compose()["services"].keys()
    for name, service in project["services"].items():
        # Merged and interpolated by itself, it is what the other tests judge.
        assert service["command"] == compose()["services"][name].get("command")
        assert service["read_only"] is True


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("    ports: [", "    port: ["),
        ("    networks: [monitoring", "    networks: [monitorings"),
        ("    secrets: [grafana_", "    secrets: [grafanas_"),
        ("      sidecar: {condition: service_healthy}", "      sidecars: {condition: service_healthy}"),
    ],
)
def test_a_compose_file_with_a_mistake_is_none(
    program: Program, tmp_path: Path, line: str, wrong: str
) -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text()
    assert line in text
    (tmp_path / "docker-compose.yml").write_text(text.replace(line, wrong))
    assert run(program(COMPOSE), "docker-compose.yml", cwd=tmp_path).returncode != 0


def test_secrets_and_addresses_of_ones_own_take_the_place_of_the_stand_ins(program: Program) -> None:
    loaded = run(
        program(COMPOSE),
        "docker-compose.yml",
        SECRETS_DIRECTORY="/srv/secrets",
        OPENROUTER_BASE_URL="https://openrouter.ai/api/v1",
    )
    project: dict[str, Any] = json.loads(loaded.stdout)
    assert project["secrets"]["openrouter_api_key"]["file"] == "/srv/secrets/openrouter_api_key"
    for name in ("sidecar", "worker"):
        environment = project["services"][name]["environment"]
        assert environment["OPENROUTER_BASE_URL"] == "https://openrouter.ai/api/v1"


@pytest.mark.parametrize(
    ("name", "option"), [("prometheus", None), ("everywhere", None), ("agent", "--agent")]
)
def test_prometheus_takes_its_configurations(
    program: Program, tmp_path: Path, name: str, option: str | None
) -> None:
    """Laid out as docker-compose.yml mounts them: the rules beside the configuration."""
    (tmp_path / f"{name}.yml").write_text((REPOSITORY / "deploy" / "prometheus" / f"{name}.yml").read_text())
    (tmp_path / "rules.yml").write_text((REPOSITORY / "dashboards" / "generated" / "rules.yml").read_text())
    options = [] if option is None else [option]
    check = run(program("promtool"), "check", "config", *options, str(tmp_path / f"{name}.yml"))
    assert check.returncode == 0, check.stderr
    assert option == "--agent" or "rules found" in check.stdout


def test_alertmanager_takes_its_configuration(program: Program) -> None:
    check = run(program("amtool"), "check-config", "deploy/alertmanager/alertmanager.yml")
    assert check.returncode == 0, check.stderr


def built(program: Program, folder: Path) -> list[dict[str, Any]]:
    """What `kubectl apply -k` would send."""
    kustomize = program("kubectl", "kustomize")
    verb = "kustomize" if Path(kustomize).name == "kubectl" else "build"
    done = run(kustomize, verb, str(folder))
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def test_kustomize_makes_objects_of_every_manifest_and_dashboard(program: Program) -> None:
    objects = built(program, KUBERNETES)
    assert {each["kind"] for each in objects} == manifests().keys()
    assert {each["metadata"].get("namespace", "pipeline") for each in objects} == {"pipeline"}
    (rules,) = [each for each in objects if each["kind"] == "PrometheusRule"]
    assert rules["spec"] == manifests()["PrometheusRule"]["spec"]
    dashboards = {
        name: json.loads(text)
        for each in objects
        if each["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
        for name, text in each["data"].items()
    }
    assert dashboards == {path.name: json.loads(path.read_text()) for path in GENERATED.glob("*.json")}


def test_the_kustomization_of_the_document_has_what_the_operator_selects_and_other_images(
    program: Program, tmp_path: Path
) -> None:
    document = (REPOSITORY / "docs" / "deploy.md").read_text()
    (shown,) = re.findall(r"```yaml\n(.*?)```", document, re.DOTALL)
    (tmp_path / "kustomization.yaml").write_text(shown)
    for folder in (KUBERNETES, GENERATED):
        shutil.copytree(folder, tmp_path / "pipeline" / folder.relative_to(REPOSITORY))
    objects = {each["kind"]: each for each in built(program, tmp_path)}
    for kind in ("PodMonitor", "PrometheusRule"):
        assert objects[kind]["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert objects["PodMonitor"]["spec"] == manifests()["PodMonitor"]["spec"]
    pod = objects["StatefulSet"]["spec"]["template"]
    assert pod["metadata"] == manifests()["StatefulSet"]["spec"]["template"]["metadata"]
    images = [each["image"] for each in (*pod["spec"]["initContainers"], *pod["spec"]["containers"])]
    assert all(image.startswith("registry.example.net/pipeline-") for image in images)
