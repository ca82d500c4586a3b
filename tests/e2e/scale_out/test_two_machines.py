"""Two sidecars with an agent each, and VictoriaMetrics, where everything comes together."""

from __future__ import annotations

from pathlib import Path

from dashboards.alerts import GROUPS
from dashboards.rules import rules_yaml
from tests.e2e.conftest import Start
from tests.e2e.scale_out.machines import Machine, count, documented_flags
from tests.e2e.servers import Alertmanager, VictoriaMetrics, Vmalert, free_port, wait_until

CALLS = 'pipeline_calls_total{dependency="openrouter",outcome="success"}'


async def test_totals_are_right_and_one_sidecars_end_is_told_while_the_other_goes_on(
    start: Start, tmp_path: Path
) -> None:
    ports = free_port(), free_port()
    one = Machine("one", tmp_path, port=ports[0], peer_ports=(ports[1],))
    two = Machine("two", tmp_path, port=ports[1], peer_ports=(ports[0],))
    metrics = await start(VictoriaMetrics(tmp_path / "metrics"))
    alertmanager = await start(Alertmanager(tmp_path / "alertmanager"))
    rules = tmp_path / "rules.yml"
    rules.write_text(rules_yaml(GROUPS, hold_seconds=2))
    flags = documented_flags(
        "vmalert",
        {
            "dashboards/generated/rules.yml": str(rules),
            "http://127.0.0.1:8428": metrics.url,
            "http://127.0.0.1:9093": alertmanager.url,
        },
    )
    await start(Vmalert(tmp_path / "vmalert", *flags))
    for machine in (one, two):
        await start(machine.sidecar)
    await start(one.agent(metrics))
    agent_of_two = await start(two.agent(metrics))
    workers = [await machine.worker() for machine in (one, one, two)]
    try:
        for worker, calls in zip(workers, (30, 7, 54), strict=True):
            await count(worker, calls)
        await metrics.wait_for_value(f"sum({CALLS})", 91)
        # Each lists the other as a peer, and yet nobody is scraped twice.
        assert await metrics.value('count(up{job="sidecar"})') == 2
        workers[1].kill()
        await workers[1].wait()
        await count(workers[0], 9)
        await metrics.wait_for_value(f"sum({CALLS})", 100)
        await metrics.wait_for_value(f'sum({CALLS[:-1]},instance="{one.instance}"}})', 46)

        assert await alertmanager.alerts(alertname="SidecarDown") == []
        await one.sidecar.kill()
        await metrics.wait_for_value(f'up{{job="sidecar",instance="{one.instance}"}}', 0)
        await count(workers[2], 6)
        await metrics.wait_for_value(f'sum({CALLS[:-1]},instance="{two.instance}"}})', 60)
        assert await metrics.value(f'up{{job="sidecar",instance="{two.instance}"}}') == 1

        async def is_told() -> bool:
            alerts = await alertmanager.alerts(alertname="SidecarDown")
            return [alert["labels"]["instance"] for alert in alerts] == [one.instance]

        await wait_until(is_told, "SidecarDown is in Alertmanager, for the one that was killed alone")
        # Where the overview's "What is wrong now" looks.
        firing = f'ALERTS{{alertname="SidecarDown",alertstate="firing",instance="{one.instance}"}}'
        await metrics.wait_for_value(f"sum({firing})", 1)

        # What it had not served is in its spool: nothing is lost with it.
        await count(workers[0], 4)
        await one.sidecar.start()
        await metrics.wait_for_value(f"sum({CALLS})", 110)

        # A machine that is lost with all that is on it says nothing, not even that it is down.
        assert await alertmanager.alerts(alertname="SidecarGone") == []
        await agent_of_two.kill()
        await two.sidecar.kill()

        async def is_missed() -> bool:
            alerts = await alertmanager.alerts(alertname="SidecarGone")
            return [alert["labels"]["instance"] for alert in alerts] == [two.instance]

        await wait_until(is_missed, "SidecarGone is in Alertmanager, for the machine that was lost")
        last = await metrics.value(f'last_over_time(up{{job="sidecar",instance="{two.instance}"}}[1h])')
        assert last == 1, "SidecarDown could have told of it"
    finally:
        for worker in workers:
            if worker.returncode is None:
                worker.kill()
            await worker.wait()
