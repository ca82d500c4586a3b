"""What an outage costs: how many calls each breaker lets run into it, and how soon service is back.

    python benchmarks/outage.py [--tasks 200] [--outage-seconds 6] [--recovery-seconds 1]

The provider answers after 0.3 s; what it answers during the outage is an error. Each task calls it again
and again, and pauses 0.1 s after an error or a refusal. All breakers run at the same time, each with a
provider and tasks of its own; 5 failures open them. A call runs into the outage if its answer falls into it.

- target: at most the calls in flight at its start + one for each recovery timeout
- back: from the end of the outage until calls succeed again; target: one recovery timeout and one call
- lost: errors and refusals after that; target: none
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

CALL_SECONDS = 0.3
PAUSE_SECONDS = 0.1
STEADY_SECONDS = 1.0
AFTERWARDS_SECONDS = 3.0
FAILURES = 5
SLACK_SECONDS = 0.1
"""How late the event loop may be with 1,200 tasks."""

Send = Callable[[], Awaitable[None]]
Guarded = Callable[[Send], Awaitable[object]]


class ProviderError(Exception):
    pass


@dataclass
class Schedule:
    """The times of the run, in seconds of the monotonic clock."""

    start: float
    outage_seconds: float

    @property
    def fails_from(self) -> float:
        return self.start + STEADY_SECONDS

    @property
    def fails_until(self) -> float:
        return self.fails_from + self.outage_seconds

    @property
    def end(self) -> float:
        return self.fails_until + AFTERWARDS_SECONDS


@dataclass
class Provider:
    """One breaker's provider, which counts."""

    schedule: Schedule
    into_outage: int = 0
    in_flight_at_start: int = 0
    back_after_seconds: float | None = None
    lost: int = 0
    served: int = 0
    _arrivals: set[int] = field(default_factory=set)

    async def send(self) -> None:
        arrived = time.monotonic()
        await asyncio.sleep(CALL_SECONDS)
        answered = time.monotonic()
        if self.schedule.fails_from <= answered < self.schedule.fails_until:
            self.into_outage += 1
            self.in_flight_at_start += arrived < self.schedule.fails_from
            raise ProviderError
        self.served += 1
        if answered >= self.schedule.fails_until and self.back_after_seconds is None:
            self.back_after_seconds = answered - self.schedule.fails_until

    async def caller(self, number: int, tasks: int, guarded: Guarded) -> None:
        await asyncio.sleep(CALL_SECONDS * number / tasks)
        while time.monotonic() < self.schedule.end:
            try:
                await guarded(self.send)
            except Exception:  # noqa: BLE001 # every library refuses with an error of its own
                self.lost += self.back_after_seconds is not None
                await asyncio.sleep(PAUSE_SECONDS)


def bare(_recovery_seconds: float) -> Guarded:
    return lambda send: send()


def ours(recovery_seconds: float) -> Guarded:
    from pipeline.breaker import Breaker

    return Breaker(FAILURES, recovery_seconds, name="outage").call_async


def circuitbreaker(recovery_seconds: float) -> Guarded:
    from circuitbreaker import circuit

    breaker = circuit(failure_threshold=FAILURES, recovery_timeout=recovery_seconds, name="peer")

    async def call(send: Send) -> None:
        await send()

    guarded: Guarded = breaker(call)
    return guarded


def aiobreaker(recovery_seconds: float) -> Guarded:
    from aiobreaker import CircuitBreaker

    timeout = dt.timedelta(seconds=recovery_seconds)
    breaker = CircuitBreaker(fail_max=FAILURES, timeout_duration=timeout)
    guarded: Guarded = breaker.call_async
    return guarded


def purgatory(recovery_seconds: float) -> Guarded:
    from purgatory import AsyncCircuitBreakerFactory

    breakers = AsyncCircuitBreakerFactory(default_threshold=FAILURES, default_ttl=recovery_seconds)

    async def guarded(send: Send) -> None:
        async with await breakers.get_breaker("outage"):
            await send()

    return guarded


def pybreaker(recovery_seconds: float) -> Guarded:
    from pybreaker import CircuitBreaker

    breaker = CircuitBreaker(fail_max=FAILURES, reset_timeout=recovery_seconds)

    async def guarded(send: Send) -> None:
        # Decorated, an `async def` is a success as soon as it is called; as a block its end is seen.
        with breaker.calling():
            await send()

    return guarded


CONTENDERS = {
    "none": bare,
    "ours": ours,
    "circuitbreaker": circuitbreaker,
    "aiobreaker": aiobreaker,
    "purgatory": purgatory,
    "pybreaker": pybreaker,
}


async def measure(guards: dict[str, Guarded], tasks: int, outage_seconds: float) -> dict[str, Provider]:
    schedule = Schedule(time.monotonic() + 0.5, outage_seconds)
    providers = {name: Provider(schedule) for name in guards}
    async with asyncio.TaskGroup() as group:
        for name, guarded in guards.items():
            for number in range(tasks):
                group.create_task(providers[name].caller(number, tasks, guarded))
    return providers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--outage-seconds", type=float, default=6.0)
    parser.add_argument("--recovery-seconds", type=float, default=1.0)
    options = parser.parse_args()
    guards = {}
    for name, contender in CONTENDERS.items():
        try:
            guards[name] = contender(options.recovery_seconds)
        except ImportError:
            print(f"{name}: not installed, left out")
    providers = asyncio.run(measure(guards, options.tasks, options.outage_seconds))

    us = providers["ours"]
    windows = int(options.outage_seconds / options.recovery_seconds)
    print(
        f"{options.tasks} tasks, an outage of {options.outage_seconds:g} s,"
        f" recovery timeout {options.recovery_seconds:g} s, {CALL_SECONDS:g} s a call"
    )
    print(f"{'':16}{'into outage':>12}{'in flight':>11}{'more':>7}{'times ours':>12}{'back':>9}{'lost':>6}")
    for name, found in providers.items():
        back = "never" if found.back_after_seconds is None else f"{found.back_after_seconds:.2f} s"
        more = found.into_outage - found.in_flight_at_start
        print(
            f"{name:16}{found.into_outage:>12}{found.in_flight_at_start:>11}{more:>7}"
            f"{found.into_outage / us.into_outage:>11.1f}x{back:>9}{found.lost:>6}"
        )
    limit = us.in_flight_at_start + windows
    back_limit = options.recovery_seconds + CALL_SECONDS + PAUSE_SECONDS + SLACK_SECONDS
    reached = (
        us.into_outage <= limit
        and us.back_after_seconds is not None
        and us.back_after_seconds <= back_limit
        and us.lost == 0
    )
    print(
        f"target: at most {limit} into the outage, back within {back_limit:.1f} s, none lost:"
        f" {'reached' if reached else 'MISSED'}"
    )
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
