"""Every metric that a worker emits, defined once; label values are the enums beside them.

Histogram bounds for calls follow the OpenTelemetry semantic conventions for generative AI
(0.01 s doubled), carried on to 327.68 s because 81.92 s would clip long calls.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from pipeline.definitions import (
    CounterDefinition,
    GaugeDefinition,
    GaugeMode,
    HistogramDefinition,
    Label,
    catalogue,
)

DEPENDENCY_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
"""What a dependency may be called: a label, key, file name and element id without escaping."""

LAYER_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")

NO_LAYER = "none"
OTHER_MODEL = "other"
MAX_MODEL_NAMES = 24


class BreakerState(StrEnum):
    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class BreakerOutcome(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"
    IGNORED = "ignored"
    REJECTED = "rejected"
    STALE = "stale"


class CallOutcome(StrEnum):
    SUCCESS = "success"
    ERROR = "error"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    REJECTED_BREAKER = "rejected_breaker"
    REJECTED_BUDGET = "rejected_budget"
    REJECTED_RATE_LIMIT = "rejected_rate_limit"


class FallbackKind(StrEnum):
    CACHED = "cached"
    PLACEHOLDER = "placeholder"
    SYNTHETIC = "synthetic"
    ERROR = "error"


class TokenType(StrEnum):
    """Disjoint: a cached or reasoning token is counted under its own type alone."""

    INPUT = "input"
    CACHE_READ = "cache_read"
    CACHE_WRITE = "cache_write"
    OUTPUT = "output"
    REASONING = "reasoning"


class PriceSource(StrEnum):
    """Where a price came from, in the order of trust."""

    REPORTED = "reported"
    OVERRIDE = "override"
    TABLE = "table"
    CEILING = "ceiling"


class RunOutcome(StrEnum):
    """How a job, or one layer of it, ended; degraded is done, but without something that was asked for."""

    SUCCEEDED = "succeeded"
    DEGRADED = "degraded"
    FAILED = "failed"
    CANCELLED = "cancelled"


DONE: Final = frozenset({RunOutcome.SUCCEEDED, RunOutcome.DEGRADED})
"""What need not be run again."""


class BudgetDecision(StrEnum):
    ALLOWED = "allowed"
    REJECTED = "rejected"
    WOULD_REJECT = "would_reject"


class RateLimitDecision(StrEnum):
    ALLOWED = "allowed"
    WAITED = "waited"
    REJECTED = "rejected"


class Window(StrEnum):
    MINUTE = "minute"
    DAY = "day"


_DEPENDENCY = Label("dependency")
_LAYER = Label("layer")
_MODEL = Label("model")
_BREAKER_STATES = tuple(state.value for state in BreakerState)

_CALL_SECONDS = tuple(0.01 * 2**n for n in range(16))
_LAYER_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_JOB_SECONDS = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)
_JOB_USD = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

CIRCUIT_BREAKER_STATE = GaugeDefinition(
    name="circuit_breaker_state",
    help="Live workers whose breaker for this dependency is in this state.",
    labels=(_DEPENDENCY, Label("state", _BREAKER_STATES)),
    mode=GaugeMode.LIVE_SUM,
    kept_in_fork=True,
)
CIRCUIT_BREAKER_CALLS = CounterDefinition(
    name="circuit_breaker_calls_total",
    help="Calls as the breaker judged them.",
    labels=(_DEPENDENCY, Label.of("outcome", BreakerOutcome)),
)
CIRCUIT_BREAKER_TRANSITIONS = CounterDefinition(
    name="circuit_breaker_transitions_total",
    help="Changes of a breaker's state.",
    labels=(_DEPENDENCY, Label("from_state", _BREAKER_STATES), Label("to_state", _BREAKER_STATES)),
)

PIPELINE_CALLS = CounterDefinition(
    name="pipeline_calls_total",
    help="Guarded calls by how they ended.",
    labels=(_LAYER, _DEPENDENCY, Label.of("outcome", CallOutcome)),
)
PIPELINE_CALL_DURATION = HistogramDefinition(
    name="pipeline_call_duration_seconds",
    help="Time of calls that were sent, whatever their outcome; rejected calls are not observed.",
    labels=(_LAYER, _DEPENDENCY),
    buckets=_CALL_SECONDS,
)
PIPELINE_FALLBACKS = CounterDefinition(
    name="pipeline_fallbacks_total",
    help="Answers that did not come from the dependency.",
    labels=(_LAYER, _DEPENDENCY, Label.of("kind", FallbackKind)),
)
PIPELINE_TOKENS = CounterDefinition(
    name="pipeline_tokens_total",
    help="Tokens by type; the types are disjoint.",
    labels=(_LAYER, _DEPENDENCY, _MODEL, Label.of("type", TokenType)),
)
PIPELINE_COST = CounterDefinition(
    name="pipeline_cost_usd_total",
    help="Money spent on calls.",
    labels=(_LAYER, _DEPENDENCY, _MODEL),
)
PIPELINE_WASTED_COST = CounterDefinition(
    name="pipeline_wasted_cost_usd_total",
    help="Money spent, by the layer that spent it, on jobs that then failed.",
    labels=(_LAYER,),
)
PIPELINE_PRICED_CALLS = CounterDefinition(
    name="pipeline_priced_calls_total",
    help="Paid calls by where their price came from.",
    labels=(_DEPENDENCY, Label.of("source", PriceSource)),
)

PIPELINE_COMPARED_REPORTED = CounterDefinition(
    name="pipeline_compared_reported_usd_total",
    help="What providers reported for the calls that the price table knows too.",
    labels=(_DEPENDENCY,),
)
PIPELINE_COMPARED_TABLE = CounterDefinition(
    name="pipeline_compared_table_usd_total",
    help="What the price table says for the same calls; far from it, one of them is wrong.",
    labels=(_DEPENDENCY,),
)

PIPELINE_JOBS = CounterDefinition(
    name="pipeline_jobs_total", help="Jobs that ended.", labels=(Label.of("outcome", RunOutcome),)
)
PIPELINE_JOB_DURATION = HistogramDefinition(
    name="pipeline_job_duration_seconds",
    help="Time from the start of a job to its end, whatever its outcome.",
    buckets=_JOB_SECONDS,
)
PIPELINE_JOB_COST = HistogramDefinition(
    name="pipeline_job_cost_usd", help="Money spent on one job, whatever its outcome.", buckets=_JOB_USD
)
PIPELINE_JOBS_IN_PROGRESS = GaugeDefinition(
    name="pipeline_jobs_in_progress", help="Jobs that live workers are running.", mode=GaugeMode.LIVE_SUM
)
PIPELINE_LAST_PROGRESS = GaugeDefinition(
    name="pipeline_last_progress_timestamp_seconds",
    help="Unix time at which any worker last finished a layer.",
    mode=GaugeMode.MAX,
)

PIPELINE_LAYER_RUNS = CounterDefinition(
    name="pipeline_layer_runs_total",
    help="Runs of a layer that ended.",
    labels=(_LAYER, Label.of("outcome", RunOutcome)),
)
PIPELINE_LAYER_DURATION = HistogramDefinition(
    name="pipeline_layer_duration_seconds",
    help="Time of one run of a layer, whatever its outcome.",
    labels=(_LAYER,),
    buckets=_LAYER_SECONDS,
)
PIPELINE_LAYER_JOBS_IN_PROGRESS = GaugeDefinition(
    name="pipeline_layer_jobs_in_progress",
    help="Jobs that are in this layer now.",
    labels=(_LAYER,),
    mode=GaugeMode.LIVE_SUM,
)

PIPELINE_BUDGET_LIMIT = GaugeDefinition(
    name="pipeline_budget_limit_usd", help="The period's budget; absent when there is none."
)
PIPELINE_BUDGET_SPENT = GaugeDefinition(name="pipeline_budget_spent_usd", help="Settled in this period.")
PIPELINE_BUDGET_RESERVED = GaugeDefinition(
    name="pipeline_budget_reserved_usd", help="Held for calls that are under way."
)
PIPELINE_BUDGET_WARN_RATIO = GaugeDefinition(
    name="pipeline_budget_warn_ratio", help="Share of the limit from which the budget is in warning."
)
PIPELINE_BUDGET_PERIOD_END = GaugeDefinition(
    name="pipeline_budget_period_end_timestamp_seconds",
    help="Unix time at which the period ends and nothing is spent any more; absent when it never ends.",
)
PIPELINE_BUDGET_REFUSING = GaugeDefinition(
    name="pipeline_budget_refusing",
    help="1 from the refusal of a call or job for want of money, until one is granted or so much is left.",
    mode=GaugeMode.LIVE_MAX,
)
PIPELINE_BUDGET_DECISIONS = CounterDefinition(
    name="pipeline_budget_decisions_total",
    help="Answers of the budget to a call that asked for money.",
    labels=(Label.of("decision", BudgetDecision),),
)

PIPELINE_RATE_LIMIT_LIMIT = GaugeDefinition(
    name="pipeline_rate_limit_limit",
    help="Permits in a window.",
    labels=(_DEPENDENCY, Label.of("window", Window)),
)
PIPELINE_RATE_LIMIT_REMAINING = GaugeDefinition(
    name="pipeline_rate_limit_remaining",
    help="Permits left in the current window.",
    labels=(_DEPENDENCY, Label.of("window", Window)),
)
PIPELINE_RATE_LIMIT_DECISIONS = CounterDefinition(
    name="pipeline_rate_limit_decisions_total",
    help="Answers of the rate limit to a call.",
    labels=(_DEPENDENCY, Label.of("decision", RateLimitDecision)),
)
PIPELINE_RATE_LIMIT_WAIT = HistogramDefinition(
    name="pipeline_rate_limit_wait_seconds",
    help="Time that calls waited for a permit.",
    labels=(_DEPENDENCY,),
    buckets=_CALL_SECONDS,
)

METRICS = catalogue(globals())
