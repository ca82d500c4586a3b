"""What the services that aren't ours are given, and what they ask of ours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from dashboards.alerts import ALERTS
from dashboards.queries import SIDECAR_JOB
from sidecar.app import Sidecar
from sidecar.config import Config, load
from sidecar.discovery import RELATION_LABEL
from sidecar.redaction import Redactor
from tests.deploy.image import ROOT
from tests.deploy.stack import DEPLOY, compose, manifests

SERVICES = compose()["services"]
PORT = Config().listen.port
PROMETHEUS_FILES = ("prometheus", "everywhere", "agent")
SCALING_OUT = (ROOT / "docs" / "scaling-out.md").read_text()


def prometheus(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus" / f"{name}.yml").read_text())
    return loaded


def mounts(service: str) -> dict[str, str]:
    """Path in the container → what is there, of this repository or a volume."""
    return {volume.split(":")[1]: volume.split(":")[0] for volume in SERVICES[service]["volumes"]}


@pytest.mark.parametrize("service", ["prometheus", "alertmanager"])
def test_a_service_is_started_with_the_files_that_are_mounted(service: str) -> None:
    paths = dict(re.findall(r"--([a-z.]+)=(/\S+)", "\n".join(SERVICES[service]["command"])))
    assert paths.pop("config.file") in mounts(service)
    (storage,) = paths.values()
    assert mounts(service)[storage] in compose()["volumes"]


@pytest.mark.parametrize("service", ["prometheus", "alertmanager"])
def test_links_to_a_service_lead_to_the_port_that_is_open(service: str) -> None:
    """By itself it names the container, which no browser finds."""
    (url,) = re.findall(r"^--web\.external-url=(.+)$", "\n".join(SERVICES[service]["command"]), re.MULTILINE)
    (port,) = SERVICES[service]["ports"]
    assert url == f"http://localhost:{port.split(':')[1]}"


def test_prometheus_finds_the_rules_beside_its_configuration() -> None:
    for rules in prometheus("prometheus")["rule_files"]:
        assert mounts("prometheus")[f"/etc/prometheus/{rules}"] == "./dashboards/generated/rules.yml"


@pytest.mark.parametrize("name", PROMETHEUS_FILES)
def test_the_job_has_the_name_that_the_rules_know(name: str) -> None:
    assert [job["job_name"] for job in prometheus(name)["scrape_configs"]] == [SIDECAR_JOB]


def test_the_operators_job_has_it_too() -> None:
    (endpoint,) = manifests()["PodMonitor"]["spec"]["podMetricsEndpoints"]
    assert endpoint["relabelings"][0] == {"targetLabel": "job", "replacement": SIDECAR_JOB}


def test_the_operator_names_a_sidecar_by_its_pod_as_the_members_of_the_shards_are_named() -> None:
    """By its address each new pod would be another sidecar, and the old one never come back."""
    (endpoint,) = manifests()["PodMonitor"]["spec"]["podMetricsEndpoints"]
    assert endpoint["relabelings"][1:] == [
        {"sourceLabels": ["__meta_kubernetes_pod_name"], "targetLabel": "instance"}
    ]
    (sidecar,) = manifests()["StatefulSet"]["spec"]["template"]["spec"]["initContainers"]
    (name,) = [each["valueFrom"] for each in sidecar["env"] if each["name"] == "SIDECAR_NAME"]
    assert name == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_prometheus_scrapes_and_tells_services_of_the_stack() -> None:
    config = prometheus("prometheus")
    (job,) = config["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"sidecar:{PORT}"]}]
    (manager,) = config["alerting"]["alertmanagers"]
    (target,) = manager["static_configs"][0]["targets"]
    assert_published("alertmanager", target)
    assert {*SERVICES["sidecar"]["networks"]} & {*SERVICES["prometheus"]["networks"]}
    assert {*SERVICES["alertmanager"]["networks"]} & {*SERVICES["prometheus"]["networks"]}


def assert_published(service: str, address: str) -> None:
    host, _, port = address.partition(":")
    assert host == service
    assert SERVICES[service]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_alertmanager_holds_back_our_own_alerts_alone_and_of_the_same_dependency() -> None:
    config = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text())
    ours = {alert.name for alert in ALERTS}
    for rule in config["inhibit_rules"]:
        for (matcher,) in (rule["source_matchers"], rule["target_matchers"]):
            named = re.fullmatch(r'alertname =~? "?([\w|]+)"?', matcher)
            assert named is not None, matcher
            assert {*named[1].split("|")} <= ours
        assert rule["equal"] == ["dependency"]


def test_grafana_finds_prometheus_and_the_generated_dashboards() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert_published("prometheus", str(urlsplit(source["url"]).netloc))
    assert source["jsonData"]["timeInterval"] == prometheus("prometheus")["global"]["scrape_interval"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "pipeline.yml").read_text())["providers"]
    folder = provider["options"]["path"]
    assert mounts("grafana")[folder] == "./dashboards/generated"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (ROOT / mounts("grafana")[folder] / Path(home).relative_to(folder)).exists()


def test_what_runs_beside_a_sidecar_asks_it_where_it_listens_by_default() -> None:
    served = {
        route.resource.canonical
        for route in Sidecar(Config(), Redactor()).application().router.routes()
        if route.resource is not None
    }
    for name in ("everywhere", "agent"):
        (job,) = prometheus(name)["scrape_configs"]
        (discovery,) = job["http_sd_configs"]
        url = urlsplit(discovery["url"])
        assert url.netloc == str(Config().listen)
        assert url.path in served


def test_an_agent_keeps_the_sidecar_beside_it_alone() -> None:
    (job,) = prometheus("agent")["scrape_configs"]
    assert job["relabel_configs"][0] == {"source_labels": [RELATION_LABEL], "regex": "self", "action": "keep"}
    assert RELATION_LABEL in SCALING_OUT


def test_an_agent_names_its_sidecar_by_what_alerts_and_dashboards_tell_them_apart() -> None:
    (job,) = prometheus("agent")["scrape_configs"]
    named = job["relabel_configs"][1]
    assert named.keys() == {"target_label", "replacement"}
    assert named["target_label"] == "instance"
    assert "`instance`" in SCALING_OUT


def test_an_agent_has_nothing_that_an_agent_refuses() -> None:
    assert prometheus("agent").keys() == {"global", "scrape_configs", "remote_write"}


@pytest.mark.parametrize("key", ["discovery", "sharding"])
def test_what_the_document_shows_is_a_configuration(key: str, tmp_path: Path) -> None:
    (shown,) = [
        text for text in re.findall(r"```yaml\n(.*?)```", SCALING_OUT, re.DOTALL) if f"{key}:\n" in text
    ]
    (tmp_path / "sidecar.yml").write_text(shown)
    assert getattr(load({}, tmp_path / "sidecar.yml"), key) != getattr(Config(), key)
