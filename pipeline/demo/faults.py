"""Misbehaviour on demand: `PUT /_fault` tells a stand-in how, `DELETE /_fault` ends it."""

from __future__ import annotations

import asyncio
import json
import math
import random
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from aiohttp import web

from pipeline.demo.stand_in import CONTROL_PATHS, FAULT_PATH, RefusedError

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

# aiohttp tells a handler that the client left only by cancelling it, and only if the server was started
# so. Looking at the connection this often works in any server, a test's included.
_LOOK_EVERY_SECONDS = 0.02
_MAX_DELAY_SECONDS = 3600.0


class Mode(StrEnum):
    NONE = "none"
    FAIL = "fail"
    HANG = "hang"
    SLOW = "slow"
    RATE_LIMIT = "rate_limit"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave.

    Attributes:
        mode: `fail` answers with `status`; `hang` says nothing until the client leaves; `slow` answers
            as usual after `delay_seconds`; `rate_limit` answers 429 with `Retry-After`.
        status: What `fail` answers, 400 to 599.
        delay_seconds: How long `slow` waits.
        retry_after_seconds: What `rate_limit` puts into `Retry-After`.
        ratio: The share of the requests it hits, 0 to 1.
        remaining: How many more requests it hits; None means until it is cleared.
        seed: The same seed hits the same requests, counted from the `PUT`.
    """

    mode: Mode = Mode.NONE
    status: int = 500
    delay_seconds: float = 2.0
    retry_after_seconds: int = 7
    ratio: float = 1.0
    remaining: int | None = None
    seed: int = 0


def parse_fault(text: str) -> Fault:
    """Read a fault from JSON; keys left out keep their defaults, `mode` is required.

    Raises:
        ValueError: with one line that names the key, the value and the rule.
    """
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError('the body is not JSON; send an object such as {"mode": "slow"}') from None
    if not isinstance(given, dict):
        # Not a TypeError: all that is wrong with the text is one kind of error.
        raise ValueError('the body is not a JSON object; send one such as {"mode": "slow"}')  # noqa: TRY004
    known = [field.name for field in fields(Fault)]
    for key in given:
        if key not in known:
            raise ValueError(f"{_shown(key)}: unknown key; known are {', '.join(known)}")
    modes = [mode.value for mode in Mode]
    if given.get("mode") not in modes:
        raise ValueError(f"mode: {_shown(given.get('mode'))} is not one of {', '.join(modes)}")
    default = Fault()
    return Fault(
        mode=Mode(given["mode"]),
        status=_whole(given, "status", default.status, lowest=400, highest=599),
        delay_seconds=_number(given, "delay_seconds", default.delay_seconds, highest=_MAX_DELAY_SECONDS),
        retry_after_seconds=_whole(given, "retry_after_seconds", default.retry_after_seconds),
        ratio=_number(given, "ratio", default.ratio, highest=1.0),
        remaining=None if given.get("remaining") is None else _whole(given, "remaining", 0),
        seed=_whole(given, "seed", default.seed),
    )


def _shown(value: object) -> str:
    return json.dumps(value)[:60]


def _whole(given: dict[str, object], key: str, default: int, *, lowest: int = 0, highest: int = 10**9) -> int:
    value = given.get(key, default)
    if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
        return value
    raise ValueError(f"{key}: {_shown(value)} is not a whole number from {lowest} to {highest}")


def _number(given: dict[str, object], key: str, default: float, *, highest: float) -> float:
    value = given.get(key, default)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= highest:
        return value
    raise ValueError(f"{key}: {_shown(value)} is not a number from 0 to {highest:g}")


class Faults:
    """The fault in force, and which requests it hits."""

    def __init__(self) -> None:
        self.closing = asyncio.Event()
        self.set(Fault())

    def set(self, fault: Fault) -> None:
        self.current = fault
        self._random = random.Random(fault.seed)  # noqa: S311 - reproducible on purpose

    def next(self) -> Fault:
        """The fault for the request that just came; draws, and uses up one of `remaining` if it hits."""
        fault = self.current
        if fault.mode is Mode.NONE or fault.remaining == 0 or self._random.random() >= fault.ratio:
            return Fault()
        if fault.remaining is not None:
            self.current = replace(fault, remaining=fault.remaining - 1)
        return fault

    async def client_waits(self, request: web.Request, seconds: float) -> bool:
        """Wait so long; False as soon as the client has left or the server closes."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while (left_seconds := end - loop.time()) > 0:
            try:
                async with asyncio.timeout(min(left_seconds, _LOOK_EVERY_SECONDS)):
                    await self.closing.wait()
            except TimeoutError:
                if request.transport is None:
                    return False
            else:
                return False
        return True


FAULTS = web.AppKey("faults", Faults)


@web.middleware
async def inject_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path in CONTROL_PATHS:
        return await handler(request)
    faults = request.app[FAULTS]
    fault = faults.next()
    match fault.mode:
        case Mode.FAIL:
            raise RefusedError(fault.status, "this failure was asked for by PUT /_fault")
        case Mode.RATE_LIMIT:
            raise RefusedError(
                429,
                "too many requests, as asked for by PUT /_fault",
                headers={"Retry-After": str(fault.retry_after_seconds)},
            )
        case Mode.HANG | Mode.SLOW:
            # Read first: while a large body is unread, aiohttp does not notice that the client leaves.
            await request.read()
            seconds = fault.delay_seconds if fault.mode is Mode.SLOW else math.inf
            if not await faults.client_waits(request, seconds):
                if request.transport is not None:
                    request.transport.abort()
                raise ConnectionResetError
    return await handler(request)


async def _get_fault(request: web.Request) -> web.Response:
    return web.json_response(asdict(request.app[FAULTS].current))


async def _put_fault(request: web.Request) -> web.Response:
    try:
        fault = parse_fault((await request.read()).decode(errors="replace"))
    except ValueError as error:
        return web.Response(status=400, text=f"{error}\n")
    request.app[FAULTS].set(fault)
    return await _get_fault(request)


async def _delete_fault(request: web.Request) -> web.Response:
    request.app[FAULTS].set(Fault())
    return await _get_fault(request)


async def _release_hung_requests(app: web.Application) -> None:
    app[FAULTS].closing.set()


def install_faults(app: web.Application) -> None:
    app[FAULTS] = Faults()
    app.on_shutdown.append(_release_hung_requests)
    app.router.add_get(FAULT_PATH, _get_fault)
    app.router.add_put(FAULT_PATH, _put_fault)
    app.router.add_delete(FAULT_PATH, _delete_fault)
