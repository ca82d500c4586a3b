"""Sidecars that know each other: one list for Prometheus, and the probing shared among them."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from tests.e2e.conftest import Start
from tests.e2e.scale_out.machines import written
from tests.e2e.servers import Prometheus, Sidecar, free_port, wait_until

NAMES = ("a", "b", "c")
DEPENDENCIES = [f"service_{number}" for number in range(12)]


async def test_a_prometheus_scrapes_everyone_that_one_of_them_lists(start: Start, tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    # The same configuration for both: each leaves itself out of the peers.
    peers = ", ".join(f"'127.0.0.1:{port}'" for port in ports)
    config = f"discovery: {{peers: [{peers}], labels: {{region: eu}}}}\n"
    for port in ports:
        await start(Sidecar(tmp_path / str(port), config, port=port))
    file = tmp_path / "everywhere.yml"
    changes = {
        "http://127.0.0.1:9747/sd": f"http://127.0.0.1:{ports[0]}/sd",
        "scrape_interval: 15s": "scrape_interval: 1s",
        "scrape_timeout: 10s": "scrape_timeout: 1s",
    }
    file.write_text(written("everywhere.yml", changes))
    prometheus = await start(Prometheus(file, tmp_path / "prometheus"))
    await prometheus.wait_for_value('count(up{job="sidecar",region="eu"} == 1)', 2)
    (own,) = [target for target in await prometheus.targets() if str(ports[0]) in target["scrapeUrl"]]
    assert own["discoveredLabels"]["__meta_sidecar_relation"] == "self"


async def test_each_dependency_is_probed_by_two_of_three_and_the_rest_take_over(
    start: Start, tmp_path: Path
) -> None:
    asked: Counter[str] = Counter()

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked["connections"] += 1
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as target:
        address = f"127.0.0.1:{target.sockets[0].getsockname()[1]}"
        probes = "".join(f"  {name}: {{kind: tcp, address: '{address}'}}\n" for name in DEPENDENCIES)
        rest = f"interval_seconds: 3600\ndependencies:\n{probes}"
        configs = {
            members: f"sharding: {{members: [{', '.join(members)}], replicas: 2}}\n{rest}"
            for members in (NAMES, NAMES[:2])
        }
        sidecars = [
            await start(Sidecar(tmp_path / name, configs[NAMES], variables={"SIDECAR_NAME": name}))
            for name in NAMES
        ]
        shown = [await probed_by(sidecar) for sidecar in sidecars]
        assert Counter(name for each in shown for name in each) == dict.fromkeys(DEPENDENCIES, 2)
        assert asked["connections"] == 2 * len(DEPENDENCIES)

        await sidecars[2].kill()
        for sidecar in sidecars[:2]:
            (sidecar.directory / "sidecar.yml").write_text(configs[NAMES[:2]])

        async def have_taken_over() -> bool:
            return [await probed_by(sidecar) for sidecar in sidecars[:2]] == [set(DEPENDENCIES)] * 2

        await wait_until(have_taken_over, "the two that are left probe everything")


async def probed_by(sidecar: Sidecar) -> set[str]:
    _, document = await sidecar.document()
    return set(document["dependencies"])
