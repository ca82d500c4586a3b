"""What a stand-in saw, for tests that compare counters cent by cent."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from aiohttp import web

from pipeline.demo.stand_in import CALLS_PATH, CONTROL_PATHS

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

# Stands where a status would for a request that got no answer: a hang, or a client that left first.
UNANSWERED = "unanswered"
# Stands where an endpoint would, so that a scan of random paths does not fill the memory.
UNKNOWN_ENDPOINT = "unknown"


@dataclass(frozen=True, slots=True)
class Charge:
    """What one answer states it used; `cost_usd` is 0 for a provider that states no cost."""

    input_tokens: int
    output_tokens: int
    cost_usd: float = 0.0


class Calls:
    """Counts requests by endpoint and status, and adds up what the sent answers charged."""

    def __init__(self) -> None:
        self.requests: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.input_tokens = 0
        self.output_tokens = 0
        self.cost_usd = 0.0
        self._charges: WeakKeyDictionary[web.StreamResponse, Charge] = WeakKeyDictionary()

    def charge(self, response: web.StreamResponse, charge: Charge) -> None:
        """Note what this answer charges; it counts once the answer was sent with status 200."""
        self._charges[response] = charge

    def sent(self, endpoint: str, response: web.StreamResponse) -> None:
        self.requests[endpoint][str(response.status)] += 1
        charge = self._charges.pop(response, None)
        if charge is not None and response.status == 200:
            self.input_tokens += charge.input_tokens
            self.output_tokens += charge.output_tokens
            self.cost_usd += charge.cost_usd

    def unanswered(self, endpoint: str) -> None:
        self.requests[endpoint][UNANSWERED] += 1

    def as_json(self) -> dict[str, object]:
        return {
            "requests": {endpoint: dict(statuses) for endpoint, statuses in self.requests.items()},
            # Rounded far below a cent: sums of floats differ in their last digits with the order.
            "cost_usd": round(self.cost_usd, 12),
            "tokens": {"input": self.input_tokens, "output": self.output_tokens},
        }


CALLS = web.AppKey("calls", Calls)


def _endpoint(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return UNKNOWN_ENDPOINT if resource is None else f"{request.method} {resource.canonical}"


@web.middleware
async def count_calls(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Send the answer, then count it; the outermost middleware, so that it sees what was really sent."""
    if request.path in CONTROL_PATHS:
        return await handler(request)
    calls, endpoint = request.app[CALLS], _endpoint(request)
    answered = False
    try:
        response = await handler(request)
        # Sent here and not by aiohttp afterwards: only now is it known whether the client was still there.
        await response.prepare(request)
        await response.write_eof()
        answered = True
        calls.sent(endpoint, response)
    except ConnectionError:
        return web.Response()  # goes nowhere: aiohttp wants a response, the connection is gone
    finally:
        if not answered:
            calls.unanswered(endpoint)
    return response


async def _get_calls(request: web.Request) -> web.Response:
    return web.json_response(request.app[CALLS].as_json())


def install_calls(app: web.Application) -> None:
    app[CALLS] = Calls()
    app.router.add_get(CALLS_PATH, _get_calls)
