"""The manifests are Kubernetes', and say the same of the same things."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from sidecar.config import load
from tests.deploy.stack import GENERATED, KUBERNETES, OF_THE_USERS, STAND_IN_SECRETS, manifests

NATIVE = ("Namespace", "ConfigMap", "Service", "StatefulSet", "NetworkPolicy")
MAX_ANNOTATIONS_BYTES = 256 * 1024
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


def kustomization(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text())
    return loaded


def test_every_manifest_is_applied() -> None:
    *files, others = kustomization(KUBERNETES)["resources"]
    assert set(files) == {path.name for path in KUBERNETES.glob("*.yml")}
    assert (KUBERNETES / others).resolve() == GENERATED
    assert kustomization(GENERATED)["resources"] == ["prometheusrule.yml"]
    assert kustomization(KUBERNETES)["namespace"] == manifests()["Namespace"]["metadata"]["name"]
    assert manifests().keys() == {*NATIVE, "PodMonitor", "PrometheusRule"}


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


def test_the_operators_rules_are_prometheus_rules() -> None:
    rule_file = yaml.safe_load((GENERATED / "rules.yml").read_text())
    assert manifests()["PrometheusRule"]["spec"] == rule_file


def test_the_operators_rules_have_fields_of_its_api_alone() -> None:
    """Those of monitoring.coreos.com/v1; what it does not know it would drop or refuse."""
    every = {"expr", "labels"}
    alert = {*every, "alert", "for", "keep_firing_for", "annotations"}
    for group in manifests()["PrometheusRule"]["spec"]["groups"]:
        assert group.keys() == {"name", "rules"}
        for rule in group["rules"]:
            assert rule.keys() <= (alert if "alert" in rule else {*every, "record"})
            for key in rule.keys() & {"for", "keep_firing_for"}:
                assert re.fullmatch(r"\d+[smhd]", rule[key])
            texts = {**rule.get("labels", {}), **rule.get("annotations", {})}
            assert all(isinstance(value, str) for value in texts.values())


def test_every_dashboard_is_a_config_map_that_grafana_looks_for() -> None:
    generator = kustomization(GENERATED)
    assert generator["generatorOptions"]["labels"]["grafana_dashboard"] == "1"
    maps = {each["name"]: each["files"] for each in generator["configMapGenerator"]}
    assert sorted(file for files in maps.values() for file in files) == sorted(
        path.name for path in GENERATED.glob("*.json")
    )
    # Without a hash at the end, a name is one of the whole namespace.
    assert generator["generatorOptions"]["disableNameSuffixHash"] is True
    assert not maps.keys() & {*OF_THE_USERS, manifests()["ConfigMap"]["metadata"]["name"]}
    assert all(re.fullmatch(r"[a-z0-9-]{1,253}", name) for name in maps)


@pytest.mark.parametrize("path", sorted(GENERATED.glob("*.json")), ids=lambda path: path.stem)
def test_a_dashboard_fits_into_the_annotation_of_kubectl_apply(path: Path) -> None:
    annotation = json.dumps({"data": {path.name: path.read_text()}})
    assert len(annotation.encode()) < MAX_ANNOTATIONS_BYTES - 1024


def test_every_pod_is_a_member_of_the_shards(tmp_path: Path) -> None:
    file = tmp_path / "sidecar.yml"
    file.write_text(manifests()["ConfigMap"]["data"]["sidecar.yml"])
    pods = [f"{SET['metadata']['name']}-{number}" for number in range(SET["spec"]["replicas"])]
    for pod in pods:
        sharding = load({"SIDECAR_NAME": pod}, file).sharding
        assert sharding is not None
        assert (sharding.name, list(sharding.members)) == (pod, pods)
        assert 2 <= sharding.replicas < len(pods)


def test_the_last_counts_are_scraped_before_the_pod_is_killed() -> None:
    (sidecar,) = POD["spec"]["initContainers"]
    linger = load({each["name"]: each["value"] for each in sidecar["env"] if "LINGER" in each["name"]})
    (endpoint,) = manifests()["PodMonitor"]["spec"]["podMetricsEndpoints"]
    scrape_seconds = int(endpoint["interval"].removesuffix("s"))
    assert scrape_seconds < linger.linger_seconds < POD["spec"]["terminationGracePeriodSeconds"] / 2


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
