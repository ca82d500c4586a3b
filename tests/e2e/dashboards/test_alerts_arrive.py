"""From a killed service to a real Alertmanager, and back. How long alerts hold is test_rules.py's matter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.conftest import Start
from tests.e2e.dashboards.fast_prometheus import fast_prometheus
from tests.e2e.servers import Alertmanager, Sidecar, StandIn, wait_until

CONFIG = """\
interval_seconds: 0.5
timeout_seconds: 0.4
dependencies:
  pdf_service: {{kind: pdf, url: "{pdf_service}"}}
  renderer: {{kind: pdf, url: "{renderer}", critical: true}}
"""


async def test_a_killed_service_reaches_alertmanager_and_resolves(start: Start, tmp_path: Path) -> None:
    pdf_service = await start(StandIn(tmp_path / "pdf_service", "pdf_service"))
    renderer = await start(StandIn(tmp_path / "renderer", "pdf_service"))
    config = CONFIG.format(pdf_service=pdf_service.url, renderer=renderer.url)
    sidecar = await start(Sidecar(tmp_path / "sidecar", config))
    alertmanager = await start(Alertmanager(tmp_path / "alertmanager"))
    prometheus = await start(
        fast_prometheus(tmp_path / "prometheus", sidecar.port, alertmanager_port=alertmanager.port)
    )
    await prometheus.wait_for_value('probe_success{dependency="pdf_service"}', 1)
    assert await alertmanager.alerts(alertname="ProbeDown") == []

    await pdf_service.kill()
    seen: list[dict[str, Any]] = []

    async def has_arrived() -> bool:
        seen[:] = await alertmanager.alerts(alertname="ProbeDown")
        return bool(seen)

    await wait_until(has_arrived, "ProbeDown is in Alertmanager")
    (alert,) = seen
    assert alert["labels"] == {
        "alertname": "ProbeDown",
        "dependency": "pdf_service",
        "severity": "warning",
    }
    assert alert["annotations"] == {
        "summary": "pdf_service is down",
        "description": "Every probe of pdf_service has failed for two minutes (connect).",
        "runbook_url": "docs/runbooks/ProbeDown.md",
    }
    assert await alertmanager.alerts(alertname="CriticalProbeDown") == []

    await pdf_service.start()

    async def has_resolved() -> bool:
        return await alertmanager.alerts(alertname="ProbeDown") == []

    await wait_until(has_resolved, "ProbeDown is resolved")


async def test_a_sidecar_that_is_gone_is_told(start: Start, tmp_path: Path) -> None:
    sidecar = await start(Sidecar(tmp_path / "sidecar", "dependencies: {}\n"))
    alertmanager = await start(Alertmanager(tmp_path / "alertmanager"))
    prometheus = await start(
        fast_prometheus(tmp_path / "prometheus", sidecar.port, alertmanager_port=alertmanager.port)
    )
    await prometheus.wait_for_value("up", 1)
    await sidecar.kill()
    seen: list[dict[str, Any]] = []

    async def has_arrived() -> bool:
        seen[:] = await alertmanager.alerts(alertname="SidecarDown")
        return bool(seen)

    await wait_until(has_arrived, "SidecarDown is in Alertmanager")
    assert [alert["labels"] for alert in seen] == [
        {
            "alertname": "SidecarDown",
            "instance": f"127.0.0.1:{sidecar.port}",
            "job": "sidecar",
            "severity": "critical",
        }
    ]
