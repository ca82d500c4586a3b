"""The manifests are Kubernetes', and say the same of the same things."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from sidecar.config import load
from tests.deploy.stack import KUBERNETES, OF_THE_USERS, STAND_IN_SECRETS, manifests

NATIVE = ("Namespace", "ConfigMap", "Service", "StatefulSet", "NetworkPolicy")
SET = manifests()["StatefulSet"]
POD = SET["spec"]["template"]


@pytest.mark.parametrize("version", ["1.29", "1.37"])
@pytest.mark.parametrize("kind", NATIVE)
def test_a_manifest_obeys_the_schema(kind: str, version: str) -> None:
    kubernetes_validate.validate(manifests()[kind], version, strict=True)


def test_the_schema_finds_mistakes() -> None:
    wrong: dict[str, Any] = {**SET, "spec": {**SET["spec"], "replica": 3}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.37", strict=True)


def test_every_manifest_is_applied() -> None:
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    assert set(kustomization["resources"]) == {path.name for path in KUBERNETES.glob("*.yml")}
    assert kustomization["namespace"] == manifests()["Namespace"]["metadata"]["name"]
    assert manifests().keys() == {*NATIVE, "PodMonitor"}


def test_everything_is_about_the_same_pods() -> None:
    labels = POD["metadata"]["labels"]
    assert SET["spec"]["selector"]["matchLabels"] == labels
    assert SET["spec"]["serviceName"] == manifests()["Service"]["metadata"]["name"]
    assert manifests()["Service"]["spec"]["selector"] == labels
    assert manifests()["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert manifests()["PodMonitor"]["spec"]["selector"]["matchLabels"] == labels


def test_the_pod_monitor_has_fields_of_its_api_alone() -> None:
    """Those of monitoring.coreos.com/v1, whose schema comes with the operator and not with Kubernetes."""
    spec = manifests()["PodMonitor"]["spec"]
    assert spec.keys() == {"selector", "podMetricsEndpoints"}
    (endpoint,) = spec["podMetricsEndpoints"]
    assert endpoint.keys() == {"port", "path", "interval", "scrapeTimeout", "relabelings"}


def test_every_pod_is_a_member_of_the_shards(tmp_path: Path) -> None:
    file = tmp_path / "sidecar.yml"
    file.write_text(manifests()["ConfigMap"]["data"]["sidecar.yml"])
    pods = [f"{SET['metadata']['name']}-{number}" for number in range(SET["spec"]["replicas"])]
    for pod in pods:
        sharding = load({"SIDECAR_NAME": pod}, file).sharding
        assert sharding is not None
        assert (sharding.name, list(sharding.members)) == (pod, pods)
        assert 2 <= sharding.replicas < len(pods)


def test_every_volume_is_used_and_every_one_used_is_there() -> None:
    volumes = {volume["name"] for volume in POD["spec"]["volumes"]}
    containers = [*POD["spec"]["initContainers"], *POD["spec"]["containers"]]
    assert volumes == {mount["name"] for container in containers for mount in container["volumeMounts"]}


def test_secrets_are_referred_to_and_the_document_tells_how_to_make_them() -> None:
    named = {
        value["value"].rpartition("/")[2]
        for container in (*POD["spec"]["initContainers"], *POD["spec"]["containers"])
        for value in container["env"]
        if value.get("value", "").startswith("/run/secrets/")
    }
    assert named <= {file.name for file in STAND_IN_SECRETS.iterdir()}
    document = (KUBERNETES.parents[1] / "docs" / "deploy.md").read_text()
    for name in (*OF_THE_USERS, *named):
        assert name in document
