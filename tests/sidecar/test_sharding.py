from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipeline import Dependency, Meter
from sidecar.app import Sidecar
from sidecar.config import Config, load
from sidecar.health import health_document
from sidecar.redaction import Redactor
from sidecar.registry import Registry
from sidecar.sharding import Shard, probers

MEMBERS = [f"host-{number}" for number in range(6)]
DEPENDENCIES = [f"dependency_{number}" for number in range(300)]


def test_only_what_a_member_had_moves_when_it_leaves() -> None:
    left = MEMBERS[:-1]
    moved = {name for name in DEPENDENCIES if probers(name, MEMBERS, 2) != probers(name, left, 2)}
    assert moved == {name for name in DEPENDENCIES if Shard(MEMBERS[-1], frozenset(MEMBERS), 2).has(name)}


def test_the_load_is_balanced() -> None:
    load_of = Counter(name for dependency in DEPENDENCIES for name in probers(dependency, MEMBERS, 2))
    # 100 each, within five standard deviations of 300 draws with a chance of 2 in 6.
    assert all(60 < load_of[name] < 140 for name in MEMBERS)


def test_sidecars_of_other_versions_agree_on_who_probes_what() -> None:
    members = ["host-1", "host-2", "host-3"]
    assert probers("mongodb", members, 2) == ["host-2", "host-1"]


FLEET = """
sharding: {members: [a, b, c], replicas: 2}
dependencies:
  one: {kind: heartbeat}
  two: {kind: heartbeat}
  three: {kind: heartbeat}
"""


def member(name: str, tmp_path: Path) -> Config:
    (tmp_path / "sidecar.yml").write_text(FLEET)
    return load({"SIDECAR_NAME": name}, tmp_path / "sidecar.yml")


async def test_a_sidecar_shows_its_share_alone(tmp_path: Path) -> None:
    shown: Counter[str] = Counter()
    for name in "abc":
        config = member(name, tmp_path)
        sidecar = Sidecar(config, Redactor())
        await sidecar.apply(config)
        families = await sidecar.registry.snapshot()
        in_metrics = {
            sample.labels["dependency"]
            for family in families
            for sample in family.samples
            if "dependency" in sample.labels
        }
        in_document = set(health_document(families, 0.0)["dependencies"])
        await sidecar.scheduler.close()
        assert in_metrics == in_document == set(config.probed_dependencies)
        shown.update(in_document)
    assert shown == {"one": 2, "two": 2, "three": 2}


async def test_a_member_that_leaves_hands_over_without_disturbing_the_others(tmp_path: Path) -> None:
    config = member("a", tmp_path)
    sidecar = Sidecar(config, Redactor())
    await sidecar.apply(config)
    before = dict(sidecar.scheduler.watches)
    text = FLEET.replace("[a, b, c]", "[a, b]")
    (tmp_path / "sidecar.yml").write_text(text)
    await sidecar.apply(load({"SIDECAR_NAME": "a"}, tmp_path / "sidecar.yml"))
    assert set(sidecar.scheduler.watches) == {"one", "two", "three"}
    assert all(sidecar.scheduler.watches[name] is watch for name, watch in before.items())
    await sidecar.scheduler.close()


def test_the_files_own_name_wins_over_the_variable(tmp_path: Path) -> None:
    (tmp_path / "sidecar.yml").write_text("sharding: {members: [a, b], self: b}")
    sharding = load({"SIDECAR_NAME": "a"}, tmp_path / "sidecar.yml").sharding
    assert sharding is not None
    assert sharding.name == "b"


async def test_what_a_sidecars_own_workers_call_is_shown_though_another_probes_it(tmp_path: Path) -> None:
    config = member("a", tmp_path)
    elsewhere = next(iter(config.dependencies.keys() - config.probed_dependencies.keys()))
    meter = Meter.spooling(tmp_path / "spool")
    Dependency(elsewhere, meter=meter).call_sync(lambda: None)
    document = health_document(await Registry(tmp_path / "spool").snapshot(), 0.0)
    meter.close()
    row = document["dependencies"][elsewhere]
    assert row["kind"] is None
    assert row["breaker"] is not None
    assert row["breaker"]["state"] == "closed"
    assert document["status"] == "healthy"
