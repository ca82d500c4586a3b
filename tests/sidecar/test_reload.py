from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from sidecar.app import Sidecar
from sidecar.config import Config, load
from sidecar.redaction import Redactor
from sidecar.reload import ConfigSource, Reloader
from sidecar.service_metrics import ServiceMetrics

ONE = "dependencies: {a: {kind: http, url: 'http://127.0.0.1:9/'}}\n"
TWO = ONE + "interval_seconds: 20\n"


class Reloading:
    def __init__(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sidecar.reload.LOOK_EVERY_SECONDS", 0.005)
        self.registry = CollectorRegistry()
        self.applied: list[Config] = []
        self.file = file
        source = ConfigSource(lambda: load({}, self.file))
        self.reloader = Reloader(source, self._apply, ServiceMetrics(self.registry))
        self.source = source

    async def _apply(self, config: Config) -> None:
        self.applied.append(config)

    @property
    def successful(self) -> float | None:
        return self.registry.get_sample_value("sidecar_config_last_reload_successful")


@pytest.fixture
def reloading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reloading:
    file = tmp_path / "sidecar.yml"
    file.write_text(ONE)
    return Reloading(file, monkeypatch)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


async def test_a_changed_file_is_applied_and_an_unchanged_one_is_not(reloading: Reloading) -> None:
    reloading.source.load()
    task = asyncio.create_task(reloading.reloader.run())
    await asyncio.sleep(0.03)
    assert reloading.applied == []
    reloading.file.write_text(TWO)
    await until(lambda: bool(reloading.applied))
    assert reloading.applied[0].dependencies["a"].interval_seconds == 20
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_invalid_file_changes_nothing_and_shows_in_the_metrics(reloading: Reloading) -> None:
    reloading.source.load()
    task = asyncio.create_task(reloading.reloader.run())
    await asyncio.sleep(0.03)
    reloading.file.write_text("dependencies: {a: {kind: nonsense}}\n")
    await until(lambda: reloading.successful == 0)
    assert reloading.applied == []
    reloading.file.write_text(TWO)
    await until(lambda: reloading.successful == 1)
    assert len(reloading.applied) == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_asking_reloads_without_a_change(reloading: Reloading) -> None:
    reloading.source.load()
    task = asyncio.create_task(reloading.reloader.run())
    await asyncio.sleep(0.02)
    reloading.reloader.ask()
    await until(lambda: len(reloading.applied) == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_secret_file_that_is_swapped_by_a_link_is_a_change(
    reloading: Reloading, tmp_path: Path
) -> None:
    (tmp_path / "v1").write_text("Bearer one")
    (tmp_path / "v2").write_text("Bearer two")
    (tmp_path / "secret").symlink_to("v1")
    reloading.file.write_text(
        "dependencies: {a: {kind: http, url: 'http://127.0.0.1:9/',"
        " headers: {Authorization: {file: secret}}}}\n"
    )
    reloading.source.load()
    task = asyncio.create_task(reloading.reloader.run())
    await asyncio.sleep(0.03)
    (tmp_path / "new").symlink_to("v2")
    (tmp_path / "new").replace(tmp_path / "secret")
    await until(lambda: bool(reloading.applied))
    assert "two" in reloading.applied[-1].dependencies["a"].headers["Authorization"].get_secret_value()  # type: ignore[attr-defined]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def configured(text: str, tmp_path: Path) -> Config:
    (tmp_path / "c.yml").write_text(text)
    return load({}, tmp_path / "c.yml")


async def test_the_unchanged_keep_their_watch_and_the_removed_lose_their_series(
    tmp_path: Path,
) -> None:
    both = ONE.replace("}}\n", "}, b: {kind: http, url: 'http://127.0.0.1:9/b'}}\n")
    first = configured(both, tmp_path)
    sidecar = Sidecar(first, Redactor())
    await sidecar.apply(first)
    kept = sidecar.scheduler.watches["a"]
    for _ in range(2):
        await kept.look()
    await sidecar.apply(configured(ONE, tmp_path))
    assert sidecar.scheduler.watches == {"a": kept}
    series = {
        sample.labels["dependency"]
        for family in await sidecar.registry.snapshot()
        for sample in family.samples
        if "dependency" in sample.labels
    }
    assert series == {"a"}
    await sidecar.scheduler.close()


async def test_a_changed_dependency_keeps_counters_and_streak(tmp_path: Path) -> None:
    first = configured(ONE, tmp_path)
    sidecar = Sidecar(first, Redactor())
    await sidecar.apply(first)
    for _ in range(2):
        await sidecar.scheduler.watches["a"].look()
    await sidecar.apply(configured(TWO, tmp_path))
    watch = sidecar.scheduler.watches["a"]
    assert watch.options.interval_seconds == 20
    assert watch.state == "down"
    await watch.look()
    runs = [
        sample.value
        for family in await sidecar.registry.snapshot()
        for sample in family.samples
        if sample.name == "probe_runs_total"
    ]
    assert runs == [3.0]
    await sidecar.scheduler.close()
