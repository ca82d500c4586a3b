"""The document computed from the text of /metrics alone is the one that /api/health/status answers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import metrics as worker
from pipeline.definitions import CounterDefinition, Definition, GaugeDefinition, HistogramDefinition
from pipeline.meter import Meter
from sidecar.documents import Documents
from sidecar.exposition import from_text
from sidecar.health import health_document
from sidecar.probes import HttpFindings, HttpOptions, Phase, ProbeResult, Reason
from sidecar.redaction import Redactor
from sidecar.registry import Registry
from sidecar.scheduler import Scheduler
from sidecar.state import StateMachine
from sidecar.web import Routes

NOW = 1_800_000_000.0

names = st.from_regex(r"[a-z][a-z0-9_]{0,11}", fullmatch=True)
amounts = st.floats(0, 1e12) | st.sampled_from([0.0, 1.0, 1e-9, 0.1 + 0.2])
results = st.builds(
    ProbeResult,
    st.floats(0, 100),
    st.none() | st.sampled_from(Reason),
    http=st.none()
    | st.builds(HttpFindings, st.dictionaries(st.sampled_from(Phase), st.floats(0, 10)), st.integers(0, 599)),
)
probed = st.tuples(st.booleans(), st.lists(st.tuples(results, st.floats(NOW - 500, NOW)), max_size=3))


@st.composite
def worker_series(draw: st.DrawFn) -> tuple[Definition, tuple[str, ...], float]:
    definition = draw(st.sampled_from(worker.METRICS))
    labels = tuple(
        draw(st.sampled_from(label.values) if label.values else names | st.text(max_size=6))
        for label in definition.labels
    )
    return definition, labels, draw(amounts)


def write(meter: Meter, definition: Definition, labels: tuple[str, ...], amount: float) -> None:
    if isinstance(definition, CounterDefinition):
        meter.counter(definition, *labels).inc(amount)
    elif isinstance(definition, GaugeDefinition):
        meter.gauge(definition, *labels).set(amount)
    elif isinstance(definition, HistogramDefinition):
        meter.histogram(definition, *labels).observe(amount)


async def ask(registry: Registry) -> tuple[str, Any]:
    app = web.Application()
    app.add_routes(
        Routes(
            registry, Scheduler(registry.service), Redactor(), Documents(registry, now=lambda: NOW)
        ).table()
    )
    async with TestClient(TestServer(app)) as client:
        text = await (await client.get("/metrics")).text()
        return text, await (await client.get("/api/health/status")).json()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    dependencies=st.dictionaries(names, probed, max_size=3),
    series=st.lists(worker_series(), max_size=12),
)
def test_the_text_of_metrics_tells_the_whole_document(
    dependencies: dict[str, Any],
    series: list[tuple[Definition, tuple[str, ...], float]],
    tmp_path_factory: Any,
) -> None:
    spool: Path = tmp_path_factory.mktemp("spool")
    meter = Meter.spooling(spool)
    for definition, labels, amount in series:
        write(meter, definition, labels, amount)
    registry = Registry(spool)
    for name, (critical, runs) in dependencies.items():
        options = HttpOptions(url="http://localhost/", critical=critical)
        counted, states = registry.dependencies.series(name, "http", options), StateMachine(options)
        for result, ended_at in runs:
            counted.record(result, states.observe(result), ended_at)
    text, answered = asyncio.run(ask(registry))
    meter.close()
    computed = health_document(from_text(text), NOW)
    assert json.loads(json.dumps(computed)) == answered
