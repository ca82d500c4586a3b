from __future__ import annotations

import pytest

from dashboards.queries import (
    EVERYWHERE,
    Match,
    Scope,
    ScrapeSeries,
    Suffix,
    bucket_bound,
    numbered,
    one_of,
    share,
)
from pipeline.metrics import (
    CIRCUIT_BREAKER_STATE,
    PIPELINE_CALL_DURATION,
    PIPELINE_CALLS,
    PIPELINE_COST,
    BreakerState,
    CallOutcome,
)
from sidecar.metrics import PROBE_SUCCESS


def test_a_query_is_filtered_by_the_variables_that_are_labels_of_its_metric() -> None:
    scope = Scope(("instance", "layer"))
    assert scope.series(PIPELINE_COST) == 'pipeline_cost_usd_total{instance=~"$instance", layer=~"$layer"}'
    assert scope.series(PROBE_SUCCESS) == 'probe_success{instance=~"$instance"}'
    assert EVERYWHERE.series(PROBE_SUCCESS) == "probe_success"


def test_what_else_prometheus_scrapes_is_not_taken_for_a_sidecar() -> None:
    """`All` is `.*` in every variable: the jobs of others too."""
    assert Scope(("job", "instance")).scrape(ScrapeSeries.UP) == (
        'up{job="sidecar", job=~"$job", instance=~"$instance"}'
    )


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            {"outcom": "success"},
            "pipeline_calls_total has no label 'outcom'; it has layer, dependency, outcome",
        ),
        ({"outcome": "succes"}, "pipeline_calls_total: outcome is never succes"),
        ({"outcome": one_of(CallOutcome.ERROR, "late")}, "pipeline_calls_total: outcome is never late"),
        ({"outcome": Match("!=", "late")}, "pipeline_calls_total: outcome is never late"),
        ({"le": "1"}, "pipeline_calls_total has no label 'le'"),
    ],
)
def test_a_label_or_value_that_does_not_exist_fails_where_it_is_written(
    labels: dict[str, str | Match], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        EVERYWHERE.rate(PIPELINE_CALLS, "5m", suffix=None, **labels)


def test_a_histogram_is_named_with_a_suffix_and_nothing_else_is() -> None:
    assert EVERYWHERE.rate(PIPELINE_CALL_DURATION, "5m") == "rate(pipeline_call_duration_seconds_count[5m])"
    with pytest.raises(ValueError, match="with a suffix"):
        EVERYWHERE.series(PIPELINE_CALL_DURATION)
    with pytest.raises(ValueError, match="with a suffix"):
        EVERYWHERE.series(PIPELINE_CALLS, Suffix.SUM)


def test_what_a_bar_stands_for_is_counted_in_no_other_and_none_is_left_out() -> None:
    """A window as long as the bar would leave out what happens between two scrapes."""
    assert EVERYWHERE.in_bar(PIPELINE_CALLS, "outcome") == (
        "sum by (outcome) (rate(pipeline_calls_total[$__rate_interval])) * $__interval_ms / 1000"
    )


def test_a_bound_is_one_of_the_histograms_buckets() -> None:
    assert bucket_bound(PIPELINE_CALL_DURATION, 20.48) == "20.48"
    with pytest.raises(ValueError, match="has no bucket 20;"):
        bucket_bound(PIPELINE_CALL_DURATION, 20)


def test_quantiles_and_shares() -> None:
    assert EVERYWHERE.quantile(0.95, PIPELINE_CALL_DURATION, "layer", window="5m") == (
        "histogram_quantile(0.95, sum by (le, layer) (rate(pipeline_call_duration_seconds_bucket[5m])))"
    )
    assert share("a", "b") == "a / (b > 0)"


def test_a_state_as_a_number_is_the_highest_that_holds() -> None:
    opened = EVERYWHERE.series(CIRCUIT_BREAKER_STATE, state=BreakerState.OPEN)
    closed = EVERYWHERE.series(CIRCUIT_BREAKER_STATE, state=BreakerState.CLOSED)
    assert numbered({1: closed, 3: opened}, "dependency") == (
        'max by (dependency) ((circuit_breaker_state{state="closed"} > bool 0) * 1 or '
        '(circuit_breaker_state{state="open"} > bool 0) * 3)'
    )
