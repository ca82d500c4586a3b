from __future__ import annotations

import asyncio

import pytest

from sidecar.debug import debug_document
from sidecar.history import KEPT_FAILURES, KEPT_RESULTS
from sidecar.on_demand import ScrapeTimeoutError, WatchEndedError, look_now, scrape_limit_seconds
from sidecar.probes import ProbeOptions, Reason
from sidecar.state import DependencyState
from sidecar.watch import Watch
from tests.sidecar.scripted import ScriptedProbe, break_down, fail, for_ever, nothing, settle, watch


async def test_who_asks_during_a_run_gets_its_result() -> None:
    one, probe, _ = watch()
    results = await asyncio.gather(one.look(), one.look(), one.look())
    assert probe.runs == 1
    assert results[0] is results[1] is results[2]


async def test_who_stops_waiting_stops_no_run() -> None:
    go_on = asyncio.Event()

    async def wait() -> None:
        await go_on.wait()

    one, probe, _ = watch("a", wait)
    impatient, patient = asyncio.ensure_future(one.look()), asyncio.ensure_future(one.look())
    await settle()
    impatient.cancel()
    go_on.set()
    assert (await patient).success
    assert probe.runs == 1


async def test_a_defect_of_a_probe_is_an_internal_failure() -> None:
    one, _, _ = watch("a", break_down)
    result = await one.look()
    assert (result.reason, result.detail) == (Reason.INTERNAL, "RuntimeError")


async def test_a_run_ends_at_its_deadline_with_what_was_found_until_then() -> None:
    one, _, _ = watch("a", for_ever, ProbeOptions(interval_seconds=10, timeout_seconds=0.01))
    assert (await one.look()).reason is Reason.TIMEOUT


async def test_results_are_kept_in_number_and_failures_apart() -> None:
    one, probe, _ = watch("a", fail)
    for _ in range(3):
        await one.look()
    probe.action = nothing
    for _ in range(KEPT_RESULTS + 5):
        await one.look()
    document = debug_document(one)
    assert [len(document["results"]), len(document["failures"])] == [KEPT_RESULTS, 3]
    assert {run["reason"] for run in document["failures"]} == {Reason.CONNECT}
    assert KEPT_FAILURES >= 3


async def test_a_successor_inherits_streak_state_and_history() -> None:
    before, _, series = watch("a", fail)
    await before.look()
    after = Watch(ScriptedProbe("a", fail), series)
    after.inherit(before)
    await after.look()
    assert after.state is DependencyState.DOWN
    assert len(list(after.history.results())) == 2


async def test_an_unreachable_reference_makes_a_failure_unknown() -> None:
    async def no_network() -> bool:
        return False

    _, probe, series = watch("a", fail)
    one = Watch(probe, series, own_network_is_up=no_network)
    for _ in range(3):
        await one.look()
    assert one.state is DependencyState.UNKNOWN


async def test_on_demand_a_run_that_outlasts_the_limit_is_a_timeout_and_goes_on() -> None:
    one, probe, series = watch("a", for_ever)
    shown = await look_now(one, 0.01)
    assert {s[3] for s in shown.samples() if s[0].name == "probe_success"} == {0.0}
    assert probe.running == 1
    assert not [s for s in series.samples() if s[0].name == "probe_success"]
    await one.close()


async def test_on_demand_a_run_that_a_reload_ends_is_told_as_such() -> None:
    one, _, _ = watch("a", for_ever)
    asking = asyncio.ensure_future(look_now(one, 5))
    await settle()
    await one.close()
    with pytest.raises(WatchEndedError):
        await asking


async def test_who_leaves_while_waiting_on_demand_is_simply_gone() -> None:
    one, probe, _ = watch("a", for_ever)
    asking = asyncio.ensure_future(look_now(one, 5))
    await settle()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert probe.running == 1
    await one.close()


@pytest.mark.parametrize(
    ("header", "timeout_seconds", "limit"),
    [(None, 5, 5), ("10", 5, 5), ("3", 5, 2.5), ("0.2", 5, 0.2), (None, 200, 119.5)],
)
def test_the_limit_of_a_scrape_is_blackbox_exporters(
    header: str | None, timeout_seconds: float, limit: float
) -> None:
    headers = {} if header is None else {"X-Prometheus-Scrape-Timeout-Seconds": header}
    assert scrape_limit_seconds(headers, timeout_seconds) == limit


@pytest.mark.parametrize("header", ["", "0", "-1", "nan", "inf", "soon"])
def test_a_scrape_timeout_that_is_none_is_refused(header: str) -> None:
    with pytest.raises(ScrapeTimeoutError):
        scrape_limit_seconds({"X-Prometheus-Scrape-Timeout-Seconds": header}, 5)
