"""A Prometheus that scrapes every second, with our rules, and none of them holding back for minutes."""

from __future__ import annotations

from pathlib import Path

import yaml

from dashboards.alerts import GROUPS
from dashboards.queries import SIDECAR_JOB
from dashboards.rules import rules_yaml
from tests.e2e.servers import Prometheus

HOLD_SECONDS = 2


def fast_prometheus(folder: Path, *target_ports: int, alertmanager_port: int | None = None) -> Prometheus:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules.yml").write_text(rules_yaml(GROUPS, hold_seconds=HOLD_SECONDS))
    config: dict[str, object] = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [
            {
                "job_name": SIDECAR_JOB,
                "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in target_ports]}],
            }
        ],
    }
    if alertmanager_port is not None:
        targets = [{"targets": [f"127.0.0.1:{alertmanager_port}"]}]
        config["alerting"] = {"alertmanagers": [{"static_configs": targets}]}
    (folder / "prometheus.yml").write_text(yaml.dump(config))
    return Prometheus(folder / "prometheus.yml", folder / "storage")
