"""Through an HTTP proxy."""

from __future__ import annotations

from typing import Final

from sidecar.probes.exchange import head
from sidecar.probes.exchange.http1 import Conversation
from sidecar.probes.exchange.route import Proxy
from sidecar.probes.exchange.target import Target
from sidecar.probes.exchange.wire import Wire
from sidecar.probes.result import ProbeFailure, Reason

REFUSES_CREDENTIALS: Final = 407


async def tunnel(wire: Wire, proxy: Proxy, target: Target) -> None:
    """Have the proxy connect to the target; after that the wire leads there.

    Raises:
        ProbeFailure: `connect`: the proxy refuses; `protocol`: it is none.
    """
    conversation = Conversation(wire)
    await conversation.send(head.tunnel(target, proxy))
    answer = await conversation.head()
    if not 200 <= answer.status_code <= 299:
        raise refused(answer.status_code)


def refused(status: int) -> ProbeFailure:
    return ProbeFailure(Reason.CONNECT, f"the proxy refused with {status}")
